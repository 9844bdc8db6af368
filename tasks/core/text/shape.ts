// SPDX-License-Identifier: MIT
/**
 * JSON that is read back, held against the schema of its shape before anybody uses it. A file of the
 * user's that is wrong is a user's mistake with file, place and value; one of the cache is made anew.
 */
import * as v from "valibot";
import { KmatrixError } from "../model/errors.ts";
import { plainLine } from "./plain_text.ts";

/** A schema whose values are T. */
export type Shape<T> = v.GenericSchema<unknown, T>;

/**
 * An object with a schema for every field of T, so that a field that is added to T is missed here by
 * the compiler also where it is optional. Fields that T does not have are kept.
 */
export function objectOf<T>(): <E extends { readonly [K in keyof T]-?: v.GenericSchema }>(
  fields: E,
) => v.LooseObjectSchema<E, undefined> {
  return (fields) => v.looseObject(fields);
}

/** A size in bytes, a count. */
export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
/** A time in ms; a clock that was set back gives negative ones. */
export const ms = v.pipe(v.number(), v.finite());
export const strings = v.array(v.string());

/** What is wrong with a value; null where it has the shape. */
export function wrongShape(shape: Shape<unknown>, value: unknown): string | null {
  const { issues } = v.safeParse(shape, value, { abortEarly: true });
  return issues ? issueText(issues[0]) : null;
}

const SHOWN = 60;

/** `end.kind must be ("exited" | "limit"), found "exit"` */
function issueText(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  const place = path === null ? "the whole" : path;
  if (issue.received === "undefined") return `${place} is missing`;
  const { expected } = issue;
  // Of what a schema checks by a rule of its own, the words are the rule's.
  if (expected === null || issue.type === "regex") {
    return `${place}: ${foundText(issue.input)} is ${issue.message}`;
  }
  return `${place} must be ${inWords(expected)}, found ${foundText(issue.input)}`;
}

/** Words for what valibot calls by the names of JavaScript's classes. */
function inWords(expected: string): string {
  switch (expected) {
    case "Object":
      return "an object";
    case "Array":
      return "a list";
    case "!0":
      return "not empty";
    case ">=0":
      return "0 or more";
    case ">=1":
      return "1 or more";
    case "string":
    case "boolean":
    case "number":
      return `a ${expected}`;
    default:
      return expected;
  }
}

function foundText(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  const text = plainLine(JSON.stringify(value) ?? String(value));
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

/** What a text of JSON holds, or why it is not what it should be. */
export type Read<T> =
  | { readonly kind: "read"; readonly value: T }
  | { readonly kind: "wrong"; readonly why: string };

/** What UTF-16 looks like where it is read as UTF-8. */
const UTF_16 = /^\ufffd\ufffd|^[^\0]\0|^\0[^\0]/;

function notJson(text: string): string {
  if (text.trim() === "") return "it is empty";
  return UTF_16.test(text) ? "it is no JSON in UTF-8, but UTF-16" : "it is no JSON";
}

/** A byte order mark, which RFC 8259 (8.1) lets readers pass over, is no part of it. */
export function readJson<T>(shape: Shape<T>, text: string): Read<T> {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    return { kind: "wrong", why: notJson(text) };
  }
  const parsed = v.safeParse(shape, value, { abortEarly: true });
  return parsed.success
    ? { kind: "read", value: parsed.output }
    : { kind: "wrong", why: issueText(parsed.issues[0]) };
}

/** A file of the cache: null for none, and for one that is damaged or of another version. */
export function cachedJson<T>(shape: Shape<T>, text: string | null): T | null {
  if (text === null) return null;
  const read = readJson(shape, text);
  return read.kind === "read" ? read.value : null;
}

/**
 * A file that the user has given.
 * @param file As the user knows it.
 * @throws KmatrixError (usage) with file, place in it, value, and the hint.
 */
export function givenJson<T>(
  shape: Shape<T>,
  text: string,
  { file, id, hint }: { readonly file: string; readonly id: string; readonly hint: string },
): T {
  const read = readJson(shape, text);
  if (read.kind === "read") return read.value;
  throw new KmatrixError("usage", id, `${file}: ${read.why}`, hint);
}
