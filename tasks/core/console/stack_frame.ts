// SPDX-License-Identifier: MIT
/**
 * The lines of a stack in a kernel's log, as kernels of many ages and architectures (core/arch/)
 * print them or as they come out of a symbolizer.
 */
import { inAnyLog } from "../arch/logs.ts";

export interface StackFrame {
  /** As the kernel's symbol table has it, suffixes of the compiler included. */
  readonly function: string;
  /**
   * From the function's beginning, in bytes; behind the call where `returns`. null where the log has
   * none: of an inlined function, or from a symbolizer that takes it off.
   */
  readonly offset: number | null;
  /** Of the function, up to the next symbol, in bytes; null with the offset. */
  readonly size: number | null;
  /** Name of the module, or null for vmlinux. */
  readonly module: string | null;
  /** A return address; false for a place where the CPU was. */
  readonly returns: boolean;
  /**
   * A function that a symbolizer found inlined in the next frame. Only that one is on the stack, and
   * in logs that nobody has symbolized.
   */
  readonly inlined?: true;
  /** "fs/read_write.c:702", where somebody has symbolized the log. */
  readonly source?: string;
}

const NAME = String.raw`([A-Za-z_.$<][\w.$:<>]*)`;
const OFFSET = String.raw`\+0x([0-9a-f]+)\/0x([0-9a-f]+)`;
/** "[<ffffffff81234567>] ", "[<0>] ", powerpc's two without "<>", s390's in parentheses. */
const ADDRESS = String.raw`(?:\(?\[<?\s*(?:0x)?[0-9a-f]+>?\]\)? +)`;
/** "fs/x.c:12", "./include/linux/x.h:3", "rust/kernel/lib.rs:3". */
const SOURCE = String.raw`((?:[\w.+-]+\/)*[\w+-][\w.+-]*\.(?:[chSs]|rs):\d+)`;
const TAGS = String.raw`(?:<\/?#?[A-Z]+\d*> *)*`;
/**
 * " ksys_write+0x6f/0xe0", " ? f+0x1/0x2 [module]" (printk_stack_address()), " [<c0123456>] f+0x1/0x2",
 * " <IRQ>  [<ffffffff81234567>] f+0x1/0x2", " => f+0x1/0x2", " f+0x1/0x2 fs/x.c:12", " f+0x1/0x2 (T)".
 */
const FRAME = new RegExp(
  String
    .raw`^(?:\s+|(?=\[))${TAGS}(?:=> )?${ADDRESS}{0,2}(\?\s+)?\(?${NAME}${OFFSET}\)?(?![\w/+])(.*)$`,
);
/** The same where blanks were lost on the way, as in mails: all of the line, then. */
const BARE = new RegExp(
  String.raw`^(\? )?${NAME}${OFFSET}((?: \[[^\]]*\])?(?: \(\w\))?)\s*$`,
);
/** " f fs/x.c:12 [inline]", " [<     inline     >] f fs/x.c:12". */
const INLINE = new RegExp(
  String
    .raw`^\s+(?:${ADDRESS}?(?:\?\s+)?${NAME} ${SOURCE} \[inline\]|\[<\s*inline\s*>\] ${NAME} ${SOURCE})\s*$`,
);
/** "f (fs/x.c:12 (discriminator 3) fs/y.h:4) module" (scripts/decode_stacktrace.sh). */
const DECODED = new RegExp(
  String.raw`^\s*${ADDRESS}?(\?\s+)?${NAME} \(${SOURCE}[^()]*(?:\([^()]*\)[^()]*)*\) ?(\w+)?\s*$`,
);
/** ARM: "[<c0012345>] (f) from [<c0023456>] (g+0x1/0x2)", " f from g+0x1/0x2". */
const FROM = new RegExp(
  String.raw`^\s*(?:${ADDRESS}\(${NAME}[^)]*\)|\s+${NAME}) from ${ADDRESS}?\(?${NAME}${OFFSET}\)?`,
);
/** Where the CPU was. */
const PLACE = new RegExp(
  String.raw`^\s*${inAnyLog(({ place }) => place)}` +
    String.raw`${ADDRESS}{0,2}(?:${NAME}${OFFSET}(.*)|${NAME} \(?${SOURCE}.*)$`,
);
/** The same in user space. */
const USER = new RegExp(String.raw`^\s*${inAnyLog(({ userPlace }) => userPlace)}`);
const SECTION = /^\s*<\/?(TASK|IRQ|SOFTIRQ|NMI|EOI|EOE|#?[A-Z][A-Z0-9]*)>\s*$/;
/** Heads a stack; very old logs have its first entry behind it. */
export const TRACE =
  /^\s*(?:Call [Tt]race|[Ss]tack backtrace|Backtrace|backtrace(?: \(crc [0-9a-f]+\))?): ?/;

/** Module and source line, from what stands behind a place. */
function restOf(rest: string): Pick<StackFrame, "module" | "source"> {
  // "[inline]" is a symbolizer's word; "[module 1a2b…]" has a build id, "[module(O)]" a taint.
  const module = /\[(?!inline\])([A-Za-z_][\w-]*)(?:[ (][^\]]*)?\]/.exec(rest)?.[1] ?? null;
  const source = SOURCE_ALONE.exec(rest)?.[1];
  return { module, ...(source === undefined ? {} : { source: plainSource(source) }) };
}

