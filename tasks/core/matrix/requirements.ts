// SPDX-License-Identifier: MIT
/** What the cells of a plan need of the machine, why, and which packages bring it. */
import type { Arch, PackageNames } from "../arch/arch.ts";
import { archOf } from "../arch/table.ts";
import { sourceName, sourcesOf } from "../source/kernel_sources.ts";
import {
  type Cell,
  COMPILER_FEATURES,
  type CompilerFeature,
  type KernelSpec,
  type SandboxChoice,
  type SourceSpec,
  type Toolchain,
} from "../model/model.ts";
import { clangOf, llvmTool } from "../build/make.ts";
import { isTiny } from "../build/config_base.ts";
import { groupByBuild } from "./plan.ts";

export type Packages = PackageNames;

export type Probe =
  /** Runs a program; `pattern` finds its version, `minimum` is the least that will do. */
  | {
    readonly kind: "version";
    readonly argv: readonly string[];
    readonly pattern: RegExp;
    readonly minimum: string | null;
  }
  /** Runs a compiler over a tiny file; exit 0 is enough. */
  | { readonly kind: "compile"; readonly argv: readonly string[] }
  | { readonly kind: "file"; readonly paths: readonly string[] }
  | { readonly kind: "quickjs"; readonly arch: Arch }
  /** Headers of the toolchain's LLVM, which its llvm-config knows. */
  | { readonly kind: "llvm-headers"; readonly toolchain: Toolchain }
  /** The compiler plugin of KCOV dataflow: is it here, or can it be compiled? */
  | { readonly kind: "plugin"; readonly toolchain: Toolchain }
  /** Sources of one kernel, in the order in which they are tried. */
  | { readonly kind: "source"; readonly sources: readonly SourceSpec[] }
  /** Runs bubblewrap, as it may be there and not be allowed to do its work. */
  | { readonly kind: "sandbox" }
  | { readonly kind: "disk"; readonly bytes: number }
  | { readonly kind: "memory"; readonly bytes: number };

export interface Requirement {
  readonly id: string;
  readonly why: string;
  readonly probe: Probe;
  /** null: no package helps (disk, memory, a compiler too old). */
  readonly packages: Packages | null;
  /**
   * False for a compiler feature: the cells that need it fail in configure with its name, the
   * others go on. False for a sandbox that may be missing, for ccache and for a kernel's source.
   */
  readonly blocksRun: boolean;
  /** Of the cells that need it alone: installed where it may be, and others go on without it. */
  readonly ofCells?: true;
  /** Everything comes out the same without it, later. */
  readonly isOptional?: true;
}

/** An unpacked 6.12 takes 1.5 GB; a build folder took 142 MiB, and a bigger config may take twice that. */
const GIB = 1 << 30;
const SOURCE_BYTES = 1.6 * GIB;
const BUILD_BYTES = 0.3 * GIB;
/** On a real base: that of defconfig with KCOV and KCOV_UNIQUE took 0.5 GB before its link. */
const REAL_BUILD_BYTES = 3 * GIB;
const MEMORY_BYTES = 2 * GIB;

const same = (name: string): Packages => ({ apt: name, dnf: name, pacman: name, zypper: name });

/** What a compiler has by itself. */
type FeatureOfCompiler = Exclude<CompilerFeature, "dataflow">;

/** Flags that make clang show whether it has a feature; compiled over an empty file. */
export function featureFlags(feature: FeatureOfCompiler): string[] {
  switch (feature) {
    case "trace-pc":
      return ["-fsanitize-coverage=trace-pc"];
    case "trace-cmp":
      return ["-fsanitize-coverage=trace-cmp"];
    case "trace-pc-guard":
      return ["-fsanitize-coverage=trace-pc-guard"];
    case "drop-ctors":
      return ["-fsanitize-coverage=trace-pc-guard", "-mllvm", "-sanitizer-coverage-drop-ctors"];
    case "kernel-address":
      return ["-fsanitize=kernel-address", "-mllvm", "-asan-kernel-mem-intrinsic-prefix=1"];
  }
}

/** The probe of a compiler feature: an empty file is enough for clang to refuse an unknown flag. */
export function featureProbeArgv(toolchain: Toolchain, feature: FeatureOfCompiler): string[] {
  return compileProbe(toolchain, featureFlags(feature));
}

function compileProbe(toolchain: Toolchain, flags: readonly string[]): string[] {
  const target = `--target=${archOf(toolchain).target}`;
  return [clangOf(toolchain), target, ...flags, "-c", "-x", "c", "/dev/null", "-o", "/dev/null"];
}

