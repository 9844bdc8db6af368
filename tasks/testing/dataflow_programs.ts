// SPDX-License-Identifier: MIT
/**
 * Small C programs compiled with the plugin kcov-dataflow and run in user space. The functions under
 * test are one file; who calls them is another, compiled without the plugin.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { Elf, type ElfSymbol, SHF_EXECINSTR, STT_FUNC } from "../core/inspect/elf.ts";
import { ROOT } from "./project_copy.ts";
import { withTempDir } from "./temp_dir.ts";

const FOLDER = `${ROOT}/plugins/kcov-dataflow`;
const PROGRAMS = ["g++", "clang-22", "opt-22", "llc-22", "llvm-config-22"];

/** llvm-22-dev, clang-22 and g++ are there. */
export const CAN_TEST_PLUGIN =
  PROGRAMS.every((program) =>
    (Deno.env.get("PATH") ?? "").split(":").some((folder) => existsSync(`${folder}/${program}`))
  ) && existsSync(`${headers()}/llvm/IR/Module.h`);

/** Where LLVM's headers are once llvm-22-dev is installed. */
function headers(): string {
  const { stdout } = new Deno.Command("llvm-config-22", { args: ["--includedir"] }).outputSync();
  return new TextDecoder().decode(stdout).trim();
}

/** Both kinds of calls, with debug information; and what a kernel passes beside the plugin. */
export const BOTH = [
  ...["-mllvm", "-kcov-dataflow-args", "-mllvm", "-kcov-dataflow-ret"],
  ...["-g", "-fsanitize-coverage=trace-pc"],
];

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end. */
export async function run(argv: readonly string[], cwd?: string): Promise<Ran> {
  const [program, ...args] = argv;
  const options = cwd === undefined ? { args } : { args, cwd };
  const { code, stdout, stderr } = await new Deno.Command(program!, options).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

/** What a program prints that must succeed. */
async function answerOf(argv: readonly string[], cwd?: string): Promise<string> {
  const { code, out, err } = await run(argv, cwd);
  assert.equal(code, 0, `${argv.join(" ")}\n${err}`);
  return out;
}

let plugin: Promise<string> | undefined;

/** The plugin's path. It is compiled once for each text of its source and kept below out/test/. */
export function pluginPath(): Promise<string> {
  return plugin ??= changedPlugin((text) => text);
}

/** The path of the plugin with another text in place of that of kcov_dataflow.cpp. */
export async function changedPlugin(change: (text: string) => string): Promise<string> {
  const version = await answerOf(["llvm-config-22", "--version"]);
  const text = change(await Deno.readTextFile(`${FOLDER}/kcov_dataflow.cpp`));
  const made = version + text + await Deno.readTextFile(`${FOLDER}/note.h`);
  const digest = new Uint8Array(
    await crypto.subtle.digest("SHA-256", new TextEncoder().encode(made)),
  ).toHex();
  const folder = `${ROOT}/out/test/plugins/${digest}`;
  const path = `${folder}/kcov-dataflow.so`;
  if (existsSync(path)) return path;
  await Deno.mkdir(folder, { recursive: true });
  const draft = await Deno.makeTempDir({ dir: folder });
  await Deno.writeTextFile(`${draft}/plugin.cpp`, text);
  await answerOf([
    ...["g++", "-std=c++17", "-O1", "-fPIC", "-shared", "-fno-rtti", "-fno-exceptions"],
    // LLVM's headers are not ours to mend.
    ...["-Wall", "-Wextra", "-Werror", "-isystem", headers(), "-I", FOLDER],
    ...[`${draft}/plugin.cpp`, "-o", `${draft}/plugin.so`],
  ]);
  await Deno.rename(`${draft}/plugin.so`, path);
  await Deno.remove(draft, { recursive: true });
  return path;
}

/** Registers the tests of a file that needs the plugin; they are ignored where it cannot be made. */
export function testPlugin(name: string, body: (folder: ProgramFolder) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !CAN_TEST_PLUGIN,
    fn: () => withTempDir(async (dir) => await body(new ProgramFolder(dir))),
  });
}

/** What `.comment` says that the plugin inserted. */
export interface Noted {
  readonly functions: number;
  readonly args: number;
  readonly lost: number;
  readonly rets: number;
  readonly tables: number;
  readonly fields: number;
}

const FORMS = ["own", "posted-pc", "posted-pointer"] as const;
export type Form = typeof FORMS[number];

/** A folder in which C is compiled. */
export class ProgramFolder {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** Writes C and gives its path. */
  async write(name: string, text: string): Promise<string> {
    const path = `${this.dir}/${name}`;
    await Deno.writeTextFile(path, text);
    return path;
  }

