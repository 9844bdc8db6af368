// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { consoleLines, findSplats } from "./splats.ts";

/** Lines as the console shows them, with timestamps. */
const log = (...lines: readonly string[]) =>
  lines.map((line, index) => `[${(index / 1000 + 1).toFixed(6).padStart(12)}] ${line}\n`).join("");
const found = (text: string) =>
  findSplats(text).map(({ id, during, root }) => [id, during, root] as const);

Deno.test("findSplats() knows each kind of complaint by its title line", () => {
  const cases: readonly [string, string][] = [
    ["kasan", "BUG: KASAN: slab-out-of-bounds in kcov_ioctl+0x12/0x340"],
    ["page-fault", "BUG: unable to handle page fault for address: ffffc90000000000"],
    ["page-fault", "BUG: kernel NULL pointer dereference, address: 0000000000000008"],
    ["soft-lockup", "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [init:1]"],
    ["hard-lockup", "NMI watchdog: Watchdog detected hard LOCKUP on cpu 1"],
    ["hard-lockup", "watchdog: Watchdog detected hard LOCKUP on cpu 1"],
    ["lockdep", "WARNING: possible circular locking dependency detected"],
    ["lockdep", "WARNING: possible recursive locking detected"],
    ["lockdep", "WARNING: inconsistent lock state"],
    ["lockdep", "WARNING: suspicious RCU usage"],
    ["lockdep", "WARNING: bad unlock balance detected!"],
    ["lockdep", "INFO: trying to register non-static key."],
    ["bug", "kernel BUG at kernel/kcov.c:412!"],
    ["bug", "BUG: scheduling while atomic: init/1/0x00000002"],
    ["bug", "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580"],
    ["bug", "BUG: Bad page state in process init  pfn:01234"],
    [
      "general-protection",
      "Oops: general protection fault, probably for non-canonical address 0x1",
    ],
    ["general-protection", "general protection fault: 0000 [#1] PREEMPT SMP"],
    ["oops", "Oops: 0002 [#1] PREEMPT SMP NOPTI"],
    ["oops", "Oops: invalid opcode: 0000 [#1] SMP"],
    ["oops", "invalid opcode: 0000 [#1] SMP"],
    ["oops", "divide error: 0000 [#1] SMP"],
    ["ubsan", "UBSAN: array-index-out-of-bounds in kernel/kcov.c:77:3"],
    ["rcu-stall", "rcu: INFO: rcu_preempt self-detected stall on CPU"],
    ["rcu-stall", "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:"],
    ["hung-task", "INFO: task init:1 blocked for more than 120 seconds."],
    ["oom", "init invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE), order=0"],
    ["oom", "Out of memory: Killed process 1 (init) total-vm:1024kB"],
    ["list-corruption", "list_add corruption. next->prev should be prev (ffff), but was 0"],
    ["list-corruption", "list_del corruption, ffff888000->next is LIST_POISON1"],
    ["warning", "WARNING: CPU: 0 PID: 1 at kernel/kcov.c:412 kcov_ioctl+0x12/0x340"],
    ["warning", "WARNING: kernel/kcov.c:412 at kcov_ioctl+0x12/0x340, CPU#0: init/1"],
    ["panic", "PANIC: early exception 0x0e IP 10:ffffffff81000000 error 0 cr2 0x0"],
    ["panic", "traps: PANIC: double fault, error_code: 0x0"],
    ["panic", "Kernel panic - not syncing: hung_task: blocked tasks"],
    ["kmemleak", "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)"],
    ["panic", "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100"],
    [
      "panic",
      "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: do_init+0x1",
    ],
  ];
  for (const [id, title] of cases) {
    const splats = findSplats(log("quiet", title, "more"));
    assert.deepEqual(splats.map((splat) => splat.id), [id], title);
    assert.equal(splats[0]!.title, title);
  }
});

