// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { consolePlaces, excerptOf, type LogExcerpt, shownLine } from "./log_excerpt.ts";
import { packLines, unpackLines } from "./packed.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const excerpt = (text: string, bound: number, places: readonly number[] = []) =>
  excerptOf(text, bytesOf(text).length, bound, places);
const numbersOf = ({ kept }: LogExcerpt) =>
  kept.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, index) => from + index));

Deno.test("excerptOf() keeps all of a small log, with the numbers that an editor gives its lines", () => {
  const { kept, lines, text, bytes } = excerpt("a\r\n\nb\nc\n", 1000);
  assert.deepEqual({ kept, lines, text, bytes }, {
    kept: [[1, 4]],
    lines: 4,
    text: ["a", "", "b", "c"],
    bytes: 8,
  });
  assert.deepEqual(excerpt("", 1000).kept, []);
  assert.deepEqual(excerpt("\n", 1000).text, [""]);
  assert.deepEqual(excerpt("no newline", 1000).text, ["no newline"]);
});

Deno.test("excerptOf() keeps beginning, end and what is around places, and says what it keeps", () => {
  const lines = Array.from({ length: 50_000 }, (_, index) => `line ${index + 1}`);
  const found = excerpt(`${lines.join("\n")}\n`, 100_000, [20_000]);
  assert.equal(found.lines, 50_000);
  const numbers = numbersOf(found);
  for (const due of [1, 2, 19_700, 20_000, 20_300, 49_999, 50_000]) {
    assert.ok(numbers.includes(due), `line ${due}`);
  }
  assert.ok(!numbers.includes(10_000) && !numbers.includes(30_000));
  assert.deepEqual(found.text, numbers.map((number) => `line ${number}`));
  assert.ok(found.text.join("\n").length < 110_000);
});

Deno.test("excerptOf() keeps of any log lines that are there, in order, and about as much as it may", () => {
  const line = fc.string({ maxLength: 40 }).map((text) => text.replaceAll("\n", ""));
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 300 }),
      fc.integer({ min: 200, max: 5000 }),
      fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 3 }),
      (lines, bound, places) => {
        const found = excerpt(lines.map((one) => `${one}\n`).join(""), bound, places);
        assert.equal(found.lines, lines.length);
        const numbers = numbersOf(found);
        assert.deepEqual(numbers, [...new Set(numbers)].toSorted((a, b) => a - b));
        assert.deepEqual(found.text, numbers.map((number) => shownLine(lines[number - 1]!)));
        if (found.bytes > bound) {
          const cost = numbers.reduce((sum, number) => sum + lines[number - 1]!.length + 16, 0);
          assert.ok(cost <= bound, `${cost} of ${bound}`);
        }
      },
    ),
  );
});

Deno.test("shownLine() is one line of text, whatever a console holds", () => {
  assert.equal(shownLine("\x1b[31mred\x1b[0m\0 <b>\r"), "red <b>");
  assert.equal(shownLine("over\rwritten"), "over ⏎ written");
  assert.equal(shownLine("\u202eabc"), "abc");
  assert.match(shownLine("x".repeat(5000)), /^x{4000} … 1000 characters more$/);
});

const CONSOLE = [
  "[    0.000000] Linux version 6.12.0",
  "",
  "[    1.000000] kmatrix: RUN a.b.c",
  "[    1.099999] ------------[ cut here ]------------",
  "[    1.100000] WARNING: CPU: 0 PID: 1 at kernel/kcov.c:412 kcov_ioctl+0x12/0x340",
  "a process prints this in between",
  "[    1.100001] Call Trace:",
  "[    1.100002]  <TASK>",
  "[    1.100003]  kcov_ioctl+0x12/0x340",
  "[    1.100004]  </TASK>",
  "[    1.100005] ---[ end trace 0000000000000000 ]---",
  "[    1.200000] kmatrix: END a.b.c",
  "[    1.300000] kmatrix: RUN a.b.d",
  "[    1.400000] the machine stops here",
  "",
].join("\n");

Deno.test("consolePlaces() finds reports and tests by the numbers of their lines", () => {
  const { splats, tests } = consolePlaces(CONSOLE, null);
  assert.deepEqual(splats.map(({ id, at, lines }) => [id, at, lines]), [
    ["warning", 5, [[4, 5], [7, 11]]],
  ]);
  assert.deepEqual(tests, { "a.b.c": [3, 12], "a.b.d": [13, 14] });
  const asBytes = consolePlaces(bytesOf(CONSOLE), null);
  assert.deepEqual(asBytes, { splats, tests });
});

Deno.test("consolePlaces() counts lines the same in a log that is read piece by piece", () => {
  const noise = Array.from({ length: 9000 }, (_, n) => n % 3 ? `[    0.5] noise ${n}` : "");
  const [first, ...rest] = CONSOLE.split("\n");
  const long = [first, ...noise, ...rest].join("\r\n");
  const { splats } = consolePlaces(bytesOf(long), null);
  assert.deepEqual(splats[0]!.lines, [[9004, 9005], [9007, 9011]]);
  assert.match(long.split("\n")[9004]!, /WARNING/);
});

Deno.test("unpackLines() gives the lines that were packed, and markup is in neither", async () => {
  const lines = ["</script><script>alert(1)</script>", "", "ä \u2028 <!-- 🦀", "x".repeat(100_000)];
  const packed = await packLines(lines);
  assert.match(packed, /^[A-Za-z0-9+/=]*$/);
  assert.deepEqual(await unpackLines(packed), lines);
  await assert.rejects(unpackLines(packed.slice(0, packed.length / 8 * 4)));
  assert.deepEqual(await unpackLines(await packLines([])), []);
});
