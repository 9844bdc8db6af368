// SPDX-License-Identifier: MIT
/** The exit codes of every command; which failure has which is in failure_kinds.ts. */
export const EXIT = {
  ok: 0,
  bug: 1,
  usage: 2,
  failed: 3,
  nothing: 4,
  build: 5,
  infra: 6,
  sigint: 130,
  sigterm: 143,
} as const;

/** The exit code where commander has printed a help page (its own code is 0) or a usage error. */
export function exitCodeOfCommander({ exitCode }: { readonly exitCode: number }): number {
  return exitCode === 0 ? EXIT.ok : EXIT.usage;
}

/** Each with what it means and what to do: for `explain`; docs/verdicts.md tells of them in words. */
export const EXIT_CODES: readonly {
  readonly code: number;
  readonly means: string;
  readonly todo: string;
}[] = [
  { code: EXIT.ok, means: "everything is as declared", todo: "nothing" },
  {
    code: EXIT.bug,
    means: "kmatrix itself is wrong",
    todo: "report it with the stack that it printed and the command line",
  },
  {
    code: EXIT.usage,
    means: "something that was given is wrong: command line, matrix, fragment, list",
    todo: "mend what the message names",
  },
  {
    code: EXIT.failed,
    means: "a kernel was judged and found wrong: a test, a complaint, a hang",
    todo: "read the first failure below the table; its last line repeats it",
  },
  {
    code: EXIT.nothing,
    means: "nothing matched, or nothing ran",
    todo: "look at the spelling; the message has the nearest names",
  },
  {
    code: EXIT.build,
    means: "a kernel could not be made as it is asked for: patch, option, build, inspection",
    todo: "read the first failure below the table; `build.log` lies in the cell's folder",
  },
  {
    code: EXIT.infra,
    means: "the machine failed: a tool, disk, memory, a download, QEMU",
    todo: "mend the machine, and run again; `doctor` lists what is missing",
  },
  {
    code: EXIT.sigint,
    means: "Ctrl-C ended the run",
    todo: "run again; what was judged stands in the report",
  },
  {
    code: EXIT.sigterm,
    means: "SIGTERM ended the run",
    todo: "run again; what was judged stands in the report",
  },
];
