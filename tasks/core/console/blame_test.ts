// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { blameOf, fingerprintOf, plainTitle } from "./blame.ts";
import { stacksOf } from "./stack_trace.ts";
import { OOPS } from "../../testing/console_samples.ts";

const linesOf = (text: string) => text.split("\n").filter((line) => line !== "");
const stack = (text: string) => stacksOf(linesOf(text))[0]?.frames ?? [];

Deno.test("fingerprintOf() is equal for one complaint in two kernels, and differs for others", () => {
  const mine = fingerprintOf("page-fault", "BUG: at ffff888000000000", stack(OOPS));
  assert.match(mine, /^[0-9a-f]{8}$/);
  const elsewhere = OOPS.replaceAll("+0x4/0x10", "+0x24/0x60").replace(
    "crash_write+",
    "crash_write.isra.0+",
  )
    .replace("0xa8/0x100", "0xc8/0x1a0").replace(" vfs_write", " ? junk+0x1/0x2\n vfs_write");
  assert.equal(fingerprintOf("page-fault", "BUG: at ffff888000000008", stack(elsewhere)), mine);
  const deeper = OOPS.replace("ksys_write", "another_caller");
  assert.equal(fingerprintOf("page-fault", "", stack(deeper)), mine);
  // Another inlining of what called it, and the words of a sanitizer.
  const inlined = OOPS.replace(" vfs_write", " other");
  for (const id of ["page-fault", "general-protection", "kasan", "kasan-use-after-free"]) {
    assert.equal(fingerprintOf(id, "", stack(inlined)), mine, id);
  }
  const stalled = fingerprintOf("rcu-stall", "", stack(OOPS));
  assert.notEqual(fingerprintOf("rcu-stall", "", stack(inlined)), stalled, "by its callers");
  const warned = fingerprintOf("warning", "", stack(OOPS));
  assert.equal(fingerprintOf("warning", "", stack(inlined)), warned);
  assert.notEqual(fingerprintOf("bug", "", stack(OOPS)), mine);
  assert.notEqual(
    fingerprintOf("page-fault", "", stack(OOPS.replaceAll("crash_null", "crash_other"))),
    mine,
  );
});

Deno.test("fingerprintOf() goes by the title where there is no stack", () => {
  const of = (title: string) => fingerprintOf("hung-task", title, []);
  assert.equal(of("INFO: task a:12 blocked"), of("INFO: task a:345 blocked"));
  assert.notEqual(of("INFO: task a:12 blocked"), of("INFO: task b:12 blocked"));
});

Deno.test("plainTitle() keeps what is the same in every boot", () => {
  for (
    const [title, plain] of [
      ["WARNING: CPU: 1 PID: 34 at a.c:7 f+0x1/0x2 [m]", "WARNING: at a.c:7 f [m]"],
      ["kernel BUG at /build/1a2b/m/a.c:48!", "kernel BUG at a.c:48!"],
      [
        "BUG: kernel NULL pointer dereference, address: 0000000000000008",
        "BUG: kernel NULL pointer dereference",
      ],
      [
        "BUG: unable to handle page fault for address: ffffc90000000000",
        "BUG: unable to handle page fault",
      ],
      [
        "Oops: general protection fault, probably for non-canonical address 0x6b6d617472697800: 0000 [#1] SMP",
        "Oops: general protection fault",
      ],
      ["BUG: KASAN: slab-out-of-bounds in f.cold+0x1/0x2", "BUG: KASAN: slab-out-of-bounds in f"],
    ] as const
  ) assert.equal(plainTitle(title), plain);
});

/** A report's fingerprint, by its kind and its lines; the title is the first of them. */
const print = (id: string, text: string) => {
  const lines = linesOf(text);
  return blameOf(id, lines[0]!, lines).fingerprint;
};

const warn = (place: string, ...callers: readonly string[]) =>
  [`WARNING: CPU: 0 PID: 311 at ${place}`, "Call Trace:", " dump_stack_lvl+0x5d/0x80", ...callers]
    .join("\n");
const oops = (title: string, ...frames: readonly string[]) =>
  [title, `RIP: 0010:${frames[0]}`, "Call Trace:", ...frames.slice(1).map((one) => ` ${one}`)]
    .join("\n");
const deadlock = (title: string, wanted: string, held: string, at: string) =>
  `WARNING: ${title}
picker/311 is trying to acquire lock:
ffff88800c0a1e10 (${wanted}){+.+.}-{3:3}, at: ${at}+0x1c/0x40

but task is already holding lock:
ffff88800c0a1e80 (${held}){+.+.}-{3:3}, at: basket_first+0x1c/0x40`;

type Report = readonly [id: string, text: string];

