// SPDX-License-Identifier: MIT
/**
 * Unpacks a source once and keeps one patched tree for each kernel id. A changed series rewrites
 * only the files whose content it changes, so that make compiles only what depends on them.
 */
import type { Host } from "../host/host.ts";
import type { Paths } from "../paths.ts";
import type { KernelSpec, SourceArchive, SourceTree } from "../model.ts";
import { KmatrixError } from "../errors.ts";
import { checkSource } from "../host/cache_guard.ts";
import { sha256 } from "../formats/digest.ts";
import { explainRejects, touchedFiles } from "../formats/series.ts";

/** What a patched tree holds, kept beside it. */
interface TreeState {
  readonly base: string;
  /** Paths that differ from the base, or may. */
  readonly touched: readonly string[];
  readonly digest: string;
}

/**
 * Gives the tree to build from: the source itself where there is no series.
 * @throws KmatrixError "patch" naming patch, file and hunk where the series does not apply; what
 *   was there before is as it was. "infra" where the archive cannot be unpacked.
 */
export async function patch(
  archive: SourceArchive,
  kernel: KernelSpec,
  paths: Paths,
  host: Host,
): Promise<SourceTree> {
  const base = archive.tree ?? await unpack(archive, paths, host);
  const tree = await sourceTree(archive, kernel, paths, host);
  if (!hasOwnTree(kernel)) return tree;
  const { path, digest } = tree;
  const texts = await Promise.all(kernel.series.map((file) => host.fs.readText(file)));
  const statePath = `${path}.json`;
  const state = await readState(statePath, path, host);
  if (state?.digest === digest) return tree;

  const touched = [...new Set(texts.flatMap(touchedFiles))];
  for (const name of touched) {
    if (!name.startsWith("/") && !name.split("/").includes("..")) continue;
    const text = `the series names ${name}, which is outside of the tree`;
    throw new KmatrixError("patch", "does-not-apply", text);
  }
  for (const [index, text] of texts.entries()) {
    if (!/^(?:new|new file) mode 120000$/m.test(text)) continue;
    const what = `${
      kernel.series[index]
    } makes a symbolic link; a series may only hold plain files`;
    throw new KmatrixError("patch", "does-not-apply", what);
  }
  // What follows takes over whatever is in both trees, and makes the stamp younger than it.
  if (archive.tree === null) {
    await checkSource({ path: base, stamp: baseStamp(archive, paths) }, host);
  }
  if (state?.base === archive.digest && state.digest !== "") await checkSource(tree, host);
  const patched = `${path}.patched`;
  try {
    await applySeries(base, patched, touched, kernel.series, host);
    if (state?.base !== archive.digest) await layTree(archive, base, path, host);
    const before = state?.base === archive.digest ? state.touched : [];
    // A state that lists all files of both series holds wherever this is broken off.
    const all = [...new Set([...before, ...touched])];
    const halfway: TreeState = { base: archive.digest, touched: all, digest: "" };
    await host.fs.writeText(statePath, JSON.stringify(halfway));
    const changed = await bringOver(base, patched, path, all, new Set(touched), host);
    const done: TreeState = { base: archive.digest, touched, digest };
    await host.fs.writeText(statePath, JSON.stringify(done));
    host.log("info", `${kernel.series.length} patches applied, ${changed} files changed`);
  } finally {
    await host.fs.remove(patched);
  }
  return tree;
}

function hasOwnTree({ series, ownTree = false }: KernelSpec): boolean {
  return series.length > 0 || ownTree;
}

/** The tree that patch() gives, whether it is there already or not. */
export async function sourceTree(
  { kernelId, version, ...archive }: SourceArchive,
  kernel: KernelSpec,
  paths: Paths,
  host: Host,
): Promise<SourceTree> {
  const { brought = false } = kernel;
  if (!hasOwnTree(kernel)) {
    const path = archive.tree ?? basePath(archive, paths);
    const stamp = archive.tree === null ? baseStamp(archive, paths) : null;
    const { digest, kconfigTimes, linked = null } = archive;
    return {
      ...{ kernelId, version, digest, path, stamp, patches: [], brought, linked },
      ...(kconfigTimes === undefined ? {} : { kconfigTimes }),
    };
  }
  const texts = await Promise.all(kernel.series.map((file) => host.fs.readText(file)));
  const patches = await Promise.all(kernel.series.map(async (file, index) => ({
    name: file.split("/").at(-1)!,
    digest: await sha256(texts[index]!),
  })));
  const digest = await sha256([archive.digest, ...texts].join("\0"));
  const path = `${paths.sources}/${kernelId}`;
  return { kernelId, version, digest, path, stamp: `${path}.json`, patches, brought };
}

function basePath(archive: Pick<SourceArchive, "digest">, paths: Paths): string {
  return `${paths.sources}/base-${archive.digest.slice(0, 12)}`;
}

/** As old as the unpacked base. */
function baseStamp(archive: Pick<SourceArchive, "digest">, paths: Paths): string {
  return `${basePath(archive, paths)}.stamp`;
}

/** null where there is no tree, or one that nothing is known of. */
async function readState(file: string, tree: string, host: Host): Promise<TreeState | null> {
  const text = await host.fs.readTextIfAny(file);
  if (text === null || !(await host.fs.exists(tree))) return null;
  try {
    return JSON.parse(text) as TreeState;
  } catch {
    return null;
  }
}

