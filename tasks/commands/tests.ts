// SPDX-License-Identifier: MIT
/** `deno task tests`: the selftests. */
import type { Failure } from "../core/model/errors.ts";
import { declaredTests } from "../steps/declared_tests.ts";
import type { Context } from "./context.ts";
import { defineCommand } from "./command.ts";
import { MATRIX } from "../cli/options.ts";

export const tests = defineCommand({
  name: "tests",
  group: "Reports",
  help: "list the selftests, those beside the matrix too, and what each needs of a cell",
  example: "deno task tests",
  arguments: "",
  options: MATRIX,
  writes: () => "nothing",
  perform: (_words, _options, context) => listTests(context),
});

async function listTests({ terminal }: Context): Promise<readonly Failure[]> {
  for (const test of await declaredTests()) {
    const needs = test.requires.join(", ") || "nothing";
    terminal.print(`${test.id}  (needs ${needs}; ${test.timeoutMs / 1000} s; ${test.file})`);
  }
  return [];
}
