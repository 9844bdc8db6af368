// SPDX-License-Identifier: MIT
/**
 * Compares builds of one configuration: one that was instrumented late with one that was not, one that
 * began as a copy of another with one from nothing.
 */
import { basename, dirname } from "node:path/posix";
import type { Host } from "../host/host.ts";
import type { KernelBuild, KernelConfig } from "../core/model/model.ts";
import { EI_CLASS, Elf, ELFCLASS32 } from "../core/inspect/elf.ts";
import { differenceOf, sameBytes } from "../core/inspect/object_difference.ts";
import { buildConfinement, llvmTool } from "../core/build/make.ts";
import {
  commandFile,
  coverageOf,
  readOrigin,
  simpleCommands,
} from "../core/build/kbuild_command.ts";
import { partsOf } from "../core/text/lines.ts";
import { sha256 } from "../core/text/digest.ts";
import { checkInside } from "./make_job.ts";
import { assembledWithOthersHeaders, type Pair, samePacked } from "./packed_kernel.ts";

/** As much as a comparison asks of a build. */
export interface ComparedBuild extends Pick<KernelBuild, "vmlinux"> {
  readonly config: Pick<KernelConfig, "buildDir" | "source" | "toolchain">;
}

/** What a comparison has found. Paths are below the build folder. */
export interface VariantProof {
  /** How many objects were compared. */
  readonly compared: number;
  /** How many of them are the same byte for byte, debug information included. */
  readonly sameBytes: number;
  /** Others that are made of vmlinux, and differ as its build ID does. */
  readonly byBuildId: readonly string[];
  /** Those that are another object, and in what. */
  readonly different: readonly { readonly path: string; readonly parts: readonly string[] }[];
  /** Objects of the one build alone, then of the other alone. */
  readonly alone: readonly [readonly string[], readonly string[]];
  /** The same of the two vmlinux, and the size of their text; null where they were not compared. */
  readonly vmlinux: { readonly parts: readonly string[]; readonly textBytes: number } | null;
}

/**
 * Compares all objects and modules of two builds of one configuration, and vmlinux. Host programs are
 * none of it.
 */
export async function compareBuilds(
  one: ComparedBuild,
  other: ComparedBuild,
  host: Host,
): Promise<VariantProof> {
  const dirs = [one.config.buildDir, other.config.buildDir] as const;
  const [mine, theirs] = await Promise.all(dirs.map((dir) => objectsBelow(dir, host))) as [
    string[],
    string[],
  ];
  const both = mine.filter((name) => theirs.includes(name));
  const alone = [mine, theirs].map((all) => all.filter((name) => !both.includes(name)));
  const found: Same[] = [];
  for (const name of both) {
    found.push({
      path: name,
      ...await compareFiles(`${dirs[0]}/${name}`, `${dirs[1]}/${name}`, one.config, host),
    });
  }
  const vmlinux = await compareImages(one.vmlinux, other.vmlinux, host);
  const { different, ...proof } = proofOf(found);
  const byBuildId: string[] = [];
  for (const { path } of vmlinux.parts.length === 0 ? different : []) {
    const pair = { path, buildDirs: dirs, images: [one.vmlinux, other.vmlinux] as const };
    if (await differsByBuildId(pair, one.config, host)) byBuildId.push(path);
  }
  return {
    ...proof,
    byBuildId,
    different: different.filter(({ path }) => !byBuildId.includes(path)),
    alone: alone as [string[], string[]],
    vmlinux,
  };
}

/** Whether an object is the other one but for what follows from the build ID of vmlinux. */
async function differsByBuildId(
  pair: Pair,
  config: ComparedBuild["config"],
  host: Host,
): Promise<boolean> {
  const [buildDir, other] = pair.buildDirs;
  const name = `kmatrix-plain-${crypto.randomUUID()}`;
  const dir = `${buildDir}/${name}`;
  await host.fs.makeDir(dir);
  try {
    const confine = buildConfinement({ ...config, jobs: 1, variables: {} });
    const fresh = await assembledWithOthersHeaders(pair, confine, { dir: name, host });
    if (fresh !== null) {
      await checkInside(buildDir, [fresh], host);
      const files = [`${buildDir}/${fresh}`, `${other}/${pair.path}`] as const;
      if ((await compareFiles(...files, config, host)).parts.length === 0) return true;
    }
    return await samePacked(pair, { dir, host });
  } finally {
    await host.fs.remove(dir);
  }
}

/**
 * Compiles some instrumented objects of a build once more, by the command that kbuild has recorded,
 * without ccache, and compares. The same seed takes the same objects.
 */
export async function compareSample(
  { config }: KernelBuild,
  count: number,
  seed: string,
  host: Host,
): Promise<VariantProof> {
  const { buildDir } = config;
  const compiled: string[] = [];
  for (const path of await objectsBelow(buildDir, host)) {
    const [argv] = await commandsOf(path, buildDir, host) ?? [];
    if (argv && coverageOf(argv).kinds.size > 0) compiled.push(path);
  }
  const order = await Promise.all(
    compiled.map(async (path) => ({ path, at: await sha256(`${seed} ${path}`) })),
  );
  const taken = order.sort((a, b) => a.at < b.at ? -1 : 1).slice(0, count);
  const found: Same[] = [];
  for (const { path } of taken) {
    const plain = await compilePlainly(path, config, host);
    if (plain === null) {
      found.push({ path, bytes: false, parts: ["does not compile again"] });
      continue;
    }
    try {
      found.push({ path, ...await compareFiles(`${buildDir}/${path}`, plain, config, host) });
    } finally {
      await host.fs.remove(plain);
    }
  }
  return { ...proofOf(found), byBuildId: [], alone: [[], []], vmlinux: null };
}

