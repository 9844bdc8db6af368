// SPDX-License-Identifier: MIT
/** What a file and a folder are known by. */
import type { Host } from "../host/host.ts";
import { sha256 } from "../core/text/digest.ts";

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

/**
 * SHA-256 of the names and texts of all files below a folder, as 64 lower-case hex digits.
 * @param without Names of files and folders that are passed over.
 */
export async function folderDigest(
  dir: string,
  host: Host,
  without: readonly string[] = [],
): Promise<string> {
  const parts: string[] = [];
  for (const name of await host.fs.list(dir)) {
    if (without.includes(name)) continue;
    const path = `${dir}/${name}`;
    if ((await host.fs.stat(path))?.isDirectory) {
      parts.push(name, await folderDigest(path, host, without));
    } else parts.push(name, await host.fs.readText(path));
  }
  return await sha256(parts.join("\0"));
}
