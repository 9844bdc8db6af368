// SPDX-License-Identifier: MIT
/** Recordings of boots that never were, made by the guest's own runner and encoder. */
import { readMark } from "../../selftests/contract/marks.ts";
import {
  encodeFrame,
  EXIT_FINISHED,
  type FrameKind,
  FrameWriter,
} from "../../selftests/contract/frames.ts";
import type { PromiseId } from "../../selftests/contract/promises.ts";
import { AssertionError } from "../../selftests/harness/asserts.ts";
import { SkipError } from "../../selftests/harness/fixtures.ts";
import { type ChildEnd, runTests } from "../../selftests/harness/runner.ts";
import type { BootRecord, DeclaredTest, Feature } from "../core/model/model.ts";
import { decodeFrames } from "../core/judge/frames.ts";
import { archOf } from "../core/arch/table.ts";
import { sampleTest } from "./samples.ts";

const ARCH = archOf({});
/** QEMU's exit code behind a guest that came to its end. */
export const FINISHED = ARCH.qemu.exitCode(EXIT_FINISHED);

/** What a scripted test does; `end` is how its child process ends by something else than itself. */
export type Act =
  | { readonly do: "pass" }
  /** `at`: "line:column" of the bundle. */
  | { readonly do: "fail"; readonly message: string; readonly at?: string }
  | { readonly do: "skip"; readonly reason: string }
  | { readonly do: "end"; readonly end: ChildEnd }
  /** The guest is gone in the middle of it. */
  | { readonly do: "vanish" };

export interface ScriptedTest {
  readonly declared: DeclaredTest;
  readonly act: Act;
  /** What the test logs. */
  readonly logs?: readonly string[];
  /** What the test attaches, by name. */
  readonly attaches?: Readonly<Record<string, unknown>>;
  /** How it finds promises answered. */
  readonly answers?: readonly (readonly [PromiseId, string])[];
  /** What the kernel prints meanwhile. */
  readonly console?: readonly string[];
}

export interface Script {
  readonly tests: readonly ScriptedTest[];
  readonly cell?: string;
  readonly features?: readonly Feature[];
  readonly filter?: readonly string[];
  /** Of the kernel, as the guest reports it. */
  readonly release?: string;
  /** Printed before the first test, and behind the last. */
  readonly boot?: readonly string[];
  readonly teardown?: readonly string[];
}

export interface Recording {
  readonly console: Uint8Array<ArrayBuffer>;
  readonly results: Uint8Array<ArrayBuffer>;
  readonly declared: readonly DeclaredTest[];
}

/** A test for {@linkcode Script} from its id and what it does. */
export function scripted(
  id: string,
  act: Act = { do: "pass" },
  more: Partial<ScriptedTest> & { requires?: readonly Feature[] } = {},
): ScriptedTest {
  const { requires, ...rest } = more;
  return { declared: sampleTest(id, requires), act, ...rest };
}

class Vanished extends Error {}

/** What the host would find in console.log and results.log. */
export function record(script: Script): Recording {
  const bytes: number[] = [];
  const writer = new FrameWriter((more) => bytes.push(...more));
  let console = "";
  let uptimeMs = 800;
  const print = (line: string) => {
    uptimeMs += 0.25;
    console += `[${(uptimeMs / 1000).toFixed(6).padStart(12)}] ${line}\r\n`;
  };
  let current = "";
  print("Linux version 6.12.0 (kmatrix@kmatrix) (clang version 22.1.8) #1 SMP");
  script.boot?.forEach(print);
  const cell = {
    cell: script.cell ?? "linux-6.12/kcov",
    features: script.features ?? ["kcov"],
    filter: script.filter ?? [],
    timeScale: 1,
  };
  try {
    runTests(
      script.tests.map(({ declared, act, logs, attaches, answers }) => ({
        ...declared,
        run(t) {
          logs?.forEach((text) => t.log(text));
          for (const [name, value] of Object.entries(attaches ?? {})) t.attach(name, value);
          for (const [promise, answer] of answers ?? []) t.answer(promise, answer);
          if (act.do === "fail") {
            // As the guest's engine would write it, not as this one does; by default behind all code, so
            // that it is in no source.
            const stack = `    at test (/kmatrix/tests.js:${act.at ?? "999999:1"})`;
            throw Object.assign(new AssertionError(act.message), { stack });
          }
          if (act.do === "skip") throw new SkipError(act.reason);
        },
      })),
      cell,
      {
        nowMs: () => uptimeMs += 1.5,
        describe: () => ({
          release: script.release ?? "6.12.0",
          cmdline: ARCH.qemu.commandLine({ accel: "tcg", cpus: 1 })[0]!,
        }),
        send: (kind, payload) => writer.text(kind, payload),
        mark(line) {
          print(line);
          const mark = readMark(line);
          if (mark?.word === "RUN") current = mark.test;
        },
        children: (body) => (index, { onMessage, onTick }) => {
          const { act, console } = script.tests.find(({ declared }) => declared.id === current)!;
          onTick();
          console?.forEach(print);
          if (act.do === "vanish") throw new Vanished();
          body(index, (message) => {
            if (act.do !== "end" || message.kind !== "outcome") onMessage(message);
          });
          return act.do === "end" ? act.end : { kind: "exited", code: 0 };
        },
      },
    );
    script.teardown?.forEach(print);
  } catch (error) {
    if (!(error instanceof Vanished)) throw error;
  }
  return {
    console: new TextEncoder().encode(console),
    results: Uint8Array.from(bytes),
    declared: script.tests.map(({ declared }) => declared),
  };
}

/** The stream with one more frame, numbered as its encoder would. */
export function withFrame(
  results: Uint8Array,
  kind: FrameKind,
  payload: unknown,
): Uint8Array<ArrayBuffer> {
  const seq = decodeFrames(results).frames.length;
  const frame = encodeFrame({
    kind,
    seq,
    payload: typeof payload === "string" ? payload : JSON.stringify(payload),
  });
  return Uint8Array.from([...results, ...frame]);
}

/** Every frame anew from what `change` makes of its kind and payload; null leaves it out. */
export function reframed(
  results: Uint8Array,
  change: (kind: FrameKind, payload: string) => string | null,
): Uint8Array<ArrayBuffer> {
  let changed = new Uint8Array();
  for (const { kind, payload } of decodeFrames(results).frames) {
    const wanted = change(kind, payload);
    if (wanted !== null) changed = withFrame(changed, kind, wanted);
  }
  return changed;
}

/** boot.json of a guest that ended by itself, with what a test wants to be different. */
export function bootRecord(recording: Recording, other: Partial<BootRecord> = {}): BootRecord {
  return {
    cell: "linux-6.12/kcov",
    accel: "tcg",
    argv: [ARCH.qemu.program],
    end: { kind: "exited", code: FINISHED },
    durationMs: 1800,
    features: ["kcov"],
    filter: [],
    bytes: { console: recording.console.length, results: recording.results.length },
    ...other,
  };
}
