// SPDX-License-Identifier: MIT
/** The QEMU command line, as small functions that each say what their arguments are for. */
import type { QemuFacts } from "../arch/arch.ts";
import { ARCHITECTURES, archOf } from "../arch/table.ts";
import type { Accel, ExitCause, Machine } from "../model/model.ts";

export interface QemuRequest {
  /** The file that QEMU loads: vmlinux, or what the architecture has made of it. */
  readonly image: string;
  readonly initramfs: string;
  readonly resultsFile: string;
  readonly machine: Machine;
  readonly accel: Accel;
  /** The console is the user's terminal, and is recorded in this file. */
  readonly terminal?: { readonly log: string } | undefined;
  /** Stops before the first instruction and waits for a debugger at this port. */
  readonly gdbPort?: number | undefined;
}

const SHUTDOWN_EVENT = "qemu_system_shutdown_request";
/** SHUTDOWN_CAUSE_GUEST_SHUTDOWN of QEMU's ShutdownCause (qapi/run-state.json). */
const GUEST_SHUTDOWN = 6;

/**
 * Why QEMU ended with code 0, from what it logged; null for other codes. It ends so when it is asked
 * to by the guest, by a signal, or, with -no-reboot, by a reset: of the last it says nothing.
 */
export function exitCause(code: number, log: string): ExitCause | null {
  if (code !== 0) return null;
  if (/terminating on signal \d+/.test(log)) return "terminated";
  return log.includes(`${SHUTDOWN_EVENT} reason=${GUEST_SHUTDOWN}`) ? "power-off" : "reset";
}

/**
 * Whether QEMU's exit code is that of a guest which gave this code to its exit device, on any
 * architecture: no code of one is that of another outcome elsewhere.
 */
export function endedWith(guestCode: number, qemuCode: number): boolean {
  return Object.values(ARCHITECTURES).some(({ qemu }) => qemu.exitCode(guestCode) === qemuCode);
}

/**
 * Codes with which QEMU, or the shell in front of it, refuses to start: 1 for its command line, 126
 * and 127 for a program that cannot be run. A guest can bring about 1 as well, but not in silence.
 */
const REFUSALS: readonly number[] = [1, 126, 127];

/** Whether QEMU may not have started, by its exit code. */
export function mayHaveRefused(qemuCode: number): boolean {
  return REFUSALS.includes(qemuCode);
}

/** No default devices, no user configuration, no display, no network: only what is listed. */
const bare = () => ["-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"];

/** QEMU itself may neither fork nor gain rights nor change its resources. */
const confined = () => [
  "-sandbox",
  "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
];

/** One line in its log when the guest switches its machine off (trace event of softmmu). */
const traced = () => ["-trace", `enable=${SHUTDOWN_EVENT}`];

const accelerator = (accel: Accel, { cpu }: QemuFacts) =>
  accel === "kvm"
    ? ["-accel", "kvm", "-cpu", cpu.kvm]
    : ["-accel", "tcg,thread=multi", "-cpu", cpu.tcg];

const machineType = ({ type }: Machine, { machineValues }: QemuFacts) => [
  "-machine",
  machineValues[type] ?? type,
];

// Each CPU is a socket: of the cores of one socket, SeaBIOS's MP table (types pc and q35) shows one.
const size = ({ cpus, memoryMiB }: Machine) => [
  "-smp",
  cpus === 1 ? "1" : `${cpus},sockets=${cpus}`,
  "-m",
  `${memoryMiB}M`,
];

/** The console goes to standard output, where the host caps what it keeps. */
const console = () => ["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"];

/** Typed keys go to the guest, Ctrl-C too; Ctrl-A x ends QEMU, Ctrl-A c gives its monitor. */
const terminal = (log: string) => [
  "-chardev",
  `stdio,id=console,signal=off,mux=on,logfile=${log.replaceAll(",", ",,")}`,
  "-serial",
  "chardev:console",
  "-mon",
  "chardev=console,mode=readline",
];

const debuggerAt = (port: number) => ["-S", "-gdb", `tcp:127.0.0.1:${port}`];

/** The result channel: a file, and the device that the guest reaches it by. */
const results = (file: string, { resultsDevice }: QemuFacts) => [
  "-chardev",
  `file,id=results,path=${file.replaceAll(",", ",,")}`,
  ...resultsDevice("results"),
];

const kernel = (request: QemuRequest) => [
  "-kernel",
  request.image,
  "-initrd",
  request.initramfs,
  "-append",
  kernelCommandLine(request),
];

/** The kernel command line. */
export function kernelCommandLine({ machine, accel }: {
  readonly machine: Pick<Machine, "cmdline" | "cpus" | "arch">;
  readonly accel: Accel;
}): string {
  const own = archOf(machine).qemu.commandLine({ accel, cpus: machine.cpus });
  return [...own, machine.cmdline].filter(Boolean).join(" ");
}

/** The whole argv. */
export function qemuArgv(request: QemuRequest): string[] {
  const { qemu } = archOf(request.machine);
  return [
    qemu.program,
    ...bare(),
    ...confined(),
    ...traced(),
    ...machineType(request.machine, qemu),
    ...accelerator(request.accel, qemu),
    ...size(request.machine),
    ...(request.terminal ? terminal(request.terminal.log) : console()),
    ...results(request.resultsFile, qemu),
    ...qemu.exitDevice,
    ...kernel(request),
    ...(request.gdbPort === undefined ? [] : debuggerAt(request.gdbPort)),
    ...(request.machine.qemuArgs ?? []),
  ];
}