/** Everything that building, booting and judging these cells takes, each requirement once. */
export function requirementsFor(
  cells: readonly Cell[],
  sandbox: SandboxChoice = "off",
): Requirement[] {
  const toolchains = unique(cells.map((cell) => cell.toolchain));
  const kernels = unique(cells.map((cell) => cell.kernel));
  const builds = groupByBuild(cells);
  const real = builds.filter(([cell]) => !isTiny(cell!.config));
  const buildBytes = (builds.length - real.length) * BUILD_BYTES + real.length * REAL_BUILD_BYTES;
  return unique([
    ...toolchains.flatMap((toolchain) => toolchainRequirements(toolchain, cells)),
    ...BUILD_TOOLS,
    COMPILER_CACHE,
    ...(real.length === 0 ? [] : unique(real.map(([cell]) => keyRequirement(cell!.toolchain)))),
    ...(sandbox === "off" ? [] : [sandboxRequirement(sandbox)]),
    ...kernels.flatMap(sourceRequirements),
    ...guestTools([...new Set(cells.map(({ machine }) => archOf(machine)))]),
    {
      id: "disk",
      why: `${kernels.length} unpacked kernel(s) and ${builds.length} build folder(s)`,
      probe: { kind: "disk", bytes: kernels.length * SOURCE_BYTES + buildBytes },
      packages: null,
      blocksRun: true,
    },
    {
      id: "memory",
      why: "the link of vmlinux, and a guest",
      probe: { kind: "memory", bytes: MEMORY_BYTES },
      packages: null,
      blocksRun: true,
    },
  ]);
}

function unique<T extends { readonly id: string }>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [item.id, item])).values()];
}

function toolchainRequirements(toolchain: Toolchain, cells: readonly Cell[]): Requirement[] {
  const suffix = /^-\d+$/.test(toolchain.llvm) ? toolchain.llvm : "";
  const named = (name: string): Packages => ({ ...same(name), apt: `${name}${suffix}` });
  const llvm = (tool: string, packages: Packages, why: string): Requirement => ({
    id: llvmTool(toolchain.llvm, tool),
    why,
    probe: {
      kind: "version",
      argv: [llvmTool(toolchain.llvm, tool), "--version"],
      pattern: /(?:version|LLD) (\d+\.\d+\.\d+)/,
      // Documentation/process/changes.rst of 6.12.
      minimum: "13.0.1",
    },
    packages,
    blocksRun: true,
  });
  const clang = clangOf(toolchain);
  const needed = new Set(
    cells.filter((cell) => cell.toolchain.id === toolchain.id).flatMap(
      (cell) => cell.config.requires,
    ),
  );
  return [
    {
      ...llvm("clang", named("clang"), "compiles kernel, host tools and guest runtime"),
      id: clang,
    },
    llvm("ld.lld", named("lld"), "links the kernel"),
    ...["llvm-ar", "llvm-nm", "llvm-objcopy", "llvm-readelf", "llvm-strip"].map((tool) =>
      llvm(tool, named("llvm"), "kbuild calls it with LLVM=")
    ),
    {
      id: `${clang} -static`,
      why: "the guest's init is one static program",
      probe: {
        kind: "compile",
        argv: [clang, "-static", "-x", "c", "-include", "stdio.h", "-Wl,-e,0", "-nostartfiles"]
          .concat("/dev/null", "-o", "/dev/null"),
      },
      packages: {
        apt: "libc6-dev",
        dnf: "glibc-static",
        pacman: "glibc",
        zypper: "glibc-devel-static",
      },
      blocksRun: true,
    },
    {
      id: "libelf headers",
      why: "objtool reads ELF files",
      probe: {
        kind: "compile",
        argv: [clang, "-fsyntax-only", "-include", "gelf.h", "-x", "c", "/dev/null"],
      },
      packages: {
        apt: "libelf-dev",
        dnf: "elfutils-libelf-devel",
        pacman: "libelf",
        zypper: "libelf-devel",
      },
      blocksRun: true,
    },
    ...(needed.has("dataflow") ? pluginTools(toolchain, named("llvm")) : []),
    ...COMPILER_FEATURES.filter((feature) => needed.has(feature)).map((feature): Requirement => ({
      id: `${clang}: ${feature}`,
      why: `required by ${
        unique(
          cells.map((cell) => cell.config).filter((config) => config.requires.includes(feature)),
        ).map((config) => config.id).join(", ")
      }`,
      probe: feature === "dataflow"
        ? { kind: "plugin", toolchain }
        : { kind: "compile", argv: featureProbeArgv(toolchain, feature) },
      packages: null,
      blocksRun: false,
    })),
  ];
}

/** @param llvm The package of LLVM's programs; that of its headers is named after it. */
function pluginTools(toolchain: Toolchain, llvm: Packages): Requirement[] {
  const why = "compiles the plugin of KCOV dataflow (docs/dataflow.md)";
  const packages = { apt: "g++", dnf: "gcc-c++", pacman: "gcc", zypper: "gcc-c++" };
  return [
    { ...tool("g++", why, packages), blocksRun: false, ofCells: true },
    {
      id: `${llvmTool(toolchain.llvm, "llvm")} headers`,
      why,
      probe: { kind: "llvm-headers", toolchain },
      packages: {
        apt: `${llvm.apt}-dev`,
        dnf: "llvm-devel",
        pacman: "llvm",
        zypper: "llvm-devel",
      },
      blocksRun: false,
      ofCells: true,
    },
  ];
}

