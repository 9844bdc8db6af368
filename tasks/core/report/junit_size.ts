// SPDX-License-Identifier: MIT
/** What is left out of a JUnit file that would be too big for those who read it. Pure. */
import { counted } from "../text/counted.ts";

/**
 * GitLab reads no file of 30 MB or more (docs.gitlab.com, "Unit test reports"); bytes of UTF-8. The
 * file of twelve cells has about one.
 */
export const JUNIT_BYTES = 29_000_000;

/** An element as the writer of XML takes it: attributes with "@_" in front, elements by name. */
export type Element = Record<string, unknown>;

/** One way to make the file smaller, from the mildest on. */
interface Measure {
  /** The longest text of one element. */
  readonly characters: number;
  /** Whether cases are there that did not fail. */
  readonly others: boolean;
}

export const MEASURES: readonly Measure[] = [
  { characters: Infinity, others: true },
  { characters: 4000, others: true },
  { characters: 1000, others: true },
  { characters: 200, others: true },
  { characters: 200, others: false },
];

/** The middle of a text is what is least missed; a pair of surrogates is never cut in two. */
export function cutMiddle(text: string, most: number): string {
  if (text.length <= most) return text;
  const half = Math.floor(most / 2);
  const head = text.slice(0, half).replace(/[\ud800-\udbff]$/, "");
  const tail = text.slice(-half).replace(/^[\udc00-\udfff]/, "");
  return `${head}\n… ${text.length - 2 * half} characters left out …\n${tail}`;
}

/** Texts of any length; all others are names and numbers. */
const TEXTS = ["#text", "system-out", "stackTrace", "@_message", "@_value"];

function shortened(value: unknown, most: number, key = ""): unknown {
  if (typeof value === "string") {
    if (!TEXTS.includes(key)) return value;
    const cut = cutMiddle(value, most);
    return key.startsWith("@_") ? cut.replace(/\s+/g, " ") : cut;
  }
  if (Array.isArray(value)) return value.map((one) => shortened(one, most, key));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, shortened(inner, most, name)]),
  );
}

/** How long all texts are: a file with them has more bytes. */
export function charactersOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce<number>((sum, one) => sum + charactersOf(one), 0);
}

const FAILED = ["failure", "error", "flakyFailure"];

/** A suite under a measure, with a property that says what it lacks. */
export function lessened(suite: Element, { characters, others }: Measure): Element {
  if (characters === Infinity) return suite;
  const all = suite.testcase as readonly Element[];
  const kept = others ? all : all.filter((one) => FAILED.some((name) => name in one));
  const lacking = all.length - kept.length;
  const what = [
    `texts beyond ${characters} characters`,
    ...(lacking > 0 ? [`${counted(lacking, "case")} that did not fail`] : []),
  ].join(", ");
  const note = {
    "@_name": "junit.left-out",
    "@_value": `${what}, so that the file stays below ${JUNIT_BYTES / 1e6} MB; run.json has all`,
  };
  const { properties, testcase: _, ...rest } = shortened(suite, characters) as Element;
  const { property = [] } = (properties ?? {}) as { property?: readonly Element[] };
  const { "system-out": out, ...attributes } = rest;
  return {
    ...attributes,
    "@_tests": kept.length,
    "@_skipped": kept.filter((one) => "skipped" in one).length,
    properties: { property: [...property, note] },
    testcase: shortened(kept, characters),
    ...(out === undefined ? {} : { "system-out": out }),
  };
}
