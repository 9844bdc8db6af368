// SPDX-License-Identifier: MIT
/** How long each phase of a boot may take before its rung of the ladder fires. */
import type { Accel, BootRecord, BootTimes, Feature, LimitRung } from "./model.ts";

export interface Limits {
  /** From QEMU's start to the first byte on the console. */
  readonly noOutputMs: number;
  /** From QEMU's start to the guest's first frame. */
  readonly initMs: number;
  /** Between two frames; the guest sends a heartbeat twice a second. */
  readonly silentMs: number;
  /** From start to end. */
  readonly bootMs: number;
  /** Bytes of console that are kept; a guest that prints more is stopped. */
  readonly consoleBytes: number;
  /** Bytes of results, a hundred times what all tests send; QEMU itself writes them to disk. */
  readonly resultBytes: number;
  /** What the guest multiplies each test's own limit with. */
  readonly timeScale: number;
}

const BASE = { noOutputMs: 20_000, initMs: 40_000, silentMs: 30_000, bootMs: 600_000 };

/** What a boot tells of how long its phases take; what it did not come to counts nothing. */
export function bootTimes(
  { firstByteMs, silentMs, durationMs }: Pick<
    BootRecord,
    "firstByteMs" | "silentMs" | "durationMs"
  >,
): BootTimes {
  return {
    firstOutputMs: firstByteMs?.console ?? 0,
    initMs: firstByteMs?.results ?? 0,
    silentMs: silentMs ?? 0,
    bootMs: durationMs,
  };
}

/** A phase may last this many times its longest measured time. */
const MARGIN = 10;

/**
 * Boots are alike in their limits where they run on the same accelerator under the same sanitizer, with
 * kernels that are as slow.
 */
export function limitClass(accel: Accel, features: readonly Feature[], slowness = 1): string {
  const kind = features.includes("kasan") ? `${accel}-kasan` : accel;
  return slowness < 1.5 ? kind : `${kind}-x${Math.round(slowness)}`;
}

/**
 * Emulation and sanitizers stretch all limits. The factors are chosen generously, not measured: a
 * limit that fires on a sound guest costs more trust than one that fires late. What this host has
 * measured stretches them further, and never makes one shorter.
 * @param timeoutSeconds Replaces the limit of the whole boot when not null.
 * @param slowness By the kernel's configuration (core/boot/demands.ts); KASAN counts besides.
 * @param measured The slowest sound boot of this host that tells something of the one to come.
 */
export function limitsFor(
  accel: Accel,
  features: readonly Feature[],
  timeoutSeconds: number | null,
  measured: BootTimes | null = null,
  slowness = 1,
): Limits {
  const factor = slowness * (accel === "tcg" ? 1 : 0.5) * (features.includes("kasan") ? 4 : 1);
  const atLeast = (ms: number, seenMs = 0) => Math.round(Math.max(ms * factor, MARGIN * seenMs));
  const initMs = atLeast(BASE.initMs, measured?.initMs);
  const stretched = initMs / atLeast(BASE.initMs);
  return {
    noOutputMs: atLeast(BASE.noOutputMs, measured?.firstOutputMs),
    initMs,
    silentMs: atLeast(BASE.silentMs, measured?.silentMs),
    bootMs: timeoutSeconds === null
      ? atLeast(BASE.bootMs, measured?.bootMs)
      : timeoutSeconds * 1000,
    // A sound guest of ours prints less than 0.2 MiB.
    consoleBytes: 8 << 20,
    resultBytes: 4 << 20,
    timeScale: Math.round(100 * Math.max(1, factor) * stretched) / 100,
  };
}

/** What fires a rung, the limit that it stands for, and what it says to people. */
type RungFacts =
  & { readonly text: string }
  & (
    | { readonly counts: "ms"; readonly limit: "noOutputMs" | "initMs" | "silentMs" | "bootMs" }
    | { readonly counts: "bytes"; readonly limit: "consoleBytes" | "resultBytes" }
  );

/** The rungs of the ladder; one without an answer does not compile. */
const RUNGS: Readonly<Record<LimitRung, RungFacts>> = {
  "no-output": { text: "the guest printed nothing at all", counts: "ms", limit: "noOutputMs" },
  "init-not-reached": {
    text: "the kernel came up but its init never reported",
    counts: "ms",
    limit: "initMs",
  },
  "guest-silent": {
    text: "the guest fell silent: no result and no heartbeat",
    counts: "ms",
    limit: "silentMs",
  },
  "boot-limit": { text: "the boot took longer than its limit", counts: "ms", limit: "bootMs" },
  "results-cap": {
    text: "the guest sent more results than any test does, and was stopped",
    counts: "bytes",
    limit: "resultBytes",
  },
  "console-cap": {
    text: "the console printed more than is kept, and was stopped",
    counts: "bytes",
    limit: "consoleBytes",
  },
};

/** Whether a rung fires by how much is printed, not by time. */
export function countsBytes(rung: LimitRung): boolean {
  return RUNGS[rung].counts === "bytes";
}

/** The limit that a rung stands for, in ms; null for those that count bytes. */
export function rungLimitMs(rung: LimitRung, limits: Limits): number | null {
  const { counts, limit } = RUNGS[rung];
  return counts === "bytes" ? null : limits[limit];
}

/** What a rung says to people. */
export function rungText(rung: LimitRung): string {
  return RUNGS[rung].text;
}

export interface Progress {
  readonly elapsedMs: number;
  readonly consoleBytes: number;
  readonly resultBytes: number;
  /** Since the result file last grew. */
  readonly sinceResultMs: number;
}

/** The rung that fires now, or null to go on waiting. */
export function firedRung(limits: Limits, progress: Progress): LimitRung | null {
  if (progress.consoleBytes > limits.consoleBytes) return "console-cap";
  if (progress.resultBytes > limits.resultBytes) return "results-cap";
  if (progress.elapsedMs > limits.bootMs) return "boot-limit";
  if (progress.resultBytes > 0) {
    return progress.sinceResultMs > limits.silentMs ? "guest-silent" : null;
  }
  if (progress.consoleBytes === 0 && progress.elapsedMs > limits.noOutputMs) return "no-output";
  return progress.elapsedMs > limits.initMs ? "init-not-reached" : null;
}
