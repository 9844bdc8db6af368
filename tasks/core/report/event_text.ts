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
    default:
      return null;
  }
}
