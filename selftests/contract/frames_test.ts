// SPDX-License-Identifier: MIT

import assert from "node:assert/strict";
import { crc32, decodeFrame, encodeFrame, type Frame, FrameWriter, utf8Bytes } from "./frames.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("crc32() gives the check value of CRC-32/ISO-HDLC", () => {
  assert.equal(crc32(utf8Bytes("123456789")), 0xcbf43926);
  assert.equal(crc32(new Uint8Array()), 0);
});

Deno.test("utf8Bytes() agrees with TextEncoder, lone surrogates included", () => {
  for (
    const sample of ["", "plain", "ß€😀", "\0\x7f\x80\u07ff\u0800\uffff", "a\ud800b", "\udc00"]
  ) {
    assert.deepEqual(utf8Bytes(sample), new TextEncoder().encode(sample));
  }
});

Deno.test("encodeFrame() writes kind, number, length, checksum and payload", () => {
  const line = text(encodeFrame({ kind: "K", seq: 12, payload: "ok 3 a.b.c" }));
  assert.match(line, /^K12 10 [0-9a-f]{8} ok 3 a\.b\.c\n$/);
});

Deno.test("encodeFrame() counts bytes, not characters", () => {
  assert.match(text(encodeFrame({ kind: "K", seq: 0, payload: "# ß" })), /^K0 4 /);
});

Deno.test("encodeFrame() refuses a payload with a line end", () => {
  assert.throws(() => encodeFrame({ kind: "K", seq: 0, payload: "a\nb" }), RangeError);
  assert.throws(() => encodeFrame({ kind: "K", seq: 0, payload: "a\rb" }), RangeError);
});

Deno.test("decodeFrame() gives back what encodeFrame() was given", () => {
  for (const payload of ["", " ", "ok 1 x", "# ß 😀", JSON.stringify({ message: "a\nb" })]) {
    const frame: Frame = { kind: "J", seq: 7, payload };
    assert.deepEqual(decodeFrame(text(encodeFrame(frame)).slice(0, -1)), frame);
  }
});

Deno.test("decodeFrame() says what is wrong when a line was damaged", () => {
  const line = text(encodeFrame({ kind: "K", seq: 3, payload: "ok 1 x" })).trimEnd();
  assert.deepEqual(decodeFrame("hello"), { error: "not a frame" });
  assert.deepEqual(decodeFrame(line.slice(0, -1)), {
    error: "length says 6, payload has 5 bytes",
  });
  assert.match(JSON.stringify(decodeFrame(line.replace("ok 1", "ok 2"))), /crc32 says/);
  assert.match(JSON.stringify(decodeFrame(line.replace("K3", "K4"))), /crc32 says/);
});

Deno.test("FrameWriter numbers frames over the whole stream", () => {
  const lines: string[] = [];
  const writer = new FrameWriter((bytes) => lines.push(text(bytes).trimEnd()));
  writer.json("B", { tests: 1 });
  writer.text("K", "1..1");
  writer.json("E", "a\nb");
  const frames = lines.map(decodeFrame) as Frame[];
  assert.deepEqual(frames.map(({ seq }) => seq), [0, 1, 2]);
  assert.equal(frames[2]!.payload, '"a\\nb"');
});
