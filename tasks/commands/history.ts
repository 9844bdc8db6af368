// SPDX-License-Identifier: MIT
/** `deno task history`: what became of a cell in the runs that are kept here. */
import { isSelected } from "../../selftests/contract/glob.ts";
import type { CellReport } from "../core/model/model.ts";
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import { counted } from "../core/text/counted.ts";
import { nearest } from "../core/text/nearest.ts";
import { tableLines } from "../core/text/columns.ts";
import { plainLine } from "../core/text/plain_text.ts";
import { timesOf } from "../core/compare/times.ts";
import { VERDICT_WORDS } from "../core/report/summary.ts";
import { write } from "../stages/report.ts";
import { earlierRuns } from "../steps/kept_runs.ts";
import { group, positive, RUN_FOLDER, text, type Values, withDefault } from "../cli/options.ts";
import type { Context } from "./context.ts";
import { defineCommand, type Words } from "./command.ts";
import { basename } from "node:path/posix";

const OPTIONS = {
  ...RUN_FOLDER,
  ...group("Output", {
    last: withDefault("--last <n>", "list so many runs, the newest last", 20, positive),
    json: text("--json <file>", "write them as data to this file"),
  }),
};

export const history = defineCommand({
  name: "history",
  group: "Reports",
  help: "list what became of a cell in each run that is kept",
  example: "deno task history linux-6.12-unique/kcov-unique",
  arguments: "<cell>",
  options: OPTIONS,
  writes: () => "nothing",
  perform: listRuns,
});

interface Entry {
  readonly run: string;
  readonly startedAt: string;
  readonly report: CellReport;
}

async function listRuns(
  [glob]: Words<"<cell>">,
  { last, json }: Values<typeof OPTIONS>,
  { host, paths, absolute, terminal }: Context,
): Promise<readonly Failure[]> {
  const seen = new Set<string>();
  const { runs, unread } = await earlierRuns(
    ({ cells }) => {
      for (const { cell } of cells) seen.add(cell);
      return cells.some(({ cell }) => isSelected([glob], cell));
    },
    last,
    paths,
    host,
  );
  if (unread.length > 0) {
    const text = `${counted(unread.length, "run")} left out, damaged or of another version: `;
    host.log(
      "notice",
      `${text}${unread.slice(0, 3).map((one) => basename(one)).join(", ")}${
        unread.length > 3 ? ", …" : ""
      }`,
    );
  }
  const entries = runs.toReversed().flatMap(({ folder, run }): Entry[] =>
    run.cells.filter(({ cell }) => isSelected([glob], cell))
      .map((report) => ({ run: basename(folder), startedAt: run.startedAt, report }))
  );
  if (entries.length === 0) {
    const hint = nearest(glob, [...seen]);
    throw new KmatrixError(
      "no-match",
      "no-run",
      `no run in ${paths.out} has a cell ${glob}${hint}`,
    );
  }
  for (const line of historyLines(entries)) terminal.print(line);
  if (json !== undefined) {
    const data = entries.map(({ run, startedAt, report }) => ({
      ...{ run, startedAt, cell: report.cell, verdict: report.verdict },
      kernel: report.facts.kernel,
      inspection: report.facts.inspection,
      timesMs: Object.fromEntries([...timesOf(report)].map(([name, { ms }]) => [name, ms])),
    }));
    await write(absolute(json), `${JSON.stringify(data, null, 2)}\n`, host);
  }
  return [];
}

function historyLines(entries: readonly Entry[]): string[] {
  const several = new Set(entries.map(({ report }) => report.cell)).size > 1;
  const rows = entries.map(({ run, report }) => {
    const { verdict, tests, facts } = report;
    const count = (kind: string) => tests.filter(({ outcome }) => outcome.kind === kind).length;
    const build = timesOf(report).get("build");
    return [
      run,
      ...(several ? [report.cell] : []),
      VERDICT_WORDS[verdict.kind],
      `${count("passed")}`,
      `${count("failed")}`,
      build === undefined ? "-" : `${(build.ms / 1000).toFixed(0)}s`,
      facts.boot === null ? "-" : `${(facts.boot.durationMs / 1000).toFixed(1)}s`,
      `${facts.inspection?.textBytes ?? "-"}`,
      facts.kernel?.version ?? "-",
      "failures" in verdict ? plainLine(verdict.failures[0]?.message ?? "") : "",
    ];
  });
  const head = [
    ...["run", ...(several ? ["cell"] : []), "verdict", "passed", "failed"],
    ...["build", "boot", ".text", "kernel", ""],
  ];
  const first = several ? 3 : 2;
  return tableLines([head, ...rows], { right: [0, 1, 2, 3, 4].map((n) => n + first) });
}
