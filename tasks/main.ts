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
import { withoutLogCommands } from "./core/text/log_commands.ts";
import { plainText } from "./core/text/plain_text.ts";
import { PROJECT_MATRIX } from "./cli/options.ts";
import { type SignalName, watchSignals } from "./cli/interruption.ts";
import { openTerminal, type Screen } from "./cli/terminal.ts";
import { denoFileSystem } from "./host/deno_fs.ts";
import { denoHost } from "./host/deno_host.ts";
import { EventReaders } from "./host/event_readers.ts";
import { EventStream } from "./host/event_stream.ts";
import { type Caller, callerAt, callersFolder, pathsOfCaller } from "./steps/caller.ts";
import { useOwnSelftests } from "./steps/declared_tests.ts";
import { ownSelftests, tellOtherSelftests } from "./steps/layers.ts";
import { checkOutputs, outputsOf } from "./steps/outputs.ts";
import { type CallerPaths, type Paths, pathsFor } from "./core/model/paths.ts";
import { type CalledAs, calledAs } from "./cli/called_as.ts";

let screen: Screen | null = null;

const interruption = watchSignals({
  now: () => performance.now(),
  tell: (text) => screen?.show({ event: "notice", level: "notice", text }),
  leave(name) {
    screen?.close();
    Deno.exit(codeOf(name));
  },
});
const codeOf = (name: SignalName) => name === "SIGINT" ? EXIT.sigint : EXIT.sigterm;

/** Who called, and how. */
interface Call {
  /** Folder of matrix.yaml, kernels/, configs/ and selftests/, absolute. */
  readonly root: string;
  /** Where relative paths start, absolute. */
  readonly folder: string;
  readonly as: CalledAs;
}

/** Does it, and tells of it as `--events` wants. */
async function run(invocation: Invocation, call: Call): Promise<number> {
  const { command, outputs: { events } } = invocation;
  const results = events === "-" ? "standard error" : "standard output";
  const terminal = screen = await openTerminal({ ...invocation, results });
  const readers = new EventReaders();
  readers.add(terminal.show);
  const stream = new EventStream(readers);
  const code = await perform(invocation, call, terminal, readers, () => {
    stream.begin(command, events === undefined ? undefined : inFolder(call, events));
  });
  stream.end(code, interruption.name);
  terminal.close();
  return code;
}

/** A path of the command line; "-" of --events is none. */
function inFolder({ folder }: Call, path: string): string {
  return path === "-" ? path : resolve(folder, path);
}

/** Cache and runs of this call, and the variables that name them. */
interface Places {
  readonly paths: Paths;
  readonly cacheName: string;
  /** Where the folder of runs is one of the user's own; null elsewhere. */
  readonly own: CallerPaths | null;
}

async function placesOf(
  { root, folder }: Call,
  caller: Caller,
  { matrix, outputs: { outputDir } }: Pick<Invocation, "matrix" | "outputs">,
): Promise<Places> {
  const { env } = Deno;
  const absolute = (path: string) => resolve(folder, path);
  const cacheName = env.get("O") ? "O" : "KMATRIX_CACHE";
  const cache = env.get(cacheName) || null;
  const own = caller.inProject || (cache !== null && outputDir !== undefined)
    ? null
    : await pathsOfCaller(caller, (name) => env.get(name));
  const file = matrix === null || matrix === PROJECT_MATRIX ? caller.matrix : absolute(matrix);
  const matrixFolder = file === null ? null : dirname(file);
  return {
    paths: pathsFor(
      root,
      cache === null ? own?.cache.path ?? null : absolute(cache),
      outputDir === undefined ? own?.out.path ?? null : absolute(outputDir),
      matrixFolder,
    ),
    cacheName: cache === null && own !== null ? own.cache.variable : cacheName,
    own,
  };
}

/** @param begin Called once it is sure that what is to be written can be. */
async function perform(
  invocation: Invocation,
  call: Call,
  terminal: Screen,
  readers: EventReaders,
  begin: () => void,
): Promise<number> {
  const { outputs, sandbox } = invocation;
  const { root, folder } = call;
  // One name for one folder, whatever it is called: paths are part of what a build is known by.
  const absolute = (path: string) => resolve(folder, path);
  try {
    const { emit } = readers;
    const host = denoHost({ emit, signal: interruption.signal, sandbox, lend: terminal.lend });
    const caller = await callerAt(folder, root, host.fs);
    const { paths, cacheName, own } = await placesOf(call, caller, invocation);
    useOwnSelftests(await ownSelftests(paths, host));
    const inside = [root, folder, ...(own ? [own.cache.parent, own.out.parent] : [])];
    const written = outputsOf(
      outputs,
      paths,
      { cache: cacheName, out: own?.out.variable },
      absolute,
    );
    await checkOutputs(written, inside, host);
    begin();
    await tellOtherSelftests(paths, host);
    const failures = await invocation.perform({
      paths,
      host,
      terminal,
      readers,
      absolute,
      caller,
      calledAs: call.as,
      command: invocation.command,
      interruptedBy: () => interruption.name,
    });
    if (interruption.name) return codeOf(interruption.name);
    return exitCodeOfAll(failures);
  } catch (error) {
    if (interruption.name) return codeOf(interruption.name);
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
  const env = (name: string) => Deno.env.get(name);
  const as = calledAs(env);
  const folder = await callersFolder(root, Deno.cwd(), env, denoFileSystem);
  // They are about this call, and not about one that a child of ours may make.
  for (const name of ["INIT_CWD", as.variable]) Deno.env.delete(name);
  const words = as.wordsOf(args);
  let code: number = EXIT.ok;
  const program = makeProgram(async (invocation) => {
    code = await run(invocation, { root, folder, as });
  }, as);
  if (words.length === 0) {
    program.outputHelp();
    return EXIT.ok;
  }
  try {
    await program.parseAsync([...words], { from: "user" });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const owners = error.code === "commander.unknownOption" ? whoHasOption(words) : null;
    if (owners !== null) console.error(withoutLogCommands(plainText(`kmatrix: ${owners}`)));
    return exitCodeOfCommander(error);
  }
}

if (import.meta.main) {
  Deno.exit(await main(Deno.args, dirname(import.meta.dirname!)));
}
