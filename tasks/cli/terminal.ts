// SPDX-License-Identifier: MIT
/** The screen: progress on standard error, results on standard output. */
import { type LiveOptions, LiveReader } from "./progress_reader.ts";
import {
  NoProgressReader,
  PlainReader,
  type ProgressReader,
  type Timer,
} from "./progress_reader.ts";
import { makePaint } from "./paint.ts";
import type { ProgressChoice } from "./options.ts";
import type { SummaryStyle } from "../core/report/summary.ts";
import type { RunEvent } from "../core/model/run_event.ts";

export interface Terminal {
  readonly style: SummaryStyle;
  readonly width: number;
  /** What is worth a line. */
  show(event: RunEvent): void;
  /** A result. */
  print(text: string): void;
  error(text: string): void;
  /** Lines for the service that keeps the log: to where results go, and just as they are. */
  command(line: string): void;
}

/** The terminal of a process. */
export interface Screen extends Terminal {
  /** Whether another program has the terminal now. */
  lend(isLent: boolean): void;
  /** Takes away what is not to stay. */
  close(): void;
}

export interface TerminalOptions {
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly progress: ProgressChoice;
  /** Where results go: standard output may be a program's. */
  readonly results: "standard output" | "standard error";
}

const TIMER: Timer = {
  now: () => performance.now(),
  after: (ms, body) => {
    const timer = setTimeout(body, ms);
    // What is only shown keeps nobody waiting.
    Deno.unrefTimer(timer);
    return () => clearTimeout(timer);
  },
};

/** Where the size cannot be asked for, or is 0 as behind some pseudo-terminals, that of a VT100. */
function consoleSize(): { readonly columns: number; readonly rows: number } {
  const usual = { columns: 80, rows: 24 };
  try {
    const { columns, rows } = Deno.consoleSize();
    return { columns: columns || usual.columns, rows: rows || usual.rows };
  } catch {
    return usual;
  }
}

/** Loaded where somebody looks on: measuring text takes 25 ms to load. */
async function liveReader(options: Omit<LiveOptions, "device" | "cut">): Promise<LiveReader> {
  const { default: width } = await import("string-width");
  const { default: slice } = await import("slice-ansi");
  const encoder = new TextEncoder();
  const reader = new LiveReader({
    ...options,
    device: {
      write: (text) => {
        let rest = encoder.encode(text);
        while (rest.length > 0) rest = rest.subarray(Deno.stderr.writeSync(rest));
      },
      size: consoleSize,
      width,
    },
    cut: (text, columns) =>
      width(text) <= columns ? text : `${slice(text, 0, Math.max(0, columns - 1))}…`,
  });
  Deno.addSignalListener("SIGWINCH", () => reader.resized());
  Deno.addSignalListener("SIGCONT", () => reader.continued());
  return reader;
}

/** A terminal that obeys no control sequence calls itself dumb (terminfo). */
function isLive({ progress, quiet }: TerminalOptions): boolean {
  return progress === "auto" && !quiet && Deno.stderr.isTerminal() &&
    !["", "dumb"].includes(Deno.env.get("TERM") ?? "");
}

/** Colours only on a terminal and without NO_COLOR; times since the start in front of progress. */
export async function openTerminal(options: TerminalOptions): Promise<Screen> {
  const secret = crypto.randomUUID().replaceAll("-", "");
  const paintOf = (stream: typeof Deno.stdout | typeof Deno.stderr) =>
    makePaint(stream.isTerminal() && !Deno.env.get("NO_COLOR"), secret);
  const toStdout = options.results === "standard output";
  const results = paintOf(toStdout ? Deno.stdout : Deno.stderr);
  const paint = paintOf(Deno.stderr);
  const { verbose, quiet } = options;
  const common = { verbose, quiet, paint, timer: TIMER, line: console.error };
  const reader: ProgressReader = isLive(options)
    ? await liveReader(common)
    : options.progress === "none"
    ? new NoProgressReader(common)
    : new PlainReader(common);
  const toResults = toStdout ? console.log : console.error;
  return {
    style: results.style,
    width: Deno.stdout.isTerminal() ? consoleSize().columns : 160,
    show: (event) => reader.show(event),
    print: (text) => reader.aside(() => toResults(results.shown(text))),
    command: (line) => reader.aside(() => toResults(line)),
    error: (text) => reader.aside(() => console.error(paint.shown(`kmatrix: ${text}`))),
    lend: (isLent) => isLent ? reader.pause() : reader.resume(),
    close: () => reader.close(),
  };
}
