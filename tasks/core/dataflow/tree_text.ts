// SPDX-License-Identifier: MIT
/** The tree of a dataflow report as lines for a terminal. */
import { globMatches } from "../../../selftests/contract/glob.ts";
import { counted } from "../text/counted.ts";
import type { DataflowArgument, DataflowCall, DataflowReport, DataflowValue } from "./report.ts";
import { walk } from "./call_tree.ts";

export interface TreeOptions {
  /** Calls deeper than that are counted and not shown; the outermost have depth 1. */
  readonly depth: number | undefined;
  /** Globs over names of functions: calls of these alone, each with what is in it. */
  readonly functions: readonly string[];
  /** Whether fields of objects are shown. */
  readonly fields: boolean;
  /** Columns of the terminal. */
  readonly width: number;
  /** Makes what matters stand out. */
  readonly mark: (text: string) => string;
}

const INDENT = "  ";
/** Between what is told of a call. */
const GAP = "  ";
/** Narrower than that, fields would stand one below the other. */
const NARROWEST = 40;

/** "lseek(-1, 0, 0) = -9 EBADF on linux-6.12-dataflow/dataflow: 4 calls, 9 records" */
export function headText({ cell, call, result, errno, records, calls }: DataflowReport): string {
  const said = errno === null ? `${result}` : `${result} ${errno}`;
  const all = [...walk(calls)].length;
  return `${call} = ${said} on ${cell}: ${counted(all, "call")}, ${counted(records, "record")}`;
}

/** What is printed of a report. */
export function treeLines(report: DataflowReport, options: TreeOptions): string[] {
  const { calls, remarks, errno } = report;
  const lines = [headText(report), ...remarks.map(({ text }) => `note: ${text}`), ""];
  if (options.functions.length === 0) return [...lines, ...listed(calls, 1, errno, options)];
  const shown = matching(calls, options.functions);
  if (shown.length === 0) lines.push(`(no call of ${options.functions.join(", ")} is recorded)`);
  for (const way of shown) {
    const around = way.slice(0, -1).map((one) => one.function);
    if (around.length > 0) lines.push(`in ${around.join(" > ")}:`);
    lines.push(...listed(way.slice(-1), 1, errno, options), "");
  }
  return lines;
}

/** The ways to calls that match, without those within another one that does. */
function matching(
  calls: readonly DataflowCall[],
  globs: readonly string[],
): (readonly DataflowCall[])[] {
  const matches = (call: DataflowCall) => globs.some((glob) => globMatches(glob, call.function));
  return [...walk(calls)].filter((way) => matches(way.at(-1)!) && !way.slice(0, -1).some(matches));
}

function listed(
  calls: readonly DataflowCall[],
  depth: number,
  errno: string | null,
  options: TreeOptions,
): string[] {
  const indent = INDENT.repeat(depth - 1);
  if (options.depth !== undefined && depth > options.depth) {
    const hidden = [...walk(calls)];
    if (hidden.length === 0) return [];
    const born = hidden.some((way) => way.at(-1)!.bornHere) ? `, ${errno} is born in one` : "";
    return [`${indent}… ${counted(hidden.length, "call")}${born}`];
  }
  return calls.flatMap((call, index) => [
    ...(call.lostBefore > 0 ? [`${indent}… ${counted(call.lostBefore, "record")} missing`] : []),
    ...callLines(call, index === 0, errno, indent, options),
    ...(options.fields ? fieldLines(call, indent + INDENT + INDENT, options.width) : []),
    ...listed(call.calls, depth + 1, errno, options),
  ]);
}

