// SPDX-License-Identifier: MIT
/** Complaints of the kernel on its console: which lines belong to which, and what follows from what. */
import { type Complaint, COMPLAINT_IDS, complaintIn } from "./complaints.ts";
import { kernelLog, type LogLine } from "./kernel_log.ts";
import type { Text } from "./lines.ts";
import { blameOf } from "./blame.ts";
import { isAskedFor, isBodyLine, isFrameLine, isReportLine } from "./report_lines.ts";
import type { StackFrame } from "./stack_trace.ts";

export interface Splat {
  /** Stable word: "panic", "oops", "kasan-use-after-free", …; docs/verdicts.md lists all. */
  readonly id: string;
  /** The words that name it, without what stands in front of them in their line. */
  readonly title: string;
  /** The test that ran, "boot" before the first, "teardown" behind the last, or "between tests". */
  readonly during: string;
  /** Its lines, from the cut mark or the title on, bounded. */
  readonly lines: readonly string[];
  /** False for the consequence of an earlier one, such as the panic that an oops ends in. */
  readonly root: boolean;
  /** The kernel stopped here for good. */
  readonly fatal: boolean;
  /** Innermost first; empty where no stack was printed. */
  readonly frames: readonly StackFrame[];
  /** The function that it is blamed on; null where the report names none. */
  readonly blamed: StackFrame | null;
  /** Equal for the same complaint in all cells, see formats/blame.ts. */
  readonly fingerprint: string;
}

/** Reasons of a panic that only repeat what was said before, and the kinds of what may have been. */
const FOLLOWS: readonly (readonly [reason: RegExp, ids: RegExp])[] = [
  [/: softlockup: /i, /^soft-lockup$/],
  [/: Hard LOCKUP|: nmi watchdog/i, /^hard-lockup$/],
  [/: RCU Stall|panic_on_(?:rcu_)?stall/i, /^rcu-stall$/],
  [/: hung_task: /i, /^hung-task$/],
  [/: (?:Out of memory|System is deadlocked|.*panic_on_oom)/i, /^oom$/],
  [/: Workqueue|panic_on_stall/i, /^workqueue-lockup$/],
  [/: kernel stack overflow|stack guard hit/i, /^stack-overflow$/],
  [/: Asynchronous SError/, /^machine-check$/],
  [/: .*(?:panic_on_(?:warn|taint)|[a-z]san\.(?:panic|fault))/i, /./],
  // What ends in die(): every fault, and every check that calls BUG().
  [
    /: (?:Fatal exception|.*panic_on_oops|Aiee|Attempted to kill|Machine halted|Oops)/i,
    /^(?:page-fault|general-protection|oops|bug|double-fault|stack-overflow|kasan.*|ubsan|control-flow|list-corruption|refcount|usercopy|fortify|slab-corruption|debug-objects|bad-page)$/,
  ],
];

/** Kinds that make other CPUs print their stacks, each with its own caller. */
const ASKS_ALL_CPUS = /^(?:rcu-stall|soft-lockup|hard-lockup|hung-task|workqueue-lockup)$/;
const OTHER_CPU = /^(?:NMI backtrace for cpu \d|CPU: \d+ (?:UID: \d+ )?PID: \d+ Comm: )/;

