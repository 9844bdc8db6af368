// SPDX-License-Identifier: MIT
/** What a word of a report means and what to do about it: ids, kinds, exit codes, verdicts. */
import { COMPLAINT_IDS } from "../console/complaint_kinds.ts";
import { COMPLAINT_WORDS, wordsOfComplaint } from "../console/complaint_words.ts";
import { EXIT_CODES } from "../model/exit_codes.ts";
import { factsOfId, FAILURE_IDS, ID_TABLES, kindText } from "../model/failure_ids.ts";
import { exitCodeOf, FAILURE_KINDS, type FailureKind } from "../model/failure_kinds.ts";
import { tableLines } from "../text/columns.ts";

const SPLAT = "splat-";
const SPLAT_TODO =
  "read the blamed function in the report; `repro` boots it again, `repro --gdb` stops in it; a " +
  "known one is listed in splats.yaml";

/** Every word that {@linkcode explain} knows. */
export const EXPLAINED: readonly string[] = [
  // Two kinds have an id of the same name.
  ...new Set([
    ...FAILURE_IDS,
    ...COMPLAINT_IDS.map((kind) => `${SPLAT}${kind}`),
    ...FAILURE_KINDS,
    ...EXIT_CODES.map(({ code }) => `${code}`),
  ]),
];

/**
 * Several lines on an id, a kind or an exit code; null for what is none.
 * @param word Also as a report shows it: `[compile-error, kernel]`.
 */
export function explain(word: string): string | null {
  const name = word.replace(/^\[|\]$/g, "").split(",")[0]!.trim();
  const parts = [idLines(name), kindLines(name), exitLines(name)].filter((one) => one !== null);
  return parts.length === 0 ? null : parts.map((lines) => lines.join("\n")).join("\n\n");
}

function idLines(id: string): string[] | null {
  const facts = factsOfId(id);
  if (facts !== null) {
    return [
      `${id}: ${facts.means}`,
      `  what to do: ${facts.todo}`,
      ...facts.kinds.map((kind) => `  kind: ${kindText(kind)}`),
    ];
  }
  const says = wordsOfComplaint(id.startsWith(SPLAT) ? id.slice(SPLAT.length) : id);
  if (says === null) return null;
  return [
    `${id.startsWith(SPLAT) ? id : SPLAT + id}: a complaint of the kernel: ${says}`,
    `  what to do: ${SPLAT_TODO}`,
    `  kind: ${kindText("kernel")}`,
  ];
}

function kindLines(name: string): string[] | null {
  const kind = FAILURE_KINDS.find((one) => one === name);
  if (kind === undefined) return null;
  const ids = FAILURE_IDS.filter((id) => factsOfId(id)!.kinds.includes(kind));
  const splats = kind === "kernel" ? [`${SPLAT}…`] : [];
  return [`kind ${kindText(kind)}`, `  ids: ${[...ids, ...splats].join(", ")}`];
}

function exitLines(word: string): string[] | null {
  const found = EXIT_CODES.find(({ code }) => `${code}` === word);
  if (found === undefined) return null;
  const kinds = FAILURE_KINDS.filter((kind: FailureKind) => exitCodeOf(kind) === found.code);
  return [
    `exit code ${word}: ${found.means}`,
    `  what to do: ${found.todo}`,
    ...(kinds.length > 0 ? [`  kinds: ${kinds.join(", ")}`] : []),
  ];
}

/** Every word with its meaning, a line each. */
export function explainAll(): string {
  const rows = Object.values(ID_TABLES).flatMap((table) =>
    Object.entries(table).map(([id, { kinds, means }]) => [id, kinds.join(", "), means])
  );
  const splats = COMPLAINT_WORDS.flatMap(({ ids, says }) =>
    ids.map((id) => [`${SPLAT}${id}`, "kernel", says])
  );
  const codes = EXIT_CODES.map(({ code, means }) => [`${code}`, "exit code", means]);
  return tableLines([...rows, ...splats, ...codes]).join("\n");
}

/** The tables of ids of docs/verdicts.md. */
export function idsDocument(): string {
  return Object.entries(ID_TABLES).map(([heading, table]) => {
    const rows = Object.entries(table).map(([id, { kinds, means, todo }]) =>
      `| \`${id}\` | ${kinds.join(", ")} | ${means} | ${todo} |`
    );
    const head = ["| id | kind | what is wrong | what to do |", "| --- | --- | --- | --- |"];
    return [`### ${heading}`, "", ...head, ...rows].join("\n");
  }).join("\n\n");
}
