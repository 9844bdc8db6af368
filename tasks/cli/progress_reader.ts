// SPDX-License-Identifier: MIT
/** Readers of events that show a run while it goes on: on a terminal, in a log, or hardly at all. */
import type { RunEvent } from "../core/model/run_event.ts";
import { progressFrame, progressSentence } from "../core/report/progress_text.ts";
import { type RunLine, RunLines } from "../core/report/run_lines.ts";
import { RunProgress } from "../core/report/run_progress.ts";
import { type Device, LiveScreen } from "./live_screen.ts";
import type { Paint } from "./paint.ts";

export interface ProgressReader {
  show(event: RunEvent): void;
  /** Runs what writes to the same terminal by itself. */
  aside(body: () => void): void;
  /** Between these, another program has the terminal. */
  pause(): void;
  resume(): void;
  /** Nothing is shown any more; what is not to stay is taken away. */
  close(): void;
}

/** Time, and what is done later in it. */
export interface Timer {
  /** Milliseconds on a clock that only goes forward. */
  now(): number;
  /** @returns Calls it off. */
  after(ms: number, body: () => void): () => void;
}

export interface ReaderOptions {
  readonly verbose: boolean;
  readonly quiet: boolean;
  readonly paint: Paint;
  readonly timer: Timer;
  /** Puts a line on standard error. */
  line(text: string): void;
}

/** Time since the start, the text in its colour, and a sign in front of what people should read. */
class LinePainter {
  readonly #options: ReaderOptions;
  readonly startedMs: number;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.startedMs = options.timer.now();
  }

  isShown({ level }: RunLine): boolean {
    const { verbose, quiet } = this.#options;
    return level === "warn" || (level === "debug" ? verbose : !quiet);
  }

  text({ level, mood, text }: RunLine): string {
    const { timer, paint } = this.#options;
    const time = ((timer.now() - this.startedMs) / 1000).toFixed(1).padStart(6);
    const sign = level === "warn" || level === "notice" ? "! " : "";
    return `[${time}s] ${sign}${paint.shown(mood === null ? text : paint.style[mood](text))}`;
  }
}

/** Longest silence of a log while a stage goes on; CI services end a job that is silent for long. */
const SILENCE_MS = 25_000;

/** Lines for a log: each event that is worth one, and what goes on where none came for long. */
export class PlainReader implements ProgressReader {
  readonly #options: ReaderOptions;
  readonly #painter: LinePainter;
  readonly #lines = new RunLines();
  readonly #progress = new RunProgress();
  #alarm: (() => void) | null = null;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#painter = new LinePainter(options);
  }

  show(event: RunEvent): void {
    this.#progress.read(event, this.#options.timer.now());
    const line = this.#lines.read(event);
    if (line !== null && this.#painter.isShown(line)) this.#put(line);
    else if (this.#alarm === null) this.#arm();
    if (event.event === "run-ended") this.close();
  }

  aside(body: () => void): void {
    body();
  }

  pause(): void {
    this.#disarm();
  }

  resume(): void {
    this.#arm();
  }

  close(): void {
    this.#disarm();
  }

  #put(line: RunLine): void {
    this.#options.line(this.#painter.text(line));
    this.#arm();
  }

  #arm(): void {
    this.#disarm();
    if (this.#options.quiet || this.#progress.running.length === 0) return;
    this.#alarm = this.#options.timer.after(SILENCE_MS, () => {
      this.#alarm = null;
      const text = progressSentence(this.#progress, this.#options.timer.now());
      if (text !== "") this.#put({ level: "info", text, about: "stage", mood: null });
    });
  }

  #disarm(): void {
    this.#alarm?.();
    this.#alarm = null;
  }
}

/** Notices and failures; nothing about what goes on. */
export class NoProgressReader implements ProgressReader {
  readonly #options: ReaderOptions;
  readonly #painter: LinePainter;
  readonly #lines = new RunLines();

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#painter = new LinePainter(options);
  }

  show(event: RunEvent): void {
    const line = this.#lines.read(event);
    if (line === null || !this.#painter.isShown(line)) return;
    if (line.about === "notice" || line.level === "warn") {
      this.#options.line(this.#painter.text(line));
    }
  }

  aside(body: () => void): void {
    body();
  }
  pause(): void {}
  resume(): void {}
  close(): void {}
}

/** Events come in bursts; more frames than this nobody sees. */
const FRAME_MS = 100;
/** Times in the frame are whole seconds. */
const TICK_MS = 1000;

export interface LiveOptions extends ReaderOptions {
  readonly device: Device;
  /** The beginning of a text, colours included, that is no wider than so many columns. */
  cut(text: string, columns: number): string;
}

/** A frame of what goes on at the foot of a terminal, below the lines that stay. */
export class LiveReader implements ProgressReader {
  readonly #options: LiveOptions;
  readonly #painter: LinePainter;
  readonly #screen: LiveScreen;
  readonly #lines = new RunLines();
  readonly #progress = new RunProgress();
  #alarm: { readonly atMs: number; readonly cancel: () => void } | null = null;
  #isPaused = false;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#painter = new LinePainter(options);
    this.#screen = new LiveScreen(options.device);
  }

  show(event: RunEvent): void {
    this.#progress.read(event, this.#options.timer.now());
    const line = this.#lines.read(event);
    if (line === null || line.about === "stage" || !this.#painter.isShown(line)) {
      return this.#drawIn(FRAME_MS);
    }
    const text = this.#painter.text(line);
    // Beside another program, a line goes where it can.
    if (this.#isPaused) this.#options.line(text);
    else this.#draw(text.split("\n"));
  }

  aside(body: () => void): void {
    this.#screen.clear();
    body();
    this.#drawIn(FRAME_MS);
  }

  pause(): void {
    this.#screen.clear();
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#drawIn(FRAME_MS);
  }

  /** The terminal has another size. */
  resized(): void {
    this.#drawIn(FRAME_MS);
  }

  /** Another program had the terminal without a word, as behind Ctrl-Z. */
  continued(): void {
    this.#screen.forget();
    this.#drawIn(FRAME_MS);
  }

  close(): void {
    this.pause();
    this.#alarm?.cancel();
    this.#alarm = null;
  }

  #draw(kept: readonly string[]): void {
    const { timer, paint, device, cut } = this.#options;
    const [{ startedMs }, nowMs] = [this.#painter, timer.now()];
    const screen = {
      ...device.size(),
      cut: (text: string, columns: number) => cut(paint.shown(text), columns),
    };
    this.#screen.draw(kept, progressFrame(this.#progress, startedMs, nowMs, paint.style, screen));
    if (this.#progress.running.length > 0) this.#drawIn(TICK_MS);
  }

  /** At the latest; a frame that comes sooner stays so. */
  #drawIn(ms: number): void {
    const { timer } = this.#options;
    const atMs = timer.now() + ms;
    if (this.#isPaused || (this.#alarm !== null && this.#alarm.atMs <= atMs)) return;
    this.#alarm?.cancel();
    const cancel = timer.after(ms, () => {
      this.#alarm = null;
      if (!this.#isPaused) this.#draw([]);
    });
    this.#alarm = { atMs, cancel };
  }
}
