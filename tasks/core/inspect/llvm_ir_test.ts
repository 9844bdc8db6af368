// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { instrumentedFunctions } from "./llvm_ir.ts";

const define = (head: string, body = "  ret void") => `define ${head} {\n${body}\n}\n`;
const attributes = `attributes #0 = { cold nosanitize_coverage nounwind "frame-pointer"="none" }
attributes #1 = { nounwind "no-trapping-math"="true" }
attributes #2 = { naked noinline }
attributes #3 = { disable_sanitizer_instrumentation nounwind }
`;
const names = (...functions: string[]) =>
  instrumentedFunctions(`; ModuleID = 'x.c'\n${functions.join("\n")}\n${attributes}`);

Deno.test("instrumentedFunctions() names those that no attribute excuses", () => {
  assert.deepEqual(
    names(
      define('dso_local i32 @early(i32 noundef %0) #0 section ".init.text" align 16 !dbg !7'),
      define("internal fastcc void @plain(ptr %0) unnamed_addr #1"),
      define("dso_local range(i32 0, 2) i32 @entry() local_unnamed_addr #2"),
      define("void @kmsan_hook() #3"),
      define("void @bare()"),
      define('void @"odd name"(i32 %0) #1'),
    ),
    ["plain", "bare", '"odd name"'],
  );
});

Deno.test("instrumentedFunctions() passes over what SanitizerCoverage does", () => {
  assert.deepEqual(
    names(
      define("available_externally i32 @inline_elsewhere(i32 %0) #1"),
      define("internal void @sancov.module_ctor_trace_pc_guard() #1 comdat"),
      define("internal void @asan.module_dtor() #1"),
      define("void @__sanitizer_cov_trace_pc() #1"),
      define("void @never() #1", "entry:\n  unreachable, !dbg !9"),
      "declare void @elsewhere(i32) #1",
    ),
    [],
  );
  const reached = "  call void @__sanitizer_cov_trace_pc() #9\n  unreachable";
  assert.deepEqual(names(define("void @panics() #1", reached)), ["panics"]);
  assert.deepEqual(instrumentedFunctions(""), []);
});

Deno.test("instrumentedFunctions() is not led on by names of attributes inside of strings", () => {
  const quoted = 'attributes #1 = { nounwind "x"="nosanitize_coverage" }';
  assert.deepEqual(instrumentedFunctions(`${define("void @f() #1")}${quoted}\n`), ["f"]);
});
