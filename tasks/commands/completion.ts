// SPDX-License-Identifier: MIT
/** `deno task completion` prints a script for a shell, `deno task complete` answers it. */
import type { RunOptions } from "../cli.ts";
import type { Failure } from "../errors.ts";
import { declaredTests } from "../../selftests/main.ts";
import {
  candidates,
  type CommandFacts,
  completionScript,
  type Shell,
} from "../formats/completion.ts";
import { loadMatrix } from "../project.ts";
import { type Context, matrixFile } from "./context.ts";

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
    tests: () => Promise.resolve(declaredTests().map(({ id }) => id)),
    tasks: async () => {
      const text = await context.host.fs.readText(`${context.paths.root}/deno.json`);
      const { tasks } = JSON.parse(text) as { tasks: Record<string, unknown> };
      // For scripts alone.
      return Object.keys(tasks).filter((name) => name !== "complete");
    },
  });
  if (found.length > 0) context.terminal.print(found.join("\n"));
  return [];
}
