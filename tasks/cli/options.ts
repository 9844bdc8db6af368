// SPDX-License-Identifier: MIT
/**
 * The options that several commands have, in the groups of their help pages. A command takes the
 * groups that it honours and gets their values, and no others, with their types.
 */
import { InvalidArgumentError } from "commander";
import { MATRIX_FILE } from "../steps/caller.ts";
import type { ShardCount } from "../core/shards/shard_plan.ts";
import {
  type AccelChoice,
  DATAFLOW_FORMS,
  type DataflowForm,
  type LateChoice,
  type SandboxChoice,
  type Shard,
} from "../core/model/model.ts";

/** The shared groups of help pages, in their order; a command's own stand in front of them. */
export const HEADINGS: readonly string[] = [
  ...["Cells", "A kernel of your own", "Build", "Boot", "Tests", "Boots again", "Run", "Output"],
];

/** One option: how it is written, what the help page says, and how its value is read. */
export interface OptionSpec<T> {
  /** As commander takes it: `-j, --jobs <n>`. */
  readonly flags: string;
  readonly help: string;
  /** Of its group on the help page. */
  readonly heading: string;
  /** The value where it is not given. */
  readonly initial: T;
  /** Whether the help page names the value where it is not given. */
  readonly isShown?: boolean;
  readonly isRequired?: boolean;
  readonly choices?: readonly string[];
  /** @throws InvalidArgumentError with what is wanted. */
  read?(text: string, before: T): T;
}

/** How a run is shown while it goes on. */
export type ProgressChoice = "auto" | "plain" | "none";

/** By the name that commander makes of the long flag: `outputDir` of `--output-dir`. */
export type Options = Readonly<Record<string, OptionSpec<unknown>>>;

/** What a command gets of its options. */
export type Values<O extends Options> = { readonly [Name in keyof O]: O[Name]["initial"] };

/** A command's own groups, then those that it shares, alike on every page. */
export function inGroups(options: Options): OptionSpec<unknown>[] {
  const place = ({ heading }: OptionSpec<unknown>) => HEADINGS.indexOf(heading);
  return Object.values(options).toSorted((a, b) => place(a) - place(b));
}

type Unplaced<T> = Omit<OptionSpec<T>, "heading">;

/** A switch: off where it is not given. */
export const flag = (flags: string, help: string): Unplaced<boolean> => ({
  ...{ flags, help, initial: false },
});

/** A switch that turns something off: `--no-install`. */
export const off = (flags: string, help: string): Unplaced<boolean> => ({
  flags,
  help,
  initial: true,
});

export const text = (flags: string, help: string): Unplaced<string | undefined> => ({
  ...{ flags, help, initial: undefined },
});

/** An option without which the command does not start. */
export const required = (flags: string, help: string): Unplaced<string> => ({
  ...{ flags, help, initial: "", isRequired: true },
});

/** May be given several times. */
export const list = (flags: string, help: string): Unplaced<readonly string[]> => ({
  ...{ flags, help, initial: [], read: (value, before) => [...before, value] },
});

export const read = <T>(
  flags: string,
  help: string,
  reader: (text: string) => T,
): Unplaced<T | undefined> => ({ flags, help, initial: undefined, read: reader });

/** The help page names what holds where it is not given. */
export const withDefault = <T>(
  flags: string,
  help: string,
  initial: T,
  reader: (text: string) => T,
): Unplaced<T> => ({ flags, help, initial, isShown: true, read: reader });

export function choice<T extends string>(
  flags: string,
  help: string,
  choices: readonly T[],
  initial: T,
): Unplaced<T> {
  return { flags, help, choices, initial, isShown: true };
}

/** A switch that may have a number: true without one. */
export const portIfAny = (
  flags: string,
  help: string,
): Unplaced<number | true | undefined> => ({ flags, help, initial: undefined, read: positive });

/** One of several words, or none. */
export const choiceIfAny = <T extends string>(
  flags: string,
  help: string,
  choices: readonly T[],
): Unplaced<T | undefined> => ({ flags, help, choices, initial: undefined });

