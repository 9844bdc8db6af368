// SPDX-License-Identifier: MIT
/**
 * `deno task promises [RUN…]`: takes the answers of runs into docs/promises.json, and writes
 * docs/promises.md anew from it.
 */
import { Command } from "@commander-js/extra-typings";
import { failureFrom, KmatrixError } from "../core/model/errors.ts";
import { EXIT, exitCodeOfCommander } from "../core/model/exit_codes.ts";
import { exitCodeOf } from "../core/model/failure_kinds.ts";
import { parseRunReport } from "../core/report/run_report.ts";
import { failureText } from "../core/report/summary.ts";
import { denoHost } from "../host/deno_host.ts";
import { loadPromises } from "../steps/promise_files.ts";
import { ROOT, typedPath } from "../testing/project_copy.ts";
import {
  bootsOf,
  disagreements,
  mustHaveBoots,
  parseRecorded,
  promisesDocument,
  recordedText,
  withBoots,
} from "./promises_document.ts";

const program = new Command("promises")
  .description("Records how kernels answer, and shows it in docs/promises.md.")
  .argument("[runs...]", "folders of runs whose answers are taken; none writes the table alone")
  .addHelpText("after", "\nExample: deno task promises out/latest")
  .exitOverride((error) => Deno.exit(exitCodeOfCommander(error)))
  .parse(Deno.args, { from: "user" });

const RECORDED = `${ROOT}/docs/promises.json`;
const host = denoHost({ emit() {}, signal: new AbortController().signal });

/** @returns The exit code: 3 where recorded answers are not the stated ones. */
async function main(runs: readonly string[]): Promise<number> {
  const { fs } = host;
  const book = await loadPromises({ layers: [ROOT] }, host);
  const kept = await fs.readTextIfAny(RECORDED);
  const before = kept === null ? [] : parseRecorded(kept, "docs/promises.json");
  const more = [];
  for (const run of runs) {
    const dir = typedPath(run);
    const file = `${dir}/run.json`;
    const text = await fs.readTextIfAny(file);
    if (text === null) {
      throw new KmatrixError("no-match", "no-run", `${dir} is no folder of a run: no run.json`);
    }
    more.push(...bootsOf(parseRunReport(text, file)));
  }
  if (runs.length > 0) mustHaveBoots(more, runs);
  const boots = withBoots(before, more);
  await fs.writeText(RECORDED, recordedText(boots, book));
  await fs.writeText(`${ROOT}/docs/promises.md`, promisesDocument(boots, book));
  for (const { of, cell, answers } of more) {
    console.log(`${cell}: ${Object.keys(answers).length} answers, for kernels/${of}`);
  }
  const wrong = disagreements(boots, book);
  for (const line of wrong) console.error(line);
  return wrong.length === 0 ? EXIT.ok : EXIT.failed;
}

try {
  Deno.exitCode = await main(program.args);
} catch (error) {
  const failure = failureFrom(error);
  console.error(failureText(failure));
  Deno.exitCode = exitCodeOf(failure.kind);
}
