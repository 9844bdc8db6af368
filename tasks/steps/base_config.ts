// SPDX-License-Identifier: MIT
/** The .config that a config's own lines go on top of: made by targets of the tree, or from a file. */
import type { Host } from "../host/host.ts";
import type { BaseStep, ConfigSpec } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { archOf } from "../core/arch/table.ts";
import { nearest } from "../core/text/nearest.ts";
import { sha256 } from "../core/text/digest.ts";
import { baseOf, baseTitle, FULL_TARGETS } from "../core/build/config_base.ts";
import { type BaseFile, checkBaseFile, parseBaseFile } from "../core/build/base_file.ts";
import type { MergedRequest } from "../core/kconfig/kconfig.ts";
import type { MakeRequest } from "../core/build/make.ts";

/** A config's base, its file read. */
export interface LoadedBase {
  readonly title: string;
  readonly steps: readonly BaseStep[];
  /** null where it begins with a target. */
  readonly file: BaseFile | null;
  /** Equal for bases that give the same with the same tree. */
  readonly identity: string;
}

/** What a .config is made from. */
export interface ConfigRequest {
  readonly make: MakeRequest;
  readonly config: ConfigSpec;
  readonly base: LoadedBase;
  readonly request: MergedRequest;
  /** Of the kernel, for people. */
  readonly version: string;
  /** What decides about the base's .config besides its targets; null where nobody knows all of it. */
  readonly ground: string | null;
}

/** @throws KmatrixError "usage" (bad-base) for a file that cannot be one. */
export async function loadBase(
  config: Pick<ConfigSpec, "base">,
  arch: MakeRequest["toolchain"],
  host: Host,
): Promise<LoadedBase> {
  const steps = baseOf(config);
  const [first] = steps;
  const file = first?.kind === "file" ? await readBaseFile(first, arch, host) : null;
  const digest = file === null ? "" : await sha256(JSON.stringify(file.lines.map(
    ({ option, value }) => [option, value],
  )));
  const identity = steps.map((step) => step.kind === "target" ? step.name : digest).join(" ");
  return { title: baseTitle(config), steps, file, identity };
}

/** The settings of a .config file, which may be gzip'd. @throws KmatrixError "usage" (bad-base). */
export async function readBaseFile(
  { path, written, unset }: Extract<BaseStep, { kind: "file" }>,
  toolchain: MakeRequest["toolchain"],
  host: Host,
): Promise<BaseFile> {
  const bad = (text: string, hint = "") => new KmatrixError("usage", "bad-base", text, hint);
  if (unset !== undefined) throw bad(`base ${written}: $${unset} has no value`);
  const kind = await host.fs.kind(path);
  if (kind === null) throw bad(`base ${written}: there is no file ${path}`);
  if (kind !== "file" && path !== "/proc/config.gz") {
    throw bad(`base ${written}: ${path} is a ${kind}, not a .config file`);
  }
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await host.fs.readBytes(path);
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = await gunzip(bytes);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw bad(`base ${written}: ${path} cannot be read: ${why}`);
  }
  const text = checkBaseFile(bytes, written);
  return parseBaseFile(text, written, archOf(toolchain));
}

async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * Targets of a base that the tree has to have; those that every tree has are not looked for.
 * @throws KmatrixError "config" (no-such-target) with what there is.
 */
export async function checkTargets(
  { steps }: LoadedBase,
  { source, toolchain }: MakeRequest,
  config: string,
  version: string,
  host: Host,
): Promise<void> {
  const wanted = steps.flatMap((step) => step.kind === "target" ? step.name : [])
    .filter((name) => !FULL_TARGETS.includes(name));
  if (wanted.length === 0) return;
  const folders = [`${archOf(toolchain).folder}/configs`, "kernel/configs"];
  const lists = folders.map((folder) => host.fs.list(`${source.path}/${folder}`));
  const has = [...new Set((await Promise.all(lists)).flat())]
    .filter((name) => /(?:_defconfig|\.config)$/.test(name)).sort();
  for (const name of wanted) {
    if (has.includes(name)) continue;
    const text = `base of config ${config}: this kernel (${version}) has no target ${name}`;
    const detail = `There are, in ${folders.join(" and ")}: ${
      [...FULL_TARGETS, ...has].join(", ")
    }.\nA file is written with its folder: ./${name}`;
    const subject = { kind: "file", name } as const;
    throw new KmatrixError("config", "no-such-target", text + nearest(name, has), detail, subject);
  }
}
