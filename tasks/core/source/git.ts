// SPDX-License-Identifier: MIT
/**
 * What every git command of this tool gets beyond the variables of core/model/environment.ts, which
 * leave the user's GIT_* out: the same objects give the same files, whatever the user has in
 * settings, attributes, templates and hooks. git-config(1) and git(1) name the variables.
 */

/** They outrank the settings of a repository, of the user and of the system. */
const SETTINGS: Readonly<Record<string, string>> = {
  "advice.detachedHead": "false",
  "core.attributesFile": "/dev/null",
  "core.autocrlf": "false",
  "core.excludesFile": "/dev/null",
  "core.fileMode": "true",
  "core.fsmonitor": "false",
  "core.hooksPath": "/dev/null",
  "core.ignoreCase": "false",
  "core.sparseCheckout": "false",
  "core.symlinks": "true",
  "gc.auto": "0",
  "init.defaultBranch": "main",
  "tar.umask": "0022",
};

/**
 * For `info/attributes` of a git folder of ours, which outranks a tree's own `.gitattributes`: what
 * is written to the disk is what the objects hold.
 */
export const NEUTRAL_ATTRIBUTES =
  "* -text -ident -filter -working-tree-encoding -export-ignore -export-subst\n";

export interface GitUse {
  /** Folders that the user has declared safe although they are somebody else's. */
  readonly safe?: readonly string[];
  /** Reaches a remote: proxies, credentials and the like are the user's settings. */
  readonly remote?: boolean;
}

/** Variables of a git command. */
export function gitEnvironment(
  { safe = [], remote = false }: GitUse = {},
): Record<string, string> {
  const settings = [
    ...Object.entries(SETTINGS),
    ...safe.map((folder) => ["safe.directory", folder] as const),
  ];
  return {
    LC_ALL: "C",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_NO_REPLACE_OBJECTS: "1",
    // Not even the index of somebody else's checkout is refreshed.
    GIT_OPTIONAL_LOCKS: "0",
    GIT_TERMINAL_PROMPT: "0",
    ...(remote ? {} : {
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_NO_LAZY_FETCH: "1",
    }),
    GIT_CONFIG_COUNT: `${settings.length}`,
    ...Object.fromEntries(settings.flatMap(([key, value], index) => [
      [`GIT_CONFIG_KEY_${index}`, key],
      [`GIT_CONFIG_VALUE_${index}`, value],
    ])),
  };
}
