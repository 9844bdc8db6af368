// SPDX-License-Identifier: MIT
/** The options by which coverage variants of one kernel differ. */

/**
 * Of lib/Kconfig.debug and of our series: they choose the compiler's words, and next to no file looks
 * at them. Here whether or not a kernel has them, so that a kernel and the same with a series name
 * the same ones.
 */
const OURS = [
  "CONFIG_ARCH_HAS_KCOV_UNIQUE",
  "CONFIG_KCOV_ENABLE_COMPARISONS",
  "CONFIG_KCOV_INSTRUMENT_ALL",
  "CONFIG_KCOV_IRQ_AREA_SIZE",
  "CONFIG_KCOV_SELFTEST",
  "CONFIG_KCOV_UNIQUE",
];

/** The same of KCOV dataflow, whose cells share among themselves. */
const DATAFLOW = ["ARGS", "FIELDS", "FILES", "INSTRUMENT_ALL", "MAX_FIELDS", "RET"]
  .map((name) => `CONFIG_KCOV_DATAFLOW_${name}`);

/** On which task_struct depends, as it does on CONFIG_KCOV itself. */
const IN_TASK = "CONFIG_KCOV_DATAFLOW";

/**
 * The options of KCOV that a .config names, set or not, besides those above; in one order. A file
 * that looks at one of them is compiled for its own variant. CONFIG_KCOV itself is none of them, nor is
 * CONFIG_KCOV_DATAFLOW: task_struct depends on both.
 */
export function variantOptions(dotConfig: string): string[] {
  const named = dotConfig.matchAll(/^(?:# )?(CONFIG_(?:ARCH_HAS_)?KCOV_\w+)[ =]/gm);
  const found = [...named].map((match) => match[1]!).filter((name) => name !== IN_TASK);
  const traced = tracesData(dotConfig) ? DATAFLOW : [];
  return [...new Set([...OURS, ...traced, ...found])].sort();
}

/**
 * What builds of one source have to have in common to share: what is asked of Kconfig beside the
 * options above, as it is asked. null for a kernel without KCOV.
 * @param request Lines of Kconfig, as configure puts them over a base; comments between them say nothing.
 */
export function familyOf(request: string): string | null {
  if (!isInstrumented(request)) return null;
  const lines = request.split("\n").filter((line) =>
    OPTION_LINE.test(line) && !VARIANT_LINE.test(line)
  );
  return [...lines.sort(), ...tracesData(request) ? [IN_TASK] : []].join("\n");
}

/** Whether this configuration has KCOV dataflow, in which every file that knows a task differs. */
export function tracesData(dotConfig: string): boolean {
  return /^CONFIG_KCOV_DATAFLOW_(?:ARGS|RET)=y$/m.test(dotConfig);
}

const OPTION_LINE = /^(?:# )?CONFIG_\w+(?:=| is not set)/;
const VARIANT_LINE = /^(?:# )?CONFIG_(?:ARCH_HAS_)?KCOV_\w+[ =]/;

/** Whether any file of this configuration is instrumented by clang for KCOV. */
export function isInstrumented(dotConfig: string): boolean {
  return /^CONFIG_KCOV=y$/m.test(dotConfig);
}
