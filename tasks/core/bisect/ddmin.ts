// SPDX-License-Identifier: MIT
/**
 * Delta debugging (A. Zeller, R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input",
 * IEEE TSE 28/2, 2002): the algorithm ddmin, over any list.
 */

/** "unresolved": neither, because the subset cannot be tried or says something else. */
export type Verdict = "fails" | "passes" | "unresolved";

/**
 * The smallest part of a list, in its order, with which it still fails: without any one of its items
 * it does not, and each of these was asked for. That is not the smallest of all parts, which would
 * cost a try for each of 2^n.
 *
 * Two things save tries where one takes minutes, and neither changes what is promised. A chunk of
 * what has passed is not tried alone: it fails only where the rest of what has passed hides that.
 * Behind an item that was left out the search goes on with the next one.
 * @param test Asked once for each subset. The whole list is taken to fail and is not asked for.
 */
export async function ddmin<T>(
  items: readonly T[],
  test: (subset: readonly T[]) => Promise<Verdict>,
): Promise<readonly T[]> {
  const known = new Map<string, Verdict>();
  const passed: (readonly T[])[] = [];
  const fails = async (subset: readonly T[]): Promise<boolean> => {
    const key = subset.map((item) => items.indexOf(item)).join(" ");
    const verdict = known.get(key) ?? await test(subset);
    if (verdict === "passes" && !known.has(key)) passed.push(subset);
    known.set(key, verdict);
    return verdict === "fails";
  };
  const mayFail = (chunk: readonly T[]) =>
    !passed.some((whole) => chunk.every((item) => whole.includes(item)));
  if (items.length === 0 || await fails([])) return [];
  let current = items;
  let parts = 2;
  let next = 0;
  while (current.length > 1) {
    const chunks = split(current, parts);
    const alone = await firstThat(chunks, async (chunk) => mayFail(chunk) && await fails(chunk));
    if (alone !== undefined) {
      current = chunks[alone]!;
      [parts, next] = [2, 0];
      continue;
    }
    const turned = chunks.map((_, index) => chunks[(next + index) % chunks.length]!);
    const without = (chunk: readonly T[]) => current.filter((item) => !chunk.includes(item));
    const left = await firstThat(turned, (chunk) => fails(without(chunk)));
    if (left !== undefined) {
      const index = chunks.indexOf(turned[left]!);
      current = without(turned[left]!);
      parts = Math.max(parts - 1, 2);
      next = index % parts;
      continue;
    }
    if (parts === current.length) break;
    parts = Math.min(current.length, parts * 2);
    next = 0;
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

/** The index of the first that holds; those behind it are not asked for. */
async function firstThat<T>(
  candidates: readonly T[],
  holds: (candidate: T) => Promise<boolean>,
): Promise<number | undefined> {
  for (const [index, candidate] of candidates.entries()) if (await holds(candidate)) return index;
  return undefined;
}