interface Same {
  readonly path: string;
  readonly bytes: boolean;
  readonly parts: readonly string[];
}

function proofOf(
  found: readonly Same[],
): Pick<VariantProof, "compared" | "sameBytes" | "different"> {
  return {
    compared: found.length,
    sameBytes: found.filter(({ bytes }) => bytes).length,
    different: found.filter(({ parts }) => parts.length > 0)
      .map(({ path, parts }) => ({ path, parts })),
  };
}

/** kbuild's objects and modules; not what it compiles for this machine. */
async function objectsBelow(dir: string, host: Host): Promise<string[]> {
  const argv = ["find", ".", "-name", "*.o", "-type", "f", "-o", "-name", "*.ko", "-type", "f"];
  const { stdout } = await host.run({ argv, cwd: dir });
  return stdout.split("\n").filter(Boolean).map((name) => name.replace(/^\.\//, ""))
    .filter((name) => !/(^|\/)((tools|scripts)\/|kmatrix-plain-)/.test(name)).sort();
}

async function compareFiles(
  one: string,
  other: string,
  config: Pick<KernelConfig, "toolchain">,
  host: Host,
): Promise<Pick<Same, "bytes" | "parts">> {
  const [mine, theirs] = await Promise.all([one, other].map((path) => host.fs.readBytes(path))) as [
    Uint8Array,
    Uint8Array,
  ];
  if (sameBytes(mine, theirs)) return { bytes: true, parts: [] };
  // x86's boot code, of 16 bits, is in such files.
  if (mine[EI_CLASS] === ELFCLASS32 && theirs[EI_CLASS] === ELFCLASS32) {
    const same = await sameStripped(one, other, config, host);
    return { bytes: false, parts: same ? [] : ["more than debug information"] };
  }
  const parts = differenceOf(new Elf(partsOf(mine), one), new Elf(partsOf(theirs), other));
  return { bytes: false, parts };
}

/** Whether two objects are the same without debug information. */
async function sameStripped(
  one: string,
  other: string,
  { toolchain }: Pick<KernelConfig, "toolchain">,
  host: Host,
): Promise<boolean> {
  const stripped = [one, other].map((path) => `${path}.kmatrix-stripped`);
  try {
    const texts: Uint8Array[] = [];
    for (const [at, path] of [one, other].entries()) {
      const strip = llvmTool(toolchain.llvm, "llvm-strip");
      await host.run({ argv: [strip, "--strip-debug", "-o", stripped[at]!, path] });
      texts.push(await host.fs.readBytes(stripped[at]!));
    }
    return sameBytes(texts[0]!, texts[1]!);
  } finally {
    for (const path of stripped) await host.fs.remove(path);
  }
}

async function compareImages(
  one: string,
  other: string,
  host: Host,
): Promise<NonNullable<VariantProof["vmlinux"]>> {
  const files = [await host.fs.openParts(one), await host.fs.openParts(other)] as const;
  try {
    const [mine, theirs] = [new Elf(files[0], one), new Elf(files[1], other)];
    const textBytes = mine.sections.find(({ name }) => name === TEXT)?.size ?? 0;
    return { parts: differenceOf(mine, theirs), textBytes };
  } finally {
    for (const file of files) file.close();
  }
}

/** The section of vmlinux and of objects that has the kernel's code. */
const TEXT = ".text";

/** The compiler's call for an object and objtool's behind it; null for what no compiler made of C. */
async function commandsOf(
  path: string,
  buildDir: string,
  host: Host,
): Promise<readonly (readonly string[])[] | null> {
  const text = await host.fs.readTextIfAny(`${buildDir}/${commandFile(path)}`);
  if (text === null) return null;
  const origin = readOrigin(text);
  if (origin.kind !== "compiled" || origin.language !== "c") return null;
  const line = text.slice(0, text.indexOf("\n"));
  const behind = simpleCommands(line.replaceAll("$(pound)", "#").replaceAll("$$", "$"))
    .filter(([program]) => basename(program ?? "") === "objtool");
  return [origin.argv, ...behind];
}

/** The path of the fresh object, which is the caller's to remove; null where it cannot be made. */
async function compilePlainly(
  path: string,
  config: Pick<KernelConfig, "buildDir" | "source" | "toolchain">,
  host: Host,
): Promise<string | null> {
  const { buildDir } = config;
  // Another comparison may be at work in this folder.
  const fresh = `${dirname(path)}/kmatrix-plain-${crypto.randomUUID()}-${basename(path)}`;
  for (const argv of await commandsOf(path, buildDir, host) ?? []) {
    const words = argv.filter((word) => !/^-Wp,-MM?D,/.test(word))
      .map((word) => word === path ? fresh : word);
    const { code } = await host.run({
      argv: ["env", ...words],
      cwd: buildDir,
      env: { CCACHE_DISABLE: "1" },
      confine: buildConfinement({ ...config, jobs: 1, variables: {} }),
    });
    if (code !== 0) {
      await host.fs.remove(`${buildDir}/${fresh}`);
      return null;
    }
  }
  await checkInside(buildDir, [fresh], host);
  return `${buildDir}/${fresh}`;
}
