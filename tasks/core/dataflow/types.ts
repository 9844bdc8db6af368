// SPDX-License-Identifier: MIT
/** Functions and C types of one compile unit, as its debug information has them. */
import { type Die, holds } from "./die_text.ts";

/** A type by what a value of it looks like; names and qualifiers are in `text`. */
export interface CType {
  /** In C: "const struct pt_regs *", "umode_t". */
  readonly text: string;
  readonly shape: Shape;
}

export type Shape =
  | { readonly kind: "integer"; readonly bytes: number; readonly isSigned: boolean }
  | { readonly kind: "boolean"; readonly bytes: number }
  | { readonly kind: "character"; readonly bytes: number; readonly isSigned: boolean }
  | {
    readonly kind: "enumeration";
    readonly bytes: number;
    readonly names: ReadonlyMap<bigint, string>;
  }
  /** `object` asks for what it points to; null where that is `void`, or no data. */
  | { readonly kind: "pointer"; readonly object: () => CType | null }
  /** `isKnown` is false where the unit has declared it alone. */
  | {
    readonly kind: "structure" | "union";
    readonly bytes: number;
    readonly isKnown: boolean;
    readonly members: () => readonly Member[];
  }
  | { readonly kind: "array"; readonly bytes: number; readonly element: CType }
  | { readonly kind: "other"; readonly bytes: number };

/** A member that has a place: arrays without elements and empty structures have none. */
export interface Member {
  /** "" for a structure or union without a name of its own. */
  readonly name: string;
  readonly type: CType;
  /** Bits from the beginning of the structure, and how many. */
  readonly bitAt: number;
  readonly bits: number;
}

export interface FunctionType {
  readonly name: string;
  /** Each with its name, null for one that has none. */
  readonly parameters: readonly { readonly name: string | null; readonly type: CType | null }[];
  /** null for `void`. */
  readonly returns: CType | null;
}

const QUALIFIERS: Readonly<Record<string, string>> = {
  const_type: "const",
  volatile_type: "volatile",
  restrict_type: "restrict",
  atomic_type: "_Atomic",
};
/** Of types that do not end. */
const DEEPEST = 64;
const POINTER_BYTES = 8;
/** Of a subrange that says nothing; the kernel's arrays begin at 0. */
const NO_ELEMENTS = 0;

export class UnitTypes {
  readonly #dies = new Map<number, Die>();
  readonly #functions: readonly Die[];
  readonly #known = new Map<number, CType>();

  /** @param unit The entry of the compile unit, with all in it. */
  constructor(unit: Die) {
    const functions: Die[] = [];
    const add = (die: Die) => {
      this.#dies.set(die.offset, die);
      if (die.tag === "subprogram" && die.ranges !== undefined) functions.push(die);
      for (const child of die.children) add(child);
    };
    add(unit);
    this.#functions = functions;
  }

  /** The function whose code holds an address; null where the unit says nothing of its type. */
  functionAt(address: bigint): FunctionType | null {
    const found = this.#functions.find((die) => holds(die, address));
    return found === undefined ? null : this.#functionOf(found);
  }

  #functionOf(die: Die): FunctionType | null {
    const abstract = this.#originOf(die);
    const { name, type, typeText, isPrototyped } = { ...abstract, ...die };
    if (name === undefined || isPrototyped !== true) return null;
    // The abstract one has them all, in their order; line tables alone have none of either.
    const parameters = [abstract ?? die, die].map(({ children }) =>
      children.filter(({ tag }) => tag === "formal_parameter")
    ).sort((a, b) => b.length - a.length)[0]!;
    return {
      name,
      parameters: parameters.map((one) => {
        const whole = { ...this.#originOf(one), ...one };
        return {
          name: whole.name ?? null,
          type: whole.type === undefined ? null : this.#type(whole.type, whole.typeText),
        };
      }),
      returns: type === undefined ? null : this.#type(type, typeText),
    };
  }

