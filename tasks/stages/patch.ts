// SPDX-License-Identifier: MIT
/** Unpacks a source once and applies the kernel's series to a tree of its own. */
import type { Host } from "../host/host.ts";
import type { Paths } from "../paths.ts";
import type { KernelSpec, SourceArchive, SourceTree } from "../model.ts";
import { KmatrixError } from "../errors.ts";
import { sha256 } from "../formats/digest.ts";
import { explainRejects } from "../formats/series.ts";

/**
 * @throws KmatrixError "patch" naming patch, file and hunk where the series does not apply; the
 *   tree is then gone again. "infra" where the archive cannot be unpacked.
 */
export async function patch(
  archive: SourceArchive,
  kernel: KernelSpec,
  paths: Paths,
  host: Host,
): Promise<SourceTree> {
  const { kernelId, version } = archive;
  const base: SourceTree = archive.tree !== null
    ? { kernelId, version, digest: archive.digest, path: archive.tree }
    : await unpack(archive, paths, host);
  if (kernel.series.length === 0) return base;
  const texts = await Promise.all(kernel.series.map((file) => host.fs.readText(file)));
  const digest = await sha256([base.digest, ...texts].join("\0"));
  const path = `${paths.sources}/${kernelId}-${digest.slice(0, 12)}`;
  await onceIn(path, paths, host, async (partial) => {
    // Hard links: patch writes a file anew and renames it, so the base keeps its own content.
    await must(host, ["cp", "--archive", "--link", base.path, partial]);
    for (const file of kernel.series) await apply(partial, file, host);
  });
  return { kernelId, version, digest, path };
}

async function unpack(archive: SourceArchive, paths: Paths, host: Host): Promise<SourceTree> {
  const { kernelId, version, digest } = archive;
  const path = `${paths.sources}/base-${digest.slice(0, 12)}`;
  await onceIn(path, paths, host, async (partial) => {
    host.log("info", `unpacking ${archive.archive} (${version})`);
    await host.fs.makeDir(partial);
    const strip = ["--strip-components=1", "--no-same-owner"];
    await must(host, ["tar", "--extract", "-f", archive.archive!, "-C", partial, ...strip]);
  });
  return { kernelId, version, digest, path };
}

/** Makes a folder by `body` beside its place and renames it, so that it is whole or not there. */
async function onceIn(
  path: string,
  paths: Paths,
  host: Host,
  body: (partial: string) => Promise<void>,
): Promise<void> {
  if (await host.fs.exists(path)) return;
  await host.fs.locked(
    `${paths.cache}/locks/source-${path.split("/").at(-1)}`,
    () => host.log("info", `another run is preparing ${path}; waiting for it`),
    async () => {
      if (await host.fs.exists(path)) return;
      await host.fs.makeDir(paths.sources);
      const partial = `${path}.partial`;
      await host.fs.remove(partial);
      try {
        await body(partial);
        await host.fs.rename(partial, path);
      } finally {
        await host.fs.remove(partial);
      }
    },
  );
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

async function apply(tree: string, file: string, host: Host): Promise<void> {
  // --forward: with --batch alone, a patch that the source has already would be taken back.
  const flags = ["--batch", "--forward", "--strip=1", "--no-backup-if-mismatch"];
  const result = await host.run({ argv: ["patch", ...flags, "-d", tree, "-i", file] });
  if (result.code === 0) return;
  const rejects = await readRejects(tree, result.stdout, host);
  const { message, detail } = explainRejects(file, result.stdout + result.stderr, rejects);
  throw new KmatrixError("patch", "does-not-apply", message, detail);
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
