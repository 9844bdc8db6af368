// SPDX-License-Identifier: MIT
/** What the kernel says by each kind of complaint: for docs/verdicts.md, and for `explain`. */
import type { ComplaintId } from "./complaint_kinds.ts";

export const COMPLAINT_WORDS: readonly { readonly ids: readonly ComplaintId[]; says: string }[] = [
  {
    ids: ["panic", "double-fault", "machine-check"],
    says: "it stopped for good; the hardware reported an error",
  },
  {
    ids: ["stack-protector", "stack-overflow"],
    says: "a stack was written over, or was too small",
  },
  {
    ids: ["kasan-out-of-bounds", "kasan-use-after-free", "kasan-invalid-free"],
    says: "reports of KASAN; any other of it is `kasan`",
  },
  {
    ids: ["kasan", "kmsan", "kcsan", "kfence", "ubsan", "kmemleak"],
    says: "a report of the detector of that name",
  },
  {
    ids: ["page-fault", "general-protection", "oops"],
    says: "it touched what it must not, or did what the CPU refuses",
  },
  { ids: ["bug"], says: "`BUG()`, and any line that begins `BUG:`" },
  { ids: ["warning"], says: "`WARN()`, and a line that begins `WARNING:` with a report behind it" },
  {
    ids: ["soft-lockup", "hard-lockup", "workqueue-lockup", "hung-task"],
    says: "something does not come to an end",
  },
  { ids: ["rcu-stall"], says: "an RCU grace period does not come to an end" },
  {
    ids: ["lockdep", "atomic-sleep", "atomic-schedule"],
    says: "locks in a wrong order or context; sleeping where that is not allowed",
  },
  { ids: ["workqueue-leak"], says: "a work item ended with a lock held" },
  {
    ids: ["list-corruption", "refcount", "slab-corruption", "bad-page"],
    says: "its data is not what it was",
  },
  {
    ids: ["debug-objects"],
    says: "a timer or the like was freed or started while it was in use (ODEBUG)",
  },
  {
    ids: ["busy-inodes", "netdevice-leak"],
    says: "a file system, a network device cannot go, for somebody still uses it",
  },
  { ids: ["usercopy", "fortify", "control-flow"], says: "a hardening check failed" },
  { ids: ["oom", "allocation-failure"], says: "the OOM killer came; pages could not be had" },
  { ids: ["unwinder"], says: "the ORC unwinder did not understand a stack" },
  { ids: ["irq"], says: "an interrupt or NMI that nobody wanted" },
  { ids: ["too-many"], says: "more than 5000 complaints; nothing allows it" },
];

/** Null for what is no kind. */
export function wordsOfComplaint(kind: string): string | null {
  return COMPLAINT_WORDS.find(({ ids }) => ids.some((id) => id === kind))?.says ?? null;
}
