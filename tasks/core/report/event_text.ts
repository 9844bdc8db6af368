// SPDX-License-Identifier: MIT
/** The line of a screen that an event is worth; none for most, which other readers show. */
import type { RunEvent } from "../model/run_event.ts";
import { remainingText } from "../matrix/schedule.ts";

export interface EventText {
  readonly level: Extract<RunEvent, { event: "notice" }>["level"];
  readonly text: string;
}

export function eventText(event: RunEvent): EventText | null {
  switch (event.event) {
    case "notice":
      return { level: event.level, text: event.text };
    case "stage-started": {
      // Judging takes no time that a person would notice.
      if (event.stage === "parse") return null;
      const left = event.remainingMs === null ? "" : remainingText(event.remainingMs);
      const text = `${event.stage} ${event.cells.join(", ")}${left === "" ? "" : ` (${left})`}`;
      return { level: "info", text };
    }
    case "shard-changed":
      return shardText(event);
    default:
      return null;
  }
}

function shardText(event: Extract<RunEvent, { event: "shard-changed" }>): EventText {
  const { shard, job, change, state, reason, node, needsAHand } = event;
  const who = `${shard} (job ${job})`;
  switch (change) {
    case "waiting": {
      const why = reason ?? state;
      if (!needsAHand) return { level: "info", text: `${who} waits: ${why}` };
      const help = `look at it (scontrol show job ${job}), or end this by Ctrl-C`;
      return { level: "warn", text: `${who} waits for what no waiting brings: ${why}; ${help}` };
    }
    case "running":
      return { level: "info", text: `${who} is on ${node ?? "a node"} (${state})` };
    case "ended":
      return { level: "info", text: `${who} has ended with code ${state}` };
    case "again":
      return { level: "warn", text: `${who} was ended by ${state}: it is submitted once more` };
    case "lost":
      return { level: "warn", text: `${who} is lost: ${reason ?? state}` };
  }
}