const ONE_BUG: readonly (readonly [name: string, a: Report, b: Report])[] = [
  [
    "a kernel that is laid out in another way",
    ["warning", warn("drivers/misc/basket.c:77 basket_weigh+0x33/0x40", " basket_ioctl+0x2/0x3")],
    ["warning", warn("drivers/misc/basket.c:77 basket_weigh+0x93/0xc0", " basket_ioctl+0x4/0x9")],
  ],
  [
    "a log that somebody has symbolized",
    ["warning", warn("a/b.c:7 weigh+0x3/0x4", " look+0x1/0x2")],
    [
      "warning",
      warn("a/b.c:7 peek a/b.c:3 [inline]") + `
WARNING: CPU: 0 PID: 311 at a/b.c:7 weigh+0x3/0x4 a/b.c:7
 peek a/b.c:3 [inline]
 weigh+0x3/0x4 a/b.c:7
 look+0x1/0x2 a/b.c:9`,
    ],
  ],
  [
    "a build in a folder of its own, of a compiler that makes copies",
    ["bug", oops("kernel BUG at drivers/misc/basket.c:77!", "basket_weigh+0x3/0x4", "a+0x1/0x2")],
    [
      "bug",
      oops(
        "kernel BUG at /b/1/drivers/misc/basket.c:77!",
        "basket_weigh.cold+0x1/0x2",
        "b+0x1/0x2",
      ),
    ],
  ],
  [
    "the title of 6.18",
    ["warning", warn("drivers/misc/basket.c:77 basket_weigh+0x33/0x40")],
    [
      "warning",
      "WARNING: drivers/misc/basket.c:77 at basket_weigh+0x33/0x40, CPU#1: picker/311\nCall Trace:",
    ],
  ],
  [
    "the helper in which the fault lies is inlined in one kernel",
    [
      "page-fault",
      oops("BUG: unable to handle page fault", "memcpy+0x3/0x4", "basket_fill+0x1/0x2"),
    ],
    ["page-fault", oops("BUG: unable to handle page fault", "basket_fill+0x9/0xa", "x+0x1/0x2")],
  ],
  [
    "KASAN says what an oops did without it",
    ["general-protection", oops("general protection fault: 0000 [#1]", "basket_look+0x3/0x4")],
    ["kasan-use-after-free", "BUG: KASAN: slab-use-after-free in basket_look+0x41/0x90"],
  ],
  [
    "another CPU, process and time",
    [
      "soft-lockup",
      oops("BUG: soft lockup - CPU#0 stuck for 26s! [a:3]", "spin+0x3/0x4", "f+0x1/0x2"),
    ],
    [
      "soft-lockup",
      oops("BUG: soft lockup - CPU#1 stuck for 22s! [b:4]", "spin+0x3/0x4", "f+0x1/0x2"),
    ],
  ],
  ...["arm64", "x64", "ia32", "riscv", "s390", "s390x", "se"].map((
    prefix,
  ): typeof ONE_BUG[number] => [
    `the system call's wrapper __${prefix}_sys_`,
    ["warning", warn("kernel/basket.c:7 __do_sys_basket+0x3/0x4")],
    ["warning", warn(`kernel/basket.c:7 __${prefix}_sys_basket+0x3/0x4`)],
  ]),
  [
    "locks whose classes were numbered otherwise",
    ["lockdep", deadlock("possible circular locking", "&b->inner#3", "&b->outer/1", "second")],
    ["lockdep", deadlock("possible circular locking", "&b->inner#12", "&b->outer", "second")],
  ],
  [
    "a crate of Rust that was compiled again",
    ["warning", warn("a.rs:7 _RNvNtCs3yuwAp0waWO_6basket4pile4take+0x3/0x4")],
    ["warning", warn("a.rs:7 _RNvNtCs8ccEM4ArTuX_6basket4pile4take+0x3/0x4")],
  ],
  ["no stack, other numbers", ["irq", "irq 5: nobody cared"], ["irq", "irq 11: nobody cared"]],
];

