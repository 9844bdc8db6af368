// SPDX-License-Identifier: MIT

/** A trace as the entries of one call again and again, and what disturbs that. Pure. */

/** A trace taken apart: what the call leaves, what else is there, and what is not. */
interface Apart {
  readonly extra: readonly { readonly pc: bigint; readonly after: bigint | null }[];
  readonly missing: readonly bigint[];
}

/** How many words two lists of one length have in common before the first that differs. */
export type CommonWords = (one: BigUint64Array, other: BigUint64Array) => number;

/** The entries again and again, up to so many words. */
export function repeated(entries: readonly bigint[], words: number): BigUint64Array {
  const all = new BigUint64Array(words);
  all.set(entries.slice(0, words));
  if (entries.length === 0) return all;
  for (let filled = entries.length; filled < words; filled *= 2) {
    all.copyWithin(filled, 0, Math.min(filled, words - filled));
  }
  return all;
}

/**
 * Goes along a trace that should be the entries of one call again and again.
 * @param once Entries of one call.
 * @param whole Those of all calls, {@link repeated}.
 * @param commonWords Finds the next odd entry: the engine takes longer for ten words than the runtime
 *   for a thousand, and most traces have none.
 */
export function takeApart(
  trace: BigUint64Array,
  once: readonly bigint[],
  whole: BigUint64Array,
  commonWords: CommonWords,
): Apart {
  const extra: { pc: bigint; after: bigint | null }[] = [];
  const missing: bigint[] = [];
  const known = new Set(once);
  const total = whole.length;
  let at = 0;
  for (let next = 0; next < trace.length; next++) {
    const length = Math.min(total - at, trace.length - next);
    const common = commonWords(
      whole.subarray(at, at + length),
      trace.subarray(next, next + length),
    );
    at += common;
    next += common;
    if (next === trace.length) break;
    const pc = trace[next]!;
    const after = next === 0 ? null : trace[next - 1]!;
    if (!known.has(pc)) extra.push({ pc, after });
    else {
      // One of the call's own out of turn: those up to it are missing, or it is there twice.
      const ahead = once.indexOf(pc, at % once.length + 1);
      if (ahead < 0 || at >= total) extra.push({ pc, after });
      else {
        while (once[at % once.length] !== pc) missing.push(once[at++ % once.length]!);
        at++;
      }
    }
  }
  while (at < total) missing.push(once[at++ % once.length]!);
  return { extra, missing };
}
