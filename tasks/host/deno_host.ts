// SPDX-License-Identifier: MIT
/** The real machine: dax for commands, Deno for files. */
import { basename } from "node:path/posix";
import $ from "dax";
import type { Child, Command, CommandResult, Host, Level } from "./host.ts";
import type { SandboxChoice, SandboxUse, Usage } from "../core/model/model.ts";
import { CappedLog, ENDLESS_BYTES } from "./capped_log.ts";
import { CONTAINMENTS, GIVING_WAY, unwrapCode, wrappedArgv } from "./containment.ts";
import { inPieces } from "./pieces.ts";
import { Tail } from "./tail.ts";
import { denoFileSystem, searchablePath } from "./deno_fs.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { childEnvironment } from "../core/model/environment.ts";
import type { RunEvent } from "../core/model/run_event.ts";
import { formatCommand } from "../core/text/shell.ts";
import {
  type Confinement,
  type Hidden,
  hiddenFolders,
  installationOf,
  isBelow,
  sandboxArgv,
  sandboxEnvironment,
} from "../core/build/sandbox.ts";

/** Captured output beyond this is dropped from the front; logs on disk are whole. */
const CAPTURE_BYTES = 1 << 20;

/** Code of a command that came when the run was broken off already: as if Ctrl-C had ended it. */
const NOT_STARTED = 130;

/** Variable in the environment of a child, and so of all that it starts, where no namespace is. */
const MARK = "KMATRIX_CHILD";

export interface DenoHostOptions {
  readonly emit: (event: RunEvent) => void;
  readonly signal: AbortSignal;
  /** --sandbox; "off" where nothing is said. */
  readonly sandbox?: SandboxChoice;
  /** Told before a command gets this process's own streams, and when it has ended. */
  readonly lend?: (isLent: boolean) => void;
}

/** The machine as it is. Nothing is run before the first command. */
export function denoHost(options: DenoHostOptions): Host {
  return new DenoHost(options);
}

/** The first way of {@linkcode CONTAINMENTS} that works here. */
async function findContainment(log: Host["log"]): Promise<readonly string[]> {
  for (const [name, prefix] of Object.entries(CONTAINMENTS)) {
    if (prefix.length === 0) break;
    const path = searchablePath(Deno.env.get("PATH") ?? "");
    const code = await $`${wrappedArgv(prefix, ["true"], {})}`.env("PATH", path).noThrow().quiet()
      .then(
        (result) => unwrapCode(result.code),
        () => 127,
      );
    log("debug", `containment ${name}: ${code === 0 ? "works" : "refused"}`);
    if (code === 0) return prefix;
  }
  log("notice", "no PID namespace can be made here: children are killed one by one");
  return [];
}

class DenoHost implements Host {
  readonly fs = denoFileSystem;
  readonly userId = Deno.uid() ?? 0;
  readonly signal: AbortSignal;
  readonly emit: (event: RunEvent) => void;
  readonly #lend: (isLent: boolean) => void;
  #containment: Promise<readonly string[]> | undefined;
  readonly #programsMs: Record<string, number> = {};
  readonly #sandboxChoice: SandboxChoice;
  #sandboxWorks: Promise<void> | undefined;

  constructor(options: DenoHostOptions) {
    this.#sandboxChoice = options.sandbox ?? "off";
    this.signal = options.signal;
    this.emit = options.emit;
    this.#lend = options.lend ?? (() => {});
  }

  log = (level: Level, text: string): void => this.emit({ event: "notice", level, text });

  env = (name: string): string | undefined => Deno.env.get(name);
  environment = (): Readonly<Record<string, string>> => Deno.env.toObject();

  now(): number {
    return Date.now();
  }

  usage(): Usage {
    return { programsMs: this.#programsMs, peakMiB: peakMiB() };
  }

  #spent(command: Command, startedAt: number): number {
    const durationMs = this.now() - startedAt;
    const name = basename(command.argv[0]!);
    this.#programsMs[name] = (this.#programsMs[name] ?? 0) + durationMs;
    return durationMs;
  }

