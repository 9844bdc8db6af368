// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { SMP4, UNI } from "../../testing/samples.ts";
import {
  endedWith,
  exitCause,
  kernelCommandLine,
  mayHaveRefused,
  qemuArgv,
  type QemuRequest,
} from "./qemu.ts";

const REQUEST: QemuRequest = {
  image: "/b/vmlinux",
  initramfs: "/r/initramfs.cpio",
  resultsFile: "/r/results.log",
  machine: UNI,
  accel: "tcg",
};

Deno.test("qemuArgv() lists every device by itself, under TCG", () => {
  assert.deepEqual(qemuArgv(REQUEST), [
    "qemu-system-x86_64",
    "-no-user-config",
    "-nodefaults",
    "-display",
    "none",
    "-no-reboot",
    "-sandbox",
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    "-trace",
    "enable=qemu_system_shutdown_request",
    "-machine",
    "microvm,acpi=off,pit=on,pic=on",
    "-accel",
    "tcg,thread=multi",
    "-cpu",
    "max,-erms,-fsrm,-smap",
    "-smp",
    "1",
    "-m",
    "256M",
    "-chardev",
    "stdio,id=console,signal=off",
    "-serial",
    "chardev:console",
    "-chardev",
    "file,id=results,path=/r/results.log",
    "-device",
    "isa-debugcon,iobase=0xe9,chardev=results",
    "-device",
    "isa-debug-exit,iobase=0xf4,iosize=4",
    "-kernel",
    "/b/vmlinux",
    "-initrd",
    "/r/initramfs.cpio",
    "-append",
    "console=ttyS0 panic=-1 reboot=t lpj=4000000 no_timer_check nolapic_timer noreplace-smp",
  ]);
});

Deno.test("qemuArgv() uses the host's CPU under KVM", () => {
  const argv = qemuArgv({ ...REQUEST, accel: "kvm" });
  assert.equal(argv[argv.indexOf("-accel") + 1], "kvm");
  assert.equal(argv[argv.indexOf("-cpu") + 1], "host");
});

Deno.test("qemuArgv() takes size, type and command line from the machine", () => {
  const machine = { ...SMP4, type: "q35", cmdline: "nosmt quiet" };
  const argv = qemuArgv({ ...REQUEST, machine });
  assert.equal(argv[argv.indexOf("-machine") + 1], "q35");
  assert.equal(argv[argv.indexOf("-smp") + 1], "4,sockets=4");
  assert.equal(argv[argv.indexOf("-m") + 1], "512M");
  assert.equal(
    argv.at(-1),
    "console=ttyS0 panic=-1 reboot=t lpj=4000000 no_timer_check nosmt quiet",
  );
});

Deno.test("qemuArgv() puts a machine's own arguments last, where they win", () => {
  const machine = { ...UNI, qemuArgs: ["-m", "64M"] };
  assert.deepEqual(qemuArgv({ ...REQUEST, machine }).slice(-2), ["-m", "64M"]);
});

Deno.test("qemuArgv() gives the console to a terminal, recorded, with a way out", () => {
  const argv = qemuArgv({ ...REQUEST, terminal: { log: "/r/a,b.log" } });
  assert.ok(argv.includes("stdio,id=console,signal=off,mux=on,logfile=/r/a,,b.log"));
  assert.ok(argv.includes("chardev=console,mode=readline"));
});

Deno.test("qemuArgv() waits for a debugger of this machine alone", () => {
  assert.deepEqual(qemuArgv({ ...REQUEST, gdbPort: 1234 }).slice(-3), [
    ...["-S", "-gdb", "tcp:127.0.0.1:1234"],
  ]);
});

Deno.test("qemuArgv() doubles commas of a path, as QEMU's option parser wants them", () => {
  const argv = qemuArgv({ ...REQUEST, resultsFile: "/a,b/results.log" });
  assert.ok(argv.includes("file,id=results,path=/a,,b/results.log"));
});

Deno.test("kernelCommandLine() adds nothing when the machine asks nothing", () => {
  for (const accel of ["tcg", "kvm"] as const) {
    assert.doesNotMatch(kernelCommandLine({ ...REQUEST, accel }), /\s$/);
  }
});

Deno.test("kernelCommandLine() keeps the APIC's timer under KVM and with several CPUs", () => {
  assert.match(kernelCommandLine(REQUEST), / nolapic_timer noreplace-smp\b/);
  assert.doesNotMatch(kernelCommandLine({ ...REQUEST, accel: "kvm" }), /timer/);
  assert.doesNotMatch(
    kernelCommandLine({ ...REQUEST, machine: SMP4 }),
    /nolapic_timer|noreplace-smp/,
  );
});

Deno.test("endedWith() knows what isa-debug-exit makes of a guest's code", () => {
  assert.ok(endedWith(0x10, 33));
  assert.ok(endedWith(0x11, 35));
  assert.ok(endedWith(0, 1));
  for (const code of [0, 1, 32, 34, 35, 137]) assert.ok(!endedWith(0x10, code), `${code}`);
});

Deno.test("mayHaveRefused() knows the codes of a QEMU that did not start, and no sound guest's", () => {
  for (const code of [1, 126, 127]) assert.ok(mayHaveRefused(code), `${code}`);
  for (const code of [0, 2, 33, 35, 37, 128, 137]) assert.ok(!mayHaveRefused(code), `${code}`);
});

Deno.test("exitCause() tells what ended QEMU with code 0, and nothing of other codes", () => {
  const killed = "qemu-system-x86_64: terminating on signal 15 from pid 1 (<unknown process>)";
  const traced = (reason: number) =>
    `12@1790000000.000001:qemu_system_shutdown_request reason=${reason}`;
  assert.equal(exitCause(0, ""), "reset");
  assert.equal(exitCause(0, "qemu-system-x86_64: warning: nothing of importance"), "reset");
  assert.equal(exitCause(0, traced(6)), "power-off");
  assert.equal(exitCause(0, `${traced(4)}\n${killed}`), "terminated");
  for (const code of [1, 33, 35, 137]) assert.equal(exitCause(code, traced(6)), null);
});
