// SPDX-License-Identifier: MIT
/** Names of options that are near to one that does not exist. */
import { distance } from "fastest-levenshtein";

/**
 * Options that a misspelt name may mean, or that it may have become, best first. Letters count as
 * equal in both sizes; renaming mostly puts a word in front (RETPOLINE, MITIGATION_RETPOLINE) or
 * takes it away.
 */
export function similarNames(wanted: string, names: readonly string[]): string[] {
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
  return [...new Set([...close, ...renamed])];
}

/** Those, and relatives of a name that does not exist: at most six. */
export function nearestNames(wanted: string, names: readonly string[]): string[] {
  const name = wanted.toUpperCase();
  const [family = name] = name.split("_");
  const relatives = names
    .filter((candidate) => candidate === family || candidate.startsWith(`${family}_`))
    .sort();
  // A family of hundreds (USB, SND) says nothing.
  const kin = relatives.length <= 12 ? relatives : [];
  return [...new Set([...similarNames(name, names), ...kin])].slice(0, 6);
}
