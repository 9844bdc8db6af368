// SPDX-License-Identifier: MIT
/** Which instrumentation callbacks a kernel with these features must call, and which it must not. */
import type { Feature } from "../model.ts";

const PC = /^__sanitizer_cov_trace_pc$/;
const GUARD = /^__sanitizer_cov_trace_pc_guard$/;
const COMPARE = /^__sanitizer_cov_trace_(const_)?cmp[1248]$|^__sanitizer_cov_trace_switch$/;

/**
 * A KCOV kernel of any size has thousands of call sites. A handful would mean that only some
 * stray file was built with the flags.
 */
const FEWEST_CALLS = 1000;

/** One line for each thing that is not as the configuration promises; none for a sound kernel. */
export function instrumentationProblems(
  calls: Readonly<Record<string, number>>,
  features: readonly Feature[],
): string[] {
  const has = (feature: Feature) => features.includes(feature);
  const sum = (pattern: RegExp) =>
    Object.entries(calls).filter(([name]) => pattern.test(name)).reduce((n, [, c]) => n + c, 0);
  const checks: readonly [string, RegExp, boolean][] = [
    ["__sanitizer_cov_trace_pc", PC, has("kcov") && !has("unique")],
    ["__sanitizer_cov_trace_pc_guard", GUARD, has("kcov") && has("unique")],
    ["the comparison callbacks", COMPARE, has("kcov") && has("cmp")],
  ];
  return checks.flatMap(([name, pattern, wanted]) => {
    const found = sum(pattern);
    if (wanted && found < FEWEST_CALLS) {
      return [
        `vmlinux calls ${name} ${found} times; an instrumented kernel does so thousands of times`,
      ];
    }
    if (!wanted && found > 0) return [`vmlinux calls ${name} ${found} times, and must not at all`];
    return [];
  });
}
