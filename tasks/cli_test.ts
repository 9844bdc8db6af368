// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { CommanderError, Option } from "commander";
import { makeProgram, whoHasOption } from "./cli.ts";
import { DENO_TASK } from "./cli/called_as.ts";
import { type Command, factsOf, flagsOf } from "./commands/command.ts";
import { COMMANDS } from "./commands/mod.ts";
import { HEADINGS } from "./cli/options.ts";
import { EXIT } from "./core/model/exit_codes.ts";
import { STAGES } from "./core/model/model.ts";

interface Asked {
  readonly command: string;
  readonly words: readonly string[];
  /** What was given, by the name of its option. */
  readonly given: Readonly<Record<string, unknown>>;
}

/** What a command line asks for, or the error that it gets. */
async function invoke(...args: readonly string[]): Promise<Asked | CommanderError> {
  let asked: Asked | undefined;
  const watched = COMMANDS.map((command): Command => ({
    ...command,
    invoke(words, given) {
      asked = { command: command.name, words, given };
      return command.invoke(words, given);
    },
  }));
  const program = makeProgram(() => Promise.resolve(), DENO_TASK, watched);
  for (const command of [program, ...program.commands]) {
    command.configureOutput({ writeErr: () => {}, writeOut: () => {} });
  }
  try {
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    assert.ok(error instanceof CommanderError, String(error));
    return error;
  }
  assert.ok(asked);
  return asked;
}

async function asked(...args: readonly string[]): Promise<Asked> {
  const found = await invoke(...args);
  assert.ok(!(found instanceof CommanderError), `${args.join(" ")}: ${found}`);
  return found;
}

