// SPDX-License-Identifier: MIT
/**
 * Unpacks a source once and keeps one patched tree for each kernel id. A changed series rewrites
 * only the files whose content it changes, so that make compiles only what depends on them.
 */
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type { FuzzyHunk, KernelSpec, SourceArchive, SourceTree } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { applyDiffs, type Index } from "../steps/apply_series.ts";
import { checkSource } from "../steps/cache_guard.ts";
import { type Diff, extractDiffs } from "../steps/diffs.ts";
import { git, gitScript } from "../steps/git.ts";
import { layOut, openRepository, prepareGitDir } from "../steps/git_dir.ts";
import { bringOver, copyTouched, layTree, must } from "../steps/lay_tree.ts";
import { withLock } from "../steps/locks.ts";
import { type TreeState, treeStateShape } from "../steps/cache_files.ts";
import { sha256 } from "../core/text/digest.ts";
import { cachedJson } from "../core/text/shape.ts";
import { describeFuzz, patchName } from "../core/source/series.ts";
import { counted } from "../core/text/counted.ts";

/** A kernel's tree while it is worked on. */
interface Work {
  readonly archive: SourceArchive;
  readonly kernel: KernelSpec;
  readonly tree: SourceTree;
  /** Of the tree as it is; null where nothing is known of it. */
  readonly state: TreeState | null;
  /** Folder beside the tree for what is made on the way; removed at the end. */
  readonly dir: string;
  readonly paths: Paths;
  readonly host: Host;
}

/** What a way of making a tree tells of it. */
interface Made {
  readonly touched: readonly string[];
  readonly changed: number;
  readonly fuzz: readonly FuzzyHunk[];
}

/**
 * Gives the tree to build from: the source itself where there is no series.
 * @throws KmatrixError "patch" naming patch, file, hunk and line where the series does not apply;
 *   what was there before is as it was. "infra" where the source cannot be unpacked.
 */
export async function patch(
  archive: SourceArchive,
  kernel: KernelSpec,
  paths: Paths,
  host: Host,
): Promise<SourceTree> {
  const tree = await sourceTree(archive, kernel, paths, host);
  if (!hasOwnTree(kernel)) {
    if (archive.tree === null) await unpack(archive, paths, host);
    return tree;
  }
  const { path, digest } = tree;
  const state = await readState(statePath(path), path, host);
  if (isDone(state, tree, kernel)) {
    const { fuzz = [] } = state;
    warnOf(fuzz, host);
    return { ...tree, fuzz };
  }

  const dir = `${path}.patching`;
  await host.fs.remove(dir);
  await host.fs.makeDir(dir);
  try {
    const work = { archive, kernel, tree, state, dir, paths, host };
    const made = archive.spec.kind === "commits" ? await layCommits(work) : await layPatched(work);
    const done: TreeState = {
      base: baseOf(archive),
      digest,
      touched: made.touched,
      fuzz: made.fuzz,
    };
    await host.fs.writeText(statePath(path), JSON.stringify(done));
    const applied = counted(kernel.series.length, "patch", "patches");
    host.log("info", `${applied} applied, ${counted(made.changed, "file")} changed`);
    warnOf(made.fuzz, host);
    return { ...tree, fuzz: made.fuzz };
  } finally {
    await host.fs.remove(dir);
  }
}

/**
 * Whether patch() finds the tree of a kernel as it is to be and writes nothing of it; one that is built
 * from as it is has nothing to be written. @throws KmatrixError "usage" (no-such-patch)
 */
export async function isLaid(
  archive: SourceArchive,
  kernel: KernelSpec,
  paths: Paths,
  host: Host,
): Promise<boolean> {
  if (!hasOwnTree(kernel)) return true;
  const tree = await sourceTree(archive, kernel, paths, host);
  return isDone(await readState(statePath(tree.path), tree.path, host), tree, kernel);
}

function isDone(
  state: TreeState | null,
  { digest }: Pick<SourceTree, "digest">,
  kernel: KernelSpec,
): state is TreeState {
  return state?.digest === digest && (kernel.fuzz === true || (state.fuzz ?? []).length === 0);
}

function warnOf(fuzz: readonly FuzzyHunk[], host: Host): void {
  for (const one of fuzz) host.log("warn", describeFuzz(one));
}

const statePath = (tree: string) => `${tree}.json`;

/** Commits are compared by what they hold, whichever was there before. */
function baseOf({ spec, digest }: SourceArchive): string {
  return spec.kind === "commits" ? `commits of ${spec.repository}` : digest;
}

/** The user's own folder, where that is what is built as it is; null for all other kernels. */
export function treeInPlace(kernel: KernelSpec): string | null {
  return kernel.source.kind === "tree" && !hasOwnTree(kernel) ? kernel.source.path : null;
}

