// SPDX-License-Identifier: MIT
/** Reads a kernel's log line by line: which lines are one report, and what follows from what. */
import {
  type ComplaintId,
  endsInDie,
  hasBareStack,
  hasTwoTitles,
  isStall,
  TOO_MANY,
} from "./complaint_kinds.ts";
import { type Complaint, complaintIn } from "./complaints.ts";
import type { LogLine } from "./kernel_log.ts";
import { isAskedFor, isBodyLine, isFrameLine, isReportLine } from "./report_lines.ts";
import { RunMarks } from "./run_marks.ts";

/** One complaint, while its report is read. */
export interface Report {
  id: ComplaintId;
  title: string;
  readonly during: string;
  readonly root: boolean;
  fatal: boolean;
  readonly lines: string[];
  /** Of each of the lines, its number in the file; none where it is no line of it. */
  readonly numbers: number[];
  /** Number of the line with its title. */
  readonly titleAt: number;
  /** Only titles and what explains them so far; a report; a report that has ended. */
  stage: "title" | "body" | "ended";
  /** A mark ended it: the rest of its stack may follow. */
  marked: boolean;
  /** Its last title names an inlined function, and one more is to come. */
  inlined: boolean;
  /** Its stack was announced; an entry of it was printed; all of them were. */
  headed: boolean;
  framed: boolean;
  traced: boolean;
  /** Lines since the last one that has the form of a report's. */
  idle: number;
  /** It is sure that this is a complaint. */
  sure: boolean;
  /** Its title has no stamp in a log of which other lines have one. */
  readonly doubtful: boolean;
  /** In the middle of which it came, and which goes on behind it. */
  readonly outer: Report | null;
  /** Whose stack this panic prints. */
  readonly cause: Report | null;
}

/** Reasons of a panic that only repeat what was said before, and the kinds of what may have been. */
const FOLLOWS: readonly (readonly [reason: RegExp, follows: (id: ComplaintId) => boolean])[] = [
  [/: softlockup: /i, (id) => id === "soft-lockup"],
  [/: (?:Hard LOCKUP|nmi watchdog)/i, (id) => id === "hard-lockup"],
  [/: RCU Stall|panic_on_rcu_stall/i, (id) => id === "rcu-stall"],
  [/: hung_task: /i, (id) => id === "hung-task"],
  [/: (?:Out of memory|System is deadlocked|.*panic_on_oom)/i, (id) => id === "oom"],
  [/: .*workqueue/i, (id) => id === "workqueue-lockup"],
  [/: (?:kernel stack overflow|.*stack guard hit)/i, (id) => id === "stack-overflow"],
  [/: .*SError/, (id) => id === "machine-check"],
  [/: .*(?:panic_on_(?:warn|taint)|[a-z]san\.(?:panic|fault))/i, () => true],
  // What ends in die(): every fault, and every check that calls BUG().
  [
    /: (?:Fatal exception|.*panic_on_oops|Aiee|Attempted to kill|Machine halted|Oops)/i,
    endsInDie,
  ],
];

