// SPDX-License-Identifier: MIT
/** The objects that a kernel and its modules were linked from, as kbuild has left them. */
import { dirname, normalize } from "node:path/posix";
import type { Host } from "../host/host.ts";
import type { KernelConfig } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { type DataflowObject, dataflowOfObject } from "../core/inspect/dataflow.ts";
import { Elf } from "../core/inspect/elf.ts";
import { instrumentedFunctions } from "../core/inspect/llvm_ir.ts";
import { buildConfinement, llvmTool } from "../core/build/make.ts";
import {
  commandFile,
  coverageOf,
  irArgv,
  type ObjectOrigin,
  readOrigin,
  simpleCommands,
} from "../core/build/kbuild_command.ts";
import { checkInside } from "./make_job.ts";
import {
  inspectObject,
  isBitcode,
  type ObjectFacts,
} from "../core/inspect/instrumented_objects.ts";

/** One object, with the compiler's call where kbuild has recorded one. */
export interface KernelObject extends ObjectFacts {
  readonly argv: readonly string[] | null;
  /** null where its code cannot be seen, and where nobody looks. */
  readonly dataflow: DataflowObject | null;
}

/** The kernel that objects are of, and what their compiler may read. */
type ObjectsOf = Pick<KernelConfig, "buildDir" | "source" | "toolchain" | "plugin">;

/** Objects are named by their paths below the build folder. */
export class KernelObjects {
  readonly #config: ObjectsOf;
  readonly #host: Host;
  readonly #withDataflow: boolean;
  #asked = 0;

  /** @param withDataflow Whether calls of dataflow are looked for, too. */
  constructor(config: ObjectsOf, host: Host, withDataflow = false) {
    this.#config = config;
    this.#withDataflow = withDataflow;
    this.#host = host;
  }

