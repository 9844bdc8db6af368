// SPDX-License-Identifier: MIT
/**
 * Kconfig fragments merged and written, and what `make olddefconfig` dropped of them.
 *
 * The format is that of a .config file, as conf_read_simple() in the kernel's
 * scripts/kconfig/confdata.c reads it, except that nothing is forgiven: where the kernel's parser
 * warns and goes on, or takes a misspelt line for a comment, this one throws.
 */
import {
  configLine,
  ContradictionError,
  type FragmentLine,
  KCONFIG_ADD,
  placeOf,
} from "./fragment.ts";
import { HEX, sameValue } from "./values.ts";

/** --kconfig-add replaced what a fragment said. */
export interface AddNotice {
  readonly option: string;
  readonly replaced: FragmentLine;
  readonly by: FragmentLine;
}

/** What a config asks on top of tinyconfig: each option once, in order. */
export interface MergedRequest {
  readonly lines: readonly FragmentLine[];
  readonly notices: readonly AddNotice[];
}

/**
 * Merges the fragments of a config, in order. Where two say the same, the first stays as the one
 * that asked. `adds` (--kconfig-add) win over fragments, with a notice; among themselves they have
 * to agree.
 *
 * @throws {ContradictionError} when two fragments, or two adds, want different things
 */
export function mergeFragments(
  fragments: readonly (readonly FragmentLine[])[],
  adds: readonly FragmentLine[] = [],
): MergedRequest {
  const merged = agreeing(fragments.flat());
  const notices: AddNotice[] = [];
  for (const [option, by] of agreeing(adds)) {
    const replaced = merged.get(option);
    if (replaced !== undefined) {
      if (sameValue(replaced.value, by.value)) continue;
      notices.push({ option, replaced, by });
    }
    merged.set(option, by);
  }
  return { lines: [...merged.values()], notices };
}

function agreeing(lines: readonly FragmentLine[]): Map<string, FragmentLine> {
  const byOption = new Map<string, FragmentLine>();
  for (const line of lines) {
    const earlier = byOption.get(line.option);
    if (earlier === undefined) byOption.set(line.option, line);
    else if (!sameValue(earlier.value, line.value)) throw new ContradictionError(earlier, line);
  }
  return byOption;
}

/** An {@linkcode AddNotice} for people. */
export function formatAddNotice(notice: AddNotice): string {
  const { replaced, by } = notice;
  return `${KCONFIG_ADD} ${by.text} replaces ${replaced.text} of ${placeOf(replaced)}`;
}

/** The merged request as text to append to tinyconfig's .config; "" for an empty request. */
export function renderFragment(merged: MergedRequest): string {
  let text = "";
  let file: string | undefined;
  for (const line of merged.lines) {
    if (line.file !== file) {
      file = line.file;
      text += `#\n# ${file}\n#\n`;
    }
    text += `${configLine(line.option, line.value)}\n`;
  }
  return text;
}

/**
 * tinyconfig's .config with the request on top. Unlike with plain appending, what the request
 * changes is taken out first, else `make olddefconfig` prints "override: reassigning to symbol"
 * for each such line.
 */
export function overlayDotConfig(dotConfig: string, merged: MergedRequest): string {
  const asked = new Set(merged.lines.map((line) => line.option));
  const kept = dotConfig.split("\n").filter((line) => {
    const option = /^(?:# )?(CONFIG_[A-Za-z0-9_]+)(?:=| is not set$)/.exec(line)?.[1];
    return option === undefined || !asked.has(option);
  });
  return kept.join("\n").replace(/\n*$/, "\n") + renderFragment(merged);
}

/**
 * Reads a .config that make wrote: option to value, "n" for `is not set`, strings in their quotes.
 * Lines of no known form are comments, as for the kernel.
 */
export function parseDotConfig(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const raw of text.split("\n")) {
    const line = raw.replace(/\r$/, "");
    const set = /^(CONFIG_[A-Za-z0-9_]+)=(.*)$/.exec(line);
    if (set !== null) {
      values.set(set[1]!, set[2]!);
      continue;
    }
    const unset = /^# (CONFIG_[A-Za-z0-9_]+) is not set$/.exec(line);
    if (unset !== null) values.set(unset[1]!, "n");
  }
  return values;
}

/** A request that did not survive `make olddefconfig`. */
export interface Dropped {
  readonly request: FragmentLine;
  /** The value in the final .config; undefined: the option is not there at all. */
  readonly found: string | undefined;
}

/**
 * The requests that the final .config does not meet. `n` is met by absence: make leaves out what
 * cannot be set.
 */
export function findDropped(
  merged: MergedRequest,
  dotConfig: ReadonlyMap<string, string>,
): Dropped[] {
  return merged.lines.flatMap((request) => {
    const found = dotConfig.get(request.option);
    // A hex option may be asked for without 0x, and make writes it either way.
    const met = found === undefined ? request.value === "n" : sameValue(request.value, found) ||
      HEX.test(found) && sameValue(`0x${request.value}`, found);
    return met ? [] : [{ request, found }];
  });
}
