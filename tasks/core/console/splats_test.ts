// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { COMPLAINT_WORDS } from "./complaint_words.ts";
import { COMPLAINT_IDS } from "./complaint_kinds.ts";
import { consoleLines, findSplats, isWhole, linesShown, splatText } from "./splats.ts";

/** Lines as the console shows them, with timestamps. */
const log = (...lines: readonly string[]) =>
  lines.map((line, index) => `[${(index / 1000 + 1).toFixed(6).padStart(12)}] ${line}\n`).join("");
const found = (text: string) =>
  findSplats(text).map(({ id, during, root }) => [id, during, root] as const);

Deno.test("findSplats() knows each kind of complaint by its title line", () => {
  const cases: readonly [string, string][] = [
    ["kasan-out-of-bounds", "BUG: KASAN: slab-out-of-bounds in kcov_ioctl+0x12/0x340"],
    ["kasan-out-of-bounds", "BUG: KASAN: stack-out-of-bounds in f+0x12/0x340"],
    ["kasan-out-of-bounds", "BUG: KASAN: global-out-of-bounds in f+0x12/0x340"],
    ["kasan-out-of-bounds", "BUG: KASAN: vmalloc-out-of-bounds in f+0x12/0x340"],
    ["kasan-use-after-free", "BUG: KASAN: slab-use-after-free in f+0x12/0x340"],
    ["kasan-use-after-free", "BUG: KASAN: use-after-free in f+0x12/0x340"],
    ["kasan-invalid-free", "BUG: KASAN: double-free in f+0x12/0x340"],
    ["kasan", "BUG: KASAN: null-ptr-deref in f+0x12/0x340"],
    ["kmsan", "BUG: KMSAN: uninit-value in f+0x12/0x340"],
    ["kcsan", "BUG: KCSAN: data-race in f / g"],
    ["kfence", "BUG: KFENCE: use-after-free read in f+0x12/0x340"],
    ["stack-overflow", "BUG: TASK stack guard page was hit at 00000000abcdef01 (stack is 1..2)"],
    ["bad-page", "init: Corrupted page table at address 7f0000000000"],
    [
      "workqueue-lockup",
      "BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 31s!",
    ],
    ["slab-corruption", "BUG kmalloc-64 (Not tainted): Right Redzone overwritten"],
    ["refcount", "refcount_t: underflow; use-after-free."],
    [
      "usercopy",
      "usercopy: Kernel memory exposure attempt detected from null address (offset 0, size 1)!",
    ],
    ["control-flow", "traps: Missing ENDBR: f+0x0/0x10"],
    ["irq", 'irq 5: nobody cared (try booting with the "irqpoll" option)'],
    [
      "machine-check",
      "mce: [Hardware Error]: CPU 0: Machine Check Exception: 5 Bank 0: b200000000000000",
    ],
    ["unwinder", "WARNING: stack going in the wrong direction? at f+0x12/0x340"],
    ["unwinder", "WARNING: can't access registers at f+0x12/0x340"],
    ["unwinder", "WARNING: WARNING: bad lookup idx: idx=3 num=2 ip=f+0x12/0x340"],
    ["unwinder", "WARNING: stack recursion on stack type 2"],
    ["unwinder", "WARNING: kernel stack regs at 00000000 in init:1 has bad 'bp' value 00000000"],
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
    ["lockdep", "WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected"],
    ["lockdep", "WARNING: init/1 still has locks held!"],
    ["lockdep", "[ BUG: Invalid wait context ]"],
    ["lockdep", "BUG: MAX_LOCKDEP_ENTRIES too low!"],
    ["lockdep", "INFO: trying to register non-static key."],
    ["bug", "kernel BUG at kernel/kcov.c:412!"],
    ["atomic-schedule", "BUG: scheduling while atomic: init/1/0x00000002"],
    [
      "atomic-sleep",
      "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580",
    ],
    ["bad-page", "BUG: Bad page state in process init  pfn:01234"],
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
    ["rcu-stall", "rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 0-... }"],
    ["hung-task", "INFO: task init:1 blocked for more than 120 seconds."],
    ["oom", "init invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE), order=0"],
    ["oom", "Out of memory: Killed process 1 (init) total-vm:1024kB"],
    ["list-corruption", "list_add corruption. next->prev should be prev (ffff), but was 0"],
    ["list-corruption", "list_del corruption, ffff888000->next is LIST_POISON1"],
    ["warning", "WARNING: CPU: 0 PID: 1 at kernel/kcov.c:412 kcov_ioctl+0x12/0x340"],
    ["warning", "WARNING: kernel/kcov.c:412 at kcov_ioctl+0x12/0x340, CPU#0: init/1"],
    ["panic", "PANIC: early exception 0x0e IP 10:ffffffff81000000 error 0 cr2 0x0"],
    ["double-fault", "traps: PANIC: double fault, error_code: 0x0"],
    ["panic", "Kernel panic - not syncing: hung_task: blocked tasks"],
    ["kmemleak", "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)"],
    ["panic", "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100"],
    [
      "stack-protector",
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
    [["page-fault", "a.b.c", true], ["panic", "a.b.c", false]],
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
  const lines = Array.from({ length: 6000 }, (_, index) => ` ? f${index}+0x1/0x2`);
  const text = log(
    "before",
    "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2",
    ...lines,
  );
  const [splat] = findSplats(text);
  assert.equal(splat!.lines.length, 5000);
  assert.equal(splat!.lines[1], " ? f0+0x1/0x2");
  const shown = linesShown(splat!.lines);
  assert.equal(shown.length, 101);
  assert.deepEqual(shown.slice(49, 52), [" ? f48+0x1/0x2", "… 4900 lines …", " ? f4949+0x1/0x2"]);
  assert.deepEqual(linesShown(lines.slice(0, 100)), lines.slice(0, 100));
  const short = findSplats(log(
    "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2",
    "---[ end trace 0000000000000000 ]---",
    "after",
  ));
  assert.equal(short[0]!.lines.at(-1), "---[ end trace 0000000000000000 ]---");
});

Deno.test("consoleLines() gives text without stamps and terminal codes", () => {
  assert.deepEqual(consoleLines("[    0.000000] Linux\r\n\x1b[2Jx\n"), ["Linux", "x"]);
});

Deno.test("findSplats() takes what a check prints and the WARN() behind it for one complaint", () => {
  const [splat, ...others] = findSplats(log(
    "------------[ cut here ]------------",
    "refcount_t: underflow; use-after-free.",
    "WARNING: CPU: 0 PID: 1 at lib/refcount.c:28 refcount_warn_saturate+0xb1/0x120",
    "RIP: 0010:refcount_warn_saturate+0xb1/0x120",
    "Call Trace:",
    " <TASK>",
    " put+0x1/0x2",
    " </TASK>",
    "---[ end trace 0000000000000000 ]---",
  ));
  assert.deepEqual(others, []);
  assert.equal(splat!.id, "refcount");
  assert.equal(splat!.lines[0], "------------[ cut here ]------------");
  assert.match(splat!.lines[2]!, /^WARNING/);
  assert.equal(splatText(splat!), "refcount_t: underflow; use-after-free., in put");
});

Deno.test("findSplats() keeps a WARN()'s own words, which come before its title", () => {
  const [splat] = findSplats(log(
    "------------[ cut here ]------------",
    "the disk is upside down",
    "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2",
  ));
  assert.equal(splat!.title, "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2");
  assert.equal(splat!.lines[1], "the disk is upside down");
});

Deno.test("findSplats() does not take an unrelated panic for the consequence of a warning", () => {
  const warning = [
    "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2",
    "---[ end trace 0000000000000000 ]---",
  ];
  const panic = (reason: string) =>
    found(log(...warning, `Kernel panic - not syncing: ${reason}`)).at(-1);
  assert.deepEqual(panic("of its own"), ["panic", "boot", true]);
  assert.deepEqual(panic("kernel: panic_on_warn set ..."), ["panic", "boot", false]);
  assert.deepEqual(panic("stack-protector: Kernel stack is corrupted in: f"), [
    ...["stack-protector", "boot", true] as const,
  ]);
});

Deno.test("findSplats() tells two CPUs apart where the kernel names its callers", () => {
  const text = [
    "[    1.000000][    T7] BUG: KASAN: slab-out-of-bounds in f+0x1/0x2",
    "[    1.000001][    C1] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [init:9]",
    "[    1.000002][    T7] Call Trace:",
    "[    1.000003][    C1] RIP: 0010:g+0x1/0x2",
    "[    1.000004][    T7]  f+0x1/0x2",
  ].join("\n");
  const splats = findSplats(text);
  assert.deepEqual(splats.map(({ id, frames }) => [id, frames.map((one) => one.function)]), [
    ["kasan-out-of-bounds", ["f"]],
    ["soft-lockup", ["g"]],
  ]);
});

Deno.test("findSplats() does not lose a stack to a mark that comes in between", () => {
  const [splat] = findSplats(log(
    "kmatrix: RUN a.b.c",
    "BUG: KASAN: slab-out-of-bounds in f+0x1/0x2",
    "Call Trace:",
    "kmatrix: END a.b.c",
    " f+0x1/0x2",
    "usb 1-1: something else",
  ));
  assert.equal(splat!.during, "a.b.c");
  assert.deepEqual(splat!.frames.map((one) => one.function), ["f"]);
  assert.equal(splat!.lines.at(-1), " f+0x1/0x2");
});

Deno.test("findSplats() does not believe marks and complaints that a process has printed", () => {
  const console = [
    "[    1.000000] kmatrix: RUN a.b.c",
    "kmatrix: END a.b.c",
    "kmatrix: RUN a.b.d",
    "BUG: nothing but words",
    "no line end[    1.100000] WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2",
    "",
  ].join("\n");
  assert.deepEqual(found(console), [["warning", "a.b.c", true]]);
});

Deno.test("findSplats() believes no process where the kernel's first line has a time", () => {
  const report = [
    "BUG: KASAN: slab-out-of-bounds in f+0x1/0x2",
    "CPU: 0 UID: 0 PID: 1 Comm: init Not tainted 6.12.40 #7",
    "Call Trace:",
    " f+0x1/0x2",
    "Kernel panic - not syncing: x",
  ].join("\n");
  const first = "[    0.000000] Linux version 6.12.40 (a@b) #7\n[    0.000000] Command line: a\n";
  assert.deepEqual(found(`${first}${report}\n[    1.000000] kmatrix: DONE\n`), []);
  // A log that begins later leaves it open, and what no program says is counted then.
  assert.deepEqual(found(`[    1.000000] x\n${report}\n`).map(([id]) => id), [
    ...["kasan-out-of-bounds", "panic"],
  ]);
});

Deno.test("findSplats() takes a line for a complaint that only begins so where a report follows", () => {
  const notice = "WARNING: the wheel is square";
  assert.deepEqual(found(log(notice, "more", "more")), []);
  assert.deepEqual(found(log(notice, "Modules linked in:", "Call Trace:", " f+0x1/0x2")), [
    ...[["warning", "boot", true] as const],
  ]);
  const far = Array.from({ length: 20 }, (_, index) => `usb 1-${index}: new device`);
  assert.deepEqual(found(log(notice, ...far, "Call Trace:", " f+0x1/0x2")), []);
});

Deno.test("findSplats() ends a report where nothing of it comes any more", () => {
  const noise = Array.from({ length: 40 }, (_, index) => `usb 1-${index}: new device`);
  const [splat] = findSplats(log(
    "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "unregister_netdevice: waiting for lo to become free. Usage count = 2",
    "BUG: Bad rss-counter state mm:ffff type:MM_ANONPAGES val:3",
    ...noise,
    "Call Trace:",
    " f+0x1/0x2",
  )).slice(-1);
  assert.deepEqual(splat!.lines.length, 1);
  assert.deepEqual(splat!.frames, []);
});

Deno.test("findSplats() gives no report a stack that somebody has asked for", () => {
  for (const asked of ["FAULT_INJECTION: forcing a failure.", "sysrq: Show Blocked State"]) {
    const [splat, ...others] = findSplats(log(
      "BUG: Bad rss-counter state mm:ffff type:MM_ANONPAGES val:3",
      asked,
      "CPU: 0 UID: 0 PID: 1 Comm: init Not tainted 6.12.40 #7",
      "Call Trace:",
      " f+0x1/0x2",
    ));
    assert.deepEqual([others, splat!.frames, splat!.lines.length], [[], [], 1], asked);
  }
});

Deno.test("findSplats() keeps lines of processes out of a report of the kernel", () => {
  const said = Array.from({ length: 300 }, (_, index) => `executing program ${index}`);
  const [splat] = findSplats([
    "[    1.000000] BUG: KASAN: slab-out-of-bounds in f+0x1/0x2",
    "[    1.000001] CPU: 0 PID: 1 Comm: init Not tainted 4.14.0 #7",
    ...said,
    "[    1.000002] Call Trace:",
    "[    1.000003]  f+0x1/0x2",
  ].join("\n"));
  assert.equal(splat!.lines.length, 4);
  assert.deepEqual(splat!.frames.map((one) => one.function), ["f"]);
});

Deno.test("findSplats() takes a WARN() behind a BUG line for a complaint of its own", () => {
  assert.deepEqual(
    found(log(
      "BUG: a wheel is lost",
      "------------[ cut here ]------------",
      "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2",
    )).map(([id]) => id),
    ["bug", "warning"],
  );
});

Deno.test("findSplats() gives other CPUs' stacks to the stall that asked for them", () => {
  const [stall, ...others] = findSplats([
    "[    1.000000][    C0] rcu: INFO: rcu_sched detected stalls on CPUs/tasks:",
    "[    1.000001][    C0] rcu: \t1-...!: (0 ticks this GP) idle=1/1/0x1 softirq=1/1 fqs=0",
    "[    1.000002][    C0] Sending NMI from CPU 0 to CPUs 1:",
    "[    1.000003][  T812] NMI backtrace for cpu 1",
    "[    1.000004][  T812] CPU: 1 UID: 0 PID: 812 Comm: probe Not tainted 6.12.40 #7",
    "[    1.000005][  T812] RIP: 0010:spin+0x1/0x2",
    "[    1.000006][  T812] Call Trace:",
    "[    1.000007][  T812]  wheel+0x1/0x2",
  ].join("\n"));
  assert.deepEqual(others, []);
  assert.deepEqual(stall!.frames.map((one) => one.function), ["spin", "wheel"]);
});

Deno.test("findSplats() follows only those marks that can be the guest's next", () => {
  const warning = "WARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2";
  const during = (...lines: string[]) =>
    findSplats(log("kmatrix: RUN a.b.d", ...lines, warning), ["a.b.c", "a.b.d", "a.b.e"])[0]!
      .during;
  assert.equal(during("kmatrix: RUN a.b.c"), "a.b.d");
  assert.equal(during("kmatrix: RUN x.y.z"), "a.b.d");
  assert.equal(during("kmatrix: END a.b.c"), "a.b.d");
  assert.equal(during("kmatrix: END a.b.d"), "between tests");
  assert.equal(during("kmatrix: RUN a.b.e"), "a.b.e");
});

Deno.test("isWhole() wants the guest's last mark, and the guest's own", () => {
  assert.ok(isWhole("[    1.000000] kmatrix: DONE\n"));
  assert.ok(!isWhole("[    1.000000] x\nkmatrix: DONE\n"));
  assert.ok(!isWhole("[    1.000000] kmatrix: DON"));
});

Deno.test("docs/verdicts.md lists every kind of splat", async () => {
  const text = await Deno.readTextFile(new URL("../../../docs/verdicts.md", import.meta.url));
  const rows = text.split("\n## Splats\n")[1]!.split("\n## ")[0]!.split("\n");
  const listed = rows.filter((row) => row.startsWith("| `")).flatMap((row) =>
    [...row.split("|")[1]!.matchAll(/`([\w-]+)`/g)].map((match) => match[1]!)
  );
  assert.deepEqual([...new Set(listed)].sort(), [...COMPLAINT_IDS].sort());
  for (const { ids, says } of COMPLAINT_WORDS) {
    const row = rows.map((one) => one.split("|").map((cell) => cell.trim())).find(([, cell]) =>
      cell === ids.map((id) => `\`${id}\``).join(", ")
    );
    assert.equal(row?.[2], says, ids.join(", "));
  }
  assert.deepEqual(COMPLAINT_WORDS.flatMap(({ ids }) => ids).toSorted(), [...COMPLAINT_IDS].sort());
});

Deno.test("findSplats() reads a flood of complaints up to a bound, and says that there are more", () => {
  const flood = Array.from({ length: 6000 }, (_, index) => `WARNING: at a.c:${index}`);
  const found = findSplats(log(...flood, "Kernel panic - not syncing: x"));
  assert.deepEqual(found.slice(-2).map(({ id, root }) => [id, root]), [
    ["too-many", true],
    ["panic", false],
  ]);
  assert.equal(found.length, 5002);
  const long = findSplats(log(`BUG: ${"x".repeat(1 << 20)}`))[0]!;
  assert.ok(long.title.length < 3000, `${long.title.length}`);
});
