// SPDX-License-Identifier: MIT
/** `deno task cover`: the call as words, the entries as the guest attaches them, and the report. */
import type { SystemCallTable } from "../arch/arch.ts";
import type { CoverRequest, TestResult } from "../model/model.ts";
import {
  type CoverArgument,
  TRACE_ATTACHMENT,
  type TraceFacts,
  unpackPcs,
} from "../../../selftests/contract/cover.ts";
import { KmatrixError } from "../model/errors.ts";
import { nearest } from "../text/nearest.ts";
import { type CallParameter, isNumber } from "./call_parameters.ts";
import { addressText, frameText, type SourceFrame } from "../inspect/symbolizer.ts";

/** The two ways of collection that have PCs. */
export const COVER_MODES = ["pc", "unique"] as const;
export type CoverMode = typeof COVER_MODES[number];

/** Numbers by name from the kernel's own table: `<number> <abi> <name> …`, other ABIs left out. */
export function parseSyscallTable(
  text: string,
  { abis }: Pick<SystemCallTable, "abis">,
): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, number, abi, name] = /^(\d+)\s+(\w+)\s+(\w+)/.exec(line) ?? [];
    if (abi !== undefined && abis.includes(abi)) numbers.set(name!, Number(number));
  }
  return numbers;
}

/** System calls that do not come back to where they were called. */
const NO_RETURN = ["exit", "exit_group", "execve", "execveat", "rt_sigreturn"];
/** Those that come back in a second process as well, which would go on with the window. */
const TWO_RETURNS = ["fork", "vfork", "clone", "clone3"];

/** What a kernel says of its system calls. */
export interface KnownCalls {
  /** By name. */
  readonly numbers: ReadonlyMap<string, number>;
  /** By name, of those that are known. */
  readonly parameters: ReadonlyMap<string, readonly CallParameter[]>;
}

type Bad = (text: string) => KmatrixError;

/**
 * A call as words: a name or number, then up to six arguments. An argument is an integer as in C
 * (`-1`, `0x10`, `0644`), `null`, `buf:BYTES` for zeroed memory, `u64:N,N` for memory that holds
 * such 64-bit words, `fd` for a descriptor of a new file and `fd:PATH` for one of a file that is
 * there, and anything else is a string; `str:TEXT` is one in any case. `NAME=` in front of it puts it
 * where the kernel has the parameter of that name.
 * @throws KmatrixError "usage"
 */
export function parseCall(
  words: readonly string[],
  { numbers, parameters }: KnownCalls,
): Extract<CoverRequest, { kind: "call" }> {
  const [name = "", ...args] = words;
  const bad = (text: string) => new KmatrixError("usage", "bad-call", text);
  const number = /^\d+$/.test(name) ? Number(name) : numbers.get(name);
  const known = [...numbers].find(([, one]) => one === number)?.[0] ?? name;
  if (NO_RETURN.includes(known)) throw bad(`${known} does not return to where it was called`);
  if (TWO_RETURNS.includes(known)) {
    throw bad(
      `${known} returns twice, and the second process would run into the window of the first`,
    );
  }
  if (number === undefined) {
    throw bad(`"${name}" is no system call of this kernel${nearest(name, [...numbers.keys()])}`);
  }
  if (args.length > 6) throw bad(`${name} has ${args.length} arguments: at most 6 can be passed`);
  return { kind: "call", number, args: parseArguments(known, args, parameters.get(known), bad) };
}

/** @param declared Parameters of the call; undefined where they are not known. */
function parseArguments(
  call: string,
  words: readonly string[],
  declared: readonly CallParameter[] | undefined,
  bad: Bad,
): CoverArgument[] {
  const placed = new Map<number, CoverArgument>();
  let next = 0;
  for (const word of words) {
    const [, name, rest] = (declared && /^([a-z_]\w*)=(.*)$/s.exec(word)) ?? [];
    const at = name === undefined ? next++ : declared!.findIndex((one) => one.name === name);
    if (at < 0) {
      const names = declared!.map((one) => one.name).filter(Boolean);
      throw bad(
        `${word}: ${call} has no argument "${name}"${nearest(name!, names)}; a text with = in it ` +
          `is written str:${word}`,
      );
    }
    if (placed.has(at)) throw bad(`${word}: argument ${at + 1} of ${call} is given twice`);
    const argument = parseArgument(rest ?? word, bad);
    const parameter = declared?.[at];
    if (argument.kind === "text" && parameter && isNumber(parameter)) {
      const wanted = `${parameter.type} ${parameter.name}`.trim();
      throw bad(
        `"${argument.value}" is a text, but argument ${at + 1} of ${call} is a number ` +
          `(${wanted}): give an integer, or fd for a descriptor of an open file`,
      );
    }
    placed.set(at, argument);
  }
  const none: CoverArgument = { kind: "integer", value: "0" };
  const count = Math.max(0, ...[...placed.keys()].map((at) => at + 1));
  return Array.from({ length: count }, (_, at) => placed.get(at) ?? none);
}

/** More than any call takes that covers something new with each byte. */
const MAX_BUFFER_BYTES = 1 << 20;