function hasOwnTree({ source, series, ownTree = false }: KernelSpec): boolean {
  return series.length > 0 || ownTree || source.kind === "commits";
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
    const { digest, kconfigTimes, linked = null, viewOf = null } = archive;
    return {
      ...{ kernelId, version, digest, path, viewOf, stamp, patches: [], brought, linked },
      ...(kconfigTimes === undefined ? {} : { kconfigTimes }),
    };
  }
  const contents = await Promise.all(kernel.series.map(({ file }) => readPatch(file, host)));
  const patches = await Promise.all(kernel.series.map(async (one, index) => ({
    name: patchName(one),
    digest: await sha256(contents[index]!),
  })));
  const commits = archive.spec.kind === "commits" ? archive.spec.commits : [];
  const path = `${paths.sources}/${kernelId}`;
  return {
    ...{ kernelId, version, path, stamp: statePath(path), brought },
    digest: await seriesDigest(archive.digest, kernel, contents),
    patches: [
      ...commits.map(({ id, subject }) => ({ name: `${id.slice(0, 12)} ${subject}`, digest: id })),
      ...patches,
    ],
  };
}

/** @throws KmatrixError "usage" (no-such-patch) */
async function readPatch(file: string, host: Host): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await host.fs.readBytes(file);
  } catch (error) {
    const text = `the patch ${file} cannot be read: ${(error as Error).message}`;
    throw new KmatrixError("usage", "no-such-patch", text);
  }
}

async function seriesDigest(
  base: string,
  { series }: KernelSpec,
  contents: readonly Uint8Array<ArrayBuffer>[],
): Promise<string> {
  const encoder = new TextEncoder();
  const parts = [encoder.encode(base)];
  for (const [index, { strip }] of series.entries()) {
    parts.push(encoder.encode("\0"), contents[index]!);
    if (strip !== undefined) parts.push(encoder.encode(`\0-p${strip}`));
  }
  return await sha256(new Uint8Array(await new Blob(parts).arrayBuffer()));
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
  return cachedJson(treeStateShape, text);
}

