// SPDX-License-Identifier: MIT

/** Long stretches of records of df_step() (selftests/modules/kmatrix_dataflow): a call each, nothing between. */

import { DATAFLOW_NUMBER_BITS, dataflowFaultText, walkDataflow } from "../contract/dataflow.ts";
import { assertEquals, fail } from "../harness/asserts.ts";
import type { Dataflow, DataflowMode } from "./dataflow.ts";
import { commandLine, type DataflowModule, Expected } from "./dataflow_module.ts";

/** PCs of a function's two records, as the low halves of their words. */
export interface StepPlaces {
  readonly entry: number;
  readonly back: number;
}

/** The first number of a step and how many there are, of records of df_step() and no other. */
export function assertSteps(
  texts: readonly string[],
  mode: DataflowMode,
  first: number,
  count: number,
): void {
  const step = new Expected("df_step", mode);
  const expected = Array.from({ length: count }, (_, at) => [
    step.entry(0, 4, first + at),
    step.returns(4, 3 * (first + at) + 1),
  ]).flat();
  const odd = expected.findIndex((text, at) => text !== texts[at]);
  if (odd >= 0) fail(`record ${odd}: got ${texts[odd]}, expected ${expected[odd]}`);
  assertEquals(texts.length, expected.length, `records of ${count} steps`);
}

/** Where df_step() is recorded, after one of its records has been held against its text. */
export function stepPlaces(
  module: DataflowModule,
  device: Dataflow,
  mode: DataflowMode,
): StepPlaces {
  const { texts, records } = module.call(device, "loop", 1, 0);
  assertSteps(texts, mode, 0, 1);
  const [entry, back] = records.map(({ pc }) => Number(pc & 0xffffffffn));
  return { entry: entry!, back: back! };
}

/**
 * What a command leaves that calls df_step() again and again: each step once, in order, with its value
 * and the next number, and no other record among them. Reads halves of words, for the engine takes long
 * over each bigint. Gives how many records there are, those around the steps included.
 * @param first Number of the first step.
 */
export function assertStretch(
  ring: BigUint64Array,
  { entry, back }: StepPlaces,
  first: number,
  count: number,
): number {
  const halves = new Uint32Array(ring.buffer, ring.byteOffset, 2 * ring.length);
  const mask = 2 ** DATAFLOW_NUMBER_BITS - 1;
  let last = -1;
  let steps = 0;
  let returned = 0;
  const { records, fault } = walkDataflow(ring, (at, low) => {
    const number = low & mask;
    if (last >= 0 && number !== (last + 1 & mask)) {
      fail(`the record at word ${at} has number ${number}, the one before it ${last}`);
    }
    last = number;
    const pc = halves[2 * at + 2]!;
    const value = halves[2 * at + 6]!;
    if (pc === entry) {
      if (value !== first + steps) fail(`step ${steps}: entry with ${value} at word ${at}`);
      steps++;
    } else if (pc === back) {
      if (returned !== steps - 1) fail(`return ${returned} after ${steps} entries at word ${at}`);
      const expected = (first + returned) * 3 + 1 >>> 0;
      if (value !== expected) fail(`step ${returned}: return of ${value} at word ${at}`);
      returned++;
    } else if (steps > 0 && returned < count) {
      const text = `behind ${steps} entries and ${returned} returns of df_step()`;
      fail(`a record of other code, ${pc.toString(16)}, at word ${at}, ${text}`);
    }
  });
  if (fault !== null) fail(dataflowFaultText(fault));
  assertEquals([steps, returned], [count, count], "entries and returns");
  return records;
}

/** The ring after a command, which gets its number of steps and what else it wants. */
export function stretch(
  module: DataflowModule,
  device: Dataflow,
  name: string,
  ...numbers: readonly number[]
): BigUint64Array {
  return device.window((batch) => module.lineIn(batch, commandLine(name, ...numbers)));
}
