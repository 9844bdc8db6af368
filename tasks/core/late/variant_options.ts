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

/**
 * The options of KCOV that a .config names, set or not, besides those above; in one order. A file
 * that looks at one of them is compiled for its own variant. CONFIG_KCOV itself is none of them:
 * task_struct depends on it.
 */
export function variantOptions(dotConfig: string): string[] {
  const named = dotConfig.matchAll(/^(?:# )?(CONFIG_(?:ARCH_HAS_)?KCOV_\w+)[ =]/gm);
  return [...new Set([...OURS, ...[...named].map((match) => match[1]!)])].sort();
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
  return lines.sort().join("\n");
}

const OPTION_LINE = /^(?:# )?CONFIG_\w+(?:=| is not set)/;
const VARIANT_LINE = /^(?:# )?CONFIG_(?:ARCH_HAS_)?KCOV_\w+[ =]/;

/** Whether any file of this configuration is instrumented by clang for KCOV. */
export function isInstrumented(dotConfig: string): boolean {
  return /^CONFIG_KCOV=y$/m.test(dotConfig);
}