async function unpack(archive: SourceArchive, paths: Paths, host: Host): Promise<string> {
  const path = basePath(archive, paths);
  const stamp = baseStamp(archive, paths);
  await withLock(
    {
      path: `${paths.cache}/locks/source-${archive.digest.slice(0, 12)}`,
      what: `another run is unpacking ${path}`,
    },
    host,
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

/**
 * A tree of commits and what the series makes of it, from git's objects alone. Only the files that
 * differ from what the folder holds are written.
 */
async function layCommits({ archive, kernel, tree, state, dir, host }: Work): Promise<Made> {
  const spec = archive.spec as Extract<SourceArchive["spec"], { kind: "commits" }>;
  const gitDir = `${tree.path}.git`;
  const repository = await openRepository(spec.repository, "--range", host);
  const sameBase = state?.base === baseOf(archive);
  // Else a run was broken off, and files may be there that no index tells of.
  const known = sameBase && state.digest !== "";
  if (known) await checkSource(tree, host);
  await prepareGitDir(gitDir, repository, host);
  const index = { gitDir, indexFile: `${dir}/index` };
  let [treeish, fuzz]: [string, readonly FuzzyHunk[]] = [archive.digest, []];
  if (kernel.series.length > 0) {
    const diffs = await extract(kernel, dir, host);
    await indexed(["read-tree", treeish], index, host);
    fuzz = await apply(diffs, index, kernel, dir, host);
    treeish = (await indexed(["write-tree"], index, host)).trim();
  }
  if (!sameBase) {
    await host.fs.remove(tree.path);
    await host.fs.remove(`${gitDir}/index`);
    // It tells nothing of what is built from here on.
    await host.fs.remove(`${tree.path}.list`);
  }
  const changed = await countChanges(treeish, gitDir, host);
  const halfway: TreeState = { base: baseOf(archive), touched: [], digest: "" };
  await host.fs.writeText(statePath(tree.path), JSON.stringify(halfway));
  try {
    await layOut(treeish, tree.path, gitDir, known, host);
  } catch (error) {
    // Half a tree is of no use where the next run meets the same; a run broken off goes on there.
    const hopeless = error instanceof KmatrixError && error.id === "git-failed";
    for (const part of ["", ".git", ".list", ".json"]) {
      if (hopeless) await host.fs.remove(`${tree.path}${part}`);
    }
    if (hopeless && repository.partial) {
      const text = `--range ${spec.range}: ${spec.repository} is a partial clone without all of it`;
      const hint = "git fetch --refetch --no-filter gets the rest.";
      throw new KmatrixError("usage", "partial-clone", text, `${hint}\n${error.detail}`);
    }
    throw error;
  }
  return { touched: [], changed, fuzz };
}

/** How many files of the index of a git folder are others in a tree. */
async function countChanges(treeish: string, gitDir: string, host: Host): Promise<number> {
  const count = 'git diff-index --cached --name-only --no-renames "$0" | wc -l';
  const { stdout } = await gitScript(["sh", "-c", count, treeish], host, {
    env: { GIT_DIR: gitDir },
  });
  return Number(stdout);
}

/** What the series makes of an archive or of somebody's tree. */
async function layPatched({ archive, kernel, tree, state, dir, paths, host }: Work): Promise<Made> {
  const base = archive.tree ?? await unpack(archive, paths, host);
  const path = tree.path;
  const sameBase = state?.base === baseOf(archive);
  const patched = `${dir}/patched`;
  const { names, fuzz } = await patchFiles(base, patched, kernel, dir, host);
  // What follows takes over whatever is in both trees, and makes the stamp younger than it.
  if (archive.tree === null) {
    await checkSource({ path: base, stamp: baseStamp(archive, paths) }, host);
  }
  if (sameBase && state.digest !== "") await checkSource(tree, host);
  if (!sameBase) {
    await layTree(archive, base, path, host);
    // Of commits that a kernel of this id was before.
    await host.fs.remove(`${path}.git`);
  }
  const before = sameBase ? state.touched : [];
  // A state that lists all files of both series holds wherever this is broken off.
  const all = [...new Set([...before, ...names])];
  const halfway: TreeState = { base: baseOf(archive), touched: all, digest: "" };
  await host.fs.writeText(statePath(path), JSON.stringify(halfway));
  const changed = await bringOver(base, patched, path, all, new Set(names), host);
  return { touched: names, changed, fuzz };
}

async function extract(kernel: KernelSpec, dir: string, host: Host): Promise<Diff[]> {
  await host.fs.makeDir(`${dir}/diffs`);
  const diffs = await extractDiffs(kernel.series, `${dir}/diffs`, host);
  for (const { notices } of diffs) for (const line of notices) host.log("notice", line);
  return diffs;
}

async function apply(
  diffs: readonly Diff[],
  index: Index,
  { fuzz = false }: KernelSpec,
  dir: string,
  host: Host,
): Promise<readonly FuzzyHunk[]> {
  const { fuzzy, notices } = await applyDiffs(diffs, index, fuzz, `${dir}/diffs`, host);
  for (const line of notices) host.log("notice", line);
  return fuzzy;
}

async function indexed(argv: readonly string[], index: Index, host: Host): Promise<string> {
  const env = { GIT_DIR: index.gitDir, GIT_INDEX_FILE: index.indexFile };
  const { code, stdout, stderr } = await git(argv, host, { env });
  if (code === 0) return stdout;
  throw new KmatrixError("infra", "git-failed", `git ${argv[0]} failed`, stderr.trim());
}

/** Takes all files of the folder $GIT_WORK_TREE, whatever a .gitignore says, into an index. */
const ADD = 'cd "$GIT_WORK_TREE" && git add --force --all . && git ls-files -z > "$0"';

/** Writes the files of an index to the folder $0, and their names to $1. */
const WRITE = 'git ls-files -z > "$1" && cd "$0" && ' +
  "GIT_WORK_TREE=$0 git checkout-index --all --force --quiet";

/**
 * Patches copies of what the series touches, in an index of their own: a tree is only written when
 * all applies, and git need not look at the other 90,000 files.
 * @returns Every path that the series reads, writes, makes or removes.
 */
async function patchFiles(
  base: string,
  patched: string,
  kernel: KernelSpec,
  dir: string,
  host: Host,
): Promise<{ names: string[]; fuzz: readonly FuzzyHunk[] }> {
  const diffs = await extract(kernel, dir, host);
  const copies = `${dir}/base`;
  await host.fs.makeDir(copies);
  await host.fs.makeDir(patched);
  await copyTouched(base, copies, new Set(diffs.flatMap(({ names }) => names)), host);
  const index = { gitDir: `${dir}/git`, indexFile: `${dir}/index` };
  await prepareGitDir(index.gitDir, null, host);
  const env = { GIT_DIR: index.gitDir, GIT_INDEX_FILE: index.indexFile };
  const [before, after] = [`${dir}/before`, `${dir}/after`];
  await mustScript(["sh", "-c", ADD, before], { ...env, GIT_WORK_TREE: copies }, host);
  const fuzz = await apply(diffs, index, kernel, dir, host);
  await mustScript(["sh", "-c", WRITE, patched, after], env, host);
  const lists = await Promise.all([before, after].map((file) => host.fs.readText(file)));
  return { names: [...new Set(lists.join("").split("\0").filter(Boolean))], fuzz };
}

async function mustScript(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  host: Host,
): Promise<void> {
  const { code, stderr } = await gitScript(argv, host, { env });
  if (code === 0) return;
  throw new KmatrixError("infra", "git-failed", "the files of a series cannot be read", stderr);
}
