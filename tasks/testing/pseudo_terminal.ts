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

  async #drain(): Promise<void> {
    for await (const bytes of this.#child.stdout) {
      this.pieces.push({ ms: performance.now() - this.#startedAt, bytes });
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

  /** Whether the cursor can be seen, and in which row of all it stands. */
  get cursorRow(): number {
    const { active } = this.#terminal.buffer;
    return active.baseY + active.cursorY;
  }

  dispose(): void {
    this.#terminal.dispose();
  }
}
