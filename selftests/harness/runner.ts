// SPDX-License-Identifier: MIT

/**
 * Runs tests one after the other, each in a child process, and writes the results channel.
 * Everything of the machine comes through {@link Platform}, so this runs on the host as well.
 */

import type { GuestCell } from "../contract/cell.ts";
import { appliesTo } from "../contract/fixtures.ts";
import { type FrameKind, PROTOCOL_VERSION } from "../contract/frames.ts";
import { isSelected } from "../contract/glob.ts";
import { markLine } from "../contract/marks.ts";
import { type RunnableTest, SkipError, TestContext, type TestMessage } from "./fixtures.ts";
import {
  diagnosticLines,
  KTAP_VERSION_LINE,
  type Outcome,
  planLine,
  resultLine,
  runLine,
} from "./ktap.ts";

/** What a child tells its parent. */
export type ChildMessage = TestMessage | { readonly kind: "outcome"; readonly outcome: Outcome };

/** How a child process ended. */
export type ChildEnd =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "signalled"; readonly signal: string }
  /** `left`: it could not be killed, and is still there. */
  | { readonly kind: "timeout"; readonly left: boolean };

export interface ChildOptions {
  readonly timeoutMs: number;
  onMessage(message: ChildMessage): void;
  /** Called at least once a second while the child runs. */
  onTick(): void;
}

/** The parts of the machine the runner needs. */
export interface Platform {
  /** Milliseconds since boot. */
  nowMs(): number;
  /** Kernel release and command line, for the B frame. */
  describe(): { readonly release: string; readonly cmdline: string };
  /** Writes the next frame of the results channel. */
  send(kind: FrameKind, payload: string): void;
  /** Writes a line to the kernel log. */
  mark(line: string): void;
  /**
   * Prepares to run `body` in child processes. What comes back runs it with an index in one of them and
   * reports its end; what is left of it is killed.
   */
  children(
    body: (index: number, send: (message: ChildMessage) => void) => void,
  ): (index: number, options: ChildOptions) => ChildEnd;
}

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Runs a test body to its outcome; in the child. */
export function runBody(test: RunnableTest, send: (message: ChildMessage) => void): void {
  let outcome: Outcome = { kind: "pass" };
  try {
    test.run(new TestContext(test.id, send));
  } catch (error) {
    outcome = error instanceof SkipError
      ? { kind: "skip", reason: error.message }
      : { kind: "fail", message: describeError(error) };
  }
  send({ kind: "outcome", outcome });
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return `thrown: ${String(error)}`;
  const head = String(error);
  const stack = (error.stack ?? "").trimEnd();
  return stack.startsWith(head) || stack === "" ? stack || head : `${head}\n${stack}`;
}

/** What the end of the child makes of the outcome it sent. */
export function judge(sent: Outcome | undefined, end: ChildEnd, timeoutMs: number): Outcome {
  switch (end.kind) {
    case "timeout":
      return { kind: "timeout", timeoutMs };
    case "signalled":
      return { kind: "fail", message: `child died of ${end.signal}` };
    case "exited":
      if (end.code !== 0) return { kind: "fail", message: `child exited with code ${end.code}` };
      return sent ?? { kind: "fail", message: "child exited without an outcome" };
  }
}

/** Runs what the cell selects and writes all frames from B to E. */
export function runTests(
  all: readonly RunnableTest[],
  cell: GuestCell,
  platform: Platform,
): Totals {
  const ktap = (line: string) => platform.send("K", line);
  // JSON escapes line ends in strings, and without an indent it has none of its own.
  const json = (kind: FrameKind, value: unknown) => platform.send(kind, JSON.stringify(value));
  const uptimeMs = () => Math.round(platform.nowMs());
  const tests = all.filter((test) =>
    isSelected(cell.filter, test.id) && appliesTo(test, cell.features)
  );
  const runChild = platform.children((index, send) => runBody(tests[index]!, send));
  const totals = { passed: 0, failed: 0, skipped: 0 };

  json("B", {
    protocol: PROTOCOL_VERSION,
    ...platform.describe(),
    uptimeMs: uptimeMs(),
    tests: tests.length,
    cell,
  });
  ktap(KTAP_VERSION_LINE);
  ktap(planLine(tests.length));

  tests.forEach((test, index) => {
    const timeoutMs = test.timeoutMs * cell.timeScale;
    const startMs = platform.nowMs();
    let sent: Outcome | undefined;

    platform.mark(markLine({ word: "RUN", test: test.id }));
    ktap(runLine(test.id));
    const end = runChild(index, {
      timeoutMs,
      onTick: () => json("H", { uptimeMs: uptimeMs(), test: test.id }),
      onMessage: (message) => {
        switch (message.kind) {
          case "outcome":
            sent = message.outcome;
            break;
          case "log":
            diagnosticLines(message.text).forEach(ktap);
            break;
          case "attach":
            json("J", { test: test.id, name: message.name, value: message.value });
            break;
          case "answer":
            json("P", { test: test.id, promise: message.promise, answer: message.answer });
            break;
        }
      },
    });

    const outcome = judge(sent, end, timeoutMs);
    const durationMs = Math.round((platform.nowMs() - startMs) * 1000) / 1000;
    json("J", { test: test.id, name: "durationMs", value: durationMs });
    if (outcome.kind === "fail") diagnosticLines(outcome.message).forEach(ktap);
    if (end.kind === "timeout" && end.left) {
      ktap("# its process cannot be killed and was left behind");
    }
    ktap(resultLine(index + 1, test.id, outcome));
    platform.mark(markLine({ word: "END", test: test.id }));

    if (outcome.kind === "pass") totals.passed++;
    else if (outcome.kind === "skip") totals.skipped++;
    else totals.failed++;
  });

  platform.mark(markLine({ word: "DONE" }));
  json("E", { uptimeMs: uptimeMs(), ...totals });
  return totals;
}
