// SPDX-License-Identifier: MIT
/** What one test of a boot came to: by its own report, and by what the kernel said meanwhile. */
import { splatDetail, type SplatSources, timesText } from "../console/splat_report.ts";
import { type Splat, splatText } from "../console/splats.ts";
import { type Failure, failure } from "../model/errors.ts";
import type { DeclaredTest, Feature, TestOutcome } from "../model/model.ts";
import type { KtapCase } from "./ktap.ts";

/** What the kernel said while a test ran counts, whatever the test says. */
export function judgeComplaints(
  test: DeclaredTest,
  complaints: readonly Splat[],
  sources: SplatSources,
  ended: string | null,
): TestOutcome | null {
  const mine = complaints.filter((one) => one.during === test.id);
  const [splat] = mine;
  // A panic is how the boot ended, and the test that ran has its id from there.
  if (!splat || (splat.id === "panic" && ended === test.id)) return null;
  const times = mine.filter(({ fingerprint }) => fingerprint === splat.fingerprint).length;
  return {
    kind: "failed",
    failure: complaintFailure(splat, times, "the kernel complained", sources),
  };
}

/** A complaint as a failure. @param what "the kernel complained", and when. */
export function complaintFailure(
  splat: Splat,
  times: number,
  what: string,
  sources: SplatSources,
): Failure {
  const title = splatText(splat);
  const often = times === 1 ? "" : ` (${timesText(times)})`;
  return {
    ...failure("kernel", `splat-${splat.id}`, `${what}: ${title}${often}`),
    detail: splatDetail(splat, sources),
    complaint: { fingerprint: splat.fingerprint, title, times },
  };
}

/** What the guest reported of a test, held against what the cell promises and how the boot ended. */
export function judgeTest(
  test: DeclaredTest,
  found: KtapCase | undefined,
  features: readonly Feature[],
  ending: Failure | null,
  running: string | null,
): TestOutcome {
  if (!found) {
    if (running === test.id && ending) {
      return { kind: "failed", failure: ending, endedBoot: true };
    }
    return { kind: "not-run", by: ending?.id ?? null };
  }
  const lacking = test.requires.filter((feature) => !features.includes(feature));
  const diagnostics = found.diagnostics.join("\n");
  switch (found.status) {
    case "skip":
      if (lacking.length > 0) return { kind: "skipped", reason: found.reason };
      return failedTest(
        "undeclared-skip",
        `skipped, although this cell has all it needs (${
          test.requires.join(", ") || "nothing"
        }): ${found.reason}`,
        diagnostics,
      );
    case "ok":
      if (lacking.length === 0) return { kind: "passed" };
      return failedTest(
        "missing-skip",
        `passed where it had to skip: the cell lacks ${lacking.join(", ")}`,
        diagnostics,
      );
    case "timeout":
      return failedTest("test-time-limit", `hit its time limit: ${found.reason}`, diagnostics);
    case "not ok":
    case "error":
    case "xfail":
    case "todo":
      return failedTest("test-failed", headline(found.diagnostics), diagnostics);
  }
}

/** The error's own line where there is one, else the last thing that the test said. */
function headline(diagnostics: readonly string[]): string {
  return diagnostics.find((line) => /^\w*Error: /.test(line)) ?? diagnostics.at(-1) ?? "failed";
}

/** A test that is itself to blame. */
export function failedTest(id: string, message: string, detail: string): TestOutcome {
  return { kind: "failed", failure: failure("test", id, message, detail) };
}
