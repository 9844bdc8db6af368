// SPDX-License-Identifier: MIT
/**
 * A new build folder begins as a copy of the nearest one of the same source and compiler, and kbuild makes
 * again what depends on the options that differ. The copy is plain (or shares blocks where the file
 * system can), never of hard links: `>` of a shell, objtool and llvm-objcopy write into files that are there.
 */
import type { BuildInputs, BuildStart } from "../core/model/model.ts";
import type { Paths } from "../core/model/paths.ts";
import type { Host } from "../host/host.ts";
import { reusedLog } from "../core/build/build_log.ts";
import { INPUTS_FILE, parseBuildInputs } from "../core/build/build_inputs.ts";
import {
  BUILD_LOG,
  differingOptions,
  mayBegin,
  optionsOfMakefile,
  parseBuildStart,
} from "../core/build/build_start.ts";
import { familyOf } from "../core/late/variant_options.ts";
import { isBuilt, type KeptBuild, keptBuilds } from "./build_store.ts";
import { ANSWERS_FOLDER } from "./compiler_answers.ts";
import { dropUnfinished } from "./cache_guard.ts";
import { bootLock, changing } from "./locks.ts";
import { readLog } from "./make_job.ts";

/** Below a build folder that began as a copy: of which one. */
const START_FILE = "kmatrix-start.json";

/** What of our own files tells of objects, source and compiler, and stays true in a copy. */
const KEPT_FILES = ["kmatrix-tree.list", "kmatrix-toolchain.json", ANSWERS_FOLDER];

/** More than this share of its objects are not worth a copy. */
const MOST_REMADE = 0.7;

/**
 * As good as this share is a build that differs in KCOV's options alone, where both are instrumented late:
 * all of its objects are made again of what is kept of them, and what no option is asked for stays
 * (host programs, generated files, objects without instrumentation).
 */
const VARIANT_REMADE = 0.5;

/** So many builds are looked at closely, those first whose options differ least. */
const LOOKED_AT = 5;

/** What a folder began as a copy of; null for nothing. */
export async function buildStart(buildDir: string, host: Host): Promise<BuildStart | null> {
  return parseBuildStart(await host.fs.readTextIfAny(`${buildDir}/${START_FILE}`));
}

/** A build folder whose lock is held, and what is to be built there. */
export interface NewBuild {
  readonly buildDir: string;
  readonly inputs: BuildInputs;
  /** Folder of the architecture in the tree, "arch/x86". */
  readonly arch: string;
}

/** Empties a build folder, for all in it is to be made again: it is no copy (false). */
export async function beginAnew(
  { buildDir }: Pick<NewBuild, "buildDir">,
  host: Host,
): Promise<boolean> {
  if (await host.fs.exists(buildDir)) {
    await changing(buildDir, host, () => host.fs.remove(buildDir));
  }
  return false;
}

/**
 * Makes a folder that is not there yet as a copy of the nearest build, where one is near enough; with
 * none, nothing is made; gives whether it was. Broken off at any time, it leaves no folder of that name.
 */
export async function beginBuild(wanted: NewBuild, paths: Paths, host: Host): Promise<boolean> {
  if (await host.fs.exists(wanted.buildDir)) return false;
  for (const { key, dir } of await nearest(wanted, paths, host)) {
    const held = await host.fs.tryLock({ path: bootLock(dir).path, shared: true });
    // Somebody is changing it.
    if (held === null) continue;
    try {
      const inputs = parseBuildInputs(await host.fs.readTextIfAny(`${dir}/${INPUTS_FILE}`));
      if (inputs === null || !mayBegin(inputs, wanted.inputs)) continue;
      const place = { key, buildDir: dir, source: inputs.source, inputs: wanted.inputs };
      if (!await isBuilt(place, host)) continue;
      const start = { key, name: `${inputs.kernel}/${inputs.config}` };
      if (!await copied(start, dir, wanted.buildDir, host)) continue;
      host.log("info", `${wanted.buildDir} begins as a copy of ${start.name} (${key})`);
      return true;
    } finally {
      held.release();
    }
  }
  return false;
}

/** Builds that may be copied and are worth it, the one first of which least is made again. */
async function nearest(
  { inputs, arch, buildDir }: NewBuild,
  paths: Paths,
  host: Host,
): Promise<KeptBuild[]> {
  const near = (await keptBuilds(paths, host)).flatMap((build) => {
    // A folder of another name holds what was asked of it last, and has no key that tells what.
    const fits = build.inputs !== null && /^[0-9a-f]{16}$/.test(build.key) &&
      build.dir !== buildDir && mayBegin(build.inputs, inputs);
    return fits ? [{ build, options: differingOptions(build.inputs!, inputs) }] : [];
  });
  near.sort((a, b) => a.options.length - b.options.length || b.build.usedMs - a.build.usedMs);
  const everywhere = await optionsOfMakefiles(inputs.source.path, arch, host);
  const rated = [];
  for (const { build, options } of near.slice(0, LOOKED_AT)) {
    const share = options.some((one) => everywhere.has(one))
      ? areVariants(build.inputs!, inputs) ? VARIANT_REMADE : 1
      : await shareRemade(build.dir, options, host);
    if (share <= MOST_REMADE) rated.push({ build, share });
  }
  return rated.sort((a, b) => a.share - b.share).map(({ build }) => build);
}

