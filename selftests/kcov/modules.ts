// SPDX-License-Identifier: MIT

/** Loading, unloading and locating modules; which ones there are: configs/modules.config. */

import { GUEST_PATHS } from "../contract/cell.ts";
import type { Feature } from "../contract/features.ts";
import type { TestContext } from "../harness/fixtures.ts";
import type { Batch, Step } from "../harness/batch.ts";
import {
  close,
  cString,
  ERRNO,
  guest,
  listFolder,
  O_RDONLY,
  O_WRONLY,
  open,
  readBytes,
  SYS,
} from "../harness/guest.ts";
import { ModuleFile } from "./module_file.ts";
import { kernelDisplacement } from "./symbols.ts";

const FOLDER = GUEST_PATHS.modules;

/** One of the modules that the tests load, and what its code is known to do. */
export interface TestModule {
  /** Name in the kernel and of its file, without the ending. */
  readonly name: string;
  /** What a cell that brings it has; none for our own, which each cell with modules has. */
  readonly requires: readonly Feature[];
  /** Modules that have to be there before, without the ending. */
  readonly after: readonly string[];
  /** Functions of .init.text, besides init_module(), that run when it is loaded; not inlined. */
  readonly init: readonly string[];
  /** Functions of .text that run when it is loaded. */
  readonly inside: readonly string[];
  /** Functions of .exit.text, besides cleanup_module(), that run when it is unloaded. */
  readonly exit: readonly string[];
  /** A file whose handlers are functions of .text. */
  readonly file?: {
    readonly path: string;
    /** Is written to it, then the file is read. */
    readonly text: string;
    readonly functions: readonly string[];
  };
}

/** The number that selftests/modules/kmatrix_target/walk.h chose. */
export const TARGET_CHOSEN = 0x6b6d7478;
export const TARGET_PATH = "/sys/kernel/debug/kmatrix_target";

export const TEST_MODULES = {
  test_static_keys: {
    name: "test_static_keys",
    requires: ["test-static-keys"],
    after: ["test_static_key_base"],
    init: [],
    inside: ["verify_keys"],
    exit: [],
  },
  test_udelay: {
    name: "test_udelay",
    requires: ["test-udelay"],
    after: [],
    init: [],
    inside: [],
    exit: [],
    file: {
      path: "/sys/kernel/debug/udelay_test",
      // No delay: the file then tells how it is used.
      text: "0 1",
      functions: ["udelay_test_write", "udelay_test_show"],
    },
  },
  kmatrix_target: {
    name: "kmatrix_target",
    requires: [],
    after: [],
    init: ["target_reset", "target_create"],
    inside: [],
    exit: ["target_remove", "target_forget"],
    file: {
      path: TARGET_PATH,
      text: "1234567",
      functions: ["target_set", "step", "kmatrix_walk", "odd", "target_get"],
    },
  },
} as const satisfies Record<string, TestModule>;

/** Those of them that this cell brings: our own and, by its configuration, the tree's. */
export function modulesHere(): TestModule[] {
  const files = new Set(listFolder(FOLDER));
  return Object.values(TEST_MODULES).filter(({ name }) => files.has(`${name}.ko`));
}

/** Ends the test as SKIP on a kernel without modules. */
export function needModules(t: TestContext): void {
  if (guest().tryCall(SYS.finitModule, -1, "", 0) === -ERRNO.ENOSYS) {
    t.skip("finit_module: ENOSYS (CONFIG_MODULES)");
  }
}

/** The open file of a module. */
export interface OpenModule {
  readonly fd: number;
  readonly content: ModuleFile;
}

const known = new Map<string, ModuleFile>();

/**
 * Reads those of ours for all children, of which most tests that load a module load one: it takes the
 * engine up to a tenth of a second under emulation. Throws where the cell brings none.
 */
export function prepareModules(): void {
  for (const file of listFolder(FOLDER)) {
    const name = file.replace(/\.ko$/, "");
    if (name.startsWith("kmatrix_")) known.set(name, new ModuleFile(readBytes(pathOf(name))));
  }
}

const pathOf = (name: string) => `${FOLDER}/${name}.ko`;

