// SPDX-License-Identifier: MIT
/** Bring your own: a tree, a series or a range of commits as a kernel with an id of its own. */
import { counted } from "../core/text/counted.ts";
import { basename } from "node:path/posix";
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type { KernelSpec, Matrix, SeriesPatch, SourceSpec } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { findCommit, isAncestor, openRepository, type Repository } from "./git_dir.ts";
import { mustGit } from "./git.ts";
import {
  beginningOf,
  checkPatches,
  type FiledMail,
  fileMails,
  isMailbox,
  uncompressed,
} from "./mailbox.ts";
import { sha256 } from "../core/text/digest.ts";
import { parseSeriesFile } from "../core/matrix/kernel_spec.ts";
import { kernelTree } from "./kernel_tree.ts";
import { nearest } from "../core/text/nearest.ts";
import { splitRange } from "../core/source/range.ts";
import { type Selection, selectSeries } from "../core/source/thread.ts";

/** What the command line names, paths absolute. */
export interface BringRequest {
  /** --tree */
  readonly tree?: string | undefined;
  /** --series: an mbox, a maildir, a folder of patches, one diff, or a lore message id. */
  readonly series?: string | undefined;
  /** --kernel: what the series goes on top of where there is no tree. */
  readonly kernel?: string | undefined;
  /** --range A..B of the tree. */
  readonly range?: string | undefined;
  /** --fuzz: hunks of the series may apply with less context. */
  readonly fuzz?: boolean | undefined;
  /** --partial: patches of the series may be missing. */
  readonly partial?: boolean | undefined;
}

const DEFAULT_BASE = "linux-6.12";

/**
 * The kernel that a request names; nothing of the user's is written.
 * @throws KmatrixError "usage" for what does not go together or does not exist, "infra" where git or
 *   b4 is needed and missing.
 */
export async function bring(
  request: BringRequest,
  { kernels, template }: Pick<Matrix, "kernels" | "template">,
  paths: Paths,
  host: Host,
): Promise<KernelSpec> {
  const { tree, series, range, fuzz = false, partial = false } = request;
  for (const [option, given] of [["--fuzz", fuzz], ["--partial", partial]] as const) {
    if (!given || series !== undefined) continue;
    throw new KmatrixError("usage", "bad-usage", `${option} needs --series`);
  }
  if (range !== undefined && tree === undefined) {
    throw new KmatrixError(
      "usage",
      "bad-usage",
      "--range needs --tree: it names commits of that tree",
    );
  }
  if (tree !== undefined && request.kernel !== undefined) {
    throw new KmatrixError(
      "usage",
      "bad-usage",
      "--tree and --kernel both name the source; take one",
    );
  }
  // A tree is its own base: the project need not have the default one.
  const base = tree === undefined ? baseKernel(request.kernel, kernels) : null;
  const source = base === null ? await treeSource(tree!, range, host) : base.source;
  const patches = [
    ...(base?.series ?? []),
    ...(series === undefined ? [] : await seriesPatches(series, partial, paths, host)),
  ];
  const id = newId(
    [base === null ? word(tree!) : base.id, ...(range ? [word(range)] : [])].concat(
      series === undefined ? [] : [word(series)],
    ).join("+"),
    kernels,
  );
  // What it leaves uninstrumented beyond this kernel is named in the report.
  const compared = base ?? kernels.find(({ id }) => id === template?.kernel);
  return {
    id,
    dir: paths.root,
    source,
    ...(base?.otherSources ? { otherSources: base.otherSources } : {}),
    series: patches,
    ...(fuzz ? { fuzz } : {}),
    brought: true,
    ...(base === null ? {} : { base: base.id }),
    uninstrumented: compared?.uninstrumented ?? null,
  };
}

/** @param asked --kernel, or the default. */
function baseKernel(asked: string | undefined, kernels: readonly KernelSpec[]): KernelSpec {
  const id = asked ?? DEFAULT_BASE;
  const found = kernels.find((one) => one.id === id);
  if (found) return found;
  const ids = kernels.map((one) => one.id);
  if (asked === undefined) {
    const text = `--series goes on top of ${DEFAULT_BASE}, which this project does not have`;
    const names = ids.length > 0 ? ids.join(", ") : "none; add one to kernels/, or say --tree";
    throw new KmatrixError("usage", "no-such-kernel", text, `Say --kernel: ${names}.`);
  }
  const choices = nearest(id, ids);
  throw new KmatrixError("usage", "no-such-kernel", `--kernel ${id}: unknown kernel${choices}`);
}

/** The last part of a path or id as a part of a kernel id. */
function word(name: string): string {
  return basename(name)
    .replace(/\.(mbox|mbx|patch|diff)$/, "").replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "") || "own";
}

function newId(wanted: string, kernels: readonly KernelSpec[]): string {
  return kernels.some((one) => one.id === wanted) ? `${wanted}+own` : wanted;
}

