// SPDX-License-Identifier: MIT
/**
 * The result channel as a whole: frames as the guest sends them through QEMU's debug console
 * (docs/guest.md). Reading never throws: whatever is wrong with a stream is part of the answer.
 */
import * as v from "valibot";
import { cachedJson } from "./shape.ts";
import { decodeFrame, type Frame } from "../../selftests/harness/frames.ts";

export type { Frame };

export interface DecodedFrames {
  /** Everything before the first damage; nothing behind it is believed. */
  readonly frames: readonly Frame[];
  /** null for a whole stream, else what is wrong with the first damaged line. */
  readonly damage: string | null;
}

/** Decodes a whole recording, or the part that has come so far. */
export function decodeFrames(bytes: Uint8Array): DecodedFrames {
  const text = new TextDecoder();
  const frames: Frame[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0x0a, start);
    if (end < 0) return { frames, damage: `the stream ends inside frame ${frames.length}` };
    const frame = decodeFrame(text.decode(bytes.subarray(start, end)));
    if ("error" in frame) {
      return { frames, damage: `frame ${frames.length} is damaged: ${frame.error}` };
    }
    if (frame.seq !== frames.length) {
      return { frames, damage: `frame ${frame.seq} came where frame ${frames.length} was due` };
    }
    frames.push(frame);
    start = end + 1;
  }
  return { frames, damage: null };
}

const payloadShape = v.record(v.string(), v.unknown());

/** The JSON of the first frame of a kind; {} where it is no object, null where there is no frame. */
export function payloadOf(
  frames: readonly Frame[],
  kind: Frame["kind"],
): Record<string, unknown> | null {
  const frame = frames.find((one) => one.kind === kind);
  if (!frame) return null;
  return cachedJson(payloadShape, frame.payload) ?? {};
}
