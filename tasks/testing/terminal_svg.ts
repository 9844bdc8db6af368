// SPDX-License-Identifier: MIT
/**
 * A recording of a terminal as a picture that moves: an SVG that shows frame after frame by CSS alone,
 * so that a page may show it where no script runs. Recordings are asciicast files, version 2
 * (docs.asciinema.org/manual/asciicast/v2), which other programs play as well.
 */
import { Emulator, type Run, type Size } from "./pseudo_terminal.ts";
import { escapeHtml } from "../core/page/page_html.ts";

/** What a terminal got, `o`, or what was typed, `i`, and when. */
export interface CastEvent {
  /** Since the start. */
  readonly ms: number;
  readonly kind: "i" | "o";
  readonly text: string;
}

export interface Cast extends Size {
  readonly events: readonly CastEvent[];
}

export function castText({ columns, rows, events }: Cast): string {
  const lines = [
    { version: 2, width: columns, height: rows },
    ...events.map(({ ms, kind, text }) => [Math.round(ms) / 1000, kind, text]),
  ];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** @throws Error for what is no asciicast of version 2. */
export function parseCast(text: string): Cast {
  const [head, ...lines] = text.trimEnd().split("\n").map((line): unknown => JSON.parse(line));
  const { version, width, height } = head as Record<string, unknown>;
  if (version !== 2 || typeof width !== "number" || typeof height !== "number") {
    throw new Error("no asciicast of version 2");
  }
  const events = (lines as [number, string, string][]).flatMap(([seconds, kind, text]) =>
    kind === "i" || kind === "o" ? [{ ms: seconds * 1000, kind, text } as const] : []
  );
  return { columns: width, rows: height, events };
}

/** FILE.svg beside FILE.cast; null for another name. */
export function svgPathOf(cast: string): string | null {
  return /[^/]\.cast$/.test(cast) ? cast.replace(/cast$/, "svg") : null;
}

/** What was typed, a line each: what the picture shows, for those who do not see it. */
function titleOf({ events }: Cast): string {
  const typed = events.filter(({ kind }) => kind === "i").map(({ text }) => text).join("");
  const lines = typed.split("\r").map((line) => line.trim()).filter(Boolean);
  return `A recorded terminal: ${lines.join("; ")}`;
}

/** How a recording is played. */
export interface Pace {
  /** A command takes no longer than this: its time is stretched or not, never cut. */
  readonly commandMs: number;
  /** What a command has left is shown as long as this before the next is typed. */
  readonly restMs: number;
  /** Changes within this are one frame. */
  readonly frameMs: number;
  /** The last frame stands as long as this. */
  readonly endMs: number;
}

export const PACE: Pace = { commandMs: 12_000, restMs: 2_500, frameMs: 125, endMs: 8_000 };

/** The events at the times at which they are played. */
export function paced(events: readonly CastEvent[], { commandMs, restMs }: Pace): CastEvent[] {
  const played: CastEvent[] = [];
  let at = 0;
  let from = 0;
  for (let next = 0; next < events.length; next = from) {
    // What is typed up to the end of its line keeps its time; then what comes of it.
    const enter = events.findIndex(({ kind, text }, index) =>
      index >= next && kind === "i" && text.endsWith("\r")
    );
    const typed = enter < 0 ? events.length : enter + 1;
    const behind = events.findIndex(({ kind }, index) => index >= typed && kind === "i");
    from = behind < 0 ? events.length : behind;
    const begin = events[next]!.ms;
    for (const event of events.slice(next, typed)) {
      played.push({ ...event, ms: at + event.ms - begin });
    }
    at = played.at(-1)?.ms ?? at;
    const [first, last] = [events[typed - 1]!.ms, events[from - 1]!.ms];
    const factor = Math.min(1, commandMs / Math.max(1, last - first));
    for (const event of events.slice(typed, from)) {
      played.push({ ...event, ms: at + (event.ms - first) * factor });
    }
    at = (played.at(-1)?.ms ?? at) + restMs;
  }
  return played;
}

interface Frame {
  /** When it comes. */
  readonly ms: number;
  readonly rows: readonly (readonly Run[])[];
  readonly cursor: { readonly row: number; readonly column: number };
}

async function framesOf(cast: Cast, pace: Pace): Promise<Frame[]> {
  const emulator = new Emulator(cast);
  const frames: Frame[] = [];
  const note = (ms: number) => {
    const frame = { ms, rows: emulator.screen(), cursor: emulator.cursor };
    const { ms: _, ...before } = frames.at(-1) ?? { ms: 0, rows: [], cursor: null };
    if (JSON.stringify(before) !== JSON.stringify({ rows: frame.rows, cursor: frame.cursor })) {
      frames.push(frame);
    }
  };
  let due: number | null = null;
  for (const { ms, kind, text } of paced(cast.events, pace)) {
    if (kind === "i") continue;
    if (due !== null && ms >= due) {
      note(due);
      due = null;
    }
    await emulator.write(text);
    due ??= (Math.floor(ms / pace.frameMs) + 1) * pace.frameMs;
  }
  if (due !== null) note(due);
  emulator.dispose();
  return frames;
}

/** In pixels; a letter is as wide as this whatever font there is, by `textLength`. */
const LETTER = { width: 8.4, height: 18, size: 14, above: 13.5 };
const EDGE = 14;

/** On a dark ground, each with a contrast of at least 4.5 to it. */
const GROUND = "#161b22";
const TEXT = "#d7dde4";
const COLOURS = [
  ...["#8b949e", "#ff7b72", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#76e3ea", "#d7dde4"],
  ...["#9ea7b3", "#ffa198", "#7ee787", "#f2cc60", "#a5d6ff", "#e2c5ff", "#b3f0f5", "#ffffff"],
];

const px = (value: number) => `${Math.round(value * 100) / 100}`;

function runText({ column, width, text, colour, isBold, isDim }: Run): string {
  const classes = [
    ...(colour === null ? [] : [`c${colour}`]),
    ...(isBold ? ["b"] : []),
    ...(isDim ? ["d"] : []),
  ];
  const look = classes.length === 0 ? "" : ` class="${classes.join(" ")}"`;
  const place = `x="${px(column * LETTER.width)}" textLength="${px(width * LETTER.width)}"`;
  return `<text${look} ${place}>${escapeHtml(text)}</text>`;
}

/** Frames side by side, and a window that jumps from one to the next. */
function keyframes(frames: readonly Frame[], wholeMs: number, step: number): string {
  return frames.map(({ ms }, index) =>
    `${px(100 * (index === 0 ? 0 : ms) / wholeMs)}%{transform:translateX(-${px(index * step)}px)}`
  ).join("");
}

/** @returns The text of an SVG that asks nothing of any network and runs no script. */
export async function terminalSvg(cast: Cast, pace = PACE): Promise<string> {
  const title = titleOf(cast);
  const frames = await framesOf(cast, pace);
  const wholeMs = (frames.at(-1)?.ms ?? 0) + pace.endMs;
  const [width, height] = [cast.columns * LETTER.width, cast.rows * LETTER.height];
  // Rows come again and again: each look of one is there once.
  const rows = new Map<string, number>();
  const places = frames.map(({ rows: shown, cursor }, index) => {
    const uses = shown.flatMap((runs, row) => {
      const text = runs.map(runText).join("");
      if (text === "") return [];
      if (!rows.has(text)) rows.set(text, rows.size);
      return [`<use href="#r${rows.get(text)}" y="${px(row * LETTER.height + LETTER.above)}"/>`];
    });
    const at = `x="${px(cursor.column * LETTER.width)}" y="${px(cursor.row * LETTER.height)}"`;
    const block = `<use href="#k" ${at}/>`;
    return `<g transform="translate(${px(index * width)})">${block}${uses.join("")}</g>`;
  });
  const last = `translateX(-${px((frames.length - 1) * width)}px)`;
  const [outerWidth, outerHeight] = [width + 2 * EDGE, height + 2 * EDGE];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${px(outerWidth)} ${px(outerHeight)}"` +
    ` width="${px(outerWidth)}" role="img" aria-label="${escapeHtml(title)}">`,
    `<title>${escapeHtml(title)}</title>`,
    "<style>",
    `text{font:${LETTER.size}px ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",` +
    `"DejaVu Sans Mono",monospace;fill:${TEXT};white-space:pre}`,
    ...COLOURS.map((colour, index) => `.c${index}{fill:${colour}}`),
    ".b{font-weight:bold}.d{fill-opacity:.72}",
    `@keyframes f{${keyframes(frames, wholeMs, width)}}`,
    `.f{transform:${last};animation:f ${px(wholeMs / 1000)}s step-end infinite}`,
    "@media(prefers-reduced-motion:reduce){.f{animation:none}}",
    "</style>",
    `<rect width="100%" height="100%" rx="8" fill="${GROUND}" stroke="#6e7681"/>`,
    `<svg x="${EDGE}" y="${EDGE}" width="${px(width)}" height="${px(height)}">`,
    `<defs><rect id="k" width="${LETTER.width}" height="${LETTER.height}" fill="#6e7681"/>`,
    ...[...rows].map(([text, index]) => `<g id="r${index}">${text}</g>`),
    "</defs>",
    `<g class="f">`,
    ...places,
    "</g>",
    "</svg>",
    "</svg>",
    "",
  ].join("\n");
}