async function unpack(archive: SourceArchive, paths: Paths, host: Host): Promise<string> {
  const path = basePath(archive, paths);
  const stamp = baseStamp(archive, paths);
  await host.fs.locked(
    `${paths.cache}/locks/source-${archive.digest.slice(0, 12)}`,
    () => host.log("info", `another run is unpacking ${path}; waiting for it`),
    async () => {
      if (await host.fs.exists(path)) {
        // Broken off between the tree and its stamp.
        if (!(await host.fs.exists(stamp))) await host.fs.writeText(stamp, "");
        return;
      }
      const partial = `${path}.partial`;
      await host.fs.remove(partial);
      await host.fs.makeDir(partial);
      try {
        host.log("info", `unpacking ${archive.archive} (${archive.version})`);
        const strip = ["--strip-components=1", "--no-same-owner"];
        await must(host, ["tar", "--extract", "-f", archive.archive!, "-C", partial, ...strip]);
        await host.fs.rename(partial, path);
        await host.fs.writeText(stamp, "");
      } finally {
        await host.fs.remove(partial);
      }
    },
  );
  return path;
}

/** Copies what the series touches and patches the copy: the tree is only written when all applies. */
async function applySeries(
  base: string,
  patched: string,
  touched: readonly string[],
  series: readonly string[],
  host: Host,
): Promise<void> {
  await host.fs.remove(patched);
  await host.fs.makeDir(patched);
  for (const name of touched) {
    if (!(await host.fs.exists(`${base}/${name}`))) continue;
    await host.fs.makeDir(parent(`${patched}/${name}`));
    await host.fs.copy(`${base}/${name}`, `${patched}/${name}`);
  }
  for (const file of series) {
    // --forward: with --batch alone, a patch that the source has already would be taken back.
    const argv = ["patch", "--batch", "--forward", "--strip=1", "--no-backup-if-mismatch"];
    const result = await host.run({ argv: [...argv, "-d", patched, "-i", file] });
    if (result.code === 0) continue;
    const rejects = await readRejects(patched, result.stdout, host);
    const { message, detail } = explainRejects(file, result.stdout + result.stderr, rejects);
    throw new KmatrixError("patch", "does-not-apply", message, detail);
  }
}

async function readRejects(
  tree: string,
  output: string,
  host: Host,
): Promise<ReadonlyMap<string, string>> {
  const rejects = new Map<string, string>();
  for (const match of output.matchAll(/saving rejects to file (\S+)/g)) {
    rejects.set(match[1]!, await host.fs.readTextIfAny(`${tree}/${match[1]}`) ?? "");
  }
  return rejects;
}

/**
 * Gives the files of the copy $1 that the one before, $0, does not have so the time of now: one that
 * its owner has put back is older than what was made from the other, and make would not see it.
 */
const TOUCH_CHANGED = `files() { find "$1" -type f -printf '%P\\t%s\\t%T@\\0'; }
{ files "$0"; files "$0"; files "$1"; } | sort -z | uniq -z -u | cut -z -f1 |
  (cd "$1" && xargs -0 -r touch -c --)`;

/** Puts what the links of $0 lead to outside of it in the place of those links in the copy $1. */
const COPY_LINKED = `tar --create --dereference --exclude=.git -C "$0" --null -T "$2" |
  tar --extract -C "$1"`;

/** A tree like the base: hard links where the base is ours, a copy of somebody else's tree. */
async function layTree(
  archive: SourceArchive,
  base: string,
  path: string,
  host: Host,
): Promise<void> {
  const partial = `${path}.partial`;
  await host.fs.remove(partial);
  try {
    if (archive.tree === null) await must(host, ["cp", "--archive", "--link", base, partial]);
    else {
      await host.fs.makeDir(partial);
      const copy = 'tar --create --exclude=.git -C "$0" . | tar --extract -C "$1"';
      await must(host, ["sh", "-c", copy, base, partial]);
      const { linked } = archive;
      if (linked) await must(host, ["sh", "-c", COPY_LINKED, base, partial, linked]);
      if (await host.fs.exists(path)) await must(host, ["sh", "-c", TOUCH_CHANGED, path, partial]);
    }
    await host.fs.remove(path);
    await host.fs.rename(partial, path);
  } finally {
    await host.fs.remove(partial);
  }
}

/**
 * Makes every listed file of the tree as the patched one, or as the base where the series does not
 * touch it. A file that changes is a new file: its link to the base is cut and its time is now.
 */
async function bringOver(
  base: string,
  patched: string,
  path: string,
  names: readonly string[],
  touched: ReadonlySet<string>,
  host: Host,
): Promise<number> {
  let changed = 0;
  for (const name of names) {
    const from = `${touched.has(name) ? patched : base}/${name}`;
    const to = `${path}/${name}`;
    const wanted = await host.fs.readTextIfAny(from);
    if (wanted === await host.fs.readTextIfAny(to)) continue;
    changed++;
    if (wanted === null) await host.fs.remove(to);
    else await host.fs.replace(from, to);
  }
  return changed;
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

async function must(host: Host, argv: readonly string[]): Promise<void> {
  const result = await host.run({ argv });
  if (result.code === 0) return;
  throw new KmatrixError(
    "infra",
    "unpack-failed",
    `${argv[0]} ended with code ${result.code} while preparing a source tree`,
    result.stderr.split("\n").slice(-10).join("\n"),
  );
}
