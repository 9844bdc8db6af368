// SPDX-License-Identifier: MIT
/** Reading JUnit XML in tests: against the schema, and as values. */
import assert from "node:assert/strict";
import { XMLParser } from "fast-xml-parser";
import { validateXML } from "xmllint-wasm";

const SCHEMA = await Deno.readTextFile(new URL("junit.xsd", import.meta.url));

/** What libxml2 has against a file, a line each; none for a valid one. */
export async function schemaProblems(xml: string): Promise<string[]> {
  const result = await validateXML({
    xml: [{ fileName: "junit.xml", contents: xml }],
    schema: [SCHEMA],
  });
  return result.errors.map((error) => error.rawMessage);
}

/** Fails unless libxml2 takes the file for valid by tasks/testing/junit.xsd. */
export async function assertValidJunit(xml: string): Promise<void> {
  assert.deepEqual(await schemaProblems(xml), []);
}

export interface JunitCase {
  /** `<classname> <name>`, the classname without the cell in front. */
  readonly name: string;
  /** "passed", or the element that says otherwise with its message. */
  readonly state: string;
}

/** Every suite's cases, by suite name. */
export function junitCases(xml: string): Record<string, JunitCase[]> {
  const parser = new XMLParser({
    ignoreAttributes: false,
    isArray: (name) => ["testsuite", "testcase"].includes(name),
    // Numbers in messages stay as they are written.
    parseAttributeValue: false,
  });
  const suites = parser.parse(xml).testsuites.testsuite ?? [];
  return Object.fromEntries(
    suites.map((suite: Record<string, unknown>) => {
      const name = String(suite["@_name"]);
      const cases = (suite.testcase ?? []) as Record<string, Record<string, string>>[];
      return [name, cases.map((one) => readCase(name, one))];
    }),
  );
}

/**
 * Everything of a file but its texts, times and the values of its properties: suites with their
 * counts and names of properties, cases with their elements and the types of these.
 */
export function junitSkeleton(xml: string): unknown {
  const parser = new XMLParser({ ignoreAttributes: false, parseAttributeValue: false });
  const texts = ["#text", "@_message", "@_time", "@_timestamp", "@_value"];
  const bare = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(bare);
    if (typeof value !== "object" || value === null) return "";
    return Object.fromEntries(
      Object.entries(value).filter(([key]) => !texts.includes(key))
        .map(([key, inner]) => [key, key.startsWith("@_") ? inner : bare(inner)]),
    );
  };
  return bare(parser.parse(xml));
}

function readCase(suite: string, one: Record<string, unknown>): JunitCase {
  const classname = String(one["@_classname"]).replace(`${suite}.`, "");
  const kind = ["failure", "error", "skipped"].find((kind) => kind in one);
  const problem = kind === undefined ? {} : one[kind] as Record<string, string>;
  return {
    name: `${classname} ${one["@_name"]}`,
    state: kind === undefined ? "passed" : `${kind}: ${problem["@_message"]}`,
  };
}
