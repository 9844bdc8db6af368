// SPDX-License-Identifier: MIT
/** Where a kernel's source is, and which version was found. */
import type { Host } from "../host/host.ts";
import type { Paths } from "../paths.ts";
import type { KernelSpec, SourceArchive, SourceSpec } from "../model.ts";
import { KmatrixError } from "../errors.ts";
import { sha256 } from "../formats/digest.ts";
import { unbuildable } from "../formats/make.ts";
import { debianSourceTar } from "../formats/requirements.ts";
import { kernelTree, treeState } from "../host/kernel_tree.ts";

/**
 * @throws KmatrixError: "infra" for a missing or damaged source (wrong sha256, failed download),
 *   "usage" for a local tree that is none or that holds leftovers of an in-tree build, and where the
 *   path of tree or cache is one that kbuild does not take.
 */
export async function fetch(kernel: KernelSpec, paths: Paths, host: Host): Promise<SourceArchive> {
  checkPath("the cache", paths.cache, "KMATRIX_CACHE moves it.");
  const found = await locate(kernel, paths, host);
  return { kernelId: kernel.id, spec: kernel.source, ...found };
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
  "version" | "digest" | "archive" | "tree" | "kconfigTimes" | "linked"
>;

function locate(kernel: KernelSpec, paths: Paths, host: Host): Promise<Found> {
  const { source } = kernel;
  switch (source.kind) {
    case "debian":
      return fromDebian(source, host);
    case "tarball":
      return fromTarball(source, paths, host);
    case "git":
      return fromGit(kernel.id, source, paths, host);
    case "tree":
      return fromTree(source.path, paths, host);
  }
}

async function fromDebian(
  source: Extract<SourceSpec, { kind: "debian" }>,
  host: Host,
): Promise<Found> {
  const archive = debianSourceTar(source.package);
  const { stdout, code } = await host.run({
    argv: ["dpkg-query", "--show", "--showformat=${Version}", source.package],
  });
  if (code !== 0 || stdout === "" || !(await host.fs.exists(archive))) {
    throw new KmatrixError(
      "infra",
      "source-missing",
      `the package ${source.package} is not installed (${archive} is wanted)`,
    );
  }
  const digest = await sha256(`debian ${source.package} ${stdout}`);
  return { version: stdout, digest, archive, tree: null };
}

async function fromTarball(
  source: Extract<SourceSpec, { kind: "tarball" }>,
  paths: Paths,
  host: Host,
): Promise<Found> {
  const remote = /^https?:/.test(source.location);
  const name = source.location.split("/").at(-1)!;
  const archive = remote ? `${paths.sources}/downloads/${source.sha256}-${name}` : source.location;
  if (remote && !(await host.fs.exists(archive))) {
    await host.fs.makeDir(`${paths.sources}/downloads`);
    const partial = `${archive}.partial`;
    const argv = ["curl", "--fail", "--location", "--silent", "--show-error", "--output", partial];
    const result = await host.run({
      argv: [...argv, source.location],
      reach: "downloads",
    });
    if (result.code !== 0) {
      await host.fs.remove(partial);
      const text = `${source.location} could not be downloaded: ${result.stderr.trim()}`;
      throw new KmatrixError("infra", "download-failed", text);
    }
    await checkSha256(partial, source.sha256, host);
    await host.fs.rename(partial, archive);
  } else {
    await checkSha256(archive, source.sha256, host);
  }
  return { version: name, digest: source.sha256, archive, tree: null };
}

async function checkSha256(file: string, wanted: string, host: Host): Promise<void> {
  const result = await host.run({ argv: ["sha256sum", "--", file] });
  if (result.code !== 0) {
    throw new KmatrixError(
      "infra",
      "source-missing",
      `cannot read ${file}: ${result.stderr.trim()}`,
    );
  }
  const found = result.stdout.replace(/^\\/, "").slice(0, 64);
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
  const git = async (argv: readonly string[]) => {
    const result = await host.run({ argv: ["git", ...argv], reach: "downloads" });
    if (result.code === 0) return result.stdout.trim();
    throw new KmatrixError(
      "infra",
      "git-failed",
      `${kernelId}: git ${argv[0] === "-C" ? argv[2] : argv[0]} failed for ${source.repository}`,
      result.stderr.trim(),
    );
  };
  const bare = `${paths.sources}/git-${(await sha256(source.repository)).slice(0, 12)}.git`;
  if (!(await host.fs.exists(bare))) await git(["init", "--quiet", "--bare", bare]);
  await git(["-C", bare, "fetch", "--quiet", "--depth=1", source.repository, source.ref]);
  const commit = await git(["-C", bare, "rev-parse", "FETCH_HEAD^{commit}"]);
  const archive = `${paths.sources}/git-${commit}.tar`;
  if (!(await host.fs.exists(archive))) {
    const partial = `${archive}.partial`;
    await git(["-C", bare, "archive", "--prefix=linux/", `--output=${partial}`, commit]);
    await host.fs.rename(partial, archive);
  }
  return { version: `${source.ref} (${commit.slice(0, 12)})`, digest: commit, archive, tree: null };
}

async function fromTree(name: string, paths: Paths, host: Host): Promise<Found> {
  const { path, version } = await kernelTree(name, host);
  const state = await treeState(path, paths.cache, host);
  return { version, archive: null, tree: path, ...state };
}
