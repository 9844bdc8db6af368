// SPDX-License-Identifier: MIT
/**
 * What of a real configuration does not build or boot here as it stands: files that only its author
 * has, work that our compiler flags make void, modules that no guest loads.
 */
import { configLine, type FragmentLine } from "./fragment.ts";

/** An option of a base that is given another value, and why, for people. */
export interface Adjustment {
  readonly option: string;
  /** In the base. */
  readonly was: string;
  readonly value: string;
  readonly why: string;
}

/** Strings that name files of the source tree or of the machine, and what stands there without. */
const FILES: Readonly<Record<string, string>> = {
  CONFIG_SYSTEM_TRUSTED_KEYS: '""',
  CONFIG_SYSTEM_REVOCATION_KEYS: '""',
  CONFIG_SYSTEM_BLACKLIST_HASH_LIST: '""',
  // kbuild makes a key of this name where there is none (certs/Makefile).
  CONFIG_MODULE_SIG_KEY: '"certs/signing_key.pem"',
  CONFIG_EXTRA_FIRMWARE: '""',
  CONFIG_INITRAMFS_SOURCE: '""',
  CONFIG_CFG80211_EXTRA_REGDB_KEYDIR: '""',
  CONFIG_UNUSED_KSYMS_WHITELIST: '""',
};

/** The rest: where the base has this value, it becomes that one. */
const VALUES: readonly Adjustment[] = [
  {
    option: "CONFIG_DEBUG_INFO_BTF",
    was: "y",
    value: "n",
    why: "kernels are compiled with line tables alone, which hold no types",
  },
  {
    option: "CONFIG_LOCALVERSION_AUTO",
    was: "y",
    value: "n",
    why: "a commit in the release string would make each state of a tree another kernel",
  },
];

/** The files that a base names, as they stand in it, to be looked for below the source tree. */
export function namedFiles(base: ReadonlyMap<string, string>): string[] {
  return Object.keys(FILES).flatMap((option) => wordsOf(base.get(option)));
}

function wordsOf(value: string | undefined): string[] {
  return (value ?? "").replace(/^"|"$/g, "").split(/\s+/).filter(Boolean);
}

/** @param present Those of {@linkcode namedFiles} that the source tree has. */
export function adjustments(
  base: ReadonlyMap<string, string>,
  present: ReadonlySet<string>,
): Adjustment[] {
  const files = Object.entries(FILES).flatMap(([option, value]) => {
    const was = base.get(option);
    const lacking = wordsOf(was).filter((path) => !present.has(path));
    if (was === undefined || was === value || lacking.length === 0) return [];
    const why = `it names ${lacking.slice(0, 3).join(", ")}, which the source does not have`;
    return [{ option, was, value, why }];
  });
  return [...files, ...VALUES.filter(({ option, was }) => base.get(option) === was)];
}

/** As lines on top of the base. */
export function adjustmentLines(all: readonly Adjustment[]): FragmentLine[] {
  return all.map(({ option, value }, index) => ({
    ...{ option, value, file: "what builds here", line: index + 1 },
    text: configLine(option, value),
  }));
}

/** Options of a .config that are modules, but for those that somebody asks for. */
export function modulesOf(base: ReadonlyMap<string, string>): string[] {
  return [...base].flatMap(([option, value]) => value === "m" ? [option] : []);
}

/** The .config with each module off, as `make mod2noconfig` leaves it. */
export function withoutModules(dotConfig: string): string {
  return dotConfig.replace(/^(CONFIG_\w+)=m$/gm, "# $1 is not set");
}