  /**
   * Those of the archives that vmlinux is linked from, each once.
   * @throws KmatrixError "infra" (no-object-list), "inspect" (no-elf)
   */
  async ofKernel(): Promise<KernelObject[]> {
    const members: string[] = [];
    for (const archive of await this.#archives()) members.push(...await this.#members(archive));
    const found: KernelObject[] = [];
    for (const path of new Set(members)) found.push(...await this.partsOf(path));
    return found;
  }

  /** What an object or module was linked from: itself where a compiler made it or nobody knows. */
  async partsOf(path: string, depth = 0): Promise<KernelObject[]> {
    const text = await this.#host.fs.readTextIfAny(this.#at(commandFile(path)));
    const origin: ObjectOrigin = text === null ? { kind: "unknown" } : readOrigin(text);
    if (origin.kind === "compiled") {
      return [await this.#look(path, await this.#expanded(path, origin.argv), origin.language)];
    }
    const names = origin.kind === "parts" && depth < DEEPEST
      ? await this.#partNames(path, origin) ?? []
      : [];
    const parts: KernelObject[] = [];
    for (const name of names) parts.push(...await this.partsOf(name, depth + 1));
    if (parts.length > 1) return parts;
    // A copy (objcopy) is what its original is, under the name that is linked.
    return [await this.#look(path, parts[0]?.argv ?? null, parts[0]?.language ?? null)];
  }

  /**
   * The functions of a compiled object that the recorded call of its compiler instruments; null where
   * that cannot be told. The compiler itself is asked: the tree's macros (`__init` of 7.3 is one)
   * bring attributes that excuse a function.
   */
  async instrumentedFunctions({ argv }: KernelObject): Promise<string[] | null> {
    if (argv === null) return null;
    const name = `kmatrix-attributes-${this.#asked++}.ll`;
    const file = this.#at(name);
    await this.#host.fs.remove(file);
    try {
      const { code } = await this.#host.run({
        argv: irArgv(argv, file),
        cwd: this.#config.buildDir,
        env: { CCACHE_DISABLE: "1" },
        confine: buildConfinement({ ...this.#config, jobs: 1, variables: {} }),
      });
      await checkInside(this.#config.buildDir, [name], this.#host);
      return code === 0 ? instrumentedFunctions(await this.#host.fs.readText(file)) : null;
    } finally {
      await this.#host.fs.remove(file);
    }
  }

  /**
   * vmlinux.o is linked from all of vmlinux.a and from what is needed of the libraries. Before 6.1
   * there is no vmlinux.a, and what built-in.a of each folder holds is linked.
   */
  async #archives(): Promise<string[]> {
    const { buildDir } = this.#config;
    if (!await this.#host.fs.exists(this.#at("vmlinux.a"))) {
      const argv = ["find", ".", "-name", "built-in.a", "-type", "f"];
      const { stdout } = await this.#host.run({ argv, cwd: buildDir });
      return stdout.split("\n").filter(Boolean).map(normalize);
    }
    const recorded = await this.#host.fs.readTextIfAny(this.#at(".vmlinux.o.cmd")) ?? "";
    const words = simpleCommands(recorded.slice(0, recorded.indexOf("\n"))).flat();
    return [...new Set(["vmlinux.a", ...words.filter((word) => /^[\w.-].*\.a$/.test(word))])];
  }

  async #members(archive: string): Promise<string[]> {
    const { buildDir, toolchain } = this.#config;
    const ar = llvmTool(toolchain.llvm, "llvm-ar");
    const list = await this.#host.run({ argv: [ar, "t", archive], cwd: buildDir });
    if (list.code === 0) return list.stdout.split("\n").filter(Boolean);
    throw new KmatrixError("infra", "no-object-list", `${ar} t ${archive} failed`, list.stderr);
  }

  /** Null where a part lies outside of the build folder, where nothing of a stranger's may lead. */
  async #partNames(
    path: string,
    { parts, lists }: Extract<ObjectOrigin, { kind: "parts" }>,
  ): Promise<string[] | null> {
    const names = [...parts];
    for (const list of lists) {
      const words = await this.#wordsOf(path, list);
      names.push(...(words ?? []).filter((word) => word.endsWith(".o")));
    }
    const found = await Promise.all(names.map((name) => this.#find(path, name)));
    return found.every((name) => name !== null) ? found : null;
  }

  /** A compiler's call with the words of its response files (@file) in their places. */
  async #expanded(path: string, argv: readonly string[]): Promise<string[]> {
    const words = argv.map(async (word) =>
      word.startsWith("@") ? await this.#wordsOf(path, word.slice(1)) ?? [word] : [word]
    );
    return (await Promise.all(words)).flat();
  }

  async #wordsOf(path: string, list: string): Promise<string[] | null> {
    const name = await this.#find(path, list);
    if (name === null) return null;
    const size = (await this.#host.fs.stat(this.#at(name)))?.size ?? 0;
    if (size > LONGEST_LIST_BYTES) return null;
    return simpleCommands(await this.#host.fs.readText(this.#at(name))).flat();
  }

  /** A name in the command of `path`, which kbuild has run here or (modules, from 6.13 on) there. */
  async #find(path: string, name: string): Promise<string | null> {
    const { buildDir } = this.#config;
    const places = name.startsWith(`${buildDir}/`)
      ? [name.slice(buildDir.length + 1)]
      : [name, `${dirname(path)}/${name}`];
    for (const place of places.map(normalize)) {
      if (place.startsWith("/") || place.startsWith("../")) continue;
      if (await this.#host.fs.exists(this.#at(place))) return place;
    }
    return null;
  }

  async #look(
    path: string,
    argv: readonly string[] | null,
    language: ObjectFacts["language"],
  ): Promise<KernelObject> {
    const coverage = argv === null ? null : coverageOf(argv);
    const file = await this.#host.fs.openParts(this.#at(path));
    try {
      const known = { path, argv, language, coverage };
      if (isBitcode(file)) return { ...known, hasCode: true, calls: null, dataflow: null };
      const elf = new Elf(file, path);
      const dataflow = this.#withDataflow ? dataflowOfObject(elf) : null;
      return { ...known, ...inspectObject(elf, language), dataflow };
    } finally {
      file.close();
    }
  }

  #at(name: string): string {
    return `${this.#config.buildDir}/${name}`;
  }
}

/** A module of objects of objects is as deep as kbuild goes; what names itself goes on for ever. */
const DEEPEST = 4;

const LONGEST_LIST_BYTES = 1 << 20;
