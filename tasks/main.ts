// SPDX-License-Identifier: MIT
/** Entry point of every `deno task`: reads the command line, runs, and turns the end into a code. */
import { dirname, resolve } from "node:path";
import { CommanderError } from "commander";
import { makeProgram, whoHasOption } from "./cli.ts";
import type { Invocation } from "./commands/command.ts";
import { EXIT, exitCodeOfCommander } from "./core/model/exit_codes.ts";
import { failureFrom } from "./core/model/errors.ts";
import { exitCodeOfAll } from "./core/model/failure_kinds.ts";
import { failureText } from "./core/report/summary.ts";
import { openTerminal, type Terminal } from "./cli/terminal.ts";
import { denoHost } from "./host/deno_host.ts";
import { EventReaders } from "./host/event_readers.ts";
import { EventStream } from "./host/event_stream.ts";
import { checkOutputs, outputsOf } from "./steps/outputs.ts";
import { pathsFor } from "./core/model/paths.ts";

const abort = new AbortController();
let interrupted: "SIGINT" | "SIGTERM" | null = null;
for (const name of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(name, () => {
    interrupted ??= name;
    abort.abort();
  });
}

/** Does it, and tells of it as `--events` wants. */
async function run(invocation: Invocation, root: string): Promise<number> {
  const { command, outputs: { events } } = invocation;
  const results = events === "-" ? "standard error" : "standard output";
  const terminal = openTerminal({ ...invocation, results });
  const readers = new EventReaders();
  readers.add(terminal.show);
  const stream = new EventStream(readers);
  const code = await perform(invocation, root, terminal, readers, () => {
    stream.begin(command, events);
  });
  stream.end(code, interrupted);
  return code;
}

/** @param begin Called once it is sure that what is to be written can be. */
async function perform(
  invocation: Invocation,
  root: string,
  terminal: Terminal,
  readers: EventReaders,
  begin: () => void,
): Promise<number> {
  const { outputs, sandbox } = invocation;
  // One name for one folder, whatever it is called: paths are part of what a build is known by.
  const absolute = (path: string) => resolve(path);
  const cacheName = Deno.env.get("O") ? "O" : "KMATRIX_CACHE";
  const cache = Deno.env.get(cacheName) || null;
  const paths = pathsFor(
    root,
    cache === null ? null : absolute(cache),
    outputs.outputDir === undefined ? null : absolute(outputs.outputDir),
  );
  try {
    const { emit } = readers;
    const host = denoHost({ emit, signal: abort.signal, sandbox });
    await checkOutputs(outputsOf(outputs, paths, cacheName, absolute), [root, Deno.cwd()], host);
    begin();
    const failures = await invocation.perform({
      paths,
      host,
      terminal,
      readers,
      absolute,
      interruptedBy: () => interrupted,
    });
    if (interrupted) return interrupted === "SIGINT" ? EXIT.sigint : EXIT.sigterm;
    return exitCodeOfAll(failures);
  } catch (error) {
    if (interrupted) return interrupted === "SIGINT" ? EXIT.sigint : EXIT.sigterm;
    const failure = failureFrom(error);
    terminal.error(failureText(failure, terminal.style));
    return exitCodeOfAll([failure]);
  }
}

/**
 * Does what a command line asks and gives the exit code.
 * @param root Folder of matrix.yaml, kernels/, configs/ and selftests/, absolute.
 */
export async function main(args: readonly string[], root: string): Promise<number> {
  let code: number = EXIT.ok;
  const program = makeProgram(async (invocation) => {
    code = await run(invocation, root);
  });
  if (args.length === 0) {
    program.outputHelp();
    return EXIT.ok;
  }
  try {
    await program.parseAsync([...args], { from: "user" });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const owners = error.code === "commander.unknownOption" ? whoHasOption(args) : null;
    if (owners !== null) console.error(`kmatrix: ${owners}`);
    return exitCodeOfCommander(error);
  }
}

if (import.meta.main) {
  Deno.exit(await main(Deno.args, dirname(import.meta.dirname!)));
}
