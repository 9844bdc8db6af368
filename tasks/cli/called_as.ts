// SPDX-License-Identifier: MIT
/** How the tool was started: as a task of its project, or by the launcher that `install` writes. */

type Lookup = (name: string) => string | undefined;

/** Variable that the launcher sets for the tool, and for nothing else. */
const LAUNCHER = "KMATRIX_LAUNCHER";

export interface CalledAs {
  readonly isLauncher: boolean;
  /** The words that start it: `npx --yes deno task`. */
  readonly argv: readonly string[];
  /** Behind `<command> [options]` on the help page. */
  readonly usage: string;
  /** The variable that tells it. */
  readonly variable: string;
  /** An example `deno task matrix` as this caller would type it. */
  example(text: string): string;
  /** The command line with what may be left out of it. */
  wordsOf(args: readonly string[]): readonly string[];
}

const isVersion = (args: readonly string[]) => args[0] === "--version" || args[0] === "-V";

export const DENO_TASK: CalledAs = {
  isLauncher: false,
  argv: ["npx", "--yes", "deno", "task"],
  usage: "   (as `deno task <command> …`)",
  variable: LAUNCHER,
  example: (text) => text,
  wordsOf: (args) => isVersion(args) ? ["version", ...args.slice(1)] : args,
};

const BY_LAUNCHER: CalledAs = {
  ...DENO_TASK,
  isLauncher: true,
  argv: ["kmatrix"],
  usage: "",
  example: (text) => text.replace(/^deno task /, "kmatrix "),
  // In a kernel tree, `kmatrix` alone is the main job.
  wordsOf: (args) => args.length === 0 ? ["matrix"] : DENO_TASK.wordsOf(args),
};

/** @param env The variables of this process. */
export function calledAs(env: Lookup): CalledAs {
  return env(LAUNCHER) ? BY_LAUNCHER : DENO_TASK;
}
