// SPDX-License-Identifier: MIT
/** `deno task plan`: what a run would do. */
import type { RunOptions } from "../cli.ts";
import type { Failure } from "../errors.ts";
import type { SourceArchive } from "../model.ts";
import { counted } from "../formats/counted.ts";
import { groupByBuild } from "../formats/plan.ts";
import { fetch } from "../stages/fetch.ts";
import { buildStatus } from "./build_status.ts";
import { type Context, planOf } from "./context.ts";

export async function planCommand(
  globs: readonly string[],
  options: RunOptions,
  context: Context,
): Promise<readonly Failure[]> {
  const plan = await planOf(globs, { ...options, install: false }, context);
  const groups = groupByBuild(plan.cells);
  const archives = new Map<string, SourceArchive>();
  for (const cells of groups) {
    const { kernel, config, toolchain } = cells[0]!;
    if (options.status) {
      const { paths, host, terminal } = context;
      const archive = archives.get(kernel.id) ?? await fetch(kernel, paths, host);
      archives.set(kernel.id, archive);
      const { key, state, reasons } = await buildStatus(cells[0]!, archive, plan, paths, host);
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
  const count = `${counted(plan.cells.length, "cell")}, ${counted(groups.length, "build")}`;
  context.terminal.print(count);
  return [];
}
