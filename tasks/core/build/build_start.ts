// SPDX-License-Identifier: MIT
/** Which build may be the start of another one, and what is different between the two. */
import * as v from "valibot";
import type { BuildInputs, BuildStart } from "../model/model.ts";
import { cachedJson, objectOf, type Shape } from "../text/shape.ts";

/** The log of all make calls, below the build folder. */
export const BUILD_LOG = "kmatrix-build.log";

export const buildStartShape: Shape<BuildStart> = objectOf<BuildStart>()({
  key: v.string(),
  name: v.string(),
});

/** null for anything that is no such file. */
export function parseBuildStart(text: string | null): BuildStart | null {
  return cachedJson(buildStartShape, text);
}

/**
 * Whether what one build was made of is what the other one is to be made of, but for the options
 * that are asked for: the same files at the same place, the same compiler, down to its files, and
 * the same variables of make. Where the compiler's files are not known, nothing is the same.
 */
export function mayBegin(one: BuildInputs, other: BuildInputs): boolean {
  const ground = (
    { source, base, compiler, toolchainFiles, variables, late, form, plugin }: BuildInputs,
  ) =>
    JSON.stringify([
      source.path,
      source.digest,
      base ?? null,
      compiler,
      sorted(toolchainFiles ?? {}),
      sorted(variables),
      late ?? null,
      // The script that compiles all of it lies beside its plugin.
      form === undefined ? null : [form, plugin],
    ]);
  return one.toolchainFiles !== undefined && ground(one) === ground(other);
}

const sorted = (record: Readonly<Record<string, string>>) =>
  Object.entries(record).sort(([a], [b]) => a < b ? -1 : 1);

/** Options that one of two builds asks for and the other does not, or with another value. */
export function differingOptions(one: BuildInputs, other: BuildInputs): string[] {
  const [mine, others] = [one, other].map(({ fragment }) =>
    new Set(fragment.split("\n").filter((line) => OPTION_LINE.test(line)))
  ) as [Set<string>, Set<string>];
  const lines = mine.symmetricDifference(others);
  return [...new Set([...lines].map((line) => OPTION_LINE.exec(line)![1]!))].sort();
}

const OPTION_LINE = /^(?:# )?(CONFIG_\w+)(?:=| is not set)/;

/** Options that a Makefile names outside of its comments. */
export function optionsOfMakefile(text: string): string[] {
  const lines = text.split("\n").filter((line) => !/^\s*#/.test(line));
  return [...new Set(lines.flatMap((line) => line.match(/\bCONFIG_\w+/g) ?? []))];
}
