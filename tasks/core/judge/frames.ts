// SPDX-License-Identifier: MIT
/**
 * The result channel as a whole: frames as the guest sends them through QEMU's debug console
 * (docs/guest.md). Reading never throws: whatever is wrong with a stream is part of the answer.
 */
import * as v from "valibot";
import { cachedJson } from "../text/shape.ts";
import { decodeFrame, type Frame } from "../../../selftests/contract/frames.ts";

export type { Frame };

export interface DecodedFrames {
  /** Everything before the first damage; nothing behind it is believed. */
  readonly frames: readonly Frame[];
  /** null for a whole stream, else what is wrong with the first damaged line. */
  readonly damage: string | null;
}

/** Reads a stream as it comes. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array();
  #count = 0;
  #damage: string | null = null;

  /** The frames that these bytes make whole; none behind the first damage. */
  feed(bytes: Uint8Array): Frame[] {
    const text = new TextDecoder();
    const frames: Frame[] = [];
    const all = this.#rest.length === 0 ? bytes : joined(this.#rest, bytes);
    let start = 0;
    while (this.#damage === null) {
      const end = all.indexOf(0x0a, start);
      if (end < 0) break;
      const frame = decodeFrame(text.decode(all.subarray(start, end)));
      if ("error" in frame) this.#damage = `frame ${this.#count} is damaged: ${frame.error}`;
      else if (frame.seq !== this.#count) {
        this.#damage = `frame ${frame.seq} came where frame ${this.#count} was due`;
      } else {
        frames.push(frame);
        this.#count++;
      }
      start = end + 1;
    }
    this.#rest = all.slice(start);
    return frames;
  }

  /** What is wrong with the stream, if it ends here; null for nothing. */
  get damage(): string | null {
    if (this.#damage !== null || this.#rest.length === 0) return this.#damage;
    return `the stream ends inside frame ${this.#count}`;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Decodes a whole recording, or the part that has come so far. */
export function decodeFrames(bytes: Uint8Array): DecodedFrames {
  const reader = new FrameReader();
  const frames = reader.feed(bytes);
  return { frames, damage: reader.damage };
}

/** What a frame says of a test that begins or ends. */
export type TestNews =
  | { readonly kind: "started"; readonly test: string }
  | { readonly kind: "ended"; readonly test: string; readonly said: "ok" | "not ok" | "skip" };

const RUN = /^# RUN (\S+)/;
const RESULT = /^(ok|not ok) \d+ (\S+)(?: # (SKIP)\b)?/;

/** For people who watch: the lines of selftests/harness/ktap.ts; null for all others. */
export function testNews({ kind, payload }: Frame): TestNews | null {
  if (kind !== "K") return null;
  const run = RUN.exec(payload);
  if (run) return { kind: "started", test: run[1]! };
  const result = RESULT.exec(payload);
  if (!result) return null;
  const said = result[3] ? "skip" : result[1] as "ok" | "not ok";
  return { kind: "ended", test: result[2]!, said };
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
