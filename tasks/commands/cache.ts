// SPDX-License-Identifier: MIT
/** `deno task cache`: what lies in the cache, and how to get rid of what nobody uses. */
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import { formatBuildReason } from "../core/build/build_inputs.ts";
import { type KeptBuild, keptBuilds } from "../steps/build_store.ts";
import { keptPlugins, pluginLock } from "../steps/dataflow_plugin.ts";
import { buildLock, changing, kernelLock, removeLocks, withLock } from "../steps/locks.ts";
import { counted } from "../core/text/counted.ts";
import type { Context } from "./context.ts";
import { defineCommand, type Words } from "./command.ts";
import { days, flag, group, type Values, WATCHING, withDefault } from "../cli/options.ts";

const OPTIONS = {
  ...group("Prune", {
    olderThan: withDefault(
      "--older-than <days>",
      "prune what was not used for so many days",
      30,
      days,
    ),
    dryRun: flag("-n, --dry-run", "print what would be removed instead of removing it"),
  }),
  ...WATCHING,
};
type CacheValues = Values<typeof OPTIONS>;

export const cache = defineCommand({
  name: "cache",
  group: "Machine",
  help: "list what the cache holds, or prune builds that nobody uses",
  example: "deno task cache prune --older-than 7",
  arguments: "[action]",
  options: OPTIONS,
  writes: () => "nothing",
  perform: listOrPrune,
});

const DAY_MS = 86_400_000;
const MIB = 1 << 20;

/** Lists the cache, or prunes it. */
async function listOrPrune(
  [action = "list"]: Words<"[action]">,
  options: CacheValues,
  context: Context,
): Promise<readonly Failure[]> {
  switch (action) {
    case "list":
      await list(context);
      return [];
    case "prune":
      await prune(options, context);
      return [];
    default: {
      const text = `cache ${action}: the action must be list or prune`;
      throw new KmatrixError("usage", "bad-usage", text);
    }
  }
}

async function list({ terminal, paths, host }: Context): Promise<void> {
  const sizes = await sizesOf(paths, host);
  const builds = await keptBuilds(paths, host);
  for (const build of builds.toSorted((a, b) => nameOf(a) < nameOf(b) ? -1 : 1)) {
    terminal.print(
      `${mib(sizes.get(build.dir))}  ${build.key}  ${age(build, host)}  ${nameOf(build)}`,
    );
    if (build.why) terminal.print(`${" ".repeat(41)}${formatBuildReason(build.why)}`);
  }
  for (const name of await host.fs.list(paths.sources)) {
    const size = sizes.get(`${paths.sources}/${name}`);
    if (size !== undefined) terminal.print(`${mib(size)}  source  ${name}`);
  }
  const shown = [paths.builds, paths.sources];
  for (const name of await host.fs.list(paths.cache)) {
    const size = sizes.get(`${paths.cache}/${name}`) ?? 0;
    if (shown.includes(`${paths.cache}/${name}`) || size < MIB) continue;
    terminal.print(
      `${mib(size)}  ${name.padEnd(16)}             ${CONTENTS[name] ?? ""}`.trimEnd(),
    );
  }
  terminal.print(`${mib(sizes.get(paths.cache))}  in all, ${paths.cache}`);
  terminal.print("`deno task plan --status` says what has changed since, `cache prune` makes room");
}

/** What lies in the other folders of the cache; each is made again where it is missing. */
const CONTENTS: Readonly<Record<string, string>> = {
  "apt": "indexes of suites that packages are taken from, apart from the system's apt",
  "ccache": "objects of all builds of this project's kernels",
  "ccache-brought": "objects of kernels that were named on the command line, a folder each",
  "ccache-shared": "the same objects, as kernels named on the command line may read them",
  "guests": "initramfs files",
  "plugins": "compiler plugins that kernels are instrumented by",
  "toolchain": "libquickjs, and the scripts in front of ccache",
};

/** Sizes on the disk of every folder down to single builds and sources; a hard link counts once. */
async function sizesOf(paths: Paths, host: Host): Promise<Map<string, number>> {
  if (!(await host.fs.exists(paths.cache))) return new Map();
  const du = ["du", "--block-size=1", "--max-depth=2", paths.cache];
  const { stdout } = await host.run({ argv: du });
  return new Map(
    stdout.split("\n").filter(Boolean).map((line) => {
      const [bytes, path] = line.split("\t");
      return [path!, Number(bytes)];
    }),
  );
}

function mib(bytes = 0): string {
  return `${Math.round(bytes / MIB)} MiB`.padStart(10);
}

function age({ usedMs }: KeptBuild, host: Host): string {
  const days = Math.floor((host.now() - usedMs) / DAY_MS);
  return (days === 0 ? "today" : days === 1 ? "1 day" : `${days} days`).padStart(9);
}

function nameOf({ inputs }: KeptBuild): string {
  if (!inputs) return "(not built to its end)";
  return `${inputs.kernel}/${inputs.config} ${inputs.source.version} (${inputs.toolchain})`;
}

/** Ids of kernels with a patched tree, or a ccache of their own, and names of views of trees. */
async function broughtKernels(paths: Paths, host: Host): Promise<string[]> {
  const trees = (await host.fs.list(paths.sources)).flatMap((name) =>
    /^(.+)\.json$|^(view-.+)\.list$/.exec(name)?.slice(1).filter(Boolean) ?? []
  );
  const caches = await host.fs.list(`${paths.cache}/ccache-brought`);
  return [...new Set([...trees, ...caches])].sort();
}

