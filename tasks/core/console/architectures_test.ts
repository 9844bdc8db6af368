// SPDX-License-Identifier: MIT
/** Logs of each architecture: where the CPU was, what interrupted it, what its lines look like. */
import assert from "node:assert/strict";
import { plainName } from "./stack_frame.ts";
import { stacksOf } from "./stack_trace.ts";
import { passedOverAs } from "./passed_over.ts";
import { ownContext, tellingFrames } from "./telling_frames.ts";
import { isBodyLine, isReportLine } from "./report_lines.ts";

const framesOf = (text: string) => stacksOf(text.split("\n"))[0]?.frames ?? [];

Deno.test("the place where the CPU was is found in the log of each architecture", () => {
  const places: Readonly<Record<string, string>> = {
    "x86-64, now": "RIP: 0010:hunted+0x12/0x40 [own]",
    "x86-64, 4.x": "RIP: 0010:[<ffffffff81234567>]  [<ffffffff81234567>] hunted+0x12/0x40",
    "x86-64, a page fault of 4.x": "IP: hunted+0x12/0x40",
    "x86-64, a page fault of 3.x": "IP: [<ffffffff81234567>] hunted+0x12/0x40",
    "i386, now": "EIP: hunted+0x12/0x40",
    "i386, 4.x": "EIP: 0060:[<c1234567>] hunted+0x12/0x40",
    "i386, 2.6": "EIP is at hunted+0x12/0x40",
    "arm64": "pc : hunted+0x12/0x40 [own]",
    "arm64, 4.x": "PC is at hunted+0x12/0x40",
    "arm, now": "PC is at hunted+0x12/0x40",
    "riscv": "epc : hunted+0x12/0x40",
    "powerpc": "NIP [c000000000123456] hunted+0x12/0x40",
    "powerpc, with a colon": "NIP:  hunted+0x12/0x40",
  };
  for (const [what, line] of Object.entries(places)) {
    const frames = framesOf(`${line}\nCall trace:\n its_caller+0x1/0x20`);
    assert.deepEqual(frames.map((frame) => frame.function), ["hunted", "its_caller"], what);
    assert.deepEqual([frames[0]!.offset, frames[0]!.returns], [0x12, false], what);
  }
});

Deno.test("a place in user space ends a stack", () => {
  for (const segment of ["0033", "0023", "0073", "002b"]) {
    for (const register of ["RIP", "EIP", "IP"]) {
      const text = ` f+0x1/0x2\n${register}: ${segment}:0x7f12\n another+0x1/0x2`;
      assert.deepEqual(framesOf(text).map((frame) => frame.function), ["f"], text);
    }
  }
  assert.equal(framesOf(" f+0x1/0x2\nRIP: 0010:0x7f12\n g+0x1/0x2").length, 2);
});

Deno.test("a place that is printed again below an exception begins the stack anew", () => {
  const text = (entry: string) =>
    `RIP: 0010:hunted+0x1/0x20\nCall Trace:\n die+0x1/0x20\n ${entry}+0x1/0x20\n` +
    "RIP: 0010:hunted+0x1/0x20\n its_caller+0x1/0x20";
  const found = (entry: string) => framesOf(text(entry)).map((frame) => frame.function);
  for (const entry of ["asm_exc_page_fault", "exc_int3", "asm_sysvec_reboot", "__irq_svc"]) {
    assert.deepEqual(found(entry), ["hunted", "its_caller"], entry);
  }
  assert.deepEqual(found("executes"), ["hunted", "die", "executes", "its_caller"]);
});

Deno.test("what an interrupt was doing is told from what it interrupted", () => {
  const entries = [
    ...["asm_sysvec_apic_timer_interrupt", "asm_common_interrupt", "apic_timer_interrupt"],
    ...["common_interrupt", "ret_from_intr", "retint_kernel", "call_function_single_interrupt"],
    ...["el1h_64_irq", "el1_irq", "__irq_svc"],
  ];
  for (const entry of entries) {
    const frames = framesOf(` in_the_interrupt+0x1/0x2\n ${entry}+0x1/0x2\n below+0x1/0x2`);
    assert.deepEqual(
      ownContext(frames).map((frame) => frame.function),
      ["in_the_interrupt"],
      entry,
    );
  }
  const plain = framesOf(" a+0x1/0x2\n el1_irqs_of_mine+0x1/0x2\n b+0x1/0x2");
  assert.equal(ownContext(plain).length, 3);
});

Deno.test("functions that an architecture alone has are passed over", () => {
  const entries = `
    asm_exc_general_protection do_error_trap paranoid_entry rewind_stack_and_make_dead
    do_syscall_64 x64_sys_call entry_SYSCALL_64_after_hwframe __do_fast_syscall_32 common_startup_64
    default_idle mwait_idle_with_hints native_safe_halt __x86_indirect_thunk_rax srso_alias_return_thunk
    rep_movs_alternative native_write_msr wrmsrl retint_user intel_pmu_handle_irq_v4
    el0t_64_sync el1h_64_sync_handler do_mem_abort do_serror brk_handler gic_handle_irq primary_switched
    psci_enter_idle_state ret_fast_syscall __do_DataAbort arm_notify_die program_check_exception`;
  for (const name of entries.trim().split(/\s+/)) {
    // "__" of a name is no matter.
    assert.ok(passedOverAs(plainName(name)), name);
  }
  for (
    const name of ["el1a_driver_probe", "entryway", "idle_default", "my_rep_movs", "psci_probe"]
  ) {
    assert.equal(passedOverAs(name), null, name);
  }
  const stack = framesOf(" do_mem_abort+0x1/0x2\n el1h_64_sync+0x1/0x2\n hunted+0x1/0x2");
  assert.deepEqual(tellingFrames(stack).map((frame) => frame.function), ["hunted"]);
});

Deno.test("lines of registers belong to a report", () => {
  const body = [
    ...["RIP: 0010:f+0x1/0x2", "EIP: 0060:f+0x1/0x2", "EIP is at f+0x1/0x2", "RSP: 0018:ffffc900"],
    ...["EFLAGS: 00010246 CPU: 0", "RAX: 0000000000000001 RBX: 0000000000000000"],
    ...["pstate: 60400005 (nZCv daif +PAN)", "pc : f+0x1/0x2", "lr : g+0x1/0x2"],
    ...["PC is at f+0x1/0x2", "LR is at g+0x1/0x2"],
  ];
  for (const line of body) assert.ok(isBodyLine(line), line);
  const parts = [
    ...["CR2: 0000000000000010 CR3: 0000000001234000", "DR0: 0000000000000000", "PGD 0 P4D 0"],
    ...["#PF: supervisor read access in kernel mode", "ORIG_RAX: ffffffffffffffff"],
    ...[
      "x29: ffff80008234bc10 x28: 0000000000000000",
      "x1 : 0000000000000000",
      "sp : ffff80008234bc10",
    ],
    ...["Mem abort info:", "  ESR = 0x0000000096000005", "  EC = 0x25: DABT (current EL)"],
    ...["[0000000000000010] pgd=0000000000000000", "user pgtable: 4k pages, 48-bit VAs"],
    ...["r3 : 00000000  r2 : 00000001"],
  ];
  for (const line of parts) assert.ok(isReportLine(line) && !isBodyLine(line), line);
  for (const line of ["x-gene: 12", "sprintf : 1", "RIPPLE: on", "pc speaker", "epcot"]) {
    assert.ok(!isReportLine(line), line);
  }
});
