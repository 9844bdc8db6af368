// SPDX-License-Identifier: MIT

/** What `deno task dataflow` asks of the guest, and what the guest attaches for it. Pure. */

import { type CoverArgument, unpackWords } from "./cover.ts";

/** What cell.json may hold as `cover` in a boot of `deno task dataflow`: one system call to trace. */
export interface DataflowRequest {
  readonly kind: "dataflow";
  /** Number of the system call. */
  readonly number: number;
  readonly args: readonly CoverArgument[];
}

/** Id of the test that makes the call. */
export const DATAFLOW_CALL_TEST = "dataflow.call.trace";

/** Name of the attachment that holds {@link DataflowFacts}. */
export const DATAFLOW_ATTACHMENT = "dataflow";

/** How the traced call went. */
export interface DataflowFacts {
  /** What the call returned; -errno where it failed. */
  readonly result: number;
  /** Words of the ring that were in use, word 0 included. */
  readonly words: number;
  /** Words that it has in all. */
  readonly ring: number;
  /** How far from where it was linked the kernel lies, in bytes; null where nobody can tell. */
  readonly displacement: number | null;
}

/** A frame of the results channel holds some kilobytes; a word takes 17 bytes at most. */
const WORDS_A_FRAME = 400;

/** Words of a ring as attachments `words.0`, `words.1`, …: in hexadecimal, with a blank between them. */
export function* packRing(ring: BigUint64Array): Generator<[name: string, value: string]> {
  for (let at = 0; at < ring.length; at += WORDS_A_FRAME) {
    const chunk = Array.from(ring.subarray(at, at + WORDS_A_FRAME), (word) => word.toString(16));
    yield [`words.${at / WORDS_A_FRAME}`, chunk.join(" ")];
  }
}

/** The ring that {@link packRing} made attachments of. */
export function unpackRing(attachments: Readonly<Record<string, unknown>>): BigUint64Array {
  return BigUint64Array.from(unpackWords(attachments, "words"), (word) => BigInt(`0x${word}`));
}

/** The facts among attachments; null where the test did not get that far. */
export function readDataflowFacts(
  attachments: Readonly<Record<string, unknown>>,
): DataflowFacts | null {
  const facts = attachments[DATAFLOW_ATTACHMENT] as Partial<DataflowFacts> | undefined;
  return typeof facts?.words === "number" ? facts as DataflowFacts : null;
}
