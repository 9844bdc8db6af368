// SPDX-License-Identifier: MIT
/** Late instrumentation of a build: core/late/late_script.ts behind the compiler cache. */
import type { Host } from "../host/host.ts";
import type { KernelBuild, KernelConfig, LateChoice } from "../core/model/model.ts";
import type { Paths } from "../core/model/paths.ts";
import { clangOf, llvmTool } from "../core/build/make.ts";
import { sha256 } from "../core/text/digest.ts";
import { LATE_FOLDER, LATE_PLUGIN, LATE_SCRIPT } from "../core/late/late_script.ts";
import { isInstrumented, tracesData, variantOptions } from "../core/late/variant_options.ts";
import { parseLateLog } from "../core/late/late_log.ts";
import { type CompilerCache, writeScript } from "./compiler_cache.ts";
import { notesOf } from "./dataflow_plugin.ts";
import { probeProgram } from "./probe_cache.ts";
import { toolchainFiles } from "./toolchain_files.ts";

/** What its script and the ccache beneath it append, below the build folder. */
const LOG = "kmatrix-late.log";

/** What the script leaves beside objects, and in its own folder where it is killed. */
const LEFTOVERS = [
  ...["bc", "bc.check", "late.bc", "err", "said"].flatMap((end) => ["-name", `.*.o.${end}`, "-o"]),
  ...["-path", `*/${LATE_FOLDER}/*.[0-9]*`],
];

/**
 * The script as a part of the toolchain: what another version of it has made is made again. As
 * BuildInputs.toolchainFiles has it.
 */
export async function lateFiles(choice: LateChoice): Promise<Readonly<Record<string, string>>> {
  return choice === "off"
    ? {}
    : { "late instrumentation": (await sha256(LATE_SCRIPT)).slice(0, 32) };
}

/** There as long as a build is made with it. */
const MARK = "kmatrix-late.on";

/**
 * The compiler cache with the script behind it; as it was where nothing is instrumented, LLVM's opt
 * is not there or not of the compiler's version, or it is turned off.
 * @param dotConfig The text of the build's .config.
 */
export async function withLateInstrumentation(
  cache: CompilerCache | null,
  config: Pick<KernelConfig, "toolchain" | "buildDir" | "plugin" | "compiler">,
  dotConfig: string,
  choice: LateChoice,
  paths: Paths,
  host: Host,
): Promise<CompilerCache | null> {
  const { toolchain, buildDir } = config;
  // Its log is of one build. The folder goes as a whole: a build may have left a link there.
  const ofBuild = [LOG, MARK, LATE_FOLDER];
  for (const name of ofBuild) await host.fs.remove(`${buildDir}/${name}`);
  await sweep(buildDir, host);
  if (cache === null || choice === "off" || !isInstrumented(dotConfig)) return cache;
  const [compiler, opt] = [clangOf(toolchain), llvmTool(toolchain.llvm, "opt")];
  const files = await host.fs.which(opt) === null
    ? null
    : await toolchainFiles([opt], paths.cache, host);
  if (
    files === null || await versionOf(compiler, paths, host) !== await versionOf(opt, paths, host)
  ) {
    host.log("notice", `no late instrumentation: there is no ${opt} of ${compiler}'s version`);
    return cache;
  }
  const script = `${paths.cache}/toolchain/ccache/late`;
  await writeScript(script, LATE_SCRIPT, host);
  await host.fs.writeText(`${buildDir}/${MARK}`, "");
  const made = await sha256([LATE_SCRIPT, ...Object.values(files).sort()].join("\n"));
  return {
    ...cache,
    env: {
      ...cache.env,
      KMATRIX_LATE: script,
      // What is made by other steps is another object until somebody has compared them.
      CCACHE_COMPILERCHECK: `${cache.env["CCACHE_COMPILERCHECK"]} ${made}`,
      KMATRIX_LATE_OPT: opt,
      KMATRIX_LATE_NM: llvmTool(toolchain.llvm, "llvm-nm"),
      KMATRIX_LATE_OPTIONS: variantOptions(dotConfig).join(" "),
      KMATRIX_LATE_LOG: `${buildDir}/${LOG}`,
      ...await notingPlugin(config, dotConfig, host),
    },
  };
}

/**
 * What the script goes by where the plugin of KCOV dataflow is to note parameters in what is shared: not
 * for published forms, nor with a plugin that cannot be asked for notes alone.
 */
async function notingPlugin(
  { buildDir, plugin, compiler }: Pick<KernelConfig, "buildDir" | "plugin" | "compiler">,
  dotConfig: string,
  host: Host,
): Promise<Readonly<Record<string, string>>> {
  const none = { KMATRIX_LATE_PLUGIN: "" };
  if (plugin === undefined || compiler !== undefined || !tracesData(dotConfig)) return none;
  const notes = await notesOf(plugin, host);
  if (notes === null) {
    const text = "files with calls of KCOV dataflow are compiled by clang alone";
    host.log("notice", `${text}: the plugin has no notes that could be shared`);
    return none;
  }
  await host.fs.makeDir(`${buildDir}/${LATE_FOLDER}`);
  await host.fs.link(plugin, `${buildDir}/${LATE_FOLDER}/${LATE_PLUGIN}`);
  return { KMATRIX_LATE_PLUGIN: plugin, KMATRIX_LATE_NOTES: notes };
}

/** Whether what a folder was built from last may have been instrumented late. */
export async function isLate(buildDir: string, host: Host): Promise<boolean> {
  return await host.fs.exists(`${buildDir}/${MARK}`);
}

/** What the build that has just ended made of it. */
export async function lateUse(
  buildDir: string,
  host: Host,
): Promise<Pick<KernelBuild, "lateUse">> {
  await sweep(buildDir, host);
  const text = await host.fs.readTextIfAny(`${buildDir}/${LOG}`);
  return text === null ? {} : { lateUse: parseLateLog(text) };
}

async function sweep(buildDir: string, host: Host): Promise<void> {
  await host.run({ argv: ["find", buildDir, "-type", "f", "(", ...LEFTOVERS, ")", "-delete"] });
}

/** "22.1.8" of "Debian clang version 22.1.8 (1)", and of what opt says of LLVM; null for neither. */
async function versionOf(program: string, paths: Paths, host: Host): Promise<string | null> {
  const { stdout } = await probeProgram([program, "--version"], paths.cache, host);
  return /\bversion (\d+\.\S+)/.exec(stdout)?.[1] ?? null;
}
