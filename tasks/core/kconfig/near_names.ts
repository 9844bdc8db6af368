// SPDX-License-Identifier: MIT
/** Names of options that are near to one that does not exist. */
import { distance } from "fastest-levenshtein";

/** Option names near to a misspelt or foreign one, best first, at most six. */
export function nearestNames(name: string, names: readonly string[]): string[] {
  const limit = Math.max(1, Math.floor(name.length / 4));
  const close = names
    .map((candidate) => ({ candidate, far: distance(name, candidate) }))
    .filter(({ far }) => far <= limit)
    .sort((a, b) => a.far - b.far || (a.candidate < b.candidate ? -1 : 1))
    .map(({ candidate }) => candidate);
  const [family = name] = name.split("_");
  const relatives = names
    .filter((candidate) => candidate === family || candidate.startsWith(`${family}_`))
    .sort();
  // A family of hundreds (USB, SND) says nothing.
  const kin = relatives.length <= 12 ? relatives : [];
  return [...new Set([...close, ...kin])].slice(0, 6);
}
