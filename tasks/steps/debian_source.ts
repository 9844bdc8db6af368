// SPDX-License-Identifier: MIT
/**
 * A package of kernel sources: the installed one, or one of another suite of Debian, which is
 * downloaded into the cache once and stays there.
 */
import * as v from "valibot";
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type { SourceSpec } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import {
  debianRelease,
  debianSourceTar,
  otherVersions,
  OWN_BACKPORTS,
  type PackageRecord,
  packageRecord,
  stemOf,
} from "../core/source/debian.ts";
import { lackingSource } from "../core/source/kernel_sources.ts";
import { cachedJson, count, objectOf } from "../core/text/shape.ts";
import { type LockUse, withLock } from "./locks.ts";
import { debianMirror, PrivateApt } from "./private_apt.ts";

export type DebianSpec = Extract<SourceSpec, { kind: "debian" }>;

/** A tar of sources that is on this machine. */
export interface FoundPackage {
  readonly version: string;
  readonly archive: string;
  /** SHA-256 of the .deb; null for a package that was installed. */
  readonly sha256: string | null;
}

/** The package where it is installed; null where it is not. */
export async function installedPackage(name: string, host: Host): Promise<FoundPackage | null> {
  const archive = debianSourceTar(name);
  const { stdout, code } = await host.run({
    argv: ["dpkg-query", "--show", "--showformat=${Version}", name],
  });
  if (code !== 0 || stdout === "" || !(await host.fs.exists(archive))) return null;
  return { version: stdout, archive, sha256: null };
}

/** What a folder of the cache holds. */
interface KeptPackage {
  readonly version: string;
  readonly sha256: string;
  /** Of the tar. */
  readonly bytes: number;
}

const keptShape = objectOf<KeptPackage>()({
  version: v.string(),
  sha256: v.string(),
  bytes: count,
});

/** In the place of a suite's name: what the machine's own apt has, downloaded by a user without root. */
const OF_MACHINE = "own-release";

/** Folder of a package of a suite. */
export function packageFolder(name: string, suite: string, paths: Paths): string {
  return `${paths.sources}/${name}_${suite}`;
}

/** The tar in it. */
export function packageTar(name: string, suite: string, paths: Paths): string {
  return `${packageFolder(name, suite, paths)}/${name}.tar.xz`;
}

/** Files of the apt calls for a suite. */
export function aptFolder(suite: string, paths: Paths): string {
  return `${paths.cache}/apt/${suite}`;
}

/** The suite that a source is of; null where it is the machine's own and has no name. */
export async function suiteOf({ suite }: DebianSpec, host: Host): Promise<string | null> {
  if (suite !== OWN_BACKPORTS) return suite ?? null;
  const release = debianRelease(await host.fs.readTextIfAny("/etc/os-release") ?? "");
  return release && `${release}-backports`;
}

/** The package of a suite where it is in the cache; null where it is not. */
export async function keptPackage(
  spec: DebianSpec,
  paths: Paths,
  host: Host,
): Promise<FoundPackage | null> {
  const suite = spec.suite === undefined ? OF_MACHINE : await suiteOf(spec, host);
  if (suite === null) return null;
  const dir = packageFolder(spec.package, suite, paths);
  const text = await host.fs.readTextIfAny(`${dir}/package.json`);
  const kept = text === null ? null : cachedJson(keptShape, text);
  if (kept === null) return null;
  const archive = packageTar(spec.package, suite, paths);
  if ((await host.fs.stat(archive))?.size !== kept.bytes) return null;
  return { version: kept.version, archive, sha256: kept.sha256 };
}

/**
 * The package, installed or in the cache; one of a suite is downloaded where it is neither, and so is
 * one of the machine's own apt for a user who cannot install it.
 * @throws KmatrixError "infra" with why it cannot be had; "too-little-room"; "usage" for a package
 *   without sources in it.
 */
export async function debianPackage(
  spec: DebianSpec,
  paths: Paths,
  host: Host,
): Promise<FoundPackage> {
  const found = await packageHere(spec, paths, host);
  if (found) return found;
  if (spec.suite === undefined && await downloadable(spec, host) === null) {
    throw await whyNotInstalled(spec, host);
  }
  const suite = spec.suite === undefined ? OF_MACHINE : await aptSuite(spec, host);
  return await withLock(
    aptLock(suite, paths),
    host,
    async () => {
      const kept = await keptPackage(spec, paths, host);
      if (kept) return kept;
      const index = suite === OF_MACHINE
        ? await indexOfMachine(spec, paths, host)
        : await readIndex(spec, suite, paths, host);
      return await download(spec, suite, index, paths, host);
    },
  );
}

