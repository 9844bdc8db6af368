// SPDX-License-Identifier: MIT
/**
 * A copy of a build folder, so that what was built from a wrong source can be undone without
 * compiling anything: the folder comes back with its times, and the sources get theirs back.
 */
import { dirname } from "node:path/posix";
import type { Host } from "../host/host.ts";

export class CleanBuild {
  readonly #folder: string;
  readonly #copy: string;
  readonly #host: Host;

  private constructor(folder: string, copy: string, host: Host) {
    this.#folder = folder;
    this.#copy = copy;
    this.#host = host;
  }

  static async save(folder: string, copy: string, host: Host): Promise<CleanBuild> {
    const saved = new CleanBuild(folder, copy, host);
    await saved.#copyOver(folder, copy);
    return saved;
  }

  /** Puts the folder back as it was. */
  async restore(): Promise<void> {
    await this.#copyOver(this.#copy, this.#folder);
  }

  async drop(): Promise<void> {
    await this.#host.fs.remove(this.#copy);
  }

  async #copyOver(from: string, to: string): Promise<void> {
    const partial = `${to}.partial`;
    await this.#host.fs.remove(partial);
    await this.#host.fs.makeDir(dirname(to));
    // Hard links would not do: objtool and the sorting of tables write into files that are there.
    const argv = ["cp", "--archive", "--reflink=auto", from, partial];
    const result = await this.#host.run({ argv });
    if (result.code !== 0) throw new Error(`${argv.join(" ")}: ${result.stderr}`);
    await this.#host.fs.remove(to);
    await this.#host.fs.rename(partial, to);
  }
}

/** Remembers when files were changed; the function that it gives sets these times again. */
export async function keepTimes(files: readonly string[]): Promise<() => Promise<void>> {
  const times = await Promise.all(
    files.map(async (file) => {
      const stat = await Deno.stat(file).catch(() => null);
      return stat?.mtime ? { file, mtime: stat.mtime } : null;
    }),
  );
  return async () => {
    for (const one of times) {
      if (one) await Deno.utime(one.file, one.mtime, one.mtime);
    }
  };
}
