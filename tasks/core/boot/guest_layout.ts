// SPDX-License-Identifier: MIT
/** What lies where in the guest's initramfs (docs/guest.md). */
import type { CellFile, Feature, KernelBuild, Machine } from "../model/model.ts";
import { GUEST_PATHS } from "../../../selftests/contract/cell.ts";
import { machineFeatures, TREE_FEATURES } from "../model/features.ts";

/** A path of the guest below the folder that is archived. */
export function archived(guestPath: string): string {
  return guestPath.slice(1);
}

/** Paths of the archive that all cells share, parents before their content. */
export function initramfsFiles(): string[] {
  return ["init", "kmatrix", "kmatrix/tests.qjs"];
}

/** Paths of the small archive that is appended for one boot, parents before their content. */
export function cellArchiveFiles(
  files: Pick<CellFile, "calls" | "modules" | "selftests" | "session"> & {
    readonly symbols?: boolean;
  },
): string[] {
  const folder = (path: string, names: readonly string[]) =>
    names.length > 0 ? [path, ...names.map((name) => `${path}/${name}`)] : [];
  return [
    GUEST_PATHS.cell,
    ...(files.symbols ? [GUEST_PATHS.symbols] : []),
    ...folder(GUEST_PATHS.calls, files.calls),
    ...folder(GUEST_PATHS.modules, files.modules),
    ...folder(GUEST_PATHS.selftests, files.selftests),
    ...(files.session?.kind === "program" ? [GUEST_PATHS.program] : []),
  ].map(archived);
}

/** newc is the one format that the kernel unpacks (early-userspace/buffer-format.rst). */
export function cpioArgv(): string[] {
  return ["cpio", "--create", "--format=newc", "--owner=0:0", "--reproducible", "--quiet"];
}

/** What a boot of this build on this machine promises to the selftests. */
export function guestFeatures(kernel: KernelBuild, machine: Machine): readonly Feature[] {
  return [
    ...kernel.config.features,
    ...machineFeatures(machine),
    ...(kernel.selftests.length > 0 ? TREE_FEATURES : []),
  ];
}
