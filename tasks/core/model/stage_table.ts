// SPDX-License-Identifier: MIT
/** The one table of stages, in the order of the flow. */

interface StageFacts {
  /** What it does, for people. */
  readonly help: string;
  /** Words behind the command of its name, for its help; null where it has no such command. */
  readonly example: string | null;
  /**
   * What shows its failure again without kmatrix: make and the tree, or a boot of what was made. null
   * where nothing of the kernel is to blame: no script shows a failed download again.
   */
  readonly shownBy: "make" | "boot" | null;
  /** Whether it takes minutes, so that what is left of a run is worth a word. */
  readonly isLong: boolean;
}

export const STAGE_TABLE = {
  fetch: {
    help: "find a kernel's source and its version",
    example: "linux-6.12/kcov",
    shownBy: null,
    isLong: false,
  },
  patch: {
    help: "unpack the source and apply the kernel's series",
    example: "linux-6.12/kcov",
    shownBy: "make",
    isLong: false,
  },
  configure: {
    help: "make the .config and hold it against what was asked",
    example: "linux-6.12/kcov --kconfig-add CONFIG_KASAN=y",
    shownBy: "make",
    isLong: false,
  },
  build: {
    help: "compile the kernel",
    example: "'linux-6.12/*' --jobs 4",
    shownBy: "make",
    isLong: true,
  },
  inspect: {
    help: "look for the instrumentation in the built kernel",
    example: "'*/kcov'",
    shownBy: "make",
    isLong: false,
  },
  pack: {
    help: "bundle the selftests into the initramfs",
    example: "linux-6.12/kcov",
    shownBy: null,
    isLong: false,
  },
  boot: {
    help: "boot the cell and record what it says",
    example: "linux-6.12/kcov --accel tcg",
    shownBy: "boot",
    isLong: true,
  },
  parse: { help: "judge the recordings of a boot", example: null, shownBy: "boot", isLong: false },
} as const satisfies Readonly<Record<string, StageFacts>>;

export type Stage = keyof typeof STAGE_TABLE;

export const STAGES = Object.keys(STAGE_TABLE) as readonly Stage[];

const factsOf = (stage: Stage): StageFacts => STAGE_TABLE[stage];

/** Whether a run that ends with `until` comes to a stage. */
export function comesTo(stage: Stage, until: Stage): boolean {
  return STAGES.indexOf(stage) <= STAGES.indexOf(until);
}

/** Those that are commands as well, each with the words of an example. */
export function stageCommands(): readonly (readonly [Stage, example: string])[] {
  return STAGES.flatMap((stage) => {
    const { example } = factsOf(stage);
    return example === null ? [] : [[stage, example] as const];
  });
}

/** The stages of a run that ends with `until`, in order. */
export function stagesUntil(until: Stage): readonly Stage[] {
  return STAGES.filter((stage) => comesTo(stage, until));
}

/** A stage whose failure make shows again, without a boot. */
export type ShownByMake = {
  [S in Stage]: typeof STAGE_TABLE[S]["shownBy"] extends "make" ? S : never;
}[Stage];

/** Whether make shows its failure again, without a boot. */
export function isShownByMake(stage: Stage): stage is ShownByMake {
  return factsOf(stage).shownBy === "make";
}

/** Whether progress lines of it say what is left of the run. */
export function isLong(stage: Stage): boolean {
  return factsOf(stage).isLong;
}
