// SPDX-License-Identifier: MIT

/**
 * The C programs of the kernel tree's own selftest. They are judged on the host, each result by its
 * name (tasks/core/judge/c_programs.ts); here they only run.
 */

import { fixture } from "../../harness/fixtures.ts";
import { guest, listFolder } from "../../harness/guest.ts";
import { readCell } from "../../harness/guest_platform.ts";
import { runProgram } from "../../harness/program.ts";
import {
  C_SELFTEST_FOLDER,
  endAttachment,
  endText,
  MOST_RUNS,
  printedLine,
  saysFailed,
} from "../../contract/c_programs.ts";
import { openKcov } from "../kcov.ts";

/** As kselftest gives a program; here for all of them together. */
const LIMIT_MS = 45_000;
const MAX_BYTES = 64 << 10;

export const kcovC = fixture("kcov_c", {
  file: "selftests/kcov/tests/kcov_c.ts",
  requires: ["kcov", "c-selftest"],
  variants: { tree: {} },
  setup: () => listFolder(C_SELFTEST_FOLDER).sort(),
});

kcovC.test("every_program_ends_by_itself", (t, programs) => {
  const { timeScale } = readCell();
  const deadlineMs = guest().nowMs() + LIMIT_MS * timeScale;
  const troubles: string[] = [];
  for (const program of programs) {
    for (let run = 1; run <= MOST_RUNS; run++) {
      const startMs = guest().nowMs();
      const end = runProgram(`${C_SELFTEST_FOLDER}/${program}`, {
        timeoutMs: Math.max(0, Math.round(deadlineMs - startMs)),
        maxBytes: MAX_BYTES,
        onLine: (line) => t.log(printedLine(program, printable(line), run)),
      });
      t.attach(endAttachment(program, run), end);
      const text = endText(end);
      if (text !== null) troubles.push(`${program} ${text}`);
      // Its rules may not reckon with a busy machine: what is wrong is wrong each time.
      const nowMs = guest().nowMs();
      if (!saysFailed(end) || deadlineMs - nowMs < 3 * (nowMs - startMs)) break;
    }
  }
  if (programs.length === 0) t.fail(`${C_SELFTEST_FOLDER} holds no program`);
  if (troubles.length > 0) t.fail(troubles.join("; "));
  // They ran all the same: where there is no device, they are to SKIP everything.
  openKcov(t);
}, { timeoutMs: LIMIT_MS + 15_000 });

/** One diagnostic line: a carriage return would begin another. */
function printable(line: string): string {
  // deno-lint-ignore no-control-regex
  return line.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, " ").trimEnd();
}