const OTHER_CPU = /^(?:NMI backtrace for cpu \d|CPU: \d+ (?:UID: \d+ )?PID: \d+ Comm: )/;
const CUT_HERE = /^------------\[ cut here \]------------$/;
const RULE = /^={20,}$/;
const END = /^---\[ end (?:trace|Kernel panic)/;
const INLINED = / \[inline\]$/;
const TRACE = /^(?:stack backtrace:|Call [Tt]race:)/;

/** Lines of one report; behind so many characters of all, each has only as many as people read. */
const LINES_KEPT = 5000;
const ALL_KEPT = 16 << 20;
/** As many lines of a report as people read. */
export const LINES_SHOWN = 100;
/** Characters of a line; the longest that printk writes is half of it (PRINTKRB_RECORD_MAX). */
const LINE_KEPT = 2000;
/** Complaints of one console; what comes behind that many is one more, which nothing allows. */
const REPORTS_READ = 5000;
/** Lines between a cut mark and the title that belongs to it. */
const WARNING_WORDS = 10;
/** Reports in the middle of reports. */
const DEPTH = 4;

/** Lines of others in a row, behind which a report does not go on. */
function patience({ sure, stage, traced }: Report): number {
  // A notice, if nothing follows.
  if (!sure) return 8;
  if (traced) return 20;
  // A stack is to come, and other tasks may print much before it does.
  return stage === "body" ? 200 : 30;
}

const isGoing = ({ stage }: Report): boolean => stage !== "ended";
const isUntraced = (report: Report | null | undefined): report is Report =>
  !!report && report.sure && isGoing(report) && !report.traced;
/** Its title says where, and what is wrong may be said beside it. */
const isPlace = ({ id, title }: Report): boolean =>
  id === "warning" || (id === "bug" && /^kernel BUG at/i.test(title));

/** Whether a title belongs to a report with such a first title. */
function continuesIt({ id, continues }: Complaint, report: Report): boolean {
  if (!continues?.includes(report.id)) return false;
  // "BUG: a wheel is lost" may be what a WARN() says, "kernel BUG at" is not.
  return id !== "warning" || report.id !== "bug" || CUT_HERE.test(report.lines[0]!);
}

/** Words that programs print, too. */
function isGeneral({ id }: Complaint, title: string): boolean {
  return (id === "bug" && title.startsWith("BUG")) ||
    (id === "oops" && /^Oops(?!.*\[#)/.test(title));
}

interface Kept {
  readonly text: string;
  readonly number: number;
}

function depth(report: Report | null): number {
  return report === null ? 0 : 1 + depth(report.outer);
}

/** Each caller has its own report and its own cut mark. */
export class ReportReader {
  readonly #found: Report[] = [];
  readonly #marks: RunMarks;
  readonly #open = new Map<string, Report>();
  readonly #cut = new Map<string, Kept[]>();
  /** The last of its kind. */
  #stall: Report | null = null;
  /** The last that makes other CPUs print. */
  #asking: Report | null = null;
  /** Titles with their times: a log that is printed a second time has no second complaint. */
  readonly #seen = new Set<string>();
  #kept = 0;

  /** @param order As of {@linkcode findSplats}. */
  constructor(order: readonly string[] | null) {
    this.#marks = new RunMarks(order);
  }

  read(line: LogLine): void {
    if (!line.kernel && !line.doubtful) return;
    const text = line.text.slice(0, LINE_KEPT);
    if (line.kernel && this.#marks.follow(text)) return this.#mark(line.caller);
    const last = this.#open.get(line.caller);
    if (CUT_HERE.test(text) || (RULE.test(text) && !(last && isGoing(last)))) {
      this.#cut.set(line.caller, [{ ...line, text }]);
      return;
    }
    const found = complaintIn(text);
    if (found && this.#title({ ...line, text }, found.complaint, found.title)) return;
    const words = this.#cut.get(line.caller);
    if (!words) return this.#body({ ...line, text });
    // A WARN()'s own words, between the cut mark and its title.
    words.push({ ...line, text });
    if (words.length > WARNING_WORDS) this.#cut.delete(line.caller);
  }

  /** The complaints of all lines, when there are no more. */
  end(): readonly Report[] {
    for (const open of this.#open.values()) {
      for (let one: Report | null = open; one; one = one.outer) this.#close(one);
    }
    return this.#found.filter(({ sure }) => sure);
  }

  #mark(caller: string): void {
    const mine = this.#open.get(caller);
    if (mine && isGoing(mine)) {
      this.#close(mine);
      mine.marked = true;
    }
    this.#cut.delete(caller);
  }

  /** Whether the line is the title of a report, or one more of it. */
  #title(line: LogLine, complaint: Complaint, title: string): boolean {
    const { text, caller } = line;
    const last = this.#open.get(caller);
    const cut = this.#cut.get(caller) ?? [];
    const whole = this.#wholeOf(last, complaint, cut.length > 0);
    if (whole) {
      if (complaint.words && whole.id !== complaint.id && isPlace(whole)) {
        Object.assign(whole, { id: complaint.id, title });
      }
      whole.fatal ||= complaint.fatal ?? false;
      if (!isGoing(whole)) whole.stage = "title";
      whole.idle = 0;
      whole.inlined = INLINED.test(text);
      this.#isReplayed(line, title);
      this.#keep(whole, [...cut, line]);
      this.#cut.delete(caller);
      this.#open.set(caller, whole);
      return true;
    }
    const general = complaint.plain || (line.doubtful && isGeneral(complaint, title));
    const sure = !general || CUT_HERE.test(cut[0]?.text ?? "");
    // In the middle of a report such words are a part of it.
    if (!sure && isUntraced(last)) return false;
    this.#cut.delete(caller);
    const report = this.#begin(line, complaint, title, cut, sure);
    if (!report || (complaint.alone && last && isGoing(last))) return true;
    if (complaint.alone) report.stage = "ended";
    this.#open.set(caller, report);
    return true;
  }

  /** The report that a title is only one more line of. */
  #wholeOf(last: Report | undefined, complaint: Complaint, cut: boolean): Report | null {
    if (complaint.id === "rcu-stall" && isUntraced(this.#stall)) return this.#stall;
    if (!last?.sure) return null;
    // A symbolizer repeats the title for each function that is inlined into the next.
    if (last.id === complaint.id && last.stage === "title" && last.inlined) return last;
    // The title of a report may have been torn off it by another one.
    for (const one of [last, last.cause, last.outer]) {
      if (one?.stage === "title" && continuesIt(complaint, one)) return one;
    }
    // The tables are printed in between.
    if (last.id === "oom" && continuesIt(complaint, last)) return last;
    const shortly = !isGoing(last) && last.idle <= 4;
    if (shortly && hasTwoTitles(last.id) && continuesIt(complaint, last)) return last;
    return !cut && last.stage === "title" && isPlace(last) && complaint.words ? last : null;
  }

  /** A new report; null where so many were found that no more are read. */
  #begin(
    line: LogLine,
    complaint: Complaint,
    title: string,
    cut: readonly Kept[],
    sure: boolean,
  ): Report | null {
    const { during } = this.#marks;
    const fatal = complaint.fatal ?? false;
    const before = this.#found.at(-1);
    if (this.#found.length > REPORTS_READ && (!fatal || before!.fatal)) return null;
    const open = this.#open.get(line.caller);
    const around = isUntraced(open) && open.during === during ? open : null;
    const root = !fatal ||
      !((before?.fatal && before.during === during) || around || this.#causeOf(title));
    const report: Report = {
      ...{ id: complaint.id, title, during, root, fatal, sure, doubtful: line.doubtful },
      ...{ lines: [], numbers: [], stage: "title", marked: false, headed: false, framed: false },
      ...{ traced: false, idle: 0, inlined: INLINED.test(line.text) },
      titleAt: line.number,
      outer: around && !fatal && depth(around) < DEPTH ? around : null,
      cause: around && !root && !around.fatal ? around : null,
    };
    if (this.#isReplayed(line, title)) {
      // Two consoles, line by line, or the whole log once more.
      if (open && isGoing(open) && open.title === title) return open;
      this.#keep(report, [...cut, line]);
      return report;
    }
    this.#keep(report, [...cut, line]);
    if (this.#found.length === REPORTS_READ && !fatal) this.#found.push(tooMany(report));
    else this.#found.push(report);
    if (report.id === "rcu-stall") this.#stall = report;
    // It makes other CPUs print their stacks, each with its own caller.
    if (isStall(report.id)) this.#asking = report;
    return report;
  }

  #causeOf(title: string): Report | undefined {
    const [, follows] = FOLLOWS.find(([reason]) => reason.test(title)) ?? [];
    const { during } = this.#marks;
    return follows && this.#found.findLast((one) => one.during === during && follows(one.id));
  }

  #isReplayed({ time, kernel }: LogLine, title: string): boolean {
    if (time === "" || !kernel) return false;
    const key = `${time} ${this.#marks.during} ${title}`;
    if (this.#seen.has(key)) return true;
    if (this.#seen.size < 4 * REPORTS_READ) this.#seen.add(key);
    return false;
  }

  /** A line that is no title. */
  #body(line: LogLine): void {
    const { text, caller, doubtful } = line;
    let last = this.#open.get(caller);
    if (isAskedFor(text)) return void this.#open.delete(caller);
    const asking = this.#asking;
    if (asking && isGoing(asking) && OTHER_CPU.test(text) && !(last && isGoing(last))) {
      this.#open.set(caller, last = asking);
    }
    if (!last) return;
    const part = isReportLine(text);
    // A line that may be a process's is one, but for what has the form of a report's.
    if (doubtful && !last.doubtful && !part) return;
    if (!isGoing(last)) {
      last.idle++;
      if (last.marked && isFrameLine(text)) this.#keep(last, [line]);
      return;
    }
    this.#keep(last, [line]);
    if (part) this.#part(last, text);
    else if (++last.idle > patience(last)) return this.#ended(caller, last);
    if (END.test(text) || RULE.test(text)) this.#ended(caller, last);
  }

  /** Follows a line that has the form of a report's. */
  #part(report: Report, text: string): void {
    report.idle = 0;
    if (isBodyLine(text)) {
      report.stage = "body";
      report.sure = true;
    }
    const head = TRACE.test(text);
    report.headed ||= head;
    const frame = isFrameLine(text);
    // In front of its own stack there may be those of locks, and of who allocated something.
    if (frame && !head && (report.headed || hasBareStack(report.id))) report.framed = true;
    if (report.framed && (!frame || text.startsWith(" </TASK>"))) report.traced = true;
  }

  /** Behind a report that came in the middle of another, the other one goes on. */
  #ended(caller: string, report: Report): void {
    this.#close(report);
    if (report.outer && isGoing(report.outer)) this.#open.set(caller, report.outer);
  }

  /** Lines of others at its end are none of it. */
  #close(report: Report): void {
    if (isGoing(report) && report.idle > 0 && report.lines.length < LINES_KEPT) {
      report.lines.length = Math.max(1, report.lines.length - report.idle);
      report.numbers.length = report.lines.length;
    }
    report.stage = "ended";
    report.idle = 0;
  }

  #keep(report: Report, more: readonly Kept[]): void {
    const room = this.#kept < ALL_KEPT ? LINES_KEPT : LINES_SHOWN;
    if (report.lines.length < room) {
      for (const { text, number } of more) {
        report.lines.push(text);
        report.numbers.push(number);
        this.#kept += text.length;
      }
    }
    if (report.cause) this.#keep(report.cause, more);
  }
}

function tooMany(last: Report): Report {
  const title =
    `more than ${REPORTS_READ} complaints: the rest of the console is not read for more`;
  return { ...last, id: TOO_MANY, title, lines: [title], numbers: [], root: true, sure: true };
}
