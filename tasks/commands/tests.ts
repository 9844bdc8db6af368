// SPDX-License-Identifier: MIT
/** `deno task tests`: the selftests. */
import type { Failure } from "../errors.ts";
import { declaredTests } from "../declared_tests.ts";
import type { Context } from "./context.ts";

export async function testsCommand({ terminal }: Context): Promise<readonly Failure[]> {
  for (const test of await declaredTests()) {
    const needs = test.requires.join(", ") || "nothing";
    terminal.print(`${test.id}  (needs ${needs}; ${test.timeoutMs / 1000} s; ${test.file})`);
  }
  return [];
}
