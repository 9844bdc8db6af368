// SPDX-License-Identifier: MIT
/** A boot's answers held against what is stated of its kernel (core/matrix/promise_book.ts). */
import * as v from "valibot";
import {
  isAnswer,
  isPromiseId,
  PROMISE_IDS,
  type PromiseAnswer,
  type PromiseId,
} from "../../../selftests/contract/promises.ts";
import { nearestPromises } from "../matrix/promise_book.ts";
import { splitCellId } from "../model/cells.ts";
import { type Failure, failure } from "../model/errors.ts";
import type {
  Deviation,
  Feature,
  HeldAs,
  PromiseBook,
  PromiseReport,
  StatedPromises,
  TestOutcome,
} from "../model/model.ts";
import { counted } from "../text/counted.ts";
import { cachedJson, objectOf, type Shape, strings } from "../text/shape.ts";
import type { Frame } from "./frames.ts";

const answerShape = v.looseObject({ test: v.string(), promise: v.string(), answer: v.string() });

/** The answers of a stream, and the first that is none. */
export function answersOf(
  frames: readonly Frame[],
): { readonly answers: readonly PromiseAnswer[]; readonly stray: string | null } {
  const answers: PromiseAnswer[] = [];
  let stray: string | null = null;
  for (const { kind, payload } of frames) {
    if (kind !== "P") continue;
    const found = cachedJson(answerShape, payload);
    if (found !== null && isPromiseId(found.promise) && isAnswer(found.promise, found.answer)) {
      answers.push({ test: found.test, promise: found.promise, answer: found.answer });
    } else stray ??= payload;
  }
  return { answers, stray };
}

/** Which kernel has answered. */
export interface Answering {
  readonly cell: string;
  /** Whose statements a series was put on top of; null for a kernel as it is. */
  readonly base: string | null;
  readonly release: string | null;
  readonly features: readonly Feature[];
}

/** The statements to hold a kernel against, and what a deviation from them is. */
export function statementsFor(
  { cell, base, release, features }: Answering,
  book: PromiseBook,
): { readonly stated: StatedPromises; readonly as: HeldAs } | null {
  const named = (id: string | null | undefined) => book.find((one) => one.id === id);
  // A brought kernel never has the id of one of the project's.
  const own = named(splitCellId(cell)?.kernel);
  if (own?.ofKernel) return { stated: own, as: "own" };
  // The first patches of a series of ours do not bring its ioctls yet.
  let below = named(base);
  while (below && !below.brings.every((feature) => features.includes(feature))) {
    below = named(below.base);
  }
  if (below) return { stated: below, as: "base" };
  const stated = nearestPromises(book, release, features);
  return stated && { stated, as: "nearest" };
}

/** All answers of a boot beside what is stated. Never says "kept" of what nobody asked. */
export function holdPromises(
  answering: Answering,
  answers: readonly PromiseAnswer[],
  book: PromiseBook,
): PromiseReport {
  const held = statementsFor(answering, book);
  const statements = held?.stated.statements ?? new Map();
  const asked = PROMISE_IDS.flatMap((promise) => {
    const mine = answers.filter((one) => one.promise === promise);
    return mine.length > 0 ? [{ promise, mine }] : [];
  });
  return {
    against: held && { id: held.stated.id, version: held.stated.version, as: held.as },
    answers: asked.map(({ promise, mine }) => ({
      promise,
      answers: [...new Set(mine.map(({ answer }) => answer))],
    })),
    deviations: held === null ? [] : asked.flatMap(({ promise, mine }) => {
      const expected = statements.get(promise)?.answer ?? null;
      const others = new Set(mine.map(({ answer }) => answer).filter((one) => one !== expected));
      return [...others].map((answered): Deviation => {
        const from = mine.filter(({ answer }) => answer === answered).map(({ test }) => test);
        return { promise, expected, answered, tests: [...new Set(from)] };
      });
    }),
    notAsked: [...statements.keys()].filter((id) => asked.every(({ promise }) => promise !== id)),
  };
}

