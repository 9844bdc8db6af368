// SPDX-License-Identifier: MIT
/**
 * What is due for each crash of selftests/crash/: written down before the run, and compared with the
 * report of the plain matrix command. Pure.
 */
import type { CellReport, TestOutcome } from "../core/model/model.ts";

export interface Crash {
  /** Id of the guest test. */
  readonly test: string;
  readonly cell: "linux-6.12/crash" | "linux-6.12/crash-kasan";
  /** Failure id of the boot, or "sound". */
  readonly boot: string;
  /** Failure id of the test, or "passed". */
  readonly verdict: string;
  /** What the test behind it comes to. */
  readonly after: "passed" | "not-run";
  /** The function that the report must name with a source line; null where the kernel says nothing. */
  readonly inside: string | null;
  /** The limit that it is meant to hit, in ms: of a detector, of a test or of the boot. */
  readonly limitMs: number;
}

export const BEFORE = "crash_before.base.reads_its_own_pid";
export const AFTER = "crash_after.base.reads_its_own_pid";

/** A complaint in a test whose process dies of it, or goes on; the guest goes on in any case. */
const complains = (name: string, verdict: string, limitMs = 0): Crash => ({
  test: `crash_module.base.${name}`,
  cell: "linux-6.12/crash",
  boot: "sound",
  verdict,
  after: "passed",
  inside: `kmatrix_crash_${name}`,
  limitMs,
});

/** The end of the boot, with the id of the test that brought it about. */
const ends = (test: string, id: string, inside: string | null, limitMs = 0): Crash => ({
  test,
  cell: "linux-6.12/crash",
  boot: id,
  verdict: id,
  after: "not-run",
  inside,
  limitMs,
});

const SILENT_MS = 30_000;
/** 8 MiB through an emulated serial port. */
const CONSOLE_CAP_MS = 60_000;

export const CRASHES: readonly Crash[] = [
  complains("null_deref", "splat-page-fault"),
  complains("bad_pointer", "splat-general-protection"),
  complains("bug", "splat-bug"),
  complains("warn", "splat-warning"),
  complains("list_corruption", "splat-list-corruption"),
  complains("sleep_in_atomic", "splat-atomic-schedule"),
  { ...complains("out_of_bounds", "splat-kasan-out-of-bounds"), cell: "linux-6.12/crash-kasan" },
  { ...complains("use_after_free", "splat-kasan-use-after-free"), cell: "linux-6.12/crash-kasan" },
  // They last 3 s and 4 s of a guest whose clock lags behind; the detectors speak before.
  complains("soft_lockup", "splat-soft-lockup", 6000),
  complains("rcu_stall", "splat-rcu-stall", 5000),
  // The test's own 4 s, and 5 s for a process that does not die.
  complains("sleep_forever", "splat-hung-task", 9000),
  {
    ...ends("crash_module.base.stack_overflow", "panic", "kmatrix_crash_stack_overflow"),
    verdict: "splat-stack-overflow",
  },
  {
    ...ends("crash_module.base.stack_smash", "panic", "kmatrix_crash_stack_smash"),
    verdict: "splat-stack-protector",
  },
  ends("crash_module.base.panic", "panic", "kmatrix_crash_panic"),
  ends("crash_module.base.triple_fault", "guest-reset", null),
  ends("crash_module.base.endless_printk", "console-cap", null, CONSOLE_CAP_MS),
  {
    ...complains("out_of_memory", "splat-oom"),
    test: "crash_user.base.out_of_memory",
    inside: "populate_vma_page_range",
  },
  ends("crash_user.base.init_exits", "init-exited", "__do_sys_exit_group"),
  ends("crash_user.base.power_off", "guest-powered-off", null, SILENT_MS),
  ends("crash_user.base.restart", "guest-restarted", null),
  ends("crash_user.base.exit_port", "ended-early", null),
  {
    ...complains("waits_for_ever", "test-time-limit", 2000),
    test: "crash_user.base.waits_for_ever",
    inside: null,
  },
  {
    ...complains("console_garbage", "passed"),
    test: "crash_user.base.console_garbage",
    inside: null,
  },
];

/** What came of one crash, in the words of {@linkcode Crash}. */
export interface Outcome {
  readonly boot: string;
  readonly verdict: string;
  readonly before: string;
  readonly after: string;
  /** Tests that the boot was not asked to run, or that it blames as well. */
  readonly others: readonly string[];
  /** Everything that is said about the test and about the boot, a frame a line. */
  readonly text: string;
  readonly bootMs: number;
}

export function outcomeOf(crash: Crash, report: CellReport): Outcome {
  const boot = report.stages.find(({ stage }) => stage === "boot");
  const failed = report.stages.find(({ outcome }) => outcome.kind === "failed");
  const word = (id: string) => {
    const test = report.tests.find((one) => one.id === id);
    return test === undefined ? "missing" : wordOf(test.outcome);
  };
  const known = [BEFORE, crash.test, AFTER];
  const failures = [
    ...report.tests.filter(({ id }) => id === crash.test).map(({ outcome }) => outcome),
    ...boot ? [boot.outcome] : [],
  ].flatMap((outcome) => outcome.kind === "failed" ? [outcome.failure] : []);
  return {
    boot: failed?.outcome.kind === "failed"
      ? failed.stage === "boot" ? failed.outcome.failure.id : `${failed.stage} failed`
      : boot?.outcome.kind === "passed"
      ? "sound"
      : "did not boot",
    verdict: word(crash.test),
    before: word(BEFORE),
    after: word(AFTER),
    others: report.tests.map(({ id }) => id).filter((id) => !known.includes(id)),
    text: failures.map(({ message, detail }) => `${message}\n${detail}`).join("\n"),
    bootMs: report.facts.boot?.durationMs ?? NaN,
  };
}

function wordOf(outcome: TestOutcome): string {
  return outcome.kind === "failed" ? outcome.failure.id : outcome.kind;
}

/** Twice the time of a green boot, and the limit that it is meant to hit. */
export function allowedMs({ limitMs }: Crash, greenMs: number): number {
  return 2 * greenMs + limitMs;
}

/**
 * Everything in which a crash differs from what is due; empty where it is as it should be.
 * @param greenMs A boot of the same cell with nothing but the tests around the crash.
 */
export function differences(crash: Crash, outcome: Outcome, greenMs: number): string[] {
  const found: string[] = [];
  const compare = (what: string, due: string, is: string) => {
    if (due !== is) found.push(`${what} is ${is}, not ${due}`);
  };
  compare("the boot", crash.boot, outcome.boot);
  compare("the test", crash.verdict, outcome.verdict);
  compare("the test before", "passed", outcome.before);
  compare("the test behind", crash.after, outcome.after);
  for (const id of outcome.others) found.push(`${id} is in the report`);
  const { inside } = crash;
  // "?": clang gives the call that checks the stack no line of its own.
  if (
    inside !== null && !new RegExp(`^(in|by) ${inside} \\S+:(\\d+|\\?)`, "m").test(outcome.text)
  ) {
    found.push(`the report does not name a line of ${inside}()`);
  }
  const mostMs = allowedMs(crash, greenMs);
  if (!(outcome.bootMs <= mostMs)) {
    found.push(`the boot took ${outcome.bootMs} ms, more than ${mostMs} ms`);
  }
  return found;
}
