// SPDX-License-Identifier: MIT
/** A host whose clock, commands and children are a test's own; its files are those of the disk. */
import { eventText } from "../core/report/event_text.ts";
import type { RunEvent } from "../core/model/run_event.ts";
import type { Child, Command, CommandResult, FileSystem, Host, Level } from "../host/host.ts";
import type { SandboxUse } from "../core/model/model.ts";
import { denoFileSystem } from "../host/deno_fs.ts";

export { withTempDir } from "./temp_dir.ts";

export interface FakeHostOptions {
  /** What a command answers; a missing answer is code 0 and no output. */
  readonly answer?: (command: Command) => Partial<CommandResult> | undefined;
  readonly spawn?: (command: Command, clock: FakeClock) => Child;
  readonly fs?: Partial<FileSystem>;
  readonly signal?: AbortSignal;
  readonly sandbox?: () => SandboxUse;
  /** Root without it. */
  readonly userId?: number;
}

/** Time that passes only while somebody sleeps. */
export class FakeClock {
  #nowMs = Date.parse("2026-01-01T00:00:00Z");
  readonly #alarms: { atMs: number; ring: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  /** Calls back once that time has passed. */
  after(ms: number, ring: () => void): void {
    this.#alarms.push({ atMs: this.#nowMs + ms, ring });
  }

  async sleep(ms: number): Promise<void> {
    this.#nowMs += ms;
    for (const alarm of this.#alarms.filter(({ atMs }) => atMs <= this.#nowMs)) {
      this.#alarms.splice(this.#alarms.indexOf(alarm), 1);
      alarm.ring();
    }
    // Lets readers of streams and files see what the alarms have done.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

export class FakeHost implements Host {
  readonly fs: FileSystem;
  readonly signal: AbortSignal;
  readonly userId: number;
  readonly clock = new FakeClock();
  /** Every command, as words. */
  readonly commands: (readonly string[])[] = [];
  readonly events: RunEvent[] = [];
  /** What a screen would show of them. */
  readonly messages: string[] = [];
  readonly #options: FakeHostOptions;

  constructor(options: FakeHostOptions = {}) {
    this.#options = options;
    this.fs = { ...denoFileSystem, ...options.fs };
    this.userId = options.userId ?? 0;
    this.signal = options.signal ?? new AbortController().signal;
  }

  run(command: Command): Promise<CommandResult> {
    this.commands.push(command.argv);
    const nothing = { code: 0, stdout: "", stderr: "", timedOut: false, durationMs: 0 };
    return Promise.resolve({
      argv: command.argv,
      ...nothing,
      ...this.#options.answer?.(command),
    });
  }

  spawn(command: Command): Promise<Child> {
    this.commands.push(command.argv);
    if (!this.#options.spawn) throw new Error(`nothing is spawned here: ${command.argv[0]}`);
    return Promise.resolve(this.#options.spawn(command, this.clock));
  }

  sandbox(): Promise<SandboxUse> {
    return Promise.resolve(this.#options.sandbox?.() ?? { kind: "none", why: "off" });
  }

  attach(command: Command): Promise<number> {
    this.commands.push(command.argv);
    return Promise.resolve(this.#options.answer?.(command)?.code ?? 0);
  }

  now(): number {
    return this.clock.now();
  }

  sleep(ms: number): Promise<void> {
    return this.clock.sleep(ms);
  }

  emit(event: RunEvent): void {
    this.events.push(event);
    const line = eventText(event);
    if (line) this.messages.push(`${line.level}: ${line.text}`);
  }

  log(level: Level, text: string): void {
    this.emit({ event: "notice", level, text });
  }

  env = (): undefined => undefined;
  environment = (): Readonly<Record<string, string>> => ({});

  usage() {
    return { programsMs: {}, peakMiB: 0 };
  }
}
