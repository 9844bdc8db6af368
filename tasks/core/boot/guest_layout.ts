// SPDX-License-Identifier: MIT
/** What lies where in the guest's initramfs (docs/guest.md). */
import type { CoverRequest, Feature, KernelBuild, Machine, Session } from "../model/model.ts";
import { machineFeatures, TREE_FEATURES } from "../model/features.ts";

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
    "kmatrix/cell.json",
    ...(files.symbols ? ["kmatrix/symbols"] : []),
    ...folder("kmatrix/calls", files.calls),
    ...folder("kmatrix/modules", files.modules),
    ...folder("kmatrix/selftests", files.selftests),
    ...(files.session?.kind === "program" ? ["kmatrix/program"] : []),
  ];
}

/** newc is the one format that the kernel unpacks (early-userspace/buffer-format.rst). */
export function cpioArgv(): string[] {
  return ["cpio", "--create", "--format=newc", "--owner=0:0", "--reproducible", "--quiet"];
}

/** What the guest is told about its cell, and repeats in its first frame. */
export interface CellFile {
  readonly cell: string;
  readonly features: readonly Feature[];
  /** Globs over test ids; empty for all. */
  readonly filter: readonly string[];
  /** Factor on each test's own time limit. */
  readonly timeScale: number;
  /** Names of the files in /kmatrix/calls: the return addresses of the image's calls. */
  readonly calls: readonly string[];
  /** Names of the files in /kmatrix/modules. */
  readonly modules: readonly string[];
  /** Names of the C programs in /kmatrix/selftests. */
  readonly selftests: readonly string[];
  /** Only in a boot of `deno task cover`. */
  readonly cover?: CoverRequest | undefined;
  /** Only in a boot of `deno task repro` with --shell or a command. */
  readonly session?: Session | undefined;
}

/** What a boot of this build on this machine promises to the selftests. */
export function guestFeatures(kernel: KernelBuild, machine: Machine): readonly Feature[] {
  return [
    ...kernel.config.features,
    ...machineFeatures(machine),
    ...(kernel.selftests.length > 0 ? TREE_FEATURES : []),
  ];
}
