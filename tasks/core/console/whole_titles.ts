// SPDX-License-Identifier: MIT
/** Titles of complaints that a line end has cut in two. */
import { complaintIn } from "./complaints.ts";
import type { LogLine } from "./kernel_log.ts";
import { isReportLine } from "./report_lines.ts";

/** A title of which the rest stands in the next line, for another CPU printed in between. */
const HALF = new RegExp(
  String
    .raw`(?:^|\s)(?:BUG:(?: K[A-Z]{2,4}SAN:| KFENCE:)?|WARNING:|INFO:|UBSAN:|Kernel panic - not syncing:?|unable to handle(?: kernel)?)\s*$|` +
    String
      .raw`^(?:BUG|WARNING|INFO|Kernel panic|general protection|kernel BUG|Unable to handle|list_(?:add|del)|UBSAN)\b.* (?:at|in|for|of|to|the|than|from|by|on|with|probably|invalid|context)\s*$`,
);
/** Before 4.20 a page fault's title was printed in two parts; this is the second one. */
const SECOND_PART = /^(?:NULL pointer dereference|paging request)/;
const FIRST_PART = /unable to handle kernel\s*$/;
/** Lines of others between the two. */
const LINES_BETWEEN = 4;
const LINE_LOOKED_AT = 2000;
const CUT_HERE = /^-+\[ cut here \]/;

interface Half {
  readonly line: LogLine;
  waited: number;
}

/** The same lines, but for a title in two parts, which is one line. */
export function* wholeTitles(lines: Iterable<LogLine>): Generator<LogLine> {
  const halves = new Map<string, Half>();
  for (const line of lines) {
    const half = halves.get(line.caller);
    if (half && (line.kernel || line.doubtful)) {
      const rest = line.text.slice(0, LINE_LOOKED_AT).trimStart();
      const fits = FIRST_PART.test(half.line.text) ? SECOND_PART.test(rest) : !begins(line, rest);
      if (!fits && half.waited++ < LINES_BETWEEN && !begins(line, rest)) {
        yield line;
        continue;
      }
      halves.delete(line.caller);
      if (fits) {
        yield { ...half.line, text: `${half.line.text.trimEnd()} ${rest}` };
        continue;
      }
      yield half.line;
    }
    if (line.text.length < LINE_LOOKED_AT && HALF.test(line.text)) {
      halves.set(line.caller, { line, waited: 0 });
    } else yield line;
  }
  for (const { line } of halves.values()) yield line;
}

/** Whether a line is more than the rest of a title. */
function begins({ text }: LogLine, rest: string): boolean {
  const line = text.slice(0, LINE_LOOKED_AT);
  return CUT_HERE.test(line) || isReportLine(line) || complaintIn(rest) !== null;
}
