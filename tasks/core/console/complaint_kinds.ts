// SPDX-License-Identifier: MIT
/**
 * The kinds of complaints of a kernel: what each says of the reports of its kind. A kind without an
 * answer does not compile. docs/verdicts.md shows the ids to users, complaints.ts has the titles.
 */

interface KindFacts {
  /**
   * - "check": printed by a check of data in front of its BUG() or WARN(); those may end in die();
   * - "cause": ends in die(), and an "Oops" line may follow that only repeats it;
   * - "fault": ends in die() as well, with no such line of another title;
   * - "stall": something does not come to an end, and other CPUs are asked for their stacks;
   * - "report": all others; the kernel goes on behind it, or stops for good.
   */
  readonly nature: "check" | "cause" | "fault" | "stall" | "report";
  /**
   * 2 for a report of two parts, each with its own title: KASAN's report of a wild pointer and then
   * the access itself; what fortify_report() warns of and the BUG() behind it; words and then a check.
   */
  readonly titles: 1 | 2;
  /** "bare" where its stack begins without "Call Trace:" or its kin. */
  readonly stack: "headed" | "bare";
}

export const COMPLAINT_KINDS = {
  "allocation-failure": { nature: "report", titles: 1, stack: "headed" },
  "atomic-schedule": { nature: "report", titles: 1, stack: "headed" },
  "atomic-sleep": { nature: "report", titles: 1, stack: "headed" },
  "bad-page": { nature: "fault", titles: 1, stack: "headed" },
  "bug": { nature: "cause", titles: 1, stack: "headed" },
  "busy-inodes": { nature: "check", titles: 2, stack: "headed" },
  "control-flow": { nature: "check", titles: 1, stack: "headed" },
  "debug-objects": { nature: "check", titles: 1, stack: "headed" },
  "double-fault": { nature: "fault", titles: 1, stack: "headed" },
  "fortify": { nature: "check", titles: 2, stack: "headed" },
  "general-protection": { nature: "fault", titles: 1, stack: "headed" },
  "hard-lockup": { nature: "stall", titles: 1, stack: "headed" },
  "hung-task": { nature: "stall", titles: 1, stack: "headed" },
  "irq": { nature: "report", titles: 1, stack: "headed" },
  "kasan": { nature: "cause", titles: 2, stack: "headed" },
  "kasan-invalid-free": { nature: "fault", titles: 2, stack: "headed" },
  "kasan-out-of-bounds": { nature: "fault", titles: 2, stack: "headed" },
  "kasan-use-after-free": { nature: "fault", titles: 2, stack: "headed" },
  "kcsan": { nature: "report", titles: 1, stack: "bare" },
  "kfence": { nature: "report", titles: 1, stack: "bare" },
  "kmemleak": { nature: "report", titles: 1, stack: "bare" },
  "kmsan": { nature: "report", titles: 1, stack: "bare" },
  "list-corruption": { nature: "check", titles: 1, stack: "headed" },
  "lockdep": { nature: "report", titles: 1, stack: "headed" },
  "machine-check": { nature: "report", titles: 1, stack: "headed" },
  "netdevice-leak": { nature: "report", titles: 1, stack: "headed" },
  "oom": { nature: "report", titles: 1, stack: "headed" },
  "oops": { nature: "fault", titles: 1, stack: "headed" },
  "page-fault": { nature: "cause", titles: 1, stack: "headed" },
  "panic": { nature: "report", titles: 1, stack: "headed" },
  "rcu-stall": { nature: "stall", titles: 1, stack: "headed" },
  "refcount": { nature: "check", titles: 1, stack: "headed" },
  "slab-corruption": { nature: "check", titles: 1, stack: "headed" },
  "soft-lockup": { nature: "stall", titles: 1, stack: "headed" },
  "stack-overflow": { nature: "cause", titles: 1, stack: "headed" },
  "stack-protector": { nature: "report", titles: 1, stack: "headed" },
  "too-many": { nature: "report", titles: 1, stack: "headed" },
  "ubsan": { nature: "cause", titles: 1, stack: "headed" },
  "unwinder": { nature: "report", titles: 1, stack: "headed" },
  "usercopy": { nature: "check", titles: 1, stack: "headed" },
  "warning": { nature: "report", titles: 1, stack: "headed" },
  "workqueue-leak": { nature: "report", titles: 1, stack: "headed" },
  "workqueue-lockup": { nature: "stall", titles: 1, stack: "headed" },
} as const satisfies Readonly<Record<string, KindFacts>>;

/** Stable word for a kind of complaint. */
export type ComplaintId = keyof typeof COMPLAINT_KINDS;

/** What comes behind as many complaints as are kept; see report_reader.ts. */
export const TOO_MANY = "too-many" satisfies ComplaintId;

const factsOf = (id: ComplaintId): KindFacts => COMPLAINT_KINDS[id];

export const COMPLAINT_IDS = Object.keys(COMPLAINT_KINDS) as readonly ComplaintId[];

/** Ids of what a check prints in front of its BUG() or WARN(). */
export const CHECK_IDS = COMPLAINT_IDS.filter((id) => factsOf(id).nature === "check");

/** Ids of what the "Oops" line only follows. */
export const CAUSE_IDS = COMPLAINT_IDS.filter((id) =>
  ["check", "cause"].includes(factsOf(id).nature)
);

/** Whether it ends in die(), and so may end in a panic. */
export function endsInDie(id: ComplaintId): boolean {
  switch (factsOf(id).nature) {
    case "check":
    case "cause":
    case "fault":
      return true;
    case "stall":
    case "report":
      return false;
  }
}

/** Whether it is about something that does not come to an end. */
export function isStall(id: ComplaintId): boolean {
  return factsOf(id).nature === "stall";
}

/** Whether its report has two parts, each with a title. */
export function hasTwoTitles(id: ComplaintId): boolean {
  return factsOf(id).titles === 2;
}

/** Whether its stack begins without a heading. */
export function hasBareStack(id: ComplaintId): boolean {
  return factsOf(id).stack === "bare";
}
