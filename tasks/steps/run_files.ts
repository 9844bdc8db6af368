// SPDX-License-Identifier: MIT
/** What a run has left, wherever it lies: in its folder, or in an archive as CI hands it out. */
import { basename, dirname } from "node:path/posix";
import { KmatrixError } from "../core/model/errors.ts";
import { type Parts, partsOf } from "../core/text/lines.ts";
import type { FileKind, Host } from "../host/host.ts";
import { missingUnpacker } from "./unpack.ts";
import { openZip, ZipError } from "./zip_file.ts";

/** Files of a run by their paths below its folder. */
export interface RunFiles {
  /** Its folder or archive, for people. */
  readonly place: string;
  /** Where the files lie on the disk, links resolved; null in an archive. */
  readonly folder: string | null;
  /** null where there is nothing. */
  kind(path: string): Promise<FileKind | null>;
  /** Names of what lies in a folder, sorted. */
  list(folder: string): Promise<string[]>;
  /** @throws Error where it cannot be read. */
  open(path: string): Promise<Parts & { close(): void }>;
}

export const RUN_JSON = "run.json";

export async function folderFiles(folder: string, { fs }: Host): Promise<RunFiles> {
  const real = await fs.realPath(folder) ?? folder;
  return {
    place: real,
    folder: real,
    kind: (path) => fs.kind(`${real}/${path}`),
    list: (below) => fs.list(`${real}/${below}`),
    open: (path) => fs.openParts(`${real}/${path}`),
  };
}

/** A file of a run as text; null where there is none. @throws Error where it cannot be read. */
export async function textOf(files: RunFiles, path: string): Promise<string | null> {
  if (await files.kind(path) !== "file") return null;
  const file = await files.open(path);
  try {
    return new TextDecoder().decode(file.read(0, file.size));
  } finally {
    file.close();
  }
}

/** What an archive is, read into memory as a whole. */
const MOST_ARCHIVE_BYTES = 1 << 30;
/** A file of it; more is not unpacked, for an archive may be small and hold very much. */
const MOST_MEMBER_BYTES = 256 << 20;

/**
 * The run in an archive: .zip, or what tar unpacks. Its run.json may lie in a folder of the archive;
 * one that lies deeper than another belongs to something else.
 * @param word What people called it.
 * @returns null where the archive holds no run.json.
 * @throws KmatrixError "usage" (bad-run-archive)
 */
export async function archiveFiles(
  file: string,
  word: string,
  host: Host,
): Promise<RunFiles | null> {
  const start = await firstBytes(file, word, host);
  const archive = start.startsWith("504b")
    ? await zipped(file, word, host)
    : await tarred(file, word, start, host);
  const depth = (name: string) => name.replace(/^(\.\/)+/, "").split("/").length;
  const [runJson, other] = archive.names.filter((name) => basename(name) === RUN_JSON)
    .sort((a, b) => depth(a) - depth(b));
  if (runJson === undefined) return null;
  if (other !== undefined && depth(other) === depth(runJson)) {
    const text = `${word} holds several runs: ${dirname(runJson)}, ${dirname(other)}`;
    throw new KmatrixError("usage", "bad-run-archive", text, "Unpack it, and name one of them.");
  }
  const prefix = runJson.slice(0, -RUN_JSON.length);
  const names = archive.names.filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
  return {
    place: file,
    folder: null,
    kind: (path) =>
      Promise.resolve(
        names.includes(path)
          ? "file"
          : names.some((name) => name.startsWith(`${path}/`))
          ? "folder"
          : null,
      ),
    list: (folder) => {
      const below = names.filter((name) => name.startsWith(`${folder}/`))
        .map((name) => name.slice(folder.length + 1).split("/")[0]!);
      return Promise.resolve([...new Set(below)].sort());
    },
    async open(path) {
      const bytes = await archive.read(`${prefix}${path}`);
      return { ...partsOf(bytes), close: () => {} };
    },
  };
}

