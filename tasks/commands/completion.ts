// SPDX-License-Identifier: MIT
/** `deno task completion` prints a script for a shell, `deno task complete` answers it. */
import * as v from "valibot";
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import { declaredTestsIfAny } from "../steps/declared_tests.ts";
import { candidates, type CommandFacts, completionScript, SHELLS } from "../cli/completion.ts";
import { EXPLAINED } from "../core/report/explain.ts";
import { cachedJson } from "../core/text/shape.ts";
import { withBroughtKernel } from "../core/matrix/matrix.ts";
import { loadMatrix } from "../run/project.ts";
import { bring } from "../steps/bring.ts";
import { type Context, matrixFile } from "./context.ts";
import { type Command, defineCommand, factsOf } from "./command.ts";
import { MATRIX, type Values } from "../cli/options.ts";

export const completion = defineCommand({
  name: "completion",
  group: "Machine",
  help: "print a script that completes commands, options, cells and tests: bash, zsh or fish",
  example: "deno task completion bash >> ~/.bashrc",
  arguments: "<shell>",
  options: {},
  writes: () => "nothing",
  perform([word], _options, { terminal, calledAs }) {
    const shell = SHELLS.find((one) => one === word);
    if (shell === undefined) {
      const text = `completion is for ${SHELLS.join(", ")}; not "${word}"`;
      throw new KmatrixError("usage", "bad-usage", text);
    }
    terminal.print(
      completionScript(shell, calledAs.isLauncher ? "kmatrix" : "deno task").trimEnd(),
    );
    return Promise.resolve([]);
  },
});

/** @param commands What it completes: all others. */
export const completeFor = (commands: readonly Command[]): Command =>
  defineCommand({
    name: "complete",
    group: "Machine",
    help:
      "print what a shell may offer for the last of these words (for the scripts of `completion`)",
    example: "deno task complete -- repro linux-6.12/k",
    arguments: "[words...]",
    options: MATRIX,
    writes: () => "nothing",
    perform: (words, options, context) => answer(words, commands.map(factsOf), options, context),
  });

/** deno.json, of which nothing is offered where it is damaged. */
const projectShape = v.looseObject({ tasks: v.record(v.string(), v.unknown()) });

async function answer(
  words: readonly string[],
  commands: readonly CommandFacts[],
  options: Values<typeof MATRIX>,
  context: Context,
): Promise<readonly Failure[]> {
  const found = await candidates(words, commands, {
    cells: () => cellsHere(options, context),
    ids: () => Promise.resolve(EXPLAINED),
    tests: async () => (await declaredTestsIfAny() ?? []).map(({ id }) => id),
    tasks: async () => {
      if (context.calledAs.isLauncher) return commands.map(({ name }) => name);
      const text = await context.host.fs.readText(`${context.paths.root}/deno.json`);
      const tasks = cachedJson(projectShape, text)?.tasks ?? {};
      // For scripts alone.
      return Object.keys(tasks).filter((name) => name !== "complete");
    },
  });
  if (found.length > 0) context.terminal.print(found.join("\n"));
  return [];
}

/** Ids of the matrix, and of the kernel tree that the caller is in. */
async function cellsHere(
  options: Values<typeof MATRIX>,
  context: Context,
): Promise<readonly string[]> {
  const { paths, host, caller: { tree } } = context;
  const matrix = await loadMatrix(matrixFile(options, context), paths, host);
  const own = tree === null
    ? []
    : withBroughtKernel(matrix, await bring({ tree }, matrix, paths, host)).cells;
  return [...own, ...matrix.cells].map(({ id }) => id);
}
