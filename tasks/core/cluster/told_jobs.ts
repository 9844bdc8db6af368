// SPDX-License-Identifier: MIT
/** What is known of the jobs of a run, and what is to be told and done next; no file, no command. */
import type { RunEvent } from "../model/run_event.ts";
import { EXIT } from "../model/exit_codes.ts";
import {
  endedByMachinery,
  isOnNode,
  isOver,
  type JobTask,
  needsAHand,
  stateText,
} from "./slurm.ts";

type ShardEvent = Extract<RunEvent, { event: "shard-changed" }>;

/** How a shard has come to its end. */
export type ShardEnd =
  /** Its run has ended by itself, with a code of kmatrix. */
  | { readonly kind: "ended"; readonly code: number }
  /** It has not, and does not come again. */
  | { readonly kind: "lost"; readonly why: string; readonly state: string };

/** What is seen of a shard in its folder. */
export interface SeenFiles {
  /** The newest attempt's folder by its name; null before the first. */
  readonly attempt: string | null;
  /** What that attempt's exit file says; null where there is none. */
  readonly code: number | null;
}

/**
 * Files of another machine come late: NFS may hold on to what it knows of a folder for a minute
 * (nfs(5), acdirmax).
 */
const LATE_MS = 65_000;
/** Whoever was killed writes nothing. */
const KILLED_MS = 5_000;
/** A job that waits is told of again. */
const REMINDER_MS = 600_000;
/** Further submissions of a job that the machinery has ended. */
const MOST_AGAIN = 2;

/** Codes with which a run that was not broken off ends. */
const OWN_CODES: readonly number[] = [
  ...[EXIT.ok, EXIT.bug, EXIT.usage, EXIT.failed, EXIT.nothing, EXIT.build, EXIT.infra],
];

/** One shard's job, from its submission on. */
export class ToldJob {
  readonly #name: string;
  readonly #cells: readonly string[];
  #job: number;
  #state = "";
  #toldMs = 0;
  #overSinceMs: number | null = null;
  #again = 0;
  #end: ShardEnd | null = null;

  constructor(name: string, cells: readonly string[], job: number) {
    this.#name = name;
    this.#cells = cells;
    this.#job = job;
  }

  get end(): ShardEnd | null {
    return this.#end;
  }

  /** The number of the array that it is part of now. */
  get job(): number {
    return this.#job;
  }

  /**
   * Takes what squeue says. @param task undefined where the scheduler knows nothing of the job.
   * @returns What is worth telling.
   */
  looked(task: JobTask | undefined, index: number, nowMs: number): ShardEvent[] {
    if (this.#end !== null) return [];
    // An answer of before the last submission.
    const mine = task !== undefined && task.job >= this.#job ? task : undefined;
    const over = mine === undefined || isOver(mine.state);
    this.#overSinceMs = over ? this.#overSinceMs ?? nowMs : null;
    if (mine === undefined) {
      this.#state = "";
      return [];
    }
    const text = `${mine.state} ${isOnNode(mine.state) ? mine.node : mine.reason}`;
    const isNew = text !== this.#state;
    const waits = !over && !isOnNode(mine.state);
    this.#state = text;
    if (over || (!isNew && !(waits && nowMs - this.#toldMs >= REMINDER_MS))) return [];
    this.#toldMs = nowMs;
    const { state, reason, node } = mine;
    return [this.#event(index, waits ? "waiting" : "running", {
      ...{ state, reason: reason === "None" || reason === "" ? null : reason },
      ...{ node: node === "" ? null : node, needsAHand: waits && needsAHand(mine) },
    })];
  }

  /**
   * Decides, by what lies in its folder. @param answered Whether the scheduler has answered when it
   * was asked last.
   * @returns What is worth telling, and whether the job is to be submitted once more.
   */
  decide(
    { attempt, code }: SeenFiles,
    index: number,
    answered: boolean,
    nowMs: number,
  ): { readonly events: ShardEvent[]; readonly again: boolean } {
    if (this.#end !== null) return { events: [], again: false };
    if (code !== null && OWN_CODES.includes(code)) {
      this.#end = { kind: "ended", code };
      return { events: [this.#event(index, "ended", { state: `${code}` })], again: false };
    }
    if (!answered || this.#overSinceMs === null) return { events: [], again: false };
    const state = this.#state.split(" ")[0]!;
    const wroteItself = state === "" || state === "COMPLETED" || state === "FAILED";
    const waitMs = code === null && wroteItself && attempt !== null ? LATE_MS : KILLED_MS;
    if (nowMs - this.#overSinceMs < waitMs) return { events: [], again: false };
    if (endedByMachinery(state) && this.#again < MOST_AGAIN) {
      this.#again++;
      return { events: [this.#event(index, "again", { state })], again: true };
    }
    this.#end = { kind: "lost", why: lossText(state, attempt, code), state };
    return { events: [this.#event(index, "lost", { state, reason: this.#end.why })], again: false };
  }

  /** It was submitted once more. */
  submitted(job: number): void {
    this.#job = job;
    this.#overSinceMs = null;
    this.#state = "";
  }

  /** Nobody waits for it any more. */
  giveUp(why: string, index: number): ShardEvent[] {
    if (this.#end !== null) return [];
    this.#end = { kind: "lost", why, state: "" };
    return [this.#event(index, "lost", { reason: why })];
  }

  #event(
    index: number,
    change: ShardEvent["change"],
    more: Partial<Pick<ShardEvent, "state" | "reason" | "node" | "needsAHand">>,
  ): ShardEvent {
    return {
      ...{ event: "shard-changed", shard: this.#name, cells: [...this.#cells] },
      ...{ job: `${this.#job}_${index}`, change, state: "", reason: null, node: null },
      ...{ needsAHand: false, ...more },
    };
  }
}

function lossText(state: string, attempt: string | null, code: number | null): string {
  const how = state === "" ? "Slurm knows nothing of it any more" : stateText(state);
  if (code !== null) return `${how}, and kmatrix has ended with code ${code}`;
  return attempt === null
    ? `${how}, and has written nothing: do its nodes see that folder?`
    : `${how}, and has not told how it ended`;
}
