// SPDX-License-Identifier: MIT
/** Parameters of system calls, by the kernel's own declarations. */

/** Below a kernel tree. */
export const SYSTEM_CALL_HEADER = "include/linux/syscalls.h";

export interface CallParameter {
  /** "" where the declaration has none. */
  readonly name: string;
  readonly type: string;
}

/** Words that end a type and are no name. */
const TYPE_WORDS = new Set(["int", "long", "char", "short", "unsigned", "signed", "void"]);

/** Parameters by the name of the call: lines `asmlinkage long sys_<name>(…);`. */
export function parseCallParameters(header: string): Map<string, readonly CallParameter[]> {
  const found = new Map<string, readonly CallParameter[]>();
  const declarations = header.matchAll(/\basmlinkage\s+long\s+sys_(\w+)\s*\(([^()]*)\)\s*;/g);
  for (const [, name, list] of declarations) {
    const parameters = list!.split(",").map(readParameter);
    const [only] = parameters;
    found.set(name!, parameters.length === 1 && only!.type === "void" ? [] : parameters);
  }
  return found;
}

function readParameter(text: string): CallParameter {
  const whole = text.trim().replaceAll(/\s+/g, " ");
  const [, type = "", name = ""] = /^(.*?[ *])(\w+)$/.exec(whole) ?? [];
  // "struct name" and "unsigned long" are types without a name behind them.
  const isName = name !== "" && !TYPE_WORDS.has(name) && !/^(struct|union|enum) $/.test(type);
  return isName ? { name, type: type.trim() } : { name: "", type: whole };
}

/**
 * Whether only a number makes sense for it. Not of `long` and `unsigned long`, in which ioctl() and
 * others take addresses.
 */
export function isNumber({ type }: CallParameter): boolean {
  return !type.includes("*") &&
    !/\blong$|_t$(?<!\b(?:size|off|loff|mode|umode|pid|uid|gid)_t)/.test(type);
}