function tool(
  id: string,
  why: string,
  packages: Packages,
  minimum: string | null = null,
  pattern = /(\d+\.\d+(?:\.\d+)*)/,
): Requirement {
  const probe: Probe = { kind: "version", argv: [id, "--version"], pattern, minimum };
  return { id, why, probe, packages, blocksRun: true };
}

/** Minima: Documentation/process/changes.rst of 6.12. */
const BUILD_TOOLS: readonly Requirement[] = [
  tool("make", "kbuild; 4.0 for --output-sync", same("make"), "4.0"),
  tool("flex", "Kconfig's lexer", same("flex"), "2.5.35"),
  tool("bison", "Kconfig's parser", same("bison"), "2.0"),
  tool("bc", "timeconst.h", same("bc"), "1.06"),
];

/** Each build comes out the same without it. */
const COMPILER_CACHE: Requirement = {
  ...tool(
    "ccache",
    "cells share what they have in common (docs/late-instrumentation.md)",
    same("ccache"),
  ),
  blocksRun: false,
  isOptional: true,
};

/** Real configurations have keyrings: defconfig by its wireless drivers. */
function keyRequirement(toolchain: Toolchain): Requirement {
  const clang = clangOf(toolchain);
  return {
    id: "openssl headers",
    why: "extract-cert of kernels with keyrings, as real configurations have them",
    probe: {
      kind: "compile",
      argv: [clang, "-fsyntax-only", "-include", "openssl/bio.h", "-x", "c", "/dev/null"],
    },
    packages: {
      apt: "libssl-dev",
      dnf: "openssl-devel",
      pacman: "openssl",
      zypper: "libopenssl-devel",
    },
    blocksRun: true,
  };
}

function sandboxRequirement(sandbox: SandboxChoice): Requirement {
  return {
    id: "bwrap",
    why: "runs the kernel's Makefiles without network and home (--sandbox)",
    probe: { kind: "sandbox" },
    packages: same("bubblewrap"),
    blocksRun: sandbox === "require",
  };
}

const guestTools = (arches: readonly Arch[]): readonly Requirement[] => [
  tool("cpio", "packs the initramfs", same("cpio")),
  ...arches.map(qemuRequirement),
  ...arches.map((arch): Requirement => ({
    id: "libquickjs",
    why: "the JS engine of the guest's init",
    probe: { kind: "quickjs", arch },
    packages: {
      apt: "libquickjs",
      dnf: "quickjs-devel",
      pacman: "quickjs",
      zypper: "quickjs-devel",
    },
    blocksRun: true,
  })),
];

/** QEMU for an architecture. */
export function qemuRequirement({ qemu: { program, packages, minimum } }: Arch): Requirement {
  const why = `boots the cells; ${minimum.version} for ${minimum.for}`;
  return tool(program, why, packages, minimum.version);
}

function sourceRequirements(kernel: KernelSpec): Requirement[] {
  const unpack = unpackRequirements(kernel);
  const git = tool("git", "applies the series", same("git"));
  if (kernel.series.length === 0 || unpack.some(({ id }) => id === "git")) return unpack;
  return [...unpack, git];
}

function unpackRequirements(kernel: KernelSpec): Requirement[] {
  const sources = sourcesOf(kernel);
  const tools = unique(sources.flatMap((source) => unpackTools(source, kernel.id)));
  if (sources.length === 1 && sources[0]!.kind !== "debian") return tools;
  const name = packageToInstall(sources);
  return [...tools, {
    id: sources.map(sourceName).join(" or "),
    why: `the source of ${kernel.id}`,
    probe: { kind: "source", sources },
    packages: name === null
      ? null
      : { ...same(`(none: point kernels/${kernel.id} at a tarball)`), apt: name },
    // Its kernel is left out, and others go on.
    blocksRun: false,
  }];
}

/**
 * The package that the system's apt is to install where none of the sources is here; null where one
 * that comes before it is downloaded by itself.
 */
export function packageToInstall(sources: readonly SourceSpec[]): string | null {
  // A folder that is not here is not brought by anybody.
  const first = sources.find((source) => source.kind !== "tree");
  return first?.kind === "debian" && first.suite === undefined ? first.package : null;
}

function unpackTools(source: SourceSpec, kernel: string): Requirement[] {
  const tar = tool("tar", "unpacks kernel sources", same("tar"));
  const unpack = [
    tar,
    tool("xz", "unpacks kernel sources", { ...same("xz"), apt: "xz-utils" }),
  ];
  switch (source.kind) {
    case "debian":
      return unpack;
    case "tarball":
      return [
        ...unpack,
        ...(/^https?:/.test(source.location)
          ? [tool("curl", `downloads ${kernel}`, same("curl"))]
          : []),
      ];
    case "git":
      return [tool("git", `fetches ${kernel}`, same("git")), tar];
    case "commits":
      return [tool("git", "reads commits", same("git"))];
    case "tree":
      return [];
  }
}

/** Compares dotted versions number by number; missing parts are 0. */
export function versionAtLeast(found: string, minimum: string): boolean {
  const [a, b] = [found, minimum].map((text) => text.split(".").map(Number));
  for (let index = 0; index < Math.max(a!.length, b!.length); index++) {
    const difference = (a![index] ?? 0) - (b![index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
