// SPDX-License-Identifier: MIT
/** A .zip as CI hands it out: what is in it, and each file held against its CRC-32. */
import type { FileEntry } from "@zip.js/zip.js";
import type { Parts } from "../core/text/lines.ts";
import type { Host } from "../host/host.ts";

/** A file of an archive. */
export interface ZipMember {
  /** Its path, with "/" between folders. */
  readonly name: string;
  /** Unpacked, in bytes, as the directory of the archive says. */
  readonly size: number;
  /**
   * Unpacks it in parts. @throws ZipError where it is not what the archive says; and what `write`
   * throws.
   */
  unpack(write: (part: Uint8Array) => Promise<void>): Promise<void>;
}

export interface ZipFile {
  readonly members: readonly ZipMember[];
  close(): void;
}

/** That an archive cannot be read, or not whole; the message says what is wrong with it. */
export class ZipError extends Error {}

/** What is no file of an archive by its mode: a link, whose content is where it leads. */
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

/** Opens an archive, to be closed. @throws ZipError */
export async function openZip(path: string, host: Host): Promise<ZipFile> {
  // For people who have an archive to read alone; the others start faster without it.
  const { configure, Reader, ZipReader } = await import("@zip.js/zip.js");
  configure({ useWebWorkers: false });
  const file = await host.fs.openParts(path);
  class PartsReader extends Reader<Parts> {
    constructor(parts: Parts) {
      super(parts);
      this.size = parts.size;
    }
    override readUint8Array(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
      return Promise.resolve(new Uint8Array(file.read(offset, length)));
    }
  }
  try {
    const options = {
      // Whoever unpacks leaves out what leads out of the folder; that is no reason to read nothing.
      filenameValidation: "tolerant",
      // Programs of Windows write "a\\b", against the format (APPNOTE.TXT, 4.4.17).
      normalizeFilename: (name: string) => name.includes("/") ? name : name.replaceAll("\\", "/"),
    } as const;
    const entries = await new ZipReader(new PartsReader(file), options).getEntries();
    const files = entries.filter((one): one is FileEntry => !one.directory && isFile(one));
    return { members: files.map(member), close: () => file.close() };
  } catch (error) {
    file.close();
    throw new ZipError(messageOf(error));
  }
}

const messageOf = (error: unknown) => error instanceof Error ? error.message : `${error}`;

/** Archives of Windows know no modes. */
function isFile({ unixMode = 0 }: FileEntry): boolean {
  return (unixMode & S_IFMT) === 0 || (unixMode & S_IFMT) === S_IFREG;
}

function member(entry: FileEntry): ZipMember {
  const { filename, uncompressedSize } = entry;
  return {
    name: filename,
    size: uncompressedSize,
    async unpack(write) {
      let own: { readonly error: unknown } | null = null;
      const sink = new WritableStream<Uint8Array>({
        async write(part) {
          await write(part).catch((error) => {
            own = { error };
            throw error;
          });
        },
      });
      try {
        await entry.getData(sink, { checkSignature: true });
      } catch (error) {
        const thrown = own as { readonly error: unknown } | null;
        if (thrown !== null) throw thrown.error;
        throw new ZipError(`${filename}: ${messageOf(error)}`);
      }
    },
  };
}