/**
 * Removes build folders that no run has taken for some days, or that were never built to their end.
 * Then patched trees and the ccache of kernels that have no build any more and are as old, and what
 * ccache has for brought kernels. What another run is working on waits for it.
 */
async function prune(options: CacheValues, context: Context): Promise<void> {
  const { terminal, paths, host } = context;
  const limitMs = host.now() - options.olderThan * DAY_MS;
  const unused = (build: KeptBuild) => build.usedMs <= limitMs;
  const sizes = await sizesOf(paths, host);
  let bytes = 0;
  let count = 0;
  for (const build of (await keptBuilds(paths, host)).filter(unused)) {
    const remove = async () => {
      // Somebody may have used it while this waited.
      const now = (await keptBuilds(paths, host)).find((one) => one.key === build.key);
      if (!now || !unused(now)) return;
      terminal.print(`${options.dryRun ? "would remove" : "removed"} ${build.key} ${nameOf(now)}`);
      if (!options.dryRun) {
        await host.fs.remove(build.dir);
        await removeLocks(build.dir, host);
      }
      bytes += sizes.get(build.dir) ?? 0;
      count++;
    };
    // Half a copy belongs to the folder that it is to be.
    const dir = build.dir.replace(/\.partial$/, "");
    await withLock(buildLock(dir), host, () => changing(dir, host, remove));
  }
  for (const id of await broughtKernels(paths, host)) {
    await withLock(
      kernelLock(id, paths),
      host,
      async () => {
        const builds = await keptBuilds(paths, host);
        const kept = builds.filter((build) => !options.dryRun || !unused(build));
        const isUsed = ({ inputs }: KeptBuild) =>
          inputs?.kernel === id || inputs?.source.path.endsWith(`/${id}`);
        if (kept.some(isUsed)) return;
        const left = [`${paths.sources}/${id}`, `${paths.cache}/ccache-brought/${id}`];
        for (const dir of left) {
          const stamp = await host.fs.stat(`${dir}.json`) ?? await host.fs.stat(`${dir}.list`) ??
            await host.fs.stat(dir);
          if (!stamp || stamp.mtimeMs > limitMs) continue;
          const name = dir.slice(paths.cache.length + 1);
          terminal.print(`${options.dryRun ? "would remove" : "removed"} ${name}`);
          if (!options.dryRun) {
            await host.fs.remove(dir);
            await host.fs.remove(`${dir}.json`);
            await host.fs.remove(`${dir}.git`);
            await host.fs.remove(`${dir}.list`);
          }
          bytes += sizes.get(dir) ?? 0;
        }
      },
    );
  }
  bytes += await prunePlugins(limitMs, sizes, options, context);
  bytes += await pruneShared(limitMs, options, context);
  const verb = options.dryRun ? "would be freed" : "freed";
  terminal.print(`${counted(count, "build")}, ${mib(bytes).trim()} ${verb}`);
}

/**
 * Compiler plugins that no configuration has asked for since, and what a killed run has left of one. A
 * build that was made with one stays as it is: the next run compiles the same plugin again.
 * @returns How many bytes they take.
 */
async function prunePlugins(
  limitMs: number,
  sizes: ReadonlyMap<string, number>,
  { dryRun }: CacheValues,
  { terminal, paths, host }: Context,
): Promise<number> {
  let bytes = 0;
  for (const { digest } of await keptPlugins(paths, host)) {
    const lock = pluginLock(digest, paths);
    await withLock(lock, host, async () => {
      // Somebody may have used or finished it while this waited.
      const now = (await keptPlugins(paths, host)).find((one) => one.digest === digest);
      if (now === undefined || now.usedMs > limitMs) return;
      terminal.print(`${dryRun ? "would remove" : "removed"} plugins/${digest}`);
      if (!dryRun) {
        await host.fs.remove(now.dir);
        await host.fs.remove(lock.path);
      }
      bytes += sizes.get(now.dir) ?? 0;
    });
  }
  return bytes;
}

/**
 * Objects that nobody has read since: of what is remote storage for it, ccache removes nothing.
 * @returns How many bytes they take.
 */
async function pruneShared(
  limitMs: number,
  { dryRun }: CacheValues,
  { terminal, paths, host }: Context,
): Promise<number> {
  const dir = paths.ccacheShared;
  if (!(await host.fs.exists(dir))) return 0;
  // In blocks of 512 bytes, as find(1) has them.
  const unread = [
    "-type",
    "f",
    "!",
    "-name",
    "CACHEDIR.TAG",
    "!",
    "-newerat",
    `@${limitMs / 1000}`,
  ];
  const act = ["-printf", "%b\\n", ...(dryRun ? [] : ["-delete"])];
  const { stdout } = await host.run({ argv: ["find", dir, ...unread, ...act] });
  const blocks = stdout.split("\n").filter(Boolean).map(Number);
  if (blocks.length === 0) return 0;
  const what = `${counted(blocks.length, "object")} of ${dir.slice(paths.cache.length + 1)}`;
  terminal.print(`${dryRun ? "would remove" : "removed"} ${what}`);
  return blocks.reduce((sum, one) => sum + one, 0) * 512;
}