const RUN_MARK = /^kmatrix: (RUN|END|DONE)(?: (\S+))?$/;
const CUT_HERE = /^------------\[ cut here \]------------$/;
const RULE = /^={20,}$/;
const END_OF_SPLAT = /^---\[ end (?:trace|Kernel panic)/;
/** A title of which the rest stands in the next line, for another CPU printed in between. */
const HALF_TITLE =
  /(?:^|\s)(?:BUG:(?: K[A-Z]{2,4}SAN:| KFENCE:)?|WARNING:|INFO:|UBSAN:|Kernel panic - not syncing:?|unable to handle(?: kernel)?)$|^(?:BUG|WARNING|INFO|Kernel panic|general protection|kernel BUG|Unable to handle|list_(?:add|del)|UBSAN)\b.* (?:at|in|for|of|to|the|than|from|by|on|with|probably|invalid|context)$/;

/** Lines of one splat, and of all of them; then each has only as many as reports show. */
const LINES_KEPT = 5000;
const ALL_LINES_KEPT = 200_000;
const LINES_SHOWN = 100;
/** Characters of a line; the longest that printk writes is half of it (PRINTKRB_RECORD_MAX). */
const LINE_KEPT = 2000;
/** Complaints of one console; what comes behind that many is one more, which nothing allows. */
const SPLATS_READ = 5000;
export const TOO_MANY = "too-many";
/** Lines between a cut mark and the title that belongs to it. */
const WARNING_WORDS = 10;
/** Lines in a row that have nothing of a report, and end it: other tasks print, too. */
const NOISE = 30;
/** The same where it is not sure that a report follows. */
const DOUBT = 8;

/** The console as plain lines, for people. */
export function consoleLines(console: Text): string[] {
  return Array.from(kernelLog(console), ({ text }) => text);
}

/** As many of a splat's lines as people read: its beginning and its end. */
export function linesShown(lines: readonly string[]): string[] {
  if (lines.length <= LINES_SHOWN) return [...lines];
  const half = LINES_SHOWN / 2;
  const left = `… ${lines.length - LINES_SHOWN} lines …`;
  return [...lines.slice(0, half), left, ...lines.slice(-half)];
}

interface Open {
  id: string;
  title: string;
  readonly during: string;
  readonly root: boolean;
  fatal: boolean;
  readonly lines: string[];
  /** The row of its first title. */
  readonly complaint: Complaint;
  /** Only titles and what explains them so far; a report; a report that has ended. */
  stage: "title" | "body" | "ended";
  /** A mark ended it: the rest of its stack may follow. */
  marked: boolean;
  /** An entry of a stack was printed; all of them were. */
  framed: boolean;
  traced: boolean;
  /** Lines since the last one that has the form of a report's. */
  idle: number;
  /** It is sure that this is a complaint. */
  sure: boolean;
  /** In the middle of which it came, and which goes on behind it. */
  readonly outer: Open | null;
  /** Whose stack this panic prints. */
  readonly cause: Open | null;
}

/** Where the marks say that the guest is. */
class Progress {
  readonly #order: readonly string[] | null;
  during = "boot";
  #at = -1;

  constructor(order: readonly string[] | null) {
    this.#order = order;
  }

  /** Follows a mark; one that cannot be the guest's next is none of its own. */
  follow(word: string, test: string | undefined): void {
    if (word === "DONE") this.during = "teardown";
    else if (test === undefined) return;
    else if (word === "END") {
      if (this.during === test) this.during = "between tests";
    } else {
      // Forward only: printk may drop marks, but never brings one back.
      const next = this.#order === null ? 0 : this.#order.indexOf(test, this.#at + 1);
      if (next < 0) return;
      this.#at = this.#order === null ? -1 : next;
      this.during = test;
    }
  }
}

/** Reads a console line by line. Each caller has its own report, cut mark and half of a title. */
class Finder {
  readonly found: Open[] = [];
  readonly #progress: Progress;
  readonly #open = new Map<string, Open>();
  readonly #cut = new Map<string, string[]>();
  readonly #half = new Map<string, LogLine>();
  /** Titles with their times: a log that is printed a second time has no second complaint. */
  readonly #seen = new Set<string>();
  #lines = 0;

  constructor(order: readonly string[] | null) {
    this.#progress = new Progress(order);
  }

  read(line: LogLine): void {
    if (!line.kernel && !line.doubtful) return;
    const { caller } = line;
    const text = line.text.slice(0, LINE_KEPT);
    const mark = line.kernel ? RUN_MARK.exec(text) : null;
    if (mark) return this.#mark(caller, mark[1]!, mark[2]);
    const half = this.#half.get(caller);
    if (half) {
      this.#half.delete(caller);
      const rest = text.trimStart();
      if (!CUT_HERE.test(text) && !RULE.test(text) && !isBodyLine(text) && !complaintIn(rest)) {
        return this.#line({ ...half, text: `${half.text.trimEnd()} ${rest}`.slice(0, LINE_KEPT) });
      }
      this.#line(half);
    }
    if (HALF_TITLE.test(text.trimEnd())) this.#half.set(caller, { ...line, text });
    else this.#line({ ...line, text });
  }

  end(): void {
    for (const half of this.#half.values()) this.#line(half);
    for (const open of this.#open.values()) {
      for (let one: Open | null = open; one; one = one.outer) this.#close(one);
    }
  }

  #mark(caller: string, word: string, test: string | undefined): void {
    this.#progress.follow(word, test);
    const mine = this.#open.get(caller);
    if (mine && mine.stage !== "ended") {
      this.#close(mine);
      mine.marked = true;
    }
    this.#cut.delete(caller);
  }

  #line(line: LogLine): void {
    const { text, caller } = line;
    const last = this.#open.get(caller);
    if (CUT_HERE.test(text) || (RULE.test(text) && !(last && isGoing(last)))) {
      this.#cut.set(caller, [text]);
      return;
    }
    const found = complaintIn(text);
    if (found && this.#title(line, found.complaint, found.title)) return;
    const words = this.#cut.get(caller);
    if (words) {
      // A WARN()'s own words, between the cut mark and its title.
      words.push(text);
      if (words.length > WARNING_WORDS) this.#cut.delete(caller);
    } else this.#body(line);
  }

  /** Whether the line was the title of a report, or one more of it. */
  #title(line: LogLine, complaint: Complaint, title: string): boolean {
    const { text, caller } = line;
    const last = this.#open.get(caller);
    const cut = this.#cut.get(caller) ?? [];
    const whole = this.#continued(last, complaint, cut.length > 0);
    if (whole) {
      if (complaint.words && whole.id !== complaint.id && isPlace(whole)) {
        whole.id = complaint.id;
        whole.title = title;
      }
      whole.fatal ||= complaint.fatal ?? false;
      if (whole.stage === "ended") whole.stage = "title";
      whole.idle = 0;
      this.#keep(whole, [...cut, text]);
      this.#cut.delete(caller);
      this.#open.set(caller, whole);
      return true;
    }
    const general = complaint.plain ||
      (!line.kernel && complaint.id === "bug" && title.startsWith("BUG"));
    const sure = !general || CUT_HERE.test(cut[0] ?? "");
    const untraced = last !== undefined && last.sure && isGoing(last) && !last.traced;
    if (!sure && untraced) return false;
    this.#cut.delete(caller);
    const splat = this.#begin(line, complaint, title, cut, sure);
    if (splat && !complaint.alone) this.#open.set(caller, splat);
    return true;
  }

  /** The report that a title is only one more line of. */
  #continued(last: Open | undefined, complaint: Complaint, cut: boolean): Open | null {
    if (complaint.id === "rcu-stall") {
      const stall = this.found.findLast((one) => one.id === "rcu-stall");
      if (stall && isGoing(stall) && !stall.traced) return stall;
    }
    if (!last?.sure) return null;
    // The title of a report may have been torn off it by another one.
    for (const one of [last, last.cause, last.outer]) {
      if (one?.stage === "title" && continuesIt(complaint, one)) return one;
    }
    // The tables are printed in between.
    if (last.id === "oom" && complaint.id === "oom" && complaint.continues) return last;
    // KASAN's report of a wild pointer, and then the access itself.
    const shortly = last.stage === "ended" && last.idle <= 4;
    if (last.id === "kasan" && shortly && continuesIt(complaint, last)) return last;
    return !cut && last.stage === "title" && isPlace(last) && complaint.words ? last : null;
  }

  #begin(
    line: LogLine,
    complaint: Complaint,
    title: string,
    cut: readonly string[],
    sure: boolean,
  ): Open | null {
    const { during } = this.#progress;
    const last = this.#open.get(line.caller);
    const fatal = complaint.fatal ?? false;
    const before = this.found.at(-1);
    const full = this.found.length > SPLATS_READ && (!fatal || before!.fatal);
    const going = last !== undefined && last.sure && isGoing(last) && last.during === during;
    const root = !fatal || !(
      (before?.fatal && before.during === during) || (going && !last.traced) ||
      this.#causeOf(title, during)
    );
    const splat: Open = {
      ...{ id: complaint.id, title, during, root, fatal, complaint, sure },
      ...{ lines: [], stage: "title", marked: false, framed: false, traced: false, idle: 0 },
      outer: going && !last.traced && !fatal && depth(last) < 4 ? last : null,
      cause: going && !last.traced && !root && !last.fatal ? last : null,
    };
    const replayed = this.#isReplayed(line, title, during);
    if (replayed && last?.title === title && going) return last;
    this.#keep(splat, [...cut, line.text]);
    if (replayed || full) return splat;
    if (this.found.length === SPLATS_READ && !fatal) this.found.push(tooMany(splat));
    else this.found.push(splat);
    return splat;
  }

  #causeOf(title: string, during: string): Open | undefined {
    const [, ids] = FOLLOWS.find(([reason]) => reason.test(title)) ?? [];
    return ids && this.found.findLast((one) => one.during === during && ids.test(one.id));
  }

  #isReplayed({ time, kernel }: LogLine, title: string, during: string): boolean {
    if (time === "" || !kernel) return false;
    const key = `${time} ${during} ${title}`;
    if (this.#seen.has(key)) return true;
    if (this.#seen.size < 4 * SPLATS_READ) this.#seen.add(key);
    return false;
  }

  /** A line that is no title. */
  #body({ text, caller }: LogLine): void {
    let last = this.#open.get(caller);
    if (isAskedFor(text)) return void this.#open.delete(caller);
    if ((!last || !isGoing(last)) && OTHER_CPU.test(text)) {
      const asking = this.found.findLast((one) => isGoing(one) && ASKS_ALL_CPUS.test(one.id));
      if (asking) this.#open.set(caller, last = asking);
    }
    if (!last) return;
    if (last.stage === "ended") {
      last.idle++;
      if (last.marked && isFrameLine(text)) this.#keep(last, [text]);
      return;
    }
    this.#keep(last, [text]);
    if (isReportLine(text)) {
      last.idle = 0;
      if (isBodyLine(text)) {
        last.stage = "body";
        last.sure = true;
      }
      const frame = isFrameLine(text);
      if (frame) last.framed = true;
      if (last.framed && (!frame || text.startsWith(" </TASK>"))) last.traced = true;
    } else if (++last.idle > (last.sure ? NOISE : DOUBT)) return this.#ended(caller, last);
    if (END_OF_SPLAT.test(text) || RULE.test(text)) this.#ended(caller, last);
  }

  /** Behind a report that came in the middle of another, the other one goes on. */
  #ended(caller: string, splat: Open): void {
    this.#close(splat);
    if (splat.outer && isGoing(splat.outer)) this.#open.set(caller, splat.outer);
  }

  #close(splat: Open): void {
    if (splat.stage !== "ended" && splat.idle > 0 && splat.lines.length < LINES_KEPT) {
      splat.lines.length = Math.max(1, splat.lines.length - splat.idle);
    }
    splat.stage = "ended";
    splat.idle = 0;
  }

  #keep(splat: Open, more: readonly string[]): void {
    const room = this.#lines < ALL_LINES_KEPT ? LINES_KEPT : LINES_SHOWN;
    if (splat.lines.length < room) {
      splat.lines.push(...more);
      this.#lines += more.length;
    }
    if (splat.cause) this.#keep(splat.cause, more);
  }
}

