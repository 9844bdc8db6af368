// SPDX-License-Identifier: MIT

/** Dataflow and KCOV in one task at the same time: each sees what it sees alone. */

import type { Feature } from "../../contract/features.ts";
import {
  assert,
  assertEquals,
  assertGreater,
  assertSameMembers,
  hex,
} from "../../harness/asserts.ts";
import { Batch } from "../../harness/batch.ts";
import { fixture } from "../../harness/fixtures.ts";
import { close, O_RDONLY, open, SYS } from "../../harness/guest.ts";
import { GUEST_PATHS } from "../../contract/cell.ts";
import {
  type Dataflow,
  DATAFLOW_DISABLE,
  DATAFLOW_MODES,
  DATAFLOW_REQUIRES,
  type DataflowMode,
  openMappedDataflow,
  soundRecords,
} from "../dataflow.ts";
import { commandLine, type DataflowModule, loadDataflowModule } from "../dataflow_module.ts";
import {
  type CollectMode,
  enableModeOrSkip,
  entryPcs,
  type Kcov,
  KCOV_DISABLE,
  KCOV_TRACE_CMP,
  KCOV_TRACE_PC,
  openMapped,
} from "../kcov.ts";
import { kernelSymbols } from "../symbols.ts";
import { undisturbed } from "../windows.ts";

const RING_WORDS = 128 * 1024;
const BUFFER_WORDS = 128 * 1024;
const BITMAP_WORDS = 4 * 1024;

interface BesideVariant extends DataflowMode {
  readonly mode: CollectMode;
}

const COLLECT: Readonly<Record<CollectMode, readonly Feature[]>> = {
  pc: [],
  cmp: ["cmp"],
  unique: ["unique"],
};

/** Each mode of KCOV beside each kind of kernel. */
const variants = Object.fromEntries(
  Object.entries(DATAFLOW_MODES).flatMap(([name, { fields, requires }]) =>
    Object.entries(COLLECT).map(([mode, more]) => [
      `${name}_${mode}`,
      { fields, mode: mode as CollectMode, requires: [...requires, ...more] },
    ])
  ),
) as Readonly<Record<string, BesideVariant>>;

/**
 * What reads fields, and what it calls: not instrumented for dataflow, but for KCOV, whose trace has it
 * while both are on.
 */
const READS_FIELDS = /^copy_from_kernel_nofault/;

interface Context {
  readonly module: DataflowModule;
  readonly dataflow: Dataflow;
  readonly kcov: Kcov;
  /** An open file. */
  readonly file: number;
}

export const dataflowBeside = fixture("dataflow_beside", {
  file: "selftests/kcov/tests/dataflow_beside.ts",
  requires: ["kcov", ...DATAFLOW_REQUIRES, "modules"],
  variants,
  setup(t, { mode }: BesideVariant): Context {
    const kcov = openMapped(t, BUFFER_WORDS);
    enableModeOrSkip(t, kcov, mode, BITMAP_WORDS);
    kcov.disable();
    const module = loadDataflowModule(t);
    const file = open(GUEST_PATHS.cell, O_RDONLY);
    t.cleanup(() => close(file));
    return { module, dataflow: openMappedDataflow(t, RING_WORDS), kcov, file };
  },
});

function enableKcov({ kcov }: Context, mode: CollectMode): void {
  if (mode === "unique") kcov.enableUnique(BITMAP_WORDS);
  else kcov.enable(mode === "cmp" ? KCOV_TRACE_CMP : KCOV_TRACE_PC);
}

/** What one window leaves: of KCOV the PCs, of dataflow each record as far as it is the same each time. */
interface Seen {
  readonly pcs: readonly bigint[];
  readonly records: readonly string[];
}

/** Runs a call of the kernel and one of the module, with what is enabled. */
function look({ module, dataflow, kcov, file }: Context, mode: CollectMode): Seen {
  const batch = new Batch();
  kcov.resetIn(batch);
  dataflow.resetIn(batch);
  batch.syscall(SYS.lseek, [file, 5, 0]);
  module.lineIn(batch, commandLine("u32", 3, 4, 5));
  module.lineIn(batch, commandLine("loop", 3, 9));
  const words = dataflow.countIn(batch);
  const entries = kcov.countIn(batch);
  batch.run();
  const records = soundRecords(dataflow.copy(batch.result(words)));
  return {
    pcs: entryPcs(kcov, mode, Number(batch.result(entries))),
    records: records.map(({ type, index, size, pc, address, values }) => {
      // Of an object the kernel may change fields from one call to the next.
      const value = address === 0n && size < 8 ? values.map(hex).join(" ") : values.length;
      return `${hex(pc)} ${type} ${index} ${size} ${value}`;
    }),
  };
}

/** PCs that are of the call, whoever looks at it. */
function withoutReader(pcs: readonly bigint[]): bigint[] {
  const symbols = kernelSymbols();
  return pcs.filter((pc) => !READS_FIELDS.test(symbols.nameOf(pc) ?? ""));
}

dataflowBeside.test("each_sees_what_it_sees_alone", (t, context, { mode }) => {
  const { dataflow, kcov } = context;
  undisturbed(t, () => {
    // An attempt that failed in between has left them on.
    dataflow.ioctl(DATAFLOW_DISABLE);
    kcov.ioctl(KCOV_DISABLE, 0);
    dataflow.enable();
    // Once for what is done but once.
    look(context, mode);
    const alone = look(context, mode);
    dataflow.disable();
    enableKcov(context, mode);
    look(context, mode);
    const { pcs } = look(context, mode);
    dataflow.enable();
    look(context, mode);
    const both = look(context, mode);
    dataflow.disable();
    kcov.disable();
    assertGreater(alone.records.length, 12, "records of three calls");
    assertGreater(pcs.length, mode === "cmp" ? 2 : 20, "entries of KCOV of three calls");
    assertEquals(both.records, alone.records, "records beside KCOV");
    if (mode === "unique") {
      assertSameMembers(withoutReader(both.pcs), withoutReader(pcs), "PCs beside dataflow");
    } else {
      assertEquals(withoutReader(both.pcs), withoutReader(pcs), "PCs beside dataflow, in order");
    }
    t.log(`${both.records.length} records, ${pcs.length} entries`);
  });
});

dataflowBeside.test("either_goes_on_without_the_other", (_t, context, { mode }) => {
  const { dataflow, kcov } = context;
  dataflow.enable();
  enableKcov(context, mode);
  assertGreater(look(context, mode).records.length, 0, "records while both are on");
  kcov.disable();
  const { records, pcs } = look(context, mode);
  assertGreater(records.length, 0, "records after KCOV was disabled");
  assertEquals(pcs.length, 0, "entries of KCOV after it was disabled");
  enableKcov(context, mode);
  dataflow.disable();
  const after = look(context, mode);
  assertEquals(after.records, [], "records after dataflow was disabled");
  assertGreater(after.pcs.length, 0, "entries of KCOV after dataflow was disabled");
  assert(dataflow.enable() === dataflow, "dataflow can be enabled again");
  assertGreater(look(context, mode).records.length, 0, "records once both are on again");
  dataflow.disable();
  kcov.disable();
});
