// SPDX-License-Identifier: MIT

/**
 * `deno task quality`: what fills the buffer, and which PCs come and go. A boot that is asked for it
 * in cell.json runs these tests instead of the selftests.
 */

import {
  attachFilling,
  attachRuns,
  CONDITIONS,
  type Filling,
  QUALITY_BITMAP_WORDS,
  type QualityRequest,
  type Runs,
  RUNS_BUFFER_WORDS,
  type SameTrace,
} from "../contract/quality.ts";
import { fail } from "../harness/asserts.ts";
import { Batch, type Step } from "../harness/batch.ts";
import { fixture, type RunnableTest, type TestContext } from "../harness/fixtures.ts";
import { guest, SYS, uninterrupted } from "../harness/guest.ts";
import { beside } from "./conditions.ts";
import { argumentOf } from "./call_argument.ts";
import { Counters } from "./counters.ts";
import { preparePrograms } from "./dedup_programs.ts";
import { enableUniqueOrSkip, entryCounts, type Kcov, KCOV_TRACE_PC, openMapped } from "./kcov.ts";

/** 65535 entries. */
const BUFFER_WORDS = 64 * 1024;
/** What is kept of a subject's different traces; an entry takes nine bytes of a limited channel. */
const MOST_TRACES = 200;
const MOST_WORDS = 32 * 1024;
/** Runs that were asked for and not made until then are left out. */
const RUNS_MS = 60_000;
const TIMEOUT_MS = 150_000;
/** What one call may take: it is run thrice, or for RUNS_MS and a last time. */
const CALL_MS = 10_000;
/** There while the first runs of a subject are not over: a call that waits for ever leaves it. */
const UNFINISHED = "/kmatrix/quality-unfinished";

function timeoutOf({ subject }: QualityRequest, leastMs: number): number {
  return subject.kind === "call" ? leastMs + 3 * CALL_MS : TIMEOUT_MS;
}
/**
 * Of each second the kernel keeps 50 ms for others from whoever is under SCHED_FIFO. A rest between
 * windows leaves them more, so that nothing is switched to within one.
 */
const [WORK_MS, REST_MS] = [50, 5];

/** Something that runs in a window. */
interface Subject {
  readonly name: string;
  readonly calls: number;
  /** Appends it; what comes back tells what a single call returned, or throws where one went wrong. */
  appendTo(batch: Batch): () => number | null;
}

/** Prepares the subjects of a request, until the end of the test. */
function subjectsOf({ subject }: QualityRequest, t: TestContext): Subject[] {
  if (subject.kind === "call") {
    const { number, args } = subject;
    return [{
      name: "call",
      calls: 1,
      appendTo(batch) {
        const step = batch.syscall(number, args.map(argumentOf));
        return () => Number(batch.result(step));
      },
    }];
  }
  return preparePrograms(t).map((program) => ({
    name: program.name,
    calls: program.calls,
    appendTo(batch) {
      const check = program.appendTo(batch);
      return () => {
        check();
        return null;
      };
    },
  }));
}

/** The third run of a subject, after which nothing is there for the first time. */
function fill(device: Kcov, { name, calls, appendTo }: Subject): Filling {
  const batch = new Batch();
  device.resetIn(batch);
  const result = appendTo(batch);
  const count = device.countIn(batch);
  for (let run = 0; run < 3; run++) batch.run();
  const entries = Number(batch.result(count));
  const full = entries >= device.words - device.bitmapWords - 1;
  return {
    subject: name,
    calls,
    result: result(),
    entries,
    full,
    counts: entryCounts(device, "pc", entries),
  };
}

function fillingTests(request: QualityRequest): RunnableTest[] {
  const filling = fixture("filling", {
    file: "selftests/kcov/quality.ts",
    requires: ["kcov"],
    variants: { pc: { unique: false }, unique: { unique: true, requires: ["unique"] } },
    setup: (t) => openMapped(t, BUFFER_WORDS),
  });
  filling.test("counts", (t, device, { unique }) => {
    const subjects = subjectsOf(request, t);
    if (unique) enableUniqueOrSkip(t, device, QUALITY_BITMAP_WORDS);
    else device.enable(KCOV_TRACE_PC);
    guest().call(SYS.mkdir, UNFINISHED, 0o755);
    const fillings = uninterrupted(() => subjects.map((subject) => fill(device, subject)));
    guest().call(SYS.rmdir, UNFINISHED);
    device.disable();
    fillings.forEach((one, index) => attachFilling(t.attach.bind(t), index, one));
  }, { timeoutMs: timeoutOf(request, 0) });
  return filling.list();
}