/**
 * What the machine's own apt has of a package that this user can download and not install; null where
 * it has none, and for root, who installs it.
 */
export async function downloadable(
  { package: name, suite }: DebianSpec,
  host: Host,
): Promise<PackageRecord | null> {
  if (suite !== undefined || host.userId === 0) return null;
  if (await host.fs.which("apt-get") === null) return null;
  return await shownByApt(name, host);
}

async function shownByApt(name: string, host: Host): Promise<PackageRecord | null> {
  const { code, stdout } = await host.run({
    argv: ["apt-cache", "show", "--no-all-versions", name],
  });
  return code === 0 ? packageRecord(stdout) : null;
}

async function indexOfMachine(spec: DebianSpec, paths: Paths, host: Host): Promise<Index> {
  const record = await downloadable(spec, host);
  if (record === null) throw await whyNotInstalled(spec, host);
  return { apt: await PrivateApt.ofMachine(aptFolder(OF_MACHINE, paths), host), record };
}

function aptLock(suite: string, { cache }: Paths): LockUse {
  return { path: `${cache}/locks/apt-${suite}`, what: `another run reads packages of ${suite}` };
}

/** Without a look at any other machine. */
export async function packageHere(
  spec: DebianSpec,
  paths: Paths,
  host: Host,
): Promise<FoundPackage | null> {
  return await installedPackage(spec.package, host) ?? await keptPackage(spec, paths, host);
}

/** What a suite has of a package now; nothing is downloaded but its index. @throws as debianPackage(). */
export async function packageInSuite(
  spec: DebianSpec,
  paths: Paths,
  host: Host,
): Promise<PackageRecord> {
  const suite = await aptSuite(spec, host);
  return await withLock(
    aptLock(suite, paths),
    host,
    async () => (await readIndex(spec, suite, paths, host)).record,
  );
}

/** Why the system's own package is not there. */
export async function whyNotInstalled(spec: DebianSpec, host: Host): Promise<KmatrixError> {
  const { package: name } = spec;
  const lacking = `the package ${name} is not installed (${debianSourceTar(name)} is wanted)`;
  if (await host.fs.which("apt-cache") === null) {
    const text = `${lacking}, and this machine has no apt`;
    return lackingSource("source-missing", spec, "no-apt", text);
  }
  const known = await shownByApt(name, host);
  if (known) {
    const text = `${lacking}; apt has ${known.version}`;
    const advice = `Install it: apt-get install ${name}`;
    return lackingSource("source-missing", spec, "not-installed", text, advice);
  }
  const { stdout } = await host.run({ argv: ["apt-cache", "pkgnames", stemOf(name)] });
  const [newest = null] = otherVersions(name, stdout.split("\n"));
  const text = `apt has no package ${name} for this release${newestText(newest)}`;
  const advice = "An old index is read anew by `apt-get update`.";
  return lackingSource("package-gone", spec, "gone", text, advice);
}

const newestText = (newest: string | null) =>
  newest === null ? "" : `; the newest there is: ${newest}`;

/** @throws KmatrixError with why no suite can be read here. */
async function aptSuite(spec: DebianSpec, host: Host): Promise<string> {
  const lacking = (why: "no-apt" | "no-release", text: string) =>
    lackingSource("source-missing", spec, why, `${spec.package} of ${spec.suite}: ${text}`);
  if (await host.fs.which("apt-get") === null) {
    throw lacking("no-apt", "this machine has no apt to bring it");
  }
  const suite = await suiteOf(spec, host);
  if (suite !== null) return suite;
  throw lacking("no-release", "/etc/os-release names no release (VERSION_CODENAME)");
}

interface Index {
  readonly apt: PrivateApt;
  readonly record: PackageRecord;
}

/** Kernels share packages, and a mirror that does not answer takes half a minute. */
const READ = new WeakMap<Host, Map<string, Promise<Index>>>();

/**
 * Reads a suite's index, once in this process for a package; its lock is held.
 * @throws KmatrixError with why the package is not in it.
 */
function readIndex(spec: DebianSpec, suite: string, paths: Paths, host: Host): Promise<Index> {
  const read = READ.get(host) ?? new Map<string, Promise<Index>>();
  READ.set(host, read);
  const key = `${paths.cache} ${spec.package} ${suite}`;
  const index = read.get(key) ?? readIndexAnew(spec, suite, paths, host);
  read.set(key, index);
  return index;
}