export function group<G extends Readonly<Record<string, Unplaced<unknown>>>>(
  heading: string,
  options: G,
): { readonly [Name in keyof G]: G[Name] & { readonly heading: string } };
export function group(heading: string, options: Readonly<Record<string, Unplaced<unknown>>>) {
  return Object.fromEntries(
    Object.entries(options).map(([name, option]) => [name, { ...option, heading }]),
  );
}

export function positive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("a whole number above 0 is wanted.");
}

export function days(text: string): number {
  const value = Number(text);
  if (text !== "" && value >= 0) return value;
  throw new InvalidArgumentError("a number of days is wanted.");
}

export function probability(text: string): number {
  const value = Number(text);
  if (value > 0 && value < 1) return value;
  throw new InvalidArgumentError("a number between 0 and 1 is wanted.");
}

function shard(text: string): Shard {
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const [part, of] = [Number(match?.[1]), Number(match?.[2])];
  if (match && part >= 1 && part <= of) return { part, of };
  throw new InvalidArgumentError("m/n is wanted, with 1 <= m <= n; the first is 1/n.");
}

function shardCount(text: string): ShardCount {
  return text === "auto" ? text : positive(text);
}

export const PROJECT_MATRIX = MATRIX_FILE;

export const MATRIX = group("Cells", {
  matrix: withDefault("--matrix <file>", "the matrix file", PROJECT_MATRIX, (file) => file),
});

export const SHARD = group("Cells", {
  shard: read("--shard <m/n>", "take shard m of n, as `plan --shards n` deals the cells", shard),
  plan: text("--plan <file>", "take the shards of this plan (`plan --shards` has printed it)"),
});

/** Several machines at once. */
export const SHARDS = group("Shards", {
  shards: read(
    "--shards <n>",
    "deal the cells to n machines, or to as many as pay (auto)",
    shardCount,
  ),
  slurmArg: list(
    "--slurm-arg <option>",
    "give sbatch an option: --slurm-arg=--partition=long; may be given again",
  ),
});

export const ON = group("Shards", {
  on: choiceIfAny("--on <scheduler>", "run the shards as jobs of a scheduler, and merge them", [
    "slurm",
  ]),
});

export const LIST = group("Cells", {
  list: flag("--list", "print the ids of the chosen cells and stop"),
});

export const KERNEL = group("A kernel of your own", {
  tree: text(
    "--tree <dir>",
    "build this kernel tree as it is, uncommitted changes included; it is never modified",
  ),
  series: text("--series <path>", "apply an mbox, a folder of patches, a diff, or a message id"),
  fuzz: flag(
    "--fuzz",
    "accept hunks of --series that match with one line of context, with a warning",
  ),
  partial: flag("--partial", "accept a --series in which patches are missing"),
  kernel: text("--kernel <id>", "the kernel that --series is applied to (default: linux-6.12)"),
  range: text(
    "--range <A..B>",
    "build commit B of --tree; `series` tries each commit after A up to B",
  ),
});

export const KCONFIG = group("Build", {
  config: text(
    "--config <file>",
    "build with this .config (may be gzip'd), KCOV and what the guest needs added",
  ),
  kconfigAdd: list(
    "--kconfig-add <CONFIG_X=y>",
    "set one more config option, for this run; may be given again",
  ),
  dataflowForm: choiceIfAny<DataflowForm>(
    "--dataflow-form <form>",
    "take published flags of KCOV dataflow, with callbacks of this form",
    DATAFLOW_FORMS,
  ),
});

export const JOBS = group("Build", {
  jobs: read("-j, --jobs <n>", "use n cores for builds and boots (default: all)", positive),
  lateInstrumentation: choice<LateChoice>(
    "--late-instrumentation <when>",
    "compile what coverage variants share once",
    ["on", "off"],
    "on",
  ),
});

export const FRESH = group("Build", {
  freshBuild: flag(
    "--fresh-build",
    "compile all of each kernel, in an empty folder, not only what has changed",
  ),
});

export const SANDBOX = group("Build", {
  sandbox: choice<SandboxChoice>(
    "--sandbox <when>",
    "run the kernel's Makefiles under bubblewrap",
    ["auto", "require", "off"],
    "auto",
  ),
});

