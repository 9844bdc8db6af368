// SPDX-License-Identifier: MIT
/** The command line: every command, its options and its help page. */
import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { type CommandFacts, type Shell, SHELLS } from "./formats/completion.ts";
import type { BootChange } from "./formats/boot_change.ts";
import { type AccelChoice, type SandboxChoice, type Stage, STAGES } from "./model.ts";

/** Options that every command knows. */
export interface CommonOptions {
  readonly matrix: string;
  readonly outputDir?: string | undefined;
  readonly verbose: boolean;
  readonly quiet: boolean;
}

/** Options of every command that runs stages. */
export interface RunOptions extends CommonOptions {
  readonly jobs?: number | undefined;
  readonly timeout?: number | undefined;
  readonly failFast: boolean;
  readonly dryRun: boolean;
  readonly install: boolean;
  readonly accel: AccelChoice;
  readonly kvm: boolean;
  readonly sandbox: SandboxChoice;
  readonly kconfigAdd: readonly string[];
  readonly filter: readonly string[];
  readonly junit?: string | undefined;
  readonly json?: string | undefined;
  /** A file, or "-" for standard output. */
  readonly events?: string | undefined;
  readonly shard?: { part: number; of: number } | undefined;
  readonly list: boolean;
  /** plan: what is built already. */
  readonly status?: boolean;
  /** cache prune: in days. */
  readonly olderThan?: number | undefined;
  readonly tree?: string | undefined;
  readonly series?: string | undefined;
  readonly kernel?: string | undefined;
  readonly range?: string | undefined;
  readonly fuzz?: boolean;
  readonly partial?: boolean;
  readonly retries?: number | undefined;
  readonly repeat?: number | undefined;
  readonly allowFlaky: boolean;
  readonly bundle: boolean;
}

export interface CoverOptions extends RunOptions {
  readonly test: readonly string[];
  readonly mode?: "pc" | "unique" | undefined;
  readonly unique: boolean;
  readonly diff: boolean;
  readonly against?: string | undefined;
}

export interface BisectOptions extends RunOptions {
  readonly good: string;
  readonly bad: string;
  readonly test: readonly string[];
  readonly confidence: number;
  readonly maxBoots: number;
}

export interface BisectConfigOptions extends RunOptions {
  readonly test: readonly string[];
  readonly confidence: number;
  readonly maxBoots: number;
  readonly all: boolean;
}

export interface ParseOptions extends RunOptions {
  /** A kernel log, or "-". */
  readonly console?: string | undefined;
  readonly vmlinux?: string | undefined;
}

export interface ReproOptions extends RunOptions, BootChange {
  readonly test: readonly string[];
  readonly untilFail: boolean;
  readonly keepGoing: boolean;
  readonly shell: boolean;
  /** A port, or true for the usual one. */
  readonly gdb?: number | true | undefined;
}

/** What the user asked for. */
export type Invocation =
  | { kind: "bisect-config"; cell: string; options: BisectConfigOptions }
  | { kind: "series"; globs: readonly string[]; options: RunOptions }
  | { kind: "bisect"; cell: string; options: BisectOptions }
  | { kind: "completion"; shell: Shell; options: RunOptions }
  | {
    kind: "complete";
    words: readonly string[];
    commands: readonly CommandFacts[];
    options: RunOptions;
  }
  | { kind: "replay"; bundle: string; options: RunOptions }
  | { kind: "repro"; cell: string; command: readonly string[]; options: ReproOptions }
  | { kind: "cover"; cell: string; call: readonly string[]; options: CoverOptions }
  | { kind: "run"; until: Stage; globs: readonly string[]; options: RunOptions }
  | { kind: "plan"; globs: readonly string[]; options: RunOptions }
  | { kind: "doctor"; globs: readonly string[]; options: RunOptions }
  | { kind: "parse"; dirs: readonly string[]; options: ParseOptions }
  | { kind: "report"; dir: string | undefined; options: RunOptions }
  | { kind: "tests"; options: RunOptions }
  | { kind: "cache"; action: string; options: RunOptions };

