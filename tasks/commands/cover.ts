// SPDX-License-Identifier: MIT
/** `deno task cover`: what a system call or the selftests cover, as functions and lines. */
import { counted } from "../core/text/counted.ts";
import type { Cell, CoverRequest } from "../core/model/model.ts";
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import {
  attachedPcs,
  callText,
  COVER_MODES,
  type Covered,
  coveredLines,
  type CoverMode,
  difference,
  differenceLines,
  differenceText,
  onceEach,
  traceFacts,
} from "../core/report/cover.ts";
import { frameText } from "../core/inspect/symbolizer.ts";
import { OneCell } from "../run/one_cell.ts";
import { cellFolder } from "../core/model/paths.ts";
import { checkTests, type Context, makeRunDir, planOf } from "./context.ts";
import { defineCommand, type Words } from "./command.ts";
import { callOf, failuresOf, placesOf, resultText } from "./traced_cell.ts";
import { makeReady } from "./ready.ts";
import {
  BOOT,
  choiceIfAny,
  flag,
  group,
  KERNEL,
  list,
  MAKING,
  MATRIX,
  RUN_FOLDER,
  text,
  type Values,
  WATCHING,
} from "../cli/options.ts";

const OPTIONS = {
  ...group("Coverage", {
    test: list("--test <glob>", "show the PCs that matching tests read, instead of a call"),
    mode: choiceIfAny(
      "--mode <mode>",
      "trace in one mode (default: in each that the cell has)",
      COVER_MODES,
    ),
    unique: flag("--unique", "list each PC once, where it came first"),
    diff: flag("--diff", "show only what mode pc and unique mode do not share"),
    against: text("--against <cell>", "compare with another cell, by function and line"),
  }),
  ...{ ...MATRIX, ...KERNEL, ...MAKING, ...BOOT, ...RUN_FOLDER },
  ...group("Output", {
    json: text("--json <file>", "write every entry with its functions to this file"),
  }),
  ...WATCHING,
};
type CoverValues = Values<typeof OPTIONS>;

export const cover = defineCommand({
  name: "cover",
  group: "Search",
  help: "show what a system call (after --) or tests cover, as functions and lines, inlined too",
  example: "deno task cover linux-6.12-unique/kcov-unique -- read -1 0 0",
  arguments: "<cell> [call...]",
  options: OPTIONS,
  writes: () => "cache and runs",
  perform: coverCells,
});

/** What one cell's boot has covered. */
interface Coverage {
  readonly cell: string;
  /** Entries in order, by mode; tests have mode "pc" alone, and each PC once. */
  readonly modes: ReadonlyMap<CoverMode, readonly Covered[]>;
  /** What the call returned, by mode. */
  readonly results: ReadonlyMap<CoverMode, string>;
  readonly failures: readonly Failure[];
}

async function coverCells(
  [cell, ...call]: Words<"<cell> [call...]">,
  options: CoverValues,
  context: Context,
): Promise<readonly Failure[]> {
  const { paths, host, terminal } = context;
  await checkUsage(call, options);
  const cells = options.against === undefined ? [cell] : [cell, options.against];
  const plan = await planOf(cells, options, context);
  if (plan.cells.length !== cells.length) {
    throw new KmatrixError("usage", "bad-usage", "cover takes one cell, and one more as --against");
  }
  await makeReady(plan, context);
  // For the first boot, so that a call that does not exist leaves no run.
  let made: Promise<string> | undefined;
  const runDir = () => made ??= makeRunDir(context);
  const covered: Coverage[] = [];
  for (const id of cells) {
    const one = plan.cells.find((cell) => cell.id === id) ?? plan.cells[0]!;
    covered.push(
      await OneCell.run(
        plan,
        paths,
        host,
        (runner) => coverCell(one, runner, call, options, runDir, context),
      ),
    );
  }
  for (const line of reportLines(covered, call, options)) terminal.print(line);
  if (options.json !== undefined) {
    const text = JSON.stringify(covered.map(asJson), null, 2);
    await host.fs.writeText(context.absolute(options.json), `${text}\n`);
  }
  return covered.flatMap((one) => one.failures);
}

async function checkUsage(call: readonly string[], options: CoverValues): Promise<void> {
  const bad = (text: string) => new KmatrixError("usage", "bad-usage", text);
  if (call.length > 0 && options.test.length > 0) {
    throw bad("cover takes a system call after --, or --test, not both");
  }
  if (call.length === 0 && options.test.length === 0) {
    throw bad(
      "cover needs something to trace: give a system call (cover CELL -- read -1 0 0) or --test GLOB",
    );
  }
  if (options.test.length > 0 && (options.mode !== undefined || options.diff)) {
    throw bad("--mode and --diff are for a system call: tests choose their modes themselves");
  }
  await checkTests(options.test);
  if (options.diff && options.against !== undefined) {
    throw bad("--diff compares the modes of one cell, --against two cells; take one");
  }
}

