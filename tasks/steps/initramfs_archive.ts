// SPDX-License-Identifier: MIT
/** Archives that the kernel unpacks as its initramfs. */
import type { Host } from "../host/host.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { cpioArgv } from "../core/boot/guest_layout.ts";
import { formatCommand } from "../core/text/shell.ts";

/** The files are its arguments: a tree names its own modules, and may name them like commands. */
const SCRIPT = 'touch -h -d @0 -- "$@" && printf \'%s\\n\' "$@" | ' +
  `${formatCommand({ argv: cpioArgv() })} > "$0"`;

/**
 * Packs files of a folder, in this order, into a newc archive with fixed owners and times.
 * @param files Relative to `root`; anything but a line end may be in their names.
 * @throws KmatrixError "infra" (cpio-failed)
 */
export async function archive(
  root: string,
  files: readonly string[],
  out: string,
  host: Host,
): Promise<void> {
  const result = await host.run({ argv: ["sh", "-c", SCRIPT, out, ...files], cwd: root });
  if (result.code !== 0) {
    throw new KmatrixError("infra", "cpio-failed", `cpio failed for ${out}`, result.stderr);
  }
}
