// SPDX-License-Identifier: MIT
/** Lines of a symbol's entries in Kconfig files. */
import type { KconfigSymbol } from "./symbol_dump.ts";

/** Lines of a Kconfig entry, continued ones joined, blanks squeezed. */
export function logicalLines(text: string): string[] {
  return text.replace(/\\\r?\n/g, " ").split("\n").map((line) => line.trim().replace(/\s+/g, " "));
}

/** The lines of a symbol's entries that match and call a macro: $(cc-option,...) and its kin. */
export function macroLines(symbol: KconfigSymbol, keyword: RegExp): string[] {
  return symbol.definitions.flatMap(({ source }) =>
    source === null
      ? []
      : logicalLines(source).filter((line) => keyword.test(line) && line.includes("$("))
  );
}

/** What to do where probes failed, by the lines that made them. */
export function probeAdvice(lines: readonly string[]): string {
  if (lines.some((line) => line.includes("KCOV_DATAFLOW_PLUGIN"))) {
    return "give the config `requires: [dataflow]` in the matrix: the plugin is compiled for such " +
      "a cell, and make is told of it (docs/dataflow.md); or take the request out.";
  }
  // Flags of a series that was posted with a compiler of its own (core/build/dataflow_form.ts).
  if (lines.some((line) => /-fsanitize-coverage=(?:trace|dataflow)-(?:args|ret)\b/.test(line))) {
    return "no compiler that is released has these flags: a config with `requires: [dataflow]`, and " +
      "`--dataflow-form` with the form of the kernel's callbacks, give a cell the plugin for them " +
      "(docs/dataflow.md); or take the request out.";
  }
  return "use a compiler or tool that passes the probe, or take the request out.";
}
