// SPDX-License-Identifier: MIT
/** Where a kernel's source is, and which version was found. */
import { basename } from "node:path/posix";
import type { Host } from "../host/host.ts";
import { downloadedTarball, type Paths } from "../core/model/paths.ts";
import type { KernelSpec, SourceArchive, SourceSpec } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { withRetries } from "../steps/retry.ts";
import { git, mustGit } from "../steps/git.ts";
import { openRepository, prepareGitDir } from "../steps/git_dir.ts";
import { sha256 } from "../core/text/digest.ts";
import { fileDigest } from "../steps/file_digest.ts";
import type { GitUse } from "../core/source/git.ts";
import { unbuildable } from "../core/build/make.ts";
import {
  curlNetworkTrouble,
  GIT_FATAL,
  GIT_NO_SUCH_REF,
  isRemoteRepository,
} from "../core/source/transfer.ts";
import {
  lackingSource,
  lacksOf,
  sourceName,
  sourcesOf,
  withoutSource,
} from "../core/source/kernel_sources.ts";
import { debianPackage, type DebianSpec } from "../steps/debian_source.ts";
import { checkIsThere, isRemote } from "../steps/look_for_source.ts";
import { kernelTree, treeState } from "../steps/kernel_tree.ts";
import { withLock } from "../steps/locks.ts";
import { treeView } from "../steps/tree_view.ts";

/**
 * Takes the first source of a kernel that can be had. What is there and wrong ends the search.
 * @throws KmatrixError: "infra" for a missing or damaged source (wrong sha256, failed download),
 *   "usage" for a local tree that is none, and where the path of the cache is one that kbuild does not
 *   take. Evidence of the kind "sources" says that
 *   none can be had.
 */
export async function fetch(kernel: KernelSpec, paths: Paths, host: Host): Promise<SourceArchive> {
  checkPath("the cache", paths.cache, "KMATRIX_CACHE moves it.");
  const failures: KmatrixError[] = [];
  for (const spec of sourcesOf(kernel)) {
    try {
      const found = await locate(kernel.id, spec, paths, host);
      if (failures.length > 0) {
        const why = failures.map((one) => one.message).join("; ");
        host.log("notice", `${kernel.id}: taking ${sourceName(spec)}: ${why}`);
      }
      const passedOver = failures.flatMap((one) => lacksOf(one) ?? []);
      return { kernelId: kernel.id, spec, ...found, passedOver };
    } catch (error) {
      const lacking = error instanceof KmatrixError && lacksOf(error) !== null;
      if (!lacking || host.signal.aborted) throw error;
      failures.push(error);
    }
  }
  throw withoutSource(kernel.id, failures as [KmatrixError, ...KmatrixError[]]);
}

/** @throws KmatrixError "usage" (bad-path): make would fail, each time in another way. */
function checkPath(what: string, path: string, hint: string): void {
  const found = unbuildable(path);
  if (found === undefined) return;
  const text = `${what} lies in ${path}, and kbuild takes no path with ${JSON.stringify(found)}`;
  throw new KmatrixError("usage", "bad-path", text, hint);
}

type Found = Pick<
  SourceArchive,
  "version" | "digest" | "sha256" | "archive" | "tree" | "viewOf" | "kconfigTimes" | "linked"
>;

async function locate(
  id: string,
  source: SourceSpec,
  paths: Paths,
  host: Host,
): Promise<Found> {
  await checkIsThere(source, host);
  switch (source.kind) {
    case "debian":
      return await fromDebian(source, paths, host);
    case "tarball":
      return await fromTarball(source, paths, host);
    case "git":
      return await fromGit(id, source, paths, host);
    case "commits":
      return await fromCommits(source, host);
    case "tree":
      return await fromTree(source.path, paths, host);
  }
}

/** The digest is that of package and version, wherever it was taken from. */
async function fromDebian(source: DebianSpec, paths: Paths, host: Host): Promise<Found> {
  const found = await debianPackage(source, paths, host);
  const digest = await sha256(`debian ${source.package} ${found.version}`);
  return { ...found, digest, tree: null };
}

async function fromTarball(
  source: Extract<SourceSpec, { kind: "tarball" }>,
  paths: Paths,
  host: Host,
): Promise<Found> {
  const remote = isRemote(source.location);
  const name = basename(source.location);
  const archive = remote ? downloadedTarball(source, paths) : source.location;
  if (remote && !(await host.fs.exists(archive))) {
    const lock = `${paths.cache}/locks/download-${source.sha256.slice(0, 12)}`;
    await withLock(
      { path: lock, what: `another run downloads ${source.location}` },
      host,
      async () => {
        if (await host.fs.exists(archive)) return;
        await host.fs.makeDir(`${paths.sources}/downloads`);
        const partial = `${archive}.partial`;
        await download(source, partial, host);
        await checkSha256(partial, source.sha256, host);
        await host.fs.rename(partial, archive);
      },
    );
  } else {
    await checkSha256(archive, source.sha256, host);
  }
  return {
    ...{ version: name, digest: source.sha256, sha256: source.sha256 },
    ...{ archive, tree: null },
  };
}

