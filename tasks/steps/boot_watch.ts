// SPDX-License-Identifier: MIT
/** A guest while it runs: its console kept up to a cap, its results followed, limits held. */
import type { Child, Host } from "../host/host.ts";
import type { BootEnd, BootRecord } from "../core/model/model.ts";
import { FrameReader, type TestNews, testNews } from "../core/judge/frames.ts";
import { firedRung, type Limits, rungLimitMs } from "../core/model/limits.ts";
import { RECORDINGS } from "../core/model/paths.ts";
import { stalledMs } from "./cpu_stall.ts";

export interface Watched {
  readonly end: BootEnd;
  /** When the first byte of each came, in ms from the start. */
  readonly firstByteMs: NonNullable<BootRecord["firstByteMs"]>;
  readonly lastByteMs?: number;
  readonly stalledMs?: NonNullable<BootRecord["stalledMs"]>;
  /** The longest time between two results. */
  readonly silentMs: number;
}

const POLL_MS = 100;
/** Until the first test, so that its time is worth something. */
const FIRST_POLL_MS = 20;

/**
 * Watches until the guest's QEMU has ended, by itself or for a limit. What the guest says of tests is
 * emitted.
 * @param boot With the folder of the recordings.
 * @throws what writing the console throws.
 */
export async function watchBoot(
  child: Child,
  boot: { readonly cell: string; readonly dir: string; readonly limits: Limits },
  startedAt: number,
  host: Host,
): Promise<Watched> {
  const { limits } = boot;
  const console = await ConsoleCopy.open(boot.dir, limits.consoleBytes, startedAt, host);
  const results = new ResultFollower(boot, startedAt, host);
  const copying = console.copy(child.stdout);
  let code: number | null = null;
  const exit = child.exit.then((value) => {
    code = value;
  });
  let limit: BootEnd | null = null;
  const stall = await Stall.begin(host);
  while (code === null && limit === null) {
    const pause = host.sleep(results.testMs === undefined ? FIRST_POLL_MS : POLL_MS);
    await Promise.race([exit, console.full, pause]);
    if (host.signal.aborted || console.broken) break;
    const now = host.now();
    const grown = await results.look(now);
    await stall.note({
      console: console.firstMs !== undefined,
      results: results.firstMs !== undefined,
      test: results.testMs !== undefined,
    }, grown);
    const rung = firedRung(limits, {
      elapsedMs: now - startedAt,
      consoleBytes: console.bytes,
      resultBytes: results.bytes,
      sinceResultMs: now - results.lastAt,
    });
    if (rung && code === null) {
      const limitMs = rungLimitMs(rung, limits);
      limit = { kind: "limit", rung, afterMs: now - startedAt, limitMs };
    }
  }
  if (code === null) child.kill();
  await exit;
  await copying;
  // It may have written and ended while it was looked at for the last time.
  if (!host.signal.aborted) await results.look(host.now());
  await console.close();
  const stalled = await stall.end();
  // Also where the guest has ended before it could be stopped: what is left out may be a complaint.
  if (limit === null && console.isOverCap) {
    limit = { kind: "limit", rung: "console-cap", afterMs: host.now() - startedAt };
  }
  return {
    end: limit ?? { kind: "exited", code: code ?? 0 },
    firstByteMs: {
      ...(console.firstMs === undefined ? {} : { console: console.firstMs }),
      ...(results.firstMs === undefined ? {} : { results: results.firstMs }),
      ...(results.testMs === undefined ? {} : { test: results.testMs }),
    },
    ...(results.bytes > 0 ? { lastByteMs: results.lastAt - startedAt } : {}),
    ...(stalled === null ? {} : { stalledMs: stalled }),
    silentMs: results.silentMs,
  };
}

type Stalled = NonNullable<BootRecord["stalledMs"]>;

/** How long the machine was overloaded until each moment of a boot. */
class Stall {
  readonly #host: Host;
  /** null on a host that does not tell. */
  readonly #first: number | null;
  #marks: { -readonly [Mark in keyof Stalled]: number } = {};

  private constructor(first: number | null, host: Host) {
    this.#first = first;
    this.#host = host;
  }

  static async begin(host: Host): Promise<Stall> {
    return new Stall(await stalledMs(host), host);
  }

