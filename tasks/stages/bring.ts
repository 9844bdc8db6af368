// SPDX-License-Identifier: MIT
/** Bring your own: a tree, a series or a range of commits as a kernel with an id of its own. */
import type { Host } from "../host/host.ts";
import type { Paths } from "../paths.ts";
import type { KernelSpec, Matrix, SourceSpec } from "../model.ts";
import { KmatrixError } from "../errors.ts";
import { sha256 } from "../formats/digest.ts";
import { parseSeriesFile } from "../formats/kernel_spec.ts";
import { kernelTree } from "../host/kernel_tree.ts";
import { nearest } from "../formats/nearest.ts";
import { holdsDiff, sortBySubject } from "../formats/series.ts";

/** What the command line names, paths absolute. */
export interface BringRequest {
  /** --tree */
  readonly tree?: string | undefined;
  /** --series: an mbox, a folder with a `series` file, one diff, or a lore message id. */
  readonly series?: string | undefined;
  /** --kernel: what the series goes on top of where there is no tree. */
  readonly kernel?: string | undefined;
  /** --range A..B of the tree. */
  readonly range?: string | undefined;
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
  const { tree, series, range } = request;
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
  const base = baseKernel(request.kernel ?? DEFAULT_BASE, kernels);
  const source = tree === undefined ? base.source : await treeSource(tree, range, host);
  const patches = [
    ...(tree === undefined ? base.series : []),
    ...(range === undefined ? [] : await rangePatches(tree!, range, paths, host)),
    ...(series === undefined ? [] : await seriesPatches(series, paths, host)),
  ];
  const id = newId(
    [tree === undefined ? base.id : word(tree), ...(range ? [word(range)] : [])].concat(
      series === undefined ? [] : [word(series)],
    ).join("+"),
    kernels,
  );
  // What it leaves uninstrumented beyond this kernel is named in the report.
  const compared = tree === undefined ? base : kernels.find(({ id }) => id === template);
  return {
    id,
    dir: paths.root,
    source,
    series: patches,
    brought: true,
    uninstrumented: (compared ?? base).uninstrumented,
  };
}

function baseKernel(id: string, kernels: readonly KernelSpec[]): KernelSpec {
  const found = kernels.find((one) => one.id === id);
  if (found) return found;
  const choices = nearest(id, kernels.map((one) => one.id));
  throw new KmatrixError("usage", "no-such-kernel", `--kernel ${id}: unknown kernel${choices}`);
}

/** The last part of a path or id as a part of a kernel id. */
function word(name: string): string {
  return name.replace(/\/+$/, "").split("/").at(-1)!
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
  // Says what it is instead.
  if (!(await host.fs.exists(`${tree}/Makefile`))) await kernelTree(tree, host);
  if (range === undefined) return { kind: "tree", path: tree };
  const [from] = splitRange(range);
  return { kind: "git", repository: tree, ref: await revParse(tree, from, host) };
}

function splitRange(range: string): [string, string] {
  const match = /^(.+?)\.\.([^.].*)$/.exec(range);
  if (match) return [match[1]!, match[2]!];
  throw new KmatrixError("usage", "bad-usage", `--range ${range}: A..B is wanted`);
}

async function git(argv: readonly string[], what: string, host: Host): Promise<string> {
  // No optional locks: git must not even refresh the index of somebody else's checkout.
  const env = { GIT_OPTIONAL_LOCKS: "0" };
  const result = await host.run({ argv: ["git", ...argv], env });
  if (result.code === 0) return result.stdout;
  if (result.code === 127) {
    throw new KmatrixError("infra", "missing-tool", `git is missing, and ${what} needs it`);
  }
  throw new KmatrixError("usage", "git-failed", `${what}: git failed`, result.stderr.trim());
}

async function revParse(tree: string, ref: string, host: Host): Promise<string> {
  const argv = ["-C", tree, "rev-parse", "--verify", "--quiet", `${ref}^{commit}`];
  return (await git(argv, `--range: "${ref}" is no commit of ${tree}`, host)).trim();
}

