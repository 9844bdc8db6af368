// SPDX-License-Identifier: MIT

/**
 * The one table of promises: how a kernel answers where kernels may differ by design. A guest test
 * finds an answer out by behaviour and reports it; the host holds it against what
 * `kernels/<id>/promises.yaml` states. What a cell has at all is a feature (features.ts), no promise.
 */

/** What a system call comes to: "ok", the name of an errno, or "errno 71" for one without a name. */
interface Result {
  readonly kind: "result";
}

/** A count, in decimal digits. */
interface Count {
  readonly kind: "count";
  /** What is counted. */
  readonly unit: string;
}

/** One of these. */
interface Choice {
  readonly kind: "choice";
  readonly of: readonly string[];
}

export type AnswerKind = Result | Count | Choice;

interface PromiseFacts {
  /** What is asked, as a noun phrase. */
  readonly asks: string;
  readonly answer: AnswerKind;
}

const RESULT: Result = { kind: "result" };
const result = (asks: string): PromiseFacts => ({ asks, answer: RESULT });
const count = (unit: string, asks: string): PromiseFacts => ({
  asks,
  answer: { kind: "count", unit },
});
const choice = (asks: string, ...of: readonly [string, string, ...string[]]): PromiseFacts => ({
  asks,
  answer: { kind: "choice", of },
});

