// SPDX-License-Identifier: MIT
/** `deno task completion` prints a script for a shell, `deno task complete` answers it. */
import * as v from "valibot";
import type { RunOptions } from "../cli.ts";
import type { Failure } from "../errors.ts";
import { declaredTestsIfAny } from "../declared_tests.ts";
import {
  candidates,
  type CommandFacts,
  completionScript,
  type Shell,
} from "../formats/completion.ts";
import { cachedJson } from "../formats/shape.ts";
import { loadMatrix } from "../project.ts";
import { type Context, matrixFile } from "./context.ts";

/** deno.json, of which nothing is offered where it is damaged. */
const projectShape = v.looseObject({ tasks: v.record(v.string(), v.unknown()) });

export function completionCommand(
  shell: Shell,
  { terminal }: Context,
): Promise<readonly Failure[]> {
  terminal.print(completionScript(shell).trimEnd());
  return Promise.resolve([]);
}

export async function completeCommand(
  words: readonly string[],
  commands: readonly CommandFacts[],
  options: RunOptions,
  context: Context,
): Promise<readonly Failure[]> {
  const found = await candidates(words, commands, {
    cells: async () => {
      const matrix = await loadMatrix(matrixFile(options, context), context.paths, context.host);
      return matrix.cells.map(({ id }) => id);
    },
    tests: async () => (await declaredTestsIfAny() ?? []).map(({ id }) => id),
    tasks: async () => {
      const text = await context.host.fs.readText(`${context.paths.root}/deno.json`);
      const tasks = cachedJson(projectShape, text)?.tasks ?? {};
      // For scripts alone.
      return Object.keys(tasks).filter((name) => name !== "complete");
    },
  });
  if (found.length > 0) context.terminal.print(found.join("\n"));
  return [];
}