async function rangePatches(
  tree: string,
  range: string,
  paths: Paths,
  host: Host,
): Promise<string[]> {
  const [from, to] = splitRange(range);
  const [a, b] = [await revParse(tree, from, host), await revParse(tree, to, host)];
  const dir = `${paths.cache}/series/${a.slice(0, 12)}-${b.slice(0, 12)}`;
  if (!(await host.fs.exists(dir))) {
    const partial = `${dir}.partial`;
    await host.fs.remove(partial);
    const argv = ["-C", tree, "format-patch", "--quiet", "--output-directory", partial];
    await git([...argv, `${a}..${b}`], `--range ${range}`, host);
    await host.fs.makeDir(partial);
    await host.fs.rename(partial, dir);
  }
  const names = (await host.fs.list(dir)).filter((name) => name.endsWith(".patch"));
  if (names.length === 0) {
    throw new KmatrixError("usage", "empty-series", `--range ${range} holds no commit`);
  }
  return names.map((name) => `${dir}/${name}`);
}

async function seriesPatches(series: string, paths: Paths, host: Host): Promise<string[]> {
  const stat = await host.fs.stat(series);
  if (stat === null) {
    const id = series.split("/").at(-1)!;
    if (/^[^@\s]+@[^@\s]+$/.test(id)) {
      return await mailPatches(await fromLore(id, paths, host), paths, host);
    }
    throw new KmatrixError(
      "usage",
      "no-such-series",
      `--series ${series}: there is no such file or folder`,
    );
  }
  if (stat.isDirectory) {
    const list = await host.fs.readTextIfAny(`${series}/series`);
    if (list === null) {
      throw new KmatrixError(
        "usage",
        "no-series-file",
        `--series ${series}: the folder has no file "series"`,
      );
    }
    return parseSeriesFile(list, series);
  }
  const text = await host.fs.readText(series);
  if (/^From \S+/.test(text) || /^From: /m.test(text.split("\n\n")[0]!)) {
    return await mailPatches(series, paths, host);
  }
  if (holdsDiff(text)) return [series];
  throw new KmatrixError("usage", "no-patch", `--series ${series}: neither an mbox nor a diff`);
}

/** The mails of an mbox as patches, decoded by git, in the order of their subjects. */
async function mailPatches(mbox: string, paths: Paths, host: Host): Promise<string[]> {
  const digest = (await sha256(await host.fs.readText(mbox))).slice(0, 16);
  const dir = `${paths.cache}/series/${digest}`;
  if (!(await host.fs.exists(dir))) {
    const partial = `${dir}.partial`;
    await host.fs.remove(partial);
    await host.fs.makeDir(partial);
    await git(["mailsplit", "--keep-cr", `-o${partial}`, "--", mbox], `--series ${mbox}`, host);
    const mails: { subject: string; text: string }[] = [];
    for (const name of await host.fs.list(partial)) {
      const mail = `${partial}/${name}`;
      // mailinfo undoes quoted-printable and base64, which would spoil a diff.
      const script = 'git mailinfo "$0.msg" "$0.patch" < "$0"';
      const info = await host.run({ argv: ["sh", "-c", script, mail] });
      if (info.code !== 0) {
        throw new KmatrixError(
          "usage",
          "bad-mail",
          `--series ${mbox}: mail ${name} cannot be read`,
          info.stderr,
        );
      }
      const subject = /^Subject: (.*)$/m.exec(await host.fs.readText(mail))?.[1] ?? "";
      mails.push({ subject, text: await host.fs.readText(`${mail}.patch`) });
    }
    await host.fs.remove(partial);
    const patches = sortBySubject(mails.filter((mail) => holdsDiff(mail.text)));
    for (const [index, { subject, text }] of patches.entries()) {
      const number = `${index + 1}`.padStart(4, "0");
      const title = subject.replace(/\[[^\]]*\]\s*/g, "").replace(/[^A-Za-z0-9]+/g, "-").slice(
        0,
        50,
      );
      await host.fs.writeText(`${partial}/${number}-${title}.patch`, text);
    }
    if (patches.length === 0) {
      throw new KmatrixError("usage", "no-patch", `--series ${mbox}: no mail in it holds a diff`);
    }
    await host.fs.rename(partial, dir);
  }
  return (await host.fs.list(dir)).map((name) => `${dir}/${name}`);
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