const STAGE_HELP: Readonly<Record<Exclude<Stage, "parse">, [string, string]>> = {
  fetch: ["find a kernel's source and its version", "deno task fetch linux-6.12/kcov"],
  patch: ["unpack the source and apply the kernel's series", "deno task patch linux-6.12/kcov"],
  configure: [
    "make the .config and hold it against what was asked",
    "deno task configure linux-6.12/kcov --kconfig-add CONFIG_KASAN=y",
  ],
  build: ["compile the kernel", "deno task build 'linux-6.12/*' --jobs 4"],
  inspect: ["look for the instrumentation in the built kernel", "deno task inspect '*/kcov'"],
  pack: ["bundle the selftests into the initramfs", "deno task pack linux-6.12/kcov"],
  boot: ["boot the cell and record what it says", "deno task boot linux-6.12/kcov --accel tcg"],
};

const EXIT_HELP = `
Exit codes: 0 as declared · 1 bug in kmatrix · 2 bad input · 3 test failed or kernel died ·
4 nothing matched · 5 patch, config, build or inspect failed · 6 infrastructure ·
130, 143 interrupted. See docs/verdicts.md.
`;

function positive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("a whole number above 0 is wanted.");
}

function days(text: string): number {
  const value = Number(text);
  if (text !== "" && value >= 0) return value;
  throw new InvalidArgumentError("a number of days is wanted.");
}

function shard(text: string): { part: number; of: number } {
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const [part, of] = [Number(match?.[1]), Number(match?.[2])];
  if (match && part >= 1 && part <= of) return { part, of };
  throw new InvalidArgumentError("m/n is wanted, with 1 <= m <= n.");
}

function probability(text: string): number {
  const value = Number(text);
  if (value > 0 && value < 1) return value;
  throw new InvalidArgumentError("a number between 0 and 1 is wanted.");
}

/** Options of the commands that call kernels good or bad. */
function withJudging(command: Command): Command {
  return command
    .option("--test <glob>", "only these tests count", append, [])
    .option("--confidence <p>", "how sure a good verdict is to be", probability, 0.99)
    .option("--max-boots <n>", "bound of the boots of one kernel", positive, 30) as Command;
}

const append = (value: string, list: readonly string[]): readonly string[] => [...list, value];

/**
 * The program; `perform` is called with what the user asked for. Commander prints help and usage
 * errors by itself and throws CommanderError then.
 */
