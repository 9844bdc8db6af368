// SPDX-License-Identifier: MIT
/** `deno task dataflow`: what goes into the functions of a system call, and what comes out of them. */
import { dataflowFaultText, decodeDataflow } from "../../selftests/contract/dataflow.ts";
import {
  DATAFLOW_CALL_TEST,
  type DataflowFacts,
  readDataflowFacts,
  unpackRing,
} from "../../selftests/contract/dataflow_call.ts";
import { callTree } from "../core/dataflow/call_tree.ts";
import { dataflowReport } from "../core/dataflow/describe.ts";
import { ERRNO_HEADERS, parseErrnos } from "../core/dataflow/errnos.ts";
import { dataflowJson, type DataflowRemark, type DataflowReport } from "../core/dataflow/report.ts";
import { treeLines } from "../core/dataflow/tree_text.ts";
import type { Cell, CellResult, KernelConfig, SourceTree } from "../core/model/model.ts";
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import { cellFolder } from "../core/model/paths.ts";
import { callText } from "../core/report/cover.ts";
import type { Host } from "../host/host.ts";
import type { ReadyCell } from "../run/cell_stages.ts";
import { OneCell } from "../run/one_cell.ts";
import { imageSymbols } from "../steps/image_symbols.ts";
import { DATAFLOW_FILE } from "../steps/report_page.ts";
import { tracedFunctions } from "../steps/traced_functions.ts";
import {
  BOOT,
  group,
  KERNEL,
  list,
  MAKING,
  MATRIX,
  off,
  positive,
  read,
  RUN_FOLDER,
  text,
  type Values,
  WATCHING,
} from "../cli/options.ts";
import { defineCommand, type Words } from "./command.ts";
import { type Context, makeRunDir, planOf } from "./context.ts";
import { callOf, failuresOf } from "./traced_cell.ts";
import { writeCallReport } from "./traced_report.ts";
import { makeReady, onlyCell } from "./ready.ts";

const OPTIONS = {
  ...group("Data flow", {
    depth: read("--depth <n>", "show calls down to this depth; deeper ones are counted", positive),
    function: list(
      "--function <glob>",
      "show only calls of functions with such a name, each with what it calls; may be given again",
    ),
    fields: off("--no-fields", "leave out the fields of structures"),
  }),
  ...{ ...MATRIX, ...KERNEL, ...MAKING, ...BOOT, ...RUN_FOLDER },
  ...group("Output", {
    json: text("--json <file>", "write the whole tree as data to this file"),
  }),
  ...WATCHING,
};
type DataflowValues = Values<typeof OPTIONS>;

export const dataflow = defineCommand({
  name: "dataflow",
  group: "Search",
  help: "show the calls of a system call (after --) with arguments, fields and returned values",
  example:
    "deno task dataflow linux-6.12-dataflow/dataflow --matrix matrix-dataflow.yaml -- lseek fd 0 77",
  arguments: "<cell> [call...]",
  options: OPTIONS,
  writes: () => "cache and runs",
  perform: showDataflow,
});

async function showDataflow(
  [id, ...call]: Words<"<cell> [call...]">,
  options: DataflowValues,
  context: Context,
): Promise<readonly Failure[]> {
  const { paths, host, terminal } = context;
  if (call.length === 0) {
    const text = "dataflow needs a system call to trace (dataflow CELL -- lseek fd 0 0)";
    throw new KmatrixError("usage", "bad-usage", text);
  }
  const plan = await planOf([id], options, context);
  const cell = onlyCell(plan, id, context);
  await makeReady(plan, context);
  const startedAt = host.now();
  const traced = await OneCell.run(
    plan,
    paths,
    host,
    (runner) => bootAndRead(cell, runner, call, context),
  );
  const { report, result, runDir } = traced;
  const failures = failuresOf(result);
  if (report !== null) {
    const json = dataflowJson(report);
    await host.fs.writeText(`${runDir}/${cellFolder(cell.id)}/${DATAFLOW_FILE}`, json);
    if (options.json !== undefined) await host.fs.writeText(context.absolute(options.json), json);
    const { width, style } = terminal;
    const shown = { ...options, functions: options.function, width, mark: style.bad };
    for (const line of treeLines(report, shown)) terminal.print(line);
  }
  for (const { message } of failures) terminal.print(`FAILED ${cell.id}: ${message}`);
  const page = await writeCallReport({ cell, call, startedAt, ...traced }, options, context);
  terminal.print(`\npage: ${page}`);
  return failures;
}

