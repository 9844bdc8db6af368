// SPDX-License-Identifier: MIT
/** The facts of x86-64; logs of 32-bit kernels are read by the same. */
import { EXIT_PORT, RESULTS_PORT } from "../../../selftests/contract/frames.ts";
import type { Arch, BootHow, CodeFacts, LogFacts, QemuFacts } from "./arch.ts";

// TCG carries out `rep movsb` byte by byte, which a kernel takes for the fast way to copy a page where
// it finds ERMS; and each change of SMAP's flag, around every copy from user memory, takes it to
// another TLB. Without the three the boot of linux-6.12/kcov takes a tenth less CPU time.
const TCG_CPU = "max,-erms,-fsrm,-smap";

function commandLine({ accel, cpus }: BootHow): string[] {
  const tcg = accel === "tcg";
  return [
    "console=ttyS0",
    // A panic reboots at once, and -no-reboot turns a reboot into QEMU's end.
    "panic=-1",
    // By a triple fault: the other ways wait 18 s for a keyboard controller that is not there.
    "reboot=t",
    // Tells the loops-per-jiffy figure instead of measuring it for a quarter of a second.
    "lpj=4000000",
    // The PIT is known to interrupt; to see it do so takes four jiffies.
    ...(tcg ? ["no_timer_check"] : []),
    // Two measurements of the APIC's timer, a tenth of a second each. One CPU does without: it has the
    // PIT. With more, the timer is what every other CPU's clock comes from.
    ...(tcg && cpus === 1 ? ["nolapic_timer"] : []),
    // On one CPU the kernel would take the lock prefixes out of its code, place after place, and what
    // has been translated of each page is translated again: 40 ms.
    ...(tcg && cpus === 1 ? ["noreplace-smp"] : []),
  ];
}

const QEMU: QemuFacts = {
  program: "qemu-system-x86_64",
  packages: {
    apt: "qemu-system-x86",
    dnf: "qemu-system-x86-core",
    pacman: "qemu-system-x86",
    zypper: "qemu-x86",
  },
  minimum: { version: "5.1", for: "PVH and microvm" },
  machineType: "microvm",
  // microvm has no PCI, and here no ACPI: a kernel with both finds its CPUs, interrupts and devices by
  // them, and is not to be judged by its ways around.
  machineFor: (config) =>
    ["CONFIG_ACPI", "CONFIG_PCI"].every((option) => config.get(option) === "y") ? "pc" : "microvm",
  // TCG has no kvmclock and needs the PIT and the PIC; without ACPI the firmware's MP table is used.
  machineValues: { microvm: "microvm,acpi=off,pit=on,pic=on" },
  cpu: { kvm: "host", tcg: TCG_CPU },
  commandLine,
  // One byte a port write, no driver of the kernel under test in its way.
  resultsDevice: (chardev) => [
    "-device",
    `isa-debugcon,iobase=0x${RESULTS_PORT.toString(16)},chardev=${chardev}`,
  ],
  // One port write ends QEMU, without a shutdown path of the kernel.
  exitDevice: ["-device", `isa-debug-exit,iobase=0x${EXIT_PORT.toString(16)},iosize=4`],
  // hw/misc/debugexit.c of QEMU.
  exitCode: (guestCode) => (guestCode << 1) | 1,
};

/** `call rel32` and, of a tail call, `jmp rel32` (Intel SDM volume 2). */
const [CALL, JUMP] = [0xe8, 0xe9];
const CALL_BYTES = 5;

/** R_X86_64_* (System V ABI, AMD64 supplement, 4.4). */
const R = { NONE: 0, 64: 1, PC32: 2, PLT32: 4, 32: 10, "32S": 11, PC64: 24 } as const;

const CODE: CodeFacts = {
  // Bytes that look like a call would have to hit one of a dozen addresses out of 2^32.
  calls(code, address, found) {
    const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
    for (let at = 0; at + CALL_BYTES <= code.length; at++) {
      const opcode = code[at];
      if (opcode !== CALL && opcode !== JUMP) continue;
      const behind = address + at + CALL_BYTES;
      found(behind + view.getInt32(at + 1, true), opcode === CALL ? behind : null);
    }
  },
  isCall: (code, operand) => code[operand - 1] === CALL,
  // apply_relocate_add() of arch/x86/kernel/module.c.
  moduleRelocations: new Set<number>(Object.values(R)),
  // An operand of four bytes is the last of its instruction.
  addressRelocations: new Map<number, number>([[R[64], 0], [R.PC32, 4], [R[32], 0], [R["32S"], 0]]),
};

