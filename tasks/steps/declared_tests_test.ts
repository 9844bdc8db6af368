// SPDX-License-Identifier: MIT
/** Broken selftests in a copy of the project: who needs them says where, everybody else goes on. */
import assert from "node:assert/strict";
import { rememberTests } from "./known_tests.ts";
import { pathsFor } from "../core/model/paths.ts";
import { copyProject, withTempDir } from "../testing/project_copy.ts";
import { FakeHost } from "../testing/fake_host.ts";
import { readSituations } from "../testing/recordings.ts";

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}
type Run = (...args: readonly string[]) => Promise<Ran>;

/** Runs commands of a copy in which these files of selftests/ are changed. */
async function withSelftests(
  files: readonly string[],
  change: (text: string) => string,
  body: (run: Run, cache: string) => Promise<void>,
): Promise<void> {
  await withTempDir(async (dir) => {
    const root = await copyProject(dir);
    for (const file of files) {
      const path = `${root}/selftests/${file}`;
      await Deno.writeTextFile(path, change(await Deno.readTextFile(path)));
    }
    const cache = `${dir}/cache`;
    const run: Run = async (...args) => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--allow-all", "--no-check", `${root}/tasks/main.ts`, ...args],
        cwd: root,
        // npm tells where it was called, which is not where this is.
        env: { KMATRIX_CACHE: cache, NO_COLOR: "1", INIT_CWD: "" },
      }).output();
      const text = new TextDecoder();
      return { code, out: text.decode(stdout), err: text.decode(stderr) };
    };
    await body(run, cache);
  });
}

const SYNTAX = "const = 1;\n";
const FOLDER = new URL("../../selftests/", import.meta.url);

/** Every module of these rooms of selftests/, tests left out; "" is its top. */
function modulesOf(...rooms: readonly string[]): string[] {
  return rooms.flatMap((room) =>
    [...Deno.readDirSync(new URL(room, FOLDER))].map(({ name }) => `${room}${name}`)
      .filter((name) => /\.ts$/.test(name) && !/(_test|\.d)\.ts$/.test(name))
  );
}

Deno.test("a selftest with a syntax error is a user's mistake, said with file and line", async () => {
  await withSelftests(["kcov/tests/kcov.ts"], (text) => SYNTAX + text, async (run) => {
    for (
      const args of [
        ["tests"],
        ["plan", "--test", "kcov.*"],
        ["boot", "linux-6.12/kcov"],
        ["repro", "linux-6.12/kcov"],
        ["cover", "linux-6.12/kcov", "--", "read", "-1"],
        ["series", "linux-6.12-unique/kcov"],
        ["bisect-config", "linux-6.12/kcov"],
      ]
    ) {
      const { code, err } = await run(...args);
      assert.equal(code, 2, args.join(" ") + err);
      assert.match(
        err,
        /selftests do not load: selftests\/kcov\/tests\/kcov\.ts:1:7: /,
        args.join(" "),
      );
      assert.doesNotMatch(err, /bug in kmatrix|\n +at /, args.join(" "));
    }
  });
});

Deno.test("commands that need no selftest go on where nothing but the contract loads", async () => {
  const all = modulesOf("", "crash/", "harness/", "kcov/", "kcov/tests/", "session/");
  assert.ok(all.length > 35 && all.includes("main.ts") && all.includes("kcov/kcov.ts"), `${all}`);
  await withSelftests(all, (text) => SYNTAX + text, async (run, cache) => {
    await Deno.mkdir(cache);
    const log = `${cache}/log`;
    await Deno.writeTextFile(log, "[    1.000000] Linux version 6.12.0\n");
    const cases: readonly [readonly string[], number, RegExp][] = [
      [["--help"], 0, /Exit codes: /],
      [["matrix", "--help"], 0, /Usage: kmatrix matrix/],
      [["cache"], 0, /in all, /],
      [["plan", "linux-6.12/kcov"], 0, /^1 cell, 1 build$/m],
      [["matrix", "linux-6.12/kcov", "--list"], 0, /^linux-6\.12\/kcov$/m],
      [["matrix", "linux-6.12/kcov", "--dry-run"], 0, /tinyconfig/],
      [["completion", "bash"], 0, /complete -o default/],
      [["complete", "--", "repro", "linux-6.12/kc"], 0, /^linux-6\.12\/kcov$/m],
      [["complete", "--", "repro", "x", "--test", "k"], 0, /^$/],
      [["parse", "--console", log], 0, /no complaint/],
    ];
    for (const [args, wanted, output] of cases) {
      const { code, out, err } = await run(...args);
      assert.equal(code, wanted, args.join(" ") + out + err);
      assert.match(out, output, args.join(" "));
    }
    // Whatever this machine lacks, it is not the selftests.
    const doctor = await run("doctor");
    assert.match(doctor.out, /^(ok|MISSING) +make /m);
    assert.doesNotMatch(doctor.err, /selftests/);
  });
});

