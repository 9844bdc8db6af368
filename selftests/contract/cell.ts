// SPDX-License-Identifier: MIT

/** What the host tells the guest about its boot, and where it puts that into the initramfs. Pure. */

import type { TraceRequest } from "./quality.ts";

/** Absolute paths in the guest; `tasks/core/boot/guest_layout.ts` archives them. */
export const GUEST_PATHS = {
  /** A {@link CellFile} as JSON. */
  cell: "/kmatrix/cell.json",
  /** A file for each kind of traced calls: the return addresses of the image's calls. */
  calls: "/kmatrix/calls",
  /** The .ko files of the build. */
  modules: "/kmatrix/modules",
  /** The C programs of the tree's own selftest. */
  selftests: "/kmatrix/selftests",
  /** See symbol_table.ts. */
  symbols: "/kmatrix/symbols",
  /** The static binary of a {@link Session} of kind "program". */
  program: "/kmatrix/program",
} as const;

/** What the guest reads of `cell.json`, and repeats in its first frame. */
export interface GuestCell {
  /** Id of the cell. */
  readonly cell: string;
  /** What the cell promises. Decides which tests apply, never about a SKIP. */
  readonly features: readonly string[];
  /** Globs over test ids; empty selects all. */
  readonly filter: readonly string[];
  /** Factor on each test's own time limit. */
  readonly timeScale: number;
  /** Only in a boot of `deno task cover`, `deno task dataflow` or `deno task quality`. */
  readonly cover?: TraceRequest | undefined;
  /** Only in a boot of `deno task repro` with --shell or a command. */
  readonly session?: Session | undefined;
}

/** All of `cell.json`, as the host writes it. */
export interface CellFile extends GuestCell {
  /** Names of the files in {@link GUEST_PATHS}.calls. */
  readonly calls: readonly string[];
  /** Names of the files in {@link GUEST_PATHS}.modules. */
  readonly modules: readonly string[];
  /** Names of the files in {@link GUEST_PATHS}.selftests. */
  readonly selftests: readonly string[];
}

/** What the guest does instead of running tests. */
export type Session =
  | { readonly kind: "shell" }
  /** JavaScript; its value is printed. */
  | { readonly kind: "eval"; readonly source: string }
  /** A static binary of the host, as {@link GUEST_PATHS}.program. */
  | { readonly kind: "program"; readonly argv: readonly string[] };