function continuesIt({ id, continues }: Complaint, splat: Open): boolean {
  if (!continues?.includes(splat.id)) return false;
  // "BUG: Dentry … still in use" is what a WARN() says, "kernel BUG at" is not.
  return id !== "warning" || splat.id !== "bug" || CUT_HERE.test(splat.lines[0]!);
}

const isGoing = ({ stage }: Open): boolean => stage !== "ended";
/** Its title says where, and what is wrong may be said beside it. */
const isPlace = ({ id, title }: Open): boolean =>
  id === "warning" || (id === "bug" && /^kernel BUG at/i.test(title));

function depth(splat: Open | null): number {
  return splat === null ? 0 : 1 + depth(splat.outer);
}

function tooMany(last: Open): Open {
  const title = `more than ${SPLATS_READ} complaints: the rest of the console is not read for more`;
  return { ...last, id: TOO_MANY, title, lines: [title], root: true, sure: true };
}

/**
 * Every splat of a console, oldest first, with the test during which it came.
 * @param order Ids of the tests in the order of the result stream, which tells the guest's own marks
 *     from others; null where it is not known.
 */
export function findSplats(console: Text, order: readonly string[] | null = null): Splat[] {
  const finder = new Finder(order);
  for (const line of kernelLog(console)) finder.read(line);
  finder.end();
  return finder.found.filter(({ sure }) => sure)
    .map(({ id, title, during, root, fatal, lines }) => ({
      ...{ id, title, during, root, fatal, lines },
      ...blameOf(id, title, lines),
    }));
}

/** The title with the function in which it happened, where it does not name that itself. */
export function splatText({ title, blamed, fatal }: Splat): string {
  if (fatal || !blamed || title.includes(blamed.function)) return title;
  return `${title}, in ${blamed.function}${blamed.module === null ? "" : ` [${blamed.module}]`}`;
}

/** Whether the guest's last mark is there: behind it nothing of the run is missing. */
export function isWhole(console: Text): boolean {
  for (const { kernel, text } of kernelLog(console)) {
    if (kernel && text === "kmatrix: DONE") return true;
  }
  return false;
}

/** Every id of the table, once. */
export const SPLAT_IDS: readonly string[] = [...COMPLAINT_IDS, TOO_MANY];
