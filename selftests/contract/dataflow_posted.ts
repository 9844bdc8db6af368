// SPDX-License-Identifier: MIT

/**
 * The ring of /sys/kernel/debug/kcov_dataflow as the second posting of the public series leaves it (June
 * 2026; docs/dataflow.md, "A posted series"). Word 0 counts the words behind it, as it does everywhere;
 * a record is, in words of 64 bits:
 *
 *     [0]  bits 0-23 number, 24-27 how many values, 28-31 type (0xE entry, 0xF return), nothing above
 *     [1]  address of the function     [2]  bits 0-47 address of the value or object, 48-55 size, 56-63
 *     index of the argument            [3…] the value, or the fields of the object
 *
 * The later layout (dataflow.ts) has something above bit 32 in each first word, and nothing in bits
 * 24-27, so that one word tells which of the two a ring has. Pure; read by guest and host.
 */

import {
  DATAFLOW_HEAD_WORDS,
  type DataflowFault,
  type DataflowRecord,
  decodeDataflow,
} from "./dataflow.ts";

/** "posted": that of the second posting; "later": that of our own series and of what was published since. */
export type DataflowLayout = "posted" | "later";

/** By the first record's first word; "later" for a ring without one. */
export function dataflowLayout(ring: BigUint64Array): DataflowLayout {
  const head = ring[1] ?? 0n;
  return ring.length > 1 && ring[0] !== 0n && head >> 32n === 0n ? "posted" : "later";
}

type Decoded = ReturnType<typeof decodeDataflow>;

/** All records of a ring of either layout up to its end or the first fault. Throws for no content. */
export function decodeEitherDataflow(ring: BigUint64Array): Decoded {
  return dataflowLayout(ring) === "later" ? decodeDataflow(ring) : decodePosted(ring);
}

function decodePosted(ring: BigUint64Array): Decoded {
  const records: DataflowRecord[] = [];
  const fault = (kind: DataflowFault["kind"], at: number): Decoded => ({
    records,
    fault: { kind, at, word: ring[at]! },
  });
  if (ring[0]! >= BigInt(ring.length)) return fault("count", 0);
  const behind = 1 + Number(ring[0]!);
  for (let at = 1; at < behind;) {
    const head = ring[at]!;
    const type = head >> 28n;
    const count = Number(head >> 24n & 0xfn);
    if (type !== 0xen && type !== 0xfn) return fault("type", at);
    if (count === 0) return fault("empty", at);
    const next = at + DATAFLOW_HEAD_WORDS + count;
    if (next > behind) return fault("cut", at);
    const meta = ring[at + 2]!;
    records.push({
      type: type === 0xen ? "entry" : "return",
      number: Number(head & 0xffffffn),
      index: Number(meta >> 56n),
      size: Number(meta >> 48n & 0xffn),
      pc: ring[at + 1]!,
      address: meta & 0xffffffffffffn,
      values: Array.from(ring.subarray(at + DATAFLOW_HEAD_WORDS, next)),
    });
    at = next;
  }
  return { records, fault: null };
}
