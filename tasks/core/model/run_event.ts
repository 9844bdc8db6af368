// SPDX-License-Identifier: MIT
/**
 * What happens while the tool runs, as one union: whatever runs emits it, screens and files read it.
 * docs/events.md has it for readers outside.
 */
import * as v from "valibot";
import type { Failure } from "./errors.ts";
import { STAGES } from "./model.ts";

/** Of the fields and their meaning; a field or an event more is no new version. */
export const EVENTS_VERSION = 1;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const cells = v.array(v.string());
const cell = v.string();
const failure = v.object({ kind: v.string(), id: v.string(), message: v.string() });

/** A boot is told by the folder of its recordings, which no two share. */
const boot = { cell, folder: v.string() };

const EVENTS = [
  /** A command begins; the cells that it takes are told once they are known. */
  v.object({ event: v.literal("run-started"), command: v.string() }),
  v.object({ event: v.literal("cells-planned"), cells, builds: count }),
  /** A stage, for all cells that share it. */
  v.object({
    event: v.literal("stage-started"),
    stage: v.picklist(STAGES),
    cells,
    /** Of the whole run, as far as it can be foreseen. */
    remainingMs: v.nullable(count),
    /** The build key, of "build" and "inspect"; null for the other stages. */
    key: v.nullable(v.string()),
  }),
  v.object({
    event: v.literal("stage-ended"),
    stage: v.picklist(STAGES),
    cells,
    outcome: v.picklist(["passed", "failed", "interrupted"]),
    durationMs: count,
    /** null unless the outcome is "failed". */
    failure: v.nullable(failure),
  }),
  /** The source of a kernel is there. */
  v.object({ event: v.literal("kernel-found"), kernel: v.string(), version: v.string() }),
  /**
   * C objects that make has compiled, and how many an earlier build of the same kernel and config
   * had, else the nearest one in the cache; null where none is known.
   */
  v.object({
    event: v.literal("objects-compiled"),
    key: v.string(),
    done: count,
    total: v.nullable(count),
  }),
  v.object({
    event: v.literal("kernel-built"),
    /** The build key, as of "objects-compiled". */
    key: v.string(),
    /** Whether a compiler ran. */
    compiled: v.boolean(),
    objects: count,
    durationMs: count,
  }),
  v.object({ event: v.literal("boot-started"), ...boot }),
  /** As the guest says so; a verdict is only given once all of its results were checked. */
  v.object({ event: v.literal("test-started"), ...boot, test: v.string() }),
  v.object({
    event: v.literal("test-ended"),
    ...boot,
    test: v.string(),
    said: v.picklist(["ok", "not ok", "skip"]),
  }),
  v.object({
    event: v.literal("boot-ended"),
    ...boot,
    /** How QEMU ended, and where that was a limit, which one. */
    end: v.string(),
    durationMs: count,
  }),
  /** A complaint of the kernel, when the boot is judged. */
  v.object({
    event: v.literal("splat"),
    ...boot,
    id: v.string(),
    title: v.string(),
    during: v.string(),
    /** How often it came. */
    times: count,
    /** False for the consequence of the one before it. */
    root: v.boolean(),
    fingerprint: v.string(),
    /** A list of the project says why it may be there. */
    allowed: v.boolean(),
  }),
  /** One boot by itself; a cell that is booted several times has a verdict over all of them. */
  v.object({
    event: v.literal("boot-judged"),
    ...boot,
    verdict: v.string(),
    failure: v.nullable(failure),
  }),
  v.object({
    event: v.literal("cell-ended"),
    cell,
    verdict: v.string(),
    /** The first is the cause, as reports have it; null for a cell that did not fail. */
    failure: v.nullable(failure),
  }),
  /** Of a shard that a scheduler runs on another machine (`--on slurm`). */
  v.object({
    event: v.literal("shard-changed"),
    shard: v.string(),
    cells,
    /** As the scheduler names it: `<array>_<number of the shard>`. */
    job: v.string(),
    /** "again" is submitted once more, "ended" by itself, "lost" without a result. */
    change: v.picklist(["waiting", "running", "ended", "again", "lost"]),
    /** The scheduler's word for the job's state; of "ended" the exit code. */
    state: v.string(),
    /** Why it waits, in the scheduler's word, or is lost. */
    reason: v.nullable(v.string()),
    node: v.nullable(v.string()),
    /** No waiting ends what it waits for. */
    needsAHand: v.boolean(),
  }),
  /** `deno task mutants` has judged a wrong kernel. */
  v.object({
    event: v.literal("mutant-judged"),
    mutant: v.string(),
    cell,
    verdict: v.picklist(["caught", "not-as-expected", "broken"]),
    durationMs: count,
  }),
  /** `deno task bench` has measured something: a figure a run, of both sides in turn. */
  v.object({
    event: v.literal("measured"),
    what: v.string(),
    unit: v.string(),
    ours: v.array(v.number()),
    /** Empty where there is no other side. */
    theirs: v.array(v.number()),
  }),
  v.object({
    event: v.literal("run-ended"),
    exitCode: count,
    durationMs: count,
    interrupted: v.nullable(v.picklist(["SIGINT", "SIGTERM"])),
  }),
  /** Prose for people; nothing is to be decided by it. */
  v.object({
    event: v.literal("notice"),
    level: v.picklist(["debug", "info", "notice", "warn"]),
    text: v.string(),
  }),
] as const;

export const runEventShape = v.variant("event", EVENTS);
export type RunEvent = v.InferOutput<typeof runEventShape>;

/** The first line of a stream. */
export const headerShape = v.object({
  schema: v.literal("kmatrix-events"),
  version: v.literal(EVENTS_VERSION),
  /** ISO 8601; `ms` of all events counts from here. */
  startedAt: v.string(),
});
export type EventHeader = v.InferOutput<typeof headerShape>;

/** When an event was emitted: its place in the stream, from 1, and ms since the header's time. */
const STAMP = { seq: count, ms: count };

/** Any line of a stream. */
export const eventLineShape = v.union([
  headerShape,
  ...EVENTS.map(({ entries }) => v.object({ ...STAMP, ...entries })),
]);

/** What events tell of a failure; its whole evidence is in the report. */
export const failureFacts = ({ kind, id, message }: Failure) => ({ kind, id, message });

export function headerLine(startedAtMs: number): string {
  const header: EventHeader = {
    schema: "kmatrix-events",
    version: EVENTS_VERSION,
    startedAt: new Date(startedAtMs).toISOString(),
  };
  return `${JSON.stringify(header)}\n`;
}

const lineShape = v.pipe(v.string(), v.parseJson(), runEventShape);

/** The event of a line; null for the header, events of other versions, and a line that was cut. */
export function eventOfLine(line: string): RunEvent | null {
  const read = v.safeParse(lineShape, line);
  return read.success ? read.output : null;
}

/**
 * Standard output may be a log in which CI services obey "##[", whatever invisible marks are in it
 * (core/text/log_commands.ts).
 */
export function eventLine(event: RunEvent, seq: number, ms: number): string {
  const json = JSON.stringify({ seq, ms, ...event });
  return `${json.replaceAll(/#(?=\p{Cf}*#)/gu, "\\u0023")}\n`;
}