/** Throws a SysError where the cell does not bring the module. The file is closed after the test. */
export function openModule(t: TestContext, name: string): OpenModule {
  const path = pathOf(name);
  const content = known.get(name) ?? new ModuleFile(readBytes(path));
  const fd = open(path, O_RDONLY);
  t.cleanup(() => void guest().tryCall(SYS.close, fd));
  return { fd, content };
}

/** Appends finit_module(2). */
export function loadIn(batch: Batch, { fd }: OpenModule): Step {
  return batch.syscall(SYS.finitModule, [fd, cString(""), 0]);
}

/** Appends delete_module(2). */
export function unloadIn(batch: Batch, name: string): Step {
  return batch.syscall(SYS.deleteModule, [cString(name), 0]);
}

/** Loads what another module needs, until the end of the test. */
export function loadUntilEnd(t: TestContext, name: string): void {
  const { fd } = openModule(t, name);
  guest().call(SYS.finitModule, fd, "", 0);
  unloadAtEnd(t, name);
}

/** Whatever the test came to: the next one finds the module unloaded. */
export function unloadAtEnd(t: TestContext, name: string): void {
  t.cleanup(() => void guest().tryCall(SYS.deleteModule, name, 0));
}

/** Names of the sections that sysfs shows of a loaded module, as many times as it shows them. */
export function shownSections(name: string): string[] {
  return listFolder(`/sys/module/${name}/sections`);
}

/** Where a section of a loaded module lies; .init.text is shown although it is not there any more. */
export function sectionAddress(name: string, section: string): bigint {
  return BigInt(guest().readFile(`/sys/module/${name}/sections/${section}`).trim());
}

/**
 * Where sections with code lie, as the low halves of the addresses that KCOV reports: it takes the
 * kernel's displacement off the PCs of modules as well (canonicalize_ip() of kernel/kcov.c).
 */
export interface CodeRange {
  readonly section: string;
  readonly start: number;
  readonly end: number;
}

/** The code of a module that has just been loaded. */
export function codeRanges(name: string, content: ModuleFile): CodeRange[] {
  const displacement = kernelDisplacement() ?? 0;
  return content.sections.filter(({ code, size }) => code && size > 0).map((section) => {
    const start = Number(sectionAddress(name, section.name) & 0xffffffffn) - displacement;
    return { section: section.name, start, end: start + section.size };
  });
}

/** A module of ours that takes a line of text in a file of debugfs. */
export interface LoadedModule {
  /** The open file. */
  readonly file: number;
  /** Name of the function of the module that an entry lies in; "" for one outside of it. */
  readonly functionOf: (pc: bigint) => string;
  readonly content: ModuleFile;
  readonly ranges: readonly CodeRange[];
}

/**
 * Loads it until the end of the test; SKIP on a kernel without modules.
 * @param path Of the file, below debugfs.
 */
export function loadWithFile(t: TestContext, name: string, path = name): LoadedModule {
  needModules(t);
  // A test before may have died.
  guest().tryCall(SYS.deleteModule, name, 0);
  const { fd, content } = openModule(t, name);
  guest().call(SYS.finitModule, fd, "", 0);
  unloadAtEnd(t, name);
  const ranges = codeRanges(name, content);
  const file = open(`/sys/kernel/debug/${path}`, O_WRONLY);
  t.cleanup(() => close(file));
  const functionOf = (pc: bigint) => {
    const place = placeIn(ranges, pc);
    return place === null ? "" : content.functionsAt(place.section, place.offset)[0] ?? "";
  };
  return { file, functionOf, content, ranges };
}

/**
 * The section of a module that a PC lies in, and the offset of the call in it; null outside of it.
 * @param pc The address behind the call; all code of modules lies in the topmost 2 GiB.
 */
export function placeIn(
  ranges: readonly CodeRange[],
  pc: bigint,
): { readonly section: string; readonly offset: number } | null {
  const call = Number(pc & 0xffffffffn) - 1;
  const range = ranges.find(({ start, end }) => call >= start && call < end);
  if (pc >> 32n !== 0xffffffffn || range === undefined) return null;
  return { section: range.section, offset: call - range.start };
}
