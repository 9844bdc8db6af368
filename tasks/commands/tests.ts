// SPDX-License-Identifier: MIT
/** `deno task tests`: the selftests. */
import type { Failure } from "../errors.ts";
import { declaredTests } from "../../selftests/main.ts";
import type { Context } from "./context.ts";

export function testsCommand({ terminal }: Context): Promise<readonly Failure[]> {
  for (const test of declaredTests()) {
    const needs = test.requires.join(", ") || "nothing";
    terminal.print(`${test.id}  (needs ${needs}; ${test.timeoutMs / 1000} s; ${test.file})`);
  }
  return Promise.resolve([]);
}
