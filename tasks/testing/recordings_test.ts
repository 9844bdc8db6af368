// SPDX-License-Identifier: MIT
/** Tier 1: recorded boots get the verdict that is due, and no cut makes a bad one good. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { BootRecord, Expectation } from "../core/model/model.ts";
import { judgeBoot } from "../core/judge/boot_result.ts";
import { bootStage, judgeCell } from "../core/judge/verdict.ts";
import { bootRecord, record, type Recording, scripted } from "./recorder.ts";
import { dueOf, readSituations } from "./recordings.ts";
import { C_TEST, endAttachment, printedLine } from "../../selftests/contract/c_programs.ts";

const SITUATIONS = await readSituations();

for (const { name, recording, record, due, alone } of SITUATIONS) {
  Deno.test(`judgeBoot() gives the verdict that is due for the recording "${name}"`, () => {
    assert.deepEqual(dueOf(judgeBoot({ ...recording, record })), due);
    assert.deepEqual(dueOf(judgeBoot({ ...recording, record: null })), alone);
  });
}

Deno.test("recordings hold no path of the machine that they were made on", () => {
  for (const { name, recording } of SITUATIONS) {
    for (const bytes of [recording.console, recording.results]) {
      const text = new TextDecoder().decode(bytes);
      assert.doesNotMatch(text, /\/(home|root|work|tmp|mnt)\//, name);
    }
  }
});

// ── cutting ──────────────────────────────────────────────────────────────────────────────────────

const EXPECTATIONS: readonly Expectation[] = [
  { kind: "pass" },
  { kind: "skip" },
  { kind: "fail", tests: ["*basic*"], reason: "r", link: "l", expires: "2099-01-01" },
  { kind: "fail", tests: [], reason: "r", link: "l", expires: "2099-01-01" },
];

/** Whether the cell would be green, for each thing that a matrix can expect of it. */
function colours(recording: Recording, record: BootRecord | null): boolean[] {
  const result = judgeBoot({ ...recording, record });
  return EXPECTATIONS.map((expect) =>
    judgeCell(expect, [bootStage(result, 0, "")], result).verdict.kind === "passed"
  );
}

const WARNING = "WARNING: CPU: 0 PID: 1 at kernel/kcov.c:412 kcov_ioctl+0x12/0x340";
const skip = { do: "skip", reason: "no" } as const;
const fail = { do: "fail", message: "expected 1, found 0" } as const;

const C_NAME = "kcov.mode_trace_pc.kcov_basic_syscall_coverage";

const C_FEATURES = ["kcov", "c-selftest"] as const;

function cProgram(line: string, code: number): Recording {
  const lines = ["TAP version 13", "1..1", line].map((text) => printedLine("kcov_test", text));
  const attaches = { [endAttachment("kcov_test")]: { kind: "exited", code } };
  return record({
    features: C_FEATURES,
    tests: [
      scripted(C_NAME),
      scripted(C_TEST, undefined, { requires: ["c-selftest"], logs: lines, attaches }),
    ],
  });
}

/** Recordings of the guest's own runner for what no real boot of this project shows. */
const MADE: Readonly<Record<string, Recording>> = {
  "a sound C program": cProgram(`ok 1 ${C_NAME}`, 0),
  "a test that fails in the C program": cProgram(`not ok 1 ${C_NAME}`, 1),
  "a C program that ends in the middle": cProgram(`#  RUN           ${C_NAME} ...`, 139),
  "a complaint during boot": record({ tests: [scripted("a.b.c")], boot: [WARNING] }),
  "a complaint during a test": record({
    tests: [scripted("a.b.c", undefined, { console: [WARNING] }), scripted("a.b.d")],
  }),
  "a complaint behind the last test": record({ tests: [scripted("a.b.c")], teardown: [WARNING] }),
  "a failed test": record({ tests: [scripted("a.b.c"), scripted("a.b.d", fail)] }),
  "an undeclared skip": record({ tests: [scripted("a.b.c"), scripted("a.b.d", skip)] }),
  "nothing but skips": record({ tests: [scripted("a.b.c", skip, { requires: ["unique"] })] }),
  "a hang": record({ tests: [scripted("a.b.c"), scripted("a.b.d", { do: "vanish" })] }),
  "text that is not ASCII": record({
    tests: [scripted("a.b.c", { do: "fail", message: "ß 😀" }, { logs: ["€"] })],
  }),
};

