// SPDX-License-Identifier: MIT
/** `deno task plan`: what a run would do. */
import type { RunOptions } from "../cli.ts";
import type { Failure } from "../errors.ts";
import { groupByBuild } from "../formats/plan.ts";
import { type Context, planOf } from "./context.ts";

export async function planCommand(
  globs: readonly string[],
  options: RunOptions,
  context: Context,
): Promise<readonly Failure[]> {
  const plan = await planOf(globs, options, context);
  const groups = groupByBuild(plan.cells);
  for (const cells of groups) {
    const { kernel, config, toolchain } = cells[0]!;
    context.terminal.print(
      `build ${kernel.id} with tinyconfig + ${config.fragments.join(" + ")} ` +
        `(${toolchain.id}: LLVM=${toolchain.llvm})`,
    );
    for (const { id, machine, expect } of cells) {
      const size = `${machine.cpus} cpu, ${machine.memoryMiB} MiB, ${machine.type}`;
      context.terminal.print(`  boot ${id} (${size}; expect ${expect.kind})`);
    }
  }
  context.terminal.print(`${plan.cells.length} cells, ${groups.length} builds`);
  return [];
}
