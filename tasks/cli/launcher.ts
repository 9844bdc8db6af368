// SPDX-License-Identifier: MIT
/** The launcher that `install` writes: `kmatrix` on the PATH, without npx and its second. */
import { quoteWord } from "../core/text/shell.ts";

/** What the launcher starts. */
export interface Launched {
  /** The project's folder, absolute. */
  readonly root: string;
  /** The Deno that installs it, absolute. */
  readonly deno: string;
  /** "2.9.6" */
  readonly version: string;
  /** Flags of `deno run`, as deno.json has them. */
  readonly flags: readonly string[];
  /** Whether people call it by its name, so that messages do as well. */
  readonly isNamed: boolean;
}

/** In a launcher's second line, so that nothing else is overwritten or removed. */
export const LAUNCHER_MARK = "kmatrix launcher";

/**
 * A POSIX shell script. Where the Deno that it was installed by is gone (npm's cache may be emptied, or
 * be another user's), it takes one of the PATH, and else npx.
 */
export function launcherScript({ root, deno, version, flags, isNamed }: Launched): string {
  return `#!/bin/sh
# ${LAUNCHER_MARK}: written by \`deno task install\`, removed by \`kmatrix uninstall\`
root=${quoteWord(root)}
deno=${quoteWord(deno)}
main=$root/tasks/main.ts
if [ ! -r "$main" ]; then
	# Some shells' echo reads backslashes of a path.
	printf '%s\\n' "kmatrix: its project is not in $root any more ($main cannot be read)" >&2
	printf '%s %s\\n' 'Where it was moved, run \`npx --yes deno task install\` in its new folder;' "or remove $0." >&2
	exit 2
fi
unset INIT_CWD
${isNamed ? "KMATRIX_LAUNCHER=1\nexport KMATRIX_LAUNCHER" : "unset KMATRIX_LAUNCHER"}
set -- run ${flags.map(quoteWord).join(" ")} --config "$root/deno.json" "$main" "$@"
[ -x "$deno" ] && exec "$deno" "$@"
# Of another major version, it may not run this.
case $(deno --version 2> /dev/null) in "deno ${version.split(".")[0]}."*) exec deno "$@" ;; esac
exec npx --yes ${quoteWord(`deno@${version}`)} "$@"
`;
}
