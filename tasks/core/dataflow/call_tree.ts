// SPDX-License-Identifier: MIT
/**
 * Records of a trace as a tree of calls. Entries and returns come in the order in which the code ran,
 * and a function is in the tree if it was recorded: one that is inlined or opted out is not, and what
 * it calls stands below the next recorded one around it. What the records leave open is said at its
 * place, and never guessed.
 */

import { DATAFLOW_NUMBER_BITS, type DataflowRecord } from "../../../selftests/contract/dataflow.ts";

/** What is known of a function that a PC lies in. */
export interface RecordedFunction {
  /** Tells functions apart. */
  readonly id: string;
  /** Its value comes in two registers, each with a record; null where nobody knows. */
  readonly returnsPair: boolean | null;
}

/**
 * How a call of the tree was recorded:
 * - whole: its entry and its return
 * - no-entry: its return alone; which of the calls before it are its own is not known
 * - no-return: its entry alone, although a caller of it has returned: it ended by a tail call, or its
 *   record is lost; calls that it has at its end may be its caller's
 * - open: its entry alone, up to the end of the records
 */
export type Recorded = "whole" | "no-entry" | "no-return" | "open";

export interface TracedCall<F extends RecordedFunction = RecordedFunction> {
  readonly function: F;
  /** One a parameter, or several where it came in several registers. */
  readonly entries: readonly DataflowRecord[];
  /** None, one, or one a register. */
  readonly returns: readonly DataflowRecord[];
  readonly recorded: Recorded;
  readonly calls: readonly TracedCall<F>[];
  /** Records that are missing just before its first one, by their numbers. */
  readonly lostBefore: number;
}

interface Building<F extends RecordedFunction> {
  readonly function: F;
  readonly entries: DataflowRecord[];
  readonly returns: DataflowRecord[];
  recorded: Recorded;
  readonly calls: Building<F>[];
  lostBefore: number;
}

const NUMBERS = 2 ** DATAFLOW_NUMBER_BITS;

export interface CallTree<F extends RecordedFunction = RecordedFunction> {
  readonly roots: readonly TracedCall<F>[];
  /** Records that are missing between others, by their numbers. */
  readonly lost: number;
}

/**
 * Calls within calls that are recorded; the stack of a kernel has room for fewer. Deeper ones are no
 * calls, but entries whose returns are missing, as many as a ring holds.
 */
const DEEPEST = 500;

/**
 * Where no return is recorded at all, nobody knows which call was within which: all are roots.
 * @param functionOf Of a record's PC.
 */
export function callTree<F extends RecordedFunction>(
  records: readonly DataflowRecord[],
  functionOf: (pc: bigint) => F,
): CallTree<F> {
  const hasReturns = records.some(({ type }) => type === "return");
  const builder = new TreeBuilder(functionOf, hasReturns ? DEEPEST : 0);
  for (const record of records) builder.take(record);
  return { roots: builder.roots, lost: builder.lost };
}

class TreeBuilder<F extends RecordedFunction> {
  readonly roots: Building<F>[] = [];
  lost = 0;
  readonly #functionOf: (pc: bigint) => F;
  readonly #deepest: number;
  /** Those whose entry was seen and whose return was not, outermost first. */
  readonly #stack: Building<F>[] = [];
  /** The call that the last record belongs to. */
  #latest: Building<F> | null = null;
  #last: DataflowRecord | null = null;

  constructor(functionOf: (pc: bigint) => F, deepest: number) {
    this.#functionOf = functionOf;
    this.#deepest = deepest;
  }

  take(record: DataflowRecord): void {
    const last = this.#last;
    const lost = last === null ? 0 : (record.number - last.number - 1 + NUMBERS) % NUMBERS;
    const of = this.#functionOf(record.pc);
    const call = lost === 0 && this.#isMore(record, of)
      ? this.#latest!
      : record.type === "entry"
      ? this.#enter(of)
      : this.#leave(of);
    (record.type === "entry" ? call.entries : call.returns).push(record);
    call.lostBefore += lost;
    this.lost += lost;
    this.#latest = call;
    this.#last = record;
  }

