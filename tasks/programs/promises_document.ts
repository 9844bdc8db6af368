// SPDX-License-Identifier: MIT
/** docs/promises.json, the answers of real boots, and docs/promises.md, which shows them. */
import * as v from "valibot";
import {
  askedBy,
  PROMISE_IDS,
  PROMISE_SUBJECTS,
  type PromiseId,
  type PromiseSubject,
  subjectOf,
} from "../../selftests/contract/promises.ts";
import { KmatrixError } from "../core/model/errors.ts";
import type { PromiseBook, RunReport, StatedPromises } from "../core/model/model.ts";
import { givenJson, objectOf, type Shape, strings } from "../core/text/shape.ts";

/** What one boot has answered. */
export interface RecordedBoot {
  /** The folder in kernels/ whose promises it was held against. */
  readonly of: string;
  readonly cell: string;
  /** Of the kernel: "6.12.117". */
  readonly release: string;
  /** Several where tests do not agree. */
  readonly answers: Readonly<Partial<Record<PromiseId, readonly string[]>>>;
}

const bootShape: Shape<RecordedBoot> = objectOf<RecordedBoot>()({
  of: v.string(),
  cell: v.string(),
  release: v.string(),
  answers: v.record(v.picklist(PROMISE_IDS), strings),
});

/** @throws KmatrixError "usage" (bad-recorded-promises) with the place in the file. */
export function parseRecorded(text: string, file: string): readonly RecordedBoot[] {
  return givenJson(v.array(bootShape), text, {
    file,
    id: "bad-recorded-promises",
    hint: "deno task promises writes it, from the folders of runs.",
  });
}

/** The text of the file: boots in the order of their kernels, answers in that of the table. */
export function recordedText(boots: readonly RecordedBoot[], book: PromiseBook): string {
  const place = (boot: RecordedBoot) => columnsOf(book).findIndex(({ id }) => id === boot.of);
  const sorted = boots.toSorted((a, b) => place(a) - place(b) || (a.cell < b.cell ? -1 : 1));
  const ordered = sorted.map(({ of, cell, release, answers }) => ({
    ...{ of, cell, release },
    answers: Object.fromEntries(
      PROMISE_IDS.flatMap((id) => answers[id] ? [[id, answers[id]]] : []),
    ),
  }));
  return `${JSON.stringify(ordered, null, 2).replace(/\[\n\s+("[^"\n]*")\n\s+\]/g, "[$1]")}\n`;
}

/** The boots of a run that were asked something. */
export function bootsOf({ cells }: RunReport): RecordedBoot[] {
  return cells.flatMap(({ cell, facts: { promises, boot } }) => {
    if (!promises?.against || promises.answers.length === 0) return [];
    const answers = promises.answers.map(({ promise, answers }) => [promise, answers]);
    return [{
      of: promises.against.id,
      cell,
      release: boot?.release ?? promises.against.version,
      answers: Object.fromEntries(answers),
    }];
  });
}

/** Boots that were recorded before, but for those of the same cells. */
export function withBoots(
  before: readonly RecordedBoot[],
  more: readonly RecordedBoot[],
): RecordedBoot[] {
  const cells = new Set(more.map(({ cell }) => cell));
  return [...before.filter(({ cell }) => !cells.has(cell)), ...more];
}

/** By version, a plain kernel before those that build on it. */
function columnsOf(book: PromiseBook): readonly StatedPromises[] {
  const [major, minor] = [0, 1].map((part) => ({ version }: StatedPromises) =>
    Number(version.split(".")[part])
  );
  return book.toSorted((a, b) =>
    major!(a) - major!(b) || minor!(a) - minor!(b) || a.brings.length - b.brings.length
  );
}

/** What all recorded boots of a kernel have answered. */
function answered(of: string, boots: readonly RecordedBoot[]): Map<PromiseId, readonly string[]> {
  const mine = boots.filter((boot) => boot.of === of);
  return new Map(PROMISE_IDS.flatMap((id) => {
    const all = new Set(mine.flatMap(({ answers }) => answers[id] ?? []));
    return all.size > 0 ? [[id, [...all]] as const] : [];
  }));
}

/**
 * Where recorded answers are not the stated ones, as lines for people: another answer, or one that
 * nobody states. A statement that no boot was asked about is neither kept nor broken.
 */
export function disagreements(boots: readonly RecordedBoot[], book: PromiseBook): string[] {
  const known = new Set(book.map(({ id }) => id));
  const strangers = boots.filter(({ of }) => !known.has(of));
  return [
    ...strangers.map(({ of, cell }) => `${cell}: there is no kernels/${of}/promises.yaml`),
    ...book.filter(({ told }) => told === null).flatMap(({ id, statements }) => {
      const found = answered(id, boots);
      return [...found].flatMap(([promise, answers]) => {
        const stated = statements.get(promise)?.answer ?? "nothing";
        const recorded = answers.join(", ");
        return stated === recorded
          ? []
          : [`kernels/${id}: ${promise}: ${stated} is stated, ${recorded} recorded`];
      });
    }),
  ];
}

