// SPDX-License-Identifier: MIT

/** A word as a POSIX shell would need it: bare where that is safe, else in single quotes. */
export function quoteWord(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A command as one line that a POSIX shell would take: quoted, with its folder and variables. */
export function formatCommand(
  command: {
    readonly argv: readonly string[];
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
  },
): string {
  const assignments = Object.entries(command.env ?? {}).map(([name, value]) =>
    `${name}=${quoteWord(value)}`
  );
  const line = [...assignments, ...command.argv.map(quoteWord)].join(" ");
  return command.cwd === undefined ? line : `cd ${quoteWord(command.cwd)} && ${line}`;
}
