// SPDX-License-Identifier: MIT
/** What `deno task repro` changes of one boot, without touching a file. */
import type { Machine } from "../model/model.ts";

export interface BootChange {
  /** Appended to the kernel command line. */
  readonly cmdline?: string | undefined;
  /** CPUs. */
  readonly smp?: number | undefined;
  /** MiB. */
  readonly memory?: number | undefined;
  /** Arguments of QEMU, a word each. */
  readonly qemuArg: readonly string[];
}

/** The machine that a cell boots on with the change. */
export function changedMachine(machine: Machine, change: BootChange): Machine {
  const { cmdline, smp, memory, qemuArg } = change;
  return {
    ...machine,
    cpus: smp ?? machine.cpus,
    memoryMiB: memory ?? machine.memoryMiB,
    ...(memory === undefined ? {} : { fixed: [...machine.fixed ?? [], "memory" as const] }),
    cmdline: [machine.cmdline, cmdline ?? ""].filter(Boolean).join(" "),
    ...(qemuArg.length === 0 ? {} : { qemuArgs: [...machine.qemuArgs ?? [], ...qemuArg] }),
  };
}

/** The options that make the same change again. */
export function changeFlags(change: BootChange): string[] {
  const { cmdline, smp, memory, qemuArg } = change;
  return [
    ...(cmdline === undefined ? [] : [`--cmdline=${cmdline}`]),
    ...(smp === undefined ? [] : ["--smp", `${smp}`]),
    ...(memory === undefined ? [] : ["--memory", `${memory}`]),
    // With "=", for such a word begins with a dash more often than not.
    ...qemuArg.map((word) => `--qemu-arg=${word}`),
  ];
}