  sleep(ms: number, evenIfInterrupted = false): Promise<void> {
    if (evenIfInterrupted) return new Promise((resolve) => setTimeout(resolve, ms));
    if (this.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.signal.addEventListener("abort", done);
    });
  }

  async sandbox(): Promise<SandboxUse> {
    if (this.#sandboxChoice === "off") return { kind: "none", why: "off" };
    this.#sandboxWorks ??= this.#probeSandbox();
    try {
      await this.#sandboxWorks;
      return { kind: "bubblewrap" };
    } catch (error) {
      // It may be installed in the meantime.
      this.#sandboxWorks = undefined;
      return { kind: "none", why: (error as Error).message };
    }
  }

  /** Whether bubblewrap works cannot be known without running it: containers often forbid it. */
  async #probeSandbox(): Promise<void> {
    const nothing = { writable: [], readable: [], programs: [] };
    const prefix = await confinedArgv(nothing, childEnvironment(this.environment(), {}, null));
    // A busy machine is no reason to build without a sandbox, so the limit is a long one.
    const { code, stderr } = await this.run({ argv: [...prefix, "true"], timeoutMs: 60_000 });
    if (code === 0) return;
    if (code === 127) throw new Error("bubblewrap is not installed");
    throw new Error(stderr.trim().split("\n").at(-1) || `bwrap ended with code ${code}`);
  }

  async #sandboxFor(
    command: Command,
    environment: Readonly<Record<string, string>>,
  ): Promise<readonly string[]> {
    if (command.confine === undefined) return [];
    const use = await this.sandbox();
    if (use.kind === "bubblewrap") {
      const { confine, cwd } = command;
      const argv = await confinedArgv(confine, environment);
      return cwd === undefined ? argv : [...argv.slice(0, -1), "--chdir", cwd, "--"];
    }
    if (this.#sandboxChoice !== "require") return [];
    throw new KmatrixError("infra", "no-sandbox", `no sandbox: ${use.why}`);
  }

  async #prepare(
    command: Command,
    streams: { joined?: boolean; stderr?: string },
    reach = command.reach ?? null,
  ) {
    this.#containment ??= findContainment(this.log);
    const containment = command.uncontained ? [] : await this.#containment;
    const mark = containment.length > 0 || command.leavesChildren ? null : crypto.randomUUID();
    const marked: Record<string, string> = mark === null ? {} : { [MARK]: mark };
    const path = searchablePath(command.env?.PATH ?? this.env("PATH") ?? "");
    const environment = childEnvironment(
      this.environment(),
      { ...command.env, ...marked, PATH: path },
      reach,
    );
    const sandbox = await this.#sandboxFor(command, environment);
    this.log("debug", `$ ${formatCommand(command)}`);
    const first = command.givesWay ? GIVING_WAY : [];
    const argv = wrappedArgv(containment, [...sandbox, ...first, ...command.argv], streams);
    let builder = $`${argv}`.noThrow().quiet().stdin("null").clearEnv().env(environment);
    if (command.cwd !== undefined) builder = builder.cwd(command.cwd);
    return { builder, mark };
  }

  async run(command: Command): Promise<CommandResult> {
    const startedAt = this.now();
    const { builder, mark } = await this.#prepare(command, { joined: command.log !== undefined });
    if (this.signal.aborted && !command.evenIfInterrupted) {
      const nothing = { stdout: "", stderr: "", timedOut: false, durationMs: 0 };
      return { argv: command.argv, code: NOT_STARTED, ...nothing };
    }
    const log = command.log === undefined ? null : new CappedLog(command.log);
    const child = builder.stdout("piped").stderr("piped").spawn();
    const { stop, release } = this.#stopper(child, mark, command.evenIfInterrupted);
    let timedOut = false;
    const timer = command.timeoutMs === undefined ? undefined : setTimeout(() => {
      timedOut = true;
      stop();
    }, command.timeoutMs);
    let printed = 0;
    let unwritten: unknown = null;
    const read = (stream: unknown, take: (chunk: Uint8Array) => void) =>
      eachChunk(webStream(stream), (chunk) => {
        printed += chunk.length;
        if (printed > ENDLESS_BYTES) stop();
        try {
          take(chunk);
        } catch (error) {
          unwritten ??= error;
          stop();
        }
      });
    const [stdout, stderr] = [new Tail(CAPTURE_BYTES), new Tail(CAPTURE_BYTES)];
    try {
      const [result] = await Promise.all([
        withoutLeftovers(child, mark),
        read(child.stdout(), (chunk) => {
          if (log === null) return stdout.add(chunk);
          log.write(chunk);
          command.onOutput?.(chunk);
        }),
        read(child.stderr(), (chunk) => stderr.add(chunk)),
      ]);
      const leftOut = log?.leftOut ?? 0;
      log?.close();
      if (unwritten !== null) throw unwritten;
      return {
        argv: command.argv,
        code: unwrapCode(result.code),
        stdout: stdout.text(),
        stderr: stderr.text(),
        timedOut,
        endless: printed > ENDLESS_BYTES,
        leftOut,
        durationMs: this.#spent(command, startedAt),
      };
    } finally {
      clearTimeout(timer);
      release();
    }
  }

  async attach(command: Command, input: boolean): Promise<number> {
    const { builder, mark } = await this.#prepare(command, {}, "whole");
    if (this.signal.aborted) return NOT_STARTED;
    const startedAt = this.now();
    this.#lend(true);
    try {
      const child = builder.stdin(input ? "inherit" : "null").stdout("inherit").stderr("inherit")
        .spawn();
      const { release } = this.#stopper(child, mark);
      const result = await withoutLeftovers(child, mark);
      release();
      this.#spent(command, startedAt);
      return unwrapCode(result.code);
    } finally {
      this.#lend(false);
    }
  }

  async spawn(command: Command): Promise<Child> {
    const streams = command.log === undefined ? {} : { stderr: command.log };
    const { builder, mark } = await this.#prepare(command, streams);
    if (this.signal.aborted) {
      const stdout = new Blob().stream();
      return { stdout, exit: Promise.resolve(NOT_STARTED), kill: () => {} };
    }
    const startedAt = this.now();
    const child = builder.stdout("piped").stderr("null").spawn();
    const { stop, release } = this.#stopper(child, mark);
    const exit = withoutLeftovers(child, mark).then((result) => {
      release();
      this.#spent(command, startedAt);
      return unwrapCode(result.code);
    });
    const stdout = ReadableStream.from(inPieces(webStream(child.stdout())));
    return { stdout, exit, kill: stop };
  }

  /**
   * Kills the wrapper, and with it the namespace; without one, everything that has its mark.
   * Goes on until it is released, for dax starts a process some time after it was told to, and
   * forgets what was killed before that.
   */
  #stopper(
    child: { kill(signal: "SIGKILL"): void },
    mark: string | null,
    evenIfInterrupted = false,
  ): { stop: () => void; release: () => void } {
    let again: ReturnType<typeof setInterval> | undefined;
    const killWrapper = () => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended by itself in the meantime.
      }
    };
    const kill = () => {
      if (mark === null) killWrapper();
      else void killMarked(mark).finally(killWrapper);
    };
    const stop = () => {
      if (again !== undefined) return;
      again = setInterval(kill, 100);
      kill();
    };
    const release = () => {
      clearInterval(again);
      this.signal.removeEventListener("abort", stop);
    };
    if (!evenIfInterrupted) this.signal.addEventListener("abort", stop, { once: true });
    return { stop, release };
  }
}