function parseArgument(word: string, bad: Bad): CoverArgument {
  if (word === "null" || word === "NULL") return { kind: "integer", value: "0" };
  const integer = parseInteger(word, bad);
  if (integer !== null) return { kind: "integer", value: `${integer}` };
  const buffer = /^buf:(\d+)$/.exec(word);
  if (buffer) {
    const bytes = Number(buffer[1]);
    if (bytes < 1 || bytes > MAX_BUFFER_BYTES) throw bad(`${word}: 1 to ${MAX_BUFFER_BYTES} bytes`);
    return { kind: "buffer", bytes };
  }
  if (word.startsWith("u64:")) {
    const values = word.slice("u64:".length).split(",").map((each) => parseInteger(each, bad));
    if (values.includes(null)) throw bad(`${word}: integers behind u64:, with commas between them`);
    return { kind: "words", values: values.map(String) };
  }
  // deno-lint-ignore no-control-regex
  if (!/^[\x01-\x7f]*$/.test(word)) throw bad(`"${word}": only ASCII can be passed`);
  if (word === "fd") return { kind: "file", path: null };
  if (word.startsWith("fd:")) {
    const path = word.slice("fd:".length);
    if (!path.startsWith("/")) throw bad(`${word}: an absolute path in the guest behind fd:`);
    return { kind: "file", path };
  }
  return { kind: "text", value: word.replace(/^str:/, "") };
}

/** An integer as in C; null for what is none. */
function parseInteger(word: string, bad: Bad): bigint | null {
  const integer = /^(-?)(0x[0-9a-fA-F]+|0[0-7]+|0|[1-9]\d*)$/.exec(word);
  if (!integer) return null;
  const magnitude = BigInt(integer[2]!.replace(/^0(?=[0-7])/, "0o"));
  if (magnitude >= 1n << 64n) throw bad(`${word} has more than 64 bits`);
  return integer[1] ? -magnitude : magnitude;
}

/** "read(-1, 0, 0)" */
export function callText(words: readonly string[]): string {
  const [name, ...args] = words;
  const shown = args.map((word) =>
    /^(\w+=)?(-?\d|null$|NULL$|buf:\d|u64:|fd$|fd:\/)/.test(word) ? word : JSON.stringify(word)
  );
  return `${name}(${shown.join(", ")})`;
}

/** PCs that a test of the guest has attached, in order. */
export function attachedPcs({ attachments }: Pick<TestResult, "attachments">): bigint[] {
  return unpackPcs(attachments);
}

/** What the call came to; null where the test did not get that far. */
export function traceFacts({ attachments }: Pick<TestResult, "attachments">): TraceFacts | null {
  const facts = attachments[TRACE_ATTACHMENT] as Partial<TraceFacts> | undefined;
  return typeof facts?.entries === "number" ? facts as TraceFacts : null;
}

/** One entry with its place in the source. */
export interface Covered {
  readonly pc: bigint;
  /** The innermost inlined function first; none in a module. */
  readonly frames: readonly SourceFrame[];
}

/** Each PC once, where it came first. */
export function onceEach(entries: readonly Covered[]): Covered[] {
  return [...new Map(entries.map((one) => [one.pc, one])).values()];
}

/** Lines for one entry: address, function and place, then the functions it was inlined into. */
export function coveredLines({ pc, frames }: Covered): string[] {
  const address = addressText(pc).slice(2).padStart(16, "0");
  const [innermost, ...outer] = frames;
  if (innermost === undefined) return [`${address}  (outside vmlinux)`];
  return [
    `${address}  ${frameText(innermost)}`,
    ...outer.map((frame) => `${" ".repeat(address.length)}    inlined into ${frameText(frame)}`),
  ];
}

/** What tells an entry apart where addresses cannot: another build has others. */
function placeOf({ pc, frames }: Covered): string {
  return frames.length === 0 ? addressText(pc) : frames.map(frameText).join(" < ");
}

export interface Difference {
  readonly onlyLeft: readonly Covered[];
  readonly onlyRight: readonly Covered[];
  readonly both: number;
}

/** Sets compared, by address within one build or by place between two; each entry counts once. */
export function difference(
  left: readonly Covered[],
  right: readonly Covered[],
  by: "address" | "place",
): Difference {
  const key = by === "address" ? ({ pc }: Covered) => `${pc}` : placeOf;
  const [a, b] = [left, right].map((list) => new Map(list.map((one) => [key(one), one])));
  const without = (x: Map<string, Covered>, y: Map<string, Covered>) =>
    [...x].filter(([name]) => !y.has(name)).map(([, one]) => one);
  const onlyLeft = without(a!, b!);
  return { onlyLeft, onlyRight: without(b!, a!), both: a!.size - onlyLeft.length };
}

/** As in a diff: `-` is in the left one alone, `+` in the right one alone. */
export function differenceLines({ onlyLeft, onlyRight }: Difference): string[] {
  const marked = (mark: string, list: readonly Covered[]) =>
    list.flatMap(coveredLines).map((line) => `${mark} ${line}`);
  return [...marked("-", onlyLeft), ...marked("+", onlyRight)];
}

/** One line: "mode pc and mode unique have the same 11 PCs". */
export function differenceText(
  { onlyLeft, onlyRight, both }: Difference,
  left: string,
  right: string,
  what: string,
): string {
  if (onlyLeft.length + onlyRight.length === 0) {
    return `${left} and ${right}: the same ${both} ${what}`;
  }
  return `${left} and ${right}: ${both} ${what} in both, ${onlyLeft.length} only in ${left}, ` +
    `${onlyRight.length} only in ${right}`;
}
