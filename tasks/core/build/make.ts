// SPDX-License-Identifier: MIT
/** The make command lines of a kernel build, and the key under which a build is kept. */
import { dirname, relative } from "node:path/posix";
import type { BootImage } from "../arch/arch.ts";
import { archOf } from "../arch/table.ts";
import type { SourceTree, Toolchain } from "../model/model.ts";
import type { Confinement } from "./sandbox.ts";

/** The program names that an LLVM= value stands for (Documentation/kbuild/llvm.rst). */
export function llvmTool(llvm: string, tool: string): string {
  if (llvm.endsWith("/")) return `${llvm}${tool}`;
  return llvm === "1" ? tool : `${tool}${llvm}`;
}

/** The compiler of a toolchain: CC= where it is set, else LLVM's clang. */
export function clangOf(toolchain: Toolchain): string {
  return toolchain.cc ?? llvmTool(toolchain.llvm, "clang");
}

/**
 * The first character of a path that no kernel builds with, or undefined. Of blanks and colons the
 * top Makefile says so itself; the others mean something to make or to the shell, and stand unquoted
 * in kbuild's commands.
 */
export function unbuildable(path: string): string | undefined {
  return /[\s:#$%&'"()*;<>?[\\\]`{|}!]/.exec(path)?.[0];
}

/** Every make target that a kernel is built by: its modules too, where it has some. */
export function kernelTargets(image: Pick<BootImage, "target">, modules: boolean): string[] {
  return [...new Set(["vmlinux", ...(modules ? ["modules"] : []), image.target])];
}

/** What every make call of one build has in common. */
export interface MakeRequest {
  readonly source: Pick<
    SourceTree,
    "path" | "viewOf" | "digest" | "stamp" | "kconfigTimes" | "linked" | "brought"
  >;
  readonly buildDir: string;
  readonly toolchain: Toolchain;
  readonly jobs: number;
  /** The caller's, see core/model/environment.ts. */
  readonly variables: Readonly<Record<string, string>>;
  /** The compiler plugin of KCOV dataflow, absolute; missing for a build without it. */
  readonly plugin?: string | undefined;
  /** What is called in the compiler's place, absolute (dataflow_form.ts); missing for the compiler. */
  readonly compiler?: string | undefined;
}

/**
 * Variables that decide what the compiler produces, without those that only name places.
 * The stamps are fixed so that equal input gives equal output (kbuild/reproducible-builds.rst).
 */
export function stampVariables(toolchain: Pick<Toolchain, "arch">): Record<string, string> {
  return {
    ARCH: archOf(toolchain).name,
    KBUILD_BUILD_TIMESTAMP: "Thu Jan  1 00:00:00 UTC 2026",
    KBUILD_BUILD_USER: "kmatrix",
    KBUILD_BUILD_HOST: "kmatrix",
    KBUILD_BUILD_VERSION: "1",
    // A git tree would otherwise write its commit, and "+" for dirty, into the release string.
    LOCALVERSION: "",
  };
}

/**
 * What every kernel is compiled with beyond kbuild's own flags.
 * Line tables cost 2 % of a build's CPU time here, and without them no PC has a file and line;
 * full DWARF is what only a debugger needs.
 */
function compilerFlags(source: string, buildDir: string): string[] {
  // As the compiler is given them: absolute, or, through ccache, relative to the build folder.
  const places = [source, relative(buildDir, source)];
  return [
    "-gline-tables-only",
    ...places.map((place) => `-ffile-prefix-map=${place}/=`),
    // The folder in which it is started, which debug information names too.
    `-ffile-prefix-map=${buildDir}=.`,
  ];
}

/** `make` for one or more targets, out of tree. */
export function makeArgv(request: MakeRequest, targets: readonly string[]): string[] {
  const { source, buildDir, toolchain, jobs, variables, plugin } = request;
  const { compiler = toolchain.cc } = request;
  const { KCFLAGS = "", ...others } = variables;
  const all: Record<string, string> = {
    O: buildDir,
    LLVM: toolchain.llvm,
    ...(compiler === undefined ? {} : { CC: compiler }),
    ...stampVariables(toolchain),
    ...(plugin === undefined ? {} : { KCOV_DATAFLOW_PLUGIN: plugin }),
    KCFLAGS: [...compilerFlags(source.path, buildDir), KCFLAGS].filter(Boolean).join(" "),
    ...others,
  };
  return [
    "make",
    "-C",
    source.path,
    `-j${jobs}`,
    // Keeps the lines of one object together, so that a warning can be told from its neighbour's.
    "--output-sync=target",
    ...Object.entries(all).map(([name, value]) => `${name}=${value}`),
    ...targets,
  ];
}

/** What a build may touch: it runs the Makefiles and scripts of whoever wrote the tree. */
export function buildConfinement(
  { source, buildDir, toolchain, plugin }: MakeRequest,
): Confinement {
  return {
    writable: [buildDir],
    readable: [source.path, ...(plugin === undefined ? [] : [dirname(plugin)])],
    programs: [
      clangOf(toolchain),
      llvmTool(toolchain.llvm, "clang"),
      llvmTool(toolchain.llvm, "ld.lld"),
      llvmTool(toolchain.llvm, "opt"),
    ],
  };
}

/** `make` for the module in a folder of its own, against a kernel that is built (kbuild/modules.rst). */
export function moduleArgv(request: MakeRequest, folder: string): string[] {
  return makeArgv({ ...request, variables: { ...request.variables, M: folder } }, ["modules"]);
}

/**
 * `make` in a folder of kselftest, with everything that it writes in `output`. It is no part of
 * kbuild, and takes its own few variables (tools/testing/selftests/lib.mk).
 */
export function selftestArgv(
  { source, buildDir, toolchain }: MakeRequest,
  folder: string,
  output: string,
  targets: readonly string[],
): string[] {
  return [
    "make",
    "-C",
    `${source.path}/${folder}`,
    `OUTPUT=${output}`,
    `ARCH=${archOf(toolchain).name}`,
    `LLVM=${toolchain.llvm}`,
    ...(toolchain.cc === undefined ? [] : [`CC=${toolchain.cc}`]),
    // As `make headers` leaves them; lib.mk would look into the source tree.
    `KHDR_INCLUDES=-isystem ${buildDir}/usr/include`,
    "USERLDFLAGS=-static",
    ...targets,
  ];
}

/** What a build folder is kept for. */
export interface BuildIdentity {
  /**
   * Not the content: a changed source is built in the same folder, where make compiles what has
   * changed. The stage's stamp holds the content.
   */
  readonly sourcePath: string;
  /** What the fragment goes on top of, where that is not tinyconfig. */
  readonly base?: string | undefined;
  /** The base plus this. */
  readonly fragment: string;
  /** `clang --version` and `ld.lld --version`, so that an upgraded compiler is another one. */
  readonly toolchain: string;
  readonly variables: Readonly<Record<string, string>>;
  /** What it is built for. */
  readonly arch?: Toolchain["arch"];
  readonly targets: readonly string[];
  /** Of a build whose objects the compiler has made in one step, where others are instrumented late. */
  readonly late?: "off" | undefined;
  /** Digest of the compiler plugin, of a build with one. */
  readonly plugin?: string | undefined;
  /** As BuildInputs.form has it. */
  readonly form?: string | undefined;
}

/** A canonical text of the identity; its SHA-256 is the build key. */
export function buildIdentityText(identity: BuildIdentity): string {
  const sorted = Object.fromEntries(
    Object.entries({ ...stampVariables(identity), ...identity.variables }).sort(([a], [b]) =>
      a < b ? -1 : 1
    ),
  );
  return JSON.stringify({
    flags: compilerFlags("/source", "/build"),
    source: identity.sourcePath,
    base: identity.base,
    fragment: identity.fragment,
    toolchain: identity.toolchain,
    variables: sorted,
    targets: identity.targets,
    late: identity.late,
    // Missing for any other build, whose key is what it was before there was a plugin.
    plugin: identity.plugin,
    form: identity.form,
  });
}