async function coverCell(
  cell: Cell,
  runner: OneCell,
  call: readonly string[],
  options: CoverValues,
  runDir: () => Promise<string>,
  { host }: Context,
): Promise<Coverage> {
  const source = await runner.source(cell);
  const request: CoverRequest = call.length === 0
    ? { kind: "tests" }
    : await callOf(call, cell, source, host);
  const ready = await runner.ready(cell, source);
  const lacking = call.length > 0 && options.mode === "unique" ? "unique" : "kcov";
  if (!ready.features.includes(lacking)) {
    const text = `${cell.id} has no ${lacking === "kcov" ? "KCOV" : "unique mode"} to trace with`;
    throw new KmatrixError("usage", "bad-usage", text);
  }
  const mode = options.mode ?? "*";
  const filter = request.kind === "call" ? [`cover.${mode}.trace`] : options.test;
  const dir = `${await runDir()}/${cellFolder(cell.id)}`;
  const result = await runner.boot(ready, { dir, filter, cover: request });
  if (result.tests.length === 0) {
    const text = `no test of ${cell.id} matches ${filter.join(" ")}`;
    throw new KmatrixError("no-match", "no-such-test", text);
  }
  const pcs = new Map<CoverMode, bigint[]>();
  const results = new Map<CoverMode, string>();
  for (const test of result.tests) {
    if (test.outcome.kind === "skipped") continue;
    const mode = request.kind === "call" ? test.name.split(".")[0] as CoverMode : "pc";
    pcs.set(mode, [...pcs.get(mode) ?? [], ...attachedPcs(test)]);
    const facts = traceFacts(test);
    if (facts) results.set(mode, resultText(facts.result) + (facts.full ? ", buffer full" : ""));
  }
  const places = await placesOf([...pcs.values()].flat(), ready, host);
  const modes = new Map([...pcs].map(([mode, list]) => [
    mode,
    list.map((pc) => ({ pc, frames: places.get(pc) ?? [] })),
  ]));
  return { cell: cell.id, modes, results, failures: failuresOf(result) };
}

function reportLines(
  covered: readonly Coverage[],
  call: readonly string[],
  options: CoverValues,
): string[] {
  const what = call.length === 0 ? `tests ${options.test.join(" ")}` : callText(call);
  const lines: string[] = [];
  for (const { cell, modes, results, failures } of covered) {
    for (const [mode, entries] of modes) {
      const result = results.get(mode);
      const head = call.length === 0
        ? `${what} on ${cell}: `
        : `${what}${result === undefined ? "" : ` = ${result}`} on ${cell}, mode ${mode}: ` +
          `${counted(entries.length, "entry", "entries")}, `;
      lines.push(`${head}${counted(onceEach(entries).length, "PC")}`);
    }
    if (call.length === 0 && modes.get("pc")?.length === 0) {
      lines.push("(these tests read their buffers in a way of their own, or not at all)");
    }
    lines.push(...failures.map((one) => `FAILED ${cell}: ${one.message}`));
  }
  const listed = (entries: readonly Covered[]) => options.unique ? onceEach(entries) : entries;
  const [first, second] = covered;
  if (second !== undefined) {
    const mode = [...first!.modes.keys()].find((mode) => second.modes.has(mode)) ?? "pc";
    const [a, b] = covered.map(({ modes }) => modes.get(mode) ?? []);
    const found = difference(a!, b!, "place");
    lines.push("", ...differenceLines(found));
    return [...lines, differenceText(found, first!.cell, second.cell, `places of mode ${mode}`)];
  }
  const [pc, unique] = [first!.modes.get("pc"), first!.modes.get("unique")];
  if (!options.diff) lines.push("", ...listed(pc ?? unique ?? []).flatMap(coveredLines));
  if (pc && unique) {
    const found = difference(pc, unique, "address");
    lines.push("", ...differenceLines(found));
    lines.push(differenceText(found, "mode pc", "mode unique", "PCs"));
  } else if (options.diff) {
    throw new KmatrixError("usage", "bad-usage", `${first!.cell} has one mode; --diff needs two`);
  }
  return lines;
}

function asJson({ cell, modes, results }: Coverage): unknown {
  return {
    cell,
    modes: Object.fromEntries([...modes].map(([mode, entries]) => [mode, {
      result: results.get(mode) ?? null,
      entries: entries.map(({ pc, frames }) => ({
        pc: `0x${pc.toString(16)}`,
        frames: frames.map(frameText),
      })),
    }])),
  };
}
