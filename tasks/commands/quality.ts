// SPDX-License-Identifier: MIT
/** `deno task quality`: what fills the buffer, and which PCs come and go. */
import { counted } from "../core/text/counted.ts";
import {
  type Condition,
  CONDITIONS,
  PC_MODES,
  type PcMode,
  QUALITY_BITMAP_WORDS,
  type QualityRequest,
  readFillings,
  readRuns,
} from "../../selftests/contract/quality.ts";
import type { Cell, CellResult } from "../core/model/model.ts";
import { cellFolder } from "../core/model/paths.ts";
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import { callText } from "../core/report/cover.ts";
import { compareRuns, SHARE_KEYS } from "../core/report/quality.ts";
import { type Quality, qualityJson, qualityLines } from "../core/report/quality_text.ts";
import { OneCell } from "../run/one_cell.ts";
import { symbolize } from "../steps/symbolize.ts";
import {
  BOOT,
  choice,
  flag,
  group,
  KERNEL,
  MAKING,
  MATRIX,
  positive,
  read,
  RUN_FOLDER,
  text,
  type Values,
  WATCHING,
  withDefault,
} from "../cli/options.ts";
import { defineCommand, type Words } from "./command.ts";
import { type Context, makeRunDir, planOf } from "./context.ts";
import { callOf, failuresOf, placesOf, resultText } from "./traced_cell.ts";
import { makeReady, onlyCell } from "./ready.ts";

/** A call is quick; the programs are thirty, of up to hundreds of calls each. */
const RUNS_OF_A_CALL = 1000;
const RUNS_OF_PROGRAMS = 10;

const OPTIONS = {
  ...group("Quality", {
    programs: flag("--programs", "trace 30 small programs; that is done where no call is given"),
    repeat: read(
      "--repeat <n>",
      `compare the traces of n runs (default: ${RUNS_OF_A_CALL} of a call, ${RUNS_OF_PROGRAMS} of ` +
        "each program); 1 compares none",
      positive,
    ),
    by: choice("--by <key>", "gather entries by this", SHARE_KEYS, "function"),
    top: withDefault("--top <n>", "list so many of those with most entries", 10, positive),
    bufferWords: withDefault(
      "--buffer-words <n>",
      "say what overflows a buffer of so many 64-bit words",
      2048,
      positive,
    ),
  }),
  ...{ ...MATRIX, ...KERNEL, ...MAKING, ...BOOT, ...RUN_FOLDER },
  ...group("Output", {
    json: text("--json <file>", "write all of it as data to this file"),
  }),
  ...WATCHING,
};
type QualityValues = Values<typeof OPTIONS>;

export const quality = defineCommand({
  name: "quality",
  group: "Search",
  help: "show which functions fill the buffer, and which PCs come and go when a call runs again",
  example: "deno task quality linux-6.12-unique/kcov-unique -- read -1 0 0",
  arguments: "<cell> [call...]",
  options: OPTIONS,
  writes: () => "cache and runs",
  perform: showQuality,
});

async function showQuality(
  [id, ...call]: Words<"<cell> [call...]">,
  options: QualityValues,
  context: Context,
): Promise<readonly Failure[]> {
  const { paths, host, terminal } = context;
  checkUsage(call, options);
  const plan = await planOf([id], options, context);
  const cell = onlyCell(plan, id, context);
  await makeReady(plan, context);
  const { found, failures } = await OneCell.run(
    plan,
    paths,
    host,
    (runner) => bootAndRead(cell, runner, call, options, context),
  );
  for (const line of qualityLines(found, options)) terminal.print(line);
  for (const { message } of failures) terminal.print(`FAILED ${cell.id}: ${message}`);
  if (options.json !== undefined) {
    const text = JSON.stringify(qualityJson(found, options), null, 2);
    await host.fs.writeText(context.absolute(options.json), `${text}\n`);
  }
  return failures;
}

function checkUsage(call: readonly string[], { programs, bufferWords }: QualityValues): void {
  const bad = (text: string) => new KmatrixError("usage", "bad-usage", text);
  if (programs && call.length > 0) {
    throw bad("quality takes a system call after --, or --programs, not both");
  }
  if (bufferWords <= QUALITY_BITMAP_WORDS + 1) {
    const wanted = `unique mode needs ${QUALITY_BITMAP_WORDS} of them for its bitmap`;
    throw bad(`--buffer-words ${bufferWords}: ${wanted}, one for its count and one for a PC`);
  }
}

async function bootAndRead(
  cell: Cell,
  runner: OneCell,
  call: readonly string[],
  options: QualityValues,
  context: Context,
): Promise<{ found: Quality; failures: readonly Failure[] }> {
  const { host } = context;
  const source = await runner.source(cell);
  const isCall = call.length > 0;
  const request: QualityRequest = {
    kind: "quality",
    subject: isCall ? await callOf(call, cell, source, host) : { kind: "programs" },
    runs: options.repeat ?? (isCall ? RUNS_OF_A_CALL : RUNS_OF_PROGRAMS),
  };
  const ready = await runner.ready(cell, source);
  if (!ready.features.includes("kcov")) {
    throw new KmatrixError("usage", "bad-usage", `${cell.id} has no KCOV to trace with`);
  }
  const filter = ["filling.*.counts"];
  // Conditions are for the windows of one call; programs are long, and traced as such.
  if (request.runs > 1) filter.push(isCall ? "runs.*.traces" : "runs.alone.traces");
  const dir = `${await makeRunDir(context)}/${cellFolder(cell.id)}`;
  const result = await runner.boot(ready, { dir, filter, cover: request });
  const { fillings, comparisons } = readResult(result);
  const pcs = [
    ...[...fillings.values()].flat().flatMap(({ counts }) => [...counts.keys()]),
    ...comparisons.flatMap(({ changes }) =>
      changes.flatMap(({ pcs, after, before }) => [...pcs, after ?? 0n, before ?? 0n])
    ),
  ].filter((pc) => pc !== 0n);
  const places = await placesOf(pcs, ready, host);
  const functions = [...places.values()].flatMap((frames) => frames.at(-1)?.start ?? []);
  const starts = await symbolize(ready.kernel.vmlinux, functions, cell.toolchain, host);
  const [one] = [...fillings.values()].flat();
  const returned = one?.result === undefined || one.result === null
    ? ""
    : ` = ${resultText(one.result)}`;
  const found: Quality = {
    cell: cell.id,
    what: isCall
      ? `${callText(call)}${returned}`
      : counted(fillings.get("pc")?.length ?? 0, "program"),
    ...{ fillings, comparisons, places },
    starts: new Map([...starts].flatMap(([at, frames]) => {
      const outer = frames.at(-1);
      return outer === undefined ? [] : [[at, outer] as const];
    })),
  };
  return { found, failures: failuresOf(result) };
}

function readResult({ tests }: CellResult): Pick<Quality, "fillings" | "comparisons"> {
  const passed = tests.filter(({ outcome }) => outcome.kind === "passed");
  const of = (id: string) => passed.find((test) => test.id === id)?.attachments ?? {};
  const fillings = PC_MODES.map((mode) =>
    [mode, readFillings(of(`filling.${mode}.counts`))] as [PcMode, ReturnType<typeof readFillings>]
  ).filter(([, list]) => list.length > 0);
  const comparisons = CONDITIONS.flatMap((condition: Condition) =>
    readRuns(of(`runs.${condition}.traces`)).map((runs) => compareRuns(runs, condition))
  );
  return { fillings: new Map(fillings), comparisons };
}