interface Archive {
  /** Of its files, folders left out. */
  readonly names: readonly string[];
  read(name: string): Promise<Uint8Array>;
}

/** In hex; they tell what an archive is, for artifacts are renamed. */
async function firstBytes(path: string, word: string, host: Host): Promise<string> {
  const file = await host.fs.openParts(path);
  try {
    if (file.size > MOST_ARCHIVE_BYTES) {
      throw notAnArchive(word, `It has ${mib(file.size)}; ${mib(MOST_ARCHIVE_BYTES)} are read.`);
    }
    return file.read(0, 4).toHex();
  } finally {
    file.close();
  }
}

const mib = (bytes: number) => `${Math.ceil(bytes / (1 << 20))} MiB`;

function tooBig(name: string): KmatrixError {
  const text = `${name} has more than ${mib(MOST_MEMBER_BYTES)}`;
  return new KmatrixError("usage", "bad-run-archive", text, "Unpack the archive first.");
}

async function zipped(path: string, word: string, host: Host): Promise<Archive> {
  const open = async () =>
    await openZip(path, host).catch((error) => {
      throw error instanceof ZipError ? notAnArchive(word, error.message) : error;
    });
  const { members, close } = await open();
  close();
  return {
    names: members.map(({ name }) => name),
    async read(wanted) {
      const { members, close } = await open();
      try {
        const { name, size, unpack } = members.findLast(({ name }) => name === wanted)!;
        if (size > MOST_MEMBER_BYTES) throw tooBig(`${path}/${name}`);
        const bytes = new Uint8Array(size);
        let filled = 0;
        await unpack((part) => {
          if (filled + part.length > size) throw tooBig(`${path}/${name}`);
          bytes.set(part, filled);
          filled += part.length;
          return Promise.resolve();
        });
        return bytes;
      } catch (error) {
        throw error instanceof ZipError ? notAnArchive(word, error.message) : error;
      } finally {
        close();
      }
    },
  };
}

async function tarred(file: string, word: string, start: string, host: Host): Promise<Archive> {
  const missing = await missingUnpacker(start, host);
  if (missing !== null) {
    const text = `${word} is unpacked by ${missing}, which is missing`;
    throw new KmatrixError("infra", "missing-tool", text);
  }
  const list = ["tar", "--list", "--file", file];
  const listed = await output(list, MOST_MEMBER_BYTES, host);
  if (listed === null) throw notAnArchive(word, (await host.run({ argv: list })).stderr);
  const names = new TextDecoder().decode(listed).split("\n");
  return {
    names: names.filter((name) => name !== "" && !name.endsWith("/")),
    async read(name) {
      const argv = ["tar", "--extract", "--to-stdout", "--file", file, "--", name];
      const bytes = await output(argv, MOST_MEMBER_BYTES, host);
      if (bytes === null) throw notAnArchive(word, `tar cannot unpack ${name}`);
      return bytes;
    },
  };
}

/** All that a command prints; null where it fails. @throws Error where it is more than that. */
async function output(argv: readonly string[], most: number, host: Host) {
  const child = await host.spawn({ argv });
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  try {
    for await (const part of child.stdout) {
      size += part.length;
      if (size > most) throw tooBig(`${argv.at(-1)}`);
      parts.push(part.slice());
    }
  } catch (error) {
    child.kill();
    await child.exit;
    throw error;
  }
  return await child.exit === 0 ? new Uint8Array(await new Blob(parts).arrayBuffer()) : null;
}

export const NO_RUN = "A run is a folder with a run.json, an archive of one (.zip, .tar.gz, " +
  ".tar.xz, .tar.zst), latest, or latest~N for the N-th matrix run before it.";

function notAnArchive(word: string, why: string): KmatrixError {
  const text = `${word} is neither a folder nor an archive that can be read`;
  return new KmatrixError("usage", "bad-run-archive", text, `${why.trim()}\n${NO_RUN}`);
}