  /** Compiles C with the plugin, whatever becomes of it; without -O2 where flags have another -O. */
  async compile(
    text: string,
    flags: readonly string[] = BOTH,
    output: readonly string[] = ["-c", "-o", "subject.o"],
  ): Promise<Ran> {
    const source = await this.write("subject.c", text);
    const level = flags.some((flag) => /^-O/.test(flag)) ? [] : ["-O2"];
    const argv = ["clang-22", ...level, "-fno-pie", `-fpass-plugin=${await pluginPath()}`];
    return await run([...argv, ...flags, ...output, source], this.dir);
  }

  /** The object that is made of C. */
  async object(text: string, flags: readonly string[] = BOTH): Promise<Elf> {
    const { code, err } = await this.compile(text, flags);
    assert.equal(code, 0, err);
    return new Elf(await Deno.readFile(`${this.dir}/subject.o`), "subject.o");
  }

  /** The assembly that is made of C. */
  async assembly(text: string, flags: readonly string[] = BOTH): Promise<string> {
    const { code, out, err } = await this.compile(text, flags, ["-S", "-o", "-"]);
    assert.equal(code, 0, err);
    return out;
  }

  /**
   * Runs functions from a `main` in a file of its own, and tells what was reported, a line a call:
   *
   *     add(0) 4: 0x2            an argument: its index, bytes, value
   *     add = 4: 0x5             a return value
   *     sum(0) 16: {0x1 0x2}     an object and its members; {} behind a null pointer
   *     quiet(1) ?               nothing known
   *
   * The function is the one that the callback returns into.
   */
  async told(
    { subject, main, flags = BOTH, form = "own" }: {
      readonly subject: string;
      readonly main: string;
      readonly flags?: readonly string[];
      readonly form?: Form;
    },
  ): Promise<string[]> {
    const words = form === "own" ? flags : [...flags, "-mllvm", `-kcov-dataflow-form=${form}`];
    await this.object(subject, words);
    const caller = await this.write("main.c", main);
    await answerOf([
      ...["clang-22", "-O1", "-no-pie", "-fno-pie", `-DFORM=${FORMS.indexOf(form)}`, "-w"],
      ...[caller, `${FOLDER}/tests/runtime.c`, "subject.o", "-o", "program"],
    ], this.dir);
    const symbols = new Elf(await Deno.readFile(`${this.dir}/program`), "program").symbolTable
      .filter(({ type, size }) => type === STT_FUNC && size > 0);
    const lines = (await answerOf([`${this.dir}/program`])).trim();
    return lines === "" ? [] : lines.split("\n").map((line) => readable(line, symbols, form));
  }
}

function readable(line: string, symbols: readonly ElfSymbol[], form: Form): string {
  const [kind, ...words] = line.split(" ");
  const place = Number.parseInt(words.shift()!, 16) - 1;
  const within = symbols.find(({ value, size }) => place >= value && place < value + size);
  const name = within?.name ?? "?";
  if (form !== "own") {
    const address = Number.parseInt(words.shift()!, 16);
    assert.equal(address, within?.value, `${line}: not the address of ${name}`);
  }
  const what = kind === "args" ? `${name}(${Number.parseInt(words.shift()!, 16)})` : `${name} =`;
  const [size, value, pairs, ...members] = words;
  if (size === "0") {
    assert.deepEqual([value, pairs], ["0", "0"], line);
    return `${what} ?`;
  }
  const bytes = Number.parseInt(size!, 16);
  const shown = pairs === "0" ? `0x${value}` : `{${members.map((one) => `0x${one}`).join(" ")}}`;
  return `${what} ${bytes}: ${shown}`;
}

/** The line that the plugin left in `.comment`; fails unless there is exactly one. */
export function notedIn(elf: Elf): Noted {
  const comment = elf.sections.find(({ name }) => name === ".comment");
  const strings = new TextDecoder().decode(elf.content(comment!)).split("\0");
  const ours = strings.filter((one) => one.startsWith("kcov-dataflow"));
  assert.equal(ours.length, 1, strings.join("\n"));
  const numbers = ["functions", "args", "lost", "rets", "tables", "fields"]
    .map((name) => `${name}=(\\d+)`).join(" ");
  const found = new RegExp(`^kcov-dataflow 1: ${numbers}$`).exec(ours[0]!);
  assert.ok(found, ours[0]!);
  const [functions, args, lost, rets, tables, fields] = found.slice(1).map(Number) as [
    ...[number, number, number, number, number, number],
  ];
  return { functions, args, lost, rets, tables, fields };
}

/** How often each callback is referred to by relocations of an object's code. */
export function callsIn(elf: Elf): { args: number; rets: number } {
  const count = (name: string) =>
    elf.sections.flatMap(({ flags }, index) => flags & SHF_EXECINSTR ? elf.relocations(index) : [])
      .filter(({ symbol }) => elf.symbolTable[symbol]?.name === name).length;
  return {
    args: count("__sanitizer_cov_trace_args"),
    rets: count("__sanitizer_cov_trace_ret"),
  };
}
