// SPDX-License-Identifier: MIT
/**
 * The compiler plugin of KCOV dataflow in the cache: compiled once for each source of it, version of
 * LLVM and compiler, before the first kernel that needs it is configured.
 */
import { dirname } from "node:path/posix";
import type { CommandResult, Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type { DataflowForm, Toolchain } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { clangOf } from "../core/build/make.ts";
import {
  isNoted,
  isProbed,
  llvmConfigOf,
  llvmVersion,
  noteProbeArgv,
  PLUGIN_FILE,
  PLUGIN_FOLDER,
  PLUGIN_HEADER,
  PLUGIN_PROBE,
  pluginCompileCommand,
  pluginProbeArgv,
  pluginSources,
} from "../core/build/dataflow_plugin.ts";
import { type FormScript, formScript, formScriptPath } from "../core/build/dataflow_form.ts";
import { sha256 } from "../core/text/digest.ts";
import { fileDigest } from "./file_digest.ts";
import { checkRoom } from "./free_room.ts";
import { partOf } from "./layers.ts";
import { type LockUse, withLock } from "./locks.ts";
import { probeProgram } from "./probe_cache.ts";
import { toolchainFiles } from "./toolchain_files.ts";

/** What a plugin is made of, and where it lies or is going to. */
export interface PluginPlace {
  /** Of its source, LLVM's version and the compiler; the name of its folder. */
  readonly digest: string;
  /** Absolute. */
  readonly file: string;
  /** Digest of what decides about its notes ({@linkcode notesOf}): its headers, or all where it has none. */
  readonly notes: string;
  /** Folder of its source, and the names of files in it, sorted. */
  readonly source: { readonly folder: string; readonly names: readonly string[] };
  /** The script in front of the compiler, with the absolute path of its file, where a form is asked for. */
  readonly script?: FormScript & { readonly file: string };
}

/**
 * Beside the plugin: the SHA-256 of its file, and in a second line what {@linkcode notesOf} says. Written
 * at each use, so that its time tells the last.
 */
const SEAL = `${PLUGIN_FILE}.sha256`;

/** Reads what decides about the plugin of a toolchain; makes nothing, and lacks nothing. */
export async function pluginPlace(
  toolchain: Toolchain,
  paths: Paths,
  host: Host,
): Promise<PluginPlace> {
  const folder = await partOf(PLUGIN_FOLDER, paths, host) ?? `${paths.root}/${PLUGIN_FOLDER}`;
  const { all: names, headers } = pluginSources(await host.fs.list(folder));
  const texts = await Promise.all(names.map((name) => host.fs.readText(`${folder}/${name}`)));
  const clang = clangOf(toolchain);
  const version = async (program: string) =>
    (await probeProgram([program, "--version"], paths.cache, host)).stdout.trim();
  const files = await toolchainFiles([clang], paths.cache, host);
  const made = [
    names,
    texts,
    pluginCompileCommand(toolchain, "", names, ""),
    await version(llvmConfigOf(toolchain)),
    // Not their paths, which are others on another machine.
    files === null ? await version(clang) : Object.values(files).sort(),
  ];
  const digest = (await sha256(JSON.stringify(made))).slice(0, 16);
  const file = `${paths.plugins}/${digest}/${PLUGIN_FILE}`;
  const deciding = headers.length === 0 ? names : headers;
  const notes = await sha256(
    JSON.stringify(deciding.map((name) => [name, texts[names.indexOf(name)]])),
  );
  return { digest, file, notes, source: { folder, names } };
}

/** The same with the script for kernels that ask for it by published flags; as it is without a form. */
export async function withForm(
  place: PluginPlace,
  toolchain: Toolchain,
  form: DataflowForm | undefined,
): Promise<PluginPlace> {
  if (form === undefined) return place;
  const script = await formScript(toolchain, form);
  return {
    ...place,
    script: { ...script, file: `${dirname(place.file)}/${formScriptPath(script)}` },
  };
}

/**
 * Makes sure that the plugin is there, and whole.
 * @throws KmatrixError "infra" (no-llvm-headers, other-llvm), "config" (plugin-compile-error,
 *   plugin-not-loaded).
 */
export async function ensurePlugin(
  toolchain: Toolchain,
  paths: Paths,
  host: Host,
): Promise<PluginPlace> {
  const place = await pluginPlace(toolchain, paths, host);
  await withLock(pluginLock(place.digest, paths), host, async () => {
    const seal = `${paths.plugins}/${place.digest}/${SEAL}`;
    const known = await host.fs.readTextIfAny(seal);
    const [sealed] = known?.split("\n") ?? [];
    if (known !== null && sealed !== "" && await digestOf(place.file, host) === sealed) {
      return await host.fs.writeText(seal, known);
    }
    if (known !== null) {
      host.log("notice", `${place.file} is not as it was compiled: compiling again`);
    }
    const lack = await pluginLack(toolchain, paths, host);
    if (lack !== null) throw new KmatrixError("infra", lack.id, lack.text, lack.advice);
    await compilePlugin(place, toolchain, paths, host);
  });
  return place;
}

/**
 * What decides about the notes of a compiled plugin, as a digest: two plugins with the same one note the
 * same in the same IR. null for a plugin that cannot be asked for notes alone, such as an earlier one.
 */
export async function notesOf(file: string, host: Host): Promise<string | null> {
  const seal = await host.fs.readTextIfAny(`${dirname(file)}/${SEAL}`);
  return seal?.split("\n")[1] || null;
}

/** Of one plugin: held by who makes it, or removes it. */
export function pluginLock(digest: string, { cache }: Pick<Paths, "cache">): LockUse {
  const name = digest.replace(/\.partial$/, "");
  return { path: `${cache}/locks/plugin-${name}`, what: `another run compiles plugin ${name}` };
}

/** What keeps a machine from having a plugin. */
export interface PluginLack {
  readonly id: "no-llvm-headers" | "other-llvm";
  readonly text: string;
  readonly advice: string;
}

/** null where the plugin can be compiled for the toolchain, as far as can be told without doing so. */
export async function pluginLack(
  toolchain: Toolchain,
  paths: Paths,
  host: Host,
): Promise<PluginLack | null> {
  const [clang, llvmConfig] = [clangOf(toolchain), llvmConfigOf(toolchain)];
  const missing = await missingForPlugin(toolchain, paths, host);
  if (missing !== null) {
    return {
      id: "no-llvm-headers",
      text: `the dataflow plugin of ${clang} cannot be compiled: ${missing}`,
      advice: `Install g++ and LLVM's development package (Debian: g++ llvm${
        /^-\d+$/.test(toolchain.llvm) ? toolchain.llvm : ""
      }-dev), or leave out the cells that require "dataflow".`,
    };
  }
  const versionOf = async (program: string) =>
    llvmVersion((await probeProgram([program, "--version"], paths.cache, host)).stdout);
  const [ours, theirs] = [await versionOf(clang), await versionOf(llvmConfig)];
  if (ours === theirs && ours !== null) return null;
  return {
    id: "other-llvm",
    text: `the dataflow plugin cannot be compiled for ${clang} ${ours ?? "of no known version"}: ` +
      `${llvmConfig} has headers of LLVM ${theirs ?? "of no known version"}`,
    advice:
      "A plugin loads into the LLVM that it was compiled for alone. Install the development " +
      "package of the compiler's own version, or name a toolchain that has one (LLVM=).",
  };
}

/** What of g++, llvm-config and LLVM's headers is not here, for people; null for nothing. */
export async function missingForPlugin(
  toolchain: Toolchain,
  paths: Paths,
  host: Host,
): Promise<string | null> {
  const headers = await llvmHeaders(toolchain, paths, host);
  if (!headers.ok) return headers.found;
  return await host.fs.which("g++") === null ? "g++ is missing" : null;
}

/** Where LLVM's headers are, or what is missing. */
export async function llvmHeaders(
  toolchain: Pick<Toolchain, "llvm">,
  paths: Paths,
  host: Host,
): Promise<{ readonly ok: boolean; readonly found: string }> {
  const llvmConfig = llvmConfigOf(toolchain);
  const { code, stdout } = await probeProgram([llvmConfig, "--includedir"], paths.cache, host);
  if (code === 127) return { ok: false, found: `${llvmConfig} is missing` };
  const folder = stdout.trim();
  if (code !== 0 || folder === "") {
    return { ok: false, found: `${llvmConfig} --includedir does not say where (exit ${code})` };
  }
  const ok = await host.fs.exists(`${folder}/${PLUGIN_HEADER}`);
  return { ok, found: ok ? folder : `there is no ${folder}/${PLUGIN_HEADER}` };
}

/** Makes it in a folder of another name; the lock is held. What is broken off is no plugin. */
async function compilePlugin(
  { digest, source, notes }: PluginPlace,
  toolchain: Toolchain,
  paths: Paths,
  host: Host,
): Promise<void> {
  const { compiled } = pluginSources(source.names);
  if (compiled.length === 0) {
    throw lacksPlugin("plugin-compile-error", `${source.folder} has no C++ file`, "");
  }
  host.log("info", `compiling the dataflow plugin of ${clangOf(toolchain)}`);
  const folder = `${paths.plugins}/${digest}`;
  const partial = `${folder}.partial`;
  const file = `${partial}/${PLUGIN_FILE}`;
  try {
    await host.fs.remove(partial);
    await host.fs.makeDir(partial);
    const made = await host.run({
      argv: pluginCompileCommand(toolchain, source.folder, compiled, file),
      // What g++ leaves where it is killed.
      env: { TMPDIR: partial },
      givesWay: true,
    });
    stopIfBrokenOff(host);
    if (made.code !== 0) {
      await checkRoom("plugin", partial, host);
      if (made.code > 128) {
        throw new KmatrixError("infra", "compiler-killed", "g++ was killed", lastLines(made));
      }
      const [first] = made.stderr.split("\n").filter((line) => /\berror\b/.test(line));
      const what = `the dataflow plugin does not compile: ${first ?? `g++ exit ${made.code}`}`;
      throw lacksPlugin("plugin-compile-error", what, lastLines(made));
    }
    await checkLoads(file, toolchain, host);
    const canNote = await takesNotes(file, toolchain, host);
    const seal = [await digestOf(file, host), ...(canNote ? [notes] : []), ""];
    for (const name of await host.fs.list(partial)) {
      if (name !== PLUGIN_FILE) await host.fs.remove(`${partial}/${name}`);
    }
    await host.fs.writeText(`${partial}/${SEAL}`, seal.join("\n"));
    await host.fs.remove(folder);
    await host.fs.rename(partial, folder);
  } finally {
    await host.fs.remove(partial);
  }
}

/** A second of work, of which a busy machine has made one minute; only a pass without end takes longer. */
const PROBE_MS = 600_000;

/** Beside the plugin while it is tried. */
const PROBE_SOURCE = "probe.c";

/** @throws KmatrixError "config" (plugin-not-loaded) where the compiler does not, or adds no call. */
async function checkLoads(file: string, toolchain: Toolchain, host: Host): Promise<void> {
  const source = `${dirname(file)}/${PROBE_SOURCE}`;
  await host.fs.writeText(source, PLUGIN_PROBE);
  const probed = await probe(pluginProbeArgv(toolchain, file, source), host);
  if (probed.code === 0 && isProbed(probed.stdout)) return;
  const clang = clangOf(toolchain);
  const what = probed.code === 0
    ? `${clang} loads the dataflow plugin, which adds no call to a function`
    : `${clang} does not take the dataflow plugin (exit ${probed.code})`;
  throw lacksPlugin("plugin-not-loaded", what, lastLines(probed));
}

/** Whether a plugin that {@linkcode checkLoads} has tried can be asked for notes alone. */
async function takesNotes(file: string, toolchain: Toolchain, host: Host): Promise<boolean> {
  const source = `${dirname(file)}/${PROBE_SOURCE}`;
  const { code, stdout } = await probe(noteProbeArgv(toolchain, file, source), host);
  return code === 0 && isNoted(stdout);
}

async function probe(argv: readonly string[], host: Host): Promise<CommandResult> {
  const probed = await host.run({ argv, timeoutMs: PROBE_MS });
  stopIfBrokenOff(host);
  return probed;
}

function lacksPlugin(id: string, text: string, detail: string): KmatrixError {
  const evidence = { kind: "compiler-feature", feature: "dataflow" } as const;
  return new KmatrixError("config", id, text, detail, evidence);
}

const lastLines = ({ stderr }: CommandResult) => stderr.trimEnd().split("\n").slice(-15).join("\n");

/** "" for a file that cannot be read. */
async function digestOf(file: string, host: Host): Promise<string> {
  const { sha256, trouble } = await fileDigest(file, host);
  return trouble === null ? sha256! : "";
}

function stopIfBrokenOff(host: Host): void {
  if (host.signal.aborted) throw new KmatrixError("interrupted", "interrupted", "interrupted");
}

/** Plugins of the cache, each with the time of its last use; those that are half made have none. */
export async function keptPlugins(
  { plugins }: Paths,
  host: Host,
): Promise<readonly { readonly digest: string; readonly dir: string; readonly usedMs: number }[]> {
  const names = await host.fs.list(plugins);
  return await Promise.all(names.map(async (digest) => {
    const dir = `${plugins}/${digest}`;
    return { digest, dir, usedMs: (await host.fs.stat(`${dir}/${SEAL}`))?.mtimeMs ?? 0 };
  }));
}
