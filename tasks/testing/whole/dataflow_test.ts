// SPDX-License-Identifier: MIT
/** Cells that require the compiler plugin of KCOV dataflow, beside those that do not. */
import assert from "node:assert/strict";
import type { FakeProject } from "../fake_project.ts";
import { startedLine } from "../fake_programs.ts";
import { MATRIX } from "../broken_worlds.ts";
import { BROKEN, type Case, cases, setTest, stagesOf } from "./fake_cases.ts";

const TRACED = ["--matrix", "traced.yaml"];
const SOURCE = "project/plugins/kcov-dataflow/kcov_dataflow.cpp";

/** Programs that the plugin takes, a matrix whose cells with KCOV require it, and a tree that notes it. */
async function addPlugin(project: FakeProject): Promise<() => Promise<void>> {
  const { dir } = project;
  const programs = {
    "g++": `case $1 in --version) echo "g++ (Debian) 12.2.0"; exit;; esac
${startedLine(dir, "gxx")}
prev=; for word; do [ "$prev" = -o ] && out=$word; prev=$word; done
cat "$prev" > "$out"
`,
    "llvm-config-22": `case $1 in
  --version) echo 22.1.8;;
  --includedir) echo ${dir}/llvm;;
  --cxxflags) echo -std=c++17;;
esac
`,
  };
  for (const [name, text] of Object.entries(programs)) {
    await project.write(`bin/${name}`, `#!/bin/sh\n${text}`);
    await Deno.chmod(`${dir}/bin/${name}`, 0o755);
  }
  await project.write("llvm/llvm/Passes/PassBuilder.h", "");
  await project.write(SOURCE, "plugin");
  const matrix = await Deno.readTextFile(`${project.root}/matrix.yaml`);
  const requires = matrix.replace("requires: [trace-pc]", "requires: [trace-pc, dataflow]");
  await project.write("project/traced.yaml", requires);
  await project.write("project/plain.yaml", matrix);
  const makefile = await Deno.readTextFile(`${dir}/tree/Makefile`);
  const told = "\t@echo '$(KCOV_DATAFLOW_PLUGIN)' > $(O)/plugin.txt\n\nscripts_gdb:";
  const compiling = "\t@set -e; mkdir -p $(@D); ";
  await project.write(
    "tree/Makefile",
    makefile.replace("\nscripts_gdb:", told)
      .replace(compiling, `${compiling}echo '$(KCOV_DATAFLOW_PLUGIN)' > $(O)/compiling.txt; `),
  );
  const restore = await project.replaceProgram(
    "clang-22",
    `case " $* " in *" -fpass-plugin="*" -S "*)
  echo __sanitizer_cov_trace_args __sanitizer_cov_trace_ret; exit;;
esac
exec ${dir}/bin/clang-22.real "$@"
`,
  );
  return async () => {
    await restore();
    await project.write("tree/Makefile", makefile);
    for (const name of Object.keys(programs)) await Deno.remove(`${dir}/bin/${name}`);
    for (const path of [`${dir}/llvm`, `${project.root}/plugins`, `${project.cache}/plugins`]) {
      await Deno.remove(path, { recursive: true }).catch(() => {});
    }
  };
}

/** The tree asks for dataflow by a flag that clang refuses, which leaves the words that it was given. */
async function askByFlags(project: FakeProject): Promise<void> {
  const { dir } = project;
  const makefile = await Deno.readTextFile(`${dir}/tree/Makefile`);
  await project.write(
    "tree/Makefile",
    makefile.replace("$(CC) -c", "$(CC) -fsanitize-coverage=trace-args -c"),
  );
  await project.write(
    "bin/clang-22",
    `#!/bin/sh
case " $* " in
  *" -fpass-plugin="*" -S "*) echo __sanitizer_cov_trace_args __sanitizer_cov_trace_ret; exit;;
  *=trace-args*) echo "clang-22: error: unsupported argument 'trace-args'" >&2; exit 1;;
  *" -c "*) prev=; for word; do [ "$prev" = -o ] && echo "$*" > "$word.words"; prev=$word; done;;
esac
exec ${dir}/bin/clang-22.real "$@"
`,
  );
}

const withPlugin = (name: string, body: (project: FakeProject) => Promise<void>): Case => [
  name,
  async (project) => {
    const remove = await addPlugin(project);
    try {
      await body(project);
    } finally {
      await remove();
    }
  },
];

