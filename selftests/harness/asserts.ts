// SPDX-License-Identifier: MIT

/** Assertions with messages that say what was seen. Pure. */

import { errnoName } from "./guest.ts";

/** A claim of a test that does not hold. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/**
 * A 64-bit word in hexadecimal, `0xffffffff81000000`. QuickJS 2025-04-26 prints a 0 before the first
 * digit of a bigint whose top bit is set, and its BigInt.asUintN(64, x) can be negative.
 */
export function hex(word: bigint): string {
  const unsigned = word < 0n ? word + (1n << 64n) : word;
  return `0x${unsigned.toString(16).replace(/^0+(?=.)/, "")}`;
}

/** What was seen, short enough for one line; addresses and masks in hexadecimal. */
export function inspect(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") {
    return value > -1024n && value < 1n << 20n ? `${value}` : hex(value);
  }
  if (value instanceof Set) return `{${inspectList([...value])}}`;
  if (Array.isArray(value)) return `[${inspectList(value)}]`;
  if (value instanceof Error) return String(value);
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, entry]) => `${key}: ${inspect(entry)}`);
    return `{ ${entries.join(", ")} }`;
  }
  return String(value);
}

const LIST_LIMIT = 24;

function inspectList(values: readonly unknown[]): string {
  const shown = values.slice(0, LIST_LIMIT).map(inspect).join(", ");
  return values.length > LIST_LIMIT ? `${shown}, … ${values.length - LIST_LIMIT} more` : shown;
}

/** Fails with the message. */
export function fail(message: string): never {
  throw new AssertionError(message);
}

/** Fails unless the condition holds; the message says what was expected. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) fail(message);
}

/** `===` for plain values, entry by entry for arrays and sets. */
export function equals(actual: unknown, expected: unknown): boolean {
  if (Array.isArray(actual) && Array.isArray(expected)) {
    return actual.length === expected.length &&
      actual.every((value, index) => equals(value, expected[index]));
  }
  if (actual instanceof Set && expected instanceof Set) {
    return actual.size === expected.size && [...actual].every((value) => expected.has(value));
  }
  return Object.is(actual, expected);
}

/** Fails unless both are equal (see {@link equals}). */
export function assertEquals<T>(actual: T, expected: T, what: string): void {
  if (!equals(actual, expected)) {
    fail(`${what}: got ${inspect(actual)}, expected ${inspect(expected)}`);
  }
}

/** Fails unless `actual > bound`. */
export function assertGreater<T extends number | bigint>(actual: T, bound: T, what: string): void {
  if (!(actual > bound)) {
    fail(`${what}: got ${inspect(actual)}, expected more than ${inspect(bound)}`);
  }
}

/** Fails unless `actual < bound`. */
export function assertLess<T extends number | bigint>(actual: T, bound: T, what: string): void {
  if (!(actual < bound)) {
    fail(`${what}: got ${inspect(actual)}, expected less than ${inspect(bound)}`);
  }
}

/** Fails unless the two sets hold the same members; says which side misses what. */
export function assertSameMembers<T>(
  actual: Iterable<T>,
  expected: Iterable<T>,
  what: string,
): void {
  const left = new Set(actual);
  const right = new Set(expected);
  const missing = [...right].filter((value) => !left.has(value));
  const extra = [...left].filter((value) => !right.has(value));
  if (missing.length + extra.length > 0) {
    fail(`${what}: missing ${inspect(missing)}, unexpected ${inspect(extra)}`);
  }
}

/** Fails unless a raw system call result is exactly this failure. `errno` is positive; 0 is success. */
export function assertErrno(result: number, errno: number, what: string): void {
  const name = (value: number) => value === 0 ? "success" : errnoName(value);
  if (result !== -errno && !(errno === 0 && result >= 0)) {
    fail(`${what}: got ${result >= 0 ? result : errnoName(-result)}, expected ${name(errno)}`);
  }
}