const TITLE = `# Promises

How the kernels answer, found out by the guest's tests. Every row is a promise
(\`selftests/contract/promises.ts\`), every column a kernel: the answers of real boots, which
\`kernels/<id>/promises.yaml\` states with a reason and the commit or patch of each. A dash is a
promise that this kernel does not give, because it has no such thing. An answer in parentheses is
stated, and no recorded boot was asked for it. The first column is told and not booted: it was read
in the source, as the file says. An answer in bold is another than the kernel to the left gives.

\`deno task promises\` has written this file, from \`promises.json\` beside it; a test holds both
against the files in \`kernels/\`. To record boots again:

\`\`\`sh
npx --yes deno task matrix linux-7.3/kcov-cmp    # or any other cell
npx --yes deno task promises out/latest          # its answers in the place of those before
npx --yes deno task promises                     # this file alone, after a change of the table
\`\`\`

[verdicts.md](verdicts.md#promises) says what comes of a kernel that answers otherwise.
`;

/** The whole of docs/promises.md, as deno fmt leaves it. */
export function promisesDocument(boots: readonly RecordedBoot[], book: PromiseBook): string {
  const columns = columnsOf(book);
  const answersOf = columns.map((one) => shownAnswers(one, boots));
  const sections = (Object.keys(PROMISE_SUBJECTS) as PromiseSubject[]).map((subject) => {
    const rows = PROMISE_IDS.filter((id) => subjectOf(id) === subject).map((id) => [
      askedBy(id),
      ...answersOf.map((answers, at) => {
        const mine = answers.get(id);
        if (mine === undefined) return "–";
        const left = at === 0 ? undefined : answersOf[at - 1]!.get(id)?.text;
        const text = left === undefined || left === mine.text ? mine.text : `**${mine.text}**`;
        return mine.asked ? text : `(${text})`;
      }),
      `\`${id}\``,
    ]);
    const head = ["", ...columns.map((one) => headOf(one, boots)), "promise"];
    return `## ${PROMISE_SUBJECTS[subject]}\n\n${markdownTable([head, ...rows])}`;
  });
  const recorded = markdownTable([
    ["kernel", "release", "cells"],
    ...columns.map(({ id, told }) => {
      const mine = boots.filter(({ of }) => of === id);
      const releases = [...new Set(mine.map(({ release }) => release))];
      return told === null
        ? [
          `\`${id}\``,
          releases.join(", ") || "–",
          mine.map(({ cell }) => `\`${cell}\``).join(", ") || "none yet",
        ]
        : [`\`${id}\``, "–", told];
    }),
  ]);
  return [
    TITLE.trimEnd(),
    `## The boots\n\n${recorded}`,
    ...sections,
    `## What changed, and why\n\n${changes(columns)}`,
  ].join("\n\n") + "\n";
}

/** Each answer of a kernel as it is shown: what boots gave, or what is stated alone. */
function shownAnswers(
  { id, told, statements }: StatedPromises,
  boots: readonly RecordedBoot[],
): ReadonlyMap<PromiseId, { readonly text: string; readonly asked: boolean }> {
  const found = answered(id, boots);
  return new Map(PROMISE_IDS.flatMap((promise) => {
    const recorded = found.get(promise)?.join(", ");
    const text = recorded ?? statements.get(promise)?.answer;
    if (text === undefined) return [];
    // Of what was told, nothing is asked: its column says so as a whole.
    return [[promise, { text, asked: recorded !== undefined || told !== null }] as const];
  }));
}

/** "7.3", "7.3 + series", "4.6 (told)". */
function headOf({ id, version, brings, told }: StatedPromises, boots: readonly RecordedBoot[]) {
  const release = boots.find(({ of }) => of === id)?.release ?? version;
  if (told !== null) return `${version} (told)`;
  return brings.length > 0 ? `${version} + series` : /^[\d.]+/.exec(release)![0];
}

/** Each statement of a kernel that builds on another one, where the other says something else. */
function changes(columns: readonly StatedPromises[]): string {
  const rows = columns.flatMap(({ id, base, statements }) => {
    const before = columns.find((one) => one.id === base)?.statements;
    if (!before) return [];
    return [...statements].flatMap(([promise, { answer, reason, from }]) => {
      const old = before.get(promise)?.answer;
      if (old === answer) return [];
      const name = from.kind === "patch" ? `\`${from.name}\`` : from.name;
      return [[`\`${id}\``, `\`${promise}\``, old ?? "–", answer, reason, name]];
    });
  });
  return markdownTable([["kernel", "promise", "before", "now", "reason", "from"], ...rows]);
}

/** A table with padded columns, the first row its head. */
function markdownTable(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = cells[0]!.map((_, column) =>
    Math.max(3, ...cells.map((row) => [...row[column]!].length))
  );
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, at) => cell + " ".repeat(widths[at]! - [...cell].length)).join(" | ")} |`;
  const [head, ...body] = cells;
  return [line(head!), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join(
    "\n",
  );
}

/** @throws KmatrixError "no-match" (nothing-recorded) where no cell of the runs was asked anything. */
export function mustHaveBoots(boots: readonly RecordedBoot[], runs: readonly string[]): void {
  if (boots.length > 0) return;
  const text = `${
    runs.join(", ")
  }: no cell of it has answered a promise that is held against a file`;
  throw new KmatrixError("no-match", "nothing-recorded", text);
}
