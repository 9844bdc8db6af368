// SPDX-License-Identifier: MIT
/** Archives for tests, as programs of this and of other systems pack them. */
import { configure, Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from "@zip.js/zip.js";

export interface ZipOptions {
  /** 0 to 9; 0 stores. */
  readonly level?: number;
  /** With sizes behind the data, as what is packed while it is sent has them. */
  readonly dataDescriptor?: boolean;
  readonly password?: string;
}

/** A .zip of files by their paths. */
export async function zipOf(
  files: Readonly<Record<string, Uint8Array | string>>,
  options: ZipOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  configure({ useWebWorkers: false });
  const writer = new ZipWriter(new Uint8ArrayWriter(), { dataDescriptor: false, ...options });
  for (const [path, content] of Object.entries(files)) {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await writer.add(path, new Uint8ArrayReader(bytes));
  }
  return new Uint8Array(await writer.close());
}
