// SPDX-License-Identifier: MIT
/**
 * What `deno task bisect` concludes from boots, and nothing of git or QEMU: which failure it hunts,
 * how many clean boots make a commit good, and what git says of the search. docs/bisect.md explains.
 */
import type { CellResult } from "../model/model.ts";
import type { Failure } from "../model/errors.ts";
import { evidenceKey, withoutNumbers } from "../model/evidence.ts";
import { counted } from "../text/counted.ts";

/** A failure as something that can be recognised in another boot or build. */
export interface Symptom {
  /** The test, or "boot", "build" or "inspect"; for the kernel's own complaints "kernel", wherever they came. */
  readonly where: string;
  /** The id of the verdict (docs/verdicts.md). */
  readonly id: string;
  /** What tells it from others of that id, without numbers; "" for a test, whose name is enough. */
  readonly what: string;
}

/** What one boot, or one build that failed, has shown. */
export interface Showing {
  readonly symptoms: readonly Symptom[];
  /** Tests that came to an end, whatever their result. */
  readonly finished: readonly string[];
  /** False where something kept the boot from being whole. */
  readonly whole: boolean;
}

export function symptomKey({ where, id, what }: Symptom): string {
  return [where, id, what].filter(Boolean).join(" ");
}

function symptomOf(where: string, { kind, id, complaint, evidence }: Failure): Symptom {
  switch (kind) {
    case "kernel":
      // A crash can come in any test, and where a guest falls silent is chance.
      return { where: "kernel", id, what: complaint ? withoutNumbers(complaint.title) : "" };
    case "test":
      return { where, id, what: "" };
    default:
      return { where, id, what: evidence ? evidenceKey(evidence) : "" };
  }
}

/** A stage before the boot that failed. */
export function showingOfFailure(failure: Failure): Showing {
  return { symptoms: [symptomOf("build", failure)], finished: [], whole: false };
}

/** One boot. A test that did not run shows nothing: the boot's own failure says why. */
export function showingOf({ boot, tests }: CellResult): Showing {
  const symptoms = new Map<string, Symptom>();
  const add = (symptom: Symptom) => symptoms.set(symptomKey(symptom), symptom);
  if (boot !== null) add(symptomOf("boot", boot));
  for (const { id, outcome } of tests) {
    if (outcome.kind === "failed") add(symptomOf(id, outcome.failure));
  }
  return {
    symptoms: [...symptoms.values()],
    finished: tests.filter(({ outcome }) =>
      outcome.kind === "passed" || (outcome.kind === "failed" && outcome.failure.kind === "test")
    ).map((test) => test.id),
    whole: boot === null,
  };
}

/** What is hunted: the symptoms that the bad end has and the good end has not. */
export interface Target {
  readonly symptoms: readonly Symptom[];
  /** Boots of the bad end that showed it, of how many. */
  readonly seen: number;
  readonly boots: number;
}

/** The bad end is booted until it has failed that often, */
export const BAD_FAILURES = 3;
/** or more often where several failures are equally frequent, for one may be a flake. */
export const BAD_FAILURES_TIED = 5;

/** How often each symptom was seen, most frequent first. */
function symptomCounts(boots: readonly Showing[]): { symptom: Symptom; seen: number }[] {
  const counts = new Map<string, { symptom: Symptom; seen: number }>();
  for (const symptom of boots.flatMap((boot) => boot.symptoms)) {
    const key = symptomKey(symptom);
    counts.set(key, { symptom, seen: (counts.get(key)?.seen ?? 0) + 1 });
  }
  return [...counts.values()].sort((a, b) => b.seen - a.seen);
}

/** Whether the bad end has been booted often enough to know what is wrong with it, and how often. */
export function knowsBadEnd(boots: readonly Showing[], maxBoots: number): boolean {
  if (boots.length >= maxBoots) return true;
  const [first, second] = symptomCounts(boots);
  if (first === undefined) return false;
  return first.seen >= (second?.seen === first.seen ? BAD_FAILURES_TIED : BAD_FAILURES);
}

/**
 * The most frequent symptoms of the bad end, those of the good end left out: what fails at both ends
 * is flaky or broken all along, and is not hunted. null where nothing is left.
 */
export function chooseTarget(bad: readonly Showing[], good: readonly Showing[]): Target | null {
  const known = new Set(good.flatMap((boot) => boot.symptoms).map(symptomKey));
  const left = symptomCounts(bad).filter(({ symptom }) => !known.has(symptomKey(symptom)));
  const [first] = left;
  if (first === undefined) return null;
  const symptoms = left.filter(({ seen }) => seen === first.seen).map(({ symptom }) => symptom);
  return { symptoms, seen: first.seen, boots: bad.length };
}

/**
 * How many clean boots in a row make a commit good. The rate of failure is estimated from the bad
 * end by the rule of succession, (seen + 1) / (boots + 2), which stays below 1 for one that has
 * always failed; so many boots are wanted that a bad commit passes them all with a probability of at
 * most 1 - confidence. Bounded by `maxBoots`.
 */
export function bootsForGood(
  { seen, boots }: Pick<Target, "seen" | "boots">,
  confidence: number,
  maxBoots: number,
): number {
  const passes = 1 - (seen + 1) / (boots + 2);
  const wanted = Math.ceil(Math.log(1 - confidence) / Math.log(passes));
  return Math.max(1, Math.min(maxBoots, wanted));
}