const LOG: LogFacts = {
  // show_ip() in its ages; and that of i386.
  place: /RIP:? +(?:[0-9a-f]{4}: ?)?|EIP:? (?:[0-9a-f]{4}:)?|EIP is at |IP: ?(?:[0-9a-f]{4}:)?/,
  // Segment 0x33, or 0x23 and 0x73 of 32-bit programs.
  userPlace: /E?R?IP: (?:0033|0023|0073|002b):/,
  interruptEntry:
    /asm_(?:sysvec_\w+|common_interrupt)|apic_timer_interrupt|common_interrupt|ret_from_intr|retint_kernel|reschedule_interrupt|call_function\w*_interrupt/,
  exceptionEntry: /(?:asm_)?exc_/,
  systemCallPrefix: /x64|ia32/,
  body: /[RE]IP: |[RE]IP is at |RSP: |EFLAGS: |R[A-Z0-9]{2}: [0-9a-f]{16}/,
  part: /[A-Z][A-Z0-9]{1,3}: {1,2}[0-9a-f]{4,16}|#PF: |PGD |PUD |PMD |P4D |ORIG_RAX|DR\d: /,
  passedOver: {
    traps: [
      /^(asm_call_\w*on_stack|run_(sysvec_|irq_)?on_irqstack\w*|call_on_irqstack\w*)$/,
      /^(asm_)?(exc|sysvec)_\w+$|^noist_exc_\w+$|^(error|paranoid|nmi)_(entry|exit|return)$|^(asm_|xen_)?(common|spurious)_interrupt\w*$/,
      /^do_(trap\w*|error_trap|int3\w*|kern_addr_fault|user_addr_fault|invalid_op|general_protection|divide_error|stack_segment|double_fault|nmi|bounds|overflow|simd\w*)$/,
      /^(page_fault|async_page_fault|general_protection|invalid_op|divide_error|double_fault|stack_segment|int3|trace_page_fault|machine_check|simd_coprocessor_error|df_debug|first_nmi|end_repeat_nmi|repeat_nmi)$/,
      /^rewind_stack_and_make_dead$|^is_prefetch$|^spurious_kernel_fault\w*$/,
    ],
    interrupts: [
      /^(smp_|xen_)?(local_|trace_)?(apic_timer|reschedule|call_function\w*|irq_work|thermal|error)_interrupt\w*$|^smp_apic_timer_interrupt\w*$/,
      /^(ret_from_intr|retint_\w+|do_IRQ|run_(sysvec|irq)_on_irqstack\w*|restore_regs_and_return_to_kernel|timer_interrupt|lapic_next_\w+)$/,
      /^intel_pmu_handle_irq\w*$/,
    ],
    entry: [
      /^(entry_\w+|do_(fast_)?syscall_\w+|x64_sys_call|x32_sys_call|ia32_sys_call|do_int80\w*|tracesys\w*|sysenter_\w+|sysret\w*|int_ret_from_sys_call\w*|stub_\w+)$/,
      /^(x86_64_start_\w+|common_startup_64|start_secondary|smp_callin|early_idt_\w+)$/,
    ],
    idle: [
      /^(default_idle\w*|(pv_)?native_(safe_)?halt|mwait_idle\w*|intel_idle\w*|amd_e400_idle|pv_native_\w+)$/,
    ],
    thunks: [
      /^x86_(indirect|return)_thunk\w*$|^(srso|its|retbleed|entry)_\w*thunk\w*$|^indirect_thunk\w*$/,
    ],
    memory: [/^rep_(movs|stos)_\w+$/],
    accessors: [/^(native_(read|write)_\w+|(rd|wr)msr\w*|native_apic_\w+)$/],
  },
};

const PVH = "arch/x86/platform/pvh";

/**
 * Whether the kernel's entry by PVH may call KCOV, which asks %gs for the current task, before %gs
 * holds the address of per-CPU data: up to 6.14 or so it is that of a stack canary there, and what
 * lies at the task's offset behind that decides. It kills 6.1 at once, and 6.12 lives by its layout.
 * Who starts from bzImage comes by arch/x86/kernel/head_64.S, which is careful about it.
 * Source: head.S, enlighten.c and Makefile of the folder.
 */
async function tracesPvhEntry(
  config: ReadonlyMap<string, string>,
  readSource: (file: string) => Promise<string | null>,
): Promise<boolean> {
  if (config.get("CONFIG_KCOV_INSTRUMENT_ALL") !== "y") return false;
  const [entry, makefile] = [
    await readSource(`${PVH}/head.S`),
    await readSource(`${PVH}/Makefile`),
  ];
  return /\bcanary\b/.test(entry ?? "") &&
    !/^KCOV_INSTRUMENT(_enlighten\.o)?[ \t]*:?=[ \t]*n\b/m.test(makefile ?? "");
}

export const X86_64: Arch = {
  name: "x86_64",
  aliases: ["x86"],
  folder: "arch/x86",
  target: "x86_64-linux-gnu",
  debian: { packages: "amd64", libraries: "x86_64-linux-gnu" },
  systemCalls: { file: "arch/x86/entry/syscalls/syscall_64.tbl", abis: ["common", "64"] },
  // vmlinux itself boots through its PVH entry note: no decompression. But who moves a kernel is its
  // decompressor (arch/x86/boot/compressed/kaslr.c), and without the note QEMU takes no vmlinux.
  image: async (config, readSource) =>
    config.get("CONFIG_PVH") === "y" && config.get("CONFIG_RANDOMIZE_BASE") !== "y" &&
      !await tracesPvhEntry(config, readSource)
      ? { target: "vmlinux", file: "vmlinux" }
      : { target: "bzImage", file: "arch/x86/boot/bzImage" },
  qemu: QEMU,
  elfMachine: 62,
  title: "x86-64",
  code: CODE,
  // The runtime raises its I/O privilege level to reach the ports of QEMU's devices.
  guestOptions: ["CONFIG_X86_IOPL_IOPERM"],
  log: LOG,
};
