// SPDX-License-Identifier: MIT
/** What of a filter can be said before a kernel is built. */
import type { DeclaredTest, Feature } from "../model/model.ts";
import { TREE_FEATURES } from "../model/features.ts";
import { isSelected } from "../../../selftests/contract/glob.ts";

/**
 * What the selected tests lack in a cell with these features, where none of them can pass there; null
 * where one can.
 */
export function lackingForAll(
  declared: readonly DeclaredTest[],
  filter: readonly string[],
  features: readonly Feature[],
): readonly Feature[] | null {
  const lacking = new Set<Feature>();
  for (const { id, requires } of declared) {
    if (!isSelected(filter, id)) continue;
    const missing = requires.filter((one) =>
      !features.includes(one) && !TREE_FEATURES.includes(one)
    );
    if (missing.length === 0) return null;
    for (const one of missing) lacking.add(one);
  }
  return [...lacking];
}
