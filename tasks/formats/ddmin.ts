// SPDX-License-Identifier: MIT
/**
 * Delta debugging (A. Zeller, R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input",
 * IEEE TSE 28/2, 2002): the algorithm ddmin, over any list.
 */

/** "unresolved": neither, because the subset cannot be tried or says something else. */
export type Verdict = "fails" | "passes" | "unresolved";

/**
 * The smallest part of a list, in its order, with which it still fails: without any one of its items
 * it does not. That is not the smallest of all parts, which would cost a try for each of 2^n.
 * @param test Asked once for each subset. The whole list is taken to fail and is not asked for.
 */
export async function ddmin<T>(
  items: readonly T[],
  test: (subset: readonly T[]) => Promise<Verdict>,
): Promise<readonly T[]> {
  const known = new Map<string, Verdict>();
  const fails = async (subset: readonly T[]): Promise<boolean> => {
    const key = subset.map((item) => items.indexOf(item)).join(" ");
    const verdict = known.get(key) ?? await test(subset);
    known.set(key, verdict);
    return verdict === "fails";
  };
  if (items.length === 0 || await fails([])) return [];
  let current = items;
  let parts = 2;
  while (current.length > 1) {
    const chunks = split(current, parts);
    const without = (chunk: readonly T[]) => current.filter((item) => !chunk.includes(item));
    const smaller = await firstThat(chunks, fails);
    if (smaller) {
      current = smaller;
      parts = 2;
      continue;
    }
    const rest = await firstThat(chunks.map(without), fails);
    if (rest) {
      current = rest;
      parts = Math.max(parts - 1, 2);
      continue;
    }
    if (parts === current.length) break;
    parts = Math.min(current.length, parts * 2);
  }
  return current;
}

/** Parts of equal size, give or take one. */
function split<T>(items: readonly T[], parts: number): T[][] {
  return Array.from({ length: parts }, (_, index) =>
    items.slice(
      Math.floor(index * items.length / parts),
      Math.floor((index + 1) * items.length / parts),
    ));
}

async function firstThat<T>(
  candidates: readonly T[],
  holds: (candidate: T) => Promise<boolean>,
): Promise<T | undefined> {
  for (const candidate of candidates) if (await holds(candidate)) return candidate;
  return undefined;
}
