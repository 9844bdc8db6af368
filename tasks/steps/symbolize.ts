// SPDX-License-Identifier: MIT
/** Addresses of a built kernel as functions and source lines, inlined ones included. */
import { basename } from "node:path/posix";
import type { Host } from "../host/host.ts";
import type { Toolchain } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { Elf, SHF_EXECINSTR } from "../core/inspect/elf.ts";
import { llvmTool } from "../core/build/make.ts";
import { locateFrame, sizeFits, type SplatSources } from "../core/console/splat_report.ts";
import type { KernelFit } from "../core/report/console_report.ts";
import { type StackFrame, stackFrameText } from "../core/console/stack_frame.ts";
import { parseSymbolizer, type SourceFrame, symbolizerArgv } from "../core/inspect/symbolizer.ts";

/** Of a kernel with KASAN an address has up to ten frames of 250 bytes; 1 MiB is kept of an answer. */
const AT_ONCE = 300;

/**
 * Frames of each address, the innermost inlined function first. The caller subtracts one from a
 * return address, so that it is looked up in the call and not behind it.
 * @param object Path of a vmlinux or .ko with line tables.
 * @throws KmatrixError "infra" where llvm-symbolizer is missing or fails.
 */
export async function symbolize(
  object: string,
  addresses: Iterable<bigint>,
  toolchain: Pick<Toolchain, "llvm">,
  host: Host,
): Promise<ReadonlyMap<bigint, readonly SourceFrame[]>> {
  const wanted = [...new Set(addresses)];
  const found = new Map<bigint, readonly SourceFrame[]>();
  for (let at = 0; at < wanted.length; at += AT_ONCE) {
    const argv = symbolizerArgv(toolchain, object, wanted.slice(at, at + AT_ONCE));
    const { code, stdout, stderr } = await host.run({ argv });
    if (code !== 0) {
      throw new KmatrixError(
        "infra",
        code === 127 ? "missing-tool" : "symbolizer-failed",
        `${argv[0]} ${code === 127 ? "is missing" : `ended with code ${code}`}; it comes with llvm`,
        stderr,
      );
    }
    for (const [address, frames] of parseSymbolizer(stdout)) found.set(address, frames);
  }
  return found;
}

export interface SymbolizedKernel {
  readonly vmlinux: string;
  /** Paths of the .ko files of the same build. */
  readonly modules: readonly string[];
}

/**
 * Source lines of the frames of a complaint, each looked up in its own object. A frame whose object
 * or function is not found is left out.
 * @param scratch Folder for a file that is removed again.
 * @throws KmatrixError "infra" where llvm-symbolizer is missing or fails.
 */
export async function symbolizeFrames(
  frames: readonly StackFrame[],
  kernel: SymbolizedKernel,
  toolchain: Pick<Toolchain, "llvm">,
  scratch: string,
  host: Host,
): Promise<SplatSources> {
  const sources = new Map<string, readonly SourceFrame[]>();
  for (const module of new Set(frames.map((frame) => frame.module))) {
    const object = module === null
      ? kernel.vmlinux
      : kernel.modules.find((path) => moduleName(path) === module);
    if (object === undefined || !(await host.fs.exists(object))) continue;
    const mine = frames.filter((frame) => frame.module === module);
    const { places, code } = await locate(object, mine, host);
    const spread = `${scratch}/${module ?? "vmlinux"}.spread`;
    // In a module every section begins at 0: where .text is not alone, each gets a place of its own.
    const alone = module === null || places.every(({ section }) => code[section] === ".text");
    if (!alone) await spreadSections(object, spread, code, toolchain, host);
    const addressOf = ({ section, address }: Place) =>
      alone ? address : address + sectionBase(section);
    try {
      const found = await symbolize(
        alone ? object : spread,
        places.map(addressOf),
        toolchain,
        host,
      );
      for (const place of places) {
        const inlined = found.get(addressOf(place)) ?? [];
        if (inlined.length === 0 || inlined[0]!.file === "") continue;
        // The symbol table of a module has names that lie about what is at a section's beginning.
        const outermost = { ...inlined.at(-1)!, function: place.frame.function };
        sources.set(stackFrameText(place.frame), [...inlined.slice(0, -1), outermost]);
      }
    } finally {
      if (!alone) await host.fs.remove(spread);
    }
  }
  return sources;
}

