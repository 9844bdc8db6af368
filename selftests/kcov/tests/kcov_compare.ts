// SPDX-License-Identifier: MIT

/** Comparisons and switches of every width (selftests/modules/kmatrix_compare/compare.c). */

import { assertEquals, fail, inspect } from "../../harness/asserts.ts";
import { fixture } from "../../harness/fixtures.ts";
import { cString, SYS } from "../../harness/guest.ts";
import { type Comparison, enableOrSkip, KCOV_TRACE_CMP, openMapped } from "../kcov.ts";
import { loadWithFile } from "../modules.ts";

const BUFFER_WORDS = 16 * 1024;

/** Cases of compare.c that all widths have. */
const SMALL_CASES = [3n, 17n, 90n];

interface WidthVariant {
  /** Of the operands. */
  readonly bytes: 1 | 2 | 4 | 8;
  readonly signed: boolean;
  /** The constant that one number is compared with. */
  readonly constant: bigint;
  /** The greatest case of the switch. */
  readonly lastCase: bigint;
}

const width = (
  bytes: WidthVariant["bytes"],
  signed: boolean,
  constant: bigint,
  lastCase: bigint,
): WidthVariant => ({ bytes, signed, constant, lastCase });

export const kcovCompare = fixture("kcov_compare", {
  file: "selftests/kcov/tests/kcov_compare.ts",
  requires: ["kcov", "cmp", "modules"],
  variants: {
    u8: width(1, false, 0xa5n, 0xf1n),
    s8: width(1, true, 0xa6n, 0xf2n),
    u16: width(2, false, 0xa5b1n, 0xf1e2n),
    s16: width(2, true, 0xa5b2n, 0xf1e3n),
    u32: width(4, false, 0xa5b1c2d3n, 0xf1e2d3c4n),
    s32: width(4, true, 0xa5b1c2d4n, 0xf1e2d3c5n),
    u64: width(8, false, 0xa5b1c2d3e4f50617n, 0xf1e2d3c4b5a69788n),
    s64: width(8, true, 0xa5b1c2d3e4f50618n, 0xf1e2d3c4b5a69789n),
  },
  setup(t, variant: WidthVariant) {
    const device = openMapped(t, BUFFER_WORDS);
    enableOrSkip(t, device, KCOV_TRACE_CMP);
    device.disable();
    const module = loadWithFile(t, "kmatrix_compare");
    const name = `${variant.signed ? "s" : "u"}${8 * variant.bytes}`;
    /** Records of one function, after the two numbers were written. */
    const records = (one: bigint, two: bigint) => {
      device.enable(KCOV_TRACE_CMP);
      const line = `${one.toString(16)} ${two.toString(16)}`;
      const text = cString(line);
      const recording = device.recording((batch) => {
        batch.syscall(SYS.write, [module.file, text, line.length]);
      });
      const all = device.comparisons(recording.run());
      device.disable();
      return (kind: string): Comparison[] =>
        all.filter(({ pc }) => module.functionOf(pc) === `${kind}_${name}`);
    };
    return { records };
  },
});

/** Numbers with another byte at each place: what is cut wrong is another number. */
const NUMBERS: readonly (readonly [bigint, bigint])[] = [
  [0x1122334455667788n, 0x99aabbccddeeff01n],
  [0xfedcba9876543210n, 0x0f1e2d3c4b5a6978n],
  [0xffffffffffffffffn, 0xffffffffffffffffn],
  [0n, 0x8000000080008080n],
];

kcovCompare.test("shows_both_operands", (_t, { records }, { bytes }) => {
  const cut = (number: bigint) => number & ((1n << BigInt(8 * bytes)) - 1n);
  for (const [one, two] of NUMBERS) {
    const of = records(one, two);
    for (const kind of ["equal", "less"]) {
      const [record, ...more] = of(kind);
      if (record === undefined) fail(`no record of ${kind} for ${one} and ${two}`);
      assertEquals(more, [], `further records of ${kind}`);
      // clang may turn a comparison round.
      const operands = [record.arg1, record.arg2].sort();
      assertEquals(operands, [cut(one), cut(two)].sort(), `operands of ${kind}`);
      assertEquals([record.isConst, record.sizeBytes], [false, bytes], `type of ${kind}`);
    }
  }
});

kcovCompare.test("marks_a_constant", (_t, { records }, { bytes, constant }) => {
  const cut = (number: bigint) => number & ((1n << BigInt(8 * bytes)) - 1n);
  for (const [one] of [...NUMBERS, [constant]] as const) {
    const [record, ...more] = records(one!, 0n)("constant");
    if (record === undefined) fail(`no record of the comparison with ${constant}`);
    assertEquals(more, [], "further records");
    assertEquals([record.arg1, record.arg2], [constant, cut(one!)], "constant, operand");
    assertEquals([record.isConst, record.sizeBytes], [true, bytes], "type");
  }
});

kcovCompare.test("shows_each_case_of_a_switch", (_t, { records }, { bytes, lastCase }) => {
  const cut = (number: bigint) => number & ((1n << BigInt(8 * bytes)) - 1n);
  for (const one of [...NUMBERS.flat(), lastCase, 17n]) {
    const found = records(one, 0n)("switch");
    assertEquals(found.map(({ arg1 }) => arg1), [...SMALL_CASES, lastCase], "cases, in order");
    for (const record of found) {
      assertEquals(record.arg2, cut(one), `operand: ${inspect(record)}`);
      assertEquals([record.isConst, record.sizeBytes], [true, bytes], "type");
    }
  }
});