  #originOf({ origin }: Die): Die | null {
    return origin === undefined ? null : this.#dies.get(origin) ?? null;
  }

  /** @param text In C, where an entry that refers to it says so. */
  #type(offset: number, text?: string, depth = 0): CType {
    const known = this.#known.get(offset);
    if (known) return known;
    const die = this.#dies.get(offset);
    const made: CType = die === undefined || depth > DEEPEST
      ? { text: text ?? "?", shape: { kind: "other", bytes: 0 } }
      : { text: this.#text(die, text, depth), shape: this.#shape(die, depth) };
    this.#known.set(offset, made);
    return made;
  }

  #text(die: Die, text: string | undefined, depth: number): string {
    const of = () =>
      die.type === undefined ? "void" : this.#type(die.type, die.typeText, depth + 1).text;
    const qualifier = QUALIFIERS[die.tag];
    if (qualifier !== undefined) {
      return of().endsWith("*") ? `${of()}${qualifier}` : `${qualifier} ${of()}`;
    }
    switch (die.tag) {
      case "pointer_type": {
        const to = die.type === undefined ? undefined : this.#dies.get(die.type);
        if (to?.tag === "subroutine_type") return this.#functionText(to, depth);
        return of().endsWith("*") ? `${of()}*` : `${of()} *`;
      }
      case "structure_type":
        return `struct ${die.name ?? "{…}"}`;
      case "union_type":
        return `union ${die.name ?? "{…}"}`;
      case "enumeration_type":
        return `enum ${die.name ?? "{…}"}`;
      case "array_type":
        return text ?? `${of()}[]`;
      default:
        return die.name ?? text ?? "?";
    }
  }

  /** "int (*)(struct file *, long)" */
  #functionText({ type, typeText, children }: Die, depth: number): string {
    const textOf = (offset: number | undefined, text: string | undefined) =>
      offset === undefined ? "void" : this.#type(offset, text, depth + 1).text;
    const parameters = children.flatMap((one) =>
      one.tag === "formal_parameter"
        ? [textOf(one.type, one.typeText)]
        : one.tag === "unspecified_parameters"
        ? ["..."]
        : []
    );
    return `${textOf(type, typeText)} (*)(${parameters.join(", ") || "void"})`;
  }

  #shape(die: Die, depth: number): Shape {
    const bytes = die.byteSize ?? 0;
    const of = () => die.type === undefined ? null : this.#type(die.type, die.typeText, depth + 1);
    switch (die.tag) {
      case "typedef":
      case "const_type":
      case "volatile_type":
      case "restrict_type":
      case "atomic_type":
        return of()?.shape ?? { kind: "other", bytes: 0 };
      case "base_type":
        return baseShape(die.name ?? "", die.encoding ?? "", bytes);
      case "pointer_type":
        return { kind: "pointer", object: () => this.#object(die) };
      case "enumeration_type":
        return { kind: "enumeration", bytes, names: namesOf(die) };
      case "structure_type":
      case "union_type":
        return {
          kind: die.tag === "union_type" ? "union" : "structure",
          bytes,
          isKnown: die.isDeclaration !== true,
          members: () => this.#members(die),
        };
      case "array_type": {
        const element = of() ?? { text: "?", shape: { kind: "other", bytes: 0 } };
        return { kind: "array", bytes: elementsOf(die) * bytesOf(element), element };
      }
      default:
        return { kind: "other", bytes };
    }
  }

  #object({ type, typeText }: Die): CType | null {
    if (type === undefined) return null;
    const object = this.#type(type, typeText);
    return object.shape.kind === "other" ? null : object;
  }

  #members({ children }: Die): Member[] {
    return children.filter(({ tag }) => tag === "member").flatMap((die) => {
      if (die.type === undefined) return [];
      const type = this.#type(die.type, die.typeText);
      const bits = die.bitSize ?? 8 * bytesOf(type);
      if (bits === 0) return [];
      const bitAt = die.dataBitOffset ?? 8 * (die.memberAt ?? 0);
      return [{ name: die.name ?? "", type, bitAt, bits }];
    });
  }
}

function baseShape(name: string, encoding: string, bytes: number): Shape {
  switch (encoding) {
    case "boolean":
      return { kind: "boolean", bytes };
    case "signed":
    case "unsigned":
      return { kind: "integer", bytes, isSigned: encoding === "signed" };
    case "signed_char":
    case "unsigned_char": {
      const isSigned = encoding === "signed_char";
      // The kernel is built with -funsigned-char; its u8 and s8 are bytes, and no text.
      return { kind: name === "char" ? "character" : "integer", bytes, isSigned };
    }
    default:
      return { kind: "other", bytes };
  }
}

function namesOf({ children }: Die): Map<bigint, string> {
  const named = children.filter(({ tag, constValue }) =>
    tag === "enumerator" && constValue !== undefined
  );
  return new Map(named.map(({ constValue, name }) => [constValue!, name ?? "?"]));
}

function elementsOf({ children }: Die): number {
  const ranges = children.filter(({ tag }) => tag === "subrange_type");
  const counts = ranges.map(({ count, upperBound }) =>
    count ?? (upperBound === undefined ? NO_ELEMENTS : upperBound + 1)
  );
  return counts.length === 0 ? NO_ELEMENTS : counts.reduce((all, one) => all * one, 1);
}

/** Size of a value; 0 where nobody knows. */
export function bytesOf({ shape }: CType): number {
  return shape.kind === "pointer" ? POINTER_BYTES : shape.bytes;
}
