// SPDX-License-Identifier: MIT
/** What GitHub's runner takes from the log of a step, for tests. */

export interface ReadCommand {
  readonly name: string;
  readonly properties: Record<string, string>;
  readonly text: string;
}

/** Reads a line as GitHub's runner does (actions/runner, ActionCommand.TryParseV2); null for none. */
export function readCommand(line: string): ReadCommand | null {
  const trimmed = line.trimStart();
  const end = trimmed.startsWith("::") ? trimmed.indexOf("::", 2) : -1;
  if (end < 0) return null;
  const [name = "", ...rest] = trimmed.slice(2, end).split(" ");
  const back = (text: string, codes: readonly (readonly [string, string])[]) =>
    codes.reduce((all, [code, one]) => all.replaceAll(code, one), text);
  const data: readonly [string, string][] = [["%0D", "\r"], ["%0A", "\n"], ["%25", "%"]];
  const property = [...data.slice(0, 2), ["%3A", ":"], ["%2C", ","], data[2]!] as const;
  const properties = rest.join(" ").split(",").map((pair) => pair.split(/=(.*)/s))
    .filter(([key, value]) => key && value)
    .map(([key, value]) => [key!, back(value!, property)] as const);
  return {
    name,
    properties: Object.fromEntries(properties),
    text: back(trimmed.slice(end + 2), data),
  };
}

/** Every command of a log, and the lines that have one of the old kind, which nobody should print. */
export function readLog(log: string): {
  readonly commands: readonly ReadCommand[];
  readonly old: readonly string[];
} {
  const lines = log.split(/\r\n|\r|\n/);
  return {
    commands: lines.map(readCommand).filter((one) => one !== null),
    old: lines.filter((line) => line.includes("##[")),
  };
}
