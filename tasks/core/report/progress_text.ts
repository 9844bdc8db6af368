// SPDX-License-Identifier: MIT
/** What goes on in a run, as lines: a frame of a live screen, or a sentence for a log. */
import { counted } from "../text/counted.ts";
import { plainLine } from "../text/plain_text.ts";
import { remainingText } from "../matrix/schedule.ts";
import type { Activity, RunProgress } from "./run_progress.ts";
import type { SummaryStyle } from "./summary.ts";

/** Columns from which a bar leaves enough room for the names of cells. */
const WIDE_COLUMNS = 60;
const BAR_COLUMNS = 20;
/** Lines of a frame besides that of the whole run. */
const MOST_STAGES = 8;

/** How a screen measures and cuts text. */
export interface Measure {
  readonly columns: number;
  readonly rows: number;
  /** The beginning of a text, colours included, that is no wider than so many columns. */
  cut(text: string, columns: number): string;
}

/**
 * The frame: a line for each stage that goes on, the oldest first, and one for the whole run; none
 * where nothing goes on. No line is as wide as the screen, for some screens wrap one that is.
 */
export function progressFrame(
  progress: RunProgress,
  startedMs: number,
  nowMs: number,
  style: SummaryStyle,
  screen: Measure,
): string[] {
  const { running } = progress;
  if (running.length === 0) return [];
  const most = Math.max(1, Math.min(MOST_STAGES, screen.rows - 4));
  const shown = running.length > most ? running.slice(0, most - 1) : running;
  const more = running.length - shown.length;
  const lines = [
    ...shown.map((one) => activityLine(one, nowMs, screen.columns, style)),
    ...(more > 0 ? [style.dim(`… and ${more} more`)] : []),
    runLine(progress, startedMs, nowMs, style),
  ];
  return lines.map((line) => screen.cut(line, screen.columns - 1));
}

/** "build 312 of 617 objects, linux-6.12/kcov; about 3 min left": nothing for nothing. */
export function progressSentence(progress: RunProgress, nowMs: number): string {
  const stages = progress.running.map(({ stage, cells, objects, sinceMs }) => {
    const done = objects === null
      ? ""
      : hasTotal(objects)
      ? `, ${objects.done} of ${counted(objects.total, "object")}`
      : `, ${counted(objects.done, "object")}`;
    return `${stage} ${cells.join(", ")}${done} (${clock(nowMs - sinceMs)})`;
  });
  if (stages.length === 0) return "";
  const left = leftText(progress, nowMs);
  return `still at ${stages.join(" and ")}${left === "" ? "" : `; ${left}`}`;
}

/** What matters first, for the end of a line is cut on a narrow screen. */
function activityLine(
  one: Activity,
  nowMs: number,
  columns: number,
  style: SummaryStyle,
): string {
  const { stage, cells, objects, test, said, sinceMs } = one;
  const cell = cells.length > 1 ? `${cells[0]} +${cells.length - 1}` : cells[0] ?? "";
  const parts = [columns < WIDE_COLUMNS ? stage : stage.padEnd("configure".length)];
  if (objects !== null && hasTotal(objects)) {
    const { done, total } = objects;
    if (columns >= WIDE_COLUMNS) parts.push(bar(done / total));
    parts.push(`${done}/${total}`);
  } else if (objects !== null) {
    parts.push(counted(objects.done, "object"));
  }
  parts.push(clock(nowMs - sinceMs), plainLine(cell));
  if (said["not ok"] > 0) parts.push(style.bad(`${said["not ok"]} not ok`));
  const ended = said.ok + said.skip + said["not ok"];
  if (ended > 0 || test !== null) parts.push(style.dim(`${counted(ended, "test")} done`));
  if (test !== null) parts.push(style.dim(plainLine(test)));
  return parts.join(" ");
}

function runLine(
  progress: RunProgress,
  startedMs: number,
  nowMs: number,
  style: SummaryStyle,
): string {
  const { planned, done, failed } = progress;
  return [
    clock(nowMs - startedMs),
    ...(planned > 0 ? [`${done} of ${counted(planned, "cell")} done`] : []),
    ...(failed > 0 ? [style.bad(`${failed} failed`)] : []),
    leftText(progress, nowMs),
  ].filter(Boolean).join(", ");
}

function leftText(progress: RunProgress, nowMs: number): string {
  const leftMs = progress.leftMs(nowMs);
  return leftMs === null ? "" : remainingText(leftMs);
}

/** What was expected may be exceeded, and is no end then. */
function hasTotal(
  objects: NonNullable<Activity["objects"]>,
): objects is { readonly done: number; readonly total: number } {
  return objects.total !== null && objects.done <= objects.total;
}

/** Of ASCII alone: other signs are two columns wide on some screens. */
function bar(share: number): string {
  const full = Math.floor(share * BAR_COLUMNS);
  return `[${"#".repeat(full)}${"-".repeat(BAR_COLUMNS - full)}]`;
}

/** "0:07", "12:30", "1:02:03". */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
