// SPDX-License-Identifier: MIT
/** A kernel's source: where it is from, which tree it becomes, what it is known by. */
import type { SourceLack } from "./evidence.ts";
import type { FuzzyHunk, SourceSpec } from "./plan.ts";

export interface SourceArchive {
  readonly kernelId: string;
  /** The source of the kernel that it was found at. */
  readonly spec: SourceSpec;
  /** Sources that stand before it in kernel.yaml, and why they could not be had. */
  readonly passedOver?: readonly SourceLack[];
  /** SHA-256 of the file that was downloaded; null where only a version is known. */
  readonly sha256?: string | null;
  /** What was found, for people: "6.12.117-1~deb12u1", a commit, a sha256. */
  readonly version: string;
  /** Equal digest, equal content. */
  readonly digest: string;
  /** A compressed tar to unpack, or null where `tree` is there already. */
  readonly archive: string | null;
  /** A tree to use as it is, or null. */
  readonly tree: string | null;
  /** The user's own folder, where `tree` is a view of it (steps/tree_view.ts). */
  readonly viewOf?: string | null;
  /** Of `tree`: changes whenever name, size or time of a file does that Kconfig reads. */
  readonly kconfigTimes?: string;
  /** Of `tree`: a file with its links that lead out of it; null for none (steps/kernel_tree.ts). */
  readonly linked?: string | null;
}

export interface SourceTree {
  readonly kernelId: string;
  readonly version: string;
  /** Equal digest, equal content. */
  readonly digest: string;
  /** Absolute; never written to by a build, and the same for all contents of one kernel id. */
  readonly path: string;
  /** As {@linkcode SourceArchive.viewOf}: what messages call it. */
  readonly viewOf?: string | null;
  /** A file that is as old as the tree's content; null for a tree that is not ours. */
  readonly stamp?: string | null;
  /** As {@linkcode KernelSpec.brought}. */
  readonly brought?: boolean;
  /** As {@linkcode SourceArchive.kconfigTimes}. */
  readonly kconfigTimes?: string;
  /** As {@linkcode SourceArchive.linked}. */
  readonly linked?: string | null;
  /** The commits and the series in their order, by name and digest. */
  readonly patches: readonly { readonly name: string; readonly digest: string }[];
  /** Where the series applied with fuzz; empty before it is applied. */
  readonly fuzz?: readonly FuzzyHunk[];
}

/** One file of a checkout that is not as in its commit. */
export interface ChangedFile {
  readonly path: string;
  readonly state: "added" | "changed" | "deleted";
}

/** What a checkout held beyond its commit. */
export interface TreeDiff {
  /** SHA-256 of the diff, which git can apply to the commit. */
  readonly sha256: string;
  readonly bytes: number;
  /** Below the run's folder; null where it is too big to be kept. */
  readonly file: string | null;
  /** The first of them. */
  readonly files: readonly ChangedFile[];
  readonly fileCount: number;
}

/** What a --tree held when it was judged. */
export interface TreeIdentity {
  readonly path: string;
  /** null where the tree is no checkout of git. */
  readonly git: {
    readonly commit: string;
    /** As `git describe --tags` says it; null where no tag is near. */
    readonly describe: string | null;
    /** null for a detached HEAD. */
    readonly branch: string | null;
    /** null where the files are the commit's; what .gitignore names counts for nothing. */
    readonly diff: TreeDiff | null;
  } | null;
  /** Of all files, where git does not give them again (core/source/source_identity.ts); else null. */
  readonly content: { readonly sha256: string; readonly follow: boolean } | null;
  /** The folder with these files, where the tree itself holds a build besides; else null. */
  readonly view?: string | null;
}

export interface PatchIdentity {
  readonly name: string;
  /** SHA-256 of the file. */
  readonly sha256: string;
  /** Of a mail; null elsewhere. */
  readonly subject: string | null;
  /** Address of the mail's sender. */
  readonly author: string | null;
}

/** What of a kernel's source was judged, to tell it from what is there later. */
export interface SourceIdentity {
  readonly kernel: string;
  readonly spec: SourceSpec;
  /** As {@linkcode SourceArchive.version}. */
  readonly version: string;
  /** As {@linkcode SourceArchive.digest}; of a tree it says when it was touched, too. */
  readonly digest: string;
  /** As {@linkcode SourceArchive.sha256}; none in reports of before. */
  readonly sha256?: string | null;
  /** As {@linkcode SourceArchive.passedOver}. */
  readonly passedOver?: readonly SourceLack[];
  readonly patches: readonly PatchIdentity[];
  /** null for what is no local tree. */
  readonly tree: TreeIdentity | null;
}
