// SPDX-License-Identifier: MIT
/**
 * Lines that GitHub's runner obeys, and the sections of GitLab's job log. Escapes are those that the
 * runner takes back (actions/runner, src/Runner.Common/ActionCommand.cs): "%", CR and LF in the text,
 * ":" and "," besides in a property.
 */
import { withoutLogCommands } from "../text/log_commands.ts";
import { plainLine, plainText } from "../text/plain_text.ts";

const CODES: Readonly<Record<string, string>> = {
  "%": "%25",
  "\r": "%0D",
  "\n": "%0A",
  ":": "%3A",
  ",": "%2C",
};

const escaped = (text: string, set: RegExp) => text.replace(set, (one) => CODES[one]!);

const plainWord = (value: string | number | null) => withoutLogCommands(plainLine(`${value}`));

/** The kinds of annotations. */
export const LEVELS = ["error", "warning", "notice"] as const;
export type Level = typeof LEVELS[number];

/**
 * One command, on one line whatever the texts hold.
 * @param properties In their order; null for one that is left out.
 */
export function workflowCommand(
  name: Level | "group" | "endgroup",
  properties: Readonly<Record<string, string | number | null>>,
  text: string,
): string {
  const given = Object.entries(properties).filter(([, value]) => value !== null)
    .map(([key, value]) => `${key}=${escaped(plainWord(value), /[%\r\n:,]/g)}`);
  const words = given.length === 0 ? name : `${name} ${given.join(",")}`;
  // What comes first wins in a line, and is this one; nothing else is to be left in it all the same.
  return `::${words}::${escaped(withoutLogCommands(plainText(text)), /[%\r\n]/g)}`;
}

/** Services in whose logs parts can be folded. */
export type FoldingService = "github" | "gitlab";

/** Which of them keeps the log of this process, by the variables that they set; null for others. */
export function foldingService(
  env: (name: string) => string | undefined,
): FoldingService | null {
  if (env("GITHUB_ACTIONS") === "true") return "github";
  return env("GITLAB_CI") === "true" ? "gitlab" : null;
}

/**
 * The line that begins a part of a log that people unfold.
 * @param name Letters, digits and "_", unlike that of other parts of the log.
 * @param seconds Since the epoch.
 */
export function sectionBegin(
  service: FoldingService,
  name: string,
  title: string,
  seconds: number,
): string {
  if (service === "github") return workflowCommand("group", {}, plainWord(title));
  return `${mark("start", seconds, `${name}[collapsed=true]`)}${plainWord(title)}`;
}

/** The line that ends it. */
export function sectionEnd(service: FoldingService, name: string, seconds: number): string {
  if (service === "github") return workflowCommand("endgroup", {}, "");
  return mark("end", seconds, name);
}

/** docs.gitlab.com, "Custom collapsible sections" of job logs. */
function mark(kind: "start" | "end", seconds: number, name: string): string {
  return `\x1b[0Ksection_${kind}:${Math.floor(seconds)}:${name}\r\x1b[0K`;
}
