// SPDX-License-Identifier: MIT
/**
 * Words decide nothing: with ids in the place of all messages and notes, every verdict, exit code,
 * JUnit element, count, decision of bisect and row of series is the same. Tier 1 takes the words from
 * recordings between any two steps of judging; tier 2 runs the whole tool twice over the fake
 * project, once with muted_errors.ts in the place of core/model/errors.ts.
 */
import assert from "node:assert/strict";
import type { BootRecord, CellResult, Expectation } from "../core/model/model.ts";
import { exitCodeOfAll } from "../core/model/failure_kinds.ts";
import { failuresOf } from "../commands/context.ts";
import { judgeBoot as judgeShowing, showingOf, type Target } from "../core/bisect/bisect.ts";
import { verdictDifferences } from "../core/report/bundle.ts";
import { NO_FACTS, testFacts } from "../core/report/cell_facts.ts";
import { bootsAgain, mergeAttempts, testsLeft } from "../core/judge/flakes.ts";
import { junitXml } from "../core/report/junit.ts";
import { judgeMutant, type Mutant } from "../programs/mutant.ts";
import { parseRunReport, runJson } from "../core/report/run_report.ts";
import { countLine, PLAIN, summaryTable } from "../core/report/summary.ts";
import { judgeBoot } from "../core/judge/boot_result.ts";
import { bootStage, judgeCell } from "../core/judge/verdict.ts";
import {
  type FakeBehaviour,
  FLAKY,
  HUNTED,
  installHistoryPrograms,
  makeHistory,
} from "./fake_history.ts";
import type { Switch } from "./fake_programs.ts";
import { FakeProject } from "./fake_project.ts";
import { junitSkeleton } from "./junit.ts";
import { muted } from "./muted.ts";
import { bootRecord, record, type Recording, scripted } from "./recorder.ts";
import { readSituations } from "./recordings.ts";
import { sampleCellReport, sampleRun } from "./samples.ts";

// ── recordings ──────────────────────────────────────────────────────────────────────────────────

/** Given every value between two steps. */
type Between = <T>(value: T) => T;
const asIs: Between = (value) => value;

const EXPECTATIONS: readonly Expectation[] = [
  { kind: "pass" },
  { kind: "skip" },
  { kind: "fail", tests: ["*basic*"], reason: "r", link: "l", expires: "2099-01-01" },
  { kind: "fail", tests: [], reason: "r", link: "l", expires: "2099-01-01" },
];

const MUTANT: Mutant = {
  matrix: "matrix.yaml",
  ...{ name: "m", cell: "k/c", also: [], why: "w", rebuildsAll: false, files: ["a"] },
  ofPlugin: false,
  catcher: { kind: "stage", stage: "boot" },
};

/** A test that fails, another complaint, and the end of a boot: what a second boot may show. */
const SECOND = record({
  tests: [scripted("a.b.c"), scripted("a.b.d", { do: "fail", message: "expected 1" })],
});

interface Boot {
  readonly recording: Recording;
  readonly record: BootRecord | null;
}

/** Everything that is decided about a cell and its run after these boots. */
function decisions(boots: readonly Boot[], expect: Expectation, between: Between): unknown {
  const results = boots.map(({ recording, record }): CellResult =>
    between(judgeBoot({ ...recording, record }))
  );
  const { result, boot } = between(mergeAttempts(results));
  const stages = between([{ ...bootStage(result, 0, "a note"), outcome: boot }]);
  const { tests, verdict } = between(judgeCell(expect, stages, result));
  const report = sampleCellReport({
    ...{ stages, tests, verdict, splats: result.splats },
    facts: { ...NO_FACTS, ...testFacts(tests) },
  });
  const run = parseRunReport(runJson(between(sampleRun([report]))), "run.json");
  const target: Target = { symptoms: showingOf(results[0]!).symptoms, seen: 3, boots: 3 };
  return {
    verdict: muted(verdict),
    exitCode: exitCodeOfAll(failuresOf(run)),
    junit: junitSkeleton(junitXml(run)),
    counts: countLine(run, PLAIN),
    rows: summaryTable(run, 10_000, PLAIN).split("\n").map((line) =>
      line.trim().split(/ {2,}/).slice(0, 7)
    ),
    showings: results.map((one) => [showingOf(one), judgeShowing(target, showingOf(one))]),
    mutant: judgeMutant(MUTANT, report).kind,
    again: bootsAgain({ kind: "retries", most: 9 }, [verdict]),
    left: testsLeft(results),
    // A bundle's verdict beside one of the same boot.
    differs: verdictDifferences(verdict, verdict),
  };
}

