// SPDX-License-Identifier: MIT
/**
 * Finds out what a source is before it is judged: patches by digest and subject, a local tree by
 * commit and diff. Of the user's repository nothing is written and no setting is read: index and
 * objects that this needs are in a git folder of ours.
 */
import * as v from "valibot";
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type {
  KernelSpec,
  PatchIdentity,
  SourceArchive,
  SourceIdentity,
  TreeDiff,
  TreeIdentity,
} from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { bytesAsText } from "../core/source/diff.ts";
import { sha256 } from "../core/text/digest.ts";
import { fileDigest } from "./file_digest.ts";
import { isMail, readHeaders } from "../core/source/mail.ts";
import { patchName } from "../core/source/series.ts";
import { cachedJson } from "../core/text/shape.ts";
import {
  contentCommand,
  DIFF_BYTES,
  parseNameStatus,
  SOURCE_DIFF,
} from "../core/source/source_identity.ts";
import { git, gitScript } from "./git.ts";
import { findCommit, openRepository, prepareGitDir, type Repository } from "./git_dir.ts";

/**
 * @param runDir Where the diff of a tree is kept: source.diff below sources/<kernel>/.
 * @throws KmatrixError "infra" where git or the disk fails, "usage" for a patch that is gone.
 */
export async function identifySource(
  kernel: KernelSpec,
  archive: SourceArchive,
  runDir: string,
  paths: Paths,
  host: Host,
): Promise<SourceIdentity> {
  const { series } = kernel;
  const { spec, version, digest, sha256 = null, passedOver = [] } = archive;
  return {
    ...{ kernel: kernel.id, spec, version, digest, sha256, passedOver },
    patches: await Promise.all(series.map((patch) => identifyPatch(patch, host))),
    tree: spec.kind === "tree" && archive.tree !== null
      ? await identifyTree(archive.viewOf ?? archive.tree, archive, kernel.id, runDir, paths, host)
      : null,
  };
}

async function identifyPatch(
  patch: KernelSpec["series"][number],
  host: Host,
): Promise<PatchIdentity> {
  const bytes = await host.fs.readBytes(patch.file);
  const head = bytesAsText(bytes.subarray(0, 64 << 10));
  const mail = isMail(head) ? await readHeaders(bytes) : null;
  return {
    name: patchName(patch),
    sha256: await sha256(bytes),
    subject: mail?.subject || null,
    author: mail?.from || null,
  };
}

async function identifyTree(
  path: string,
  archive: SourceArchive,
  id: string,
  runDir: string,
  paths: Paths,
  host: Host,
): Promise<TreeIdentity> {
  const found = await identifyCheckout(path, id, runDir, paths, host);
  // What links and folders of other repositories hold is in no commit of this one.
  const whole = found !== null && found.whole && !archive.linked;
  const view = whole || !archive.viewOf ? null : archive.tree;
  return {
    path,
    git: found?.git ?? null,
    content: whole ? null : await contentOf(path, view ?? path, archive, paths, host),
    ...(view === null ? {} : { view }),
  };
}

/** null for a tree without a commit, and for one that git does not read as one's own. */
async function identifyCheckout(
  path: string,
  id: string,
  runDir: string,
  paths: Paths,
  host: Host,
): Promise<{ git: NonNullable<TreeIdentity["git"]>; whole: boolean } | null> {
  let repository: Repository;
  try {
    repository = await openRepository(path, "--tree", host);
  } catch (error) {
    if (error instanceof KmatrixError && error.kind === "usage") return null;
    throw error;
  }
  const commit = await findCommit("HEAD", repository, host);
  if (commit === null) return null;
  const ask = async (...argv: string[]) => {
    const { code, stdout } = await git(["-C", path, ...argv], host, repository);
    return code === 0 ? stdout.trim() || null : null;
  };
  const { diff, whole } = await diffOf(path, commit, repository, id, runDir, paths, host);
  return {
    git: {
      commit,
      describe: await ask("describe", "--tags", commit),
      branch: await ask("symbolic-ref", "--short", "--quiet", "HEAD"),
      diff,
    },
    whole,
  };
}

/**
 * What the files are beyond the commit $0. Our index keeps what it knows of their times, and no
 * object is made: git would set the times of the user's objects that are the same. So new files are
 * in the index by name alone, and their content is read where they are.
 */
