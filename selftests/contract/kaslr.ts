// SPDX-License-Identifier: MIT

/**
 * Where a kernel lay in one boot, and the PCs that KCOV reported there: what the test attaches, and what
 * the host holds several boots against. Pure.
 */

/** The test that records, and the name of what it attaches to its result. */
export const KASLR_TEST = "kcov_kaslr.base.pcs_are_those_of_the_image_as_linked";
export const KASLR_ATTACHMENT = "kaslr";

export interface KaslrFacts {
  /** How far the kernel lay from where it was linked, in bytes. */
  readonly displacement: number;
  /** PCs of one call of read(-1), in their order, in hex. */
  readonly pcs: readonly string[];
}

/** Reads an attachment; null for a value that is none. */
export function readKaslr(value: unknown): KaslrFacts | null {
  const { displacement, pcs } = (value ?? {}) as Partial<KaslrFacts>;
  if (typeof displacement !== "number" || !Array.isArray(pcs)) return null;
  return pcs.every((pc) => typeof pc === "string") ? { displacement, pcs } : null;
}