for (const { name, recording, record } of await readSituations()) {
  Deno.test(`words decide nothing of the recording "${name}"`, () => {
    const second = { recording: SECOND, record: bootRecord(SECOND) };
    for (const expect of EXPECTATIONS) {
      for (const first of [{ recording, record }, { recording, record: null }]) {
        for (const boots of [[first], [first, second], [second, first]]) {
          const said = decisions(boots, expect, asIs);
          assert.deepEqual(decisions(boots, expect, muted), said, expect.kind);
        }
      }
    }
  });
}

// ── the whole tool ──────────────────────────────────────────────────────────────────────────────

const MATRIX = ["matrix", "--test", "kcov.*"];
// One compiler after the other: which of two is killed first must not be chance.
const KCOV = [...MATRIX, "fake/kcov", "--jobs", "1"];
const BASIC = "kcov.mode_trace_pc.kcov_basic_syscall_coverage";

let project: FakeProject;
Deno.test.beforeAll(async () => {
  project = await FakeProject.create();
});
Deno.test.afterAll(() => project.remove());

/** Fields that are another in each run. */
const VOLATILE: ReadonlySet<string> = new Set([
  ...["durationMs", "startedMs", "startedAt", "usage", "ms", "consoleTail", "properties"],
  ...["stalledMs", "stalledShare", "stalledShares"],
]);

/** What is left of a JSON file without words, times and the folder of the project. */
function shapeOf(text: string): unknown {
  const plain = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value === "string") return value.replaceAll(project.dir, "/dir");
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).filter(([key]) => !VOLATILE.has(key)).map(([key, inner]) => // How long a phase took, and whether that was too long, is chance.
      [key, key === "phasesMs" ? Object.keys(inner) : key === "overBudget" ? [] : plain(inner)]),
    );
  };
  return plain(muted(JSON.parse(text)));
}

async function filesBelow(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) {
      names.push(...(await filesBelow(`${folder}/${name}`)).map((one) => `${name}/${one}`));
    } else names.push(name);
  }
  return names.sort();
}

/** What a run has come to, apart from its words. */
async function outcomeOf(args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await project.run(...args);
  const outcome: Record<string, unknown> = { code };
  // A run that has begun leaves a folder.
  const files = await filesBelow(`${project.out}/latest/`).catch((): string[] => []);
  outcome.files = files;
  if (files.includes("junit.xml")) outcome.junit = junitSkeleton(await project.read("junit.xml"));
  for (const name of ["run.json", "series.json", "bisect.json"]) {
    if (files.includes(name)) outcome[name] = shapeOf(await project.read(name));
  }
  outcome.counts = /^\d+ cells?: .*(?= in )/m.exec(out)?.[0];
  const ids = [...(out + err).matchAll(/\[([a-z-]+, [a-z]+)\]$/gm)].map(([, id]) => id);
  outcome.ids = ids;
  // "panic [panic, kernel]": its words are gone indeed.
  const isMuted = /\b([a-z-]+) \[\1, [a-z]+\]$/m.test(out + err);
  if (ids.length > 0) assert.equal(isMuted, project.muted, out + err);
  return outcome;
}

/** Runs the tool with and without words, each time from the same start. */
async function sameWithoutWords(
  args: readonly string[],
  prepare: () => Promise<unknown>,
  due: number,
): Promise<void> {
  const outcomes: Record<string, unknown>[] = [];
  for (const isMuted of [false, true]) {
    await project.reset();
    await project.forgetBuilds();
    await prepare();
    project.muted = isMuted;
    try {
      outcomes.push(await outcomeOf(args));
    } finally {
      project.muted = false;
    }
  }
  const [said, silent] = outcomes;
  assert.equal(said!.code, due, JSON.stringify(said!.ids));
  assert.deepEqual(silent, said);
}

async function setBoot(
  cell: string,
  [act, more]: [Parameters<typeof scripted>[1]?, Parameters<typeof scripted>[2]?],
  end: Parameters<FakeProject["setBoot"]>[1]["end"] = 33,
): Promise<void> {
  const recording = project.soundBoot(cell, (script) => ({
    ...script,
    tests: script.tests.map((test) =>
      test.declared.id === BASIC ? { ...scripted(BASIC, act, more), declared: test.declared } : test
    ),
  }));
  await project.setBoot(cell, { recording, end });
}

const on = (name: Switch) => async () => {
  // What the compiler was asked once is remembered.
  await Deno.remove(`${project.cache}/probes`, { recursive: true }).catch(() => {});
  await project.turnOn(name);
};
const PANIC = "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300";
const WARNING = "WARNING: CPU: 1 PID: 7 at kernel/kcov.c:412 kcov_ioctl+0x1/0x9";