const READ_FILES = `
cd "$GIT_WORK_TREE" || exit
git read-tree --reset "$0" 2> "$1/errors" || { rm -f "$GIT_DIR/index" && git read-tree "$0"; } || exit
git ls-files -z --others --exclude-per-directory=.gitignore > "$1/new" || exit
sed -z "s/^/100644 $EMPTY\t/; s,/$,," "$1/new" | git update-index -z --index-info || exit
git update-index -q --refresh
git diff --no-renames --ignore-submodules=none --name-status -z "$0" > "$1/names" &&
  git diff --no-renames --ignore-submodules=none --no-ext-diff --no-textconv --no-color --binary \
    --full-index --src-prefix=a/ --dst-prefix=b/ "$0" > "$1/diff" || exit
{ tr '\\0' '\\n' < "$1/new" | grep '/$'; git ls-files --stage | grep '^160000'; } | wc -l > "$1/links"
`;

/** @returns null for no difference; and whether commit and diff give all files again. */
async function diffOf(
  path: string,
  commit: string,
  repository: Repository,
  id: string,
  runDir: string,
  paths: Paths,
  host: Host,
): Promise<{ diff: TreeDiff | null; whole: boolean }> {
  const { fs } = host;
  const gitDir = `${paths.cache}/trees/${(await sha256(path)).slice(0, 16)}.git`;
  await prepareGitDir(gitDir, repository, host);
  const dir = `${runDir}/sources/${id}`;
  const partial = `${dir}.partial`;
  await fs.remove(partial);
  await fs.makeDir(partial);
  try {
    const argv = ["sh", "-c", READ_FILES, commit, partial];
    const EMPTY = "0".repeat(commit.length - 1) + "1";
    const env = { GIT_DIR: gitDir, GIT_WORK_TREE: path, EMPTY };
    const { code, stderr } = await gitScript(argv, host, { env });
    const names = await fs.readTextIfAny(`${partial}/names`);
    const stat = await fs.stat(`${partial}/diff`);
    if (code !== 0 || names === null || stat === null) {
      const id = /No space left on device/.test(stderr) ? "disk-full" : "git-failed";
      throw new KmatrixError("infra", id, `the changes of ${path} cannot be read`, stderr.trim());
    }
    const embedded = Number(await fs.readTextIfAny(`${partial}/links`)) > 0;
    const files = parseNameStatus(names);
    if (files.fileCount === 0) return { diff: null, whole: !embedded };
    const kept = stat.size <= DIFF_BYTES;
    const digest = await fileDigest(`${partial}/diff`, host);
    if (kept) {
      await fs.makeDir(dir);
      await fs.rename(`${partial}/diff`, `${dir}/${SOURCE_DIFF}`);
    }
    return {
      diff: {
        sha256: digest.sha256 ?? "",
        bytes: stat.size,
        file: kept ? `sources/${id}/${SOURCE_DIFF}` : null,
        ...files,
      },
      whole: kept && !embedded,
    };
  } finally {
    await fs.remove(partial);
  }
}

const keptContent = v.looseObject({ state: v.string(), sha256: v.string() });

/**
 * Read once for each state of the tree.
 * @param folder Where its files are.
 */
async function contentOf(
  path: string,
  folder: string,
  { digest, linked }: SourceArchive,
  paths: Paths,
  host: Host,
): Promise<NonNullable<TreeIdentity["content"]>> {
  const follow = Boolean(linked);
  const file = `${paths.cache}/trees/${(await sha256(path)).slice(0, 16)}.content`;
  const known = cachedJson(keptContent, await host.fs.readTextIfAny(file));
  if (known?.state === digest) return { sha256: known.sha256, follow };
  const argv = ["sh", "-c", contentCommand(follow)];
  const { code, stdout, stderr } = await host.run({ argv, cwd: folder });
  const found = stdout.trim();
  if (code !== 0 || !/^[0-9a-f]{64}$/.test(found)) {
    const text = `the files of ${path} cannot be read`;
    throw new KmatrixError("infra", "source-missing", text, stderr.trim());
  }
  await host.fs.writeText(file, `${JSON.stringify({ state: digest, sha256: found })}\n`);
  return { sha256: found, follow };
}
