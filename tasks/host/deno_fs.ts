// SPDX-License-Identifier: MIT
import { dirname } from "node:path/posix";
import $ from "dax";
import { lockFile, tryLock } from "./file_lock.ts";
import type { FileSystem } from "./host.ts";

/** Links in a circle, and names that no file can have, lead nowhere either. */
function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory ||
    error instanceof Deno.errors.FilesystemLoop ||
    (error instanceof Error && "code" in error && error.code === "ENAMETOOLONG");
}

async function orNull<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/**
 * The folders of a PATH that this user may look into. dax gives up at any other, and a shell calls what
 * it finds nowhere "not permitted" (126) where there is one.
 */
export function searchablePath(
  path: string,
  look: (folder: string) => unknown = Deno.statSync,
): string {
  return path.split(":").filter((folder) => {
    try {
      // An empty one is the current folder.
      look(`${folder || "."}/.`);
      return true;
    } catch (error) {
      return !(error instanceof Deno.errors.PermissionDenied);
    }
  }).join(":");
}

/** {@linkcode FileSystem} over Deno. */
export const denoFileSystem: FileSystem = {
  readText: (path) => Deno.readTextFile(path),
  readTextIfAny: (path) => orNull(Deno.readTextFile(path)),
  readBytes: (path) => Deno.readFile(path),
  async openParts(path) {
    const file = await Deno.open(path);
    const { size } = await file.stat();
    return {
      size,
      read(offset, length) {
        file.seekSync(offset, Deno.SeekMode.Start);
        const buffer = new Uint8Array(Math.min(length, size - offset));
        let filled = 0;
        while (filled < buffer.length) {
          const count = file.readSync(buffer.subarray(filled));
          if (count === null) break;
          filled += count;
        }
        return buffer.subarray(0, filled);
      },
      close: () => file.close(),
    };
  },
  async readInput(limit) {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of Deno.stdin.readable) {
      parts.push(part);
      size += part.length;
      if (size > limit) break;
    }
    const all = new Uint8Array(Math.min(size, limit + 1));
    let at = 0;
    for (const part of parts) {
      all.set(part.subarray(0, all.length - at), at);
      at += part.length;
    }
    return all;
  },
  async readTail(path, bytes) {
    const file = await orNull(denoFileSystem.openParts(path));
    if (!file) return "";
    try {
      return new TextDecoder().decode(file.read(Math.max(0, file.size - bytes), bytes));
    } finally {
      file.close();
    }
  },
  append: (path, text) => Deno.writeTextFile(path, text, { append: true }),
  async writeText(path, text) {
    await Deno.mkdir(dirname(path), { recursive: true });
    const partial = `${path}.${crypto.randomUUID().slice(0, 8)}.partial`;
    try {
      await Deno.writeTextFile(partial, text);
      await Deno.rename(partial, path);
    } catch (error) {
      await Deno.remove(partial).catch(() => {});
      throw error;
    }
  },
  async writer(path) {
    const file = await Deno.open(path, { write: true, create: true, truncate: true });
    return {
      // deno-lint-ignore require-await
      async write(data) {
        // While one waits, what a child prints would pile up in memory: dax reads it unasked.
        for (let at = 0; at < data.length;) at += file.writeSync(data.subarray(at));
      },
      close: () => file.close(),
    };
  },
  async exists(path) {
    return await orNull(Deno.stat(path)) !== null;
  },
  async kind(path) {
    const info = await orNull(Deno.stat(path));
    if (info === null) return await orNull(Deno.lstat(path)) === null ? null : "broken link";
    return info.isDirectory ? "folder" : info.isFile ? "file" : "device, pipe or socket";
  },
  async stat(path) {
    const info = await orNull(Deno.stat(path));
    if (!info) return null;
    return { size: info.size, mtimeMs: info.mtime?.getTime() ?? 0, isDirectory: info.isDirectory };
  },
  async imprint(path) {
    const info = await orNull(Deno.stat(path));
    if (!info) return null;
    // The time of change is the one that no program can set back.
    const times = [info.mtime, info.ctime].map((time) => time?.getTime());
    return [info.dev, info.ino, info.size, ...times].join(" ");
  },
  async entry(path) {
    const info = await orNull(Deno.lstat(path));
    if (!info) return null;
    if (info.isSymlink) return { kind: "link", target: await Deno.readLink(path) };
    if (info.isFile) return { kind: "file", executable: ((info.mode ?? 0) & 0o100) !== 0 };
    return { kind: info.isDirectory ? "folder" : "other" };
  },
  realPath: (path) => orNull(Deno.realPath(path)),
  async list(dir) {
    const names: string[] = [];
    try {
      for await (const entry of Deno.readDir(dir)) names.push(entry.name);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    return names.sort();
  },
  async which(name) {
    if (name.includes("/")) return await orNull(Deno.realPath(name));
    for (const folder of searchablePath(Deno.env.get("PATH") ?? "").split(":")) {
      const file = `${folder || "."}/${name}`;
      const info = await orNull(Deno.stat(file));
      if (info?.isFile && (info.mode ?? 0) & 0o111) return await Deno.realPath(file);
    }
    return null;
  },
  makeDir: (path) => Deno.mkdir(path, { recursive: true }),
  async remove(path) {
    await orNull(Deno.remove(path, { recursive: true }));
  },
  rename: (from, to) => Deno.rename(from, to),
  copy: (from, to) => Deno.copyFile(from, to),
  async replace(from, to) {
    await Deno.mkdir(dirname(to), { recursive: true });
    const partial = `${to}.${crypto.randomUUID().slice(0, 8)}.partial`;
    await Deno.copyFile(from, partial);
    await Deno.rename(partial, to);
  },
  async link(target, path) {
    const partial = `${path}.${crypto.randomUUID().slice(0, 8)}.partial`;
    await Deno.symlink(target, partial);
    await Deno.rename(partial, path);
  },
  lock: lockFile,
  tryLock,
  async freeBytes(dir) {
    // df asks statvfs, which Deno has no call for.
    const path = searchablePath(Deno.env.get("PATH") ?? "");
    const text = await $`${["df", "--output=avail", "-B1", dir]}`.env("PATH", path).noThrow()
      .quiet().text();
    const bytes = Number(text.trim().split("\n").at(-1));
    return Number.isFinite(bytes) ? bytes : Number.POSITIVE_INFINITY;
  },
};
