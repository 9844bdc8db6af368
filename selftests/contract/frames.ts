// SPDX-License-Identifier: MIT

/**
 * Frames of the results channel: one a line, `<kind><seq> <len> <crc32> <payload>\n`.
 * Pure: for the host, which reads them. In the guest the runtime writes them (`write_frame()`).
 */

/**
 * B begin, K one KTAP line, H heartbeat, J attachment of the running test, P answer to a promise
 * (promises.ts), X runtime error, E end.
 */
export type FrameKind = "B" | "K" | "H" | "J" | "P" | "X" | "E";

export interface Frame {
  readonly kind: FrameKind;
  /** 0 for the first frame of the stream, one more for each. */
  readonly seq: number;
  readonly payload: string;
}

/** Version in the B frame. */
export const PROTOCOL_VERSION = 1;
/** I/O port of QEMU's isa-debugcon; frames go there. */
export const RESULTS_PORT = 0xe9;
/** I/O port of QEMU's isa-debug-exit; QEMU exits with `(code << 1) | 1`. */
export const EXIT_PORT = 0xf4;
/** Written to {@link EXIT_PORT} after an E frame. */
export const EXIT_FINISHED = 0x10;
/** Written to {@link EXIT_PORT} after an X frame. */
export const EXIT_RUNTIME_ERROR = 0x11;
/** Written to {@link EXIT_PORT} where a command of `deno task repro -- …` failed. */
export const EXIT_COMMAND_FAILED = 0x12;

/** Bytes of the text in UTF-8; lone surrogates become U+FFFD. (The guest has no TextEncoder.) */
export function utf8Bytes(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    let code = character.codePointAt(0)!;
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | code >> 6, 0x80 | code & 63);
    else if (code < 0x10000) {
      bytes.push(0xe0 | code >> 12, 0x80 | code >> 6 & 63, 0x80 | code & 63);
    } else {
      bytes.push(
        0xf0 | code >> 18,
        0x80 | code >> 12 & 63,
        0x80 | code >> 6 & 63,
        0x80 | code & 63,
      );
    }
  }
  return Uint8Array.from(bytes);
}

const CRC_TABLE = /* @__PURE__ */ Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** CRC-32 as in IEEE 802.3 (reflected, polynomial 0xedb88320), unsigned. */
export function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (let i = 0; i < bytes.length; i++) {
    crc = crc >>> 8 ^ CRC_TABLE[(crc ^ bytes[i]!) & 0xff]!;
  }
  return ~crc >>> 0;
}

/**
 * The bytes of one frame, line end included. The checksum covers `<kind><seq> <len> <payload>`.
 * Throws a RangeError when the payload holds a line end.
 */
export function encodeFrame(frame: Frame): Uint8Array {
  if (/[\r\n]/.test(frame.payload)) {
    throw new RangeError(`frame ${frame.kind}${frame.seq}: payload holds a line end`);
  }
  const payload = utf8Bytes(frame.payload);
  const head = utf8Bytes(`${frame.kind}${frame.seq} ${payload.length} `);
  const checked = new Uint8Array(head.length + payload.length);
  checked.set(head);
  checked.set(payload, head.length);
  const crc = utf8Bytes(`${crc32(checked).toString(16).padStart(8, "0")} `);
  const line = new Uint8Array(checked.length + crc.length + 1);
  line.set(head);
  line.set(crc, head.length);
  line.set(payload, head.length + crc.length);
  line[line.length - 1] = 0x0a;
  return line;
}

/**
 * Reads one line, without its line end. The result names what is wrong instead of throwing: a bad
 * frame is something to report about a run.
 */
export function decodeFrame(line: string): Frame | { readonly error: string } {
  const match = /^([BKHJPXE])(0|[1-9]\d*) (0|[1-9]\d*) ([0-9a-f]{8}) (.*)$/.exec(line);
  if (match === null) return { error: "not a frame" };
  const [, kind, seq, length, crc, payload] = match as unknown as [string, ...string[]];
  const bytes = utf8Bytes(payload!);
  if (bytes.length !== Number(length)) {
    return { error: `length says ${length}, payload has ${bytes.length} bytes` };
  }
  const actual = crc32(utf8Bytes(`${kind}${seq} ${length} ${payload}`)).toString(16).padStart(
    8,
    "0",
  );
  if (actual !== crc) return { error: `crc32 says ${crc}, payload has ${actual}` };
  return { kind: kind as FrameKind, seq: Number(seq), payload: payload! };
}

/** Numbers frames and hands their bytes on. */
export class FrameWriter {
  #seq = 0;
  readonly #write: (bytes: Uint8Array) => void;

  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  text(kind: FrameKind, payload: string): void {
    this.#write(encodeFrame({ kind, seq: this.#seq++, payload }));
  }

  json(kind: FrameKind, value: unknown): void {
    // JSON escapes line ends in strings, and without an indent it has none of its own.
    this.text(kind, JSON.stringify(value));
  }
}
