// SPDX-License-Identifier: MIT
/**
 * Every id of a failure with what it means and what to do: `explain` prints it, docs/verdicts.md shows
 * it (its tables are made of this by failure_ids_test.ts). A complaint of a kernel has the id
 * `splat-<kind>`; core/console/complaint_words.ts has those.
 */
import { blameOf, exitCodeOf, type FailureKind, junitKind } from "./failure_kinds.ts";
import type { IdFacts } from "./id_facts.ts";
import { IDS_OF_BOOTS } from "./ids_of_boots.ts";
import { IDS_OF_INPUT } from "./ids_of_input.ts";
import { IDS_OF_MAKING } from "./ids_of_making.ts";

/** In the order of a run, with the headings of docs/verdicts.md. */
export const ID_TABLES: Readonly<Record<string, Readonly<Record<string, IdFacts>>>> = {
  "What is given": IDS_OF_INPUT,
  "The machine and the making": IDS_OF_MAKING,
  "Boots and tests": IDS_OF_BOOTS,
};

const ALL: ReadonlyMap<string, IdFacts> = new Map(
  Object.values(ID_TABLES).flatMap((table) => Object.entries(table)),
);

/** Null for an id that no failure has. */
export function factsOfId(id: string): IdFacts | null {
  return ALL.get(id) ?? null;
}

export const FAILURE_IDS: readonly string[] = [...ALL.keys()];

/** "build: who has to act: kernel; JUnit: failure; exit code 5" */
export function kindText(kind: FailureKind): string {
  const facts = [
    `who has to act: ${blameOf(kind)}`,
    `JUnit: ${junitKind(kind)}`,
    `exit code ${exitCodeOf(kind)}`,
  ];
  return `${kind} (${facts.join("; ")})`;
}