interface Cut {
  readonly name: string;
  readonly recording: Recording;
  readonly record: BootRecord | null;
}

const CUTTABLE: readonly Cut[] = [
  ...SITUATIONS.map(({ name, recording, record }) => ({ name, recording, record })),
  ...Object.entries(MADE).map(([name, recording]) => ({
    name,
    recording,
    record: bootRecord(recording, name.includes("C program") ? { features: C_FEATURES } : {}),
  })),
];

/** Cuts that come near the ends of lines and of the file more often than chance would have it. */
function cutOf(bytes: Uint8Array): fc.Arbitrary<number> {
  const ends = [...bytes].flatMap((byte, index) => byte === 0x0a ? [index, index + 1] : []);
  const last = Math.max(0, bytes.length - 1);
  return fc.oneof(
    fc.nat(last),
    fc.constantFrom(0, last, ...ends.filter((end) => end < bytes.length)),
    fc.constantFrom(...Array.from({ length: 40 }, (_, index) => Math.max(0, last - index))),
  );
}

function assertNoCutHelps({ name, recording, record }: Cut, stream: "console" | "results"): void {
  const whole = colours(recording, record);
  const bytes = recording[stream];
  if (bytes.length === 0) return;
  fc.assert(
    fc.property(cutOf(bytes), (length) => {
      const cut = { ...recording, [stream]: bytes.subarray(0, length) };
      for (const [index, green] of colours(cut, record).entries()) {
        assert.ok(!green || whole[index], `${name}: green when ${stream} is cut at ${length}`);
        // With boot.json beside them, a cut stream never passes for anything.
        assert.ok(!green || record === null, `${name}: green although ${stream} was cut`);
      }
    }),
    { numRuns: bytes.length > 5000 ? 30 : 100 },
  );
}

Deno.test("no cut of a recording throws, or makes a red verdict green, beside boot.json", () => {
  for (const cut of CUTTABLE) {
    assertNoCutHelps(cut, "console");
    assertNoCutHelps(cut, "results");
  }
});

Deno.test("no cut of two streams alone throws, or makes a red verdict green", () => {
  for (const { name, recording } of CUTTABLE) {
    // A console without its last lines is no evidence of a complaint behind the last test, and one
    // that is expected to fail as a whole may well end anywhere: boot.json is for these two.
    if (name === "a complaint behind the last test") continue;
    assertNoCutHelpsAlone(name, recording, "console");
    assertNoCutHelpsAlone(name, recording, "results");
  }
});

function assertNoCutHelpsAlone(
  name: string,
  recording: Recording,
  stream: "console" | "results",
): void {
  const whole = colours(recording, null);
  const bytes = recording[stream];
  if (bytes.length === 0) return;
  fc.assert(
    fc.property(cutOf(bytes), (length) => {
      const cut = { ...recording, [stream]: bytes.subarray(0, length) };
      for (const [index, green] of colours(cut, null).slice(0, 3).entries()) {
        assert.ok(!green || whole[index], `${name}: green when ${stream} is cut at ${length}`);
      }
    }),
    { numRuns: bytes.length > 5000 ? 30 : 100 },
  );
}

Deno.test("a green result stream is red when any of its bytes is another", () => {
  const { recording, record } = SITUATIONS.find(({ name }) => name === "green")!;
  assert.equal(colours(recording, record)[0], true);
  fc.assert(
    fc.property(
      fc.nat(recording.results.length - 1),
      fc.integer({ min: 1, max: 255 }),
      (at, change) => {
        const results = recording.results.slice();
        results[at]! ^= change;
        assert.equal(colours({ ...recording, results }, record)[0], false);
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("judgeBoot() never throws, whatever the bytes", () => {
  const { declared } = MADE["a failed test"]!;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array(), (console, results) => {
      judgeBoot({ console, results, declared, record: null });
    }),
    { numRuns: 300 },
  );
});
