// SPDX-License-Identifier: MIT

/** A trace as the entries of one call again and again, and what disturbs that. Pure. */

/** A trace taken apart: what the call leaves, what else is there, and what is not. */
interface Apart {
  readonly extra: readonly { readonly pc: bigint; readonly after: bigint | null }[];
  readonly missing: readonly bigint[];
}

/** Goes along a trace that should be the entries of one call again and again. */
export function takeApart(
  trace: BigUint64Array | readonly bigint[],
  once: readonly bigint[],
  calls: number,
): Apart {
  const extra: { pc: bigint; after: bigint | null }[] = [];
  const missing: bigint[] = [];
  const known = new Set(once);
  const total = once.length * calls;
  let at = 0;
  let after: bigint | null = null;
  for (const pc of trace) {
    if (at < total && pc === once[at % once.length]) at++;
    else if (!known.has(pc)) extra.push({ pc, after });
    else {
      // One of the call's own out of turn: those up to it are missing, or it is there twice.
      const ahead = once.indexOf(pc, at % once.length + 1);
      if (ahead < 0 || at >= total) extra.push({ pc, after });
      else {
        while (once[at % once.length] !== pc) missing.push(once[at++ % once.length]!);
        at++;
      }
    }
    after = pc;
  }
  while (at < total) missing.push(once[at++ % once.length]!);
  return { extra, missing };
}
