// SPDX-License-Identifier: MIT
/**
 * `deno task record FILE.cast [COMMAND…]`: types commands into a shell under a pseudo-terminal, keeps
 * what a person would see as an asciicast, and writes FILE.svg, which pages can show, from it.
 */
import { Command } from "@commander-js/extra-typings";
import { positive } from "../cli/options.ts";
import { EXIT, exitCodeOfCommander } from "../core/model/exit_codes.ts";
import { typedPath } from "../testing/project_copy.ts";
import { PseudoTerminal, type Size } from "../testing/pseudo_terminal.ts";
import {
  type Cast,
  type CastEvent,
  castText,
  parseCast,
  svgPathOf,
  terminalSvg,
} from "../testing/terminal_svg.ts";

/** Begins a prompt (OSC 133; A of FinalTerm): terminals show nothing of it. */
const MARK = "\x1b]133;A\x07";
const PROMPT = `${MARK}$ `;
/** Between two keys, ms. */
const KEY_MS = 45;
/** A command is given up after this, ms. */
const COMMAND_MS = 3_600_000;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * Waits until the shell asks for the next line.
 * @param from Length of the text before the command.
 * @throws Error where it does not, as a shell that never came up.
 */
async function prompted(terminal: PseudoTerminal, from: number, mostMs: number): Promise<void> {
  const due = terminal.sinceStartMs + mostMs;
  while (!terminal.text.slice(from).endsWith(PROMPT)) {
    if (terminal.sinceStartMs > due) throw new Error(`no prompt: ${terminal.text.slice(-200)}`);
    await sleep(20);
  }
}

/** Types the commands one after the other. */
async function record(commands: readonly string[], size: Size, cwd: string): Promise<Cast> {
  // A shell of root takes no PS1 of its environment; it reads this file (POSIX).
  const profile = await Deno.makeTempFile();
  await Deno.writeTextFile(profile, `PS1='${PROMPT}'\n`);
  const env = { ...Deno.env.toObject(), ENV: profile };
  const terminal = new PseudoTerminal(["sh", "-i"], size, { cwd, env });
  await prompted(terminal, 0, 10_000);
  await Deno.remove(profile);
  // What came before is of the making of the terminal.
  const begin = terminal.pieces.at(-1)!.ms;
  const skipped = terminal.pieces.length;
  const typed: CastEvent[] = [{ ms: 0, kind: "o", text: PROMPT }];
  for (const command of commands) {
    const before = terminal.text.length;
    for (const key of [...command, "\r"]) {
      await sleep(KEY_MS);
      typed.push({ ms: terminal.sinceStartMs - begin, kind: "i", text: key });
      await terminal.type(key);
    }
    await prompted(terminal, before, COMMAND_MS);
  }
  await terminal.type("exit\r");
  const decoder = new TextDecoder();
  const shown = terminal.pieces.slice(skipped).map(({ ms, bytes }): CastEvent => ({
    ...{ ms: ms - begin, kind: "o", text: decoder.decode(bytes, { stream: true }) },
  }));
  await terminal.ended();
  const events = [...typed, ...shown].toSorted((a, b) => a.ms - b.ms);
  return { ...size, events };
}

const program = new Command("record")
  .description(
    "Records commands in a terminal, and shows the recording as an SVG that moves; without commands, " +
      "writes the SVG of a recording anew.",
  )
  .argument("<file>", "the recording, an asciicast: FILE.cast; the SVG is put beside it")
  .argument("[commands...]", "what is typed, a line each")
  .option("--cwd <dir>", "the folder in which they are typed")
  .option("--columns <n>", "how wide the terminal is", positive, 92)
  .option("--rows <n>", "how high it is", positive, 24)
  .addHelpText("after", "\nExample: deno task record out/plan.cast 'kmatrix plan'")
  .exitOverride((error) => Deno.exit(exitCodeOfCommander(error)))
  .parse(Deno.args, { from: "user" });

if (import.meta.main) {
  const [file, commands] = program.processedArgs;
  const { cwd = ".", columns, rows } = program.opts();
  const path = typedPath(file);
  const svg = svgPathOf(path);
  if (svg === null) {
    console.error(`kmatrix: ${file}: a name that ends in .cast is wanted`);
    Deno.exit(EXIT.usage);
  }
  if (commands.length > 0) {
    await Deno.writeTextFile(
      path,
      castText(await record(commands, { columns, rows }, typedPath(cwd))),
    );
  }
  await Deno.writeTextFile(svg, await terminalSvg(parseCast(await Deno.readTextFile(path))));
}
