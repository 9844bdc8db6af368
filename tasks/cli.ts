// SPDX-License-Identifier: MIT
/** The command line: a loop over the commands, each with its own options and help page. */
import { Command as Program, Option } from "commander";
import type { Command, Invocation } from "./commands/command.ts";
import { flagsOf } from "./commands/command.ts";
import { COMMANDS } from "./commands/mod.ts";
import { type CalledAs, DENO_TASK } from "./cli/called_as.ts";
import { withoutLogCommands } from "./core/text/log_commands.ts";
import { plainText } from "./core/text/plain_text.ts";
import { FORMER_NAMES, inGroups, type OptionSpec } from "./cli/options.ts";

const EXIT_HELP = `
Exit codes: 0 as declared · 1 bug in kmatrix · 2 bad input · 3 test failed or kernel died ·
4 nothing matched · 5 patch, config, build or inspect failed · 6 infrastructure ·
130, 143 interrupted. See docs/verdicts.md.
`;

/**
 * The program; `perform` is called with what the user asked for. Commander prints help and usage
 * errors by itself and throws CommanderError then.
 */
export function makeProgram(
  perform: (invocation: Invocation) => Promise<void>,
  as: CalledAs = DENO_TASK,
  commands: readonly Command[] = COMMANDS,
): Program {
  const program = new Program("kmatrix")
    .usage(`<command> [options]${as.usage}`)
    .option("-V, --version", "print the versions of kmatrix, Deno, clang and QEMU")
    .description(
      "Builds Linux kernels across a config matrix with clang, boots each under QEMU,\n" +
        "runs KCOV's selftests in the guest, and says what happened.",
    )
    .addHelpText("after", EXIT_HELP)
    .configureOutput({
      outputError: (text, write) => write(withoutLogCommands(plainText(text))),
    })
    .exitOverride();
  program.addHelpCommand(
    new Program("help").argument("[command]").description("print the help page of a command")
      .helpGroup("Machine:"),
  );
  // What looks alike is no help where other commands have that very option.
  program.hook("preSubcommand", (_, parser) => {
    parser.showSuggestionAfterError(whoHasOption(wordsOf(program)) === null);
  });
  for (const command of commands) addCommand(command, program, as, perform);
  return program;
}

function addCommand(
  command: Command,
  program: Program,
  as: CalledAs,
  perform: (invocation: Invocation) => Promise<void>,
): void {
  const parser = program.command(command.name)
    .description(command.help)
    .helpGroup(`${command.group}:`)
    .addHelpText("after", `\nExample: ${as.example(command.example)}\n`)
    .configureOutput({
      // It quotes words of the command line: names of branches and files, in a CI.
      outputError: (text, write) => write(withoutLogCommands(plainText(`kmatrix: ${text}`))),
    })
    .exitOverride();
  if (command.arguments !== "") parser.arguments(command.arguments);
  for (const option of inGroups(command.options)) parser.addOption(commanderOption(option));
  parser.addHelpOption(new Option("-h, --help", "print this page").helpGroup("Output:"));
  parser.action(async () => {
    const words = parser.args;
    if (command.wantsDashes !== null && words.length > 1 && !wordsOf(program).includes("--")) {
      program.error(`kmatrix: ${command.wantsDashes}`);
    }
    await perform(command.invoke(words, parser.opts()));
  });
}

/** The whole command line. Commander has it, and its types do not. */
function wordsOf(program: Program): readonly string[] {
  const words: unknown = Reflect.get(program, "rawArgs");
  return Array.isArray(words) ? words : [];
}

function commanderOption(spec: OptionSpec<unknown>): Option {
  const option = new Option(spec.flags, spec.help).helpGroup(`${spec.heading}:`);
  if (spec.choices !== undefined) option.choices(spec.choices);
  if (spec.isShown) option.default(spec.initial);
  if (spec.isRequired) option.makeOptionMandatory();
  if (spec.read !== undefined) {
    option.argParser((text, before) => spec.read!(text, before ?? spec.initial));
  }
  return option;
}

/**
 * Which commands have an option that one does not know; null where none has it, or it is not that.
 * @param args The command line that commander has refused.
 */
export function whoHasOption(args: readonly string[]): string | null {
  const end = args.indexOf("--");
  // `--jobs=4` and `-j4` as well.
  const words = (end < 0 ? args : args.slice(0, end)).map((word) =>
    word.startsWith("--") ? word.split("=")[0]! : word.startsWith("-") ? word.slice(0, 2) : word
  );
  const command = COMMANDS.find(({ name }) => name === words[0]);
  const has = (one: Command, word: string) =>
    Object.values(one.options).some((option) => flagsOf(option).includes(word));
  for (const word of words.filter((one) => one.startsWith("-"))) {
    if (command && has(command, word)) continue;
    if (Object.hasOwn(FORMER_NAMES, word)) return `${word} is called ${FORMER_NAMES[word]} now`;
    const owners = COMMANDS.filter((one) => has(one, word)).map(({ name }) => name);
    if (owners.length === 0) continue;
    return command === undefined
      ? `options come after the command; ${word} is an option of ${owners.join(", ")}`
      : `${command.name} does not take ${word}; it is an option of ${owners.join(", ")}`;
  }
  return null;
}
