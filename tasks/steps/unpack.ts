// SPDX-License-Identifier: MIT
/** Unpacks the archives in which CI hands out what a job has left. */
import { dirname } from "node:path/posix";
import { unzipSync } from "fflate";
import type { Host } from "../host/host.ts";

/** Whether a file that nobody has named is to be looked into: one that is called like an archive. */
export function isArchiveName(name: string): boolean {
  return /\.(zip|tar|tgz|tar\.(gz|xz|zst|bz2))$/.test(name);
}

/** First bytes in hex of what tar unpacks, packed by gzip, xz, zstd or bzip2. */
const PACKED: readonly string[] = ["1f8b", "fd377a58", "28b52ffd", "425a68"];
/** Where the header of a plain tar file has its magic number (POSIX.1-1988). */
const USTAR = { at: 257, text: "ustar" };

/** What an archive is, by its content, for artifacts are renamed; null where it is none. */
export async function archiveKind(path: string, host: Host): Promise<"zip" | "tar" | null> {
  const file = await host.fs.openParts(path);
  try {
    const start = file.read(0, 4).toHex();
    if (start.startsWith("504b")) return "zip";
    const magic = file.size < USTAR.at ? "" : new TextDecoder().decode(file.read(USTAR.at, 5));
    return magic === USTAR.text || PACKED.some((one) => start.startsWith(one)) ? "tar" : null;
  } finally {
    file.close();
  }
}

/** Unpacked at once, so that a big archive does not fill the memory. */
const BATCH_BYTES = 64 << 20;

/**
 * Unpacks into an empty folder; what leads out of it is left out.
 * @returns Why it cannot be unpacked whole; null where it could.
 * @throws What a full disk throws.
 */
export async function unpack(
  file: string,
  kind: "zip" | "tar",
  folder: string,
  host: Host,
): Promise<string | null> {
  await host.fs.makeDir(folder);
  return kind === "zip" ? await unzip(file, folder, host) : await untar(file, folder, host);
}

async function untar(file: string, folder: string, host: Host): Promise<string | null> {
  // GNU tar takes leading slashes off, and refuses names with "..".
  const { code, stderr } = await host.run({
    argv: [
      "tar",
      "--extract",
      "--no-same-owner",
      "--no-same-permissions",
      "-C",
      folder,
      "-f",
      file,
    ],
  });
  return code === 0 ? null : stderr.trim().split("\n")[0]!;
}

async function unzip(file: string, folder: string, host: Host): Promise<string | null> {
  const bytes = await host.fs.readBytes(file);
  const all: { readonly name: string; readonly size: number }[] = [];
  try {
    unzipSync(bytes, {
      filter({ name, originalSize }) {
        if (isInside(name)) all.push({ name, size: originalSize });
        return false;
      },
    });
    for (const batch of batches(all)) {
      const files = unzipSync(bytes, { filter: ({ name }) => batch.has(name) });
      for (const [name, content] of Object.entries(files)) {
        await host.fs.makeDir(dirname(`${folder}/${name}`));
        const writer = await host.fs.writer(`${folder}/${name}`);
        await writer.write(content).finally(() => writer.close());
      }
    }
  } catch (error) {
    // Those of fflate have a code of its own; a full disk is the machine's.
    if (error instanceof Error && "code" in error && typeof error.code === "number") {
      return error.message;
    }
    throw error;
  }
  return null;
}

/** A file, and not a folder, below the folder that it is unpacked to. */
function isInside(name: string): boolean {
  return !name.startsWith("/") && !name.endsWith("/") && !name.split("/").includes("..");
}

function batches(all: readonly { readonly name: string; readonly size: number }[]): Set<string>[] {
  const found: Set<string>[] = [];
  let room = 0;
  for (const { name, size } of all) {
    if (found.length === 0 || size > room) {
      found.push(new Set());
      room = BATCH_BYTES;
    }
    found.at(-1)!.add(name);
    room -= size;
  }
  return found;
}
