// SPDX-License-Identifier: MIT
/**
 * Which mails of a mailbox are the series: numbers and versions by subject, replies by subject and
 * headers, the way `b4 am` reads a thread. Every mail with a diff that is not taken is told of.
 */

import { counted } from "../text/counted.ts";

export interface Mail {
  /** Decoded. */
  readonly subject: string;
  readonly from: string;
  readonly messageId: string | null;
  /** Ids of the mails that it answers, the closest last. */
  readonly answers: readonly string[];
  readonly holdsDiff: boolean;
  /** Its text is there as HTML only, in which characters of the diff are written otherwise. */
  readonly html: boolean;
  /** Equal for mails of equal bytes. */
  readonly digest: string;
}

export type ThreadProblem =
  /** Numbers of a series that no mail has. */
  | { readonly kind: "missing"; readonly series: string; readonly numbers: readonly string[] }
  /** Two mails claim a number of what else would be one series, e.g. of an older `git format-patch`. */
  | { readonly kind: "twice"; readonly number: string; readonly titles: readonly string[] }
  | { readonly kind: "no-patch" };

export interface Selection<M extends Mail> {
  /** In the order in which they apply. */
  readonly patches: readonly M[];
  /** A line for each decision. */
  readonly notices: readonly string[];
  readonly problems: readonly ThreadProblem[];
}

/** What a subject says. */
export interface PatchSubject {
  /** `Re:` and the like, in the languages of mail programs. */
  readonly reply: boolean;
  /** Without its brackets. */
  readonly title: string;
  readonly version: number;
  readonly resent: boolean;
  /** From `n/m`; null where there is none. */
  readonly number: number | null;
  readonly total: number | null;
  readonly bracket: boolean;
}

/** One posting of a series, or of a patch alone. */
interface Posting<M> {
  readonly version: number;
  readonly resent: boolean;
  readonly total: number | null;
  readonly thread: string;
  /** No other mail is in its thread. */
  readonly alone: boolean;
  readonly from: string;
  readonly members: { readonly mail: M; readonly subject: PatchSubject }[];
  cover: string | null;
}

const REPLY = /^(?:(?:re|aw|antw|antwort|sv|vs|fwd?|wg|tr)(?:\[\d+\])?\s*:\s*)+/i;

export function readSubject(subject: string): PatchSubject {
  const reply = REPLY.exec(subject);
  let rest = subject.slice(reply?.[0].length ?? 0);
  const words: string[] = [];
  for (let tag = /^\s*\[([^\]]*)\]/.exec(rest); tag; tag = /^\s*\[([^\]]*)\]/.exec(rest)) {
    words.push(...tag[1]!.split(/[\s,]+/));
    rest = rest.slice(tag[0].length);
  }
  const version = words.map((word) => /^(?:(?:rfc|resend)?-?patch)?v(\d+)(?:\.\d+)?$/i.exec(word))
    .find((match) => match !== null)?.[1];
  // hg patchbomb writes "3 of 5".
  const number = /(?:^| )(\d+)(?:\/| of )(\d+)(?= |$)/.exec(words.join(" "));
  return {
    reply: reply !== null,
    title: rest.trim(),
    version: Number(version ?? 1),
    resent: words.some((word) => /^re-?(?:send|sent|post)$/i.test(word)),
    number: number ? Number(number[1]) : null,
    total: number ? Number(number[2]) : null,
    bracket: words.length > 0,
  };
}

