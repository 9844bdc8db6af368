// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { $ } from "dax";
import { MATRIX } from "../broken_worlds.ts";
import type { FakeProject } from "../fake_project.ts";
import { readLog } from "../workflow_commands.ts";
import { cases, setTest } from "./fake_cases.ts";

/** The variables that GitHub gives to a step, with its files in a folder of the project. */
async function inGithub<T>(project: FakeProject, body: () => Promise<T>): Promise<T> {
  const { dir } = project;
  for (const name of ["summary", "output", "event"]) await project.write(`github/${name}`, "");
  project.environment = {
    ...{ CI: "true", GITHUB_ACTIONS: "true", GITHUB_WORKSPACE: `${dir}/tree` },
    ...{ GITHUB_STEP_SUMMARY: `${dir}/github/summary`, GITHUB_OUTPUT: `${dir}/github/output` },
    ...{ GITHUB_EVENT_PATH: `${dir}/github/event` },
  };
  try {
    return await body();
  } finally {
    project.environment = {};
  }
}

const summary = (project: FakeProject) => Deno.readTextFile(`${project.dir}/github/summary`);

/** A warning of the kernel during a test, and lines that a CI service would obey. */
async function warnAt(project: FakeProject, ...lines: readonly string[]): Promise<void> {
  const recording = await setTest(project, "fake/kcov", { do: "pass" }, {
    console: ["WARNING: CPU: 0 PID: 7 at kernel/kcov.c:1 kcov_ioctl+0x1/0x9", ...lines],
  });
  await project.setBoot("fake/kcov", { recording, end: 33 });
}

const EVIL = [
  "::error::x",
  "  ::stop-commands::token",
  "%0A::set-output name=a::b",
  "##[error]x",
  "\u200b::add-mask::fake",
  "BUG: $(touch pwned) ##[error]z %0A::set-output name=a::b in f+0x1/0x2",
  "::error file=a,line=1::WARNING: CPU: 0 PID: 7 at ::error::x:1 g+0x1/0x2",
];