async function treeSource(
  tree: string,
  range: string | undefined,
  host: Host,
): Promise<SourceSpec> {
  if (range !== undefined) return await rangeSource(tree, range, host);
  // Says what it is instead.
  if (!(await host.fs.exists(`${tree}/Makefile`))) await kernelTree(tree, host);
  return { kind: "tree", path: tree };
}

/** The first line of descent: a merge is one step, whatever it brings. */
const REV_LIST = ["rev-list", "--first-parent", "--reverse", "--format=%s"];

async function rangeSource(tree: string, range: string, host: Host): Promise<SourceSpec> {
  const [from, to] = splitRange(range);
  const repository = await openRepository(tree, "--range", host);
  const [base, head] = [
    await commitOf(from, repository, host),
    await commitOf(to, repository, host),
  ];
  if (!(await isAncestor(base, head, repository, host))) {
    const cut = repository.grafts === null ? "" : ", as far as this shallow clone goes";
    const text = `--range ${range}: ${to} does not descend from ${from}${cut}`;
    const hint = repository.grafts === null
      ? `git merge-base ${from} ${to} names the commit that it grew from.`
      : "git fetch --unshallow gets the rest of the history.";
    throw new KmatrixError("usage", "bad-range", text, hint);
  }
  const argv = ["-C", tree, ...REV_LIST, `${base}..${head}`, "--"];
  const list = await mustGit(argv, `--range ${range}`, host, { safe: repository.safe });
  const commits = [...list.matchAll(/^commit ([0-9a-f]+)\n(.*)$/gm)]
    .map(([, id, subject]) => ({ id: id!, subject: subject! }));
  if (commits.length === 0) {
    const text = `--range ${range} holds no commit: ${from} and ${to} are the same`;
    throw new KmatrixError("usage", "empty-series", text);
  }
  return { kind: "commits", repository: tree, range, base, commits };
}

async function commitOf(ref: string, repository: Repository, host: Host): Promise<string> {
  const commit = await findCommit(ref, repository, host);
  if (commit !== null) return commit;
  const cut = repository.grafts === null ? "" : ", which is a shallow clone";
  const text = `--range: "${ref}" is no commit of ${repository.path}${cut}`;
  throw new KmatrixError("usage", "no-such-commit", text);
}

async function seriesPatches(
  series: string,
  partial: boolean,
  paths: Paths,
  host: Host,
): Promise<readonly SeriesPatch[]> {
  const stat = await host.fs.stat(series);
  if (stat === null) {
    const id = basename(series);
    if (/^[^@\s]+@[^@\s]+$/.test(id)) {
      return await mailPatches([await fromLore(id, paths, host)], series, partial, paths, host);
    }
    const text = `--series ${series}: there is no such file or folder`;
    throw new KmatrixError("usage", "no-such-series", text);
  }
  if (stat.isDirectory) return await folderPatches(series, partial, paths, host);
  return await withWorkFolder(paths, host, async (work) => {
    const file = await uncompressed(series, `${work}/plain`, host);
    if (await isMailbox(file, host)) return await mailPatches([file], series, partial, paths, host);
    return [{ file: await kept(file, series, paths, host) }];
  });
}

/** A file as it is, or in the cache where it is none of the user's. */
async function kept(file: string, series: string, paths: Paths, host: Host): Promise<string> {
  if (file === series) return series;
  const digest = (await sha256(await host.fs.readBytes(file))).slice(0, 16);
  const name = basename(series).replace(/\.[^.]+$/, "");
  const dir = `${paths.cache}/series/${digest}`;
  await host.fs.replace(file, `${dir}/${name}`);
  return `${dir}/${name}`;
}

/** The same patches, with copies in the cache of those that are compressed. */
async function plainPatches(
  patches: readonly SeriesPatch[],
  paths: Paths,
  host: Host,
): Promise<readonly SeriesPatch[]> {
  return await withWorkFolder(
    paths,
    host,
    (work) =>
      Promise.all(patches.map(async (patch, index) => {
        const file = await uncompressed(patch.file, `${work}/${index}`, host);
        return { ...patch, file: await kept(file, patch.file, paths, host) };
      })),
  );
}

/** What a folder holds: a quilt queue, a maildir, or patches in the order of their names. */
async function folderPatches(
  dir: string,
  partial: boolean,
  paths: Paths,
  host: Host,
): Promise<readonly SeriesPatch[]> {
  const list = await host.fs.readTextIfAny(`${dir}/series`);
  if (list !== null) {
    const patches = parseSeriesFile(list, dir);
    await checkPatches(patches, `--series ${dir}/series`, host);
    if (patches.length > 0) return await plainPatches(patches, paths, host);
    throw new KmatrixError("usage", "empty-series", `--series ${dir}/series: it names no patch`);
  }
  const names = await host.fs.list(dir);
  if (["cur", "new"].every((name) => names.includes(name))) {
    return await mailPatches([dir], dir, partial, paths, host);
  }
  const order = new Intl.Collator("en", { numeric: true });
  const files = names.filter((name) => /\.(?:patch|diff|eml|mbox|mbx)$/.test(name))
    .sort(order.compare).map((name) => `${dir}/${name}`);
  if (files.length === 0) {
    const below = await host.fs.exists(`${dir}/patches/series`)
      ? `There is one in ${dir}/patches: name that folder.`
      : 'A file "series" lists patches in their order; without it, *.patch, *.diff and *.eml count.';
    const text = `--series ${dir}: the folder holds neither a file "series" nor a patch`;
    throw new KmatrixError("usage", "no-series-file", text, below);
  }
  const mails = await Promise.all(files.map((file) => isMailbox(file, host)));
  if (mails.every(Boolean)) return await mailPatches(files, dir, partial, paths, host);
  const count = `${counted(files.length, "patch", "patches")} in the order of their names`;
  host.log("notice", `--series ${dir}: it has no file "series": taking ${count}`);
  return files.map((file) => ({ file }));
}

