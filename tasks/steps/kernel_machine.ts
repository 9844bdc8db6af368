// SPDX-License-Identifier: MIT
/** The machine that a built kernel boots on. */
import { dirname } from "node:path/posix";
import type { Host } from "../host/host.ts";
import { loadedMiB, machineFor } from "../core/boot/demands.ts";
import type { Cell, KernelBuild, Machine } from "../core/model/model.ts";

/** That of the matrix, or, for a kernel on a real base, one that it can boot on. */
export async function machineOf(
  { machine }: Pick<Cell, "machine">,
  { vmlinux, config: { demands } }: Pick<KernelBuild, "vmlinux" | "config">,
  host: Host,
): Promise<Machine> {
  if (demands === null) return machine;
  const systemMap = await host.fs.readTextIfAny(`${dirname(vmlinux)}/System.map`);
  return machineFor(machine, demands, systemMap === null ? 0 : loadedMiB(systemMap));
}
