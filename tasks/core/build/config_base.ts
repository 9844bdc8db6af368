// SPDX-License-Identifier: MIT
/** What a .config begins with: targets of make, and files. */
import type { BaseStep, ConfigSpec } from "../model/plan.ts";

/** Targets that every tree has and that make a whole .config (scripts/kconfig/Makefile). */
export const FULL_TARGETS: readonly string[] = [
  ...["tinyconfig", "allnoconfig", "defconfig", "alldefconfig", "allmodconfig", "allyesconfig"],
];

/** Without `base:`. */
const DEFAULT_BASE: readonly BaseStep[] = [{ kind: "target", name: "tinyconfig" }];

/** Whether a target changes some options of a .config that is there (configs/*.config of a tree). */
export function isFragmentTarget(name: string): boolean {
  return name.endsWith(".config");
}

/** The steps to what a config's fragments go on top of. */
export function baseOf({ base }: Pick<ConfigSpec, "base">): readonly BaseStep[] {
  return base ?? DEFAULT_BASE;
}

/** Whether a config stands on tinyconfig alone, of which our own fragments know all that matters. */
export function isTiny(config: Pick<ConfigSpec, "base">): boolean {
  const steps = baseOf(config);
  return steps.length === 1 && steps[0]!.kind === "target" && steps[0]!.name === "tinyconfig";
}

/** As people call it: "tinyconfig", "defconfig + kvm_guest.config", "./syzbot.config". */
export function baseTitle(config: Pick<ConfigSpec, "base">): string {
  return baseOf(config).map((step) => step.kind === "target" ? step.name : step.written).join(
    " + ",
  );
}
