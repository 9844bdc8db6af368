// SPDX-License-Identifier: MIT
/** Values as people write them in C: numbers, names of enumerators and errors, symbols of pointers. */
import { errnoIn } from "./call_tree.ts";
import { bytesOf, type CType, type Member } from "./types.ts";

/** What values are looked up in. */
export interface ValueNames {
  /** "EINVAL"; null for a number that is none. */
  readonly errnoName: (errno: number) => string | null;
  /** "pipefifo_fops", "vfs_read+0x10"; null for what is not in the kernel's image. */
  readonly symbolAt: (address: bigint) => string | null;
}

/** In the place of a value that is not known. */
export const UNKNOWN = "?";

/** From here on a number is easier to recognize in hexadecimal. */
const HEXADECIMAL_FROM = 0x10000n;
/** Names of parameters and fields whose bits mean something each. */
const BITS = /flags?$|_mask$|^mask$|_bits$/;
/** Types of file modes: their bits come in threes. */
const OCTAL = /^(umode_t|mode_t|__kernel_mode_t)$/;

export function hexText(value: bigint): string {
  return `0x${value.toString(16)}`;
}

/** "-22 EINVAL"; null for what is no error number. */
export function errorText(value: bigint, bytes: number, names: ValueNames): string | null {
  const errno = errnoIn(value, bytes);
  const name = errno === null ? null : names.errnoName(errno);
  return name === null ? null : `-${errno} ${name}`;
}

/**
 * @param raw Zero-extended from `bytes`, the low ones.
 * @param type null where it is not known.
 * @param name Of the parameter or field; "" for returned values.
 */
export function valueText(
  raw: bigint,
  bytes: number,
  type: CType | null,
  name: string,
  names: ValueNames,
): string {
  const shape = type?.shape;
  switch (shape?.kind) {
    case undefined:
    case "other":
      return bytes > 8 ? lowEndText(raw, 64) : raw < 10n ? `${raw}` : hexText(raw);
    case "boolean":
      return raw === 0n ? "false" : raw === 1n ? "true" : hexText(raw);
    case "integer":
      if (bytes > 8) return lowEndText(raw, 64);
      return integerText(widthOf(raw, bytes, shape.isSigned), type!.text, name);
    case "character":
      return characterText(raw & 0xffn);
    case "enumeration":
      return enumeratorText(raw, bytes, shape.names);
    case "pointer":
      return pointerText(raw, names);
    case "array":
      return arrayText(raw, bytes, shape, names);
    case "structure":
    case "union":
      return structureText(raw, bytes, shape.members(), names);
  }
}

/**
 * A number that goes on above what was recorded of it: `0x…0000000000000005`.
 * @param bits How many are known, the low ones.
 */
function lowEndText(raw: bigint, bits: number): string {
  const digits = Math.floor(bits / 4);
  return `0x…${BigInt.asUintN(4 * digits, raw).toString(16).padStart(digits, "0")}`;
}

function widthOf(raw: bigint, bytes: number, isSigned: boolean): bigint {
  const bits = 8 * Math.min(Math.max(bytes, 1), 8);
  return isSigned ? BigInt.asIntN(bits, raw) : BigInt.asUintN(bits, raw);
}

function integerText(value: bigint, type: string, name: string): string {
  if (OCTAL.test(type)) return value === 0n ? "0" : `0${value.toString(8)}`;
  if (value < 0n) return `${value}`;
  return value >= HEXADECIMAL_FROM || (BITS.test(name) && value > 9n) ? hexText(value) : `${value}`;
}

function characterText(code: bigint): string {
  const isPrinted = code >= 0x20n && code < 0x7fn;
  return isPrinted ? `'${quotedIn(String.fromCharCode(Number(code)), "'")}'` : `${code}`;
}

function quotedIn(text: string, quote: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll(quote, `\\${quote}`);
}

function enumeratorText(
  raw: bigint,
  bytes: number,
  names: ReadonlyMap<bigint, string>,
): string {
  const [plain, signed] = [widthOf(raw, bytes, false), widthOf(raw, bytes, true)];
  const name = names.get(plain) ?? names.get(signed);
  return name ?? `${names.size > 0 && [...names.keys()].some((one) => one < 0n) ? signed : plain}`;
}

