// SPDX-License-Identifier: MIT
/**
 * The lines of a run that stay on the screen: notices, what begins, cells that are done, and each
 * failure with its cause as soon as it is known.
 */
import { plainLine } from "../text/plain_text.ts";
import type { Failure } from "../model/errors.ts";
import type { RunEvent } from "../model/run_event.ts";
import { type EventText, eventText } from "./event_text.ts";
import { NO_TESTS, type TestCounts } from "./run_progress.ts";
import { VERDICT_WORDS } from "./summary.ts";

export interface RunLine extends EventText {
  /** "stage" is only worth a line where nothing else shows what goes on. */
  readonly about: "notice" | "stage" | "cell";
  /** Whether it tells of something good or bad; null for neither. */
  readonly mood: "good" | "bad" | null;
}

type Told = Pick<Failure, "id" | "message">;

interface LastBoot {
  readonly said: TestCounts;
  readonly durationMs: number;
}

const NEW_BOOT: LastBoot = { said: NO_TESTS, durationMs: 0 };

export class RunLines {
  /** The failure that was told of a cell last. */
  readonly #told = new Map<string, Told>();
  /** Cells whose last boot was told as failed: their end says nothing more. */
  readonly #judged = new Set<string>();
  /** Cells whose guest has said that a test failed, in the boot that goes on. */
  readonly #warned = new Set<string>();
  readonly #boots = new Map<string, LastBoot>();

  /** What an event is worth; null for most. */
  read(event: RunEvent): RunLine | null {
    switch (event.event) {
      case "boot-started":
        this.#warned.delete(event.cell);
        this.#boots.set(event.cell, NEW_BOOT);
        return null;
      case "test-ended":
        return this.#testEnded(event);
      case "boot-ended": {
        const { said } = this.#boots.get(event.cell) ?? NEW_BOOT;
        this.#boots.set(event.cell, { said, durationMs: event.durationMs });
        return null;
      }
      case "boot-judged":
        if (event.failure === null) return null;
        this.#judged.add(event.cell);
        return this.#failed(event.cell, "failed", event.failure);
      case "cell-ended":
        return this.#cellEnded(event);
      default: {
        const line = eventText(event);
        if (line === null) return null;
        return { ...line, about: event.event === "notice" ? "notice" : "stage", mood: null };
      }
    }
  }

  /** Of each boot the first test that the guest calls failed; the cause comes with the verdict. */
  #testEnded({ cell, test, said }: Extract<RunEvent, { event: "test-ended" }>): RunLine | null {
    const boot = this.#boots.get(cell) ?? NEW_BOOT;
    this.#boots.set(cell, { ...boot, said: { ...boot.said, [said]: boot.said[said] + 1 } });
    if (said !== "not ok" || this.#warned.has(cell)) return null;
    this.#warned.add(cell);
    return { level: "info", text: `${cell}: not ok ${test}`, about: "cell", mood: "bad" };
  }

  #cellEnded(
    { cell, verdict, failure }: Extract<RunEvent, { event: "cell-ended" }>,
  ): RunLine | null {
    const isTold = this.#judged.delete(cell) && verdict === "failed" &&
      isSame(this.#told.get(cell), failure);
    // What was left out, and why, was a notice; what did not come to its end has no verdict.
    if (isTold || verdict === "left-out" || verdict === "unfinished") return null;
    if (failure !== null) return this.#failed(cell, verdict, failure);
    const boot = this.#boots.get(cell);
    const facts = boot === undefined ? "" : ` (${bootText(boot)})`;
    const text = `${wordOf(verdict)} ${cell}${facts}`;
    return { level: "info", text, about: "cell", mood: "good" };
  }

  /** A cause that several cells share is told with the first of them. */
  #failed(cell: string, verdict: string, failure: Told): RunLine {
    const { id, message } = failure;
    const other = [...this.#told].find(([one, told]) => one !== cell && isSame(told, failure));
    this.#told.set(cell, { id, message });
    const cause = other === undefined ? `${plainLine(message)} [${id}]` : `as ${other[0]}`;
    const text = `${wordOf(verdict)} ${cell}: ${cause}`;
    return { level: "warn", text, about: "cell", mood: "bad" };
  }
}

/** "46 ok, 3 skipped, boot 2.5s" */
function bootText({ said, durationMs }: LastBoot): string {
  const failed = said["not ok"] > 0 ? [`${said["not ok"]} not ok`] : [];
  const skipped = said.skip > 0 ? [`${said.skip} skipped`] : [];
  const boot = `boot ${(durationMs / 1000).toFixed(1)}s`;
  return [`${said.ok} ok`, ...failed, ...skipped, boot].join(", ");
}

function isSame(a: Told | undefined, b: Told | null): boolean {
  return a !== undefined && b !== null && a.id === b.id && a.message === b.message;
}

/** Events of other versions may have other verdicts. */
function wordOf(verdict: string): string {
  const words: Readonly<Record<string, string>> = VERDICT_WORDS;
  return words[verdict] ?? verdict;
}