cases("in GitHub Actions", "nothing built", [
  ["a run marks the lines, folds its progress, and fills the page of the job", async (project) => {
    await project.turnOn("compile-error");
    await warnAt(project);
    const broken = await inGithub(project, () => project.run(...MATRIX));
    assert.equal(broken.code, 5, broken.out);
    const errors = readLog(broken.out).commands.filter(({ name }) => name === "error");
    const [first] = errors;
    assert.deepEqual(first!.properties, {
      ...{ file: "kernel/kcov.c", line: "3", col: "9", title: "compile-error" },
    });
    assert.match(first!.text, /use of undeclared identifier 'area'\nin 3 cells: .*\nrepeat with: /);
    assert.match(await summary(project), /^\| FAIL \| fake\/kcov \|/m);

    await project.turnOff("compile-error");
    const { code, out, err } = await inGithub(project, () => project.run(...MATRIX));
    assert.equal(code, 3, out + err);
    const { commands } = readLog(out);
    assert.deepEqual(commands.map(({ name }) => name), ["group", "endgroup", "error"]);
    assert.deepEqual(commands[2]!.properties, {
      ...{ file: "kernel/kcov.c", line: "1", title: "splat-warning" },
    });
    assert.match(commands[2]!.text, /^WARNING: at kernel\/kcov\.c:1 kcov_ioctl\nin fake\/kcov\n/);
    // Results stand behind the folded part.
    assert.ok(out.indexOf("::endgroup::") < out.indexOf("3 cells:"));
    const page = await summary(project);
    assert.match(page, /^3 cells: 1 passed, 1 skipped as declared, 1 failed/m);
    assert.match(
      page,
      /^```text\nnpx --yes deno task repro fake\/kcov --test kcov\.mode_trace_pc\.\S+ --accel tcg --sandbox off\n```$/m,
    );
    const output = await Deno.readTextFile(`${project.dir}/github/output`);
    const [, end] = /^run<<(\S+)\n/.exec(output)!;
    assert.equal(
      output,
      `run<<${end}\n${await project.newestRun()}\n${end}\nred<<${end}\n1\n${end}\n`,
    );
  }],

  ["compiler warnings are marked in the file, those of the pull request first", async (project) => {
    const git = (words: readonly string[]) =>
      $`git -c user.name=a -c user.email=a@b ${words}`.cwd(`${project.dir}/tree`).quiet();
    const before = await Deno.readTextFile(`${project.dir}/tree/kernel/fork.c`);
    await git(["init", "--quiet"]);
    await git(["add", "."]);
    await git(["commit", "--quiet", "-m", "base"]);
    const base = (await git(["rev-parse", "HEAD"]).text()).trim();
    try {
      await project.turnOn("new-warning");
      await project.write("tree/kernel/fork.c", `${before}\nint more;\n`);
      await git(["commit", "--quiet", "-am", "change"]);
      const { code, out } = await inGithub(project, async () => {
        const event = { pull_request: { base: { sha: base }, head: { ref: "$(touch pwned)" } } };
        await project.write("github/event", JSON.stringify(event));
        return await project.run(...MATRIX);
      });
      assert.equal(code, 5, out);
      const [warning] = readLog(out).commands.filter(({ name }) => name === "warning");
      assert.deepEqual(warning!.properties, {
        ...{ file: "kernel/fork.c", line: "7", col: "1", title: "compiler warning" },
      });
      assert.match(warning!.text, /^unused variable 'x' \[-Wunused-variable\]\nin 3 cells: /);
    } finally {
      await Deno.remove(`${project.dir}/tree/.git`, { recursive: true });
      await project.write("tree/kernel/fork.c", before);
    }
  }],

  ["what is new beside a base run is said, first and as new", async (project) => {
    await inGithub(project, async () => {
      assert.equal((await project.run(...MATRIX)).code, 0);
      await warnAt(project);
      const { code, out } = await project.run(...MATRIX, "--base", "latest");
      assert.equal(code, 3, out);
      const [error] = readLog(out).commands.filter(({ name }) => name === "error");
      assert.equal(error!.properties.title, "new: splat-warning");
      assert.match(out, /^New failures: \d/m);
      assert.match(await summary(project), /^### Beside the base run$/m);
      const same = await project.run(...MATRIX, "--base", "latest~1");
      assert.match(same.out, /^No difference in 3 cells; \d+ still failing$|^New failures/m);
      const none = await project.run(...MATRIX, "--base", "no-such-run");
      assert.equal(none.code, 4, none.out);
      assert.match(none.err, /no-such-run: there is no such folder or file/);
    });
  }],

  ["a part of a run leaves it to the merge", async (project) => {
    await warnAt(project);
    const { out } = await inGithub(project, () => project.run(...MATRIX, "--shard", "1/1"));
    assert.deepEqual(readLog(out).commands.map(({ name }) => name), ["group", "endgroup"]);
    assert.equal(await summary(project), "");
  }],

  ["a page that cannot be written is said, and changes no verdict", async (project) => {
    const { code, err } = await inGithub(project, async () => {
      await Deno.remove(`${project.dir}/github/summary`);
      await Deno.mkdir(`${project.dir}/github/summary`);
      return await project.run(...MATRIX);
    });
    await Deno.remove(`${project.dir}/github/summary`);
    assert.equal(code, 0, err);
    assert.match(err, /! GITHUB_STEP_SUMMARY: .*summary cannot be written/);
  }],

  ["nothing that a kernel prints is a command, on any stream, by any command", async (project) => {
    await warnAt(project, ...EVIL);
    for (const environment of ["in GitHub", "elsewhere"] as const) {
      const call = (...args: readonly string[]) =>
        environment === "in GitHub"
          ? inGithub(project, () => project.run(...args))
          : project.run(...args);
      const run = await call(...MATRIX, "--verbose");
      assert.equal(run.code, 3, run.out);
      const folder = await project.newestRun();
      const others = [
        await call("parse", `${folder}/fake/kcov`),
        await call("parse", "--console", `${folder}/fake/kcov/console.log`),
        await call("report", folder),
        await call("compare", folder, folder),
        await call("matrix", "::error::x\n::error::y"),
        await call("::error::x\n##[error]y"),
        await call("matrix", "--::error::x", "a\n::error::b"),
        await call("matrix", "--tree", "::error::x\n::error::$(touch pwned)"),
      ];
      for (const { out, err } of [run, ...others]) {
        for (const log of [out, err]) {
          const { commands, old } = readLog(log);
          assert.deepEqual(old, []);
          const own = ["group", "endgroup", "error"];
          assert.deepEqual(commands.filter(({ name }) => !own.includes(name)), []);
          if (environment === "elsewhere") assert.deepEqual(commands, []);
          // The one error is of the run; its file is no text of the kernel's.
          for (const { name, properties } of commands) {
            if (name === "error") assert.ok(!("name" in properties) && properties.title);
          }
        }
      }
      const events = await call(...MATRIX, "--events", "-");
      assert.deepEqual(readLog(events.out), { commands: [], old: [] });
      for (const line of events.out.trim().split("\n")) JSON.parse(line);
    }
    assert.deepEqual(
      (await Array.fromAsync(Deno.readDir(project.root))).filter(({ name }) => name === "pwned"),
      [],
    );
  }],
]);

cases("in GitLab", "built", [
  ["a run folds its progress", async (project) => {
    project.environment = { GITLAB_CI: "true" };
    const { code, out } = await project.run(...MATRIX).finally(() => project.environment = {});
    assert.equal(code, 0);
    assert.match(
      out,
      // deno-lint-ignore no-control-regex
      /^\x1b\[0Ksection_start:\d+:kmatrix_progress\[collapsed=true\]\r\x1b\[0Kprogress\n\x1b\[0Ksection_end:\d+:kmatrix_progress\r\x1b\[0K\n/,
    );
  }],
]);
