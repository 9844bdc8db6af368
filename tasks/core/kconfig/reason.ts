// SPDX-License-Identifier: MIT
/**
 * A finding about a symbol, as a tree: what it rests on, down to the leaf that a fragment can set or
 * that nothing can help, and what would remove it.
 */

/** A finding and what it rests on. */
export interface Reason {
  readonly text: string;
  readonly children: readonly Reason[];
  /** Fragment lines that would remove it, in the order in which they depend on each other. */
  readonly add: readonly string[];
  readonly advice: readonly string[];
  /** Nothing that a fragment can say removes it, whatever becomes of what stands beside it. */
  readonly hopeless?: boolean | undefined;
  /** What the chain below ends in, for the summary. */
  readonly leaf: { readonly cause: "depends" | "probe"; readonly briefs: readonly string[] };
}

/** Of the alternatives of an OR, and of the selectors of a symbol, as many are shown. */
export const MAX_SHOWN = 3;

/** A finding that rests on nothing else. */
export function leaf(text: string): Reason {
  return { text, children: [], add: [], advice: [], leaf: { cause: "depends", briefs: [text] } };
}

/** A finding that rests on nothing else, and that nothing in a fragment removes. */
export function hopeless(text: string): Reason {
  return { ...leaf(text), hopeless: true };
}

/** One that rests on others, and goes away with them. */
export function branch(text: string, children: readonly Reason[]): Reason {
  return { text, children, ...combine(children) };
}

/** All of these reasons stand: all their remedies are needed, and one without hope is enough. */
export function combine(
  reasons: readonly Reason[],
): Pick<Reason, "add" | "advice" | "hopeless" | "leaf"> {
  // A probe is the hardest of all obstacles, so it is what the summary names.
  const probes = reasons.filter((reason) => reason.leaf.cause === "probe");
  const lost = reasons.filter((reason) => reason.hopeless);
  const hardest = probes.length > 0 ? probes : lost.length > 0 ? lost : reasons;
  return {
    add: lost.length > 0 ? [] : reasons.flatMap((reason) => reason.add),
    advice: lost.length > 0 ? [] : reasons.flatMap((reason) => reason.advice),
    hopeless: lost.length > 0,
    leaf: {
      cause: probes.length > 0 ? "probe" : "depends",
      briefs: [...new Set(hardest.flatMap((one) => one.leaf.briefs))],
    },
  };
}

/** The cost of a reason that nothing in a fragment removes. */
export const HOPELESS = 100;

/** How far a set of reasons is from being removed; orders the alternatives of an OR. */
export function cost(reasons: readonly Reason[]): number {
  return reasons.reduce((sum, reason) => {
    if (reason.add.length > 0) return sum + reason.add.length;
    return sum + (reason.advice.length > 0 && reason.leaf.cause !== "probe" ? 10 : HOPELESS);
  }, 0);
}

/**
 * Lines, indented by two blanks a level.
 * @param shown Keeps what was expanded already, for real dependencies share most of their paths.
 */
export function renderReason(reason: Reason, depth: number, shown: Set<string>): string[] {
  const indent = "  ".repeat(depth);
  if (reason.children.length > 0 && shown.has(reason.text)) {
    return [`${indent}${reason.text} (see above)`];
  }
  shown.add(reason.text);
  return [
    `${indent}${reason.text}`,
    ...reason.children.flatMap((child) => renderReason(child, depth + 1, shown)),
  ];
}

/** The first few, and how many more. */
export function briefly(briefs: readonly string[]): string {
  const shown = briefs.slice(0, MAX_SHOWN).join(", ");
  return briefs.length > MAX_SHOWN ? `${shown} and ${briefs.length - MAX_SHOWN} more` : shown;
}

/** "A, B, C" */
export function memberNames(members: readonly { readonly name: string }[]): string {
  return members.map((member) => member.name).join(", ");
}
