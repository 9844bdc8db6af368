// SPDX-License-Identifier: MIT

/**
 * Declaring tests: a fixture has variants and tests, and every test runs once for every variant.
 * Pure: a declaration runs nothing, so the host reads the list without a guest.
 */

import { AssertionError } from "./asserts.ts";
import type { Feature } from "../contract/features.ts";
import type { DeclaredTest } from "../contract/fixtures.ts";
import { answerForm, isAnswer, type PromiseId } from "../contract/promises.ts";

/** A declared test with what is needed to run it, in the child process. */
export interface RunnableTest extends DeclaredTest {
  run(t: TestContext): void;
}

/** As kselftest: 45 s. */
export const DEFAULT_TIMEOUT_MS = 45_000;

/** What a message of a running test is made of; sent to PID 1 at once, so a crash does not lose it. */
export type TestMessage =
  | { readonly kind: "log"; readonly text: string }
  | { readonly kind: "attach"; readonly name: string; readonly value: unknown }
  | { readonly kind: "answer"; readonly promise: PromiseId; readonly answer: string };

/** Thrown by {@link TestContext.skip}. No Error: nobody wants its stack, which takes long to write. */
export class SkipError {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** Handed to setup, test and teardown. */
export class TestContext {
  readonly id: string;
  readonly #send: (message: TestMessage) => void;
  readonly #cleanups: (() => void)[] = [];
  readonly #answered = new Set<string>();

  constructor(id: string, send: (message: TestMessage) => void) {
    this.id = id;
    this.#send = send;
  }

  /** Ends the test as SKIP. The reason is part of the result line. */
  skip(reason: string): never {
    throw new SkipError(reason);
  }

  /** Ends the test as failed. */
  fail(message: string): never {
    throw new AssertionError(message);
  }

  /** A diagnostic line. */
  log(text: string): void {
    this.#send({ kind: "log", text });
  }

  /** A value (JSON) to keep with the result: counts, durations, PCs. */
  attach(name: string, value: unknown): void {
    this.#send({ kind: "attach", name, value });
  }

  /**
   * Reports how this kernel keeps a promise; the host holds it against what is stated of the kernel.
   * The same answer again is not reported again, another one is. Throws a RangeError for an answer
   * that the table does not know.
   */
  answer(promise: PromiseId, answer: string): void {
    if (!isAnswer(promise, answer)) {
      throw new RangeError(`${promise}: "${answer}" is not ${answerForm(promise)}`);
    }
    const key = `${promise} ${answer}`;
    if (this.#answered.has(key)) return;
    this.#answered.add(key);
    this.#send({ kind: "answer", promise, answer });
  }

  /** Runs after the test, last registered first, also when it failed. */
  cleanup(action: () => void): void {
    this.#cleanups.push(action);
  }

  /** For the harness: runs and forgets the registered actions. */
  runCleanups(): void {
    let failure: { readonly error: unknown } | undefined;
    for (let action = this.#cleanups.pop(); action; action = this.#cleanups.pop()) {
      try {
        action();
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure) throw failure.error;
  }
}

/** Every variant may say what it needs beyond the fixture. */
export interface VariantBase {
  readonly requires?: readonly Feature[];
}

export interface FixtureOptions<Variant extends object, Context> {
  /** Path of the file that declares it, in the repository. */
  readonly file: string;
  readonly requires?: readonly Feature[];
  readonly variants: Readonly<Record<string, Variant & VariantBase>>;
  /** Runs in the child before each test. */
  setup(t: TestContext, variant: Variant): Context;
  /** Runs after each test whose setup returned. */
  teardown?(context: Context, t: TestContext): void;
}

export interface TestOptions {
  readonly requires?: readonly Feature[];
  readonly timeoutMs?: number;
}

export type TestBody<Variant, Context> = (
  t: TestContext,
  context: Context,
  variant: Variant,
) => void;

const NAME = /^[a-z0-9_]+$/;

function checkName(kind: string, name: string): void {
  if (!NAME.test(name)) {
    throw new RangeError(`${kind} name "${name}": only a-z, 0-9 and _ are allowed`);
  }
}

/** A named group of tests; see {@link fixture}. */
export class Fixture<Variant extends object, Context> {
  readonly name: string;
  /** Its stack says where the fixture is declared. */
  readonly declaredAt: Error = new Error();
  readonly #options: FixtureOptions<Variant, Context>;
  readonly #tests = new Map<string, { body: TestBody<Variant, Context>; options: TestOptions }>();

  constructor(name: string, options: FixtureOptions<Variant, Context>) {
    checkName("fixture", name);
    for (const variant of Object.keys(options.variants)) checkName("variant", variant);
    this.name = name;
    this.#options = options;
  }

  /** Declares a test; it runs once per variant. Throws a RangeError for a name that is taken. */
  test(name: string, body: TestBody<Variant, Context>, options: TestOptions = {}): this {
    checkName("test", name);
    if (this.#tests.has(name)) {
      throw new RangeError(`test "${this.name}.${name}" is declared twice`);
    }
    this.#tests.set(name, { body, options });
    return this;
  }

  /** All tests, in order of declaration; for each of them all variants. */
  list(): RunnableTest[] {
    const { file, variants, setup, teardown } = this.#options;
    const list: RunnableTest[] = [];
    for (const [test, { body, options }] of this.#tests) {
      for (const [variantName, variant] of Object.entries(variants)) {
        const requires = [this.#options.requires, variant.requires, options.requires];
        list.push({
          id: `${this.name}.${variantName}.${test}`,
          fixture: this.name,
          variant: variantName,
          test,
          requires: [...new Set(requires.flatMap((features) => features ?? []))],
          timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
          file,
          run(t) {
            try {
              const context = setup(t, variant);
              try {
                body(t, context, variant);
              } finally {
                teardown?.(context, t);
              }
            } finally {
              t.runCleanups();
            }
          },
        });
      }
    }
    return list;
  }
}

/**
 * Declares a fixture.
 *
 * ```ts
 * export const pipes = fixture("pipes", {
 *   file: "selftests/pipes/pipes_test.ts",
 *   variants: { small: { bytes: 1 }, big: { bytes: 65536 } },
 *   setup: (t, variant) => makePipe(t, variant.bytes),
 * });
 * pipes.test("reads_what_was_written", (t, pipe, variant) => { … });
 * ```
 */
export function fixture<Variant extends object, Context>(
  name: string,
  options: FixtureOptions<Variant, Context>,
): Fixture<Variant, Context> {
  return new Fixture(name, options);
}

// deno-lint-ignore no-explicit-any -- a list of fixtures with different variants has no narrower type
export type AnyFixture = Fixture<any, any>;

/** The tests of several fixtures. Throws a RangeError when an id occurs twice, with the place as cause. */
export function collectTests(fixtures: readonly AnyFixture[]): RunnableTest[] {
  const tests: RunnableTest[] = [];
  const seen = new Set<string>();
  for (const each of fixtures) {
    for (const test of each.list()) {
      if (seen.has(test.id)) {
        throw new RangeError(`test id "${test.id}" is declared twice`, { cause: each.declaredAt });
      }
      seen.add(test.id);
      tests.push(test);
    }
  }
  return tests;
}
