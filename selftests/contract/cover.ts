// SPDX-License-Identifier: MIT

/** What `deno task cover` asks of the guest, and what the guest attaches for it. Pure. */

/** An argument of the call; integers are text, for JSON has no 64-bit numbers. */
export type CoverArgument =
  | { readonly kind: "integer"; readonly value: string }
  /** ASCII, handed over with a terminating zero. */
  | { readonly kind: "text"; readonly value: string }
  /** Memory of that many bytes, zeroed. */
  | { readonly kind: "buffer"; readonly bytes: number }
  /** Memory that holds these 64-bit words, such as a struct timespec. */
  | { readonly kind: "words"; readonly values: readonly string[] }
  /** A descriptor of an open file: of a new one with a page of text, or of one that is there. */
  | { readonly kind: "file"; readonly path: string | null };

/** What cell.json may hold as `cover` in a boot of `deno task cover`. */
export type CoverRequest =
  | {
    readonly kind: "call";
    /** Number of the system call. */
    readonly number: number;
    readonly args: readonly CoverArgument[];
  }
  /** The selected selftests, each of which then attaches the PCs that it read. */
  | { readonly kind: "tests" };

/** Name of the attachment that holds {@link TraceFacts}. */
export const TRACE_ATTACHMENT = "trace";

/** How the traced call went. */
export interface TraceFacts {
  /** What the call returned; -errno where it failed. */
  readonly result: number;
  readonly entries: number;
  /** The buffer had no room for more. */
  readonly full: boolean;
}

/** A frame of the results channel holds some kilobytes; an entry takes nine bytes. */
const ENTRIES_A_FRAME = 400;

/**
 * Entries as attachments `pcs.0`, `pcs.1`, …: hexadecimal words with a blank between them, those of
 * the topmost 4 GiB without their first eight digits.
 * @param prefix In place of `pcs`, where a test attaches several lists.
 * @returns Names and values, in order.
 */
export function packPcs(
  pcs: readonly bigint[],
  prefix = "pcs",
): [name: string, value: string][] {
  const word = (pc: bigint) => {
    const low = (pc & 0xffffffffn).toString(16).padStart(8, "0");
    const high = pc >> 32n & 0xffffffffn;
    return high === 0xffffffffn ? low : high.toString(16) + low;
  };
  const packed: [string, string][] = [];
  for (let at = 0; at < pcs.length; at += ENTRIES_A_FRAME) {
    const chunk = pcs.slice(at, at + ENTRIES_A_FRAME);
    packed.push([`${prefix}.${at / ENTRIES_A_FRAME}`, chunk.map(word).join(" ")]);
  }
  return packed;
}

/** The entries that {@link packPcs} made attachments of, in order. */
export function unpackPcs(
  attachments: Readonly<Record<string, unknown>>,
  prefix = "pcs",
): bigint[] {
  return unpackWords(attachments, prefix).map((word) =>
    BigInt(`0x${word.length > 8 ? word : `ffffffff${word}`}`)
  );
}

/** Words of the attachments `<prefix>.0`, `<prefix>.1`, …, in order. */
export function unpackWords(
  attachments: Readonly<Record<string, unknown>>,
  prefix: string,
): string[] {
  const words: string[] = [];
  for (let chunk = 0; typeof attachments[`${prefix}.${chunk}`] === "string"; chunk++) {
    words.push(...(attachments[`${prefix}.${chunk}`] as string).split(" ").filter(Boolean));
  }
  return words;
}
