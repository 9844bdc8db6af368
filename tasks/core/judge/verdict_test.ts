// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { archOf } from "../arch/table.ts";
import { EXIT_RUNTIME_ERROR } from "../../../selftests/contract/frames.ts";
import type {
  BootRecord,
  CellResult,
  ExitCause,
  Expectation,
  StageResult,
  TestOutcome,
} from "../model/model.ts";
import type { Failure } from "../model/errors.ts";
import type { FailureKind } from "../model/failure_kinds.ts";
import {
  bootRecord,
  record,
  type Recording,
  reframed,
  type Script,
  scripted,
  withFrame,
} from "../../testing/recorder.ts";
import { NO_ANSWERS } from "../../testing/samples.ts";
import { judgeBoot } from "./boot_result.ts";
import { bootStage, judgeCell } from "./verdict.ts";

const PASSES = scripted("kcov.pc.basic", { do: "pass" }, { requires: ["kcov"], logs: ["7 PCs"] });
const SKIPS = scripted("kcov.cmp.basic", { do: "skip", reason: "errno 524" }, {
  requires: ["kcov", "cmp"],
});
const FREE = scripted("kcov_host.base.opens");
const GREEN: Script = { tests: [PASSES, SKIPS, FREE] };
const WARNING = "WARNING: CPU: 0 PID: 1 at kernel/kcov.c:412 kcov_ioctl+0x12/0x340";

type Changes = Partial<BootRecord> & Partial<Recording>;

/** The verdict on a script's recordings, with boot.json beside them. */
function judge(script: Script, { console, results, ...host }: Changes = {}): CellResult {
  const recording = record(script);
  const changed = {
    ...recording,
    console: console ?? recording.console,
    results: results ?? recording.results,
  };
  return judgeBoot({ ...changed, record: bootRecord(changed, host) });
}

const text = (lines: string) => new TextEncoder().encode(lines);
const bootId = (result: CellResult) => result.boot && [result.boot.kind, result.boot.id];
const outcomes = (result: CellResult) =>
  result.tests.map(({ id, outcome }) => [
    id,
    outcome.kind === "failed"
      ? `failed: ${outcome.failure.id}`
      : outcome.kind === "not-run"
      ? `not-run: ${outcome.by}`
      : outcome.kind,
  ]);
const outcomeOf = (result: CellResult, id: string): TestOutcome =>
  result.tests.find((test) => test.id === id)!.outcome;
const exited = (code: number): BootRecord["end"] => ({ kind: "exited", code });

// ── judgeBoot: what a sound boot says ────────────────────────────────────────────────────────────

Deno.test("judgeBoot() passes what ran, and skips only what the cell lacks", () => {
  const result = judge(GREEN);
  assert.equal(result.boot, null);
  assert.deepEqual(outcomes(result), [
    ["kcov.pc.basic", "passed"],
    ["kcov.cmp.basic", "skipped"],
    ["kcov_host.base.opens", "passed"],
  ]);
  const [first, second] = result.tests;
  assert.equal(first!.name, "pc.basic");
  assert.equal(first!.file, "selftests/kcov_test.ts");
  assert.deepEqual(first!.diagnostics, ["7 PCs"]);
  assert.ok(first!.durationMs > 0);
  assert.deepEqual(second!.outcome, { kind: "skipped", reason: "errno 524" });
  assert.equal(result.cell, "linux-6.12/kcov");
  assert.equal(result.guest.release, "6.12.0");
  assert.ok(result.guest.uptimeMs! > 0);
});

Deno.test("judgeBoot() keeps what a test attached, but for its duration", () => {
  const { results } = record(GREEN);
  const attached = [
    { test: PASSES.declared.id, name: "pcs", value: [1, 2] },
    { test: PASSES.declared.id, name: "count", value: 1 },
    { test: PASSES.declared.id, name: "count", value: 2 },
    { test: "nobody.knows.it", name: "x", value: 1 },
  ].reduce(
    (stream, one) => withFrame(stream, "J", one),
    reframed(results, (kind, payload) => kind === "E" ? null : payload),
  );
  const [first, second] = judge(GREEN, { results: attached }).tests;
  assert.deepEqual(first!.attachments, { pcs: [1, 2], count: 2 });
  assert.deepEqual(second!.attachments, {});
});

Deno.test("judgeBoot() says the same of the two streams alone", () => {
  const recording = record(GREEN);
  const alone = judgeBoot({ ...recording, record: null });
  assert.deepEqual(alone, judgeBoot({ ...recording, record: bootRecord(recording) }));
});

Deno.test("judgeBoot() takes cell and features from the guest's first frame when boot.json is missing", () => {
  const recording = record({
    tests: [scripted("kcov.cmp.basic", { do: "pass" }, { requires: ["cmp"] })],
    cell: "linux-6.12/kcov-cmp",
    features: ["kcov", "cmp"],
  });
  const result = judgeBoot({ ...recording, record: null });
  assert.equal(result.cell, "linux-6.12/kcov-cmp");
  assert.deepEqual(outcomes(result), [["kcov.cmp.basic", "passed"]]);
});

