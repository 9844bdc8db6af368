// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { CommanderError } from "commander";
import { type Invocation, makeProgram } from "./cli.ts";
import { EXIT } from "./exit_codes.ts";
import { STAGES } from "./model.ts";

/** What a command line asks for, or the error that it gets. */
async function invoke(...args: readonly string[]): Promise<Invocation | CommanderError> {
  let invocation: Invocation | undefined;
  const program = makeProgram((asked) => {
    invocation = asked;
    return Promise.resolve();
  });
  for (const command of [program, ...program.commands]) {
    command.configureOutput({ writeErr: () => {}, writeOut: () => {} });
  }
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    assert.ok(error instanceof CommanderError, String(error));
    return error;
  }
  assert.ok(invocation);
  return invocation;
}

async function asked(...args: readonly string[]): Promise<Invocation> {
  const invocation = await invoke(...args);
  assert.ok(!(invocation instanceof CommanderError), `${invocation}`);
  return invocation;
}

Deno.test("makeProgram() runs the whole matrix up to parse, with the defaults", async () => {
  const invocation = await asked("matrix");
  assert.ok(invocation.kind === "run");
  assert.equal(invocation.until, "parse");
  assert.deepEqual(invocation.globs, []);
  const { options } = invocation;
  assert.equal(options.matrix, "matrix.yaml");
  assert.equal(options.accel, "auto");
  assert.equal(options.install, true);
  assert.equal(options.kvm, true);
  assert.deepEqual([options.failFast, options.dryRun, options.list, options.verbose], [
    ...[false, false, false, false],
  ]);
});

Deno.test("makeProgram() has a command for each stage, which takes cells", async () => {
  for (const stage of STAGES.filter((stage) => stage !== "parse")) {
    const invocation = await asked(stage, "a/b", "c/*");
    assert.ok(invocation.kind === "run");
    assert.equal(invocation.until, stage);
    assert.deepEqual(invocation.globs, ["a/b", "c/*"]);
  }
});

Deno.test("makeProgram() reads every option", async () => {
  const invocation = await asked(
    ...["matrix", "a/*", "-j", "3", "-t", "90", "-o", "dir", "--accel", "kvm", "--no-kvm", "-n"],
    ...["--kconfig-add", "CONFIG_A=y", "--kconfig-add", "CONFIG_B=n", "--filter", "kcov.*"],
    ...["--shard", "2/3", "--fail-fast", "--no-install", "--junit", "j", "--json", "r", "-q"],
  );
  const { options } = invocation;
  assert.equal(options.jobs, 3);
  assert.equal(options.timeout, 90);
  assert.equal(options.outputDir, "dir");
  assert.deepEqual([options.accel, options.kvm], ["kvm", false]);
  assert.deepEqual(options.kconfigAdd, ["CONFIG_A=y", "CONFIG_B=n"]);
  assert.deepEqual(options.filter, ["kcov.*"]);
  assert.deepEqual(options.shard, { part: 2, of: 3 });
  assert.deepEqual([options.failFast, options.install, options.dryRun, options.quiet], [
    ...[true, false, true, true],
  ]);
  assert.deepEqual([options.junit, options.json], ["j", "r"]);
});

Deno.test("makeProgram() hands folders to parse and report", async () => {
  const parse = await asked("parse", "out/a", "out/b");
  assert.ok(parse.kind === "parse");
  assert.deepEqual(parse.dirs, ["out/a", "out/b"]);
  const report = await asked("report");
  assert.ok(report.kind === "report");
  assert.equal(report.dir, undefined);
});

Deno.test("makeProgram() hands repro its cell and what it changes of the boot", async () => {
  const repro = await asked(
    ...["repro", "a/b", "--test", "x.*", "--smp", "2", "--memory", "64", "--cmdline", "a b"],
    ...["--qemu-arg=-d", "--qemu-arg", "int"],
  );
  assert.ok(repro.kind === "repro");
  assert.equal(repro.cell, "a/b");
  const { test, smp, memory, cmdline, qemuArg } = repro.options;
  assert.deepEqual([test, smp, memory, cmdline, qemuArg], [
    ...[["x.*"], 2, 64, "a b", ["-d", "int"]],
  ]);
});