/** @param mails As they stand in the mailbox. */
export function selectSeries<M extends Mail>(mails: readonly M[]): Selection<M> {
  const notices: string[] = [];
  const single = dropRepeated(mails, notices);
  const threads = threadsOf(single);
  const postings: Posting<M>[] = [];
  const sizes = new Map<string, number>();
  for (const thread of threads.values()) sizes.set(thread, (sizes.get(thread) ?? 0) + 1);
  const numberedThreads = new Set(
    single.filter(({ subject }) => isNumbered(readSubject(subject))).map((mail) =>
      threads.get(mail)!
    ),
  );
  for (const mail of single) {
    const subject = readSubject(mail.subject);
    const thread = threads.get(mail)!;
    if (isReply(mail, subject, numberedThreads.has(thread))) {
      if (mail.holdsDiff) notices.push(`left out, a reply that holds a diff: ${mail.subject}`);
    } else if (subject.number !== null) {
      if (subject.number === 0 && mail.holdsDiff) {
        notices.push(`left out, a cover letter that holds a diff: ${mail.subject}`);
      }
      addNumbered(mail, subject, { thread, alone: sizes.get(thread) === 1 }, postings);
    } else if (mail.holdsDiff) {
      const { version, resent } = subject;
      const posting = { version, resent, total: null, thread, from: mail.from, cover: null };
      postings.push({ ...posting, alone: true, members: [{ mail, subject }] });
    }
  }
  const problems: ThreadProblem[] = [];
  const taken = newestOf(postings, notices, problems);
  const missing: ThreadProblem[] = [];
  const patches = taken.flatMap((posting) => inOrder(posting, missing));
  const twice = missing.length > 0 ? numberedTwice(taken) : null;
  problems.push(...(twice ? [twice] : missing));
  if (taken.length > 1) {
    notices.push(`several series or patches, one after the other: ${taken.map(nameOf).join("; ")}`);
  }
  return { patches, notices, problems: patches.length === 0 ? [{ kind: "no-patch" }] : problems };
}

const isNumbered = ({ number, reply }: PatchSubject) => number !== null && !reply;

function dropRepeated<M extends Mail>(mails: readonly M[], notices: string[]): M[] {
  const seen = new Map<string, M>();
  return mails.filter((mail) => {
    const key = mail.messageId ?? mail.digest;
    const first = seen.get(key);
    if (!first) return seen.set(key, mail) !== undefined;
    if (mail.holdsDiff || first.holdsDiff) {
      const other = first.digest === mail.digest ? "" : ", the second time with another content";
      notices.push(`taken once, the same mail is there twice${other}: ${mail.subject}`);
    }
    return false;
  });
}

/** The first known mail of each one's thread; its own id where nothing is known. */
function threadsOf<M extends Mail>(mails: readonly M[]): Map<M, string> {
  const parents = new Map<string, string>();
  const root = (id: string): string => {
    let at = id;
    while (parents.has(at)) at = parents.get(at)!;
    // The way is short from here on.
    for (let from = id; from !== at;) {
      const next = parents.get(from)!;
      parents.set(from, at);
      from = next;
    }
    return at;
  };
  const ids = mails.map(({ messageId }, index) => messageId ?? `mail ${index}`);
  for (const [index, { answers }] of mails.entries()) {
    for (const answered of answers) {
      const [mine, theirs] = [root(ids[index]!), root(answered)];
      if (mine !== theirs) parents.set(mine, theirs);
    }
  }
  return new Map(mails.map((mail, index) => [mail, root(ids[index]!)]));
}

/** Beside `Re:`: what answers and is no numbered patch, unless it starts a version of its own. */
function isReply(mail: Mail, subject: PatchSubject, inSeries: boolean): boolean {
  if (subject.reply) return true;
  if (mail.answers.length === 0 || subject.number !== null) return false;
  return inSeries || !subject.bracket;
}

function addNumbered<M extends Mail>(
  mail: M,
  subject: PatchSubject,
  { thread, alone }: { thread: string; alone: boolean },
  postings: Posting<M>[],
): void {
  const { version, resent, total } = subject;
  const fits = postings.findLast((one) =>
    one.total === total && one.version === version && one.resent === resent &&
    // Where no mail answers another, those of one sender that follow each other belong together.
    (one.thread === thread || (alone && one.alone && one.from === mail.from)) &&
    !(subject.number === 0
      ? one.cover !== null
      : one.members.some((member) => member.subject.number === subject.number))
  );
  const posting = fits ??
    { version, resent, total, thread, alone, from: mail.from, members: [], cover: null };
  if (!fits) postings.push(posting);
  if (subject.number === 0) posting.cover = subject.title;
  else posting.members.push({ mail, subject });
}

/**
 * Of postings of the same series the newest, at the place of the first. Of one that has a cover
 * letter only, all patches are missing; what there is of others stands in for it.
 */