export function makeProgram(perform: (invocation: Invocation) => Promise<void>): Command {
  const program = new Command("kmatrix")
    .usage("<command> [options]   (as `deno task <command> …`)")
    .description(
      "Builds Linux kernels across a config matrix with clang, boots each under QEMU,\n" +
        "runs KCOV's selftests in the guest, and says what happened.",
    )
    .addHelpText("after", EXIT_HELP)
    .exitOverride();

  const withRunOptions = (command: Command): Command =>
    command
      .option("--matrix <file>", "the matrix", "matrix.yaml")
      .option("-o, --output-dir <dir>", "where runs are kept (default: out)")
      .option("-j, --jobs <n>", "cores for builds and boots (default: all)", positive)
      .option("-t, --timeout <seconds>", "limit of each boot (default: by accelerator)", positive)
      .addOption(
        new Option("--accel <name>", "how guests run").choices(["auto", "kvm", "tcg"] as const)
          .default("auto"),
      )
      .option("--no-kvm", "the same as --accel tcg")
      .addOption(
        new Option("--sandbox <when>", "run the kernel's Makefiles under bubblewrap")
          .choices(["auto", "require", "off"] as const).default("auto"),
      )
      .option("--kconfig-add <CONFIG_X=y>", "one more option, for this run", append, [])
      .option("--tree <dir>", "a kernel tree of your own, dirty or not; it is not modified")
      .option("--series <path>", "an mbox, a folder of patches, a diff, or a message id")
      .option("--fuzz", "let hunks of --series apply with one line of context; warned of", false)
      .option("--partial", "take a series of which patches are missing", false)
      .option("--kernel <id>", "what --series goes on top of (default: linux-6.12)")
      .option("--range <A..B>", "commits of --tree: what B holds; `series` goes from A to it")
      .option("--filter <glob>", "only tests whose <fixture>.<variant>.<test> matches", append, [])
      .option("--shard <m/n>", "part m of n of the matrix, by builds", shard)
      .option("--retries <n>", "boot a failing cell again, up to n times", positive)
      .option("--repeat <n>", "boot each cell n times", positive)
      .option("--allow-flaky", "a cell that passed at last does not fail the run", false)
      .option("--bundle", "pack each failing cell into one archive for `replay`", false)
      .option("--fail-fast", "stop at the first failed cell", false)
      .option("--no-install", "refuse (exit 6) instead of installing missing packages")
      .option("--list", "print the ids of the chosen cells and stop", false)
      .option("-n, --dry-run", "print every command instead of running it", false)
      .option("--junit <file>", "a copy of junit.xml")
      .option("--json <file>", "a copy of run.json")
      .option("--events <file>", "what happens, as it happens, a JSON text a line; - is stdout")
      .option("-v, --verbose", "print every command that runs", false)
      .option("-q, --quiet", "print only the table and failures", false)
      .configureOutput({ outputError: (text, write) => write(`kmatrix: ${text}`) })
      .exitOverride() as unknown as Command;

  const add = (
    name: string,
    argument: string | null,
    description: string,
    example: string,
    make: (words: readonly string[], options: RunOptions) => Invocation,
    own: (command: Command) => Command = (command) => command,
  ) => {
    const command = own(
      withRunOptions(program.command(name).description(description) as Command),
    );
    if (argument !== null) command.arguments(argument);
    command.addHelpText("after", `\nExample: ${example}\n`);
    command.action(() => perform(make(command.args, command.opts() as unknown as RunOptions)));
  };

  add(
    "matrix",
    "[cells...]",
    "build, boot and judge every cell, or those that match the globs",
    "deno task matrix 'linux-6.12/kcov*'",
    (globs, options) => ({ kind: "run", until: "parse", globs, options }),
  );
  add(
    "repro",
    "<cell> [command...]",
    "one cell again: builds what it needs, boots it, judges it; or runs a command in its guest",
    "deno task repro linux-6.12/kcov --test '*kcov_basic_syscall_coverage' --smp 4",
    ([cell, ...command], options) => {
      // Commander has it, and its types do not.
      const { rawArgs } = program as unknown as { rawArgs: readonly string[] };
      if (command.length > 0 && !rawArgs.includes("--")) {
        return program.error(
          "kmatrix: repro takes one cell; a command for its guest goes behind --",
        );
      }
      return { kind: "repro", cell: cell!, command, options: options as ReproOptions };
    },
    (command) =>
      command
        .option("--test <glob>", "only tests whose id matches; replaces --filter", append, [])
        .option("--until-fail", "boot again and again until it fails", false)
        .option("--keep-going", "boot again for tests that a crash kept from running", false)
        .option("--shell", "an interactive shell in the guest: JavaScript", false)
        .option("--gdb [port]", "wait for gdb (port 1234), with full debug information", positive)
        .option("--cmdline <text>", "appended to the kernel command line")
        .option("--smp <n>", "another number of CPUs", positive)
        .option("--memory <MiB>", "another size of memory", positive)
        .option(
          "--qemu-arg <word>",
          "one more argument of QEMU (--qemu-arg=-d)",
          append,
          [],
        ) as Command,
  );
  add(
    "completion",
    "<shell>",
    "print a script that completes commands, options, cells and tests: bash, zsh or fish",
    "deno task completion bash >> ~/.bashrc",
    ([word], options) => {
      const shell = SHELLS.find((one) => one === word);
      if (shell !== undefined) return { kind: "completion", shell, options };
      return program.error(`kmatrix: completion is for ${SHELLS.join(", ")}; not "${word}"`);
    },
  );
  add(
    "complete",
    "[words...]",
    "what a shell may offer for the last of these words (called by the scripts of `completion`)",
    "deno task complete -- repro linux-6.12/k",
    (words, options) => ({ kind: "complete", words, commands: commandFacts(program), options }),
  );
  add(
    "replay",
    "<bundle>",
    "boot a bundle and say whether its verdict is the recorded one (exit 3 where it is not)",
    "deno task replay linux-6.12-kcov.tar.xz",
    ([bundle], options) => ({ kind: "replay", bundle: bundle!, options }),
  );
  add(
    "plan",
    "[cells...]",
    "show what a run would do: cells, shared builds, expectations",
    "deno task plan '*kasan*'",
    (globs, options) => ({ kind: "plan", globs, options }),
    (command) =>
      command.option("--status", "say what is built already, and why the rest is not") as Command,
  );
  add(
    "doctor",
    "[cells...]",
    "list what the cells need of this machine, and what was found",
    "deno task doctor",
    (globs, options) => ({ kind: "doctor", globs, options }),
  );
  for (const stage of STAGES) {
    if (stage === "parse") continue;
    const [description, example] = STAGE_HELP[stage];
    add(
      stage,
      "<cells...>",
      `${description}`,
      example,
      (globs, options) => ({ kind: "run", until: stage, globs, options }),
    );
  }
  add(
    "parse",
    "[folders...]",
    "judge recorded boots (console.log and results.log), or with --console any kernel log",
    "deno task parse --console dmesg.txt --vmlinux ../linux/vmlinux",
    (dirs, options: ParseOptions) => {
      if (dirs.length === 0 && options.console === undefined) {
        program.error("kmatrix: parse needs folders of recorded boots, or --console FILE");
      }
      if (dirs.length > 0 && options.console !== undefined) {
        program.error("kmatrix: parse takes folders or --console, not both");
      }
      if (options.console === undefined && options.vmlinux !== undefined) {
        program.error("kmatrix: --vmlinux belongs to --console; a recorded boot knows its kernel");
      }
      return { kind: "parse", dirs, options };
    },
    (command) =>
      command
        .option("--console <file>", "a kernel log of anybody's, .gz, .xz and .zst too; - for stdin")
        .option("--vmlinux <file>", "the log's kernel: source lines beside its stacks") as Command,
  );
  add(
    "report",
    "[folder]",
    "write junit.xml of a run again and print its table (default: out/latest)",
    "deno task report out/latest --junit /tmp/junit.xml",
    (words, options) => ({ kind: "report", dir: words[0], options }),
  );
  add(
    "tests",
    null,
    "list the selftests and what each needs of a cell",
    "deno task tests",
    (_, options) => ({ kind: "tests", options }),
  );
  add(
    "cover",
    "<cell> [call...]",
    "what a system call (behind --) or the tests cover: functions and lines, inlined ones too",
    "deno task cover linux-6.12-unique/kcov-unique -- read -1 0 0",
    ([cell, ...call], options) => ({
      kind: "cover",
      cell: cell!,
      call,
      options: options as CoverOptions,
    }),
    (command) =>
      command
        .option("--test <glob>", "the PCs that matching tests read, instead of a call", append, [])
        .addOption(
          new Option("--mode <mode>", "one mode (default: each that the cell has)")
            .choices(["pc", "unique"] as const),
        )
        .option("--unique", "list each PC once, where it came first", false)
        .option("--diff", "only what mode pc and unique mode do not have in common", false)
        .option("--against <cell>", "compare with another cell, by function and line") as Command,
  );
  add(
    "cache",
    "[action]",
    "list what the cache holds, or prune builds that nobody uses",
    "deno task cache prune --older-than 7",
    (words, options) => ({ kind: "cache", action: words[0] ?? "list", options }),
    (command) =>
      command.option(
        "--older-than <days>",
        "prune: not used for so many days (30)",
        days,
      ) as Command,
  );
  add(
    "bisect",
    "<cell>",
    "find the commit of --tree that made a cell fail; flakes and broken builds do not mislead it",
    "deno task bisect linux/kcov --tree ../linux --good v6.12 --bad HEAD --test 'kcov.*'",
    ([cell], options) => ({ kind: "bisect", cell: cell!, options: options as BisectOptions }),
    (command) =>
      withJudging(command)
        .requiredOption("--good <commit>", "a commit of --tree without the failure")
        .requiredOption("--bad <commit>", "a commit of --tree with it") as Command,
  );
  add(
    "series",
    "[cells...]",
    "each patch of a series against cells of one kernel, and the first patch that breaks each",
    "deno task series linux-6.12-unique/kcov linux-6.12-unique/kcov-unique",
    (globs, options) => ({ kind: "series", globs, options }),
  );
  add(
    "bisect-config",
    "<cell>",
    "the fewest of the options a cell asks for with which it still fails",
    "deno task bisect-config linux-6.12-unique/kcov-unique-kasan --test 'kcov*'",
    ([cell], options) => ({
      kind: "bisect-config",
      cell: cell!,
      options: options as BisectConfigOptions,
    }),
    (command) =>
      withJudging(command)
        .option("--all", "try to leave out the lines of configs/base.config too", false) as Command,
  );
  return program;
}

/** What completion has to know of every command. */
function commandFacts(program: Command): CommandFacts[] {
  return program.commands.filter((command) => command.name() !== "complete").map((command) => ({
    name: command.name(),
    args: command.registeredArguments.map((argument) => argument.name()),
    options: command.options.filter((option) => !option.hidden).map((option) => ({
      names: [option.short, option.long].filter((name) => name !== undefined),
      value: /[<[](.+?)[>\]]/.exec(option.flags)?.[1] ?? null,
      choices: option.argChoices ?? [],
    })),
  }));
}
