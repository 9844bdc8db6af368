// SPDX-License-Identifier: MIT
/**
 * What make cannot know: it goes by times alone, so an object that was changed by hand, or that a
 * killed make left half done, is newer than its source and would be linked as it is.
 */
import { counted } from "../core/text/counted.ts";
import type { Host } from "../host/host.ts";
import type { SourceTree } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";

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
    const text = `leftovers of an interrupted make in ${buildDir} cannot be removed`;
    throw new KmatrixError("infra", "not-removable", text, stderr);
  }
  const targets = stdout.split("\n").filter(Boolean);
  if (targets.length === 0) return;
  host.log(
    "notice",
    `${
      counted(targets.length, "file")
    } of ${buildDir} changed or left unfinished since the build, ` +
      `such as ${targets[0]!.slice(buildDir.length + 1)}: making that again`,
  );
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