export const INSTALL = group("Build", {
  install: off("--no-install", "refuse (exit 6) instead of installing missing packages"),
});

export const BOOT = group("Boot", {
  accel: choice<AccelChoice>("--accel <name>", "run guests by KVM or by emulation (TCG)", [
    "auto",
    "kvm",
    "tcg",
  ], "auto"),
  kvm: off("--no-kvm", "the same as --accel tcg"),
  timeout: read(
    "-t, --timeout <seconds>",
    "stop each boot after this time (default: by accelerator)",
    positive,
  ),
});

/** Options that have had another name, by that name. */
export const FORMER_NAMES: Readonly<Record<string, string>> = { "--filter": "--test" };

export const TEST = group("Tests", {
  test: list(
    "--test <glob>",
    "run only tests whose id <fixture>.<variant>.<test> matches; may be given again",
  ),
});

export const ATTEMPTS = group("Boots again", {
  retries: read("--retries <n>", "boot a failing cell again, up to n times", positive),
  repeat: read("--repeat <n>", "boot each cell n times", positive),
  allowFlaky: flag(
    "--allow-flaky",
    "do not fail the run for a cell that failed first and then passed",
  ),
});

export const FAIL_FAST = group("Run", {
  failFast: flag("--fail-fast", "stop at the first failed cell"),
});

export const REQUIRE_ALL = group("Run", {
  requireAll: flag("--require-all", "fail (exit 6) where a kernel's source cannot be had"),
});

export const BASE = group("Run", {
  base: text(
    "--base <run>",
    "say what is different from this run: a folder, an archive, latest",
  ),
});

export const DRY_RUN = group("Run", {
  dryRun: flag("-n, --dry-run", "print every command instead of running it"),
});

export const BUNDLE = group("Output", {
  bundle: flag("--bundle", "pack each failing cell into one archive for `replay`"),
});

export const RUN_FOLDER = group("Output", {
  outputDir: text("-o, --output-dir <dir>", "keep runs in this folder (default: out)"),
});

export const JUNIT = group("Output", {
  junit: text("--junit <file>", "write a copy of junit.xml to this file"),
});
export const JSON_COPY = group("Output", {
  json: text("--json <file>", "write a copy of run.json to this file"),
});

export const MARKDOWN = group("Output", {
  markdown: text("--markdown <file>", "write it as Markdown to this file"),
});

export const HTML = group("Output", {
  html: text(
    "--html <file>",
    "write the page of the second run, with what is different, to this file",
  ),
});

/** Of every command that does something which can be watched. */
export const WATCHING = group("Output", {
  events: text(
    "--events <file>",
    "write events while they happen, a JSON object a line; - is stdout",
  ),
  progress: choice<ProgressChoice>(
    "--progress <how>",
    "show what goes on: auto draws it on a terminal, plain prints lines, none only failures",
    ["auto", "plain", "none"],
    "auto",
  ),
  verbose: flag("-v, --verbose", "print every command that runs"),
  quiet: flag("-q, --quiet", "print only the table and failures"),
});

/** Of the commands that call kernels good or bad. */
export const JUDGING = group("Search", {
  confidence: withDefault(
    "--confidence <p>",
    "call a kernel good when this sure of it",
    0.99,
    probability,
  ),
  maxBoots: withDefault("--max-boots <n>", "boot each kernel at most n times", 30, positive),
});

/** What it takes to make kernels, whatever is done with them. */
export const MAKING = { ...KCONFIG, ...JOBS, ...FRESH, ...SANDBOX, ...INSTALL };

/** What a command may have of the options above: nothing, or their values. */
export type RunValues = Partial<
  Values<
    & typeof MATRIX
    & typeof SHARD
    & typeof LIST
    & typeof KERNEL
    & typeof MAKING
    & typeof BOOT
    & typeof TEST
    & typeof ATTEMPTS
    & typeof FAIL_FAST
    & typeof REQUIRE_ALL
    & typeof BASE
    & typeof DRY_RUN
    & typeof BUNDLE
    & typeof RUN_FOLDER
    & typeof JUNIT
    & typeof JSON_COPY
    & typeof WATCHING
  >
>;
