// SPDX-License-Identifier: MIT
/** Boots one cell, keeps what it says byte for byte, and stops it when a limit is hit. */
import { basename, dirname } from "node:path/posix";
import { watchBoot } from "../steps/boot_watch.ts";
import type { Host } from "../host/host.ts";
import type {
  Accel,
  BootEnd,
  BootRecord,
  CellFile,
  Feature,
  Initramfs,
  Machine,
  Session,
  TraceRequest,
} from "../core/model/model.ts";
import { failureFrom } from "../core/model/errors.ts";
import { archived, cellArchiveFiles } from "../core/boot/guest_layout.ts";
import type { Limits } from "../core/model/limits.ts";
import { exitCause, mayHaveRefused, qemuArgv } from "../core/boot/qemu.ts";
import { checkRoom } from "../steps/free_room.ts";
import { archive } from "../steps/initramfs_archive.ts";
import { RECORDINGS } from "../core/model/paths.ts";
import { GUEST_PATHS } from "../../selftests/contract/cell.ts";
import { packSymbols } from "../../selftests/contract/symbol_table.ts";

export interface BootInput {
  readonly cell: string;
  readonly vmlinux: string;
  /** What QEMU loads of it. */
  readonly image: string;
  /** Tables of the image's calls, as paths; see callTables(). */
  readonly calls: readonly string[];
  /** Modules of the same build, as paths of .ko files. */
  readonly modules: readonly string[];
  /** C programs of the tree's own selftest, as paths. */
  readonly selftests: readonly string[];
  readonly initramfs: Initramfs;
  readonly machine: Machine;
  readonly accel: Accel;
  /** As of the record. */
  readonly slowness?: number | undefined;
  readonly features: readonly Feature[];
  readonly filter: readonly string[];
  /** The kernel of the project that its series went on top of. */
  readonly base?: string | undefined;
  readonly limits: Limits;
  /** Booted as it is, instead of `initramfs` with the cell's own files: that of a bundle. */
  readonly packed?: string | undefined;
  /** What the guest runs instead of the selftests. */
  readonly cover?: TraceRequest | undefined;
  /** What the guest does instead of running tests. */
  readonly session?: Session | undefined;
  /** Receives console.log, results.log, qemu.log and boot.json. */
  readonly dir: string;
}

/**
 * Never throws for what a guest does; how the boot went is judged from its files.
 * @throws KmatrixError "infra" (disk-full) where they cannot be kept.
 */
export async function boot(input: BootInput, host: Host): Promise<BootRecord> {
  try {
    return await recorded(input, host);
  } catch (error) {
    if (failureFrom(error).id === "disk-full") await makeRoom(input.dir, host);
    throw error;
  }
}

async function recorded(input: BootInput, host: Host): Promise<BootRecord> {
  const { dir } = input;
  await host.fs.makeDir(dir);
  for (const name of [...Object.values(RECORDINGS), "qemu.log"]) {
    await host.fs.remove(`${dir}/${name}`);
  }
  const initramfs = input.packed ?? await cellInitramfs(input, host);
  const argv = qemuArgv({
    image: input.image,
    initramfs,
    resultsFile: `${dir}/${RECORDINGS.results}`,
    machine: input.machine,
    accel: input.accel,
  });
  const startedAt = host.now();
  const told = { cell: input.cell, folder: dir };
  host.emit({ event: "boot-started", ...told });
  const child = await host.spawn({ argv, log: `${dir}/qemu.log` });
  const { end, ...watched } = await watchBoot(child, input, startedAt, host);
  const vmlinux = await host.fs.stat(input.vmlinux);
  await checkRoom("boot", dir, host);
  const size = async (name: string) => (await host.fs.stat(`${dir}/${name}`))?.size ?? 0;
  const record: BootRecord = {
    cell: input.cell,
    accel: input.accel,
    argv,
    end: await refineEnd(end, dir, host),
    durationMs: host.now() - startedAt,
    ...watched,
    ...(input.slowness === undefined ? {} : { slowness: input.slowness }),
    features: input.features,
    filter: input.filter,
    ...(input.base === undefined ? {} : { base: input.base }),
    bytes: { console: await size(RECORDINGS.console), results: await size(RECORDINGS.results) },
    ...(vmlinux === null ? {} : {
      kernel: {
        vmlinux: input.vmlinux,
        modules: input.modules,
        bytes: vmlinux.size,
        mtimeMs: vmlinux.mtimeMs,
      },
    }),
  };
  await host.fs.writeText(`${dir}/${RECORDINGS.record}`, `${JSON.stringify(record, null, 2)}\n`);
  const how = record.end.kind === "limit" ? record.end.rung : record.end.kind;
  host.emit({ event: "boot-ended", ...told, end: how, durationMs: record.durationMs });
  return record;
}

