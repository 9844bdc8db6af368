// SPDX-License-Identifier: MIT
/** What a guest is given, how it is booted, and what is recorded. */
import type { Feature } from "../../../selftests/contract/features.ts";
import type { DeclaredTest } from "../../../selftests/contract/fixtures.ts";
import type { Accel } from "./plan.ts";

export interface Initramfs {
  readonly path: string;
  readonly digest: string;
  /** Path of the source map of the bundle in it; null for one that another machine has packed. */
  readonly sourceMap: string | null;
  /** Every test that the guest declares, as read on the host. */
  readonly tests: readonly DeclaredTest[];
}

/** Why QEMU is not running any more, as the host saw it. */
export type BootEnd =
  | { readonly kind: "exited"; readonly code: number; readonly cause?: ExitCause }
  | {
    readonly kind: "limit";
    readonly rung: LimitRung;
    readonly afterMs: number;
    /** What the phase was allowed; null for the cap on bytes. */
    readonly limitMs?: number | null;
  }
  | { readonly kind: "not-started"; readonly message: string };

/** What made QEMU end with code 0, which the guest's exit port cannot give. */
export type ExitCause =
  /** The guest switched its machine off. */
  | "power-off"
  /** The machine was reset: by the kernel, or because the CPU had no way on. */
  | "reset"
  /** Somebody sent QEMU a signal that it obeys. */
  | "terminated";

export type LimitRung =
  | "no-output"
  | "init-not-reached"
  | "guest-silent"
  | "boot-limit"
  | "console-cap"
  | "results-cap";

/** How long the phases of a boot took, in ms, as the host saw it. */
export interface BootTimes {
  /** From QEMU's start to the first byte on the console. */
  readonly firstOutputMs: number;
  /** From QEMU's start to the guest's first frame. */
  readonly initMs: number;
  /** The longest time without a frame after that. */
  readonly silentMs: number;
  readonly bootMs: number;
}

export interface BootRecord {
  readonly cell: string;
  readonly accel: Accel;
  readonly argv: readonly string[];
  readonly end: BootEnd;
  readonly durationMs: number;
  /** When each stream and the first test began, in ms from QEMU's start; missing where it did not. */
  readonly firstByteMs?: {
    readonly console?: number;
    readonly results?: number;
    readonly test?: number;
  };
  /** When the last result came. */
  readonly lastByteMs?: number;
  /**
   * For how long until each of these moments something on the machine had to wait for a processor, in
   * ms; missing on a host that does not tell.
   */
  readonly stalledMs?: {
    readonly console?: number;
    readonly results?: number;
    readonly test?: number;
    readonly last?: number;
    readonly end?: number;
  };
  /** How many times longer than a small kernel's its phases may be; 1 without it. */
  readonly slowness?: number;
  readonly features: readonly Feature[];
  readonly filter: readonly string[];
  /** The kernel of the project that a series went on top of, whose promises the boot is held to. */
  readonly base?: string;
  /** Sizes of the two recordings, so that one which was cut later is found out. */
  readonly bytes: { readonly console: number; readonly results: number };
  /** The longest time between two frames. */
  readonly silentMs?: number;
  /** What was booted, to find source lines by as long as it is there. */
  readonly kernel?: {
    readonly vmlinux: string;
    readonly modules: readonly string[];
    readonly bytes: number;
    readonly mtimeMs: number;
  };
}

export const BOOT_PHASES = ["start", "kernel", "init", "tests", "exit"] as const;

export type BootPhase = typeof BOOT_PHASES[number];

/** A phase that took longer than is due. */
export interface OverBudget {
  readonly phase: BootPhase;
  readonly ms: number;
  readonly budgetMs: number;
}
