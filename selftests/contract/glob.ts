// SPDX-License-Identifier: MIT

/** Globs over test ids. Pure. */

/** True when the whole id matches: `*` is any run of characters, `?` is any one of them. */
export function globMatches(glob: string, id: string): boolean {
  const pattern = glob
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${pattern}$`, "s").test(id);
}

/** True when one of the globs matches; an empty list selects everything. */
export function isSelected(globs: readonly string[], id: string): boolean {
  return globs.length === 0 || globs.some((glob) => globMatches(glob, id));
}
