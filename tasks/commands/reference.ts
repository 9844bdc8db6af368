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

const BESIDE =
  `Programs that test the tool and write its documents; they have no launcher. The tests
\`test:bisect\`, \`test:hostile\`, \`test:browser\`, \`test:ci\` and \`test:slurm\` take no options.`;

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

/** A task of deno.json that is a program of its own. */
export interface Program {
  readonly name: string;
  /** What `--help` prints. */
  readonly help: string;
}

function programSection({ name, help }: Program): string {
  return [`### ${name}`, "", "```", help.trim(), "```"].join("\n");
}

/** The whole page, not formatted. */
export function commandsPage(
  commands: readonly Command[],
  programs: readonly Program[],
): string {
  const groups = GROUPS.flatMap((group) => {
    const own = commands.filter((command) => command.group === group);
    return own.length === 0 ? [] : [`## ${group}`, ...own.map(section)];
  });
  const beside = ["## Beside the tool", BESIDE, ...programs.map(programSection)];
  return `${[HEAD.trimEnd(), ...groups, ...beside].join("\n\n")}\n`;
}