/**
 * How many of the functions in a log's stacks have in a vmlinux the size that the log says.
 * @throws KmatrixError "usage" where the file is missing or no 64-bit little-endian ELF file.
 */
export async function kernelFit(
  frames: readonly StackFrame[],
  vmlinux: string,
  host: Host,
): Promise<KernelFit> {
  const found = await host.fs.stat(vmlinux);
  if (found === null || found.isDirectory) {
    const text = found === null ? `there is no file ${vmlinux}` : `${vmlinux} is a folder`;
    throw new KmatrixError("usage", "bad-vmlinux", text);
  }
  const file = await host.fs.openParts(vmlinux);
  try {
    const sizes = new Map<string, number>();
    for (const { function: name, size, module } of frames) {
      if (module === null && size !== null) sizes.set(`${name}/${size}`, size);
    }
    const wanted = new Set([...sizes.keys()].map(nameOfKey));
    const elf = new Elf(file, vmlinux);
    const symbols = Map.groupBy(elf.symbols((name) => wanted.has(name)), ({ name }) => name);
    let [compared, fitting] = [0, 0];
    for (const [key, size] of sizes) {
      const named = symbols.get(nameOfKey(key)) ?? [];
      // What is written in assembly may have no size.
      if (named.length > 0 && named.every((one) => one.size === 0)) continue;
      compared++;
      if (named.some((one) => sizeFits(one.size, size))) fitting++;
    }
    return { path: vmlinux, compared, fitting };
  } catch (error) {
    if (!(error instanceof KmatrixError) || error.id !== "no-elf") throw error;
    throw new KmatrixError("usage", "bad-vmlinux", error.message, "A vmlinux is wanted.");
  } finally {
    file.close();
  }
}

function nameOfKey(key: string): string {
  return key.slice(0, key.lastIndexOf("/"));
}

/** As the kernel has it: "-" and "_" are one in names of modules. */
function moduleName(path: string): string {
  return basename(path, ".ko").replaceAll("-", "_");
}

interface Place {
  readonly frame: StackFrame;
  readonly section: number;
  readonly address: bigint;
}

/** Where frames lie in an object, and the names of its sections with code, by index. */
async function locate(
  object: string,
  frames: readonly StackFrame[],
  host: Host,
): Promise<{ places: readonly Place[]; code: Readonly<Record<number, string>> }> {
  const file = await host.fs.openParts(object);
  try {
    const elf = new Elf(file, object);
    const code: Record<number, string> = {};
    for (const [index, { flags, name }] of elf.sections.entries()) {
      if ((flags & SHF_EXECINSTR) !== 0) code[index] = name;
    }
    const wanted = new Set(frames.map((frame) => frame.function));
    const symbols = elf.symbols((name) => wanted.has(name));
    const places = frames.flatMap((frame) => {
      const place = locateFrame(frame, symbols, (section) => section in code);
      return place === null ? [] : [{ frame, ...place }];
    });
    return { places, code };
  } finally {
    file.close();
  }
}

/** Apart by more than any module is big. */
function sectionBase(section: number): bigint {
  return BigInt(section) << 28n;
}

async function spreadSections(
  object: string,
  copy: string,
  code: Readonly<Record<number, string>>,
  toolchain: Pick<Toolchain, "llvm">,
  host: Host,
): Promise<void> {
  const moves = Object.entries(code).map(([section, name]) =>
    `--change-section-address=${name}=0x${sectionBase(Number(section)).toString(16)}`
  );
  const argv = [llvmTool(toolchain.llvm, "llvm-objcopy"), ...moves, object, copy];
  const { code: exit, stderr } = await host.run({ argv });
  if (exit === 0) return;
  const text = `${argv[0]} ended with code ${exit}; it comes with llvm`;
  throw new KmatrixError("infra", "symbolizer-failed", text, stderr);
}
