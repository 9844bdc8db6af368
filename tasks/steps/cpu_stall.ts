// SPDX-License-Identifier: MIT
/** Whether the machine had more to do than its processors could. */
import type { Host } from "../host/host.ts";

/**
 * Time since the machine's start in which something that could have run had to wait for a processor, in
 * ms; null on a kernel that does not tell (Documentation/accounting/psi.rst: `some`, `total` in us).
 */
export async function stalledMs(host: Host): Promise<number | null> {
  const text = await host.fs.readTextIfAny("/proc/pressure/cpu").catch(() => null);
  const total = /^some .*\btotal=(\d+)$/m.exec(text ?? "")?.[1];
  return total === undefined ? null : Number(total) / 1000;
}