/** NULL, an error in the place of an address, a symbol of the kernel, or the address. */
export function pointerText(value: bigint, names: ValueNames): string {
  if (value === 0n) return "NULL";
  const error = errorText(value, 8, names);
  if (error !== null) return `ERR_PTR(${error})`;
  const symbol = names.symbolAt(value);
  return symbol === null ? hexText(value) : symbol;
}

function bytesIn(raw: bigint, bytes: number): number[] {
  return Array.from(
    { length: Math.min(bytes, 8) },
    (_, at) => Number(raw >> BigInt(8 * at) & 0xffn),
  );
}

/** Of an array the first eight bytes are recorded. */
function arrayText(
  raw: bigint,
  bytes: number,
  { bytes: all, element }: { readonly bytes: number; readonly element: CType },
  names: ValueNames,
): string {
  const rest = all > bytes ? "…" : "";
  const known = bytesIn(raw, bytes);
  if (element.shape.kind === "character") {
    const end = known.indexOf(0);
    const codes = end < 0 ? known : known.slice(0, end);
    if (codes.every((code) => code >= 0x20 && code < 0x7f)) {
      return `"${quotedIn(String.fromCharCode(...codes), '"')}"${end < 0 ? rest : ""}`;
    }
  }
  const each = bytesOf(element);
  const count = each === 0 ? 0 : Math.floor(Math.min(bytes, 8) / each);
  if (count === 0) return hexText(raw);
  const texts = Array.from({ length: count }, (_, at) => {
    const one = BigInt.asUintN(8 * each, raw >> BigInt(8 * each * at));
    return valueText(one, each, element, "", names);
  });
  return `{${texts.join(", ")}${rest === "" ? "" : `, ${rest}`}}`;
}

/** A structure that fits into a register, or the first eight bytes of a larger one. */
function structureText(
  raw: bigint,
  bytes: number,
  members: readonly Member[],
  names: ValueNames,
): string {
  const seen = members.filter(({ bitAt, bits }) => bitAt + bits <= 8 * Math.min(bytes, 8));
  // A wrapper of one value (kuid_t, spinlock_t) is that value.
  if (seen.length === 1 && members.length === 1) {
    return memberText(raw, seen[0]!, seen[0]!.bitAt, names);
  }
  if (seen.length === 0) return raw < 10n ? `${raw}` : hexText(raw);
  const texts = seen.map((one) => {
    const text = memberText(raw, one, one.bitAt, names);
    return one.name === "" ? text : `${one.name}=${text}`;
  });
  return `{${texts.join(", ")}${seen.length < members.length ? ", …" : ""}}`;
}

/**
 * A member out of the bytes around it.
 * @param raw Bytes that hold it, from the one that bit `bitAt` is in, or from bit 0 on.
 * @param shift Where it begins in them, in bits.
 */
export function memberText(
  raw: bigint,
  { name, type, bits }: Member,
  shift: number,
  names: ValueNames,
): string {
  const { shape } = type;
  const isWhole = shift + bits <= 64;
  if (!isWhole && SCALARS.has(shape.kind)) return lowEndText(raw >> BigInt(shift), 64 - shift);
  const width = Math.min(bits, 64);
  const value = BigInt.asUintN(width, raw >> BigInt(shift));
  const isField = bits % 8 !== 0;
  if (isField && shape.kind === "integer") {
    const own = shape.isSigned ? BigInt.asIntN(width, value) : value;
    return integerText(own, type.text, name);
  }
  if (isField && shape.kind === "enumeration") {
    const own = [...shape.names.keys()].some((one) => one < 0n)
      ? BigInt.asUintN(64, BigInt.asIntN(width, value))
      : value;
    return enumeratorText(own, 8, shape.names);
  }
  return valueText(value, Math.ceil(width / 8), type, name, names);
}

/** What is one number. */
const SCALARS: ReadonlySet<string> = new Set(["integer", "enumeration", "other"]);