/** The folders to hide that are there, with links resolved. */
async function existing(home: string | undefined): Promise<Hidden> {
  const { readOnly, scratch } = hiddenFolders(home);
  const real = async (folders: readonly string[]) => {
    const found = await Promise.all(folders.map((one) => Deno.realPath(one).catch(() => null)));
    return [...new Set(found.filter((one) => one !== null))];
  };
  return { readOnly: await real(readOnly), scratch: await real(scratch) };
}

/** Programs stay where they are found: the PATH of a confined command is that of any other. */
async function confinedArgv(
  { writable, readable, programs }: Confinement,
  environment: Readonly<Record<string, string>>,
): Promise<string[]> {
  const home = environment.HOME;
  const path = searchablePath(environment.PATH ?? "");
  const hidden = await existing(home);
  const bare = [...hidden.readOnly, ...hidden.scratch];
  const found = await Promise.all(programs.map((name) => denoFileSystem.which(name)));
  const all = [
    ...readable,
    ...found.flatMap((program) => program === null ? [] : [installationOf(program, home)]),
    ...path.split(":").map((folder) => folder.replace(/\/+$/, ""))
      .filter((folder) => folder.startsWith("/") && !bare.includes(folder)),
  ];
  const real = await Promise.all(all.map((one) => Deno.realPath(one).catch(() => one)));
  // Both names of what a link leads to, for a command knows it by either.
  const shown = [...new Set([...all, ...real])];
  return sandboxArgv(
    { writable, readable: shown.filter((one) => !writable.some((open) => isBelow(one, open))) },
    hidden,
    sandboxEnvironment(environment, hidden.readOnly[0] ?? "/"),
  );
}

/** The high-water mark that the kernel keeps (proc_pid_status(5), VmHWM). */
function peakMiB(): number {
  try {
    const status = Deno.readTextFileSync("/proc/self/status");
    return Math.round(Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024);
  } catch {
    return 0;
  }
}

/**
 * Kills every process with this mark until there is none, for one may be starting another at any
 * moment. Whose child a process is does not tell: when make dies, its compilers belong to init.
 */
async function killMarked(mark: string): Promise<void> {
  // Bounded, for a process in an uninterruptible sleep cannot be killed.
  for (let round = 0; round < 100; round++) {
    let found = false;
    for await (const { name } of Deno.readDir("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      const environment = await Deno.readTextFile(`/proc/${name}/environ`).catch(() => "");
      if (!environment.includes(`${MARK}=${mark}`)) continue;
      found = true;
      try {
        Deno.kill(Number(name), "SIGKILL");
      } catch {
        // Gone in the meantime.
      }
    }
    if (!found) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Of a child that has ended nothing stays: a namespace ends with its first process; without one, here. */
async function withoutLeftovers<T>(child: PromiseLike<T>, mark: string | null): Promise<T> {
  const result = await child;
  if (mark !== null) await killMarked(mark);
  return result;
}

/** dax declares node's name of the stream; under Deno it is the same class. */
function webStream(stream: unknown): ReadableStream<Uint8Array> {
  return stream as ReadableStream<Uint8Array>;
}

async function eachChunk(
  stream: ReadableStream<Uint8Array>,
  take: (chunk: Uint8Array) => void,
): Promise<void> {
  for await (const chunk of stream) take(chunk);
}
