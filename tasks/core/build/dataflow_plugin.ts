// SPDX-License-Identifier: MIT
/**
 * The compiler plugin of KCOV dataflow as a part of a build: its source, the one line that compiles
 * it, and the words by which a compiler shows that it can use it (docs/dataflow.md).
 */
import { archOf } from "../arch/table.ts";
import type { Toolchain } from "../model/model.ts";
import { quoteWord } from "../text/shell.ts";
import { clangOf, llvmTool } from "./make.ts";

/** Folder of its source, below the project or a project of one's own. */
export const PLUGIN_FOLDER = "plugins/kcov-dataflow";

/** The name of what is compiled of it. */
export const PLUGIN_FILE = "kcov-dataflow.so";

/** What the compiler's make variable is called, which the kernel's Kconfig and Makefiles look at. */
export const PLUGIN_VARIABLE = "KCOV_DATAFLOW_PLUGIN";

/** What it adds calls of, on entry and on return. */
export const DATAFLOW_CALLBACKS = {
  args: "__sanitizer_cov_trace_args",
  rets: "__sanitizer_cov_trace_ret",
} as const;

/** The program that knows where LLVM's headers are. */
export function llvmConfigOf({ llvm }: Pick<Toolchain, "llvm">): string {
  return llvmTool(llvm, "llvm-config");
}

/** A header of LLVM's development package, below what `llvm-config --includedir` says. */
export const PLUGIN_HEADER = "llvm/Passes/PassBuilder.h";

/**
 * Of the files of the source's folder those that are compiled, and those that they include, which
 * decide about what it notes in IR.
 */
export function pluginSources(names: readonly string[]): {
  readonly compiled: readonly string[];
  readonly headers: readonly string[];
  readonly all: readonly string[];
} {
  const ending = (pattern: RegExp) => names.filter((name) => pattern.test(name)).toSorted();
  return {
    compiled: ending(/\.cpp$/),
    headers: ending(/\.h$/),
    all: ending(/\.(?:cpp|h)$/),
  };
}

/**
 * The shell's line that compiles it, here and in `repro.sh`: LLVM itself says with which words.
 * @param to Words of a shell, as all others: what is a path stands there quoted.
 */
export function pluginCompileLine(
  llvmConfig: string,
  sources: readonly string[],
  to: string,
): string {
  const flags = `$(${llvmConfig} --cxxflags) -O2 -g0 -fPIC -shared`;
  return `g++ ${flags} -o ${to} ${sources.join(" ")}`;
}

/** The same with paths of this machine. */
export function pluginCompileCommand(
  toolchain: Pick<Toolchain, "llvm">,
  folder: string,
  compiled: readonly string[],
  to: string,
): readonly string[] {
  const sources = compiled.map((name) => quoteWord(`${folder}/${name}`));
  const line = pluginCompileLine(quoteWord(llvmConfigOf(toolchain)), sources, quoteWord(to));
  return ["sh", "-c", line];
}

/** A function with all that the plugin adds calls for. */
export const PLUGIN_PROBE = "int probe(int a) { return a; }\n";

/** Compiles the file that holds {@linkcode PLUGIN_PROBE} to assembly on standard output. */
export function pluginProbeArgv(toolchain: Toolchain, plugin: string, file: string): string[] {
  return [
    clangOf(toolchain),
    `--target=${archOf(toolchain).target}`,
    ...["-O2", "-fsanitize-coverage=trace-pc", `-fpass-plugin=${plugin}`],
    ...["-mllvm", "-kcov-dataflow-args", "-mllvm", "-kcov-dataflow-ret"],
    ...["-S", "-x", "c", file, "-o", "-"],
  ];
}

/** Compiles the same with notes of the plugin's alone, to IR on standard output. */
export function noteProbeArgv(toolchain: Toolchain, plugin: string, file: string): string[] {
  return [
    clangOf(toolchain),
    `--target=${archOf(toolchain).target}`,
    ...["-O2", `-fpass-plugin=${plugin}`, "-mllvm", NOTE_ONLY],
    ...["-S", "-emit-llvm", "-x", "c", file, "-o", "-"],
  ];
}

/** Has the plugin note parameters and add no call. */
const NOTE_ONLY = "-kcov-dataflow-note-only";

/** Whether that IR has notes, and no call. */
export function isNoted(ir: string): boolean {
  return ir.includes("kcov-dataflow.noted") &&
    !Object.values(DATAFLOW_CALLBACKS).some((name) => ir.includes(name));
}

/** Whether that assembly has what the plugin was asked for. */
export function isProbed(assembly: string): boolean {
  return Object.values(DATAFLOW_CALLBACKS).every((name) => assembly.includes(name));
}

/** "22.1.8" of what clang, opt or llvm-config says of its version; null where nothing is one. */
export function llvmVersion(text: string): string | null {
  return /\b(\d+\.\d+\.\d+\w*)/.exec(text)?.[1] ?? null;
}

/** Modules of ours that are built for kernels with the plugin, and for no others. */
const MODULES: readonly string[] = ["kmatrix_dataflow"];

/** Of the names of our modules those that a kernel gets. */
export function modulesFor(names: readonly string[], plugin: string | undefined): string[] {
  return names.filter((name) => plugin !== undefined || !MODULES.includes(name));
}

const COVERAGE = "-fsanitize-coverage=";

/** What an object's compiler was told of the plugin: which calls it adds, if any. */
export function dataflowOf(argv: readonly string[]): Readonly<Record<"args" | "rets", boolean>> {
  const isLoaded = argv.some((word) => word.startsWith("-fpass-plugin="));
  const features = argv.filter((word) => word.startsWith(COVERAGE)).flatMap((word) =>
    word.slice(COVERAGE.length).split(",")
  );
  const asks = (option: string, published: readonly string[]) =>
    isLoaded && argv.some((word) => word === option || word === `${option}=true`) ||
    features.some((feature) => published.includes(feature));
  return {
    args: asks("-kcov-dataflow-args", PUBLISHED_FEATURES.args),
    rets: asks("-kcov-dataflow-ret", PUBLISHED_FEATURES.rets),
  };
}

/**
 * Features of -fsanitize-coverage= by which public series ask for the calls, the older name last. clang
 * refuses them, and the script of dataflow_form.ts takes them.
 */
export const PUBLISHED_FEATURES = {
  args: ["trace-args", "dataflow-args"],
  rets: ["trace-ret", "dataflow-ret"],
} as const;