function newestOf<M extends Mail>(
  postings: readonly Posting<M>[],
  notices: string[],
  problems: ThreadProblem[],
): Posting<M>[] {
  const there = postings.filter(({ members }) => members.length > 0);
  const groups: Posting<M>[][] = [];
  for (const posting of postings) {
    const group = groups.find((one) => one.some((other) => isSameWork(posting, other)));
    if (group) group.push(posting);
    else groups.push([posting]);
  }
  return groups.flatMap((postings) => {
    const announced = postings.filter(({ members }) => members.length === 0);
    const group = postings.filter(({ members }) => members.length > 0);
    // What announces its patches without a tie to others may still be their next version.
    const rivals = group.length > 0 ? group : there;
    for (const one of announced) {
      if (rivals.every((other) => compareAge(one, other) > 0)) inOrder(one, problems);
      else notices.push(`left out, a cover letter alone: ${nameOf(one)}`);
    }
    if (group.length === 0) return [];
    const newest = group.reduce((best, one) => isNewer(one, best) ? one : best);
    for (const other of group) {
      if (other === newest) continue;
      const why = compareAge(newest, other) > 0 || sameTitles(newest, other)
        ? `${nameOf(newest)} is newer`
        : `it answers ${nameOf(newest)}`;
      notices.push(`left out, ${why}: ${nameOf(other)}`);
    }
    return newest;
  });
}

function compareAge<M>(a: Posting<M>, b: Posting<M>): number {
  return a.version - b.version || Number(a.resent) - Number(b.resent);
}

/** Of two that say the same of themselves: the later, if it is the same series again. */
function isNewer<M>(one: Posting<M>, best: Posting<M>): boolean {
  const age = compareAge(one, best);
  return age > 0 || (age === 0 && sameTitles(one, best));
}

function sameTitles<M>(a: Posting<M>, b: Posting<M>): boolean {
  const titles = ({ members }: Posting<M>) =>
    JSON.stringify(members.map(({ subject }) => subject.title).sort());
  return a.total === b.total && titles(a) === titles(b);
}

/** Whether one is another version of the other, or its rival in the same thread. */
function isSameWork<M>(a: Posting<M>, b: Posting<M>): boolean {
  const thread = a.thread === b.thread;
  if (compareAge(a, b) === 0) {
    // Two patches that are no part of a series are two patches, whatever their titles are.
    return a.total !== null && b.total !== null && (thread || sameTitles(a, b));
  }
  if (thread || (a.cover !== null && a.cover === b.cover)) return true;
  const titles = new Set(a.members.map(({ subject }) => subject.title));
  return b.members.some(({ subject }) => titles.has(subject.title));
}

function inOrder<M extends Mail>(posting: Posting<M>, problems: ThreadProblem[]): M[] {
  const { total, members } = posting;
  const sorted = members.toSorted((a, b) => (a.subject.number ?? 0) - (b.subject.number ?? 0));
  const there = new Set(
    members.filter(({ mail }) => mail.holdsDiff).map(({ subject }) => subject.number),
  );
  if (total !== null) {
    const numbers: string[] = [];
    for (let number = 1; number <= total && numbers.length < 100; number++) {
      if (!there.has(number)) numbers.push(`${number}/${total}`);
    }
    if (numbers.length > 0) problems.push({ kind: "missing", series: nameOf(posting), numbers });
  }
  return sorted.filter(({ mail }) => mail.holdsDiff).map(({ mail }) => mail);
}

/** A number that two of the series have which look like parts of one. */
function numberedTwice<M extends Mail>(taken: readonly Posting<M>[]): ThreadProblem | null {
  const seen = new Map<string, string>();
  for (const { total, version, from, members } of taken) {
    if (total === null) continue;
    for (const { subject } of members) {
      const number = `${subject.number}/${total}`;
      const key = JSON.stringify([number, version, from]);
      const other = seen.get(key);
      if (other !== undefined) return { kind: "twice", number, titles: [other, subject.title] };
      seen.set(key, subject.title);
    }
  }
  return null;
}

/** For people: `v2 of "net: fix it" (3 patches)`. */
function nameOf<M>({ version, resent, total, cover, members }: Posting<M>): string {
  const title = cover ?? members[0]!.subject.title;
  const parts = total === null ? [] : [counted(total, "patch", "patches")];
  if (resent) parts.push("sent again");
  return `v${version} of "${title}"${parts.length > 0 ? ` (${parts.join(", ")})` : ""}`;
}