Deno.test("judgeBoot() expects only the tests that the filter chose", () => {
  const filter = ["kcov.pc.basic"];
  assert.deepEqual(outcomes(judge({ ...GREEN, filter }, { filter })), [
    ["kcov.pc.basic", "passed"],
  ]);
});

// ── judgeBoot: tests ─────────────────────────────────────────────────────────────────────────────

Deno.test("judgeBoot() fails a test with its error as the headline, and no other", () => {
  const message = "expected 1, found 0";
  const result = judge({ tests: [scripted("a.b.c", { do: "fail", message }), FREE] });
  assert.equal(result.boot, null);
  const outcome = outcomeOf(result, "a.b.c");
  assert.ok(outcome.kind === "failed");
  assert.deepEqual([outcome.failure.kind, outcome.failure.id], ["test", "test-failed"]);
  assert.equal(outcome.failure.message, `AssertionError: ${message}`);
  assert.equal(outcomeOf(result, FREE.declared.id).kind, "passed");
});

Deno.test("judgeBoot() fails a test that hit its limit, or whose process died", () => {
  const result = judge({
    tests: [
      scripted("a.b.hangs", { do: "end", end: { kind: "timeout", left: false } }),
      scripted("a.b.dies", { do: "end", end: { kind: "signalled", signal: "SIGSEGV" } }),
      scripted("a.b.exits", { do: "end", end: { kind: "exited", code: 3 } }),
    ],
  });
  const messages = result.tests.map(({ outcome }) =>
    outcome.kind === "failed" ? `${outcome.failure.id}: ${outcome.failure.message}` : outcome.kind
  );
  assert.deepEqual(messages, [
    "test-time-limit: hit its time limit: 45 s",
    "test-failed: child died of SIGSEGV",
    "test-failed: child exited with code 3",
  ]);
});

Deno.test("judgeBoot() fails a skip that nobody declared, naming what the cell has", () => {
  const skip = { do: "skip", reason: "ENOENT" } as const;
  const result = judge({
    tests: [scripted("a.b.c", skip, { requires: ["kcov"] }), scripted("a.b.d", skip)],
  });
  assert.deepEqual(outcomes(result), [
    ["a.b.c", "failed: undeclared-skip"],
    ["a.b.d", "failed: undeclared-skip"],
  ]);
  const outcome = outcomeOf(result, "a.b.c");
  assert.ok(outcome.kind === "failed");
  assert.match(outcome.failure.message, /has all it needs \(kcov\): ENOENT$/);
});

Deno.test("judgeBoot() fails a pass where the cell lacks what the test needs", () => {
  const result = judge({ tests: [scripted("a.b.c", { do: "pass" }, { requires: ["unique"] })] });
  const outcome = outcomeOf(result, "a.b.c");
  assert.ok(outcome.kind === "failed");
  assert.equal(outcome.failure.id, "missing-skip");
  assert.match(outcome.failure.message, /the cell lacks unique$/);
});

Deno.test("judgeBoot() finds a declared test that the guest left out", () => {
  const recording = record(GREEN);
  const extra = { ...FREE.declared, id: "kcov.pc.new", test: "new" };
  const declared = [...recording.declared, extra];
  const result = judgeBoot({ ...recording, declared, record: bootRecord(recording) });
  const outcome = outcomeOf(result, "kcov.pc.new");
  assert.deepEqual(outcome, { kind: "not-run", by: null });
  assert.equal(result.boot, null);
  const { verdict } = judgeCell({ kind: "pass" }, [bootStage(result, 0, "")], result);
  assert.ok(verdict.kind === "failed");
  assert.deepEqual(
    verdict.failures.map(({ id, message, detail, subject }) => ({
      ...{ id, message, detail, subject },
    })),
    [{
      id: "not-run",
      message: "1 test has no result, although the guest ended as it should",
      detail: "kcov.pc.new",
      subject: undefined,
    }],
  );
});

// ── judgeBoot: the kernel complains ──────────────────────────────────────────────────────────────

Deno.test("judgeBoot() fails the test during which the kernel complained, whatever it says", () => {
  for (const act of [{ do: "pass" }, { do: "skip", reason: "x" }] as const) {
    const result = judge({ tests: [scripted("a.b.c", act, { console: [WARNING] }), FREE] });
    assert.equal(result.boot, null);
    const outcome = outcomeOf(result, "a.b.c");
    assert.ok(outcome.kind === "failed");
    assert.deepEqual([outcome.failure.kind, outcome.failure.id], ["kernel", "splat-warning"]);
    assert.equal(outcome.failure.message, `the kernel complained: ${WARNING}`);
    assert.equal(outcomeOf(result, FREE.declared.id).kind, "passed");
  }
});

Deno.test("judgeBoot() fails the boot for a complaint outside all tests", () => {
  const during = (script: Partial<Script>) => judge({ ...GREEN, ...script });
  const cases: readonly [Partial<Script>, RegExp][] = [
    [{ boot: [WARNING] }, /^the kernel complained during boot: WARNING: CPU/],
    [{ teardown: [WARNING] }, /^the kernel complained during teardown: WARNING: CPU/],
  ];
  for (const [script, message] of cases) {
    const result = during(script);
    assert.deepEqual(bootId(result), ["kernel", "splat-warning"]);
    assert.match(result.boot!.message, message);
    assert.equal(outcomeOf(result, PASSES.declared.id).kind, "passed");
  }
  const recording = record(GREEN);
  const end = /(.*kmatrix: END kcov\.pc\.basic\r\n)/;
  const console = text(
    new TextDecoder().decode(recording.console).replace(end, `$1[    1.0] ${WARNING}\r\n`),
  );
  assert.match(judge(GREEN, { console }).boot!.message, /complained between tests: WARNING/);
});

