// SPDX-License-Identifier: MIT
/** What a command is: its name, its words and options, its help and what it does. */
import type { Failure } from "../core/model/errors.ts";
import type { CommandFacts } from "../cli/completion.ts";
import type { Outputs, Writes } from "../steps/outputs.ts";
import type { SandboxChoice } from "../core/model/model.ts";
import type { Context } from "./context.ts";
import { treeHere } from "./tree_here.ts";
import {
  DRY_RUN,
  HTML,
  JSON_COPY,
  JUNIT,
  LIST,
  MARKDOWN,
  MATRIX,
  type Options,
  type OptionSpec,
  type ProgressChoice,
  RUN_FOLDER,
  SANDBOX,
  type Values,
  WATCHING,
} from "../cli/options.ts";

/** Options that are read before a command begins; each means the same wherever it is offered. */
const SHARED = {
  ...{ ...WATCHING, ...RUN_FOLDER, ...SANDBOX, ...LIST, ...DRY_RUN },
  ...{ ...JUNIT, ...JSON_COPY, ...MARKDOWN, ...HTML, ...MATRIX },
};

/** The words behind a command: `<cell> [call...]` is `[string, ...string[]]`. */
export type Words<A extends string> = A extends "" ? readonly []
  : A extends `${infer First} ${infer Rest}` ? readonly [...Words<First>, ...Words<Rest>]
  : A extends `${string}...${string}` ? readonly string[]
  : A extends `<${string}>` ? readonly [string]
  : readonly [string?];

/** The headings under which the help page lists commands. */
export type CommandGroup = "Runs" | "Stages" | "Search" | "Reports" | "Machine";

interface CommandSpec<A extends string, O extends Options> {
  readonly name: string;
  readonly group: CommandGroup;
  readonly help: string;
  /** A command line that is understood. */
  readonly example: string;
  /** As commander takes them: `<cell> [command...]`. */
  readonly arguments: A;
  /** It is about the tree of --tree, whatever its cells are called. */
  readonly isOfTree?: boolean;
  /** Said where words beyond the first do not stand behind `--`; without it, they need not. */
  readonly wantsDashes?: string;
  readonly options: O;
  /** Beside the files that options name. */
  writes(options: Values<O>): Writes;
  /** @returns The failures that decide the exit code. */
  perform(words: Words<A>, options: Values<O>, context: Context): Promise<readonly Failure[]>;
}

/** What is asked for, ready to be done. */
export interface Invocation {
  readonly command: string;
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly progress: ProgressChoice;
  readonly sandbox: SandboxChoice;
  /** --matrix as it was given; null where the command has no such option. */
  readonly matrix: string | null;
  readonly outputs: Outputs;
  perform(context: Context): Promise<readonly Failure[]>;
}

/** A command without the types of its options. */
export interface Command {
  readonly name: string;
  readonly group: CommandGroup;
  readonly help: string;
  readonly example: string;
  readonly arguments: string;
  readonly wantsDashes: string | null;
  readonly options: Options;
  /**
   * @param words Of the number that `arguments` says.
   * @param given What was read by the options' own readers, by name.
   */
  invoke(words: readonly string[], given: Readonly<Record<string, unknown>>): Invocation;
}

export function defineCommand<const A extends string, O extends Options & Partial<typeof SHARED>>(
  spec: CommandSpec<A, O>,
): Command {
  return {
    ...spec,
    wantsDashes: spec.wantsDashes ?? null,
    invoke(words, given) {
      const options = valuesOf(spec.options, given);
      const shared = valuesOf(SHARED, given);
      const { verbose, quiet, progress, events, sandbox } = shared;
      const { outputDir, junit, json, markdown, html, list, dryRun } = shared;
      return {
        command: spec.name,
        ...{ verbose, quiet, progress, sandbox },
        matrix: "matrix" in spec.options ? shared.matrix : null,
        outputs: {
          writes: list || dryRun ? "nothing" : spec.writes(options),
          ...{ outputDir, junit, json, markdown, html, events },
        },
        async perform(context) {
          const whole = await withTreeHere(spec, words, options, context);
          // Their number is what commander was told.
          return await spec.perform(words as unknown as Words<A>, whole, context);
        },
      };
    },
  };
}

/** The options, with the tree that the caller is in where the command may have one. */
async function withTreeHere<A extends string, O extends Options>(
  { arguments: placeholders, options: known, isOfTree = false }: CommandSpec<A, O>,
  words: readonly string[],
  options: Values<O>,
  context: Context,
): Promise<Values<O>> {
  if (!("tree" in known)) return options;
  const named = placeholders.includes("cells...") ? words : words.slice(0, 1);
  const { against } = options as { readonly against?: string };
  const cells = against === undefined ? named : [...named, against];
  const tree = await treeHere(cells, isOfTree, options, context);
  return tree === null ? options : { ...options, tree };
}

function valuesOf<O extends Options>(
  options: O,
  given: Readonly<Record<string, unknown>>,
): Values<O> {
  const values = Object.entries(options).map((
    [name, { initial }],
  ) => [name, given[name] ?? initial]);
  // Each value is that of its option's own reader, or its initial one.
  return Object.fromEntries(values) as Values<O>;
}

/** The long flags of those options that are given. */
export function givenFlags<O extends Options>(options: O, values: Values<O>): string[] {
  return Object.entries(options).filter(([name, { initial }]) =>
    JSON.stringify(values[name]) !== JSON.stringify(initial)
  ).map(([, option]) => flagsOf(option).at(-1)!);
}

/** The options that are given, as words of a command line. */
export function givenWords<O extends Options>(options: O, values: Values<O>): string[] {
  return Object.entries(options).flatMap(([name, option]) => {
    const value: unknown = values[name];
    const flag = flagsOf(option).at(-1)!;
    if (JSON.stringify(value) === JSON.stringify(option.initial)) return [];
    if (typeof value === "boolean") return [flag];
    return (Array.isArray(value) ? value : [value]).flatMap((one) => [flag, `${one}`]);
  });
}

/** `-j` and `--jobs` of `-j, --jobs <n>`. */
export function flagsOf({ flags }: OptionSpec<unknown>): string[] {
  return flags.split(/[ ,]+/).filter((word) => word.startsWith("-"));
}

/** What completion has to know of a command. */
export function factsOf({ name, arguments: words, options }: Command): CommandFacts {
  const placeholder = (text: string) => /[<[](.+?)(?:\.\.\.)?[>\]]/.exec(text)?.[1] ?? null;
  return {
    name,
    args: words.split(" ").map(placeholder).filter((one) => one !== null),
    options: Object.values(options).map((option) => ({
      names: flagsOf(option),
      value: placeholder(option.flags),
      choices: option.choices ?? [],
    })),
  };
}
