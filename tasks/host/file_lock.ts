// SPDX-License-Identifier: MIT
/**
 * Locks of flock(2) on files: of one, or shared by many. The system drops them with the process, by
 * `kill -9` as well, and keeps them apart across containers that share a folder, and across machines
 * where the file system does (NFS since Linux 2.6.12). Who holds one says so in a file of the folder
 * `holders/` beside it, which the same system call tells from what a dead process has left.
 */
import { basename, dirname } from "node:path/posix";
import { KmatrixError } from "../core/model/errors.ts";
import { type LockHolder, lockHoldersText, parseLockHolder } from "../core/text/lock_holder.ts";
import type { Held, LockRequest } from "./host.ts";

/** Nobody is told of a shorter wait. */
const SILENT_MS = 500;
/** How often is looked again; flock(2) itself cannot be broken off by Ctrl-C. */
const [FIRST_LOOK_MS, LAST_LOOK_MS] = [20, 200];
/** Of a folder that somebody removes over and over; a dangling link is not one that comes back. */
const OPEN_ATTEMPTS = 100;

/** @throws KmatrixError "infra" (no-file-locks), "interrupted" where the signal is aborted. */
export async function lockFile(request: LockRequest): Promise<Held> {
  const { path, waiting, signal } = request;
  const startedMs = performance.now();
  let told: ReadonlySet<string> | null = null;
  for (let pauseMs = FIRST_LOOK_MS;; pauseMs = Math.min(LAST_LOOK_MS, pauseMs * 1.5)) {
    const held = await tryLock(request);
    if (held !== null) return held;
    if (signal?.aborted) {
      throw new KmatrixError("interrupted", "interrupted", "the run was interrupted");
    }
    if (waiting && performance.now() - startedMs >= SILENT_MS) {
      const holders = holdersOf(path);
      const gone = told === null || (told.size > 0 && !holders.some(({ file }) => told!.has(file)));
      if (gone && !(told !== null && holders.length === 0)) {
        told = new Set(holders.map(({ file }) => file));
        waiting(lockHoldersText(holders.map(({ holder }) => holder), OWN, Date.now()));
      }
    }
    await pause(pauseMs, signal);
  }
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const done = () => resolve();
  signal?.addEventListener("abort", done, { once: true });
  await promise;
  clearTimeout(timer);
  signal?.removeEventListener("abort", done);
}

/** null where somebody else has it. */
export async function tryLock(
  { path, shared = false, waiting }: LockRequest,
): Promise<Held | null> {
  for (;;) {
    const file = await openFile(path);
    let same = false;
    try {
      if (!await taken(file, path, shared)) return null;
      // Whoever removes locks lets others make the file anew.
      same = await isSameFile(file, path);
      if (!same) continue;
    } finally {
      if (!same) file.close();
    }
    let record = waiting ? writeRecord(path, shared) : null;
    let open: Deno.FsFile | null = file;
    return {
      release() {
        record?.();
        record = null;
        open?.close();
        open = null;
      },
    };
  }
}

/**
 * Whoever removes the folder of locks may do so between the two steps.
 * @throws KmatrixError "infra" (no-file-locks) where that does not help.
 */
async function openFile(path: string): Promise<Deno.FsFile> {
  for (let left = OPEN_ATTEMPTS;; left--) {
    try {
      await Deno.mkdir(dirname(path), { recursive: true });
      return await Deno.open(path, { read: true, write: true, create: true });
    } catch (error) {
      const isGone = error instanceof Deno.errors.NotFound;
      if (isGone && left > 1) continue;
      // A folder that is a link to nowhere is there, and cannot be made.
      if (!isGone && !(error instanceof Deno.errors.AlreadyExists)) throw error;
      const text = `${path} cannot be locked: ${error.message}`;
      const hint =
        "It or its folder is a link that leads nowhere, or a file stands in its folder's " +
        "place: remove that, or make what the link leads to.";
      throw new KmatrixError("infra", "no-file-locks", text, hint);
    }
  }
}

/** @throws KmatrixError "infra" (no-file-locks) */
async function taken(file: Deno.FsFile, path: string, shared: boolean): Promise<boolean> {
  try {
    return await file.tryLock(!shared);
  } catch (error) {
    throw new KmatrixError(
      "infra",
      "no-file-locks",
      `${path} cannot be locked: ${(error as Error).message}`,
      "Its file system has no flock(2) that works. KMATRIX_CACHE moves the cache to one that has.",
    );
  }
}

async function isSameFile(file: Deno.FsFile, path: string): Promise<boolean> {
  const [mine, there] = [await file.stat(), await Deno.stat(path).catch(() => null)];
  return there !== null && mine.ino === there.ino && mine.dev === there.dev;
}

/** This process, as others read of it. */
const OWN = {
  pid: Deno.pid,
  host: orNothing(() => Deno.hostname()),
  namespace: orNothing(() => Deno.readLinkSync("/proc/self/ns/pid")),
};

function orNothing(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}

const recordsOf = (path: string) => `${dirname(path)}/holders`;
const prefixOf = (path: string) => `${basename(path)}@`;

/**
 * Tells others who holds a lock; where that cannot be written, nothing is told. A lock that is held
 * alone has no other holder, so what lies there is of dead processes.
 * @returns What takes it away.
 */
function writeRecord(path: string, shared: boolean): (() => void) | null {
  const folder = recordsOf(path);
  try {
    Deno.mkdirSync(folder, { recursive: true });
    if (!shared) {
      for (const { name } of Deno.readDirSync(folder)) {
        if (name.startsWith(prefixOf(path))) Deno.removeSync(`${folder}/${name}`);
      }
    }
    const name = `${folder}/${prefixOf(path)}${crypto.randomUUID()}`;
    const file = Deno.openSync(name, { read: true, write: true, createNew: true });
    const holder: LockHolder = {
      ...OWN,
      folder: orNothing(() => Deno.cwd()),
      command: Deno.args.join(" "),
      sinceMs: Date.now(),
    };
    const remove = () => {
      try {
        Deno.removeSync(name);
      } catch {
        // Somebody has emptied the cache.
      }
      file.close();
    };
    try {
      file.lockSync(true);
      file.writeSync(new TextEncoder().encode(JSON.stringify(holder)));
    } catch {
      remove();
      return null;
    }
    return remove;
  } catch {
    return null;
  }
}

/** Those that live; what a dead one has left is removed. */
function holdersOf(path: string): { readonly file: string; readonly holder: LockHolder }[] {
  const folder = recordsOf(path);
  const found = [];
  try {
    for (const { name } of Deno.readDirSync(folder)) {
      if (!name.startsWith(prefixOf(path))) continue;
      const holder = readRecord(`${folder}/${name}`);
      if (holder !== null) found.push({ file: name, holder });
    }
  } catch {
    // Nobody has left word.
  }
  return found.sort((a, b) => a.holder.sinceMs - b.holder.sinceMs);
}

function readRecord(name: string): LockHolder | null {
  let file;
  try {
    file = Deno.openSync(name, { read: true, write: true });
  } catch {
    return null;
  }
  try {
    if (!file.tryLockSync(true)) return parseLockHolder(Deno.readTextFileSync(name));
    Deno.removeSync(name);
    return null;
  } catch {
    return null;
  } finally {
    file.close();
  }
}