async function readIndexAnew(
  spec: DebianSpec,
  suite: string,
  paths: Paths,
  host: Host,
): Promise<Index> {
  const what = `${spec.package} of ${suite}`;
  const mirror = await debianMirror(host);
  if (mirror === null) {
    const text = `${what}: apt on this machine knows no mirror of Debian`;
    const advice = "On Debian, `apt-get update` makes its mirror known.";
    throw lackingSource("source-missing", spec, "no-mirror", text, advice);
  }
  const apt = await PrivateApt.at(aptFolder(suite, paths), { mirror, suite }, host);
  const updated = await apt.update();
  if (updated.code !== 0) {
    const text = `${what}: the index of ${suite} cannot be read from ${mirror}`;
    throw lackingSource("download-failed", spec, "unreachable", text, lastLines(updated.stderr));
  }
  const record = await apt.record(spec.package);
  if (record !== null) return { apt, record };
  const newest = await apt.newestLike(spec.package);
  const text = `${suite} has no package ${spec.package}${newestText(newest)}`;
  throw lackingSource("package-gone", spec, "gone", text);
}

const MIB = 1 << 20;

/** Puts the tar of a package into its folder of the cache; the suite's lock is held. */
async function download(
  spec: DebianSpec,
  suite: string,
  { apt, record }: Index,
  paths: Paths,
  host: Host,
): Promise<FoundPackage> {
  const { package: name } = spec;
  const { version, sha256, bytes } = record;
  const what = suite === OF_MACHINE ? `${name} ${version}` : `${name} ${version} of ${suite}`;
  // The .deb and what comes out of it, which is packed already.
  const free = await host.fs.freeBytes(paths.cache);
  if (free < 2 * bytes) {
    const text = `${what} takes ${mib(2 * bytes)} while it is unpacked; ${mib(free)} are free`;
    throw new KmatrixError("infra", "too-little-room", text);
  }
  host.log("notice", `downloading ${what} (${mib(bytes)}) into the cache, apart from apt`);
  const { file, result } = await apt.download(name);
  if (file === null) {
    const text = `${what} could not be downloaded: apt-get ended with code ${result.code}`;
    throw lackingSource("download-failed", spec, "unreachable", text, lastLines(result.stderr));
  }
  const dir = packageFolder(name, suite, paths);
  const partial = `${dir}.partial`;
  try {
    await host.fs.remove(partial);
    await host.fs.makeDir(partial);
    const extract = ["dpkg-deb", "--extract", file, `${partial}/deb`];
    const extracted = await host.run({ argv: extract });
    if (extracted.code !== 0) {
      const text = `dpkg-deb ended with code ${extracted.code} for ${what}`;
      throw new KmatrixError("infra", "unpack-failed", text, lastLines(extracted.stderr));
    }
    const tar = `${partial}/${name}.tar.xz`;
    const inside = `${partial}/deb${debianSourceTar(name)}`;
    const size = (await host.fs.stat(inside))?.size;
    if (size === undefined) throw await withoutSources(name, suite, apt);
    await host.fs.rename(inside, tar);
    await host.fs.remove(`${partial}/deb`);
    const kept: KeptPackage = { version, sha256, bytes: size };
    await host.fs.writeText(`${partial}/package.json`, `${JSON.stringify(kept)}\n`);
    await host.fs.remove(dir);
    await host.fs.rename(partial, dir);
    return { version, sha256, archive: packageTar(name, suite, paths) };
  } finally {
    await host.fs.remove(partial);
    await host.fs.remove(file);
  }
}

/** `linux-source` depends on the package of a version, and `linux-image-*` is what was built. */
async function withoutSources(
  name: string,
  suite: string,
  apt: PrivateApt,
): Promise<KmatrixError> {
  const newest = await apt.newestLike(`${name}-0`);
  return new KmatrixError(
    "usage",
    "no-kernel-package",
    `the package ${name} of ${suite} holds no kernel source (${debianSourceTar(name)})`,
    `A package of one version is wanted${newest === null ? "" : `, such as ${newest}`}.`,
  );
}

function mib(bytes: number): string {
  return `${Math.ceil(bytes / MIB)} MiB`;
}

function lastLines(text: string): string {
  return text.trimEnd().split("\n").slice(-15).join("\n");
}
