// SPDX-License-Identifier: MIT
/**
 * What a compiler has answered Kconfig and the Makefiles, kept in the build folder, which is emptied for
 * another compiler (steps/build_store.ts). It holds for configurations alone: nothing of a kernel is
 * compiled through it.
 */
import type { Command, Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import { ANSWERS_SCRIPT } from "../core/build/answers_script.ts";
import { clangOf, llvmTool, type MakeRequest } from "../core/build/make.ts";
import { toolchainFiles } from "./toolchain_files.ts";

/** Below the build folder. */
export const ANSWERS_FOLDER = "kmatrix-answers";

/**
 * A make call with the script in front of the compiler; as it is where the compiler is named by a path,
 * or nobody knows of which files it is made.
 */
export async function withAnswers(
  command: Pick<Command, "confine" | "env">,
  { toolchain, buildDir }: Pick<MakeRequest, "toolchain" | "buildDir">,
  paths: Paths,
  host: Host,
): Promise<Pick<Command, "confine" | "env">> {
  // kbuild's HOSTCC is LLVM's clang, whatever CC= says.
  const names = [...new Set([clangOf(toolchain), llvmTool(toolchain.llvm, "clang")])];
  if (!names.every((name) => /^[\w.+-]+$/.test(name))) return command;
  // Its linker is none of the names, and is never asked through the script.
  const programs = [clangOf(toolchain), llvmTool(toolchain.llvm, "ld.lld")];
  if (await toolchainFiles(programs, paths.cache, host) === null) return command;
  const scripts = `${paths.cache}/toolchain/answers`;
  for (const name of names) await writeScript(`${scripts}/${name}`, host);
  const path = command.env?.PATH ?? host.env("PATH") ?? "";
  return {
    ...command,
    env: {
      ...command.env,
      PATH: `${scripts}:${path}`,
      KMATRIX_ANSWERS: `${buildDir}/${ANSWERS_FOLDER}`,
      KMATRIX_ANSWERS_PATH: path,
    },
  };
}

/** In one step, for another run may be asking by it. */
async function writeScript(path: string, host: Host): Promise<void> {
  if (await host.fs.readTextIfAny(path) === ANSWERS_SCRIPT) return;
  const fresh = `${path}.${crypto.randomUUID()}`;
  await host.fs.writeText(fresh, ANSWERS_SCRIPT);
  await host.run({ argv: ["chmod", "755", fresh] });
  await host.fs.rename(fresh, path);
}
