// SPDX-License-Identifier: MIT
/**
 * A command under a pseudo-terminal (script of util-linux), its recording, and what a terminal
 * emulator shows of it at any moment.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import xterm from "@xterm/headless";
import { quoteWord } from "../core/text/shell.ts";

/** What came out of the terminal together, and when. */
export interface Piece {
  /** Since the start. */
  readonly ms: number;
  readonly bytes: Uint8Array;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Programs are looked for on the real PATH: a fake project has another. */
function program(name: string): string {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  const found = folders.map((folder) => `${folder}/${name}`).find(existsSync);
  assert.ok(found, `${name} is missing on this machine`);
  return found;
}

export class PseudoTerminal {
  readonly pieces: Piece[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #keys: WritableStreamDefaultWriter<Uint8Array>;
  readonly #drained: Promise<void>;
  readonly #startedAt = performance.now();
  readonly #decoder = new TextDecoder();
  /** All that came, escapes included. */
  text = "";

  /** @param argv Its environment is `env` alone, with TERM. */
  constructor(
    argv: readonly string[],
    { columns, rows }: Size,
    { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  ) {
    const words = argv.map(quoteWord).join(" ");
    const command = `${program("stty")} cols ${columns} rows ${rows}; ` +
      `echo "tty=$(${program("tty")})"; exec ${words}`;
    this.#child = new Deno.Command(program("script"), {
      args: ["--quiet", "--return", "--flush", "--command", command, "/dev/null"],
      ...{ cwd, clearEnv: true, env: { TERM: "xterm-256color", SHELL: "/bin/sh", ...env } },
      ...{ stdin: "piped", stdout: "piped", stderr: "null" },
    }).spawn();
    this.#keys = this.#child.stdin.getWriter();
    this.#drained = this.#drain();
  }

  get sinceStartMs(): number {
    return performance.now() - this.#startedAt;
  }

  async #drain(): Promise<void> {
    for await (const bytes of this.#child.stdout) {
      this.pieces.push({ ms: this.sinceStartMs, bytes });
      this.text += this.#decoder.decode(bytes, { stream: true });
    }
  }

  /** As if typed: "\x03" is Ctrl-C. */
  async type(text: string): Promise<void> {
    await this.#keys.write(new TextEncoder().encode(text));
  }

  /** Gives the terminal another size while the command runs, which is told by SIGWINCH. */
  async resize({ columns, rows }: Size): Promise<void> {
    const tty = /tty=(\S+)/.exec(this.text)?.[1];
    assert.ok(tty, "the terminal has told its name");
    const args = ["-F", tty, "cols", `${columns}`, "rows", `${rows}`];
    const { success } = await new Deno.Command(program("stty"), { args }).output();
    assert.ok(success, `stty ${args.join(" ")}`);
  }

  /** The command's exit code, once all that it wrote was read. */
  async ended(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#drained;
    await this.#keys.close().catch(() => {});
    return code;
  }

  kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
  }
}

/** Text of one look, from a column on. */
export interface Run {
  readonly column: number;
  /** In columns: a wide character takes two. */
  readonly width: number;
  readonly text: string;
  /** 0 to 15; null for the terminal's own. */
  readonly colour: number | null;
  readonly isBold: boolean;
  readonly isDim: boolean;
}

/** A terminal emulator: what is on the screen, as lines without blanks at their ends. */
export class Emulator {
  readonly #terminal: InstanceType<typeof xterm.Terminal>;

  constructor({ columns, rows }: Size) {
    const size = { cols: columns, rows, scrollback: 5000 };
    this.#terminal = new xterm.Terminal({ ...size, allowProposedApi: true });
  }

  async write(data: Uint8Array | string): Promise<void> {
    await new Promise<void>((resolve) => this.#terminal.write(data, resolve));
  }

  resize({ columns, rows }: Size): void {
    this.#terminal.resize(columns, rows);
  }

  /** Everything from the first line ever to the last one with text; wrapped lines as one. */
  lines(): string[] {
    const { active } = this.#terminal.buffer;
    const lines: string[] = [];
    for (let row = 0; row < active.length; row++) {
      const line = active.getLine(row)!;
      const text = line.translateToString(true);
      if (line.isWrapped) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    while (lines.at(-1) === "") lines.pop();
    return lines;
  }

  /** The rows that a person sees, from the top; blanks at a row's end are no part of it. */
  screen(): readonly (readonly Run[])[] {
    const { active } = this.#terminal.buffer;
    return Array.from({ length: this.#terminal.rows }, (_, row) => {
      const line = active.getLine(active.viewportY + row);
      const runs: Run[] = [];
      for (let column = 0; column < (line?.length ?? 0); column++) {
        const cell = line!.getCell(column)!;
        const width = cell.getWidth();
        // The second half of a wide character.
        if (width === 0) continue;
        const style = {
          colour: cell.isFgPalette() ? cell.getFgColor() % 16 : null,
          isBold: cell.isBold() !== 0,
          isDim: cell.isDim() !== 0,
        };
        const text = cell.getChars() || " ";
        const last = runs.at(-1);
        if (
          last && last.colour === style.colour && last.isBold === style.isBold &&
          last.isDim === style.isDim
        ) {
          runs[runs.length - 1] = {
            ...last,
            text: last.text + text,
            width: last.width + width,
          };
        } else runs.push({ column, width, text, ...style });
      }
      return runs.flatMap((run) => trimmed(run));
    });
  }

  /** Where the cursor stands, from the top left corner of what a person sees. */
  get cursor(): { readonly row: number; readonly column: number } {
    const { active } = this.#terminal.buffer;
    return { row: active.baseY - active.viewportY + active.cursorY, column: active.cursorX };
  }

  /** Whether the cursor can be seen, and in which row of all it stands. */
  get cursorRow(): number {
    const { active } = this.#terminal.buffer;
    return active.baseY + active.cursorY;
  }

  dispose(): void {
    this.#terminal.dispose();
  }
}

/** Without blanks at both ends, which nobody sees; nothing where there is nothing else. */
function trimmed(run: Run): Run[] {
  const front = run.text.length - run.text.trimStart().length;
  const text = run.text.trim();
  if (text === "") return [];
  const back = run.text.length - front - text.length;
  return [{ ...run, text, column: run.column + front, width: run.width - front - back }];
}
