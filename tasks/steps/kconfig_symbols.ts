// SPDX-License-Identifier: MIT
/** The options that a tree has, for any architecture. */
import type { Host } from "../host/host.ts";

/** Every symbol that the Kconfig files of a tree define, without CONFIG_. */
export async function kconfigSymbols(tree: string, host: Host): Promise<ReadonlySet<string>> {
  const pattern = "^[[:space:]]*(menu)?config[[:space:]]+[A-Za-z0-9_]+";
  // What editors and patch(1) leave beside a file is read by nobody.
  const leftovers = ["--exclude=*~", "--exclude=*.orig", "--exclude=*.rej"];
  const argv = ["grep", "-RhoE", pattern, "--include=Kconfig*", ...leftovers, tree];
  const { stdout } = await host.run({ argv });
  return new Set(stdout.split("\n").map((line) => line.trim().split(/\s+/).at(-1)!));
}