Deno.test("findSplats() leaves lines alone that only sound bad", () => {
  assert.deepEqual(
    findSplats(log(
      "kmatrix: RUN kcov.BUG.warning",
      "x86/cpu: SGX disabled by BIOS. BUG: not here",
      "Warning: unable to open an initial console.",
      "ACPI BIOS Warning (bug): Incorrect checksum",
      "Command line: panic=-1 oops=panic",
      "rcu: Hierarchical RCU implementation.",
      "kmatrix: END kcov.BUG.warning",
    )),
    [],
  );
});

Deno.test("findSplats() attributes a splat to the test that ran", () => {
  const splat = "WARNING: CPU: 0 PID: 1 at kernel/kcov.c:412 kcov_ioctl+0x12/0x340";
  const text = log(
    splat,
    "kmatrix: RUN a.b.c",
    splat,
    "kmatrix: END a.b.c",
    splat,
    "kmatrix: RUN a.b.d",
    "kmatrix: END a.b.d",
    "kmatrix: DONE",
    splat,
  );
  assert.deepEqual(findSplats(text).map((one) => one.during), [
    "boot",
    "a.b.c",
    "between tests",
    "teardown",
  ]);
});

Deno.test("findSplats() reads through timestamps, callers, levels, CR and escape codes", () => {
  for (
    const line of [
      "WARNING: CPU: 0 PID: 1 at x",
      "[    1.234567] WARNING: CPU: 0 PID: 1 at x",
      "[    1.234567][    T1] WARNING: CPU: 0 PID: 1 at x",
      "[12345.234567][   C0] WARNING: CPU: 0 PID: 1 at x",
      "<4>[    1.234567] WARNING: CPU: 0 PID: 1 at x",
      "\x1bc\x1b[?7l\x1b[2J[    1.234567] \x1b[1;31mWARNING: CPU: 0 PID: 1 at x\x1b[0m\r",
    ]
  ) {
    const splats = findSplats(`[    1.0] kmatrix: RUN a.b.c\r\n${line}\r\n`);
    assert.deepEqual(splats.map(({ title, during }) => [title, during]), [
      ["WARNING: CPU: 0 PID: 1 at x", "a.b.c"],
    ], JSON.stringify(line));
  }
});

Deno.test("findSplats() tells the first complaint from what it leads to", () => {
  assert.deepEqual(
    found(log(
      "kmatrix: RUN a.b.c",
      "BUG: kernel NULL pointer dereference, address: 0000000000000008",
      "#PF: supervisor write access in kernel mode",
      "Oops: 0002 [#1] PREEMPT SMP NOPTI",
      "RIP: 0010:kcov_ioctl+0x12/0x340",
      "Kernel panic - not syncing: Fatal exception",
      "---[ end Kernel panic - not syncing: Fatal exception ]---",
    )),
    [["page-fault", "a.b.c", true], ["oops", "a.b.c", false], ["panic", "a.b.c", false]],
  );
});

Deno.test("findSplats() takes a second complaint behind the end of a trace for one of its own", () => {
  assert.deepEqual(
    found(log(
      "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2",
      "---[ end trace 0000000000000000 ]---",
      "WARNING: CPU: 0 PID: 1 at b.c:1 g+0x1/0x2",
      "---[ end trace 0000000000000000 ]---",
    )),
    [["warning", "boot", true], ["warning", "boot", true]],
  );
});

Deno.test("findSplats() keeps the lines of a splat, and a bounded number of them", () => {
  const lines = Array.from({ length: 100 }, (_, index) => ` ? f${index}+0x1/0x2`);
  const text = log(
    "before",
    "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2",
    ...lines,
  );
  const [splat] = findSplats(text);
  assert.equal(splat!.lines.length, 40);
  assert.equal(splat!.lines[1], " ? f0+0x1/0x2");
  const short = findSplats(log(
    "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2",
    "---[ end trace 0000000000000000 ]---",
    "after",
  ));
  assert.equal(short[0]!.lines.at(-1), "---[ end trace 0000000000000000 ]---");
});

Deno.test("consoleLines() gives text without stamps and terminal codes", () => {
  assert.deepEqual(consoleLines("[    0.000000] Linux\r\n\x1b[2Jx\n"), ["Linux", "x", ""]);
});
