// SPDX-License-Identifier: MIT
/** What a file is known by. */
import type { Host } from "../host/host.ts";

/** SHA-256 as 64 lower-case hex digits; or why the file cannot be read, as sha256sum says it. */
export type FileDigest =
  | { readonly sha256: string; readonly trouble: null }
  | { readonly sha256: null; readonly trouble: string };

/** Reads a file of any size, by sha256sum. */
export async function fileDigest(file: string, host: Host): Promise<FileDigest> {
  const { code, stdout, stderr } = await host.run({ argv: ["sha256sum", "--", file] });
  if (code !== 0) return { sha256: null, trouble: stderr.trim() };
  // A line begins with a backslash where the name has a character that is escaped.
  return { sha256: stdout.replace(/^\\/, "").slice(0, 64), trouble: null };
}
