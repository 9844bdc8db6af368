// SPDX-License-Identifier: MIT

/**
 * The one table of features: what a cell's configuration, kernel series and machine promise to the
 * selftests. Host and guest read it.
 */

/** Who knows whether a cell has a feature. */
export type PromisedBy =
  /** The final .config: an option with this value. */
  | { readonly by: "option"; readonly option: string; readonly value: string }
  /** include/uapi/linux/kcov.h of the tree, where it defines this ioctl; for any configuration. */
  | { readonly by: "header"; readonly ioctl: string }
  /** The machine, where it has at least so many CPUs. */
  | { readonly by: "machine"; readonly cpus: number }
  /** What the tree itself brings to be run in the guest; only a build shows it. */
  | { readonly by: "tree" };

interface FeatureFacts {
  readonly promised: PromisedBy;
  /**
   * What becomes of a test that needs it in a cell without it: "skips" where it is part of the
   * kernel's interface, "absent" where the cell does not have such a test at all.
   */
  readonly lacking: "skips" | "absent";
}

const option = (name: string, value = "y"): PromisedBy => ({ by: "option", option: name, value });

export const FEATURE_TABLE = {
  kcov: { promised: option("CONFIG_KCOV"), lacking: "skips" },
  cmp: { promised: option("CONFIG_KCOV_ENABLE_COMPARISONS"), lacking: "skips" },
  unique: { promised: option("CONFIG_KCOV_UNIQUE"), lacking: "skips" },
  "unique-ioctl": { promised: { by: "header", ioctl: "KCOV_UNIQUE_ENABLE" }, lacking: "skips" },
  "reset-ioctl": { promised: { by: "header", ioctl: "KCOV_RESET_TRACE" }, lacking: "skips" },
  // Of a series of ours, and of tests for kernels with it alone: whose device it has is told by the
  // option, so that other kernels have nothing to skip.
  dataflow: { promised: option("CONFIG_KCOV_DATAFLOW"), lacking: "absent" },
  "dataflow-args": { promised: option("CONFIG_KCOV_DATAFLOW_ARGS"), lacking: "absent" },
  "dataflow-ret": { promised: option("CONFIG_KCOV_DATAFLOW_RET"), lacking: "absent" },
  // What a pointer to a structure is recorded as: its fields, or the pointer.
  "dataflow-fields": { promised: option("CONFIG_KCOV_DATAFLOW_FIELDS"), lacking: "absent" },
  "dataflow-values": { promised: option("CONFIG_KCOV_DATAFLOW_FIELDS", "n"), lacking: "absent" },
  // Which files of the kernel itself are instrumented: all that may be, or those that were chosen.
  "dataflow-all": { promised: option("CONFIG_KCOV_DATAFLOW_INSTRUMENT_ALL"), lacking: "absent" },
  "dataflow-chosen": {
    promised: option("CONFIG_KCOV_DATAFLOW_INSTRUMENT_ALL", "n"),
    lacking: "absent",
  },
  kasan: { promised: option("CONFIG_KASAN"), lacking: "absent" },
  modules: { promised: option("CONFIG_MODULES"), lacking: "absent" },
  // Test modules of the tree, which a real configuration need not have (configs/modules.config).
  "test-static-keys": { promised: option("CONFIG_TEST_STATIC_KEYS", "m"), lacking: "absent" },
  "test-udelay": { promised: option("CONFIG_TEST_UDELAY", "m"), lacking: "absent" },
  // The kernel lies elsewhere in each boot.
  kaslr: { promised: option("CONFIG_RANDOMIZE_BASE"), lacking: "absent" },
  // A bus and its devices without hardware; what is plugged in is a module.
  "dummy-hcd": { promised: option("CONFIG_USB_DUMMY_HCD"), lacking: "absent" },
  // A driver whose workers take the common handle of whom they work for.
  "vhost-net": { promised: option("CONFIG_VHOST_NET"), lacking: "absent" },
  smp: { promised: { by: "machine", cpus: 2 }, lacking: "absent" },
  "c-selftest": { promised: { by: "tree" }, lacking: "absent" },
  // A kernel says by its name that it may be crashed (configs/crash.config).
  crash: { promised: option("CONFIG_LOCALVERSION", '"-crash"'), lacking: "absent" },
} as const satisfies Readonly<Record<string, FeatureFacts>>;

export type Feature = keyof typeof FEATURE_TABLE;

export const FEATURES = Object.keys(FEATURE_TABLE) as readonly Feature[];

/** Who knows whether a cell has it. */
export function promiseOf(feature: Feature): PromisedBy {
  return FEATURE_TABLE[feature].promised;
}

/** Whether a cell without it lacks the tests that need it, rather than skipping them. */
export function decidesPresence(feature: Feature): boolean {
  return FEATURE_TABLE[feature].lacking === "absent";
}
