// SPDX-License-Identifier: MIT
/** Archives that the kernel unpacks as its initramfs. */
import type { Host } from "./host.ts";
import { KmatrixError } from "../errors.ts";
import { cpioArgv } from "../formats/guest_layout.ts";

/** Packs files of a folder, in this order, into a newc archive with fixed owners and times. */
export async function archive(
  root: string,
  files: readonly string[],
  out: string,
  host: Host,
): Promise<void> {
  const script = `touch -h -d @0 ${files.map((file) => `"${file}"`).join(" ")} && ` +
    `printf '%s\\n' ${files.map((file) => `"${file}"`).join(" ")} | "$@" > "$0"`;
  const result = await host.run({ argv: ["sh", "-c", script, out, ...cpioArgv()], cwd: root });
  if (result.code !== 0) {
    throw new KmatrixError("infra", "cpio-failed", `cpio failed for ${out}`, result.stderr);
  }
}