  /** Whether a record is one more of the call that the last one was of. */
  #isMore({ type, index, pc }: DataflowRecord, { id, returnsPair }: F): boolean {
    const [call, last] = [this.#latest, this.#last];
    if (call === null || last === null || call.function.id !== id || last.type !== type) {
      return false;
    }
    // A call of itself begins with its first parameter again.
    if (type === "entry") return index > last.index || (index === last.index && pc > last.pc);
    // Where the type is not known, the return of a caller of the same name would come from its stack.
    const isCaller = this.#stack.at(-1)?.function.id === id;
    const isPair = returnsPair ?? (call.recorded === "whole" && !isCaller);
    return isPair && call.returns.length === 1 && pc > last.pc;
  }

  #enter(of: F): Building<F> {
    const call = this.#add(of, "open");
    if (this.#stack.length < this.#deepest) this.#stack.push(call);
    return call;
  }

  #leave(of: F): Building<F> {
    const at = this.#stack.findLastIndex((one) => one.function.id === of.id);
    if (at < 0) return this.#add(of, "no-entry");
    const [call, ...within] = this.#stack.splice(at);
    for (const one of within) one.recorded = "no-return";
    call!.recorded = "whole";
    return call!;
  }

  #add(of: F, recorded: Recorded): Building<F> {
    const call = { function: of, entries: [], returns: [], recorded, calls: [], lostBefore: 0 };
    (this.#stack.at(-1)?.calls ?? this.roots).push(call);
    return call;
  }
}

/** Every call of a tree, outer ones before inner ones, with the way to it from the outside. */
export function* walk<C extends { readonly calls: readonly C[] }>(
  calls: readonly C[],
  way: readonly C[] = [],
): Generator<readonly C[]> {
  for (const call of calls) {
    const here = [...way, call];
    yield here;
    yield* walk(call.calls, here);
  }
}

/** What of a call tells which error it returned. */
type Returning<C> = Pick<TracedCall, "returns"> & { readonly calls: readonly C[] };

/**
 * Where an error was born: from the outermost call that returned it to the innermost one, each time
 * by the last call within that has returned it as well; a call whose return is not recorded is passed
 * through. Empty where none has.
 * @param errno Above 0.
 */
export function wayOfError<C extends Returning<C>>(roots: readonly C[], errno: number): C[] {
  const way: C[] = [];
  for (let calls = roots;;) {
    const found = lastWith(calls, errno);
    if (found === null) return way;
    way.push(found);
    calls = found.calls;
  }
}

function lastWith<C extends Returning<C>>(calls: readonly C[], errno: number): C | null {
  for (const call of calls.toReversed()) {
    if (call.returns.some((one) => errorOf(one) === errno)) return call;
    const within = call.returns.length === 0 ? lastWith(call.calls, errno) : null;
    if (within !== null) return within;
  }
  return null;
}

/** MAX_ERRNO of include/linux/err.h: what is -1 to -4095 is an error number, of pointers as well. */
export const MAX_ERRNO = 4095;

/** The error number that a value is as an `int`, a `long` or a pointer; null for any other. */
export function errnoIn(value: bigint, bytes: number): number | null {
  if (bytes !== 4 && bytes !== 8) return null;
  const signed = BigInt.asIntN(8 * bytes, value);
  return signed < 0n && signed >= -BigInt(MAX_ERRNO) ? Number(-signed) : null;
}

/** The error number that a record says was returned. */
function errorOf({ address, size, values }: DataflowRecord): number | null {
  // Of an object there are its fields; what points nowhere has the error in place of an address.
  return address !== 0n ? errnoIn(address, 8) : errnoIn(values[0] ?? 0n, size);
}