/** A call in one line, or where the terminal is narrower, broken between arguments and behind them. */
function callLines(
  call: DataflowCall,
  isFirst: boolean,
  errno: string | null,
  indent: string,
  { width, mark }: TreeOptions,
): string[] {
  const place = placeText(call);
  const note = noteText(call, isFirst);
  const born = call.bornHere ? `<- ${bornText(call, errno)}` : "";
  const behind = [place, note === "" ? "" : `[${note}]`, born].filter((text) => text !== "");
  const whole = [`${indent}${signature(call)}`, ...behind].join(GAP);
  const lines = whole.length <= width
    ? [`${indent}${signature(call)}`]
    : wrapped(`${indent}${call.function}(`, argumentTexts(call), width, `)${returnText(call)}`);
  let line = lines.pop()!;
  let columns = line.length;
  for (const text of behind) {
    if (columns + GAP.length + text.length > width) {
      lines.push(line);
      line = indent + INDENT;
      columns = line.length;
    }
    line += GAP + (text === born ? mark(text) : text);
    columns += GAP.length + text.length;
  }
  return [...lines, line];
}

/** "ksys_lseek(unsigned int fd=5, …) = 0" */
export function signature(call: DataflowCall): string {
  return `${call.function}(${argumentTexts(call).join(", ")})${returnText(call)}`;
}

function returnText({ returned }: DataflowCall): string {
  return returned === null ? "" : ` = ${returned.value}`;
}

/** "EINVAL is born here", and where it is returned, if that is another line than the function's. */
export function bornText({ file, line, returned }: DataflowCall, errno: string | null): string {
  const isThere = returned === null || returned.file === "" ||
    returned.file === file && returned.line === line;
  return `${errno} is born here${isThere ? "" : `, returned in ${placeText(returned)}`}`;
}

/** "fs/read_write.c:386"; "" where it is not known. */
export function placeText({ file, line }: Pick<DataflowCall, "file" | "line">): string {
  return file === "" ? "" : `${file}:${line === 0 ? "?" : line}`;
}

function argumentTexts({ arguments: list }: DataflowCall): string[] {
  return list === null ? ["…"] : list.map((one) => `${declared(one)}=${one.value}`);
}

/** "unsigned int fd"; of a parameter that is not known, its number alone. */
function declared({ name, index, type }: DataflowArgument): string {
  const shown = name ?? `arg${index}`;
  if (type === null) return shown;
  return /[*(]$/.test(type) ? `${type}${shown}` : `${type} ${shown}`;
}

/**
 * What of a call is not recorded, for people; "" where nothing is left open.
 * @param isFirst Nothing was recorded before it within the same call.
 */
export function noteText(
  { recorded, arguments: list }: DataflowCall,
  isFirst: boolean,
): string {
  switch (recorded) {
    case "whole":
      return "";
    case "no-entry": {
      const texts = [
        ...(list === null ? ["no entry recorded"] : []),
        ...(isFirst ? [] : ["calls above may be its own"]),
      ];
      return texts.join(": ");
    }
    case "no-return":
      return "no return recorded: calls at its end may be its caller's";
    case "open":
      return "no return recorded up to the end";
  }
}

function fieldLines(call: DataflowCall, indent: string, width: number): string[] {
  const objects: (readonly [string, DataflowValue])[] = (call.arguments ?? []).map((one) => [
    one.name ?? `arg${one.index}`,
    one,
  ]);
  if (call.returned !== null) objects.push(["returned", call.returned]);
  return objects.flatMap(([name, { fields, moreFields }]) => {
    if (fields === null) return [];
    const texts = fields.map((one) => `${one.name || "(unnamed)"}=${one.value}`);
    if (moreFields > 0) texts.push(`… ${moreFields} more`);
    return wrapped(`${indent}${name}: `, texts, width);
  });
}

/** Words with commas, on as many lines as it takes; the later ones begin below the first word. */
function wrapped(head: string, words: readonly string[], width: number, end = ""): string[] {
  const within = Math.max(width, head.length + NARROWEST);
  const lines: string[] = [];
  let line = head;
  for (const [at, word] of words.entries()) {
    const text = at === words.length - 1 ? word + end : `${word},`;
    if (line.trim() !== head.trim() && line.trim() !== "" && line.length + text.length > within) {
      lines.push(line.trimEnd());
      line = " ".repeat(head.length);
    }
    line += `${text} `;
  }
  return [...lines, line.trimEnd()];
}
