// SPDX-License-Identifier: MIT
/** The events of shards, which run elsewhere, as those of one run. */
import { FAILURE_KINDS, type FailureKind, isFinding } from "../model/failure_kinds.ts";
import { eventOfLine, type RunEvent } from "../model/run_event.ts";

type Of<Name extends RunEvent["event"]> = Extract<RunEvent, { event: Name }>;

/** A cell that was judged and found wrong. */
export interface FoundWrong {
  readonly cell: string;
  readonly kind: FailureKind;
  readonly id: string;
  readonly message: string;
}

/** One attempt at a shard: its lines in, what the whole run tells out. */
export class ShardStream {
  readonly #name: string;
  readonly #left: TimeLeft;
  /** What has begun and not ended. */
  readonly #stages = new Map<string, Of<"stage-started">>();
  readonly #found = new Map<string, FoundWrong>();

  /** @param left Shared by the streams of a run. */
  constructor(name: string, left: TimeLeft) {
    this.#name = name;
    this.#left = left;
  }

  /** The cells that were found wrong so far. */
  get found(): readonly FoundWrong[] {
    return [...this.#found.values()];
  }

  /** @param line Without its newline. @returns What of it the whole run tells. */
  read(line: string, nowMs: number): RunEvent[] {
    const event = eventOfLine(line);
    if (event === null) return [];
    switch (event.event) {
      // The whole run has its own.
      case "run-started":
      case "cells-planned":
        return [];
      case "run-ended":
        return this.close();
      case "notice":
        return [{ ...event, text: `${this.#name}: ${event.text}` }];
      case "stage-started": {
        this.#stages.set(stageKey(event), event);
        this.#left.told(this.#name, event.remainingMs, nowMs);
        return [{ ...event, remainingMs: this.#left.ms(nowMs) }];
      }
      case "stage-ended":
        this.#stages.delete(stageKey(event));
        return [event];
      case "cell-ended":
        this.#judged(event);
        return [event];
      default:
        return [event];
    }
  }

  /** It is read no further: the ends of what it had begun. */
  close(): RunEvent[] {
    this.#left.forget(this.#name);
    const open = [...this.#stages.values()];
    this.#stages.clear();
    return open.map(({ stage, cells }) => ({
      ...{ event: "stage-ended", stage, cells, outcome: "interrupted" } as const,
      ...{ durationMs: 0, failure: null },
    }));
  }

  #judged({ cell, failure }: Of<"cell-ended">): void {
    const kind = FAILURE_KINDS.find((one) => one === failure?.kind);
    if (failure === null || kind === undefined || !isFinding(kind)) {
      this.#found.delete(cell);
      return;
    }
    const { id, message } = failure;
    this.#found.set(cell, { cell, kind, id, message });
  }
}

const stageKey = ({ stage, cells }: Pick<Of<"stage-started">, "stage" | "cells">) =>
  `${stage} ${cells[0]}`;

/** What a run over several shards still takes: as long as the one that takes longest. */
export class TimeLeft {
  readonly #byShard = new Map<string, { readonly ms: number; readonly atMs: number }>();

  /** @param remainingMs null where the shard cannot foresee it. */
  told(shard: string, remainingMs: number | null, nowMs: number): void {
    if (remainingMs !== null) this.#byShard.set(shard, { ms: remainingMs, atMs: nowMs });
  }

  forget(shard: string): void {
    this.#byShard.delete(shard);
  }

  /** null where no shard foresees anything. */
  ms(nowMs: number): number | null {
    const all = [...this.#byShard.values()].map(({ ms, atMs }) => ms - (nowMs - atMs));
    return all.length === 0 ? null : Math.max(0, Math.round(Math.max(...all)));
  }
}

/** Takes the bytes of a file as it grows, and gives its whole lines. */
export class GrowingLines {
  #rest = new Uint8Array(0);

  /** Bytes that were taken. */
  seen = 0;

  add(bytes: Uint8Array): string[] {
    this.seen += bytes.length;
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const end = all.lastIndexOf(0x0a);
    this.#rest = all.slice(end + 1);
    if (end < 0) return [];
    return new TextDecoder().decode(all.subarray(0, end)).split("\n");
  }
}
