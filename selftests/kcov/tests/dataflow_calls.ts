// SPDX-License-Identifier: MIT

/**
 * Which functions leave which records (selftests/modules/kmatrix_dataflow/calls.c): without a value, with
 * several returns, with a parameter that nobody reads, calling each other; and none at all of those that
 * are not instrumented.
 */

import { assert, assertEquals, equals, inspect } from "../../harness/asserts.ts";
import { fixture } from "../../harness/fixtures.ts";
import {
  DATAFLOW_MODES,
  DATAFLOW_REQUIRES,
  type DataflowMode,
  openMappedDataflow,
} from "../dataflow.ts";
import { cut, Expected, loadDataflowModule } from "../dataflow_module.ts";

const RING_WORDS = 128 * 1024;

export const dataflowCalls = fixture("dataflow_calls", {
  file: "selftests/kcov/tests/dataflow_calls.ts",
  requires: [...DATAFLOW_REQUIRES, "modules"],
  variants: DATAFLOW_MODES,
  setup(t, _mode: DataflowMode) {
    const module = loadDataflowModule(t);
    return { module, device: openMappedDataflow(t, RING_WORDS).enable() };
  },
  teardown: ({ device }) => device.disable(),
});

dataflowCalls.test("a_function_of_nothing_returns_nothing", (_t, { module, device }, mode) => {
  const { texts } = module.call(device, "nothing");
  assertEquals(texts, [new Expected("df_nothing", mode).returnsNothing()], "records of df_nothing");
});

dataflowCalls.test("a_void_function_has_a_return", (_t, { module, device }, mode) => {
  const expected = new Expected("df_void", mode);
  const { texts } = module.call(device, "void", 0xa1a2a3a4n, 0x1122334455667788n);
  assertEquals(texts, [
    expected.entry(0, 4, 0xa1a2a3a4n),
    expected.entry(1, 8, 0x1122334455667788n),
    expected.returnsNothing(),
  ], "records of df_void");
});

dataflowCalls.test("each_of_several_returns_leaves_one_record", (_t, { module, device }, mode) => {
  const expected = new Expected("df_returns", mode);
  const cases = [[1, -22], [2, 17], [101, 1], [1100, 1000], [3, -6], [0, 0], [100, -200]] as const;
  for (const [which, value] of cases) {
    const { texts, result } = module.call(device, "returns", which);
    assertEquals(texts, [expected.entry(0, 4, which), expected.returns(4, value)], `of ${which}`);
    assertEquals(cut(result, 4), cut(value, 4), "what df_returns returned");
  }
});

dataflowCalls.test("an_error_of_64_bits", (_t, { module, device }, mode) => {
  const expected = new Expected("df_error", mode);
  for (const [number, value] of [[-5n, -22n], [5n, 5n], [1n << 62n, 1n << 62n]] as const) {
    const { texts } = module.call(device, "error", number);
    assertEquals(texts, [expected.entry(0, 8, number), expected.returns(8, value)], "records");
  }
});

dataflowCalls.test("a_parameter_that_nobody_reads_is_there_or_unknown", (_t, context, mode) => {
  const { module, device } = context;
  const [first, unused, last] = [0x11111111n, 0x22222222n, 0x33333333n] as const;
  // Called from another file: it is handed over like all.
  const plain = new Expected("df_unused", mode);
  assertEquals(module.call(device, "unused", first, unused, last).texts, [
    plain.entry(0, 4, first),
    plain.entry(1, 4, unused),
    plain.entry(2, 4, last),
    plain.returns(4, first * 3n + last),
  ], "records of df_unused");
});

dataflowCalls.test("a_parameter_that_was_taken_out_is_unknown", (_t, { module, device }, mode) => {
  const [first, unused, last] = [0x11111111n, 0x22222222n, 0x33333333n] as const;
  const { texts } = module.call(device, "unused_static", first, unused, last);
  const [caller, inner] = [
    new Expected("df_calls_static", mode),
    new Expected("df_unused_static", mode),
  ];
  assertEquals(texts, [
    ...[caller.entry(0, 4, first), caller.entry(1, 4, unused), caller.entry(2, 4, last)],
    ...[inner.entry(0, 4, first), inner.unknown(1), inner.entry(2, 4, last)],
    inner.returns(4, first * 3n + last),
    caller.returns(4, first * 3n + last + 1n),
  ], "records of df_calls_static");
});

