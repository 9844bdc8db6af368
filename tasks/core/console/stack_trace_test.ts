// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { isStackLine, plainName, type StackFrame, stackFrameText } from "./stack_frame.ts";
import { stacksOf } from "./stack_trace.ts";
import { tellingFrames } from "./telling_frames.ts";
import { OOPS } from "../../testing/console_samples.ts";

const stacks = (lines: string) => stacksOf(lines.split("\n").filter((line) => line !== ""));
const stack = (lines: string) => stacks(lines)[0]?.frames ?? [];
const names = (frames: readonly StackFrame[]) => frames.map((frame) => frame.function);
const telling = (lines: string) => names(tellingFrames(stack(lines)));

Deno.test("stacksOf() begins where the CPU was, and leaves out what merely lies on the stack", () => {
  const frames = stack(OOPS);
  assert.deepEqual(frames.slice(0, 2), [
    { function: "crash_null", offset: 4, size: 16, module: "crash", returns: false },
    { function: "crash_write", offset: 0xa8, size: 0x100, module: "crash", returns: true },
  ]);
  assert.deepEqual(names(frames).slice(2), [
    ...["vfs_write", "ksys_write", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"],
  ]);
  assert.equal(stackFrameText(frames[0]!), "crash_null+0x4/0x10 [crash]");
});

Deno.test("stacksOf() ends where the stack of another event begins", () => {
  const kasan = `
BUG: KASAN: slab-use-after-free in use+0x5d/0x70
Call Trace:
 <TASK>
 dump_stack_lvl+0x6e/0xa0
 print_report+0x171/0x4c0
 kasan_report+0x95/0xc0
 __asan_store1+0x11/0x20
 use+0x5d/0x70
 caller.constprop.0+0x1/0x2
 </TASK>

Allocated by task 34:
 kasan_save_stack+0x1e/0x40
 make+0x33/0x70
`;
  assert.deepEqual(telling(kasan), ["use", "caller.constprop.0"]);
});

Deno.test("stacksOf() goes on where an interrupt came from", () => {
  const lockup = `
watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [init:34]
RIP: 0010:spin+0x14/0x20
Call Trace:
 <IRQ>
 watchdog_timer_fn+0x1a9/0x210
 __hrtimer_run_queues+0x10d/0x2a0
 </IRQ>
 <TASK>
 asm_sysvec_apic_timer_interrupt+0x16/0x20
RIP: 0010:spin+0x14/0x20
Code: 90
 write+0x1/0x2
 </TASK>
`;
  assert.deepEqual(telling(lockup), ["spin", "write"]);
  const inside = `
WARNING: something
Call Trace:
 <IRQ>
 dump_stack_lvl+0x6e/0xa0
 </IRQ>
 <TASK>
 asm_sysvec_apic_timer_interrupt+0x16/0x20
RIP: 0010:spin+0x14/0x20
 write+0x1/0x2
`;
  assert.deepEqual(telling(inside), ["spin", "write"]);
});

Deno.test("stacksOf() leaves out what stands above the place where the CPU was", () => {
  const nmi = `
RIP: 0010:spin+0x14/0x20
Call Trace:
 <NMI>
 some_driver_nmi+0x1/0x2
 </NMI>
 <TASK>
 ? spin+0x14/0x20
 write+0x1/0x2
`;
  assert.deepEqual(telling(nmi), ["spin", "write"]);
});

Deno.test("stacksOf() finds the place from which a task was preempted", () => {
  const stall = `
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
task:init            state:R  running task     stack:0     pid:24
Call Trace:
 <TASK>
 __schedule+0x5c3/0x750
 preempt_schedule_irq+0x3a/0x60
 irqentry_exit+0x26/0x40
 asm_sysvec_apic_timer_interrupt+0x16/0x20
RIP: 0010:stalls+0x32/0x60 [crash]
Code: f3 90
 crash_write+0xa8/0x100 [crash]
`;
  assert.deepEqual(telling(stall), ["stalls", "crash_write"]);
});

Deno.test("stacksOf() reads all that a symbolizer makes of one place", () => {
  const text = "RIP: 0010:g a/b.h:3 [inline]\nRIP: 0010:f+0x1/0x2 a/b.c:9\nCall Trace:\n h+0x1/0x2";
  assert.deepEqual(stack(text).map((frame) => [frame.function, frame.offset, frame.source]), [
    ["g", null, "a/b.h:3"],
    ["f", 1, "a/b.c:9"],
    ["h", 1, undefined],
  ]);
});

Deno.test("stacksOf() ends where user space begins", () => {
  const text = " f+0x1/0x2\nRIP: 0033:0x41d5be\nRSP: 002b:0\n of_another_task+0x1/0x2";
  assert.deepEqual(names(stack(text)), ["f"]);
  assert.deepEqual(names(stack(text.replace("0033", "0010"))), ["f", "of_another_task"]);
});

Deno.test("stacksOf() gives nothing where no stack was printed", () => {
  assert.deepEqual(stack("WARNING: x\nRIP: 0033:0x41d5be\n not+a/frame"), []);
});

Deno.test("tellingFrames() leaves out what reports and what every stack begins with", () => {
  const frames = `
 __warn+0x1/0x2
 report_bug+0x1/0x2
 handle_bug+0x1/0x2
 exc_invalid_op+0x1/0x2
 asm_exc_invalid_op+0x1/0x2
 refcount_warn_saturate+0x1/0x2
 __might_resched.cold+0x1/0x2
 mutex_lock+0x1/0x2
 report_usage+0x1/0x2
 ret_from_fork_asm+0x1/0x2
`;
  assert.deepEqual(telling(frames), ["report_usage"]);
});

Deno.test("tellingFrames() names a function that calls itself once", () => {
  assert.deepEqual(telling(" f+0x1/0x2\n f+0x3/0x4\n f+0x3/0x4\n g+0x1/0x2\n f+0x1/0x2"), [
    ...["f", "g", "f"],
  ]);
});

Deno.test("plainName() takes off what a compiler appends", () => {
  for (
    const [name, plain] of [
      ["f.constprop.0", "f"],
      ["f.isra.0.cold", "f"],
      ["f.llvm.1234567890123", "f"],
      ["f.part.3", "f"],
      ["f.12", "f"],
      ["f", "f"],
      ["_raw.f2", "_raw.f2"],
    ] as const
  ) assert.equal(plainName(name), plain);
});

Deno.test("isStackLine() knows the lines of a stack", () => {
  for (
    const line of [
      ...[" f+0x1/0x2", " ? f.cold+0x1/0x2 [m]", " <TASK>", " </IRQ>", " f+0x1/0x2 a/b.c:3"],
      ...[" [<ffffffff81234567>] ? f+0x1/0x2", "[<c0123456>] (f) from [<c0123450>] (g+0x1/0x2)"],
      ...[" f a/b.h:3 [inline]", "f (a/b.c:3 (discriminator 1) a/b.h:4) m", "? f (a/b.c:3)"],
      // Blanks are lost in mails.
      ...["f+0x1/0x2", "? f+0x1/0x2 [m]"],
    ]
  ) assert.ok(isStackLine(line), line);
  for (
    const line of [
      ...[" some words", " f+0x1", "", "f+0x1/0x2 is at fault", "RIP: 0010:f+0x1/0x2"],
      ...["Modules linked in: f(O)", "f (a module)", "in f+0x1/0x2", "a.c:3 f+0x1/0x2"],
    ]
  ) assert.ok(!isStackLine(line), line);
});