/** The subject of a promise stands in front of its first dot; {@link PROMISE_SUBJECTS} says it. */
export const PROMISE_TABLE = {
  "device.read": result("read(2) of a descriptor"),
  "device.write": result("write(2) to a descriptor"),
  "device.seek": result("lseek(2) of a descriptor"),
  "device.unknown-ioctl": result("an ioctl that no kernel has, in every state"),

  "init.smallest": count("words", "the smallest buffer"),
  "init.too-small": result("a buffer without room for the count and one entry"),
  "init.too-big": result("a buffer of more than INT_MAX bytes"),
  "init.no-memory": result("the biggest size, on a machine with less memory"),
  "init.again": result("a second KCOV_INIT_TRACE"),
  "init.again-bad-size": result("a second KCOV_INIT_TRACE, of a size that is none"),
  "init.while-enabled": result("KCOV_INIT_TRACE while the descriptor collects"),
  "init.while-remote": result("KCOV_INIT_TRACE while it collects remotely"),
  "init.after-use": result("KCOV_INIT_TRACE after a KCOV_DISABLE"),

  "map.before-init": result("mmap(2) before KCOV_INIT_TRACE"),
  "map.part": result("a mapping of less than the buffer"),
  "map.more": result("a mapping of more than the buffer"),
  "map.offset": result("a mapping at an offset"),
  "map.no-whole-pages": result("the mapping of a buffer that is no multiple of a page"),
  "map.read-only": result("a mapping that can only be read"),
  "map.again": result("a second mapping"),

  "enable.pc": result("KCOV_ENABLE with KCOV_TRACE_PC"),
  "enable.cmp": result("KCOV_ENABLE with KCOV_TRACE_CMP, comparisons being built in"),
  "enable.cmp-not-built": result("KCOV_ENABLE with KCOV_TRACE_CMP, comparisons not being built in"),
  "enable.unknown-mode": result("KCOV_ENABLE with another mode"),
  "enable.before-init": result("KCOV_ENABLE before KCOV_INIT_TRACE"),
  "enable.without-mapping": result("KCOV_ENABLE of a buffer that nobody has mapped"),
  "enable.again": result("KCOV_ENABLE of a descriptor by the thread that it collects from"),
  "enable.by-another": result("the same by another process"),
  "enable.busy-thread": result("KCOV_ENABLE in a thread that collects by another descriptor"),
  "enable.busy-thread-unknown-mode": result("the same with an unknown mode"),
  "enable.while-remote": result("KCOV_ENABLE of a descriptor that collects remotely"),
  "enable.beside-remote": result("KCOV_ENABLE in a thread that collects remotely by another one"),

  "disable.before-init": result("KCOV_DISABLE before KCOV_INIT_TRACE"),
  "disable.not-enabled": result("KCOV_DISABLE before KCOV_ENABLE"),
  "disable.argument": result("KCOV_DISABLE with another argument than 0"),
  "disable.another-descriptor": result("KCOV_DISABLE of another descriptor of the thread"),
  "disable.by-another": result("KCOV_DISABLE by a process that did not enable"),
  "disable.again": result("a second KCOV_DISABLE"),

  "life.exit": result("KCOV_ENABLE after the exit of the thread that collected"),
  "life.close": choice("collection after close(2) of the descriptor", "goes on", "ends"),
  "life.closed-busy-thread": result("KCOV_ENABLE of another descriptor after such a close(2)"),

  "cmp.count-that-wraps": choice(
    "a comparison behind a count so big that its place wraps around to the first one",
    "not recorded",
    "recorded in the first place",
  ),

  "remote.pc": result("KCOV_REMOTE_ENABLE with KCOV_TRACE_PC"),
  "remote.cmp": result("KCOV_REMOTE_ENABLE with KCOV_TRACE_CMP, comparisons being built in"),
  "remote.cmp-not-built": result("the same, comparisons not being built in"),
  "remote.unknown-mode": result("KCOV_REMOTE_ENABLE with another mode"),
  "remote.no-handle": result("KCOV_REMOTE_ENABLE without any handle"),
  "remote.most-handles": count("handles", "the most handles beside the common one"),
  "remote.too-many-handles": result("KCOV_REMOTE_ENABLE with more"),
  "remote.bad-pointer": result("KCOV_REMOTE_ENABLE with a pointer to nothing"),
  "remote.unknown-subsystem": result("a handle of an unknown subsystem"),
  "remote.unused-bits": result("a handle with a bit between instance and subsystem"),
  "remote.common-among-handles": result("a common handle in the list of handles"),
  "remote.zero-handle": result("0 in the list of handles"),
  "remote.usb-as-common": result("a USB handle as the common one"),
  "remote.handle-twice": result("a handle twice"),
  "remote.handle-taken": result("a handle of another process"),
  "remote.before-init": result("KCOV_REMOTE_ENABLE before KCOV_INIT_TRACE"),
  "remote.while-enabled": result("KCOV_REMOTE_ENABLE of a descriptor that collects"),
  "remote.busy-thread": result("KCOV_REMOTE_ENABLE in a thread that collects by another one"),
  "remote.busy-thread-unknown-mode": result("the same with an unknown mode"),
  "remote.second": result("KCOV_REMOTE_ENABLE in a thread that collects remotely by another one"),
  "remote.own-calls": choice(
    "calls of the thread itself while it collects remotely",
    "not collected",
    "collected",
  ),

  "section.after-disable": choice(
    "a section that ends after its owner's KCOV_DISABLE",
    "dropped",
    "arrives",
  ),
  "section.softirq-over-owner": choice(
    "KCOV_DISABLE by an owner after a softirq's section over it",
    "works",
    "refused",
  ),
  "section.inherited-handle": choice(
    "the common handle that a child has inherited, after a KCOV_DISABLE of its own",
    "kept",
    "lost",
  ),

  "unique.unknown": result("KCOV_UNIQUE_ENABLE of a kernel that does not have it"),
  "unique.not-built": result("KCOV_UNIQUE_ENABLE where CONFIG_KCOV_UNIQUE is off"),
  "unique.enable": result("KCOV_UNIQUE_ENABLE where it is on"),
  "unique.before-init": result("KCOV_UNIQUE_ENABLE before KCOV_INIT_TRACE"),
  "unique.again": result("KCOV_UNIQUE_ENABLE of a descriptor that collects so already"),
  "unique.by-another": result("the same by another process"),
  "unique.busy-thread": result("KCOV_UNIQUE_ENABLE in a thread that collects by another one"),
  "unique.busy-thread-bad-size": result("the same with a size that is none"),
  "unique.no-bitmap": result("a bitmap of no words"),
  "unique.too-big": result("a bitmap that leaves no room for the count and one PC"),
  "unique.words-beside": count("words", "the fewest words that a bitmap leaves"),
  "unique.enable-while-unique": result("KCOV_ENABLE of a descriptor in unique mode"),
  "unique.while-remote": result("KCOV_UNIQUE_ENABLE of a descriptor that collects remotely"),
  "unique.beside-remote": result("KCOV_UNIQUE_ENABLE in a thread that collects remotely"),
  "unique.remote-while-unique": result("KCOV_REMOTE_ENABLE of a descriptor in unique mode"),

  "reset.unknown": result("KCOV_RESET_TRACE of a kernel that does not have it"),
  "reset.enabled": result("KCOV_RESET_TRACE of a descriptor that collects"),
  "reset.remote": result("KCOV_RESET_TRACE of one that collects remotely"),
  "reset.before-init": result("KCOV_RESET_TRACE before KCOV_INIT_TRACE"),
  "reset.not-enabled": result("KCOV_RESET_TRACE before KCOV_ENABLE and after KCOV_DISABLE"),
  "reset.argument": result("KCOV_RESET_TRACE with another argument than 0"),
  "reset.another-descriptor": result("KCOV_RESET_TRACE of another descriptor of the thread"),
  "reset.by-another": result("KCOV_RESET_TRACE by a process that did not enable"),
} as const satisfies Readonly<Record<string, PromiseFacts>>;

