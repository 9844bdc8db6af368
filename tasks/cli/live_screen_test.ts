// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import width from "string-width";
import slice from "slice-ansi";
import { Emulator, type Size } from "../testing/pseudo_terminal.ts";
import { type Device, LiveScreen } from "./live_screen.ts";

class FakeDevice implements Device {
  readonly emulator: Emulator;
  readonly writes: string[] = [];
  #size: Size;

  constructor(size: Size) {
    this.#size = size;
    this.emulator = new Emulator(size);
  }

  write(text: string): void {
    this.writes.push(text);
  }
  size(): Size {
    return this.#size;
  }
  width = width;

  /** What the terminal shows, with all that was written so far. */
  async lines(): Promise<string[]> {
    for (const text of this.writes.splice(0)) await this.emulator.write(text);
    return this.emulator.lines();
  }

  async resize(size: Size): Promise<void> {
    await this.lines();
    this.#size = size;
    this.emulator.resize(size);
  }
}

Deno.test("each frame takes the place of the one before, in one write, at once where a terminal can", async () => {
  const device = new FakeDevice({ columns: 40, rows: 10 });
  const screen = new LiveScreen(device);
  screen.draw(["started"], ["a 1", "b"]);
  screen.draw([], ["a 2"]);
  screen.draw(["k/x passed"], ["a 3", "b 3", "c"]);
  screen.draw([], ["a 3", "b 3", "c"]);
  // deno-lint-ignore no-control-regex
  for (const text of device.writes) assert.match(text, /^\x1b\[\?2026h[^]*\x1b\[\?2026l$/);
  assert.equal(device.writes.length, 3, "a frame that is the same is not drawn");
  assert.ok(device.writes.every((text) => !text.includes("\x1b[?25l")), "the cursor stays");
  assert.deepEqual(await device.lines(), ["started", "k/x passed", "a 3", "b 3", "c"]);
  screen.clear();
  assert.deepEqual(await device.lines(), ["started", "k/x passed"]);
  assert.equal(device.emulator.cursorRow, 2);
});

Deno.test("a line that fills the terminal to its edge keeps its last character", async () => {
  const device = new FakeDevice({ columns: 20, rows: 10 });
  const screen = new LiveScreen(device);
  screen.draw([], ["frame", "frame 2"]);
  screen.draw(["x".repeat(20), "y".repeat(41), "日本語".repeat(5)], ["frame"]);
  assert.deepEqual(await device.lines(), [
    ...["x".repeat(20), "y".repeat(41), "日本語".repeat(5), "frame"],
  ]);
});

/**
 * Text of all widths: none, one and two columns. No emoji, of which the emulator goes by the widths
 * of Unicode 6.
 */
const text = fc.string({
  unit: fc.constantFrom("a", "b", " ", "日", "ß", "e\u0301", "한", "-"),
  minLength: 1,
  maxLength: 60,
  size: "max",
}).map((one) => `>${one.replaceAll(" ", "_")}`);

const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kept: fc.array(text, { maxLength: 2 }),
        frame: fc.array(text, { maxLength: 4 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ columns: fc.integer({ min: 20, max: 100 }) }) },
  ),
  { minLength: 1, maxLength: 15 },
);

Deno.test("whatever is drawn, and however the terminal is resized, every line that stays is there once", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const device = new FakeDevice({ columns: 80, rows: 40 });
      const screen = new LiveScreen(device);
      const kept: string[] = [];
      let frame: string[] = [];
      for (const step of all) {
        if ("columns" in step) {
          await device.resize({ columns: step.columns, rows: 40 });
          continue;
        }
        kept.push(...step.kept);
        frame = step.frame.map((line) =>
          slice(`\x1b[31m${line}\x1b[39m`, 0, device.size().columns - 1)
        );
        screen.draw(step.kept, frame);
      }
      // What was drawn before the last resize may be wrapped, and is cut anew by the next frame.
      screen.draw([], []);
      assert.deepEqual(await device.lines(), kept);
      device.emulator.dispose();
    }),
    { numRuns: 100 },
  );
});
