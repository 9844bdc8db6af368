// SPDX-License-Identifier: MIT
/** `deno task cache`: what lies in the cache, and how to get rid of what nobody uses. */
import type { Host } from "../host/host.ts";
import type { RunOptions } from "../cli.ts";
import type { Paths } from "../paths.ts";
import { type Failure, KmatrixError } from "../errors.ts";
import { formatBuildReason } from "../formats/build_inputs.ts";
import { type KeptBuild, keptBuilds } from "../host/build_store.ts";
import type { Context } from "./context.ts";

const DAY_MS = 86_400_000;
const MIB = 1 << 20;

/** Lists the cache, or prunes it. */
export async function cacheCommand(
  action: string,
  options: RunOptions,
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
      const text = `cache ${action}: list or prune is wanted`;
      throw new KmatrixError("usage", "bad-usage", text);
    }
  }
}

async function list({ terminal, paths, host }: Context): Promise<void> {
  const sizes = await sizesOf(paths, host);
  const builds = await keptBuilds(paths, host);
  for (const build of builds) {
    terminal.print(
      `${mib(sizes.get(build.dir))}  ${build.key}  ${age(build, host)}  ${nameOf(build)}`,
    );
    if (build.why) terminal.print(`${" ".repeat(41)}${formatBuildReason(build.why)}`);
  }
  for (const name of await host.fs.list(paths.sources)) {
    const size = sizes.get(`${paths.sources}/${name}`);
    if (size !== undefined) terminal.print(`${mib(size)}  source  ${name}`);
  }
  terminal.print(`${mib(sizes.get(paths.cache))}  in all, ${paths.cache}`);
}

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
  return `${days} days`.padStart(9);
}

function nameOf({ inputs }: KeptBuild): string {
  if (!inputs) return "(not built to its end)";
  return `${inputs.kernel}/${inputs.config} ${inputs.source.version} (${inputs.toolchain})`;
}

/**
 * Removes build folders that no run has taken for some days, or that were never built to their end.
 * A kernel that another run is working on waits for it.
 */
async function prune(options: RunOptions, { terminal, paths, host }: Context): Promise<void> {
  const limitMs = host.now() - (options.olderThan ?? 30) * DAY_MS;
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
      if (!options.dryRun) await host.fs.remove(build.dir);
      bytes += sizes.get(build.dir) ?? 0;
      count++;
    };
    if (!build.inputs) await remove();
    else {
      await host.fs.locked(
        `${paths.cache}/locks/kernel-${build.inputs.kernel}`,
        () => host.log("info", `a run is working on ${build.inputs!.kernel}; waiting for it`),
        remove,
      );
    }
  }
  const verb = options.dryRun ? "would be freed" : "freed";
  terminal.print(`${count} builds, ${mib(bytes).trim()} ${verb}`);
}