dataflowCalls.test("what_a_caller_leaves_open_is_unknown", (_t, { module, device }, mode) => {
  const [first, unused, last] = [0x11111111n, 0x22222222n, 0x33333333n] as const;
  const { texts } = module.call(device, "unused_global", first, unused, last);
  const [caller, inner] = [
    new Expected("df_calls_global", mode),
    new Expected("df_unused_global", mode),
  ];
  assertEquals(texts, [
    ...[caller.entry(0, 4, first), caller.entry(1, 4, unused), caller.entry(2, 4, last)],
    ...[inner.entry(0, 4, first), inner.unknown(1), inner.entry(2, 4, last)],
    inner.returns(4, first * 5n + last),
    caller.returns(4, first * 5n + last + 1n),
  ], "records of df_calls_global");
});

dataflowCalls.test(
  "a_parameter_that_is_always_the_same_is_that_or_unknown",
  (_t, context, mode) => {
    const { module, device } = context;
    const { texts } = module.call(device, "constant", 5);
    const [caller, inner] = [
      new Expected("df_calls_constant", mode),
      new Expected("df_constant", mode),
    ];
    const whole = (inside: (number: number) => readonly string[]) => [
      caller.entry(0, 4, 5),
      ...[...inside(5), inner.returns(4, 35), ...inside(6), inner.returns(4, 42)],
      caller.returns(4, 77),
    ];
    const right = [
      whole((number) => [inner.entry(0, 4, 7), inner.entry(1, 4, number)]),
      // The compiler has taken it out.
      whole((number) => [inner.unknown(0), inner.entry(1, 4, number)]),
    ];
    const found = right.some((each) => equals(texts, each));
    assert(found, `records of df_calls_constant: ${inspect(texts)}`);
  },
);

dataflowCalls.test("a_variadic_function_has_its_named_arguments", (_t, context, mode) => {
  const { module, device } = context;
  const expected = new Expected("df_variadic", mode);
  const { texts } = module.call(device, "variadic", 2, 0xaaaa, 0xbbbb);
  assertEquals(texts, [expected.entry(0, 4, 2), expected.returns(4, 6)], "records of df_variadic");
});

dataflowCalls.test("calls_within_calls_are_in_the_order_of_their_running", (_t, context, mode) => {
  const { module, device } = context;
  const DEPTH = 5;
  const [ping, pong] = [new Expected("df_ping", mode), new Expected("df_pong", mode)];
  const at = (depth: number) => (DEPTH - depth) % 2 === 0 ? ping : pong;
  const entries: string[] = [];
  const returns: string[] = [];
  for (let depth = DEPTH, value = 0; depth >= 0; depth--) {
    entries.push(at(depth).entry(0, 4, depth));
    // From the innermost outwards.
    const level = DEPTH - depth;
    returns.push(at(level).returns(4, value));
    value += at(level + 1) === ping ? 2 : 3;
  }
  const { texts, result } = module.call(device, "ping", DEPTH);
  assertEquals(texts, [...entries, ...returns], "records of df_ping and df_pong");
  assertEquals(result, 12n, "what df_ping returned");
});

dataflowCalls.test("a_call_at_the_end_of_a_function_is_a_call", (_t, { module, device }, mode) => {
  const { texts } = module.call(device, "tail", 4);
  const [tail, target] = [new Expected("df_tail", mode), new Expected("df_tail_target", mode)];
  assertEquals(texts, [
    tail.entry(0, 4, 4),
    ...[target.entry(0, 4, 5), target.returns(4, 25)],
    tail.returns(4, 25),
  ], "records of df_tail");
});

dataflowCalls.test("a_function_that_must_end_in_a_jump_has_no_return", (_t, context, mode) => {
  const { module, device } = context;
  const { texts } = module.call(device, "must", 4);
  const [must, target] = [new Expected("df_must", mode), new Expected("df_must_target", mode)];
  assertEquals(texts, [
    must.entry(0, 4, 4),
    ...[target.entry(0, 4, 5), target.returns(4, 35)],
  ], "records of df_must");
});

dataflowCalls.test("functions_that_are_not_instrumented_are_absent", (_t, context, mode) => {
  const { module, device } = context;
  const { texts, result } = module.call(device, "left_out", 9);
  assertEquals(result, 5n, "how many of the others ran");
  // noinstr, by two attributes, by KCOV_DATAFLOW_quiet.o and by KCOV_INSTRUMENT_silent.o.
  const step = new Expected("df_step", mode);
  const what =
    "records beside those of df_noinstr, df_no_coverage, df_no_sanitizers, df_quiet and " +
    "df_silent";
  assertEquals(texts, [step.entry(0, 4, 9), step.returns(4, 28)], what);
});
