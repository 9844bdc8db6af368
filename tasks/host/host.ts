// SPDX-License-Identifier: MIT
/**
 * The machine as the rest of the tool sees it: commands, files, time, events. deno_host.ts implements
 * it, testing/fake_host.ts stands in for it; pure code never holds one.
 */

import type { Parts } from "../core/text/lines.ts";
import type { SandboxUse, Usage } from "../core/model/model.ts";
import type { RunEvent } from "../core/model/run_event.ts";
import type { Reach } from "../core/model/environment.ts";
import type { Confinement } from "../core/build/sandbox.ts";

/** An external command as data, built by a pure function and printed before it runs. */
export interface Command {
  readonly argv: readonly string[];
  readonly cwd?: string;
  /** Added to what core/model/environment.ts passes on; "" removes a variable. */
  readonly env?: Readonly<Record<string, string>>;
  /** "downloads" where it reaches other machines, "whole" where it is this tool itself. */
  readonly reach?: Reach;
  /**
   * Both output streams are appended to this file instead of being returned: all of them, or
   * beginning and end with a mark between them (host/capped_log.ts). Of spawn() standard error.
   */
  readonly log?: string;
  /** Told of what goes into the log as it comes. */
  readonly onOutput?: (chunk: Uint8Array) => void;
  readonly timeoutMs?: number;
  /**
   * Runs as it is, and not in a user namespace: what changes the user, as sudo does, is refused there.
   * It is not killed with this process where that takes the rights of another user.
   */
  readonly uncontained?: boolean;
  /** What it starts may outlive it; with `uncontained`, for it gets no namespace then. */
  readonly leavesChildren?: boolean;
  /** Runs also when the run was broken off, and to its end: what takes back what was begun. */
  readonly evenIfInterrupted?: boolean;
  /** Whatever else wants the processor comes first: guests, which are timed, of this run and others. */
  readonly givesWay?: boolean;
  /** Set where it runs what strangers wrote; without a sandbox on this machine it has no effect. */
  readonly confine?: Confinement;
}

/** How a command ended. A failure is data, never an exception. */
export interface CommandResult {
  readonly argv: readonly string[];
  /** Exit code; 128 + n after signal n; 127 when the program does not exist. */
  readonly code: number;
  /** The last MiB of each stream; "" where `log` took them. */
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  /** It was stopped because it printed without end. */
  readonly endless?: boolean;
  /** Bytes in the middle of what it printed that `log` lacks. */
  readonly leftOut?: number;
  readonly durationMs: number;
}

/** A running child whose standard output the caller reads as it comes. */
export interface Child {
  readonly stdout: ReadableStream<Uint8Array>;
  /** Resolves when the child and everything it started are gone. */
  readonly exit: Promise<number>;
  kill(): void;
}

export type Level = "debug" | "info" | "notice" | "warn";

export interface Host {
  run(command: Command): Promise<CommandResult>;
  /** Like run, for a child that is watched while it lives; standard error goes to `command.log`. */
  spawn(command: Command): Promise<Child>;
  /** How commands with `confine` run; asked anew until there is a sandbox. */
  sandbox(): Promise<SandboxUse>;
  /**
   * Runs a command with this process's own output streams and whole environment, for people; gives
   * its exit code.
   * @param input Whether it reads what is typed; Ctrl-C then is its own to handle.
   */
  attach(command: Command, input: boolean): Promise<number>;
  readonly fs: FileSystem;
  /** Of this process; commands may see another one, in a user namespace of theirs. 0 is root. */
  readonly userId: number;
  /** Milliseconds since the epoch. */
  now(): number;
  /**
   * Resolves after that time, or at once when the run is interrupted.
   * @param evenIfInterrupted After that time in any case.
   */
  sleep(ms: number, evenIfInterrupted?: boolean): Promise<void>;
  /** Tells all who read along what happens. */
  emit(event: RunEvent): void;
  /** Emits a notice. */
  log(level: Level, text: string): void;
  readonly env: (name: string) => string | undefined;
  /** All variables of this process. */
  readonly environment: () => Readonly<Record<string, string>>;
  /** Aborted by Ctrl-C and SIGTERM; every child is killed then. */
  readonly signal: AbortSignal;
  /** What this process and its commands have cost so far. */
  usage(): Usage;
}

/** A link's target is its text, as `ln -s` takes it. */
export type Entry =
  | { readonly kind: "file"; readonly executable: boolean }
  | { readonly kind: "link"; readonly target: string }
  | { readonly kind: "folder" | "other" };

export type FileKind = "file" | "folder" | "broken link" | "device, pipe or socket";

export interface LockRequest {
  readonly path: string;
  /** Held by many at a time, but by none beside one that holds it alone. */
  readonly shared?: boolean;
  /**
   * Told after half a second by whom it is held, and again when those have gone and others have it.
   * Others who wait learn of this process where it is given.
   */
  readonly waiting?: (holders: string) => void;
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

/** What is held until it is released; once more does nothing. */
export interface Held {
  release(): void;
}

export interface FileSystem {
  /** @throws Deno.errors.NotFound */
  readText(path: string): Promise<string>;
  readTextIfAny(path: string): Promise<string | null>;
  readBytes(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** A file to read parts of. @throws Deno.errors.NotFound */
  openParts(path: string): Promise<Parts & { close(): void }>;
  /** All of standard input, `limit` bytes of it and one more at most. */
  readInput(limit: number): Promise<Uint8Array>;
  /** The last `bytes` of a file as text; "" where there is none. */
  readTail(path: string, bytes: number): Promise<string>;
  /** Adds to the end of a file, which is made where there is none. */
  append(path: string, text: string): Promise<void>;
  /** All or nothing: written beside, then renamed into place. */
  writeText(path: string, text: string): Promise<void>;
  /** Opens a file for writing, emptied; what is written comes in order. */
  writer(path: string): Promise<{ write(data: Uint8Array): Promise<void>; close(): void }>;
  exists(path: string): Promise<boolean>;
  /** What a path is, links followed; null where there is nothing. */
  kind(path: string): Promise<FileKind | null>;
  /** Size in bytes and modification time in ms; null where there is none. */
  stat(path: string): Promise<{ size: number; mtimeMs: number; isDirectory: boolean } | null>;
  /**
   * Size, inode and times of a file as one text, which writing to the file changes, and putting
   * another in its place; null where there is none.
   */
  imprint(path: string): Promise<string | null>;
  /** What a path is itself, no link followed; null where there is nothing. */
  entry(path: string): Promise<Entry | null>;
  /** With all links resolved; null where there is none. */
  realPath(path: string): Promise<string | null>;
  /** Names in a folder, sorted; none where there is no such folder. */
  list(dir: string): Promise<string[]>;
  /** A program of PATH (or a path) with links resolved; null where there is none. */
  which(name: string): Promise<string | null>;
  makeDir(path: string): Promise<void>;
  remove(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  copy(from: string, to: string): Promise<void>;
  /** Puts a copy of a file (content and mode, new time) into place in one step. */
  replace(from: string, to: string): Promise<void>;
  /** Replaces a symbolic link in one step. */
  link(target: string, path: string): Promise<void>;
  /**
   * Takes a lock on a file that is made where there is none; the system drops it if this process
   * dies. @throws KmatrixError "infra" (no-file-locks), "interrupted" where the signal is aborted.
   */
  lock(request: LockRequest): Promise<Held>;
  /** The same without waiting; null where somebody else has it. */
  tryLock(request: Pick<LockRequest, "path" | "shared">): Promise<Held | null>;
  freeBytes(path: string): Promise<number>;
}
