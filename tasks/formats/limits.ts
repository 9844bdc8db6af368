// SPDX-License-Identifier: MIT
/** How long each phase of a boot may take before its rung of the ladder fires. */
import type { Accel, Feature, LimitRung } from "../model.ts";

export interface Limits {
  /** From QEMU's start to the first byte on the console. */
  readonly noOutputMs: number;
  /** From QEMU's start to the guest's first frame. */
  readonly initMs: number;
  /** Between two frames; the guest sends a heartbeat each second. */
  readonly silentMs: number;
  /** From start to end. */
  readonly bootMs: number;
  /** Bytes of console that are kept; a guest that prints more is stopped. */
  readonly consoleBytes: number;
  /** What the guest multiplies each test's own limit with. */
  readonly timeScale: number;
}

const BASE = { noOutputMs: 20_000, initMs: 40_000, silentMs: 30_000, bootMs: 600_000 };

/**
 * Emulation and sanitizers stretch all limits. The factors are chosen generously, not measured: a
 * limit that fires on a sound guest costs more trust than one that fires late.
 * @param timeoutSeconds Replaces the limit of the whole boot when not null.
 */
export function limitsFor(
  accel: Accel,
  features: readonly Feature[],
  timeoutSeconds: number | null,
): Limits {
  const factor = (accel === "tcg" ? 1 : 0.5) * (features.includes("kasan") ? 4 : 1);
  const scaled = (ms: number) => Math.round(ms * factor);
  return {
    noOutputMs: scaled(BASE.noOutputMs),
    initMs: scaled(BASE.initMs),
    silentMs: scaled(BASE.silentMs),
    bootMs: timeoutSeconds === null ? scaled(BASE.bootMs) : timeoutSeconds * 1000,
    consoleBytes: 16 << 20,
    timeScale: Math.max(1, factor),
  };
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
  if (progress.elapsedMs > limits.bootMs) return "boot-limit";
  if (progress.resultBytes > 0) {
    return progress.sinceResultMs > limits.silentMs ? "guest-silent" : null;
  }
  if (progress.consoleBytes === 0 && progress.elapsedMs > limits.noOutputMs) return "no-output";
  return progress.elapsedMs > limits.initMs ? "init-not-reached" : null;
}

/** What a rung says to people. */
export function rungText(rung: LimitRung): string {
  switch (rung) {
    case "no-output":
      return "the guest printed nothing at all";
    case "init-not-reached":
      return "the kernel came up but its init never reported";
    case "guest-silent":
      return "the guest fell silent: no result and no heartbeat";
    case "boot-limit":
      return "the boot took longer than its limit";
    case "console-cap":
      return "the console printed more than is kept, and was stopped";
  }
}