const TWO_BUGS: readonly (readonly [name: string, a: Report, b: Report])[] = [
  [
    "two WARN() of one function",
    ["warning", warn("drivers/misc/basket.c:77 basket_weigh+0x33/0x40")],
    ["warning", warn("drivers/misc/basket.c:90 basket_weigh+0x38/0x40")],
  ],
  [
    "functions of one name in two files",
    ["warning", warn("drivers/misc/basket.c:77 probe+0x33/0x40")],
    ["warning", warn("drivers/misc/bucket.c:77 probe+0x33/0x40")],
  ],
  [
    "one check that two callers fail",
    ["warning", warn("lib/refcount.c:28 refcount_warn_saturate+0x1/0x2", " basket_put+0x1/0x2")],
    ["warning", warn("lib/refcount.c:28 refcount_warn_saturate+0x1/0x2", " bucket_put+0x1/0x2")],
  ],
  [
    "a check that fails in a function, and its own WARN()",
    ["warning", warn("lib/debugobjects.c:5 debug_print_object+0x1/0x2", " basket_put+0x1/0x2")],
    ["warning", warn("drivers/misc/basket.c:5 basket_put+0x1/0x2")],
  ],
  [
    "the two ends of what UBSAN knows",
    ["ubsan", "UBSAN: shift-out-of-bounds in a.c:9:1\nCall Trace:\n basket_put+0x1/0x2"],
    ["ubsan", "UBSAN: array-index-out-of-bounds in a.c:9:1\nCall Trace:\n basket_put+0x1/0x2"],
  ],
  [
    "deadlocks at one place for different locks",
    ["lockdep", deadlock("possible circular locking", "&b->inner", "&b->outer", "second")],
    ["lockdep", deadlock("possible circular locking", "&b->inner", "&mm->mmap_lock", "second")],
  ],
  [
    "two things that lockdep says of one place",
    ["lockdep", deadlock("possible circular locking", "&b->inner", "&b->outer", "second")],
    ["lockdep", deadlock("possible recursive locking", "&b->inner", "&b->outer", "second")],
  ],
  [
    "a double free and a wrong access",
    ["kasan-invalid-free", "BUG: KASAN: double-free in basket_put+0x1/0x2"],
    ["kasan-use-after-free", "BUG: KASAN: slab-use-after-free in basket_put+0x1/0x2"],
  ],
  [
    "memory that was not written, and memory that is not there",
    ["kmsan", "BUG: KMSAN: uninit-value in basket_put+0x1/0x2"],
    ["page-fault", oops("BUG: unable to handle page fault", "basket_put+0x1/0x2")],
  ],
  [
    "races of one function with two others",
    ["kcsan", "BUG: KCSAN: data-race in basket_put / basket_get"],
    ["kcsan", "BUG: KCSAN: data-race in basket_put / basket_look"],
  ],
  [
    "two traps at one place",
    ["oops", oops("Oops: divide error: 0000 [#1] SMP", "basket_put+0x1/0x2")],
    ["oops", oops("Oops: invalid opcode: 0000 [#1] SMP", "basket_put+0x1/0x2")],
  ],
  [
    "panics that come the same way",
    ["panic", "Kernel panic - not syncing: no basket\nCall Trace:\n basket_init+0x1/0x2"],
    ["panic", "Kernel panic - not syncing: no bucket\nCall Trace:\n basket_init+0x1/0x2"],
  ],
  [
    "stacks of nothing but helpers, by all of them",
    [
      "warning",
      "WARNING: odd\nCall Trace:\n kfree+0x1/0x2\n rcu_do_batch+0x1/0x2\n kthread+0x1/0x2",
    ],
    [
      "warning",
      "WARNING: odd\nCall Trace:\n kfree+0x1/0x2\n process_one_work+0x1/0x2\n kthread+0x1/0x2",
    ],
  ],
  [
    "bugs that are only said in words",
    ["bug", "BUG: Dentry in use\nCall Trace:\n umount_check+0x1/0x2"],
    ["bug", "BUG: using smp_processor_id() in preemptible\nCall Trace:\n umount_check+0x1/0x2"],
  ],
  [
    "tasks that wait for one lock from two places",
    [
      "hung-task",
      "INFO: task a:3 blocked for more than 143 seconds.\nCall Trace:\n grab+0x1/0x2\n f+0x1/0x2",
    ],
    [
      "hung-task",
      "INFO: task a:3 blocked for more than 143 seconds.\nCall Trace:\n grab+0x1/0x2\n g+0x1/0x2",
    ],
  ],
  ["no stack, other words", ["bug", "BUG: Bad rss-counter state"], ["bug", "BUG: Bad page map"]],
];

for (const [name, a, b] of ONE_BUG) {
  Deno.test(`one fingerprint: ${name}`, () => assert.equal(print(...a), print(...b)));
}

for (const [name, a, b] of TWO_BUGS) {
  Deno.test(`two fingerprints: ${name}`, () => assert.notEqual(print(...a), print(...b)));
}

Deno.test("a title without end costs no more than its length", () => {
  const longest = 2000;
  const titles = ["a", "a:1", "0123456789abcdef", " /a", "in a ", "at a:1 ", "a.c", "(a", "f+0x1/"]
    .flatMap((word) => {
      const rest = word.repeat(longest / word.length);
      return [`WARNING: CPU: 0 PID: 1 at ${rest}`, `BUG: KASAN: x in ${rest}`, `BUG: ${rest}`];
    });
  const round = () => {
    const startedAt = performance.now();
    for (const title of titles) {
      for (const id of Array(10).fill(["warning", "kasan", "bug", "lockdep"]).flat()) {
        blameOf(id, title, [title, ` ${title}`, "x is trying to acquire lock:", title]);
      }
    }
    return performance.now() - startedAt;
  };
  // A sixth of it is usual; an expression that goes back and forth takes twice that and more. The
  // best of some rounds, for other work on the machine may make one slow.
  const best = Math.min(...Array.from({ length: 5 }, round));
  assert.ok(best < 600, `${best} ms`);
});
