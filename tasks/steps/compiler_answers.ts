// SPDX-License-Identifier: MIT
/**
 * What a compiler has answered Kconfig and the Makefiles, kept for all kernels of the project, apart for
 * each compiler. It holds for configurations alone: nothing of a kernel is compiled through it.
 */
import type { Command, Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type { SourceTree } from "../core/model/model.ts";
import { sha256 } from "../core/text/digest.ts";
import { ANSWERS_SCRIPT } from "../core/build/answers_script.ts";
import { clangOf, llvmTool, type MakeRequest } from "../core/build/make.ts";
import { writeScript } from "./compiler_cache.ts";
import { toolchainFiles } from "./toolchain_files.ts";

/** Below the build folder, which is emptied for another compiler: of a kernel that was brought. */
export const ANSWERS_FOLDER = "kmatrix-answers";

/**
 * A make call with the script in front of the compiler; as it is where the compiler is named by a path,
 * or nobody knows of which files it is made.
 */
export async function withAnswers(
  command: Pick<Command, "confine" | "env">,
  { toolchain, buildDir, source }: Pick<MakeRequest, "toolchain" | "buildDir"> & {
    readonly source: Pick<SourceTree, "brought">;
  },
  paths: Paths,
  host: Host,
): Promise<Pick<Command, "confine" | "env">> {
  const { confine } = command;
  // kbuild's HOSTCC is LLVM's clang, whatever CC= says.
  const names = [...new Set([clangOf(toolchain), llvmTool(toolchain.llvm, "clang")])];
  if (!names.every((name) => /^[\w.+-]+$/.test(name))) return command;
  // Its linker is none of the names, and is never asked through the script.
  const programs = [clangOf(toolchain), llvmTool(toolchain.llvm, "ld.lld")];
  const files = await toolchainFiles([...names, ...programs], paths.cache, host);
  if (files === null) return command;
  // What a stranger's Makefile puts there must not become a part of any other kernel.
  const kept = source.brought
    ? `${buildDir}/${ANSWERS_FOLDER}`
    : `${paths.cache}/probes/answers-${await digestOf(files)}`;
  await host.fs.makeDir(kept);
  const scripts = `${paths.cache}/toolchain/answers`;
  for (const name of names) await writeScript(`${scripts}/${name}`, ANSWERS_SCRIPT, host);
  const path = command.env?.PATH ?? host.env("PATH") ?? "";
  return {
    ...confine ? { confine: { ...confine, writable: [...confine.writable, kept] } } : {},
    env: {
      ...command.env,
      PATH: `${scripts}:${path}`,
      KMATRIX_ANSWERS: kept,
      KMATRIX_ANSWERS_PATH: path,
    },
  };
}

async function digestOf(files: Readonly<Record<string, string>>): Promise<string> {
  return (await sha256(JSON.stringify(Object.entries(files).sort()))).slice(0, 16);
}
