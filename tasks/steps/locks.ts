// SPDX-License-Identifier: MIT
/**
 * Who may work on what of the cache at the same time. A kernel's tree is read by many runs and written
 * by one alone. A build folder has two locks: who configures and builds in it holds the first, so that
 * the second of two runs finds what the first has made; who boots from it shares the other, and nothing
 * in it changes meanwhile.
 */
import { basename, dirname } from "node:path/posix";
import type { Held, Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";

export interface LockUse {
  readonly path: string;
  readonly shared?: boolean;
  /** What others do who hold it, as the beginning of a sentence: "another run is unpacking x". */
  readonly what: string;
}

/** @throws KmatrixError as {@linkcode Host.fs.lock} */
export async function hold({ path, shared = false, what }: LockUse, host: Host): Promise<Held> {
  const waiting = (holders: string) => host.log("info", `${what}; waiting for ${holders}`);
  return await host.fs.lock({ path, shared, waiting, signal: host.signal });
}

/** Runs the body while the lock is held. */
export async function withLock<T>(
  use: LockUse,
  host: Host,
  body: () => Promise<T>,
): Promise<T> {
  const held = await hold(use, host);
  try {
    return await body();
  } finally {
    held.release();
  }
}

/**
 * Makes what a lock guards as it is wanted, which another run may have done meanwhile (null): one run
 * at a time finds out. So those that want the same wait until it is made, and not until the run that
 * made it has done with it.
 */
export async function makeAlone<T>(
  lock: LockUse,
  isMade: () => Promise<boolean>,
  make: () => Promise<T>,
  host: Host,
): Promise<T | null> {
  return await withLock({ ...lock, path: `${lock.path}-making` }, host, async () => {
    if (await withLock({ ...lock, shared: true }, host, isMade)) return null;
    return await withLock(lock, host, make);
  });
}

/** Of the tree of a kernel, or of a view of a tree by its name. */
export function kernelLock(id: string, { cache }: Pick<Paths, "cache">): LockUse {
  return { path: `${cache}/locks/kernel-${id}`, what: `another run is working on ${id}` };
}

const lockOf = (buildDir: string, name: string) =>
  `${dirname(dirname(buildDir))}/locks/${name}-${basename(buildDir)}`;

/** Held alone by who makes sure that a build folder has what it should. */
export function buildLock(buildDir: string): LockUse {
  return { path: lockOf(buildDir, "build"), what: `another run is building in ${buildDir}` };
}

/** Shared by all who boot from a build folder; taken while its {@linkcode buildLock} is held. */
export function bootLock(buildDir: string): LockUse {
  return {
    path: lockOf(buildDir, "boot"),
    shared: true,
    what: `another run boots what lies in ${buildDir}, which is to be built again`,
  };
}

/** Removes the locks of a build folder that is gone. They are to be held, or others may hold them. */
export async function removeLocks(buildDir: string, host: Host): Promise<void> {
  for (const { path } of [bootLock(buildDir), buildLock(buildDir)]) await host.fs.remove(path);
}

/** Changes a build folder whose {@linkcode buildLock} is held: nobody boots from it meanwhile. */
export async function changing<T>(
  buildDir: string,
  host: Host,
  body: () => Promise<T>,
): Promise<T> {
  return await withLock({ ...bootLock(buildDir), shared: false }, host, body);
}