export type PromiseId = keyof typeof PROMISE_TABLE;

/** In the order of the table. */
export const PROMISE_IDS = Object.keys(PROMISE_TABLE) as readonly PromiseId[];

/** What the ids begin with, in the order of the table. */
export const PROMISE_SUBJECTS = {
  device: "The device",
  init: "KCOV_INIT_TRACE",
  map: "The mapping",
  enable: "KCOV_ENABLE",
  disable: "KCOV_DISABLE",
  life: "Threads and descriptors",
  cmp: "Comparisons",
  remote: "KCOV_REMOTE_ENABLE",
  section: "Sections of remote coverage",
  unique: "KCOV_UNIQUE_ENABLE (our series)",
  reset: "KCOV_RESET_TRACE (our series)",
} as const;

export type PromiseSubject = keyof typeof PROMISE_SUBJECTS;

/** What a promise is about. */
export function subjectOf(id: PromiseId): PromiseSubject {
  return id.slice(0, id.indexOf(".")) as PromiseSubject;
}

/** What is asked. */
export function askedBy(id: PromiseId): string {
  return PROMISE_TABLE[id].asks;
}

export function isPromiseId(text: string): text is PromiseId {
  return Object.hasOwn(PROMISE_TABLE, text);
}

/** For people: what an answer has to look like. */
export function answerForm(id: PromiseId): string {
  const answer: AnswerKind = PROMISE_TABLE[id].answer;
  switch (answer.kind) {
    case "result":
      return '"ok", an error such as EINVAL, or "errno 71" for one without a name';
    case "count":
      return `a number of ${answer.unit}`;
    case "choice":
      return answer.of.map((one) => `"${one}"`).join(" or ");
  }
}

/** Whether a promise can be answered so. */
export function isAnswer(id: PromiseId, text: string): boolean {
  const answer: AnswerKind = PROMISE_TABLE[id].answer;
  switch (answer.kind) {
    case "result":
      return /^(?:ok|E[A-Z0-9]+|errno [1-9]\d*)$/.test(text);
    case "count":
      return /^(?:0|[1-9]\d*)$/.test(text);
    case "choice":
      return answer.of.includes(text);
  }
}

/** One answer, as the guest reports it. */
export interface PromiseAnswer {
  /** Id of the test that found it out. */
  readonly test: string;
  readonly promise: PromiseId;
  readonly answer: string;
}