Deno.test("makeProgram() refuses what it does not understand, and says what it wants", async () => {
  const cases: readonly [readonly string[], RegExp][] = [
    [["matrix", "--jobs", "0"], /a whole number above 0 is wanted/],
    [["matrix", "--timeout", "1.5"], /a whole number above 0 is wanted/],
    [["matrix", "--shard", "3/2"], /m\/n is wanted, with 1 <= m <= n/],
    [["matrix", "--shard", "0/2"], /m\/n is wanted/],
    [["matrix", "--accel", "warp"], /Allowed choices are auto, kvm, tcg/],
    [["matrix", "--no-such-option"], /unknown option '--no-such-option'/],
    [["matrix", "--fail-fsat"], /Did you mean --fail-fast\?/],
    [["matrlx"], /unknown command 'matrlx'.*Did you mean matrix\?/s],
    [["build"], /missing required argument 'cells'/],
    [["parse"], /parse needs folders of recorded boots, or --console FILE/],
    [["parse", "a", "--console", "b"], /folders or --console, not both/],
    [["parse", "a", "--vmlinux", "b"], /--vmlinux belongs to --console/],
    [["repro"], /missing required argument 'cell'/],
    [["repro", "a/b", "c/d"], /repro takes one cell; a command for its guest goes behind --/],
    [["completion", "tcsh"], /completion is for bash, zsh, fish; not "tcsh"/],
    [["repro", "a/b", "--smp", "0"], /a whole number above 0 is wanted/],
  ];
  for (const [args, message] of cases) {
    const error = await invoke(...args);
    assert.ok(error instanceof CommanderError, args.join(" "));
    assert.match(error.message, message);
    assert.notEqual(error.exitCode, 0);
  }
});

Deno.test("makeProgram() has a help page for each command, with an example", async () => {
  const program = makeProgram(() => Promise.resolve());
  let page = "";
  program.configureOutput({ writeOut: (text) => page += text });
  program.outputHelp();
  assert.match(page, /Builds Linux kernels across a config matrix/);
  for (const code of Object.values(EXIT)) assert.match(page, new RegExp(`\\b${code}\\b`));
  for (const command of program.commands) {
    let page = "";
    command.configureOutput({ writeOut: (text) => page += text });
    command.outputHelp();
    assert.match(page, new RegExp(`Usage: kmatrix ${command.name()}`));
    assert.notEqual(command.description(), "");
    // It is a command line of that very command, and one that is understood.
    const example = /^Example: deno task (.+)$/m.exec(page)?.[1]?.replace(/ >> .*/, "");
    assert.ok(example, command.name());
    const words = example.match(/'[^']*'|\S+/g)!.map((word) => word.replace(/^'(.*)'$/, "$1"));
    assert.equal(words[0], command.name());
    await asked(...words);
  }
});

Deno.test("the programs beside the tool have a help page with an example too", async () => {
  const { tasks } = JSON.parse(
    await Deno.readTextFile(new URL("../deno.json", import.meta.url)),
  ) as { tasks: Record<string, { command: string }> };
  let seen = 0;
  for (const [name, { command }] of Object.entries(tasks)) {
    const file = /--allow-all (tasks\/\S+\.ts)$/.exec(command)?.[1];
    if (file === undefined || /^tasks\/main|run_tests/.test(file)) continue;
    const text = await Deno.readTextFile(new URL(`../${file}`, import.meta.url));
    assert.match(text, new RegExp(`Example: deno task ${name} `), file);
    seen++;
  }
  assert.equal(seen, 3);
});

Deno.test("the tasks that run the tests have a help page, and start nothing for it", async () => {
  const runner = `${import.meta.dirname}/testing/run_tests.ts`;
  for (const [name, words] of [["ok", ["--fast"]], ["test", []]] as const) {
    for (const [more, code] of [["--help", 0], ["-h", 0], ["--fsat", 2], ["kcov", 2]] as const) {
      const args = ["run", "--allow-all", "--no-check", runner, ...words, more];
      const ran = await new Deno.Command(Deno.execPath(), { args }).output();
      const out = new TextDecoder().decode(ran.stdout);
      assert.equal(ran.code, code, `${name} ${more}`);
      assert.doesNotMatch(out, /^format: |^\d+ passed, /m);
      if (code === 0) {
        assert.match(out, new RegExp(`^Usage: ${name} .*Example: deno task ${name}$`, "ms"));
      }
    }
  }
});

Deno.test("complete offers every task, commands of the tool or not", async () => {
  const main = `${import.meta.dirname}/main.ts`;
  const complete = async (word: string) => {
    const args = ["run", "--allow-all", "--no-check", main, "complete", "--", word];
    const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
    return new TextDecoder().decode(stdout).trim().split("\n");
  };
  assert.deepEqual(await complete("test"), [
    "tests",
    "test",
    "test:bisect",
    "test:hostile",
    "test:crash",
  ]);
  assert.deepEqual(await complete("comp"), ["completion"]);
});

Deno.test("deno.json has a task for every command", async () => {
  const text = await Deno.readTextFile(new URL("../deno.json", import.meta.url));
  const { tasks } = JSON.parse(text);
  for (const command of makeProgram(() => Promise.resolve()).commands) {
    assert.match(tasks[command.name()]?.command ?? "", new RegExp(`main\\.ts ${command.name()}$`));
  }
});
