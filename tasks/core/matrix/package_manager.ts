// SPDX-License-Identifier: MIT
/** Package managers whose names of packages are known. */
import type { PackageNames } from "../arch/arch.ts";

export type PackageManager = keyof PackageNames;

/** The package manager of a machine from its /etc/os-release; null for one that is unknown here. */
export function packageManagerOf(osRelease: string): PackageManager | null {
  const words = osRelease.split("\n").filter((line) => /^ID(_LIKE)?=/.test(line)).flatMap((line) =>
    line.replace(/^[^=]*=/, "").replaceAll(/["']/g, "").split(" ")
  );
  const families: readonly [PackageManager, readonly string[]][] = [
    ["apt", ["debian", "ubuntu"]],
    ["dnf", ["fedora", "rhel", "centos"]],
    ["pacman", ["arch"]],
    ["zypper", ["suse", "opensuse"]],
  ];
  return families.find(([, ids]) => ids.some((id) => words.includes(id)))?.[0] ?? null;
}