/** The chance that so many clean boots are those of a bad commit. */
export function chanceOfWrongGood(
  { seen, boots }: Pick<Target, "seen" | "boots">,
  cleanBoots: number,
): number {
  return (1 - (seen + 1) / (boots + 2)) ** cleanBoots;
}

/**
 * One boot held against the target. "bad": it shows more than half of the symptoms. "clean": it
 * shows none and was able to. "unclear": anything between, such as a crash of another kind.
 */
export function judgeBoot(target: Target, boot: Showing): "bad" | "clean" | "unclear" {
  const shown = new Set(boot.symptoms.map(symptomKey));
  const hits = target.symptoms.filter((one) => shown.has(symptomKey(one))).length;
  if (hits * 2 > target.symptoms.length) return "bad";
  if (hits > 0) return "unclear";
  const able = ({ where, id }: Symptom) => {
    if (where === "build" || where === "inspect") return true;
    if (where === "kernel" || where === "boot") return boot.whole;
    // A skip is no result of the test; that a test skips may be what is hunted.
    return boot.finished.includes(where) || (boot.whole && id === "undeclared-skip");
  };
  return target.symptoms.some(able) ? "clean" : "unclear";
}

/** So many unclear boots are enough to skip a commit. */
const UNCLEAR_BOOTS = 3;

export type StepVerdict = {
  readonly kind: "good" | "bad" | "skip";
  readonly why: string;
};

/** What is known of a commit after some boots; null: boot it again. */
export function judgeStep(
  target: Target,
  boots: readonly Showing[],
  cleanBootsForGood: number,
): StepVerdict | null {
  const judged = boots.map((boot) => judgeBoot(target, boot));
  const count = (kind: typeof judged[number]) => judged.filter((one) => one === kind).length;
  const of = counted(boots.length, "boot");
  if (count("bad") > 0) return { kind: "bad", why: `failed in boot ${judged.indexOf("bad") + 1}` };
  if (count("unclear") >= UNCLEAR_BOOTS) {
    const other = boots.find((_, index) => judged[index] === "unclear")!.symptoms[0];
    const why = other === undefined
      ? "the test did not run"
      : `other failure: ${symptomKey(other)}`;
    return { kind: "skip", why: `${count("unclear")} of ${of} unclear, ${why}` };
  }
  if (count("clean") >= cleanBootsForGood) {
    return { kind: "good", why: boots.length === 0 ? "it builds" : `clean in ${of}` };
  }
  return null;
}

/** A commit whose build failed: never blamed, unless a failed build is what is hunted. */
export function judgeFailedBuild(target: Target, failure: Failure): StepVerdict {
  const showing = showingOfFailure(failure);
  if (judgeBoot(target, showing) === "bad") return { kind: "bad", why: failure.message };
  switch (failure.id) {
    case "option-dropped":
      return { kind: "skip", why: `refused by the config gate: ${failure.message}` };
    case "hunted-test-skips":
      return { kind: "skip", why: failure.message };
    default:
      return { kind: "skip", why: `other failure: ${failure.message}` };
  }
}

/** Whether the hunted failure is one of the build, so that nothing needs to be booted. */
export function isBuildFailure(target: Target): boolean {
  return target.symptoms.every(({ where }) => where === "build");
}

/** What git says after a step. */
export type GitAnswer =
  | { readonly kind: "next" }
  | { readonly kind: "found"; readonly commit: string }
  /** Nothing but skipped commits is left; one of these is it. */
  | { readonly kind: "undecided"; readonly candidates: readonly string[] }
  | { readonly kind: "refused"; readonly text: string };

/** Reads what `git bisect start|good|bad|skip` prints, untranslated. */
export function readGitAnswer(code: number, text: string): GitAnswer {
  const found = /^([0-9a-f]{40,64}) is the first bad commit/m.exec(text);
  if (found) return { kind: "found", commit: found[1]! };
  if (/^There are only 'skip'ped commits left to test\./m.test(text)) {
    const candidates = [...text.matchAll(/^([0-9a-f]{40,64})$/gm)].map((match) => match[1]!);
    return { kind: "undecided", candidates };
  }
  if (code !== 0) return { kind: "refused", text: text.trim() };
  return { kind: "next" };
}

/** A line for each step, for people. */
export interface StepRow {
  readonly commit: string;
  readonly subject: string;
  readonly verdict: StepVerdict;
  readonly boots: number;
  readonly durationMs: number;
}

/** The steps in the order in which they were taken. */
export function stepTable(rows: readonly StepRow[]): string {
  return rows.map(({ commit, subject, verdict, boots, durationMs }) => {
    const seconds = `${(durationMs / 1000).toFixed(0)}s`.padStart(5);
    const short = subject.length > 40 ? `${subject.slice(0, 39)}…` : subject.padEnd(40);
    return `${verdict.kind.padEnd(4)}  ${commit.slice(0, 12)}  ${short} ${
      `${boots}`.padStart(3)
    } ` +
      `${boots === 1 ? "boot " : "boots"} ${seconds}  ${verdict.why.split("\n")[0]}`;
  }).join("\n");
}