Deno.test("judgeBoot() names what a panic came from, and the test that ran", () => {
  const panic = [
    "BUG: kernel NULL pointer dereference, address: 0000000000000008",
    "Oops: 0002 [#1] SMP",
    "Kernel panic - not syncing: Fatal exception",
  ];
  const script = {
    tests: [PASSES, scripted("a.b.c", { do: "vanish" }, { console: panic }), FREE],
  };
  const result = judge(script, { end: exited(0) });
  assert.deepEqual(bootId(result), ["kernel", "panic"]);
  assert.match(result.boot!.message, /^the kernel panicked in test a\.b\.c: BUG: kernel NULL/);
  assert.match(result.boot!.detail, /Kernel panic - not syncing/);
  assert.deepEqual(outcomes(result), [
    ["kcov.pc.basic", "passed"],
    ["a.b.c", "failed: splat-page-fault"],
    ["kcov_host.base.opens", "not-run: panic"],
  ]);
});

Deno.test("judgeBoot() gives a test that panics the id of the boot's end", () => {
  const ended = (line: string) =>
    judge({ tests: [PASSES, scripted("a.b.c", { do: "vanish" }, { console: [line] })] }, {
      end: exited(0),
    });
  const panicked = ended("Kernel panic - not syncing: of its own");
  assert.deepEqual(bootId(panicked), ["kernel", "panic"]);
  assert.deepEqual(outcomes(panicked).at(-1), ["a.b.c", "failed: panic"]);
  const exitedInit = ended("Kernel panic - not syncing: Attempted to kill init! exitcode=0x9");
  assert.deepEqual(bootId(exitedInit), ["kernel", "init-exited"]);
  assert.deepEqual(outcomes(exitedInit).at(-1), ["a.b.c", "failed: init-exited"]);
});

