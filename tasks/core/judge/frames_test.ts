// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeFrame, FrameWriter, utf8Bytes } from "../../../selftests/contract/frames.ts";
import { decodeFrames, FrameReader, testNews } from "./frames.ts";

const PAYLOADS = ["{}", "KTAP version 1", "# ß 😀", "", "ok 1 a.b.c"];

/** A stream as the guest's own encoder writes it. */
function stream(payloads: readonly string[] = PAYLOADS): Uint8Array {
  const parts: number[] = [];
  const writer = new FrameWriter((bytes) => parts.push(...bytes));
  for (const payload of payloads) writer.text("K", payload);
  return Uint8Array.from(parts);
}

/** The stream with one line replaced. */
function withLine(index: number, line: (old: string) => string): Uint8Array {
  const lines = new TextDecoder().decode(stream()).split("\n");
  lines[index] = line(lines[index]!);
  return new TextEncoder().encode(lines.join("\n"));
}

Deno.test("decodeFrames() gives back what the guest's encoder wrote", () => {
  const { frames, damage } = decodeFrames(stream());
  assert.equal(damage, null);
  assert.deepEqual(frames, PAYLOADS.map((payload, seq) => ({ kind: "K", seq, payload })));
  assert.deepEqual(decodeFrames(new Uint8Array()), { frames: [], damage: null });
});

Deno.test("decodeFrames() names each kind of damage, and believes nothing behind it", () => {
  const cases: readonly [string, Uint8Array, number, RegExp][] = [
    [
      "a flipped letter",
      withLine(4, (l) => l.replace("ok", "oj")),
      4,
      /^frame 4 is damaged: crc32/,
    ],
    ["another number", withLine(1, (l) => l.replace("K1", "K2")), 1, /^frame 1 is damaged: crc32/],
    ["a wrong length", withLine(1, (l) => l.replace(" 14 ", " 15 ")), 1, /length says 15/],
    ["another kind", withLine(1, (l) => l.replace("K1", "E1")), 1, /crc32/],
    ["no kind", withLine(1, (l) => l.replace("K1", "Z1")), 1, /not a frame/],
    [
      "text of the console",
      withLine(2, () => "[    1.0] Linux"),
      2,
      /frame 2 is damaged: not a fr/,
    ],
    ["an empty line", withLine(2, () => ""), 2, /not a frame/],
    ["a carriage return", withLine(1, (l) => `${l}\r`), 1, /not a frame|length/],
    [
      "a byte that is no UTF-8",
      stream().map((b) => b === 0xc3 ? 0xff : b),
      2,
      /frame 2 is damaged/,
    ],
    ["a cut", stream().subarray(0, -1), 4, /^the stream ends inside frame 4$/],
  ];
  for (const [name, bytes, whole, message] of cases) {
    const { frames, damage } = decodeFrames(bytes);
    assert.equal(frames.length, whole, name);
    assert.match(damage ?? "", message, name);
  }
});

Deno.test("decodeFrames() finds a frame that is missing, doubled or from another stream", () => {
  const lines = new TextDecoder().decode(stream()).trimEnd().split("\n");
  const read = (order: readonly number[]) =>
    decodeFrames(new TextEncoder().encode(order.map((index) => `${lines[index]}\n`).join("")));
  assert.equal(read([0, 2]).damage, "frame 2 came where frame 1 was due");
  assert.equal(read([0, 1, 1]).damage, "frame 1 came where frame 2 was due");
  assert.equal(read([1]).damage, "frame 1 came where frame 0 was due");
  const other = encodeFrame({ kind: "E", seq: 9, payload: "{}" });
  const { frames, damage } = decodeFrames(Uint8Array.from([...stream(), ...other]));
  assert.equal(frames.length, 5);
  assert.equal(damage, "frame 9 came where frame 5 was due");
});

Deno.test("decodeFrames() reads a cut stream up to its last whole frame, wherever it is cut", () => {
  const whole = stream();
  for (let length = 0; length <= whole.length; length++) {
    const { frames, damage } = decodeFrames(whole.subarray(0, length));
    const ends = whole.subarray(0, length).filter((byte) => byte === 0x0a).length;
    assert.equal(frames.length, ends);
    assert.equal(damage === null, length === 0 || whole[length - 1] === 0x0a);
  }
});

Deno.test("decodeFrames() takes no changed byte for a whole stream", () => {
  const whole = stream();
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = whole.slice();
      damaged[at]! ^= change;
      const { frames, damage } = decodeFrames(damaged);
      assert.ok(damage !== null && frames.length < PAYLOADS.length);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("decodeFrames() never throws, whatever the bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    decodeFrames(bytes);
    decodeFrames(Uint8Array.from([...stream(), ...bytes, ...utf8Bytes("\n")]));
  }));
});

Deno.test("FrameReader gives each frame once, however the stream is cut", () => {
  const payloads = ["# RUN a.b", "# a note", "ok 1 a.b # SKIP ß is missing", "not ok 2 a.c"];
  const bytes = Uint8Array.from(
    payloads.flatMap((payload, seq) => [...encodeFrame({ kind: "K", seq, payload })]),
  );
  for (let size = 1; size <= bytes.length; size += 7) {
    const reader = new FrameReader();
    const frames = [];
    for (let at = 0; at < bytes.length; at += size) {
      frames.push(...reader.feed(bytes.subarray(at, at + size)));
    }
    assert.deepEqual(frames.map(({ payload }) => payload), payloads);
    assert.equal(reader.damage, null);
    assert.deepEqual(frames.map(testNews), [
      { kind: "started", test: "a.b" },
      null,
      { kind: "ended", test: "a.b", said: "skip" },
      { kind: "ended", test: "a.c", said: "not ok" },
    ]);
  }
  const torn = new FrameReader();
  assert.deepEqual(torn.feed(bytes.subarray(0, 5)), []);
  assert.match(torn.damage!, /ends inside frame 0/);
  assert.equal(testNews({ kind: "J", seq: 0, payload: "# RUN a.b" }), null);
});
