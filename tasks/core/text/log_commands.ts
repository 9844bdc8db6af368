// SPDX-License-Identifier: MIT
/**
 * Text that CI services obey when they find it in the log of a job. What kernels, builds and trees
 * print ends up in such a log, so none of it may be left in what we print.
 *
 * GitHub's runner takes a line for a command that begins with "::" behind blanks, and one that has
 * "##[" anywhere (actions/runner, src/Runner.Common/ActionCommand.cs: TryParseV2, TryParse). Azure
 * Pipelines obeys "##vso[", TeamCity "##teamcity[". It reads standard output and standard error of
 * each step, also of a container that was started without GITHUB_ACTIONS in its environment: so what
 * is done here does not ask for the service.
 */

/** Blanks and marks that show nothing, as .NET's TrimStart() and string comparison pass over them. */
const NOTHING = String.raw`[^\S\n]|\p{Cf}`;
const LINE_COMMAND = new RegExp(`^((?:${NOTHING})*:)(?=\\p{Cf}*:)`, "gmu");
const BRACKET_COMMAND = /#(?=\p{Cf}*#\p{Cf}*[a-z]*\p{Cf}*\[)/giu;

/**
 * The same text with a blank inside of whatever would be a command: ": :error::x", "# #[group]x".
 * @param text Lines, of which the first begins one of the log, too.
 */
export function withoutLogCommands(text: string): string {
  return text.replace(LINE_COMMAND, "$1 ").replace(BRACKET_COMMAND, "# ");
}