interface Traced {
  /** null where the guest did not get as far as the call. */
  readonly report: DataflowReport | null;
  readonly result: CellResult;
  readonly runDir: string;
}

async function bootAndRead(
  cell: Cell,
  runner: OneCell,
  call: readonly string[],
  context: Context,
): Promise<Traced> {
  const { host } = context;
  const source = await runner.source(cell);
  const { number, args } = await callOf(call, cell, source, host);
  const ready = await runner.ready(cell, source, { onConfigured: wantDataflow(cell) });
  const runDir = await makeRunDir(context);
  const dir = `${runDir}/${cellFolder(cell.id)}`;
  const cover = { kind: "dataflow", number, args } as const;
  const result = await runner.boot(ready, { dir, filter: [DATAFLOW_CALL_TEST], cover });
  const test = result.tests.find((one) => one.id === DATAFLOW_CALL_TEST);
  const facts = readDataflowFacts(test?.attachments ?? {});
  if (facts === null) return { report: null, result, runDir };
  const ring = unpackRing(test!.attachments);
  return { report: await reportOf(call, ring, facts, ready, source, host), result, runDir };
}

/** Before anything is compiled. */
function wantDataflow({ id }: Cell): (config: KernelConfig) => void {
  return ({ features }) => {
    if (features.includes("dataflow")) return;
    throw new KmatrixError(
      "usage",
      "bad-usage",
      `${id} has no KCOV dataflow to trace with (CONFIG_KCOV_DATAFLOW)`,
      "Cells that have it are those of matrix-dataflow.yaml: --matrix matrix-dataflow.yaml",
    );
  };
}

async function reportOf(
  call: readonly string[],
  ring: BigUint64Array,
  facts: DataflowFacts,
  { cell, kernel }: ReadyCell,
  source: SourceTree,
  host: Host,
): Promise<DataflowReport> {
  const { records, fault } = decodeDataflow(ring);
  const { vmlinux } = kernel;
  const pcs = records.map(({ pc }) => pc);
  const { functionOf, placeOf } = await tracedFunctions(vmlinux, pcs, cell.toolchain, host);
  const symbolOf = await imageSymbols(vmlinux, host);
  const headers = await Promise.all(
    ERRNO_HEADERS.map((file) => host.fs.readTextIfAny(`${source.path}/${file}`)),
  );
  const errnos = parseErrnos(headers.map((header) => header ?? ""));
  const displacement = BigInt(facts.displacement ?? 0);
  return dataflowReport({
    cell: cell.id,
    call: callText(call),
    result: facts.result,
    ...{ records, placeOf },
    tree: callTree(records, functionOf),
    names: {
      errnoName: (errno) => errnos.get(errno) ?? null,
      symbolAt: (address) => symbolOf(address - displacement),
    },
    remarks: [
      ...ringRemarks(facts),
      ...(fault === null ? [] : [
        {
          id: "record-cut",
          text: `${dataflowFaultText(fault)}: what follows is left out`,
        } as const,
      ]),
    ],
  });
}

/** Words of the longest record: its head, and a value each of CONFIG_KCOV_DATAFLOW_MAX_FIELDS. */
const LONGEST_RECORD = 3 + 64;

/** A record that does not fit is dropped, and a shorter one behind it may still be there. */
function ringRemarks({ words, ring }: DataflowFacts): DataflowRemark[] {
  if (ring - words >= LONGEST_RECORD) return [];
  const text = `the buffer of ${ring} words was full: what is not recorded any more is not told`;
  return [{ id: "buffer-full", text }];
}
