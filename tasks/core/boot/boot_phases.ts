// SPDX-License-Identifier: MIT
/** Where the time of a boot went, as far as the host sees it, and where it was more than is due. */
import type { Accel, BootPhase, BootRecord, Feature, OverBudget } from "../model/model.ts";
import { BOOT_PHASES } from "../model/model.ts";

/**
 * How long each phase lasted, in ms; together they are the whole boot: `start` until the first byte
 * of the console (QEMU, its firmware, the kernel until it has a console), `kernel` until the first
 * byte of the results (kernel, start of init and its engine), `init` until the first test begins,
 * `tests` until the last byte of the results, `exit` until QEMU has ended. The last one that a boot
 * came to goes on until its end.
 */
export function bootPhases(
  { firstByteMs, lastByteMs, durationMs }: Pick<
    BootRecord,
    "firstByteMs" | "lastByteMs" | "durationMs"
  >,
): Partial<Record<BootPhase, number>> {
  const { console, results, test } = firstByteMs ?? {};
  if (console === undefined) return {};
  // A record of an older version does not tell init from tests.
  const old = results !== undefined && lastByteMs === undefined;
  const ends = old
    ? { start: console, kernel: results, init: results }
    : { start: console, kernel: results, init: test, tests: lastByteMs, exit: durationMs };
  const phases: Partial<Record<BootPhase, number>> = {};
  let from = 0;
  for (const phase of BOOT_PHASES) {
    const end: number | undefined = ends[phase as keyof typeof ends];
    phases[phase] = (end ?? durationMs) - from;
    if (end === undefined) break;
    from = end;
  }
  return phases;
}

/**
 * The part of each phase, 0 to 1, in which the machine had more to do than its processors could; none
 * where the host does not tell.
 */
export function stalledShares(
  { stalledMs, firstByteMs, lastByteMs, durationMs }: Pick<
    BootRecord,
    "stalledMs" | "firstByteMs" | "lastByteMs" | "durationMs"
  >,
): Partial<Record<BootPhase, number>> {
  if (stalledMs?.end === undefined) return {};
  const { console, results, test, last, end } = stalledMs;
  const stalled = bootPhases({
    firstByteMs: {
      ...(console === undefined ? {} : { console }),
      ...(results === undefined ? {} : { results }),
      ...(test === undefined ? {} : { test }),
    },
    ...(last === undefined ? {} : { lastByteMs: last }),
    durationMs: end,
  });
  const whole = bootPhases({
    ...(firstByteMs === undefined ? {} : { firstByteMs }),
    ...(lastByteMs === undefined ? {} : { lastByteMs }),
    durationMs,
  });
  const shares = BOOT_PHASES.flatMap((phase): [BootPhase, number][] => {
    const [part, ms] = [stalled[phase], whole[phase]];
    if (part === undefined || ms === undefined) return [];
    return [[phase, ms <= 0 ? 0 : Math.min(1, Math.max(0, part / ms))]];
  });
  return Object.fromEntries(shares);
}

/**
 * What each phase may take without a word, in ms: about three times what the slowest cell without
 * KASAN and remote sections takes beside builds, on two cores under emulation (1000, of it most for a
 * bzImage to unpack itself, 1000, 21, 12100 and 26 ms), and no less than 300 ms. With KVM half of it,
 * as for limits; nobody has measured that.
 */
const BUDGET_MS: Record<BootPhase, number> = {
  start: 3000,
  kernel: 3000,
  init: 300,
  tests: 36_000,
  exit: 300,
};

/** For people, who know no phases. */
const PHASE_TEXT: Record<BootPhase, string> = {
  start: "QEMU's start to the first kernel line",
  kernel: "first kernel line to init",
  init: "init to the first test",
  tests: "first to last test",
  exit: "last test to QEMU's end",
};

/** Phases over their budget: a warning, never a failure. */
export function overBudget(
  phases: Partial<Record<BootPhase, number>>,
  accel: Accel,
  features: readonly Feature[],
  slowness = 1,
): OverBudget[] {
  const factor = slowness * (accel === "tcg" ? 1 : 0.5) * (features.includes("kasan") ? 2 : 1);
  return BOOT_PHASES.flatMap((phase) => {
    const [ms, budgetMs] = [phases[phase] ?? 0, BUDGET_MS[phase] * factor];
    return ms <= budgetMs ? [] : [{ phase, ms, budgetMs }];
  });
}

/** "tests (first to last test) 16.2 s, budget 12 s" */
export function overBudgetText({ phase, ms, budgetMs }: OverBudget): string {
  return `${phase} (${PHASE_TEXT[phase]}) ${(ms / 1000).toFixed(1)} s, budget ${budgetMs / 1000} s`;
}
