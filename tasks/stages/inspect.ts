// SPDX-License-Identifier: MIT
/** Looks into the built kernel: is it instrumented as its configuration promises? */
import type { Host } from "../host/host.ts";
import type { Inspection, KernelBuild } from "../model.ts";
import { KmatrixError } from "../errors.ts";
import { countCallbackCalls, Elf, SHF_ALLOC, SHF_EXECINSTR } from "../formats/elf.ts";
import { instrumentationProblems } from "../formats/instrumentation.ts";

/** @throws KmatrixError "inspect" naming the callback that is missing or that should not be there. */
export async function inspect(kernel: KernelBuild, host: Host): Promise<Inspection> {
  const elf = new Elf(await host.fs.readBytes(kernel.vmlinux), kernel.vmlinux);
  const calls = countCallbackCalls(elf);
  const code = SHF_ALLOC | SHF_EXECINSTR;
  const textBytes = elf.sections.filter((section) => (section.flags & code) === code)
    .reduce((sum, section) => sum + section.size, 0);
  const problems = instrumentationProblems(calls, kernel.config.features);
  if (problems.length > 0) {
    throw new KmatrixError("inspect", "not-as-asked", problems[0]!, problems.join("\n"));
  }
  return { calls, textBytes };
}