const SOURCE_ALONE = new RegExp(String.raw`(?:^|[ (])${SOURCE}`);

function plainSource(source: string): string {
  return source.replace(/^(?:\.\/)+/, "");
}

function placed(
  name: string,
  offset: string,
  size: string,
  rest: string,
  returns: boolean,
): StackFrame {
  const place = { offset: parseInt(offset, 16), size: parseInt(size, 16) };
  return { function: name, ...place, returns, ...restOf(rest) };
}

function unplaced(
  name: string,
  source: string,
  { module = null, returns = true, inlined = false }: {
    module?: string | null;
    returns?: boolean;
    inlined?: boolean;
  },
): StackFrame {
  const nowhere = { function: name, offset: null, size: null, module, returns };
  return { ...nowhere, source: plainSource(source), ...(inlined ? { inlined } : {}) };
}

export interface Entry {
  readonly frame: StackFrame;
  /** The unwinder does not vouch for it: an address that merely lies on the stack. */
  readonly questionable: boolean;
}

/** The entry of a stack that a line is; null for any other line. */
export function entryOf(line: string): Entry | null {
  // Most lines are none, and looking for a word is quick.
  if (line.includes("+0x")) {
    const plain = FRAME.exec(line) ?? BARE.exec(line);
    if (plain) {
      const [, question, name, offset, size, rest] = plain;
      const questionable = question !== undefined || rest!.includes("(unreliable)");
      return { frame: placed(name!, offset!, size!, rest!, true), questionable };
    }
    const from = line.includes(" from ") ? FROM.exec(line) : null;
    if (from) return { frame: placed(from[3]!, from[4]!, from[5]!, "", true), questionable: false };
  }
  if (line.includes("inline")) {
    const inline = INLINE.exec(line);
    if (inline) {
      const [, name, source, oldName, oldSource] = inline;
      const frame = unplaced((name ?? oldName)!, (source ?? oldSource)!, { inlined: true });
      return { frame, questionable: false };
    }
  }
  const decoded = line.includes("(") ? DECODED.exec(line) : null;
  if (!decoded) return null;
  const [, question, name, source, module] = decoded;
  const frame = unplaced(name!, source!, { module: module ?? null });
  return { frame, questionable: question !== undefined };
}

/** "f+0x1/0x2 [module]", the same text for the same frame; "f" where the log has no offset. */
export function stackFrameText({ function: name, offset, size, module }: StackFrame): string {
  const place = offset === null || size === null
    ? name
    : `${name}+0x${offset.toString(16)}/0x${size.toString(16)}`;
  return module === null ? place : `${place} [${module}]`;
}

/** Whether a line is an entry of a stack, or where the stack of another context begins. */
export function isStackLine(line: string): boolean {
  return SECTION.test(line) || entryOf(line) !== null;
}

/** The name in the source: without what a compiler appends to copies and parts of a function. */
export function plainName(name: string): string {
  return name.replace(/^__pfx_/, "").replace(
    /(\.(constprop|isra|part|cold|llvm|lto_priv|localalias|kcfi|cfi_jt)(\.\d+)*|\.\d+)+$/,
    "",
  );
}

/** Where the CPU was (RIP and its kin), innermost function first; null for any other line. */
export function placeOf(line: string): StackFrame | null {
  const at = PLACE.exec(line);
  if (!at) return null;
  const [, name, offset, size, rest, decoded, source] = at;
  return name === undefined
    ? unplaced(decoded!, source!, { returns: false, inlined: line.includes("[inline]") })
    : placed(name, offset!, size!, rest!, false);
}

/** Whether a line says where the CPU was in user space. */
export function isUserPlace(line: string): boolean {
  return USER.test(line);
}