Deno.test("judgeBoot() finds a panic before the first test", () => {
  const console = text("Kernel panic - not syncing: VFS: Unable to mount root fs\r\n");
  const result = judge(GREEN, { console, results: new Uint8Array(), end: exited(0) });
  assert.deepEqual(bootId(result), ["kernel", "panic-before-init"]);
  assert.match(result.boot!.message, /panicked before the guest's first report: Kernel panic/);
  assert.ok(result.tests.every(({ outcome }) => outcome.kind === "not-run"));
});

Deno.test("judgeBoot() tells a PID 1 that ended from one that the kernel has killed", () => {
  const killed = "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\r\n";
  const banner = "Linux version 6.12.0\r\nCommand line: x\r\n";
  const started = `${banner}Run /init as init process\r\n`;
  const oops = "kernel BUG at a.c:1!\r\nRIP: 0010:f+0x1/0x2\r\nCall Trace:\r\n g+0x1/0x2\r\n";
  const id = (console: string) =>
    bootId(judge(GREEN, { console: text(console), results: new Uint8Array(), end: exited(0) }))![1];
  assert.equal(id(started + killed), "init-exited");
  assert.equal(id(started + oops + killed), "panic-before-init");
  assert.equal(id(banner + killed), "panic-before-init");
});

Deno.test("judgeBoot() says of a boot that stands still what the kernel said of it", () => {
  const stall = "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [init:34]\r\n" +
    "RIP: 0010:spins+0x1/0x2\r\nCall Trace:\r\n g+0x1/0x2\r\n";
  const early = text(`Linux version 6.12.0\r\nCommand line: x\r\n${stall}`);
  const message = (rung: "init-not-reached" | "console-cap") =>
    judge(GREEN, {
      ...{ console: early, results: new Uint8Array() },
      end: { kind: "limit", rung, afterMs: 40_000 },
    }).boot!;
  assert.match(
    message("init-not-reached").message,
    /never started its init .*: watchdog: BUG: soft lockup .*, in spins; stopped after 40\.0 s/,
  );
  assert.match(message("init-not-reached").detail, /^watchdog: .*\nRIP[^]*\nlast lines of/);
  assert.doesNotMatch(message("console-cap").message, /soft lockup/);
});

Deno.test("judgeBoot() lets pass what the allow list names, and goes on reporting it", () => {
  const script = {
    tests: [scripted("a.b.c", undefined, { console: [WARNING] }), FREE],
    teardown: [WARNING],
  };
  const recording = record(script);
  const entry = {
    ...{ pattern: "^WARNING: .* kcov_ioctl", cells: ["*/kcov"], reason: "r", link: "l" },
    ...{ expires: "2099-01-01", place: "splats.yaml:1" },
  };
  const judged = (allow: typeof entry) =>
    judgeBoot({ ...recording, record: bootRecord(recording), allow: [allow] });
  const allowed = judged(entry);
  assert.equal(allowed.boot, null);
  assert.equal(outcomeOf(allowed, "a.b.c").kind, "passed");
  assert.deepEqual(
    allowed.splats.map((one) => [one.during, one.alsoDuring, one.times, one.allowed?.place]),
    [["a.b.c", ["teardown"], 2, "splats.yaml:1"]],
  );
  const elsewhere = judged({ ...entry, cells: ["*/kcov-cmp"] });
  assert.deepEqual(bootId(elsewhere), ["kernel", "splat-warning"]);
  assert.equal(outcomeOf(elsewhere, "a.b.c").kind, "failed");
  assert.equal(elsewhere.splats[0]!.allowed, null);
});

Deno.test("judgeBoot() never lets a panic pass", () => {
  const panic = "Kernel panic - not syncing: of its own";
  const script = { tests: [scripted("a.b.c", { do: "vanish" }, { console: [panic] })] };
  const recording = record(script);
  const entry = {
    ...{ pattern: "", cells: ["*"], reason: "r", link: "l", expires: "2099-01-01" },
    place: "splats.yaml:1",
  };
  const result = judgeBoot({
    ...recording,
    record: bootRecord(recording, { end: exited(0) }),
    allow: [entry],
  });
  assert.deepEqual(bootId(result), ["kernel", "panic"]);
  assert.equal(outcomeOf(result, "a.b.c").kind, "failed");
  assert.equal(result.splats[0]!.allowed, null);
});

Deno.test("judgeBoot() puts source lines in front of what the kernel printed", () => {
  const console = [WARNING, "Call Trace:", " f+0x10/0x20"];
  const recording = record({ tests: [scripted("a.b.c", undefined, { console })] });
  const sources = new Map([["f+0x10/0x20", [{ function: "f", file: "a.c", line: 7 }]]]);
  const result = judgeBoot({ ...recording, record: bootRecord(recording), sources });
  const outcome = outcomeOf(result, "a.b.c");
  assert.ok(outcome.kind === "failed");
  assert.match(outcome.failure.detail, /^in f a\.c:7\nWARNING: /);
  assert.deepEqual(result.splats[0]!.frames, [{ place: "f+0x10/0x20", source: ["f a.c:7"] }]);
});

// ── judgeBoot: the boot does not end as it should ────────────────────────────────────────────────

Deno.test("judgeBoot() says that QEMU did not start, and blames the machinery", () => {
  const nothing = { console: new Uint8Array(), results: new Uint8Array() };
  const refused = judge(GREEN, {
    ...nothing,
    end: { kind: "not-started", message: "unsupported machine type" },
  });
  assert.deepEqual(bootId(refused), ["infra", "qemu-not-started"]);
  assert.match(refused.boot!.message, /: unsupported machine type$/);
  assert.deepEqual(bootId(judge(GREEN, { ...nothing, end: exited(1) })), [
    ...["infra", "qemu-not-started"],
  ]);
});

Deno.test("judgeBoot() blames the machinery when QEMU was killed, even in the middle of a frame", () => {
  const script = { tests: [PASSES, scripted("a.b.c", { do: "vanish" })] };
  const result = judge(script, { end: exited(137) });
  assert.deepEqual(bootId(result), ["infra", "qemu-died"]);
  assert.match(result.boot!.message, /^QEMU was killed by signal 9 in test a\.b\.c$/);
  assert.equal(outcomeOf(result, "a.b.c").kind, "failed");
  const { results } = record(script);
  assert.deepEqual(bootId(judge(script, { results: results.slice(0, -3), end: exited(137) })), [
    ...["infra", "qemu-died"],
  ]);
});

Deno.test("judgeBoot() does not believe a whole stream when QEMU ended in another way", () => {
  for (const code of [0, 1, archOf({}).qemu.exitCode(EXIT_RUNTIME_ERROR), 77]) {
    const result = judge(GREEN, { end: exited(code) });
    assert.deepEqual(bootId(result), ["infra", "qemu-died"], String(code));
    assert.match(result.boot!.message, new RegExp(`ended with code ${code} after the last test$`));
  }
});

Deno.test("judgeBoot() says which rung of the ladder fired, and where", () => {
  const limit = (rung: string, afterMs: number) =>
    ({ kind: "limit", rung, afterMs }) as BootRecord["end"];
  const nothing = { console: new Uint8Array(), results: new Uint8Array() };
  const silent = judge(GREEN, { ...nothing, end: limit("no-output", 20_000) });
  assert.deepEqual(bootId(silent), ["kernel", "no-output"]);
  assert.match(
    silent.boot!.message,
    /printed nothing at all .*first report; stopped after 20\.0 s/,
  );
  const script = { tests: [PASSES, scripted("a.b.c", { do: "vanish" }), FREE] };
  for (const rung of ["guest-silent", "boot-limit", "console-cap", "init-not-reached"]) {
    const result = judge(script, { end: limit(rung, 30_000) });
    assert.deepEqual(bootId(result), ["kernel", rung]);
    assert.match(result.boot!.message, / in test a\.b\.c; stopped after 30\.0 s$/);
    assert.match(result.boot!.detail, /last lines of the console:\n.*RUN a\.b\.c/s);
  }
});

Deno.test("judgeBoot() tells a machine that was switched off, restarted or reset from a hang", () => {
  const limit = { kind: "limit", rung: "guest-silent", afterMs: 30_000 } as const;
  const code0 = (cause: ExitCause) => ({ kind: "exited", code: 0, cause }) as const;
  const cases: readonly [string[], BootRecord["end"], string, RegExp][] = [
    [["reboot: Power down"], code0("power-off"), "test guest-powered-off", /switched off in/],
    [["reboot: System halted"], limit, "test guest-powered-off", /switched off in test a\.b\.c$/],
    [["reboot: Restarting system"], code0("reset"), "test guest-restarted", /restarted in test a/],
    [[], code0("power-off"), "kernel guest-powered-off", /off in test a\.b\.c, without a word/],
    [[], code0("reset"), "kernel guest-reset", /reset in test a\.b\.c, without a word/],
    [[], code0("terminated"), "infra qemu-died", /ended by a signal in test a\.b\.c$/],
    [[], limit, "kernel guest-silent", /fell silent/],
    [["it said reboot: System halted"], limit, "kernel guest-silent", /fell silent/],
  ];
  for (const [console, end, id, message] of cases) {
    const script = { tests: [PASSES, scripted("a.b.c", { do: "vanish" }, { console })] };
    const result = judge(script, { end });
    assert.equal(bootId(result)!.join(" "), id);
    assert.match(result.boot!.message, message);
    assert.deepEqual(outcomes(result).at(-1), ["a.b.c", `failed: ${id.split(" ")[1]}`]);
  }
});

Deno.test("judgeBoot() believes a panic before a reset, and a whole run before any last words", () => {
  const panic = {
    tests: [scripted("a.b.c", { do: "vanish" }, { console: ["Kernel panic - not syncing: x"] })],
  };
  const reset = { kind: "exited", code: 0, cause: "reset" } as const;
  assert.deepEqual(bootId(judge(panic, { end: reset })), ["kernel", "panic"]);
  const words = { tests: [scripted("a.b.c", undefined, { console: ["reboot: Power down"] })] };
  assert.equal(judge(words).boot, null);
});

Deno.test("judgeBoot() tells a kernel that never started init from an init that never reported", () => {
  const stuck = (...lines: string[]) =>
    bootId(judge(GREEN, {
      console: text(lines.map((line) => `[    0.100000] ${line}\r\n`).join("")),
      results: new Uint8Array(),
      end: { kind: "limit", rung: "init-not-reached", afterMs: 41_000, limitMs: 40_000 },
    }));
  const booted = ["Linux version 6.12.0", "Memory: 200M"];
  assert.deepEqual(stuck(...booted), ["kernel", "early-boot"]);
  assert.deepEqual(stuck(...booted, "Run /init as init process"), ["kernel", "init-not-reached"]);
  // With "quiet" nothing is said of init either.
  assert.deepEqual(stuck("random: crng init done"), ["kernel", "init-not-reached"]);
});

Deno.test("judgeBoot() says the limit beside the time that was taken", () => {
  const end = { kind: "limit", rung: "guest-silent", afterMs: 41_000, limitMs: 30_000 } as const;
  const script = { tests: [scripted("a.b.c", { do: "vanish" })] };
  assert.match(judge(script, { end }).boot!.message, /stopped after 41\.0 s \(limit 30\.0 s\)$/);
});

Deno.test("judgeBoot() says that the guest ended early, and where", () => {
  const where = (script: Script, results?: Uint8Array<ArrayBuffer>) =>
    judge(script, { end: exited(0), ...(results ? { results } : {}) }).boot!.message;
  const vanishing = { tests: [PASSES, scripted("a.b.c", { do: "vanish" })] };
  assert.equal(where(vanishing), "the guest ended in test a.b.c, without a last report");
  const { results } = record(GREEN);
  const noEnd = reframed(results, (kind, payload) => kind === "E" ? null : payload);
  assert.match(where(GREEN, noEnd), /^the guest ended between two tests, /);
  assert.match(where(GREEN, new Uint8Array()), /^the guest ended before the guest's first report/);
});

Deno.test("judgeBoot() reports a runtime that stopped, with its stack", () => {
  const script = { tests: [PASSES, scripted("a.b.c", { do: "vanish" })] };
  const stopped = withFrame(record(script).results, "X", {
    message: "TypeError: x is not a function",
    stack: "    at tests.js:7",
  });
  const result = judge(script, {
    results: stopped,
    end: exited(archOf({}).qemu.exitCode(EXIT_RUNTIME_ERROR)),
  });
  assert.deepEqual(bootId(result), ["test", "runtime-error"]);
  assert.match(result.boot!.message, /stopped in test a\.b\.c: TypeError: x is not a function$/);
  assert.match(result.boot!.detail, /^ {4}at tests\.js:7/);
});

Deno.test("judgeBoot() believes nothing of a runtime error's payload that is no JSON", () => {
  const { results } = record({ tests: [PASSES] });
  const result = judge({ tests: [PASSES] }, { results: withFrame(results, "X", "null") });
  assert.match(result.boot!.message, /: no message$/);
});

Deno.test("judgeBoot() finds a damaged stream when the guest ended as it should", () => {
  const { results } = record(GREEN);
  const at = results.length - 20;
  const flipped = results.map((byte, index) => index === at ? byte ^ 1 : byte);
  const result = judge(GREEN, { results: flipped });
  assert.deepEqual(bootId(result), ["test", "stream-damaged"]);
  assert.match(result.boot!.message, /crc32/);
});

Deno.test("judgeBoot() does not overlook damage behind the last report", () => {
  const { results } = record(GREEN);
  const result = judge(GREEN, { results: Uint8Array.from([...results, ...text("K99 0\n")]) });
  assert.deepEqual(bootId(result), ["test", "stream-damaged"]);
});

Deno.test("judgeBoot() finds an ok that was made of a not ok", () => {
  const script: Script = { tests: [scripted("a.b.c", { do: "fail", message: "x" })] };
  const results = text(
    new TextDecoder().decode(record(script).results).replace(/ not ok (1 a)/, " ok $1"),
  );
  const result = judge(script, { results });
  assert.equal(result.boot?.id, "stream-damaged");
  assert.notEqual(outcomeOf(result, "a.b.c").kind, "passed");
});

// ── judgeBoot: a whole stream that does not add up ───────────────────────────────────────────────

Deno.test("judgeBoot() finds streams whose frames are whole and whose content is not", () => {
  const { results } = record(GREEN);
  const changed = (change: Parameters<typeof reframed>[1]) =>
    judge(GREEN, { results: reframed(results, change) });
  const cases: readonly [string, Parameters<typeof reframed>[1], string, RegExp][] = [
    [
      "a short plan",
      (_, payload) => payload === "1..3" ? "1..4" : payload,
      "short-plan",
      /4 tests planned, 3 with a result/,
    ],
    [
      "a result that is gone",
      (_, payload) => /^ok 3/.test(payload) ? null : payload,
      "short-plan",
      /3 tests planned, 2 with a result/,
    ],
    [
      "a test of which nobody knows",
      (_, payload) => payload.replace(/^ok 3 .*/, "ok 3 x.y.z"),
      "unknown-test",
      /nobody declared: x\.y\.z$/,
    ],
    [
      "two results for one test",
      (_, payload) => payload.replace(/^ok 3 .*/, "ok 3 kcov.pc.basic"),
      "bad-ktap",
      /two results for test kcov\.pc\.basic/,
    ],
    [
      "other counts in the last report",
      (kind, payload) => kind === "E" ? payload.replace('"passed":2', '"passed":3') : payload,
      "bad-ktap",
      /counts 3 passed and 1 skipped, its results are 2 and 1/,
    ],
    [
      "a last report that is no JSON",
      (kind, payload) => kind === "E" ? "[" : payload,
      "bad-ktap",
      /counts undefined passed/,
    ],
    [
      "no version",
      (_, payload) => payload.startsWith("KTAP") ? null : payload,
      "bad-ktap",
      /no KTAP version line/,
    ],
  ];
  for (const [name, change, id, message] of cases) {
    const result = changed(change);
    assert.deepEqual(bootId(result), ["test", id], name);
    assert.match(result.boot!.message + result.boot!.detail, message, name);
  }
});

Deno.test("judgeBoot() finds a console that lacks its end", () => {
  const { console } = record(GREEN);
  const cut = new TextDecoder().decode(console).replace(/\[[^[]*kmatrix: DONE\r\n/, "");
  const result = judge(GREEN, { console: text(cut) });
  assert.deepEqual(bootId(result), ["kernel", "console-cut"]);
});

Deno.test("judgeBoot() finds recordings that are shorter than boot.json says", () => {
  const recording = record({ ...GREEN, teardown: [WARNING] });
  const host = bootRecord(recording);
  for (const name of ["console", "results"] as const) {
    const cut = { ...recording, [name]: recording[name].slice(0, -1) };
    const result = judgeBoot({ ...cut, record: host });
    assert.deepEqual(bootId(result), ["infra", "recording-damaged"]);
    assert.match(result.boot!.message, new RegExp(`^${name}\\.log has \\d+ bytes, and had \\d+`));
  }
});

Deno.test("judgeBoot() gives a result for no recordings at all", () => {
  const nothing = { console: new Uint8Array(), results: new Uint8Array(), declared: [] };
  assert.deepEqual(judgeBoot({ ...nothing, record: null }), {
    cell: "unknown/unknown",
    boot: {
      kind: "kernel",
      id: "ended-early",
      message: "the guest ended before the guest's first report, without a last report",
      detail: "last lines of the console:\n(none)",
    },
    tests: [],
    splats: [],
    promises: NO_ANSWERS,
    guest: { release: null, uptimeMs: null },
  });
});

Deno.test("judgeBoot() takes odd JSON in frames for missing facts, not for a reason to throw", () => {
  const { results } = record(GREEN);
  for (const odd of ["null", "[]", '"x"', "{", '{"cell":{"features":"kcov","filter":[1]}}']) {
    const changed = reframed(results, (kind, payload) => "BJ".includes(kind) ? odd : payload);
    const alone = judgeBoot({ ...record(GREEN), results: changed, record: null });
    assert.equal(alone.cell, "unknown/unknown", odd);
    assert.equal(judge(GREEN, { results: changed }).boot, null, odd);
  }
});

// ── judgeCell ────────────────────────────────────────────────────────────────────────────────────

const PASS: Expectation = { kind: "pass" };
const SKIP: Expectation = { kind: "skip" };
const expectFail = (...tests: string[]): Expectation => ({
  kind: "fail",
  tests,
  reason: "known",
  link: "https://example.org/1",
  expires: "2099-01-01",
});
const passed = (stage: StageResult["stage"]): StageResult => ({
  stage,
  outcome: { kind: "passed" },
  durationMs: 1,
  note: "",
});
const failedStage = (stage: StageResult["stage"], kind: FailureKind): StageResult => ({
  ...passed(stage),
  outcome: { kind: "failed", failure: { kind, id: `${kind}-id`, message: "m", detail: "" } },
});
const cell = (expect: Expectation, script: Script, changes: Changes = {}) => {
  const result = judge(script, changes);
  return judgeCell(expect, [passed("build"), bootStage(result, 1, "")], result);
};
const ids = ({ verdict }: { verdict: { kind: string; failures?: readonly Failure[] } }) =>
  verdict.failures?.map((one) => `${one.kind} ${one.id}`) ?? verdict.kind;

Deno.test("judgeCell() passes a cell whose tests passed or skipped as declared", () => {
  assert.deepEqual(cell(PASS, GREEN).verdict, { kind: "passed", note: "" });
});

Deno.test("judgeCell() lists every failure of stages and tests, with the test's name", () => {
  const { verdict } = cell(PASS, {
    tests: [PASSES, scripted("a.b.c", { do: "fail", message: "no" })],
    boot: [WARNING],
  });
  assert.ok(verdict.kind === "failed");
  assert.deepEqual(verdict.failures.map((one) => one.message), [
    `the kernel complained during boot: ${WARNING}`,
    "a.b.c: AssertionError: no",
  ]);
});

Deno.test("judgeCell() wants at least one pass when the cell is to pass", () => {
  assert.deepEqual(ids(cell(PASS, { tests: [SKIPS] })), ["no-match nothing-ran"]);
  assert.deepEqual(ids(cell(PASS, { tests: [] })), ["no-match nothing-ran"]);
});

Deno.test("judgeCell() passes a cell of nothing but skips when it is to skip", () => {
  assert.deepEqual(cell(SKIP, { tests: [SKIPS] }).verdict, {
    kind: "passed",
    note: "skipped as declared",
    declared: "skip",
  });
});

Deno.test("judgeCell() fails a cell that is to skip when a test passed or failed", () => {
  assert.deepEqual(ids(cell(SKIP, GREEN)), ["test unexpected-pass"]);
  const failing = { tests: [scripted("a.b.c", { do: "fail", message: "x" })] };
  assert.deepEqual(ids(cell(SKIP, failing)), ["test test-failed"]);
});

Deno.test("judgeCell() excuses exactly the tests that are expected to fail", () => {
  const fails = scripted("a.b.c", { do: "fail", message: "x" });
  const { tests, verdict } = cell(expectFail("a.*"), { tests: [PASSES, fails] });
  assert.deepEqual(verdict, { kind: "passed", note: "" });
  assert.deepEqual(tests[1]!.outcome, { kind: "expected-failure", reason: "known" });
  const other = scripted("d.e.f", { do: "fail", message: "x" });
  assert.deepEqual(ids(cell(expectFail("a.*"), { tests: [fails, other] })), ["test test-failed"]);
});

Deno.test("judgeCell() is strict: an expected failure that passes is one", () => {
  const { verdict, tests } = cell(expectFail("kcov.*"), GREEN);
  assert.deepEqual(ids({ verdict }), ["test unexpected-pass"]);
  assert.match(verdict.kind === "failed" ? verdict.failures[0]!.message : "", /example\.org\/1\)$/);
  assert.equal(tests[0]!.outcome.kind, "failed");
});

Deno.test("judgeCell() does not take a test that never ran for an expected failure", () => {
  const script = { tests: [scripted("a.b.c", { do: "vanish" }), scripted("a.b.d")] };
  const found = ids(cell(expectFail("a.b.d"), script, { end: exited(0) }));
  assert.deepEqual(found, ["kernel ended-early"]);
  const { tests } = cell(expectFail("a.b.d"), script, { end: exited(0) });
  assert.equal(tests[1]!.outcome.kind, "not-run");
});

Deno.test("judgeCell() excuses a whole cell when it is expected to fail, tests included", () => {
  const script = { tests: [scripted("a.b.c", { do: "vanish" }), FREE] };
  const { verdict, tests } = cell(expectFail(), script, { end: exited(0) });
  const note = "failed as expected: known";
  assert.deepEqual(verdict, { kind: "passed", note, declared: "fail" });
  assert.deepEqual(tests.map(({ outcome }) => outcome.kind), ["expected-failure", "not-run"]);
});

Deno.test("judgeCell() fails a cell that is expected to fail and passes", () => {
  assert.deepEqual(ids(cell(expectFail(), GREEN)), ["test unexpected-pass"]);
});

Deno.test("judgeCell() lets an expected failure excuse the kernel, and never the machinery", () => {
  const verdictOf = (stage: StageResult) => ids(judgeCell(expectFail(), [stage], null));
  for (const kind of ["patch", "config", "build", "inspect", "kernel", "test"] as const) {
    assert.equal(verdictOf(failedStage("build", kind)), "passed", kind);
  }
  for (const kind of ["usage", "infra", "interrupted", "bug", "no-match"] as const) {
    assert.deepEqual(verdictOf(failedStage("build", kind)), [`${kind} ${kind}-id`]);
  }
  const killed = cell(expectFail(), { tests: [scripted("a.b.c", { do: "vanish" })] }, {
    end: exited(137),
  });
  assert.ok(killed.verdict.kind === "failed");
});

Deno.test("judgeCell() fails with the stage that failed, and is unfinished where none did", () => {
  const blocked = (by: "build" | "interrupt" | "fail-fast"): StageResult => ({
    ...passed("boot"),
    outcome: { kind: "blocked", by },
  });
  const failed = judgeCell(PASS, [failedStage("build", "build"), blocked("build")], null);
  assert.deepEqual(ids(failed), ["build build-id"]);
  assert.deepEqual(judgeCell(PASS, [passed("build"), blocked("interrupt")], null).verdict, {
    kind: "unfinished",
    why: "blocked by interrupt",
  });
  assert.deepEqual(judgeCell(PASS, [], null).verdict, { kind: "unfinished", why: "not run" });
  assert.deepEqual(judgeCell(expectFail(), [blocked("fail-fast")], null).verdict, {
    kind: "unfinished",
    why: "blocked by fail-fast",
  });
});

/** The failures of a cell's verdict: their words, and what they are about. */
function causesOf(script: Script, host: Changes = {}) {
  const { verdict } = cell(PASS, script, host);
  assert.ok(verdict.kind === "failed");
  return verdict.failures.map(({ id, message, subject, complaint }) => ({
    ...{ id, message, subject, times: complaint?.times },
  }));
}

Deno.test("judgeCell() has one failure for a complaint, in however many tests it came", () => {
  const warned = (id: string, times = 1) =>
    scripted(id, undefined, { console: Array.from({ length: times }, () => WARNING) });
  const [one, ...others] = causesOf({
    tests: [warned("a.b.c", 3), PASSES, warned("a.b.d"), warned("a.b.e", 30)],
  });
  assert.deepEqual(others, []);
  assert.deepEqual(one, {
    id: "splat-warning",
    message: `a.b.c and 2 more tests: the kernel complained: ${WARNING} (34 times)`,
    subject: { tests: ["a.b.c", "a.b.d", "a.b.e"] },
    times: 34,
  });
  const [alone] = causesOf({ tests: [warned("a.b.c", 2)] });
  assert.equal(alone!.message, `a.b.c: the kernel complained: ${WARNING} (2 times)`);
  // Of another function, and so another complaint.
  const elsewhere = scripted("a.b.d", undefined, { console: [WARNING.replace("kcov_ioctl", "f")] });
  assert.equal(causesOf({ tests: [warned("a.b.c"), elsewhere] }).length, 2);
});

Deno.test("judgeCell() counts a complaint of boot and tests together", () => {
  const warned = scripted("a.b.c", undefined, { console: [WARNING, WARNING] });
  const [one, ...others] = causesOf({
    boot: [WARNING],
    tests: [warned, { ...warned, declared: FREE.declared }],
  });
  assert.deepEqual(others, []);
  assert.equal(one!.times, 5);
  assert.match(
    one!.message,
    /^the kernel complained during boot: .* \(also in 2 tests, 5 times\)$/,
  );
  assert.deepEqual(one!.subject, { stage: "boot", tests: ["a.b.c", FREE.declared.id] });
});

Deno.test("judgeCell() has one failure for a panic, whatever did not run behind it", () => {
  const panic = ["Kernel panic - not syncing: of its own"];
  const script = {
    tests: [PASSES, scripted("a.b.c", { do: "vanish" }, { console: panic }), FREE],
  };
  assert.deepEqual(causesOf(script, { end: exited(0) }), [{
    id: "panic",
    message: "the kernel panicked in test a.b.c: Kernel panic - not syncing: of its own",
    subject: { stage: "boot", tests: ["a.b.c"] },
    times: 1,
  }]);
  // What the panic follows from is its cause, and the test's as well.
  const oops = ["BUG: kernel NULL pointer dereference, address: 0000000000000008", ...panic];
  const second = { tests: [scripted("a.b.c", { do: "vanish" }, { console: oops }), FREE] };
  assert.deepEqual(causesOf(second, { end: exited(0) }).map(({ id }) => id), ["panic"]);
});

Deno.test("bootStage() shows what the recordings say of the boot", () => {
  assert.deepEqual(bootStage(judge(GREEN), 1800, "n"), {
    stage: "boot",
    outcome: { kind: "passed" },
    durationMs: 1800,
    note: "n",
  });
  const early = judge(GREEN, { results: new Uint8Array(), end: exited(0) });
  assert.deepEqual(bootStage(early, 1, "").outcome, { kind: "failed", failure: early.boot });
});
