// SPDX-License-Identifier: MIT
/** What of a source is on record: in run.json, in JUnit's properties, in bundles and for people. */
import * as v from "valibot";
import type {
  ChangedFile,
  PatchIdentity,
  SourceIdentity,
  SourceSpec,
  TreeDiff,
  TreeIdentity,
} from "../model/model.ts";
import { LACK_REASONS, type SourceLack } from "../model/evidence.ts";
import { sourceName } from "./kernel_sources.ts";
import { plainLine } from "../text/plain_text.ts";
import { count, objectOf, type Shape } from "../text/shape.ts";
import { counted } from "../text/counted.ts";

/** A diff beyond this is not kept, and its tree known by the content of all files. */
export const DIFF_BYTES = 16 << 20;
/** What a tree held beyond its commit, beside what was made of it. */
export const SOURCE_DIFF = "source.diff";
const FILES_KEPT = 200;

/**
 * A shell command that prints the SHA-256 of all files of the current folder: of the list that
 * sha256sum makes of them in the order of their names. Git's own folders do not count, nor do empty
 * ones and modes. Needs GNU find, sort, xargs and coreutils.
 * @param follow Whether links to folders are followed: of a tree with links out of it.
 */
export function contentCommand(follow: boolean): string {
  const find = follow
    ? "find -L . -name .git -prune -o -type f -print0 2>/dev/null"
    : "find . -name .git -prune -o \\( -type f -o -type l -xtype f \\) -print0";
  return `${find} | LC_ALL=C sort -z | xargs -0r sha256sum -- | sha256sum | cut -c 1-64`;
}

const STATES: Readonly<Record<string, ChangedFile["state"]>> = { A: "added", D: "deleted" };

/**
 * `git diff --name-status -z` as values.
 * @returns The first of them, and how many there are.
 */
export function parseNameStatus(
  text: string,
): { readonly files: readonly ChangedFile[]; readonly fileCount: number } {
  const words = text.split("\0").filter((word) => word !== "");
  const files: ChangedFile[] = [];
  for (let at = 0; at + 1 < words.length; at += 2) {
    files.push({ path: words[at + 1]!, state: STATES[words[at]![0]!] ?? "changed" });
  }
  return { files: files.slice(0, FILES_KEPT), fileCount: files.length };
}

export const sourceSpecShape: Shape<SourceSpec> = v.variant("kind", [
  v.looseObject({
    kind: v.literal("debian"),
    package: v.string(),
    suite: v.exactOptional(v.string()),
  }),
  v.looseObject({
    kind: v.literal("tarball"),
    location: v.string(),
    sha256: v.string(),
    unset: v.exactOptional(v.string()),
  }),
  v.looseObject({ kind: v.literal("git"), repository: v.string(), ref: v.string() }),
  v.looseObject({
    kind: v.literal("tree"),
    path: v.string(),
    unset: v.exactOptional(v.string()),
  }),
  v.looseObject({
    kind: v.literal("commits"),
    repository: v.string(),
    range: v.string(),
    base: v.string(),
    commits: v.array(v.looseObject({ id: v.string(), subject: v.string() })),
  }),
]);

export const sourceLackShape: Shape<SourceLack> = objectOf<SourceLack>()({
  source: v.string(),
  why: v.picklist(LACK_REASONS),
  text: v.string(),
});

const treeDiffShape: Shape<TreeDiff> = objectOf<TreeDiff>()({
  sha256: v.string(),
  bytes: count,
  file: v.nullable(v.string()),
  files: v.array(v.looseObject({
    path: v.string(),
    state: v.picklist(["added", "changed", "deleted"]),
  })),
  fileCount: count,
});

const treeIdentityShape: Shape<TreeIdentity> = objectOf<TreeIdentity>()({
  path: v.string(),
  git: v.nullable(v.looseObject({
    commit: v.string(),
    describe: v.nullable(v.string()),
    branch: v.nullable(v.string()),
    diff: v.nullable(treeDiffShape),
  })),
  content: v.nullable(v.looseObject({ sha256: v.string(), follow: v.boolean() })),
  view: v.exactOptional(v.nullable(v.string())),
});

export const sourceIdentityShape: Shape<SourceIdentity> = objectOf<SourceIdentity>()({
  kernel: v.string(),
  spec: sourceSpecShape,
  version: v.string(),
  digest: v.string(),
  sha256: v.exactOptional(v.nullable(v.string())),
  passedOver: v.exactOptional(v.array(sourceLackShape)),
  patches: v.array(
    objectOf<PatchIdentity>()({
      name: v.string(),
      sha256: v.string(),
      subject: v.nullable(v.string()),
      author: v.nullable(v.string()),
    }),
  ),
  tree: v.nullable(treeIdentityShape),
});

/** The first characters of a commit or digest, for people. */
export const shortId = (id: string) => id.slice(0, 12);

export function filesText({ files, fileCount }: TreeDiff): string {
  const shown = files.slice(0, 5).map(({ path, state }) => `${path} (${state})`);
  const more = fileCount - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** Lines for people: what was judged; none for a kernel of the project without a local tree. */
export function sourceLines(
  { kernel, spec, patches, tree, passedOver = [] }: SourceIdentity,
): string[] {
  const lines: string[] = [];
  if (passedOver.length > 0) {
    const others = passedOver.map(({ text }) => text).join("; ");
    lines.push(`${sourceName(spec)}, not the first source of its list: ${others}`);
  }
  if (tree?.git) {
    const { commit, describe, branch, diff } = tree.git;
    const named = [describe, branch === null ? "no branch" : `branch ${branch}`].filter(Boolean);
    const files = diff && counted(diff.fileCount, "changed file");
    lines.push(`commit ${shortId(commit)} (${named.join(", ")})`);
    if (diff) {
      lines.push(`${files}: ${filesText(diff)}${diff.file ? `; the diff: ${diff.file}` : ""}`);
    }
  }
  if (tree?.content) lines.push(`files with the SHA-256 ${shortId(tree.content.sha256)}`);
  if (spec.kind === "commits") {
    const last = spec.commits.at(-1);
    const to = last ? `${shortId(last.id)} "${last.subject}"` : shortId(spec.base);
    lines.push(`${spec.range}: ${counted(spec.commits.length, "commit")} up to ${to}`);
  }
  if (lines.length === 0 && tree === null) return [];
  if (patches.length > 0) lines.push(`${counted(patches.length, "patch", "patches")} of a series`);
  return lines.map((line) => plainLine(`${kernel}: ${line}`));
}