/** @throws KmatrixError "infra" (download-failed); nothing is left of the file then. */
async function download(
  source: Extract<SourceSpec, { kind: "tarball" }>,
  file: string,
  host: Host,
): Promise<void> {
  const url = source.location;
  const argv = [
    ...["curl", "--fail", "--location", "--silent", "--show-error", "--output", file],
    // curl waits five minutes for a host that does not answer, and for ever for one that falls silent.
    ...["--connect-timeout", "30", "--speed-limit", "1", "--speed-time", "60"],
    ...["--write-out", "%{http_code}", url],
  ];
  const result = await withRetries(
    `the download of ${url}`,
    host,
    () => host.run({ argv, reach: "downloads" }),
    ({ code, stdout }) => curlNetworkTrouble(code, Number(stdout)),
  );
  if (result.code === 0) return;
  await host.fs.remove(file);
  const text = `${url} could not be downloaded: ${result.stderr.trim()}`;
  throw lackingSource("download-failed", source, "unreachable", text);
}

async function checkSha256(file: string, wanted: string, host: Host): Promise<void> {
  const { sha256: found, trouble } = await fileDigest(file, host);
  if (trouble !== null) {
    throw new KmatrixError("infra", "source-missing", `cannot read ${file}: ${trouble}`);
  }
  if (found === wanted) return;
  if (file.endsWith(".partial")) await host.fs.remove(file);
  throw new KmatrixError(
    "infra",
    "wrong-sha256",
    `${file.replace(/\.partial$/, "")} has another sha256 than kernel.yaml says`,
    `wanted ${wanted}\nfound  ${found}`,
  );
}

async function fromGit(
  kernelId: string,
  source: Extract<SourceSpec, { kind: "git" }>,
  paths: Paths,
  host: Host,
): Promise<Found> {
  const bare = `${paths.sources}/git-${(await sha256(source.repository)).slice(0, 12)}.git`;
  const run = async (argv: readonly string[], use: GitUse = {}) => {
    const what = `${kernelId}: git ${argv[0]} of ${source.repository}`;
    return (await mustGit(["-C", bare, ...argv], what, host, use)).trim();
  };
  const lock = {
    path: `${paths.cache}/locks/${basename(bare)}`,
    what: `another run fetches from ${source.repository}`,
  };
  return await withLock(lock, host, async () => {
    await host.fs.makeDir(bare);
    await prepareGitDir(bare, null, host);
    await fetchRef(kernelId, bare, source, host);
    const commit = await run(["rev-parse", "FETCH_HEAD^{commit}"]);
    const archive = `${paths.sources}/git-${commit}.tar`;
    if (!(await host.fs.exists(archive))) {
      const partial = `${archive}.partial`;
      await run(["archive", "--format=tar", "--prefix=linux/", `--output=${partial}`, commit]);
      await host.fs.rename(partial, archive);
    }
    const version = `${source.ref} (${commit.slice(0, 12)})`;
    return { version, digest: commit, archive, tree: null };
  });
}

/** @throws KmatrixError "infra" (git-failed) */
async function fetchRef(
  kernelId: string,
  bare: string,
  { repository, ref }: Extract<SourceSpec, { kind: "git" }>,
  host: Host,
): Promise<void> {
  const argv = ["fetch", "--quiet", "--depth=1", "--end-of-options", repository, ref];
  const what = `${kernelId}: git fetch of ${repository}`;
  const result = await withRetries(
    what,
    host,
    () => git(["-C", bare, ...argv], host, { remote: true }),
    async ({ code, durationMs }) => {
      if (code !== GIT_FATAL || !isRemoteRepository(repository)) return null;
      // A misspelt ref ends alike, and soon. A commit id is no ref, and cannot be looked up.
      if (durationMs > 30_000 || /^[0-9a-f]{40,64}$/.test(ref)) return `code ${code}`;
      const asked = ["ls-remote", "--exit-code", "--quiet", "--end-of-options", repository, ref];
      const { code: found } = await git(["-C", bare, ...asked], host, { remote: true });
      return found === GIT_NO_SUCH_REF ? null : `code ${code}`;
    },
  );
  if (result.code === 0) return;
  throw new KmatrixError("infra", "git-failed", `${what}: git failed`, result.stderr.trim());
}

/** The tree of the last commit, straight from the repository's objects; nothing is copied yet. */
async function fromCommits(
  { repository, range, base, commits }: Extract<SourceSpec, { kind: "commits" }>,
  host: Host,
): Promise<Found> {
  const head = commits.at(-1)?.id ?? base;
  const { path, safe } = await openRepository(repository, "--range", host);
  const argv = ["-C", path, "rev-parse", "--verify", "--quiet", `${head}^{tree}`];
  const { code, stdout } = await git(argv, host, { safe });
  if (code !== 0) {
    const text = `${repository} has no commit ${head} any more`;
    throw new KmatrixError("usage", "no-such-commit", text);
  }
  // Its content need not be here: the objects of a partial clone are asked for later.
  const makefile = ["-C", path, "rev-parse", "--verify", "--quiet", `${head}:Makefile`];
  if ((await git(makefile, host, { safe })).code !== 0) {
    const text = `--range ${range}: ${head.slice(0, 12)} is no kernel source tree (no Makefile)`;
    throw new KmatrixError("usage", "no-kernel-tree", text);
  }
  return {
    version: `${range} (${head.slice(0, 12)})`,
    ...{ digest: stdout.trim(), archive: null, tree: null },
  };
}

async function fromTree(name: string, paths: Paths, host: Host): Promise<Found> {
  const { path, version, obstacle } = await kernelTree(name, host);
  if (obstacle === null) {
    return { version, archive: null, tree: path, ...await treeState(path, paths.cache, host) };
  }
  host.log("info", `${path}: ${obstacle}, so its source is read through a copy`);
  const tree = await treeView(path, paths, host);
  const state = await treeState(tree, paths.cache, host);
  return { version, archive: null, tree, viewOf: path, ...state };
}
