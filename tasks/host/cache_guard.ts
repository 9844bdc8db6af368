// SPDX-License-Identifier: MIT
/**
 * What make cannot know: it goes by times alone, so an object that was changed by hand, or that a
 * killed make left half done, is newer than its source and would be linked as it is.
 */
import type { Host } from "./host.ts";
import type { SourceTree } from "../model.ts";
import { KmatrixError } from "../errors.ts";

/**
 * kbuild writes `.x.o.cmd` when the command that makes `x.o` is done, so a target that is newer was
 * not left by a finished command: none of 11,000 in ten finished builds was. The names are arguments
 * from find to rm and never lines: a Makefile could put a path of anywhere behind a line end.
 */
const DROP_UNFINISHED = `for cmd; do
  target=\${cmd##*/.}
  target=\${cmd%/*}/\${target%.cmd}
  [ "$target" -nt "$cmd" ] || continue
  rm -rf -- "$target" || exit
  printf '%s\\n' "$target"
done`;

/**
 * Removes what is not as a finished command left it, so that make makes it again.
 * @throws KmatrixError "infra" (not-removable)
 */
export async function dropUnfinished(buildDir: string, host: Host): Promise<void> {
  const find = ["find", buildDir, "-type", "f", "-name", ".*.cmd"];
  const { code, stdout, stderr } = await host.run({
    argv: [...find, "-exec", "sh", "-c", DROP_UNFINISHED, "sh", "{}", "+"],
  });
  if (code !== 0) {
    const text = `what a broken-off make left in ${buildDir} cannot be removed`;
    throw new KmatrixError("infra", "not-removable", text, stderr);
  }
  const targets = stdout.split("\n").filter(Boolean);
  if (targets.length === 0) return;
  host.log(
    "notice",
    `${targets.length} files of ${buildDir} were changed or left unfinished since they were built, ` +
      `such as ${targets[0]!.slice(buildDir.length + 1)}: making them again`,
  );
}

/** As old as the start of the last make in a build folder. */
const STARTED_FILE = "kmatrix-started";

/**
 * Prints one file of the tree $1 that make cannot see to be new, then what was made from any of them
 * and is removed. $2 names the file of links that lead out of the tree, or is empty. Three kinds:
 * files that are older than the last make and came after it; links that did; and headers that
 * nothing was made from so far, which may hide one of the same name in another folder. An argument
 * has a limit, and where so many files are different, all is made again. Names of the build folder
 * end with a zero on their way to rm.
 */
const DROP_BACKDATED = `set -f
started=$0/${STARTED_FILE}
news="-newercm $started ( -name *.h -printf h/%P\\\\n , ! -newer $started -printf o/%P\\\\n )"
links="-type l -newercm $started -printf h/%P\\\\no/%P\\\\n"
all=$(find "$1" -name .git -prune -o -type f $news -o $links
  [ -z "$2" ] || (cd "$1" && xargs -0 sh -c 'set -f; news=$0; find -L "$@" -name .git -prune -o \\
    -type f $news || :' "$(printf %s "$news" | sed s/%P/%p/g)" < "$2" | sed 's|^\\(.\\)/\\./|\\1/|'))
[ "$all" ] || exit 0
list=$(printf '%s\\n' "$all" | sed -n 's/^o//p')
headers=$(printf '%s\\n' "$all" | sed -n '/\\.h$/s/^h//p')
if [ "$headers" ] && [ \${#headers} -lt 100000 ]; then
  known=$(find "$0" -type f -name '.*.cmd' -exec grep -ohF -e "$headers" {} + | sort -u)
  new=$(printf '%s\\n' "$headers" | grep -vxF -e "$known" | sed 's|.*/|/|')
  list=$(printf '%s\\n%s\\n' "$list" "$new" | grep .)
fi
[ "$list" ] || exit 0
printf '%s\\n' "$list" | head -n 1
[ \${#list} -lt 100000 ] || list=/
find "$0" -type f -name '.*.cmd' -exec grep -lZF -e "$list" {} + | xargs -0 -r sh -c 'for cmd; do
  target=\${cmd##*/.}
  target=\${cmd%/*}/\${target%.cmd}
  rm -rf -- "$target"
  printf "%s\\n" "$target"
done' sh`;

/**
 * Removes what was made from files of a user's tree whose change make does not see: moved or copied
 * back with their times, reached by another link, or hidden by a new header. The inode's time tells.
 */
export async function dropBackdated(
  buildDir: string,
  { path, stamp, linked }: Pick<SourceTree, "path" | "stamp" | "linked">,
  host: Host,
): Promise<void> {
  // Trees of the cache only get new files.
  if (stamp) return;
  if (await host.fs.exists(`${buildDir}/${STARTED_FILE}`)) {
    const argv = ["sh", "-c", DROP_BACKDATED, buildDir, path, linked ?? ""];
    const { stdout } = await host.run({ argv });
    const [first, ...made] = stdout.split("\n").filter(Boolean);
    if (made.length > 0) {
      const text = `has changed in a way that make does not see: making`;
      host.log("notice", `${path}${first} ${text} ${made.length} files again`);
    }
  }
  await host.fs.writeText(`${buildDir}/${STARTED_FILE}`, "");
}

/**
 * Holds a tree of the cache against the time when it was laid, before make reads it: what somebody
 * has changed in it is in no digest. A third of a second for 90,000 files.
 * @throws KmatrixError "infra" (source-changed) naming the files; they are left as they are.
 */
export async function checkSource(
  { path, stamp }: Pick<SourceTree, "path" | "stamp">,
  host: Host,
): Promise<void> {
  if (!stamp) return;
  const find = ["find", path, "-type", "f", "-newer", stamp, "!", "-path", "*/__pycache__/*"];
  const { stdout } = await host.run({ argv: [...find, "-printf", "%P\\n"] });
  const files = stdout.split("\n").filter(Boolean);
  if (files.length === 0) return;
  throw new KmatrixError(
    "infra",
    "source-changed",
    `${path} was changed by hand since it was unpacked: ${files.slice(0, 3).join(", ")}` +
      (files.length > 3 ? ` and ${files.length - 3} more` : ""),
    `Keep what you want of it, then remove ${path} and ${stamp}: they are made anew. To build a ` +
      "tree of your own, say --tree.",
  );
}

/** Below this a failed make may have failed for want of room, and its log may lack the line that says so. */
const MIN_FREE_BYTES = 1 << 20;

/** @throws KmatrixError "infra" (disk-full) where a make that failed had no room to say why. */
export async function checkRoom(buildDir: string, host: Host): Promise<void> {
  const left = await host.fs.freeBytes(buildDir);
  if (left >= MIN_FREE_BYTES) return;
  const text = `make failed, and the disk of ${buildDir} is full (${left} bytes left)`;
  throw new KmatrixError("infra", "disk-full", text);
}
