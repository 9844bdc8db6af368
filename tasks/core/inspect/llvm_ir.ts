// SPDX-License-Identifier: MIT
/**
 * As much of LLVM's textual IR (llvm.org/docs/LangRef.html) as tells which functions a compiler
 * instruments when it is told to.
 */

/** Attributes that keep SanitizerCoverage away: of `__no_sanitize_coverage`, `__naked`, and all. */
const EXCUSED = /(?:^|\s)(nosanitize_coverage|naked|disable_sanitizer_instrumentation)(?:\s|$)/;

/** Names of the functions with a body of their own and no attribute that excuses them. */
export function instrumentedFunctions(ir: string): string[] {
  const groups = new Map<string, string>();
  for (const [, number, text] of ir.matchAll(/^attributes #(\d+) = \{(.*)\}$/gm)) {
    groups.set(number!, text!);
  }
  const names: string[] = [];
  for (const [, head, body] of ir.matchAll(/^define ([^\n]*) \{\n(.*?)^\}$/gms)) {
    const [, name] = /@("[^"]*"|[\w.$-]+)\(/.exec(head!) ?? [];
    if (name === undefined || isPassedOver(name, head!) || isUnreachable(body!)) continue;
    const attributes = [...head!.matchAll(/ #(\d+)/g)].map(([, number]) => groups.get(number!));
    if (!EXCUSED.test([head, ...attributes].join(" "))) names.push(name);
  }
  return names;
}

/** Another object's function, and what sanitizers make themselves. */
function isPassedOver(name: string, head: string): boolean {
  return /\bavailable_externally\b/.test(head) || name.includes(".module_ctor") ||
    name.includes(".module_dtor") || name.startsWith("__sanitizer_");
}

/** A block that does nothing but not to be reached gets no call. */
function isUnreachable(body: string): boolean {
  const first = body.split("\n").map((line) => line.trim())
    .find((line) => line !== "" && !/^(;|#dbg|[\w.$"-]+:)/.test(line));
  return first?.startsWith("unreachable") ?? true;
}