Deno.test("a mistake in what the guest tests share is named by its place", async () => {
  for (const file of ["harness/fixtures.ts", "harness/guest.ts", "kcov/kcov.ts", "main.ts"]) {
    await withSelftests([file], (text) => SYNTAX + text, async (run) => {
      const { code, err } = await run("tests");
      assert.equal(code, 2, err);
      assert.match(err, new RegExp(`selftests do not load: selftests/${file}:1:7: `));
    });
  }
});

Deno.test("recordings are judged by the tests that were packed last where none load", async () => {
  await withSelftests(["kcov/tests/kcov.ts"], (text) => SYNTAX + text, async (run, cache) => {
    const green = `${import.meta.dirname}/../testing/recordings/green`;
    const unknown = await run("parse", green);
    assert.equal(unknown.code, 2, unknown.err);
    assert.match(unknown.err, /selftests\/kcov\/tests\/kcov\.ts:1:7/);
    const { recording } = (await readSituations()).find(({ name }) => name === "green")!;
    await rememberTests(recording.declared, pathsFor("/", cache, null), new FakeHost());
    const known = await run("parse", green);
    assert.equal(known.code, 0, known.err);
    assert.match(known.err, /kcov\.ts:1:7: .*; judging by the tests that were packed last/);
  });
});

Deno.test("other mistakes in a selftest are named by their place too", async () => {
  const line = (text: string) => text.split("\n").length;
  const cases: readonly [string, (text: string) => string, (text: string) => RegExp][] = [
    [
      "kcov/tests/kcov_pcs.ts",
      (text) => `${text}\nkcovPcs.test("twin", () => {});\nkcovPcs.test("twin", () => {});\n`,
      (text) =>
        new RegExp(`kcov_pcs\\.ts:${line(text) + 2}:\\d+: test "kcov_pcs\\.twin" is declared`),
    ],
    [
      "kcov/tests/mod.ts",
      (text) => text.replace("fixtures = [", "fixtures = [kcov, "),
      () => /kcov\.ts:46:21: test id "kcov\.\S+" is declared twice/,
    ],
    [
      "kcov/tests/mod.ts",
      (text) => `import { nothing } from "./kcov.ts";\n${text}\nnothing();\n`,
      () => /selftests\/kcov\/tests\/mod\.ts:1:10: .*nothing/,
    ],
    [
      "kcov/tests/mod.ts",
      (text) => `import "./gone.ts";\n${text}`,
      () => /selftests\/kcov\/tests\/mod\.ts:1:8: Module not found/,
    ],
    [
      "kcov/tests/kcov.ts",
      (text) => `${text}\nthrow new Error("half done");\n`,
      (text) => new RegExp(`kcov/tests/kcov\\.ts:${line(text) + 1}:7: half done`),
    ],
    ["kcov/tests/kcov.ts", (text) => `${text}\nthrow "a word";\n`, () => /do not load: a word/],
  ];
  for (const [file, change, message] of cases) {
    const text = await Deno.readTextFile(`${import.meta.dirname}/../../selftests/${file}`);
    await withSelftests([file], change, async (run) => {
      const { code, err } = await run("tests");
      assert.equal(code, 2, err);
      assert.match(err, message(text));
    });
  }
});
