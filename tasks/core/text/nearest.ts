// SPDX-License-Identifier: MIT
import { distance } from "fastest-levenshtein";

/**
 * The tail of an error about an unknown name: `; did you mean "kcov"? (choices: …)`.
 * The nearest name is offered when at most a third of it differs.
 */
export function nearest(name: string, choices: readonly string[]): string {
  const ranked = [...choices].sort((a, b) => distance(name, a) - distance(name, b));
  const best = ranked[0];
  const hint = best !== undefined && distance(name, best) <= Math.ceil(best.length / 3)
    ? `; did you mean "${best}"?`
    : "";
  const shown = choices.slice(0, 12).join(", ") + (choices.length > 12 ? ", …" : "");
  return `${hint} (choices: ${shown || "none"})`;
}