interface World {
  readonly name: string;
  readonly args: readonly string[];
  readonly prepare: () => Promise<unknown>;
  /** The exit code that is due. */
  readonly due: number;
  /** What the failure of a stage before the boot carries; none for other worlds. */
  readonly evidence?: string;
}

const nothing = () => Promise.resolve();

const WORLDS: readonly World[] = [
  { name: "all as declared", args: MATRIX, prepare: nothing, due: 0 },
  ...([
    ["a dropped option", "drop-option", 5, "options"],
    ["a compiler without a feature", "no-trace-pc", 5, "compiler-feature"],
    ["a compile error", "compile-error", 5, "output"],
    ["a killed compiler", "compiler-killed", 6, "output"],
    ["a kernel that is not instrumented", "not-instrumented", 5, "findings"],
  ] as const).map(([name, what, due, evidence]): World => (
    { name, args: KCOV, prepare: on(what), due, evidence }
  )),
  { name: "a new warning", args: KCOV, prepare: on("new-warning"), due: 5 },
  {
    name: "a filter without a test",
    args: [...MATRIX, "--test", "no.such"],
    prepare: nothing,
    due: 4,
  },
  {
    name: "a failed test, a panic and a kernel that complains",
    args: MATRIX,
    async prepare() {
      await setBoot("fake/nokcov", [{ do: "pass" }, { console: [WARNING] }]);
      await setBoot("fake/kcov", [{ do: "fail", message: "expected 1" }]);
      await setBoot("fake/kcov/smp4", [{ do: "vanish" }, { console: [PANIC] }], 0);
    },
    due: 3,
  },
  {
    name: "a skip without leave and a killed QEMU",
    args: MATRIX,
    async prepare() {
      await setBoot("fake/kcov", [{ do: "skip", reason: "skipped as declared" }]);
      await setBoot("fake/kcov/smp4", [], "killed");
    },
    due: 6,
  },
  {
    name: "a flaky test, with --retries",
    args: [...KCOV, "--retries", "2", "--bundle"],
    async prepare() {
      await setBoot("fake/kcov", [{ do: "fail", message: "now and then" }]);
      for (const attempt of [2, 3]) await setBoot(`fake/kcov/attempt-${attempt}`, [{ do: "pass" }]);
    },
    due: 3,
  },
];

for (const { name, args, prepare, due, evidence } of WORLDS) {
  Deno.test(`words decide nothing in a run with ${name}`, async () => {
    await sameWithoutWords(args, prepare, due);
    if (evidence === undefined) return;
    const { cells } = parseRunReport(await project.read("run.json"), "run.json");
    const found = cells[0]!.stages.flatMap(({ outcome }) =>
      outcome.kind === "failed" ? [outcome.failure.evidence?.kind] : []
    );
    assert.deepEqual(found, [evidence]);
  });
}

const BEHAVIOURS: readonly FakeBehaviour[] = [
  { image: "good", boots: ["fine", "fine", "flaky"] },
  { image: "bad", boots: ["broken", "both", "broken"] },
  { image: "panics", boots: ["panics"] },
];

Deno.test("words decide nothing of what bisect and series find", async () => {
  await installHistoryPrograms(project, BEHAVIOURS);
  const commits = ["good0", "good1", "panics2", "bad3", "bad4", "bad5"].map((image, index) => ({
    ...{
      image,
      subject: `commit ${index}`,
      broken: index === 4 || (index === 3 && "in another way"),
    },
    kconfig: "config KCOV\nconfig PRINTK\nconfig OTHER\n",
  }));
  const { tree, ids } = await makeHistory(project, commits);
  const booted = () => Deno.remove(`${project.dir}/booted`, { recursive: true }).catch(() => {});
  const tests = ["--test", HUNTED, "--test", FLAKY];
  const ends = ["--good", ids[0]!, "--bad", ids[5]!];
  const bisect = ["bisect", "tree/kcov", "--tree", tree, ...tests];
  // Two of the commits between are skipped: one panics, one does not compile.
  await sameWithoutWords([...bisect, ...ends], booted, 4);
  // The failure of a build is hunted; the commit before it does not compile for another reason.
  const build = ["bisect", "tree/kcov", "--tree", tree, "--good", ids[0]!, "--bad", ids[4]!];
  await sameWithoutWords(build, booted, 4);
  const range = ["--tree", tree, "--range", `${ids[0]}..`];
  const filters = ["--test", HUNTED, "--test", FLAKY];
  await sameWithoutWords(
    ["series", `tree+${ids[0]}../kcov`, ...range, ...filters],
    booted,
    3,
  );
});