/** Whether two builds of one source, of which mayBegin() holds, compile the same for all but KCOV. */
function areVariants(one: BuildInputs, other: BuildInputs): boolean {
  const family = familyOf(one.fragment);
  return one.late !== "off" && family !== null && family === familyOf(other.fragment);
}

/** Options by which the flags of all objects are chosen, and which kbuild records for none of them. */
async function optionsOfMakefiles(
  source: string,
  arch: string,
  host: Host,
): Promise<ReadonlySet<string>> {
  const scripts = (await host.fs.list(`${source}/scripts`)).filter((one) => /^Makefile/.test(one));
  const files = ["Makefile", `${arch}/Makefile`, ...scripts.map((one) => `scripts/${one}`)];
  const texts = await Promise.all(files.map((one) => host.fs.readTextIfAny(`${source}/${one}`)));
  return new Set(texts.flatMap((text) => optionsOfMakefile(text ?? "")));
}

/** How many objects of a build name one of these options in kbuild's records, as a share of all. */
async function shareRemade(
  dir: string,
  options: readonly string[],
  host: Host,
): Promise<number> {
  const find = ["find", dir, "-type", "f", "-name", ".*.o.cmd"];
  const count = async (...act: readonly string[]) => {
    const { stdout } = await host.run({ argv: [...find, ...act] });
    return stdout.split("\n").filter(Boolean).length;
  };
  const all = await count("-print");
  // Before 6.1 nothing tells which archives are left over from other options.
  if (all === 0 || !await host.fs.exists(`${dir}/vmlinux.a`)) return 1;
  if (options.length === 0) return 0;
  const words = options.flatMap((one) => ["-e", `include/config/${one.slice("CONFIG_".length)})`]);
  return await count("-exec", "grep", "-lF", ...words, "{}", "+") / all;
}

/**
 * Gives the copy $1 of the folder $0 the name $3 in the place of $2 where its files have that: in kbuild's
 * records, whose words are then those that kbuild will find. Whatever else names the old folder
 * goes, and is made again. Ends with an error where a name is left.
 */
const COPY = `set -f
rm -rf -- "$1" && cp -a --reflink=auto -- "$0" "$1" && cd "$1" || exit
find . -maxdepth 1 -name 'kmatrix-*' $4 -exec rm -rf -- {} + || exit`;

const RENAME = `cd "$0" || exit
export LC_ALL=C
grep -rlZF --include='.*.cmd' -e "$1" . | xargs -0 -r sed -i "s/$1/$2/g" || exit
grep -rlZF -e "$1" . | xargs -0 -r rm -f -- || exit
grep -rqF -e "$1" .
[ $? -eq 1 ]`;

/** Whether the copy is in its place. */
async function copied(
  start: BuildStart,
  from: string,
  to: string,
  host: Host,
): Promise<boolean> {
  const log = await readLog(`${from}/${BUILD_LOG}`, host, reusedLog);
  // It said something that belongs to no file that could be made again.
  if (log === null) return false;
  const partial = `${to}.partial`;
  const names = KEPT_FILES.map((name) => `! -name ${name}`).join(" ");
  const name = to.slice(to.lastIndexOf("/") + 1);
  const run = async (script: string, ...words: readonly string[]) =>
    (await host.run({ argv: ["sh", "-c", script, ...words] })).code === 0;
  try {
    if (!await run(COPY, from, partial, "", "", names)) return false;
    // By times, which the next step changes.
    await dropUnfinished(partial, host);
    for (const target of log.warned) {
      const file = target.startsWith(`${from}/`) ? target.slice(from.length + 1) : target;
      const entry = /^\/|(^|\/)\.\.(\/|$)/.test(file)
        ? null
        : await host.fs.entry(`${partial}/${file}`);
      if (entry?.kind !== "file") return false;
      await host.fs.remove(`${partial}/${file}`);
    }
    if (!await run(RENAME, partial, start.key, name)) return false;
    await host.fs.writeText(`${partial}/${BUILD_LOG}`, log.text.replaceAll(start.key, name));
    await host.fs.writeText(`${partial}/${START_FILE}`, JSON.stringify(start));
    await host.fs.rename(partial, to);
    return true;
  } catch (error) {
    if (host.signal.aborted) throw error;
    host.log("notice", `${from} cannot be copied: ${(error as Error).message}`);
    return false;
  } finally {
    await host.fs.remove(partial);
  }
}
