// SPDX-License-Identifier: MIT
import { dirname } from "node:path/posix";

/** A folder of its own, with links resolved, for the time of `body`. */
export async function withTempDir<T>(body: (dir: string) => Promise<T>): Promise<T> {
  const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "kmatrix-" }));
  try {
    return await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Writes files with the time in seconds at which each was written. */
export async function layFiles(
  dir: string,
  files: Readonly<Record<string, number>>,
): Promise<void> {
  for (const [name, time] of Object.entries(files)) {
    const path = `${dir}/${name}`;
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeTextFile(path, name);
    await Deno.utime(path, time, time);
  }
}
