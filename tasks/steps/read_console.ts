// SPDX-License-Identifier: MIT
/** Reads a kernel log that somebody brings: as it is, compressed, or from standard input. */
import type { Host } from "../host/host.ts";
import { type Parts, partsOf } from "../core/text/lines.ts";
import { KmatrixError } from "../core/model/errors.ts";

/** Bound of a log that is unpacked, or comes from a pipe, and so has to be in memory. */
const IN_MEMORY_BYTES = 512 << 20;

/** Standard input, as people name it. */
export const STDIN = "-";

/** A log, read part by part where it is a plain file. */
export interface ConsoleFile extends Parts {
  close(): void;
}

type Unpack = { readonly by: "gzip" } | {
  readonly by: "command";
  readonly argv: readonly string[];
};

interface Kind {
  /** The first bytes. */
  readonly magic: readonly number[];
  /** What it is, and how it becomes a log. */
  readonly what: string;
  readonly unpack?: Unpack;
  /** What to do, where it is no log. */
  readonly advice?: string;
}

const bytesOf = (text: string) => Array.from(text, (char) => char.charCodeAt(0));

/** What people have and name where a log is wanted. */
const KINDS: readonly Kind[] = [
  { magic: [0x1f, 0x8b], what: "gzip", unpack: { by: "gzip" } },
  {
    magic: [0xfd, ...bytesOf("7zXZ"), 0],
    what: "xz",
    unpack: { by: "command", argv: ["xz", "-dc", "--"] },
  },
  {
    magic: [0x28, 0xb5, 0x2f, 0xfd],
    what: "zstd",
    unpack: { by: "command", argv: ["zstd", "-dcq", "--"] },
  },
  {
    magic: bytesOf("BZh"),
    what: "bzip2",
    unpack: { by: "command", argv: ["bzip2", "-dc", "--"] },
  },
  { magic: bytesOf("PK\x03\x04"), what: "a zip archive", advice: "Unpack it first." },
  { magic: bytesOf("\x7fELF"), what: "an ELF file", advice: "A vmlinux goes to --vmlinux." },
  {
    magic: bytesOf("LPKSHHRH"),
    what: "a journal of systemd",
    advice: "Write it as text: journalctl -k -o short-monotonic --file FILE",
  },
  {
    magic: bytesOf("KDUMP   "),
    what: "a dump of memory",
    advice: "Extract the log: crash's `log`, or vmcore-dmesg.",
  },
];

/**
 * @param path Absolute, or "-" for standard input.
 * @param bound Bytes of a log that has to be in memory.
 * @throws KmatrixError "usage" where there is no such file, or it is none that may hold a log.
 */
export async function readConsole(
  path: string,
  host: Host,
  bound = IN_MEMORY_BYTES,
): Promise<ConsoleFile> {
  const file = path === STDIN ? await standardInput(host, bound) : await open(path, host);
  try {
    const kind = kindOf(file.read(0, 16));
    if (kind === undefined) return decoded(file);
    if (kind.unpack === undefined) {
      throw unreadable(`${nameOf(path)} is ${kind.what}, not a log`, kind.advice);
    }
    const bytes = await unpacked(path, file, kind, kind.unpack, host, bound);
    file.close();
    return decoded(inMemory(bytes));
  } catch (error) {
    file.close();
    throw error;
  }
}

function unreadable(text: string, advice = ""): KmatrixError {
  return new KmatrixError("usage", "bad-console", text, advice);
}

function nameOf(path: string): string {
  return path === STDIN ? "standard input" : path;
}

async function standardInput(host: Host, bound: number): Promise<ConsoleFile> {
  const bytes = await host.fs.readInput(bound);
  if (bytes.length > bound) throw tooBig(STDIN, bound);
  return inMemory(bytes);
}

async function open(path: string, host: Host): Promise<ConsoleFile> {
  try {
    const found = await host.fs.stat(path);
    if (found === null) throw unreadable(`there is no file ${path}`);
    if (found.isDirectory) {
      const advice = "Give the log itself; give the folder of a recorded boot without --console.";
      throw unreadable(`${path} is a folder`, advice);
    }
    // A pipe, or a file of /proc, says no size.
    if (found.size === 0) return inMemory(await host.fs.readBytes(path));
    return await host.fs.openParts(path);
  } catch (error) {
    if (error instanceof KmatrixError) throw error;
    throw unreadable(`${path} cannot be read: ${(error as Error).message}`);
  }
}

function inMemory(bytes: Uint8Array): ConsoleFile {
  return { ...partsOf(bytes), close: () => {} };
}

function kindOf(head: Uint8Array): Kind | undefined {
  return KINDS.find(({ magic }) => magic.every((byte, index) => head[index] === byte));
}

/** What Windows writes: UTF-16, or a mark in front of UTF-8. */
function decoded(file: ConsoleFile): ConsoleFile {
  const [a, b, c] = file.read(0, 3);
  if (a === 0xef && b === 0xbb && c === 0xbf) {
    const { size, read, close } = file;
    return { size: size - 3, read: (offset, length) => read(offset + 3, length), close };
  }
  if (!(a === 0xff && b === 0xfe) && !(a === 0xfe && b === 0xff)) return file;
  const text = new TextDecoder(a === 0xff ? "utf-16le" : "utf-16be").decode(
    file.read(0, file.size),
  );
  file.close();
  return inMemory(new TextEncoder().encode(text));
}

async function unpacked(
  path: string,
  file: ConsoleFile,
  { what }: Kind,
  unpack: Unpack,
  host: Host,
  bound: number,
): Promise<Uint8Array> {
  const damaged = (why: string) => unreadable(`${nameOf(path)} is ${what}, and damaged: ${why}`);
  if (unpack.by === "gzip") {
    const packed = new Blob([file.read(0, file.size).slice()]).stream();
    try {
      return await collect(packed.pipeThrough(new DecompressionStream("gzip")), path, bound);
    } catch (error) {
      throw error instanceof KmatrixError ? error : damaged((error as Error).message);
    }
  }
  const [tool] = unpack.argv;
  if (path === STDIN) {
    throw unreadable(`standard input is ${what}`, `Unpack it first: ${tool} -dc | …`);
  }
  if (await host.fs.which(tool!) === null) {
    throw new KmatrixError("infra", "missing-tool", `${path} is ${what}, and ${tool} is missing`);
  }
  const child = await host.spawn({ argv: [...unpack.argv, path] });
  let bytes: Uint8Array;
  try {
    bytes = await collect(child.stdout, path, bound);
  } catch (error) {
    child.kill();
    await child.exit;
    throw error;
  }
  const code = await child.exit;
  if (code !== 0) throw damaged(`${tool} ended with code ${code}`);
  return bytes;
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  path: string,
  bound: number,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of stream) {
    size += part.length;
    if (size > bound) throw tooBig(path, bound);
    parts.push(part);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function tooBig(path: string, bound: number): KmatrixError {
  return unreadable(
    `${nameOf(path)} holds more than ${bound / (1 << 20)} MiB`,
    "Unpack it into a file: a plain file may have any size.",
  );
}