export interface AttendOptions {
  /** What is typed goes to the guest. */
  readonly input: boolean;
  readonly gdbPort?: number | undefined;
  /** Called when all is ready, before QEMU starts. */
  readonly ready?: () => void;
}

/**
 * Boots with the user's terminal as the console, without any limit.
 * @returns QEMU's exit code.
 */
export async function attend(
  input: BootInput,
  options: AttendOptions,
  host: Host,
): Promise<number> {
  const { dir } = input;
  await host.fs.makeDir(dir);
  const argv = qemuArgv({
    image: input.image,
    initramfs: await cellInitramfs(input, host),
    resultsFile: `${dir}/${RECORDINGS.results}`,
    machine: input.machine,
    accel: input.accel,
    terminal: { log: `${dir}/${RECORDINGS.console}` },
    gdbPort: options.gdbPort,
  });
  options.ready?.();
  return await host.attach({ argv }, options.input);
}

/** The shared initramfs with one more archive behind it: the kernel unpacks them in turn. */
async function cellInitramfs(input: BootInput, host: Host): Promise<string> {
  const { dir, cell, features, filter, limits, cover, session } = input;
  const { timeScale } = limits;
  const at = (guestPath: string) => `${dir}/initramfs/${archived(guestPath)}`;
  const calls = await copyInto(at(GUEST_PATHS.calls), input.calls, host);
  const modules = await copyInto(at(GUEST_PATHS.modules), input.modules, host);
  const selftests = await copyInto(at(GUEST_PATHS.selftests), input.selftests, host);
  const told = { cell, features, filter, timeScale, calls, modules, selftests };
  const file: CellFile = { ...told, cover, session };
  await host.fs.writeText(at(GUEST_PATHS.cell), JSON.stringify(file));
  const symbols = await writeSymbols(at(GUEST_PATHS.symbols), input.vmlinux, host);
  if (session?.kind === "program") {
    await host.fs.copy(session.argv[0]!, at(GUEST_PATHS.program));
  }
  const small = `${dir}/cell.cpio`;
  await archive(`${dir}/initramfs`, cellArchiveFiles({ ...file, symbols }), small, host);
  const whole = await host.fs.writer(`${dir}/${INITRAMFS}`);
  try {
    for (const part of [input.initramfs.path, small]) {
      await whole.write(await host.fs.readBytes(part));
    }
  } finally {
    whole.close();
  }
  await host.fs.remove(small);
  await host.fs.remove(`${dir}/initramfs`);
  return `${dir}/${INITRAMFS}`;
}

/**
 * The functions of the kernel for the guest, which reads its own /proc/kallsyms where there are none.
 * @returns Whether the build has left a System.map beside vmlinux.
 */
async function writeSymbols(path: string, vmlinux: string, host: Host): Promise<boolean> {
  const systemMap = await host.fs.readTextIfAny(`${dirname(vmlinux)}/System.map`);
  const packed = systemMap === null ? null : packSymbols(systemMap);
  if (packed === null) return false;
  const out = await host.fs.writer(path);
  try {
    await out.write(packed);
  } finally {
    out.close();
  }
  return true;
}

/** Copies files into a folder, which is made where there are any; gives their names. */
async function copyInto(folder: string, paths: readonly string[], host: Host): Promise<string[]> {
  if (paths.length > 0) await host.fs.makeDir(folder);
  const names = paths.map((path) => basename(path));
  for (const [index, path] of paths.entries()) {
    await host.fs.copy(path, `${folder}/${names[index]}`);
  }
  return names;
}

const INITRAMFS = "initramfs.cpio";

/** For the report, on a full disk: what can be made again, and most of what the guest has printed. */
async function makeRoom(dir: string, host: Host): Promise<void> {
  await host.fs.remove(`${dir}/${INITRAMFS}`);
  const console = `${dir}/${RECORDINGS.console}`;
  const end = await host.fs.readTail(console, 64 << 10);
  await host.fs.remove(console);
  await host.fs.writeText(console, `[kmatrix: the disk was full; only the end is kept]\n${end}`)
    .catch(() => {});
}

/**
 * What QEMU itself says of its end. With a code of a refusal and words, and without a console, it has
 * not started; a guest cannot do that.
 */
async function refineEnd(end: BootEnd, dir: string, host: Host): Promise<BootEnd> {
  if (end.kind !== "exited") return end;
  const said = (await host.fs.readTail(`${dir}/qemu.log`, 4096)).trim();
  const cause = exitCause(end.code, said);
  if (cause !== null) return { ...end, cause };
  if (!mayHaveRefused(end.code)) return end;
  const silent = ((await host.fs.stat(`${dir}/${RECORDINGS.console}`))?.size ?? 0) === 0;
  if (!silent || said === "") return end;
  return { kind: "not-started", message: said.split("\n").slice(-4).join("; ") };
}
