// SPDX-License-Identifier: MIT
/** Reading parts of an ELF file that may be hundreds of MiB. */
import type { Host } from "../host/host.ts";
import { Elf } from "../core/inspect/elf.ts";

/** Gives what `body` makes of the file, which is closed then. @throws KmatrixError "no-elf". */
export async function withElf<T>(
  path: string,
  host: Host,
  body: (elf: Elf) => T,
): Promise<T> {
  const file = await host.fs.openParts(path);
  try {
    return body(new Elf(file, path));
  } finally {
    file.close();
  }
}