/** Whether a deviation fails the test that found it out. */
export function isBroken({ expected }: Deviation, as: HeldAs | undefined): boolean {
  return as === "own" || (as === "base" && expected !== null);
}

/** For people: "enable.again: expected EINVAL, answered EBUSY". */
export function deviationText({ promise, expected, answered }: Deviation): string {
  return expected === null
    ? `${promise}: nothing is stated, answered ${answered}`
    : `${promise}: expected ${expected}, answered ${answered}`;
}

/** What a kernel does otherwise that nothing is stated of, for people; null for nothing to say. */
export function differencesText({ against, deviations }: PromiseReport): string | null {
  const differing = deviations.filter((one) => !isBroken(one, against?.as));
  if (against === null || differing.length === 0) return null;
  const from = against.as === "base"
    ? `what kernels/${against.id} promises, below its series`
    : `kernels/${against.id}, the nearest version that promises are stated of`;
  return `${counted(differing.length, "difference")} from ${from}: ` +
    differing.map(deviationText).join("; ");
}

/**
 * The outcome of a test that found a promise broken. That is the cause of whatever else it says of
 * itself; a complaint of the kernel, or the end of the boot, comes first.
 */
export function judgePromises(
  test: string,
  { against, deviations }: PromiseReport,
  outcome: TestOutcome,
): TestOutcome {
  const broken = deviations.filter((one) => isBroken(one, against?.as) && one.tests.includes(test));
  if (broken.length === 0) return outcome;
  if (outcome.kind === "failed" && outcome.failure.kind !== "test") return outcome;
  const detail = outcome.kind === "failed"
    ? [outcome.failure.message, outcome.failure.detail].filter(Boolean).join("\n")
    : "";
  return { kind: "failed", failure: brokenFailure(broken, against!.id, detail) };
}

function brokenFailure(broken: readonly Deviation[], of: string, detail: string): Failure {
  const id = broken.some(({ expected }) => expected !== null)
    ? "promise-broken"
    : "promise-unstated";
  const where = `kernels/${of}/promises.yaml`;
  return {
    ...failure("promise", id, `${broken.map(deviationText).join("; ")} (${where})`, detail),
    evidence: {
      kind: "promises",
      broken: broken.map(({ promise, expected, answered }) => ({ promise, expected, answered })),
    },
  };
}

/** One report of several boots of a cell: what any of them has asked. */
export function mergePromises(reports: readonly PromiseReport[]): PromiseReport {
  const last = reports.at(-1)!;
  const answers = new Map<PromiseId, readonly string[]>();
  for (const { promise, answers: mine } of reports.flatMap((one) => one.answers)) {
    answers.set(promise, [...new Set([...answers.get(promise) ?? [], ...mine])]);
  }
  const deviations = new Map<string, Deviation>();
  for (const one of reports.flatMap((report) => report.deviations)) {
    const key = `${one.promise} ${one.answered}`;
    const tests = [...new Set([...deviations.get(key)?.tests ?? [], ...one.tests])];
    deviations.set(key, { ...one, tests });
  }
  return {
    against: last.against,
    answers: PROMISE_IDS.flatMap((promise) => {
      const mine = answers.get(promise);
      return mine ? [{ promise, answers: mine }] : [];
    }),
    deviations: [...deviations.values()],
    notAsked: last.notAsked.filter((promise) => !answers.has(promise)),
  };
}

const promise = v.picklist(PROMISE_IDS);

export const promiseReportShape: Shape<PromiseReport> = objectOf<PromiseReport>()({
  against: v.nullable(v.looseObject({
    id: v.string(),
    version: v.string(),
    as: v.picklist(["own", "base", "nearest"]),
  })),
  answers: v.array(v.looseObject({ promise, answers: strings })),
  deviations: v.array(
    objectOf<Deviation>()({
      promise,
      expected: v.nullable(v.string()),
      answered: v.string(),
      tests: strings,
    }),
  ),
  notAsked: v.array(promise),
});
