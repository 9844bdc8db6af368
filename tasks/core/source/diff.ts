// SPDX-License-Identifier: MIT
/**
 * What of a diff git's own commands do not tell: where its hunks stand, and what it holds besides
 * hunks that apply. git decides what a diff changes; nothing is applied by what is read here.
 *
 * A diff is bytes in no known encoding. Its text here has one character a byte (bytesAsText); names
 * are decoded for people. All of it is linear in the size of the text.
 */
import { Buffer } from "node:buffer";
import { unquoteC } from "../text/c_quoting.ts";

export interface DiffHunk {
  /** Line of its header in the diff, from 1. */
  readonly line: number;
  /** Line of the old file where it starts. */
  readonly oldStart: number;
  readonly newStart: number;
  readonly text: string;
}

export interface DiffFile {
  /** Line of its first header in the diff, from 1. */
  readonly line: number;
  /** Names as they stand, with their prefixes; null for /dev/null and for a header without them. */
  readonly oldName: string | null;
  readonly newName: string | null;
  /** Names behind `rename from` and `copy from`, which have no prefix. */
  readonly movedFrom: string | null;
  /** What the file is or becomes where that is no plain file. */
  readonly special: "symbolic link" | "submodule" | null;
  readonly deleted: boolean;
  readonly hunks: readonly DiffHunk[];
}

export interface DiffFacts {
  readonly files: readonly DiffFile[];
  /** Line of a `---` or diffstat between two diffs: the first one is part of a description. */
  readonly separatorLine: number | null;
  /** It holds no file, and its text is one that git reads no diff in. */
  readonly unreadable: "UTF-16" | "coloured" | null;
  /** Commits whose `commit <id>` lines it holds, as git log prints them. */
  readonly commits: number;
  /** The first line that tells of a change without its content. */
  readonly lacking: { readonly line: number; readonly text: string } | null;
  /** Its headers end with CR LF, which git never writes: the transport did. */
  readonly carriageReturns: boolean;
  /** It names more files than a patch may. */
  readonly tooManyFiles: boolean;
  /** All its names are without a/ and b/, or the like. */
  readonly bareNames: boolean;
}

/** One character a byte. */
export function bytesAsText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** The text of {@linkcode bytesAsText} for people. */
export function decodeBytes(text: string): string {
  return new TextDecoder().decode(Buffer.from(text, "latin1"));
}

/** Between two releases of a kernel some 15,000 differ; more are no patch, and would take their time. */
export const MAX_FILES = 30_000;

