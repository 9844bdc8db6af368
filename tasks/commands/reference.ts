// SPDX-License-Identifier: MIT
/** docs/commands.md: each command with its options, from the table that reads command lines. Pure. */
import { inGroups, type OptionSpec } from "../cli/options.ts";
import { tableCell } from "../core/text/markdown.ts";
import type { Command } from "./command.ts";

const HEAD = `# Commands

Made of the table that reads command lines (\`tasks/commands/reference_test.ts\` writes it, where
\`UPDATE_DOCS=1\` is set). \`npx --yes deno task NAME --help\` prints the same; with the launcher
([install.md](install.md)) it is \`kmatrix NAME\`.
`;

/** Groups in the order of the help page. */
const GROUPS: readonly Command["group"][] = ["Runs", "Stages", "Search", "Reports", "Machine"];

function optionRow({ flags, help, initial, isShown, isRequired, choices }: OptionSpec<unknown>) {
  const more = [
    ...(choices === undefined ? [] : [choices.map((one) => `\`${one}\``).join(", ")]),
    ...(isShown ? [`default \`${initial}\``] : []),
    ...(isRequired ? ["required"] : []),
  ];
  const notes = more.length === 0 ? "" : ` (${more.join("; ")})`;
  return `| \`${flags.replaceAll("|", "\\|")}\` | ${tableCell(help)}${notes} |`;
}

function optionRows({ options }: Command): string[] {
  const all = inGroups(options);
  if (all.length === 0) return [];
  return ["", "| option | what |", "| --- | --- |", ...all.map(optionRow)];
}

function section(command: Command): string {
  const words = command.arguments === "" ? "" : ` ${command.arguments}`;
  return [
    `### ${command.name}${tableCell(words)}`,
    "",
    `${tableCell(command.help)}.`,
    "",
    "```",
    `npx --yes ${command.example}`,
    "```",
    ...optionRows(command),
  ].join("\n");
}

/** The whole page, not formatted. */
export function commandsPage(commands: readonly Command[]): string {
  const groups = GROUPS.flatMap((group) => {
    const own = commands.filter((command) => command.group === group);
    return own.length === 0 ? [] : [`## ${group}`, ...own.map(section)];
  });
  return `${[HEAD.trimEnd(), ...groups].join("\n\n")}\n`;
}
