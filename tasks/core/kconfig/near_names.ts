// SPDX-License-Identifier: MIT
/** Names of options that are near to one that does not exist. */
import { distance } from "fastest-levenshtein";

/**
 * Option names near to a misspelt or foreign one, best first, at most six. Letters count as equal in
 * both sizes. Renaming mostly puts a word in front (RETPOLINE, MITIGATION_RETPOLINE) or takes it away.
 */
export function nearestNames(wanted: string, names: readonly string[]): string[] {
  const name = wanted.toUpperCase();
  const limit = Math.max(1, Math.floor(name.length / 4));
  const close = names
    .map((candidate) => ({ candidate, far: distance(name, candidate.toUpperCase()) }))
    .filter(({ far }) => far <= limit)
    .sort((a, b) => a.far - b.far || (a.candidate < b.candidate ? -1 : 1))
    .map(({ candidate }) => candidate);
  const renamed = names
    .filter((candidate) =>
      candidate.endsWith(`_${name}`) || name.endsWith(`_${candidate}`) && candidate.length > 5
    )
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  const [family = name] = name.split("_");
  const relatives = names
    .filter((candidate) => candidate === family || candidate.startsWith(`${family}_`))
    .sort();
  // A family of hundreds (USB, SND) says nothing.
  const kin = relatives.length <= 12 ? relatives : [];
  return [...new Set([...close, ...renamed, ...kin])].slice(0, 6);
}