/** First characters of lines that may mean something outside of hunks. */
const MEANT = new Set("-+@dcrnioOBF ".split("").map((letter) => letter.charCodeAt(0)));

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;
const LACKING = /^(?:Only in [^: ]+: \S+|(?:Binary files|Files) \S.* differ)$/;
/** What git diff --cc has behind its first line. */
const COMBINED = /^(?:index [0-9a-f]+,|mode \d+,|new file mode |deleted file mode )/;
const DIFFSTAT = /^ \d+ files? changed(?:,|\s*$)/;
// deno-lint-ignore no-control-regex -- the character that begins a colour
const COLOURED = /^\x1b\[[\d;]*m(?:diff |--- |@@ )/m;
const SPECIAL = /^(?:new file mode|new mode|index [0-9a-f]+\.\.[0-9a-f]+) (120000|160000)$/;

class Scan {
  readonly files: DiffFile[] = [];
  readonly #text: string;
  #line = 0;
  #at = 0;
  #file: { -readonly [K in keyof DiffFile]: DiffFile[K] } & { hunks: DiffHunk[] } | null = null;
  /** A `diff --git` line has opened the file, and no `---` and `+++` have followed yet. */
  #namesDue = false;
  #separator: number | null = null;
  #facts: {
    -readonly [
      K in keyof Omit<DiffFacts, "files" | "tooManyFiles" | "bareNames" | "unreadable">
    ]: DiffFacts[K];
  } = {
    ...{ separatorLine: null, commits: 0, lacking: null, carriageReturns: false },
  };
  /** How many files have names without and with a prefix. */
  #bare = 0;
  #prefixed = 0;

  constructor(text: string) {
    this.#text = text;
  }

  findFile(): boolean {
    while (this.#file === null && this.#at < this.#text.length) this.#step();
    return this.#file !== null;
  }

  run(): DiffFacts {
    while (this.#at < this.#text.length && this.files.length <= MAX_FILES) this.#step();
    this.#closeFile();
    const bareNames = this.#bare > 0 && this.#prefixed === 0;
    const tooManyFiles = this.files.length > MAX_FILES;
    const unreadable = this.files.length > 0 ? null : unreadableText(this.#text);
    return { files: this.files, ...this.#facts, tooManyFiles, bareNames, unreadable };
  }

  #step(): void {
    if (MEANT.has(this.#text.charCodeAt(this.#at))) this.#outside(this.#next()!);
    else this.#skip();
  }

  #next(): string | null {
    if (this.#at >= this.#text.length) return null;
    const end = this.#text.indexOf("\n", this.#at);
    const line = this.#text.slice(this.#at, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#text.length : end + 1;
    this.#line++;
    return line;
  }

  #skip(): void {
    const end = this.#text.indexOf("\n", this.#at);
    this.#at = end < 0 ? this.#text.length : end + 1;
    this.#line++;
  }

  #outside(raw: string): void {
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    const returned = line !== raw;
    const hunk = HUNK.exec(line);
    if (hunk) this.#hunk(this.#at - raw.length - 1, hunk);
    else if (line.startsWith("diff --git ")) {
      this.#openFile();
      this.#namesDue = true;
      this.#facts.carriageReturns ||= returned;
      this.#gitHeader(line.slice("diff --git ".length));
    } else if (line.startsWith("--- ") && line.length > 4) this.#oldName(line, returned);
    else if (line.startsWith("---") ? line.trimEnd() === "---" : DIFFSTAT.test(line)) {
      if (this.#file || this.files.length > 0) this.#separator ??= this.#line;
    } else if (/^commit [0-9a-f]{40,64}\b/.test(line)) this.#facts.commits++;
    else if (LACKING.test(line) || (/^diff --(?:cc|combined) /.test(line) && this.#isCombined())) {
      this.#facts.lacking ??= { line: this.#line, text: line };
    } else if (this.#file) this.#extended(line);
  }

  #isCombined(): boolean {
    return COMBINED.test(this.#text.slice(this.#at, this.#at + 100));
  }

  #openFile(): void {
    this.#closeFile();
    if (this.#separator !== null) this.#facts.separatorLine ??= this.#separator;
    this.#file = {
      ...{ line: this.#line, oldName: null, newName: null, movedFrom: null, special: null },
      ...{ deleted: false, hunks: [] },
    };
  }

  #closeFile(): void {
    if (this.#file) this.files.push(this.#file);
    this.#file = null;
  }

  /** `a/x b/x`, where x may hold blanks; equal halves have no prefix. */
  #gitHeader(names: string): void {
    const half = (names.length - 1) / 2;
    const file = this.#file!;
    if (names[half] === " " && names.slice(0, half) === names.slice(half + 1)) {
      file.oldName = file.newName = unquoteC(names.slice(0, half));
      this.#bare++;
      return;
    }
    const quoted = /^("(?:[^"\\]|\\.)*"|\S+) ("(?:[^"\\]|\\.)*"|\S+)$/.exec(names);
    if (quoted) [file.oldName, file.newName] = [unquoteC(quoted[1]!), unquoteC(quoted[2]!)];
    else if (names[half] === " ") {
      file.oldName = unquoteC(names.slice(0, half));
      file.newName = unquoteC(names.slice(half + 1));
    }
    this.#prefixed++;
  }

  #oldName(line: string, returned: boolean): void {
    const at = this.#at;
    const next = this.#next();
    // Behind `diff --git` it is a header of the same file; elsewhere git wants a hunk behind it.
    const git = this.#namesDue;
    if (!next?.startsWith("+++ ") || !(git || this.#text.startsWith("@@ -", this.#at))) {
      // Not a header; the line behind it may be anything.
      this.#at = at;
      if (next !== null) this.#line--;
      return;
    }
    this.#namesDue = false;
    if (!git) {
      this.#openFile();
      this.#file!.line = this.#line - 1;
    }
    this.#facts.carriageReturns ||= returned || next.endsWith("\r");
    const [old, now] = [headerName(line), headerName(next)];
    this.#file!.oldName = old;
    this.#file!.newName = now;
    this.#file!.deleted ||= now === null;
    if (git || old === null || now === null) return;
    // A file beside the one it was made of (fork.c.orig) has no folder either.
    if (old === now || !(old + now).includes("/")) this.#bare++;
    else this.#prefixed++;
  }

  #extended(line: string): void {
    const file = this.#file!;
    const special = SPECIAL.exec(line);
    if (special) file.special = special[1] === "120000" ? "symbolic link" : "submodule";
    else if (line.startsWith("deleted file mode ")) file.deleted = true;
    const moved = /^(?:rename|copy) from (.+)$/.exec(line);
    if (moved) {
      file.movedFrom = unquoteC(moved[1]!);
      if (file.oldName === file.movedFrom && this.#prefixed > 0) {
        this.#prefixed--;
        this.#bare++;
      }
    }
  }

  /** Goes past the lines that the header counts. */
  #hunk(start: number, match: RegExpExecArray): void {
    const line = this.#line;
    let old = Number(match[2] ?? 1);
    let now = Number(match[4] ?? 1);
    while ((old > 0 || now > 0) && this.#at < this.#text.length) {
      const kind = this.#text[this.#at]!;
      if (kind === "+") now--;
      else if (kind === "-") old--;
      else if (kind === " " || kind === "\r" || kind === "\n") {
        old--;
        now--;
      } else if (kind !== "\\") break;
      this.#skip();
    }
    this.#file?.hunks.push({
      ...{ line, oldStart: Number(match[1]), newStart: Number(match[3]) },
      text: this.#text.slice(Math.max(0, start), this.#at),
    });
  }
}

function unreadableText(text: string): DiffFacts["unreadable"] {
  if (/^(?:\xff\xfe|\xfe\xff|\0[ -~]|[ -~]\0)/.test(text)) return "UTF-16";
  return COLOURED.test(text) ? "coloured" : null;
}

/** The name of a `---` or `+++` line, without the time behind it. */
function headerName(line: string): string | null {
  const name = line.slice(4).replace(/\r$/, "");
  const bare = name.startsWith('"') ? name : name.replace(/\t.*$/, "").trimEnd();
  return bare === "/dev/null" ? null : unquoteC(bare);
}

/**
 * Whether a text holds a diff; quicker than to read it.
 * @param text One character a byte.
 */
export function holdsDiff(text: string): boolean {
  return new Scan(text).findFile();
}

/** @param text One character a byte. */
export function scanDiff(text: string): DiffFacts {
  return new Scan(text).run();
}
