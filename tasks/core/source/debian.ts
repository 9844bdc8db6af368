// SPDX-License-Identifier: MIT
/** Debian's packages of kernel sources: names, suites, records of an index, and an apt of our own. */

/** Where an installed source package (linux-source-6.12) has its tar. */
export function debianSourceTar(name: string): string {
  return `/usr/src/${name}.tar.xz`;
}

/** The suite that a source asks for where it means the backports of the machine's own release. */
export const OWN_BACKPORTS = "backports";

/**
 * The release that a machine has packages of, from its /etc/os-release; null for one without a name.
 * Derivatives name Debian's release beside their own (os-release of Linux Mint Debian Edition).
 */
export function debianRelease(osRelease: string): string | null {
  const value = (key: string) =>
    new RegExp(`^${key}=["']?([a-z][a-z-]*)["']?\\s*$`, "m").exec(osRelease)?.[1] ?? null;
  return value("DEBIAN_CODENAME") ?? value("VERSION_CODENAME");
}

/** A stanza of an index of packages (deb822), as far as it matters here. */
export interface PackageRecord {
  readonly version: string;
  /** Of the .deb file. */
  readonly bytes: number;
  readonly sha256: string;
}

/** The first stanza that `apt-cache show` prints; null where it is none of a file to download. */
export function packageRecord(stanza: string): PackageRecord | null {
  const [first = ""] = stanza.split(/\n\s*\n/);
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)\\s*$`, "m").exec(first)?.[1];
  const [version, size, sha256] = [field("Version"), field("Size"), field("SHA256")];
  if (version === undefined || sha256 === undefined || !/^\d+$/.test(size ?? "")) return null;
  return { version, bytes: Number(size), sha256 };
}

/** A name that ends in a version, in two parts: "linux-source-7.3" is "linux-source-" and [7, 3]. */
function versioned(name: string): { readonly stem: string; readonly version: number[] } | null {
  const match = /^(.*-)(\d+(?:\.\d+)*)$/.exec(name);
  return match && { stem: match[1]!, version: match[2]!.split(".").map(Number) };
}

/** What all names begin with that differ from this one by their version alone. */
export function stemOf(name: string): string {
  return versioned(name)?.stem ?? name;
}

/** Those of the names that differ from `name` by their version alone; the newest first. */
export function otherVersions(name: string, names: readonly string[]): string[] {
  const stem = stemOf(name);
  return [...new Set(names)].flatMap((one) => {
    const parts = versioned(one);
    return one !== name && parts?.stem === stem ? [{ one, version: parts.version }] : [];
  }).sort((a, b) => compareVersions(b.version, a.version)).map(({ one }) => one);
}

function compareVersions(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Files of an apt state that is no other's. */
export interface AptFiles {
  readonly dir: string;
  readonly sources: string;
}

export function aptFiles(dir: string): AptFiles {
  return { dir, sources: `${dir}/sources.list` };
}

/** The folders that apt wants to be there. */
export function aptFolders({ dir }: AptFiles): string[] {
  return ["state/lists/partial", "cache/archives/partial", "empty"].map((name) => `${dir}/${name}`);
}

/** Where releases of Debian keep its own keys; the package of them has renamed the file. */
export const KEYRINGS = [
  "/usr/share/keyrings/debian-archive-keyring.gpg",
  "/usr/share/keyrings/debian-archive-keyring.pgp",
] as const;

/** The list of sources: one suite of a mirror, vouched for by Debian's own keys. */
export function aptSources(mirror: string, suite: string, keyring: string): string {
  return `deb [signed-by=${keyring}] ${mirror} ${suite} main\n`;
}

/**
 * A call of apt-get or apt-cache whose sources, state and cache are ours; the system's are neither
 * read nor written, and nothing of it needs root.
 * @param architecture Of the packages; null for that of the machine.
 */
export function aptArgv(
  program: "apt-get" | "apt-cache",
  { dir, sources }: AptFiles,
  architecture: string | null,
  words: readonly string[],
): string[] {
  const options = [
    `Dir::State=${dir}/state`,
    `Dir::State::status=${dir}/state/status`,
    `Dir::Cache=${dir}/cache`,
    `Dir::Etc::sourcelist=${sources}`,
    `Dir::Etc::sourceparts=${dir}/empty`,
    // Preferences of the system are about its own packages.
    `Dir::Etc::preferences=${dir}/empty/preferences`,
    `Dir::Etc::preferencesparts=${dir}/empty`,
    "Acquire::Languages=none",
    ...(architecture === null ? [] : [`APT::Architecture=${architecture}`]),
    // The unprivileged user of apt may not be able to write below the project's folder.
    "APT::Sandbox::User=",
    // Otherwise an index that cannot be read is a warning, and the one of last time is taken.
    "APT::Update::Error-Mode=any",
  ];
  return [program, ...options.flatMap((option) => ["-o", option]), ...words];
}

/** A call that reads what the machine's own apt knows, and needs no root. */
export function aptArgvOfMachine(
  program: "apt-get" | "apt-cache",
  words: readonly string[],
): string[] {
  // As above: in a user namespace it cannot change to that user either.
  return [program, "-o", "APT::Sandbox::User=", ...words];
}