  /** @param grown Whether results have come since the last time. */
  async note(reached: Readonly<Record<"console" | "results" | "test", boolean>>, grown: boolean) {
    const isNew = (["console", "results", "test"] as const)
      .some((mark) => reached[mark] && this.#marks[mark] === undefined);
    const ms = isNew || grown ? await this.#since() : null;
    if (ms === null) return;
    for (const mark of ["console", "results", "test"] as const) {
      if (reached[mark]) this.#marks[mark] ??= ms;
    }
    if (grown) this.#marks.last = ms;
  }

  async end(): Promise<Stalled | null> {
    const ms = await this.#since();
    return ms === null ? null : { ...this.#marks, end: ms };
  }

  async #since(): Promise<number | null> {
    const now = this.#first === null ? null : await stalledMs(this.#host);
    return now === null ? null : now - this.#first!;
  }
}

type Writer = Awaited<ReturnType<Host["fs"]["writer"]>>;

/** Copies what the guest prints to a file, up to a cap. */
class ConsoleCopy {
  /** Of all that was printed, kept or not. */
  bytes = 0;
  firstMs: number | undefined;
  readonly #full = Promise.withResolvers<void>();
  readonly #file: Writer;
  readonly #cap: number;
  readonly #now: () => number;
  #unwritten: unknown = null;

  private constructor(file: Writer, cap: number, now: () => number) {
    this.#file = file;
    this.#cap = cap;
    this.#now = now;
  }

  static async open(
    dir: string,
    cap: number,
    startedAt: number,
    host: Host,
  ): Promise<ConsoleCopy> {
    const file = await host.fs.writer(`${dir}/${RECORDINGS.console}`);
    return new ConsoleCopy(file, cap, () => host.now() - startedAt);
  }

  /** Resolves once there is more than the cap. */
  get full(): Promise<void> {
    return this.#full.promise;
  }

  get isOverCap(): boolean {
    return this.bytes > this.#cap;
  }

  /** Whether it could not be written. */
  get broken(): boolean {
    return this.#unwritten !== null;
  }

  async copy(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of stream) {
      this.firstMs ??= this.#now();
      const room = this.#cap - this.bytes;
      this.bytes += chunk.length;
      // What is over the cap is read and dropped, so that the guest's end is still seen.
      if (room > 0) await this.#keep(chunk.subarray(0, room));
      if (this.isOverCap) this.#full.resolve();
    }
  }

  /** Says at its end what it lacks. @throws what writing it has thrown. */
  async close(): Promise<void> {
    if (this.isOverCap) {
      const cut = `\n[kmatrix: ${this.bytes - this.#cap} bytes of console left out]\n`;
      await this.#keep(new TextEncoder().encode(cut));
    }
    this.#file.close();
    if (this.#unwritten !== null) throw this.#unwritten;
  }

  async #keep(data: Uint8Array): Promise<void> {
    if (this.#unwritten !== null) return;
    try {
      await this.#file.write(data);
    } catch (error) {
      this.#unwritten = error;
    }
  }
}

/** Reads on in the results that QEMU writes. */
class ResultFollower {
  bytes = 0;
  /** When the last byte came; before the first, when the boot began. */
  lastAt: number;
  silentMs = 0;
  firstMs: number | undefined;
  /** When the first test began. */
  testMs: number | undefined;
  readonly #boot: { readonly cell: string; readonly dir: string };
  readonly #startedAt: number;
  readonly #host: Host;
  readonly #frames = new FrameReader();

  constructor(
    boot: { readonly cell: string; readonly dir: string },
    startedAt: number,
    host: Host,
  ) {
    this.#boot = boot;
    this.#startedAt = startedAt;
    this.lastAt = startedAt;
    this.#host = host;
  }

  /** Whether there was something new. */
  async look(now: number): Promise<boolean> {
    const { cell, dir } = this.#boot;
    const file = `${dir}/${RECORDINGS.results}`;
    const size = (await this.#host.fs.stat(file))?.size ?? 0;
    if (size === this.bytes) return false;
    const sinceStart = now - this.#startedAt;
    this.firstMs ??= sinceStart;
    const told = { cell, folder: dir };
    for (const one of await this.#news(file, size)) {
      if (one.kind === "started") this.testMs ??= sinceStart;
      this.#host.emit(
        one.kind === "started"
          ? { event: "test-started", ...told, test: one.test }
          : { event: "test-ended", ...told, test: one.test, said: one.said },
      );
    }
    if (this.bytes > 0) this.silentMs = Math.max(this.silentMs, now - this.lastAt);
    [this.bytes, this.lastAt] = [size, now];
    return true;
  }

  async #news(file: string, size: number): Promise<TestNews[]> {
    if (size < this.bytes) return [];
    const parts = await this.#host.fs.openParts(file);
    try {
      const frames = this.#frames.feed(parts.read(this.bytes, size - this.bytes));
      return frames.map(testNews).filter((one) => one !== null);
    } finally {
      parts.close();
    }
  }
}
