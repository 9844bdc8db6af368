// SPDX-License-Identifier: MIT
/**
 * What compiler and linker consist of. Their version says the same after a rebuild or a patch of
 * their own, and clang itself is a small program over two large libraries.
 */
import { type KnownFiles, knownFilesShape } from "./cache_files.ts";
import { cachedJson } from "../core/text/shape.ts";
import type { Host } from "../host/host.ts";
import { sha256 } from "../core/text/digest.ts";

/** Of what a program is linked with, LLVM's own libraries decide about code; libc and others do not. */
const OWN_LIBRARY = /\/lib(?:clang|LLVM|lld|LTO|Polly)[^/]*\.so[^/]*$/;

/**
 * The first half of the SHA-256 of each file, by its path with links resolved; none for a program
 * that is missing. Read once (0.3 s for 200 MB), and again where a file is not as it was. null where
 * the reading was broken off.
 */
export async function toolchainFiles(
  programs: readonly string[],
  cacheDir: string,
  host: Host,
): Promise<Readonly<Record<string, string>> | null> {
  const found = await Promise.all(programs.map((name) => host.fs.which(name)));
  const paths = [...new Set(found.filter((path) => path !== null))].sort();
  const memory = `${cacheDir}/probes/files-${(await sha256(paths.join("\n"))).slice(0, 24)}.json`;
  const known = cachedJson(knownFilesShape, await host.fs.readTextIfAny(memory));
  if (known && paths.every((path) => path in known.digests)) {
    const now = await imprintsOf(Object.keys(known.digests), host);
    if (JSON.stringify(now) === JSON.stringify(known.imprints)) return known.digests;
  }
  const libraries = await ownLibraries(paths, host);
  if (libraries === null) return null;
  const files = [...new Set([...paths, ...libraries])].sort();
  const imprints = await imprintsOf(files, host);
  const kept = (path: string) => known?.imprints[path] === imprints[path];
  const unread = files.filter((path) => !kept(path));
  const { code, stdout } = unread.length === 0
    ? { code: 0, stdout: "" }
    : await host.run({ argv: ["sha256sum", "--", ...unread] });
  if (code !== 0) return null;
  const fresh = new Map(
    stdout.split("\n").filter(Boolean).map((line) => [line.slice(66), line.slice(0, 32)]),
  );
  const digests = Object.fromEntries(files.flatMap((path) => {
    const digest = kept(path) ? known?.digests[path] : fresh.get(path);
    return digest === undefined ? [] : [[path, digest]];
  }));
  await host.fs.writeText(memory, JSON.stringify({ imprints, digests } satisfies KnownFiles));
  return digests;
}

async function imprintsOf(files: readonly string[], host: Host): Promise<Record<string, string>> {
  const imprints = await Promise.all(files.map((path) => host.fs.imprint(path)));
  return Object.fromEntries(files.map((path, index) => [path, imprints[index] ?? ""]));
}

/** Those that the loader would take; none of a script, or where there is no ldd. */
async function ownLibraries(programs: readonly string[], host: Host): Promise<string[] | null> {
  if (programs.length === 0) return [];
  const { code, stdout } = await host.run({ argv: ["ldd", ...programs] });
  if (![0, 1, 127].includes(code)) return null;
  const named = [...stdout.matchAll(/=> (\/\S+) \(0x/g)].map((match) => match[1]!);
  const real = await Promise.all(named.map((path) => host.fs.realPath(path)));
  return real.filter((path) => path !== null).filter((path) => OWN_LIBRARY.test(path));
}