/** The mails that are the series, as files of the cache. */
async function mailPatches(
  mailboxes: readonly string[],
  series: string,
  partial: boolean,
  paths: Paths,
  host: Host,
): Promise<readonly SeriesPatch[]> {
  return await withWorkFolder(paths, host, async (work) => {
    const mails = await fileMails(mailboxes, work, host);
    const selection = selectSeries(mails);
    for (const line of selection.notices) host.log("notice", `--series ${series}: ${line}`);
    // Who gives one mail alone means it; a mailbox may lack the rest.
    const alone = mails.length === 1 && !(await startsMailbox(mailboxes, host));
    checkSelection(selection, series, partial || alone, host);
    const { patches } = selection;
    const html = patches.find((mail) => mail.html);
    if (html) {
      const text = `--series ${series}: a mail is HTML only, which changes a diff: ${html.subject}`;
      throw new KmatrixError("usage", "bad-mail", text, "Save it as it was sent, as plain text.");
    }
    const digest = (await sha256(patches.map((mail) => mail.digest).join(" "))).slice(0, 16);
    const dir = `${paths.cache}/series/${digest}`;
    const files = patches.map((mail, index) => `${dir}/${fileName(mail, index)}`);
    for (const [index, { file }] of patches.entries()) {
      if (!(await host.fs.exists(files[index]!))) await host.fs.replace(file, files[index]!);
    }
    return files.map((file) => ({ file }));
  });
}

async function startsMailbox(files: readonly string[], host: Host): Promise<boolean> {
  const [file] = files;
  const stat = await host.fs.stat(file!);
  return stat!.isDirectory || (await beginningOf(file!, host)).startsWith("From ");
}

/** @throws KmatrixError "usage" (no-patch, patches-missing) */
function checkSelection(
  { problems }: Selection<FiledMail>,
  series: string,
  partial: boolean,
  host: Host,
): void {
  for (const problem of problems) {
    if (problem.kind === "no-patch") {
      throw new KmatrixError(
        "usage",
        "no-patch",
        `--series ${series}: none of its mails is a patch`,
      );
    }
    const [what, mend] = problem.kind === "twice"
      ? [`${problem.number} is there twice: ${problem.titles.join("; ")}`, "Remove one of them"]
      : [`${problem.numbers.join(", ")} of ${problem.series} is missing`, "Save the whole thread"];
    const text = `--series ${series}: ${what}`;
    if (partial) host.log("notice", `${text}; taking the others`);
    else {
      const hint = `${mend}, or take the others with --partial.`;
      throw new KmatrixError("usage", "patches-missing", text, hint);
    }
  }
}

function fileName({ subject }: FiledMail, index: number): string {
  const title = subject.replace(/\[[^\]]*\]\s*/g, "").replace(/[^A-Za-z0-9]+/g, "-")
    .replace(/^-+/, "").slice(0, 50);
  return `${`${index + 1}`.padStart(4, "0")}-${title}.patch`;
}

/** Of an attempt that fails nothing stays. */
async function withWorkFolder<T>(
  paths: Paths,
  host: Host,
  body: (dir: string) => Promise<T>,
): Promise<T> {
  const dir = `${paths.cache}/series/${crypto.randomUUID()}.partial`;
  await host.fs.makeDir(dir);
  try {
    return await body(dir);
  } finally {
    await host.fs.remove(dir);
  }
}

async function fromLore(id: string, paths: Paths, host: Host): Promise<string> {
  if (await host.fs.which("b4") === null) {
    throw new KmatrixError(
      "infra",
      "missing-tool",
      `--series ${id}: a message id needs b4, which is not installed`,
      "Install b4, or save the thread as an mbox and give its path.",
    );
  }
  const dir = `${paths.cache}/series/lore-${(await sha256(id)).slice(0, 16)}`;
  await host.fs.makeDir(dir);
  const result = await host.run({
    argv: ["b4", "am", "--outdir", dir, id],
    reach: "downloads",
  });
  const mbox = (await host.fs.list(dir)).find((name) => name.endsWith(".mbx"));
  if (result.code === 0 && mbox !== undefined) return `${dir}/${mbox}`;
  throw new KmatrixError("infra", "download-failed", `b4 could not fetch ${id}`, result.stderr);
}
