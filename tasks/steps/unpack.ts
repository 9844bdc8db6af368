// SPDX-License-Identifier: MIT
/** Unpacks the archives in which CI hands out what a job has left. */
import { dirname } from "node:path/posix";
import type { Host } from "../host/host.ts";
import { openZip, ZipError } from "./zip_file.ts";

/** Whether a file is called like an archive; browsers and wget put a number behind or into a name. */
export function isArchiveName(name: string): boolean {
  return /\.(zip|tar|t[gx]z|tbz2?|tzst|tar\.(gz|xz|zst|bz2))(\.\d+)?$/i.test(name);
}

/** What tar starts to unpack, by the first bytes in hex. */
const PACKERS: readonly { readonly start: string; readonly tool: string }[] = [
  { start: "1f8b", tool: "gzip" },
  { start: "fd377a58", tool: "xz" },
  { start: "28b52ffd", tool: "zstd" },
  { start: "425a68", tool: "bzip2" },
];
/** Where the header of a plain tar file has its magic number (POSIX.1-1988). */
const USTAR = { at: 257, text: "ustar" };

/** What an archive is, by its content, for artifacts are renamed; null where it is none. */
export async function archiveKind(path: string, host: Host): Promise<"zip" | "tar" | null> {
  const file = await host.fs.openParts(path);
  try {
    const start = file.read(0, 4).toHex();
    if (start.startsWith("504b")) return "zip";
    const magic = file.size < USTAR.at ? "" : new TextDecoder().decode(file.read(USTAR.at, 5));
    const isPacked = PACKERS.some((one) => start.startsWith(one.start));
    return magic === USTAR.text || isPacked ? "tar" : null;
  } finally {
    file.close();
  }
}

/**
 * Which of the programs that unpack a .tar is not on the PATH; null where all are.
 * @param start Its first bytes in hex.
 */
export async function missingUnpacker(start: string, { fs }: Host): Promise<string | null> {
  const packer = PACKERS.find((one) => start.startsWith(one.start));
  for (const tool of packer === undefined ? ["tar"] : ["tar", packer.tool]) {
    if (await fs.which(tool) === null) return tool;
  }
  return null;
}

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

async function firstBytes(path: string, host: Host): Promise<string> {
  const file = await host.fs.openParts(path);
  try {
    return file.read(0, 4).toHex();
  } finally {
    file.close();
  }
}

async function untar(file: string, folder: string, host: Host): Promise<string | null> {
  const missing = await missingUnpacker(await firstBytes(file, host), host);
  if (missing !== null) return `${missing} is missing`;
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
  try {
    const { members, close } = await openZip(file, host);
    try {
      for (const { name, unpack } of members.filter(({ name }) => isInside(name))) {
        await host.fs.makeDir(dirname(`${folder}/${name}`));
        const writer = await host.fs.writer(`${folder}/${name}`);
        await unpack(writer.write).finally(() => writer.close());
      }
    } finally {
      close();
    }
  } catch (error) {
    if (error instanceof ZipError) return error.message;
    throw error;
  }
  return null;
}

/** Below the folder that it is unpacked to. */
function isInside(name: string): boolean {
  return !name.startsWith("/") && !name.split("/").includes("..");
}
