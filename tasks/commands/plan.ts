// SPDX-License-Identifier: MIT
/** `deno task plan`: what a run would do. */
import type { RunOptions } from "../cli.ts";
import type { Failure } from "../errors.ts";
import { groupByBuild } from "../formats/plan.ts";
import { buildStatus } from "./build_status.ts";
import { type Context, planOf } from "./context.ts";

export async function planCommand(
  globs: readonly string[],
  options: RunOptions,
  context: Context,
): Promise<readonly Failure[]> {
  const plan = await planOf(globs, { ...options, install: false }, context);
  const groups = groupByBuild(plan.cells);
  for (const cells of groups) {
    const { kernel, config, toolchain } = cells[0]!;
    if (options.status) {
      const { paths, host, terminal } = context;
      const { key, state, reasons } = await buildStatus(cells[0]!, plan, paths, host);
      const ids = cells.map((cell) => cell.id).join(", ");
      terminal.print(`${state.padEnd(11)}  ${key}  ${ids}`);
      for (const reason of reasons) terminal.print(`             ${reason}`);
      continue;
    }
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
