// SPDX-License-Identifier: MIT
/** The QEMU command line, as small functions that each say what their arguments are for. */
import type { Accel, ExitCause, Machine } from "../model/model.ts";
import { EXIT_PORT, RESULTS_PORT } from "../../../selftests/contract/frames.ts";

export interface QemuRequest {
  readonly vmlinux: string;
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

/** QEMU's exit code for a code written to the exit port. */
export function qemuExitCode(guestCode: number): number {
  return (guestCode << 1) | 1;
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

// TCG carries out `rep movsb` byte by byte, which a kernel takes for the fast way to copy a page where
// it finds ERMS; and each change of SMAP's flag, around every copy from user memory, takes it to
// another TLB. Without the three the boot of linux-6.12/kcov takes a tenth less CPU time.
const TCG_CPU = "max,-erms,-fsrm,-smap";

const accelerator = (accel: Accel) =>
  accel === "kvm"
    ? ["-accel", "kvm", "-cpu", "host"]
    : ["-accel", "tcg,thread=multi", "-cpu", TCG_CPU];

// TCG has no kvmclock and needs the PIT and the PIC; without ACPI the firmware's MP table is used.
const MACHINE_TYPES: Readonly<Record<string, string>> = {
  microvm: "microvm,acpi=off,pit=on,pic=on",
};

const machineType = (machine: Machine) => [
  "-machine",
  MACHINE_TYPES[machine.type] ?? machine.type,
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

/** The result channel: one byte a port write, no driver of the kernel under test in its way. */
const results = (file: string) => [
  "-chardev",
  `file,id=results,path=${file.replaceAll(",", ",,")}`,
  "-device",
  `isa-debugcon,iobase=0x${RESULTS_PORT.toString(16)},chardev=results`,
];

/** One port write ends QEMU, without a shutdown path of the kernel. */
const exitDevice = () => ["-device", `isa-debug-exit,iobase=0x${EXIT_PORT.toString(16)},iosize=4`];

/** vmlinux itself boots through its PVH entry note: no decompression. */
const kernel = (request: QemuRequest) => [
  "-kernel",
  request.vmlinux,
  "-initrd",
  request.initramfs,
  "-append",
  kernelCommandLine(request),
];

/** The kernel command line. */
export function kernelCommandLine({ machine, accel }: {
  readonly machine: Pick<Machine, "cmdline" | "cpus">;
  readonly accel: Accel;
}): string {
  return [
    "console=ttyS0",
    // A panic reboots at once, and -no-reboot turns a reboot into QEMU's end.
    "panic=-1",
    // By a triple fault: the other ways wait 18 s for a keyboard controller that is not there.
    "reboot=t",
    // Tells the loops-per-jiffy figure instead of measuring it for a quarter of a second.
    "lpj=4000000",
    // The PIT is known to interrupt; to see it do so takes four jiffies.
    accel === "tcg" && "no_timer_check",
    // Two measurements of the APIC's timer, a tenth of a second each. One CPU does without: it has the
    // PIT. With more, the timer is what every other CPU's clock comes from.
    accel === "tcg" && machine.cpus === 1 && "nolapic_timer",
    // On one CPU the kernel would take the lock prefixes out of its code, place after place, and what
    // has been translated of each page is translated again: 40 ms.
    accel === "tcg" && machine.cpus === 1 && "noreplace-smp",
    machine.cmdline,
  ].filter(Boolean).join(" ");
}

/** The whole argv. */
export function qemuArgv(request: QemuRequest): string[] {
  return [
    "qemu-system-x86_64",
    ...bare(),
    ...confined(),
    ...traced(),
    ...machineType(request.machine),
    ...accelerator(request.accel),
    ...size(request.machine),
    ...(request.terminal ? terminal(request.terminal.log) : console()),
    ...results(request.resultsFile),
    ...exitDevice(),
    ...kernel(request),
    ...(request.gdbPort === undefined ? [] : debuggerAt(request.gdbPort)),
    ...(request.machine.qemuArgs ?? []),
  ];
}
