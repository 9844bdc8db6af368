// SPDX-License-Identifier: MIT

/**
 * What a boot of `deno task repro --shell` or `-- command` runs instead of the selftests: an
 * interactive shell on the serial console, one expression, or one program.
 */

import { inspect } from "../harness/asserts.ts";
import { GUEST_PATHS, type Session } from "../contract/cell.ts";
import { utf8Bytes } from "../contract/frames.ts";
import { guest, O_RDWR, open, SYS } from "../harness/guest.ts";
import { helpers } from "./helpers.ts";

/** Runs it to its end. False: the expression threw, or the program failed. */
export function runSession(session: Session): boolean {
  openConsole();
  Object.assign(globalThis, helpers);
  switch (session.kind) {
    case "shell":
      shell();
      return true;
    case "eval":
      return evaluateAndPrint(session.source);
    case "program": {
      const code = helpers.exec(GUEST_PATHS.program, ...session.argv.slice(1));
      if (code !== 0) print(`${session.argv[0]}: exit code ${code}\n`);
      return code === 0;
    }
  }
}

/** PID 1 has the console as its descriptors 0 to 2 only where the kernel found /dev/console. */
function openConsole(): void {
  const sys = guest();
  const S_IFCHR = 0o020000;
  sys.tryCall(SYS.mknod, "/dev/console", S_IFCHR | 0o600, 5 << 8 | 1);
  if (sys.tryCall(SYS.fcntl, 0, 1, /* F_GETFD */ 0) >= 0) return;
  const fd = open("/dev/console", O_RDWR);
  for (const wanted of [0, 1, 2]) if (fd !== wanted) sys.call(SYS.dup2, fd, wanted);
}

function print(text: string): void {
  // The terminal line discipline takes four kilobytes at a time; write(2) may take less than all.
  const bytes = utf8Bytes(text);
  for (let at = 0; at < bytes.length;) {
    at += guest().call(SYS.write, 1, bytes.subarray(at), bytes.length - at);
  }
}

/** A line without its end; null at the end of the input (Ctrl-D). */
function readLine(): string | null {
  const sys = guest();
  const buffer = new Uint8Array(4096);
  let line = "";
  for (;;) {
    const got = sys.call(SYS.read, 0, buffer, buffer.length);
    if (got === 0) return line === "" ? null : line;
    line += sys.text(buffer.subarray(0, got));
    if (line.endsWith("\n")) return line.replace(/\r?\n$/, "");
  }
}

function shell(): void {
  print("kmatrix guest shell: JavaScript. help() lists helpers; exit or Ctrl-D ends it.\n");
  for (;;) {
    print("> ");
    let source = readLine();
    while (source !== null && isIncomplete(source)) {
      print("… ");
      const more = readLine();
      source = more === null ? null : `${source}\n${more}`;
    }
    if (source === null || /^\s*(exit|quit)(\(\))?;?\s*$/.test(source)) return;
    if (source.trim() !== "") evaluateAndPrint(source);
  }
}

function evaluateAndPrint(source: string): boolean {
  try {
    // Indirect, so that it runs in the global scope.
    const value: unknown = (0, eval)(asGlobal(source));
    if (value !== undefined) print(`${show(value)}\n`);
    return true;
  } catch (error) {
    const stack = error instanceof Error ? (error.stack ?? "").trimEnd() : "";
    print(`${String(error)}\n${stack === "" ? "" : `${stack}\n`}`);
    return false;
  }
}

/** The value as the shell prints it. */
export function show(value: unknown): string {
  if (typeof value === "string") return value.replace(/\n$/, "");
  if (typeof value === "function") return `function ${value.name || "(anonymous)"}`;
  return inspect(value);
}

/**
 * The source such that what it declares stays: `let` and `const` of an eval() end with it. A line
 * that begins with a brace is taken for an object.
 */
export function asGlobal(source: string): string {
  if (/^\s*\{/.test(source)) return `(${source.replace(/;\s*$/, "")})`;
  return source.replace(/^(\s*)(let|const)\s/, "$1var ");
}

/** True while a bracket, a template or a block comment is open. */
export function isIncomplete(source: string): boolean {
  let depth = 0;
  let quote = "";
  for (let at = 0; at < source.length; at++) {
    const character = source[at]!;
    if (quote !== "") {
      if (character === "\\") at++;
      else if (character === quote) quote = "";
      // A string ends with its line; that is then an error of the engine's.
      else if (character === "\n" && quote !== "`") quote = "";
      continue;
    }
    if (source.startsWith("//", at)) at = (source.indexOf("\n", at) + 1 || source.length + 1) - 1;
    else if (source.startsWith("/*", at)) {
      const end = source.indexOf("*/", at + 2);
      if (end < 0) return true;
      at = end + 1;
    } else if ("\"'`".includes(character)) quote = character;
    else if ("([{".includes(character)) depth++;
    else if (")]}".includes(character)) depth--;
  }
  return depth > 0 || quote === "`";
}
