// SPDX-License-Identifier: MIT
/** Names as git quotes them (core.quotePath of git-config(1)). */

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
  ...{ "\\": "\\", '"': '"' },
};

/** @returns One character a byte; a name that is not quoted as it is. */
export function unquoteC(name: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"/.exec(name);
  if (!quoted) return name;
  return quoted[1]!.replace(
    /\\(?:([0-7]{3})|(.))/g,
    (_, octal: string | undefined, letter: string) =>
      octal === undefined ? ESCAPES[letter] ?? letter : String.fromCharCode(parseInt(octal, 8)),
  );
}