type Kept = { -readonly [Name in keyof Omit<SameTrace, "pcs">]: number } & {
  readonly pcs: BigUint64Array;
};

/** Runs a subject up to so often and keeps its different traces. */
function repeat(
  device: Kcov,
  subject: Subject,
  times: number,
  counters: Counters,
  arm: (batch: Batch) => void,
): Runs {
  const sys = guest();
  const batch = new Batch();
  counters.before(batch);
  arm(batch);
  device.resetIn(batch);
  const check = subject.appendTo(batch);
  const count: Step = device.countIn(batch);
  counters.after(batch);

  const kept: Kept[] = [];
  const sum = { interrupted: 0, switched: 0, faulted: 0 };
  let [run, unkept, words] = [0, 0, 0];
  let restMs = sys.nowMs() + WORK_MS;
  for (const endMs = sys.nowMs() + RUNS_MS; run < times && sys.nowMs() < endMs; run++) {
    if (sys.nowMs() >= restMs) {
      rest();
      restMs = sys.nowMs() + WORK_MS;
    }
    batch.run();
    check();
    const seen = counters.read();
    const first = device.bitmapWords + 1;
    const pcs = device.buffer.subarray(first, first + Number(batch.result(count)));
    let same = kept.find((one) =>
      one.pcs.length === pcs.length && sys.difference(one.pcs, pcs) < 0
    );
    if (!same && kept.length < MOST_TRACES && words + pcs.length <= MOST_WORDS) {
      words += pcs.length;
      same = { pcs: pcs.slice(), runs: 0, first: run, last: run, ...zero() };
      kept.push(same);
    }
    for (const name of ["interrupted", "switched", "faulted"] as const) {
      sum[name] += seen[name];
      if (same) same[name] += seen[name];
    }
    if (!same) unkept++;
    else {
      same.runs++;
      same.last = run;
    }
  }
  kept.sort((a, b) => b.runs - a.runs || a.first - b.first);
  const traces = kept.map((one) => ({ ...one, pcs: [...one.pcs] }));
  return { subject: subject.name, runs: run, ...sum, traces, unkept };
}

/** Not sleepMs(): a signal of the condition may end it. */
function rest(): void {
  const time = new BigInt64Array([0n, BigInt(REST_MS * 1_000_000)]);
  guest().tryCall(SYS.nanosleep, time, null);
}

function zero() {
  return { interrupted: 0, switched: 0, faulted: 0 };
}

function runsTests(request: QualityRequest): RunnableTest[] {
  const runs = fixture("runs", {
    file: "selftests/kcov/quality.ts",
    requires: ["kcov"],
    variants: Object.fromEntries(CONDITIONS.map((condition) => [condition, { condition }])),
    setup: (t) => openMapped(t, RUNS_BUFFER_WORDS),
  });
  runs.test("traces", (t, device, { condition }) => {
    if (guest().tryCall(SYS.rmdir, UNFINISHED) === 0) {
      guest().call(SYS.mkdir, UNFINISHED, 0o755);
      fail("not run again, for it did not come back the first time");
    }
    // First, for the programs use the descriptor that is free when they are prepared.
    const counters = new Counters(t);
    const subjects = subjectsOf(request, t);
    const { fifo, arm } = beside(t, condition);
    device.enable(KCOV_TRACE_PC);
    const all = () =>
      subjects.map((subject) => repeat(device, subject, request.runs, counters, arm));
    const found = fifo ? uninterrupted(all) : all();
    device.disable();
    found.forEach((one, index) => attachRuns(t.attach.bind(t), index, one));
  }, { timeoutMs: timeoutOf(request, RUNS_MS) });
  return runs.list();
}

/** What a boot with this request runs. */
export function qualityTests(request: QualityRequest): readonly RunnableTest[] {
  return [...fillingTests(request), ...runsTests(request)];
}
