// SPDX-License-Identifier: MIT
/** Entry point of every `deno task`: reads the command line, runs, and turns the end into a code. */
import { dirname, resolve } from "node:path";
import { CommanderError } from "commander";
import { type Invocation, makeProgram, type RunOptions } from "./cli.ts";
import { EXIT, exitCodeOfCommander } from "./exit_codes.ts";
import { failureFrom } from "./errors.ts";
import { exitCodeOfAll } from "./failure_kinds.ts";
import { failureText } from "./formats/summary.ts";
import { openTerminal } from "./ui/terminal.ts";
import { denoHost } from "./host/deno_host.ts";
import { checkOutputs, outputsOf } from "./host/outputs.ts";
import { pathsFor } from "./paths.ts";
import { perform } from "./commands/mod.ts";

const abort = new AbortController();
let interrupted: "SIGINT" | "SIGTERM" | null = null;
for (const name of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(name, () => {
    interrupted ??= name;
    abort.abort();
  });
}

async function run(invocation: Invocation, root: string): Promise<number> {
  const options: RunOptions = invocation.options;
  const terminal = openTerminal(options);
  // One name for one folder, whatever it is called: paths are part of what a build is known by.
  const absolute = (path: string) => resolve(path);
  const cacheName = Deno.env.get("O") ? "O" : "KMATRIX_CACHE";
  const cache = Deno.env.get(cacheName) || null;
  const paths = pathsFor(
    root,
    cache === null ? null : absolute(cache),
    options.outputDir === undefined ? null : absolute(options.outputDir),
  );
  try {
    const host = denoHost({
      emit: (event) => terminal.show(event),
      signal: abort.signal,
      sandbox: options.sandbox ?? "off",
    });
    const outputs = outputsOf(invocation, paths, cacheName, absolute);
    await checkOutputs(outputs, [root, Deno.cwd()], host);
    const failures = await perform(invocation, {
      paths,
      host,
      terminal,
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
    if (error instanceof CommanderError) return exitCodeOfCommander(error);
    throw error;
  }
}

if (import.meta.main) {
  Deno.exit(await main(Deno.args, dirname(import.meta.dirname!)));
}