/** A whole run of the tool on this project. */
async function ran(...words: readonly string[]) {
  const args = ["run", "--allow-all", "--no-check", `${import.meta.dirname}/main.ts`, ...words];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

Deno.test("each command gets its words", async () => {
  const cases: readonly (readonly [readonly string[], readonly string[]])[] = [
    [["matrix"], []],
    ...STAGES.filter((stage) => stage !== "parse").map((stage) =>
      [[stage, "a/b", "c/*"], ["a/b", "c/*"]] as const
    ),
    [["parse", "out/a", "out/b"], ["out/a", "out/b"]],
    [["report"], []],
    [["report", "out/a"], ["out/a"]],
    [["repro", "a/b", "--smp", "2", "--", "ls", "-l"], ["a/b", "ls", "-l"]],
    [["cover", "a/b", "--", "read", "-1", "0"], ["a/b", "read", "-1", "0"]],
    [["cover", "a/b", "getpid"], ["a/b", "getpid"]],
    [["quality", "a/b", "--repeat", "5", "--", "read", "-1", "0"], ["a/b", "read", "-1", "0"]],
    [["quality", "a/b", "--programs"], ["a/b"]],
    [["complete", "--", "repro", "--li"], ["repro", "--li"]],
  ];
  for (const [args, words] of cases) {
    const found = await asked(...args);
    assert.equal(found.command, args[0]);
    assert.deepEqual(found.words, words);
  }
});

Deno.test("makeProgram() reads every option of matrix", async () => {
  const args = [
    ...["matrix", "a/*", "-j", "3", "-t", "90", "-o", "dir", "--accel", "kvm", "--no-kvm", "-n"],
    ...["--kconfig-add", "CONFIG_A=y", "--kconfig-add", "CONFIG_B=n", "--test", "kcov.*"],
    ...["--shard", "2/3", "--plan", "p", "--fail-fast", "--no-install", "--junit", "j"],
    ...["--json", "r", "-q"],
    ...["--matrix", "m", "--tree", "t", "--series", "s", "--kernel", "k", "--range", "a..b"],
    ...["--fuzz", "--partial", "--sandbox", "off", "--retries", "2", "--repeat", "4", "--list"],
    ...["--allow-flaky", "--bundle", "-v", "--events", "e", "--require-all", "--config", "c"],
    ...["--progress", "plain", "--base", "b", "--on", "slurm", "--shards", "auto"],
    ...["--slurm-arg", "-p long", "--slurm-arg=--exclusive", "--fresh-build"],
    ...["--late-instrumentation", "off", "--dataflow-form", "posted-pc"],
  ];
  const { given } = await asked(...args);
  assert.deepEqual({ ...given }, {
    ...{ jobs: 3, timeout: 90, outputDir: "dir", accel: "kvm", kvm: false, dryRun: true },
    ...{ progress: "plain", base: "b", on: "slurm", shards: "auto" },
    slurmArg: ["-p long", "--exclusive"],
    ...{ kconfigAdd: ["CONFIG_A=y", "CONFIG_B=n"], test: ["kcov.*"], shard: { part: 2, of: 3 } },
    plan: "p",
    ...{ failFast: true, install: false, junit: "j", json: "r", quiet: true, matrix: "m" },
    ...{ tree: "t", series: "s", kernel: "k", range: "a..b", fuzz: true, partial: true },
    ...{ sandbox: "off", retries: 2, repeat: 4, list: true, allowFlaky: true, bundle: true },
    ...{ verbose: true, events: "e", requireAll: true, config: "c", freshBuild: true },
    ...{ lateInstrumentation: "off", dataflowForm: "posted-pc" },
  });
  const { options } = COMMANDS.find(({ name }) => name === "matrix")!;
  assert.deepEqual(Object.keys(given).sort(), Object.keys(options).sort());
});

Deno.test("makeProgram() hands repro what it changes of the boot", async () => {
  const { given } = await asked(
    ...["repro", "a/b", "--test", "x.*", "--smp", "2", "--memory", "64", "--cmdline", "a b"],
    ...["--qemu-arg=-d", "--qemu-arg", "int"],
  );
  const { test, smp, memory, cmdline, qemuArg } = given;
  assert.deepEqual([test, smp, memory, cmdline, qemuArg], [["x.*"], 2, 64, "a b", ["-d", "int"]]);
  assert.equal((await asked("repro", "a/b", "--gdb")).given.gdb, true);
  assert.equal((await asked("repro", "a/b", "--gdb", "99")).given.gdb, 99);
});

Deno.test("an option is named as commander names it, and means one thing in one group", () => {
  const seen = new Map<string, unknown>();
  for (const { name: command, options } of COMMANDS) {
    for (const [name, { flags, heading, initial }] of Object.entries(options)) {
      assert.equal(new Option(flags).attributeName(), name, command);
      if (!HEADINGS.includes(heading)) continue;
      const before = seen.get(name) ?? initial;
      assert.deepEqual(initial, before, `${command} ${name}`);
      seen.set(name, initial);
    }
  }
  assert.ok(seen.size > 20);
});

Deno.test("a command has no option that it does not honour", async () => {
  const cells = ["--matrix", "--shard", "--list", "--tree", "--kernel"];
  const builds = ["--jobs", "--sandbox", "--no-install", "--kconfig-add"];
  const boots = ["--accel", "--no-kvm", "--timeout"];
  const again = ["--retries", "--repeat", "--allow-flaky", "--bundle"];
  const none: Readonly<Record<string, readonly string[]>> = {
    completion: [...cells, ...builds, ...boots, ...again, "--output-dir", "--verbose"],
    complete: ["--list", ...builds, ...boots, ...again, "--output-dir", "--verbose"],
    tests: [...cells.slice(1), ...builds, ...boots, ...again, "--output-dir", "--test"],
    cache: [...cells, ...builds, ...boots, ...again, "--output-dir", "--junit"],
    report: [...cells, ...builds, ...boots, ...again, "--dry-run"],
    parse: ["--shard", "--list", "--tree", ...builds, ...boots, ...again, "--output-dir"],
    plan: ["--list", "--dry-run", "--jobs", ...boots, ...again, "--output-dir", "--junit"],
    doctor: ["--list", "--dry-run", "--jobs", "--kconfig-add", ...boots, ...again, "--test"],
    replay: [...cells, ...builds, ...again, "--dry-run", "--junit", "--test"],
    fetch: ["--kconfig-add", "--jobs", ...boots, ...again, "--test"],
    patch: ["--kconfig-add", "--jobs", ...boots, ...again, "--test"],
    build: [...boots, ...again, "--test"],
    boot: again,
    repro: ["--shard", "--fail-fast"],
    cover: ["--shard", "--list", ...again, "--dry-run", "--junit"],
    quality: ["--shard", "--list", "--retries", "--dry-run", "--junit", "--test", "--mode"],
    series: ["--shard", "--list", ...again, "--dry-run", "--junit", "--json"],
    bisect: ["--series", "--range", "--kernel", "--shard", "--list", ...again, "--json"],
    "bisect-config": ["--shard", "--list", ...again, "--dry-run", "--junit", "--json"],
  };
  for (const [name, flags] of Object.entries(none)) {
    const { options } = COMMANDS.find((command) => command.name === name)!;
    const known = Object.values(options).flatMap(flagsOf);
    assert.deepEqual(flags.filter((one) => known.includes(one)), [], name);
    const error = await invoke(name, flags[0]!);
    assert.ok(error instanceof CommanderError, name);
    // Commander looks for missing ones first.
    const wanted = name === "bisect" ? "missingMandatoryOptionValue" : "unknownOption";
    assert.equal(error.code, `commander.${wanted}`, name);
  }
});

Deno.test("an option of other commands is refused with their names, before anything is done", async () => {
  const { code, err } = await ran("cache", "prune", "--older-than", "99", "--sandbox", "off");
  assert.equal(code, EXIT.usage);
  assert.match(err, /^kmatrix: error: unknown option '--sandbox'$/m);
  assert.match(
    err,
    /^kmatrix: cache does not take --sandbox; it is an option of matrix, repro, /m,
  );
  assert.match(
    whoHasOption(["plan", "-t", "9"])!,
    /^plan does not take -t; .* matrix, repro, replay/,
  );
  assert.match(whoHasOption(["fetch", "a/b", "--junit=x", "--repeat=3"])!, /fetch .* --repeat; /);
  assert.match(whoHasOption(["fetch", "a/b", "-j4"])!, /^fetch does not take -j; .* configure, /);
  assert.match(whoHasOption(["--tree", "x", "matrix"])!, /^options come after the command; --tree/);
  assert.equal(whoHasOption(["matrix", "--no-such-option"]), null);
  assert.equal(whoHasOption(["tests", "--", "--tree"]), null);
  const suggests = async (...args: readonly string[]) =>
    /Did you mean/.test((await invoke(...args) as CommanderError).message);
  assert.deepEqual([await suggests("plan", "--retries", "2"), await suggests("plan", "--seris")], [
    ...[false, true],
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
    [["repro"], /missing required argument 'cell'/],
    [["repro", "a/b", "c/d"], /repro takes one cell; a command for its guest comes after --/],
    [
      ["bisect", "a/b", "--good", "x"],
      /required option '--bad <commit>' not specified/,
    ],
    [["cache", "prune", "--older-than", "soon"], /a number of days is wanted/],
    [["repro", "a/b", "--smp", "0"], /a whole number above 0 is wanted/],
  ];
  for (const [args, message] of cases) {
    const error = await invoke(...args);
    assert.ok(error instanceof CommanderError, args.join(" "));
    assert.match(error.message, message);
    assert.notEqual(error.exitCode, 0);
  }
});

Deno.test("what does not go together is a user's mistake", async () => {
  const cases: readonly [readonly string[], RegExp][] = [
    [["parse"], /parse needs folders of recorded boots, or --console FILE/],
    [["parse", "a", "--console", "b"], /folders or --console, not both/],
    [["parse", "a", "--vmlinux", "b"], /--vmlinux belongs to --console/],
    [["completion", "tcsh"], /completion is for bash, zsh, fish; not "tcsh"/],
    [["cache", "empty"], /must be list or prune/],
  ];
  for (const [args, message] of cases) {
    const { code, out, err } = await ran(...args);
    assert.deepEqual([code, out], [EXIT.usage, ""], args.join(" "));
    assert.match(err, message);
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
    // Every option stands in a group, with those of the command first.
    assert.doesNotMatch(page, /^Options:$/m);
    const headings = [...page.matchAll(/^([A-Z].*):$/gm)].map(([, heading]) => heading!);
    const shared = headings.filter((one) => HEADINGS.includes(one));
    assert.deepEqual(headings.slice(-shared.length), shared, command.name());
    assert.deepEqual(shared, HEADINGS.filter((one) => shared.includes(one)), command.name());
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
  assert.equal(seen, 6);
});

Deno.test("the tasks that run the tests have a help page, and start nothing for it", async () => {
  const runner = `${import.meta.dirname}/programs/run_tests.ts`;
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
    "test:browser",
    "test:ci",
    "test:slurm",
    "test:crash",
  ]);
  assert.deepEqual(await complete("comp"), ["completion", "compare"]);
});

Deno.test("complete offers a command its own options, which are those that it is read with", async () => {
  const offered = async (...words: readonly string[]) =>
    (await ran("complete", "--", ...words)).out.trim().split("\n");
  assert.deepEqual(await offered("completion", "-"), [""]);
  assert.deepEqual(await offered("cache", "prune", "--"), [
    ...["--older-than", "--dry-run", "--events", "--progress", "--verbose", "--quiet"],
  ]);
  assert.deepEqual(await offered("cover", "a/b", "--mode", ""), ["pc", "unique"]);
  assert.deepEqual(await offered("quality", "a/b", "--by", ""), ["function", "inlined", "file"]);
  const program = makeProgram(() => Promise.resolve());
  for (const command of COMMANDS) {
    const parser = program.commands.find((one) => one.name() === command.name)!;
    const { args, options } = factsOf(command);
    assert.deepEqual(args, parser.registeredArguments.map((one) => one.name()), command.name);
    const read = parser.options.map(({ short, long, flags, argChoices }) => ({
      names: [short, long].filter((name) => name !== undefined),
      value: /[<[](.+?)[>\]]/.exec(flags)?.[1] ?? null,
      choices: argChoices ?? [],
    }));
    const byName = (a: { names: string[] }, b: { names: string[] }) =>
      a.names.join().localeCompare(b.names.join());
    const told = options.map((one) => ({ ...one, names: [...one.names] }));
    assert.deepEqual(told.sort(byName), read.sort(byName), command.name);
  }
});

Deno.test("deno.json has a task for every command", async () => {
  const text = await Deno.readTextFile(new URL("../deno.json", import.meta.url));
  const { tasks } = JSON.parse(text);
  // The copies of one command line; docs/architecture.md says why there are copies.
  for (const { name } of COMMANDS) {
    assert.equal(tasks[name]?.command, `${tasks.help.command} ${name}`);
  }
  const copies = Object.values<{ command: string }>(tasks).filter(({ command }) =>
    command.includes("tasks/main.ts")
  );
  assert.equal(copies.length, COMMANDS.length + 1);
});