const compiled = async ({ dir }: FakeProject) =>
  (await Deno.readTextFile(`${dir}/started/gxx`).catch(() => "")).split("\n").filter(Boolean)
    .length;

const plugins = async ({ cache }: FakeProject) =>
  (await Array.fromAsync(Deno.readDir(`${cache}/plugins`), ({ name }) => name).catch(() => []))
    .sort();

/** Build keys by cell. */
async function keys(project: FakeProject): Promise<Record<string, string>> {
  const { cells } = JSON.parse(await project.read("run.json"));
  return Object.fromEntries(
    cells.map(({ cell, facts }: { cell: string; facts: { config: { key: string } | null } }) => [
      cell,
      facts.config?.key ?? "",
    ]),
  );
}

/** Runs the repro.sh of a cell's folder with the project's programs alone, into a folder of that name. */
async function runScript(
  project: FakeProject,
  folder: string,
  work: string,
): Promise<{ readonly code: number; readonly out: string }> {
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: [`${folder}/repro.sh`, `${project.dir}/${work}`],
    env: { PATH: `${project.dir}/bin` },
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout) + text.decode(stderr) };
}

cases("the plugin of dataflow", "nothing built", [
  withPlugin("is compiled once, told to make, and a part of the build key", async (project) => {
    const plain = await project.run(...MATRIX);
    assert.equal(plain.code, 0, plain.out + plain.err);
    const before = await keys(project);
    assert.deepEqual([await compiled(project), await plugins(project)], [0, []]);

    const traced = await project.run(...MATRIX, ...TRACED);
    assert.equal(traced.code, 0, traced.out + traced.err);
    const after = await keys(project);
    assert.equal(await compiled(project), 1, "two cells, one build");
    const [digest] = await plugins(project);
    const told = async (key: string) => {
      const files = ["plugin.txt", "compiling.txt"].map((name) =>
        Deno.readTextFile(`${project.cache}/builds/${key}/${name}`)
      );
      const [configuring, compiling] = await Promise.all(files);
      assert.equal(configuring, compiling);
      return compiling!.trim();
    };
    const file = `${project.cache}/plugins/${digest}/kcov-dataflow.so`;
    assert.equal(await told(after["fake/kcov"]!), file);
    assert.equal(await told(after["fake/nokcov"]!), "");
    assert.equal(after["fake/nokcov"], before["fake/nokcov"]);
    assert.notEqual(after["fake/kcov"], before["fake/kcov"]);

    assert.equal((await project.run(...MATRIX, ...TRACED)).code, 0);
    assert.equal(await compiled(project), 1, "nothing has changed");
    await project.write(SOURCE, "another plugin");
    const status = await project.run("plan", "--status", "fake/kcov", ...TRACED);
    assert.match(status.out, new RegExp(`the dataflow plugin: ${digest} → [0-9a-f]{16}`));
    assert.equal(await compiled(project), 1, "plan makes nothing");
    assert.equal((await project.run("build", "fake/kcov", ...TRACED)).code, 0);
    assert.equal(await compiled(project), 2);
  }),

  withPlugin("leaves the other cells alone where it cannot be had", async (project) => {
    await Deno.remove(`${project.dir}/llvm`, { recursive: true });
    const { code, out, err } = await project.run(...MATRIX, ...TRACED, "--no-install");
    assert.equal(code, 6, out + err);
    const { cells } = JSON.parse(await project.read("run.json"));
    assert.deepEqual(
      cells.map(({ cell, verdict }: { cell: string; verdict: { failures?: { id: string }[] } }) => [
        cell,
        verdict.failures?.map(({ id }) => id),
      ]),
      [
        ["fake/nokcov", undefined],
        ["fake/kcov", ["no-llvm-headers"]],
        ["fake/kcov/smp4", ["no-llvm-headers"]],
      ],
    );
    assert.match(out + err, /there is no \S+\/llvm\/Passes\/PassBuilder\.h/);
    assert.match((await stagesOf(project, "fake/kcov"))[2]!, /^configure error/);
    const doctor = await project.run("doctor", ...TRACED);
    assert.match(doctor.out, /^MISSING +llvm-22 headers +there is no /m);
    assert.doesNotMatch((await project.run("doctor")).out, /g\+\+|llvm-22 headers/);
  }),

  withPlugin("is in what a failing cell leaves, with its one line", async (project) => {
    await setTest(project, "fake/kcov", BROKEN);
    const args = ["repro", "fake/kcov", ...TRACED, "--test", "kcov.*", "--bundle"];
    assert.equal((await project.run(...args)).code, 3);
    assert.equal(await project.read("fake/kcov/plugin/kcov_dataflow.cpp"), "plugin");
    const line =
      /^\tg\+\+ \$\(llvm-config-22 --cxxflags\) \S.* -o "\$plugin" "\$here\/plugin\/kcov_dataflow\.cpp"$/m;
    const script = await project.read("fake/kcov/repro.sh");
    assert.match(script, line);
    assert.match(script, /KCOV_DATAFLOW_PLUGIN=\$plugin"/);
    const bundle = `${await project.newestRun()}/fake/kcov/fake-kcov.tar.xz`;
    const { stdout } = await new Deno.Command("tar", { args: ["-tf", bundle] }).output();
    assert.match(new TextDecoder().decode(stdout), /^fake-kcov\/plugin\/kcov_dataflow\.cpp$/m);
  }),

  withPlugin("is compiled by repro.sh, from what lies beside it alone", async (project) => {
    await project.turnOn("compile-error");
    assert.equal((await project.run("build", "fake/kcov", ...TRACED)).code, 5);
    const folder = `${await project.newestRun()}/fake/kcov`;
    await project.write(SOURCE, "changed since");
    const run = (work: string) => runScript(project, folder, work);
    const same = await run("plainly");
    assert.equal(same.code, 1, same.out);
    assert.match(same.out, /FAILED: make failed/);
    const made = `${project.dir}/plainly/kcov-dataflow.so`;
    assert.equal(await Deno.readTextFile(made), "plugin");
    assert.equal(
      (await Deno.readTextFile(`${project.dir}/plainly/build/plugin.txt`)).trim(),
      made,
    );
    await Deno.writeTextFile(`${folder}/plugin/kcov_dataflow.cpp`, "by hand");
    const other = await run("other");
    assert.equal(other.code, 2, other.out);
    assert.match(other.out, /plugin\/kcov_dataflow\.cpp is not the recorded one/);
  }),

  withPlugin("is given to a kernel that asks for it by published flags", async (project) => {
    assert.equal((await project.run("build", "fake/kcov", ...TRACED)).code, 0);
    const plain = (await keys(project))["fake/kcov"]!;
    await askByFlags(project);
    const refused = await project.run("build", "fake/kcov", ...TRACED);
    assert.equal(refused.code, 5, refused.out + refused.err);
    const formed: string[] = [];
    for (const form of ["posted-pointer", "own"]) {
      const run = await project.run("build", "fake/kcov", ...TRACED, "--dataflow-form", form);
      assert.equal(run.code, 0, run.out + run.err);
      const key = (await keys(project))["fake/kcov"]!;
      assert.ok(![plain, ...formed].includes(key), "a build of its own");
      formed.push(key);
      const words = await Deno.readTextFile(`${project.cache}/builds/${key}/kernel/kcov.o.words`);
      // Another compiler has another plugin.
      const loaded = new RegExp(` -fpass-plugin=${project.cache}/plugins/(\\w+)/kcov-dataflow.so `);
      const digest = loaded.exec(words)?.[1];
      assert.ok(digest !== undefined && (await plugins(project)).includes(digest), words);
      assert.match(words, new RegExp(` -kcov-dataflow-form=${form} .* -kcov-dataflow-args `));
    }
    const again = await project.run("build", "fake/kcov", ...TRACED, "--dataflow-form", "own");
    assert.equal(again.code, 0, again.out);
    assert.equal((await keys(project))["fake/kcov"], formed[1]);
    const status = ["plan", "--status", "fake/kcov", ...TRACED, "--dataflow-form", "posted-pc"];
    assert.match(
      (await project.run(...status)).out,
      /the dataflow form: own-[0-9a-f]{8} → posted-pc-[0-9a-f]{8}/,
    );
    const dry = await project.run("build", "-n", "fake/kcov", ...TRACED, "--dataflow-form", "own");
    assert.match(dry.out, /^make .* CC=\S+\/plugins\/[0-9a-f]+\/own-[0-9a-f]{8}\/clang-22 /m);
  }),

  withPlugin("stands in repro.sh with the script of its form", async (project) => {
    await askByFlags(project);
    await project.turnOn("compile-error");
    const args = ["build", "fake/kcov", ...TRACED, "--dataflow-form", "posted-pointer"];
    assert.equal((await project.run(...args)).code, 5);
    const folder = `${await project.newestRun()}/fake/kcov`;
    const script = await Deno.readTextFile(`${folder}/repro.sh`);
    assert.match(script, /CC=\$compiler"/);
    const run = (work: string) => runScript(project, folder, work);
    const same = await run("formed");
    assert.equal(same.code, 1, same.out);
    assert.match(same.out, /FAILED: make failed/);
    const words = await Deno.readTextFile(`${project.dir}/formed/build/kernel/fork.o.words`);
    assert.ok(words.includes(`-fpass-plugin=${project.dir}/formed/kcov-dataflow.so `), words);
    assert.match(words, / -kcov-dataflow-form=posted-pointer /);
    await Deno.writeTextFile(`${folder}/plugin/compiler`, "by hand");
    const other = await run("by-hand");
    assert.equal(other.code, 2, other.out);
    assert.match(other.out, /plugin\/compiler is not the recorded one/);
  }),

  withPlugin("has the form that is asked for, or none at all", async (project) => {
    const form = (...words: readonly string[]) =>
      project.run("configure", "fake/kcov", ...words, "--dataflow-form", "own");
    const none = await form("--matrix", "plain.yaml");
    assert.equal(none.code, 2, none.out);
    assert.match(
      none.out + none.err,
      /--dataflow-form own is for cells that require "dataflow", and none of the chosen ones does/,
    );
    const unknown = await project.run("configure", "fake/kcov", ...TRACED, "--dataflow-form", "x");
    assert.equal(unknown.code, 2, unknown.out);
    assert.match(unknown.out + unknown.err, /'x' is invalid.*own, posted-pc, posted-pointer/);
    const before = (await project.run(...MATRIX, ...TRACED), await keys(project));
    const after =
      (await project.run(...MATRIX, ...TRACED, "--dataflow-form", "own"), await keys(project));
    assert.equal(after["fake/nokcov"], before["fake/nokcov"], "a cell without the plugin");
    assert.notEqual(after["fake/kcov"], before["fake/kcov"]);
  }),

  withPlugin("is pruned when it was not used, and made again", async (project) => {
    assert.equal((await project.run("build", "fake/kcov", ...TRACED)).code, 0);
    const [digest] = await plugins(project);
    assert.match((await project.run("cache", "prune")).out, /^0 builds/m);
    await Deno.mkdir(`${project.cache}/plugins/${digest}.partial`);
    const dry = await project.run("cache", "prune", "--dry-run");
    assert.match(dry.out, new RegExp(`^would remove plugins/${digest}\\.partial$`, "m"));
    assert.match(
      (await project.run("cache", "prune")).out,
      new RegExp(`^removed plugins/${digest}\\.partial\n0 builds`, "m"),
    );
    const seal = `${project.cache}/plugins/${digest}/kcov-dataflow.so.sha256`;
    await Deno.utime(seal, 1_700_000_000, 1_700_000_000);
    assert.match(
      (await project.run("cache", "prune")).out,
      new RegExp(`^removed plugins/${digest}$`, "m"),
    );
    assert.deepEqual(await plugins(project), []);
    assert.equal((await project.run("build", "fake/kcov", ...TRACED)).code, 0);
    assert.deepEqual([await plugins(project), await compiled(project)], [[digest], 2]);
  }),

  withPlugin("stands in a dry run, in front of what is configured with it", async (project) => {
    const { out } = await project.run("matrix", "--dry-run", ...TRACED);
    const lines = out.split("\n");
    const at = lines.findIndex((line) =>
      line.startsWith("sh -c 'g++ $(llvm-config-22 --cxxflags)")
    );
    assert.ok(at >= 0, out);
    assert.match(
      lines[at + 1]!,
      /^make .*KCOV_DATAFLOW_PLUGIN=\S+\/kcov-dataflow\.so .*tinyconfig$/,
    );
    assert.doesNotMatch((await project.run("matrix", "--dry-run")).out, /g\+\+|DATAFLOW/);
  }),
]);
