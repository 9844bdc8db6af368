// SPDX-License-Identifier: MIT
/**
 * Reports of kernels of many versions, x86 and arm64, plain and symbolized, each with the function
 * that is to blame. The texts are made up; their shapes are those of the kernels named beside them.
 */
import assert from "node:assert/strict";
import { blameOf } from "./blame.ts";
import { plainName } from "./stack_frame.ts";

interface Case {
  /** What is special about it. */
  readonly name: string;
  readonly id: string;
  readonly due: string | null;
  /** The title is its first line, or the first behind a cut mark and a WARN()'s own words. */
  readonly text: string;
}

const KASAN_HEAD = `
BUG: KASAN: slab-use-after-free in basket_look+0x41/0x90
Read of size 8 at addr ffff88800c0a1e10 by task picker/311

CPU: 1 UID: 0 PID: 311 Comm: picker Not tainted 6.12.0 #4
`;

const CASES: readonly Case[] = [
  // What happened where the CPU was.
  {
    name: "oops, 6.12: RIP",
    id: "page-fault",
    due: "basket_put",
    text: `
BUG: kernel NULL pointer dereference, address: 0000000000000018
#PF: supervisor read access in kernel mode
Oops: Oops: 0000 [#1] PREEMPT SMP
CPU: 0 UID: 0 PID: 311 Comm: picker Not tainted 6.12.0 #4
RIP: 0010:basket_put+0x12/0x40 [basket]
Code: 90 90 48 8b 07 <48> 8b 40 18
RSP: 0018:ffffc9000013fe38 EFLAGS: 00010246
Call Trace:
 <TASK>
 ? __die_body+0x61/0xb0
 ? page_fault_oops+0x371/0x410
 basket_release+0x22/0x30 [basket 0123456789abcdef0123456789abcdef01234567]
 __fput+0xe3/0x2a0
 </TASK>
---[ end trace 0000000000000000 ]---
RIP: 0010:basket_put+0x12/0x40 [basket]`,
  },
  {
    name: "oops, 3.x and 4.x: addresses in brackets, the place twice, and again behind the stack",
    id: "page-fault",
    due: "basket_put",
    text: `
BUG: unable to handle kernel NULL pointer dereference at 0000000000000018
IP: [<ffffffff8134a012>] basket_put+0x12/0x40
PGD 3b2067 PUD 3b3067 PMD 0
Oops: 0000 [#1] SMP
CPU: 0 PID: 311 Comm: picker Not tainted 4.4.0+ #4
task: ffff88003b1c0000 ti: ffff88003b1c8000 task.ti: ffff88003b1c8000
RIP: 0010:[<ffffffff8134a012>]  [<ffffffff8134a012>] basket_put+0x12/0x40
RSP: 0018:ffff88003b1cbe38  EFLAGS: 00010246
Stack:
 ffff88003b1cbe58 ffffffff8134a0b2 ffff88003b1cbe58 0000000000000000
Call Trace:
 [<ffffffff8134a0b2>] basket_release+0x22/0x30
 [<ffffffff811c0e13>] ? mntput+0x23/0x40
 [<ffffffff811a5a23>] __fput+0xe3/0x2a0
 [<ffffffff81843f32>] entry_SYSCALL_64_fastpath+0x16/0x71
Code: 90 90 48 8b 07 <48> 8b 40 18
RIP  [<ffffffff8134a012>] basket_put+0x12/0x40
 RSP <ffff88003b1cbe38>
CR2: 0000000000000018
---[ end trace 4d3b1c8f00000000 ]---`,
  },
  {
    name: "oops, 32 bits: EIP",
    id: "page-fault",
    due: "basket_put",
    text: `
BUG: unable to handle kernel NULL pointer dereference at 00000018
*pde = 00000000
Oops: 0000 [#1] SMP
EIP: basket_put+0x12/0x40
EFLAGS: 00010246 CPU: 0
Call Trace:
 basket_release+0x22/0x30
 do_fast_syscall_32+0x8d/0x150
 entry_SYSENTER_32+0x4e/0x7c`,
  },
  {
    name: "a call of a NULL pointer: who called",
    id: "page-fault",
    due: "basket_call",
    text: `
BUG: kernel NULL pointer dereference, address: 0000000000000000
Oops: Oops: 0010 [#1] PREEMPT SMP
RIP: 0010:0x0
Code: Unable to access opcode bytes at 0xffffffffffffffd6.
Call Trace:
 <TASK>
 basket_call+0x33/0x50
 vfs_ioctl+0x20/0x40
 __x64_sys_ioctl+0x91/0xd0
 do_syscall_64+0x7c/0x120`,
  },
  {
    name: "the same of 4.x: RIP says (null)",
    id: "page-fault",
    due: "basket_call",
    text: `
BUG: unable to handle kernel NULL pointer dereference at           (null)
IP: [<          (null)>]           (null)
RIP: 0010:[<0000000000000000>]  [<          (null)>]           (null)
Call Trace:
 [<ffffffff8134a0b2>] basket_call+0x33/0x50
 [<ffffffff811a5a23>] vfs_ioctl+0x20/0x40`,
  },
  {
    name: "the fault is in memcpy(): its caller",
    id: "page-fault",
    due: "basket_fill",
    text: `
BUG: unable to handle page fault for address: ffffc90000e01000
RIP: 0010:memcpy_orig+0x54/0x110
Call Trace:
 <TASK>
 _copy_to_iter+0x1b3/0x5a0
 basket_fill+0x7a/0xb0 [basket]
 ksys_read+0x72/0xe0`,
  },
  {
    name: "a pointer of a list that was freed",
    id: "general-protection",
    due: "basket_empty",
    text: `
Oops: general protection fault, probably for non-canonical address 0xdead000000000108: 0000 [#1] SMP
RIP: 0010:__list_del_entry_valid_or_report+0x1c/0xf0
Call Trace:
 <TASK>
 list_lru_del+0x33/0x90
 basket_empty.isra.0+0x2a/0x60
 basket_exit+0x18/0x20 [basket]`,
  },
  {
    name: "a lock at a bad address",
    id: "general-protection",
    due: "basket_lock_all",
    text: `
general protection fault: 0000 [#1] PREEMPT SMP KASAN
RIP: 0010:__lock_acquire+0x8d/0x1f60
Call Trace:
 lock_acquire+0xd1/0x2d0
 _raw_spin_lock_irqsave+0x3a/0x50
 down_write+0x3a/0x50
 basket_lock_all+0x31/0x80
 do_exit+0x31a/0xaf0`,
  },
  {
    name: "a retpoline is no function",
    id: "page-fault",
    due: "basket_visit",
    text: `
BUG: unable to handle page fault for address: 00000000deadbeef
RIP: 0010:__x86_indirect_thunk_rax+0x3/0x20
Call Trace:
 basket_visit+0x44/0x60
 basket_walk+0x20/0x40`,
  },
  // WARN() and BUG().
  {
    name: "WARN(): the function of its line",
    id: "warning",
    due: "basket_weigh",
    text: `
------------[ cut here ]------------
WARNING: CPU: 0 PID: 311 at drivers/misc/basket.c:77 basket_weigh+0x33/0x40 [basket]
Modules linked in: basket(O)
RIP: 0010:basket_weigh+0x33/0x40 [basket]
Call Trace:
 <TASK>
 ? __warn+0x84/0x130
 ? report_bug+0x1b1/0x1d0
 basket_ioctl+0x20/0x30 [basket]`,
  },
  {
    name: "WARN(), 6.18: place first",
    id: "warning",
    due: "basket_weigh",
    text: `
------------[ cut here ]------------
weight is negative
WARNING: drivers/misc/basket.c:77 at basket_weigh+0x33/0x40 [basket], CPU#1: picker/311
RIP: 0010:basket_weigh+0x33/0x40 [basket]
Call Trace:
 basket_ioctl+0x20/0x30 [basket]`,
  },
  {
    name: "WARN(), 4.x: no RIP, warn_slowpath on top",
    id: "warning",
    due: "basket_weigh",
    text: `
WARNING: CPU: 0 PID: 311 at drivers/misc/basket.c:77 basket_weigh+0x33/0x40()
Call Trace:
 [<ffffffff813f1d43>] dump_stack+0x63/0x90
 [<ffffffff8107d8b6>] warn_slowpath_common+0x86/0xc0
 [<ffffffff8107d9aa>] warn_slowpath_null+0x1a/0x20
 [<ffffffff8134a012>] basket_weigh+0x33/0x40
 [<ffffffff8134a0b2>] basket_ioctl+0x20/0x30`,
  },
  {
    name: "a reference count that ran under: who put",
    id: "refcount",
    due: "basket_drop",
    text: `
refcount_t: underflow; use-after-free.
WARNING: CPU: 0 PID: 311 at lib/refcount.c:28 refcount_warn_saturate+0xba/0x110
RIP: 0010:refcount_warn_saturate+0xba/0x110
Call Trace:
 <TASK>
 ? __warn+0x84/0x130
 kref_put+0x2c/0x40
 kobject_put+0x11/0x40
 basket_drop+0x19/0x30
 process_one_work+0x1b3/0x3a0
 worker_thread+0x1f3/0x300`,
  },
  {
    name: "debugobjects: who freed an active timer",
    id: "warning",
    due: "basket_free",
    text: `
------------[ cut here ]------------
ODEBUG: free active (active state 0) object: ffff888 object type: timer_list hint: basket_tick+0x0/0x20
WARNING: CPU: 0 PID: 311 at lib/debugobjects.c:514 debug_print_object+0x1a3/0x2b0
RIP: 0010:debug_print_object+0x1a3/0x2b0
Call Trace:
 <TASK>
 debug_check_no_obj_freed+0x4b9/0x620
 kfree+0xe5/0x370
 basket_free+0x43/0x50
 device_release+0x9f/0x240
 put_device+0x1b/0x30`,
  },
  {
    name: "a URB that must not be submitted: the driver",
    id: "warning",
    due: "basket_probe",
    text: `
WARNING: CPU: 0 PID: 9 at drivers/usb/core/urb.c:503 usb_submit_urb+0xce2/0x1430
RIP: 0010:usb_submit_urb+0xce2/0x1430
Call Trace:
 usb_start_wait_urb+0x101/0x4c0
 usb_bulk_msg+0x226/0x550
 basket_probe+0x9c/0x270
 usb_probe_interface+0x315/0x7f0`,
  },
  {
    name: "BUG() of skb_panic(): who pushed",
    id: "bug",
    due: "basket_xmit",
    text: `
kernel BUG at net/core/skbuff.c:206!
Oops: invalid opcode: 0000 [#1] PREEMPT SMP
RIP: 0010:skb_panic+0x152/0x154
Call Trace:
 <TASK>
 skb_push.cold+0x24/0x24
 basket_xmit+0xe2/0x2a0
 dev_hard_start_xmit+0x5d/0xd0`,
  },
  {
    name: "an assertion wrapper of a file system",
    id: "bug",
    due: "basket_merge",
    text: `
kernel BUG at fs/basket/messages.c:259!
RIP: 0010:btrfs_assertfail+0x18/0x1a
Call Trace:
 basket_merge+0x3a/0x50
 basket_commit+0x2b/0x60`,
  },
  {
    name: "an allocator that complains of its caller's size",
    id: "warning",
    due: "basket_resize",
    text: `
WARNING: CPU: 0 PID: 311 at mm/page_alloc.c:4727 __alloc_pages_noprof+0x30b/0x380
RIP: 0010:__alloc_pages_noprof+0x30b/0x380
Call Trace:
 ___kmalloc_large_node+0x7f/0x1c0
 __kmalloc_large_node_noprof+0x17/0xa0
 __kmalloc_noprof+0x34d/0x4a0
 basket_resize+0x48/0x90`,
  },
  // Sanitizers.
  {
    name: "KASAN: the access, and not who freed",
    id: "kasan-use-after-free",
    due: "basket_look",
    text: `${KASAN_HEAD}Call Trace:
 <TASK>
 dump_stack_lvl+0x6e/0xa0
 print_report+0x171/0x4c0
 kasan_report+0x95/0xc0
 basket_look+0x41/0x90
 basket_ioctl+0x20/0x30
 </TASK>

Allocated by task 310:
 kasan_save_stack+0x1e/0x40
 basket_make+0x33/0x70

Freed by task 311:
 kfree+0xe5/0x370
 basket_free+0x43/0x50`,
  },
  {
    name: "KASAN in memcpy(): who called it, from the title's function on",
    id: "kasan-out-of-bounds",
    due: "basket_copy",
    text: `
BUG: KASAN: slab-out-of-bounds in memcpy+0x24/0x50 mm/kasan/shadow.c:65
Write of size 200 at addr ffff88800c0a1e10 by task picker/311
Call Trace:
 dump_stack+0x107/0x163 lib/dump_stack.c:120
 kasan_report.cold+0x1f/0x37 mm/kasan/report.c:413
 check_memory_region_inline mm/kasan/generic.c:185 [inline]
 check_memory_region+0x13d/0x180 mm/kasan/generic.c:192
 memcpy+0x39/0x60 mm/kasan/shadow.c:66
 skb_put_data include/linux/skbuff.h:2257 [inline]
 basket_copy+0x51/0xa0 drivers/misc/basket.c:91
 basket_ioctl+0x20/0x30 drivers/misc/basket.c:120`,
  },
  {
    name: "KASAN, the title is the only thing that is left",
    id: "kasan",
    due: "basket_look",
    text: "BUG: KASAN: wild-memory-access in basket_look+0x41/0x90 [basket]",
  },
  {
    name: "KMSAN: the use, not where it was stored or made",
    id: "kmsan",
    due: "basket_parse",
    text: `
BUG: KMSAN: uninit-value in basket_parse+0x1a2/0x3b0
 basket_parse+0x1a2/0x3b0
 basket_write+0x77/0xa0
 ksys_write+0x72/0xe0

Uninit was stored to memory at:
 basket_stash+0x11/0x20

Uninit was created at:
 slab_post_alloc_hook+0x12/0x40
 basket_make+0x33/0x70`,
  },
  {
    name: "KMSAN in copy_to_user(): who gives memory away",
    id: "kmsan",
    due: "basket_read",
    text: `
BUG: KMSAN: kernel-infoleak in instrument_copy_to_user include/linux/instrumented.h:114 [inline]
 instrument_copy_to_user include/linux/instrumented.h:114 [inline]
 _copy_to_user+0xbc/0x110 lib/usercopy.c:33
 copy_to_user include/linux/uaccess.h:180 [inline]
 basket_read+0x17f/0x1b0 drivers/misc/basket.c:61
 vfs_read+0x8f6/0xe00 fs/read_write.c:474`,
  },
  {
    name: "KCSAN: the first of the two",
    id: "kcsan",
    due: "basket_count",
    text: `
BUG: KCSAN: data-race in basket_count / basket_tick

write to 0xffff88800c0a1e10 of 4 bytes by interrupt on cpu 1:
 basket_tick+0x2a/0x40
 call_timer_fn+0x2e/0x240

read to 0xffff88800c0a1e10 of 4 bytes by task 311 on cpu 0:
 basket_count+0x19/0x30
 basket_ioctl+0x20/0x30`,
  },
  {
    name: "KFENCE: the access",
    id: "kfence",
    due: "basket_look",
    text: `
BUG: KFENCE: use-after-free read in basket_look+0x41/0x90

Use-after-free read at 0x00000000b5a1f2c0 (in kfence-#27):
 basket_look+0x41/0x90
 basket_ioctl+0x20/0x30

kfence-#27: 0x00000000b5a1f2c0-0x00000000b5a1f2ff, size=64, cache=kmalloc-64

allocated by task 310 on cpu 1 at 12.345678s (0.1s ago):
 basket_make+0x33/0x70

freed by task 311 on cpu 0 at 12.445678s (0.0s ago):
 basket_free+0x43/0x50`,
  },
  {
    name: "UBSAN: below its report",
    id: "ubsan",
    due: "basket_shift",
    text: `
UBSAN: shift-out-of-bounds in drivers/misc/basket.c:91:14
shift exponent 64 is too large for 32-bit type 'int'
CPU: 0 UID: 0 PID: 311 Comm: picker Not tainted 6.12.0 #4
Call Trace:
 <TASK>
 dump_stack_lvl+0x5d/0x80
 ubsan_epilogue+0x5/0x30
 __ubsan_handle_shift_out_of_bounds.cold+0x61/0xe8
 basket_shift.cold+0x15/0x3a
 basket_ioctl+0x20/0x30`,
  },
  {
    name: "SLUB: who found it, not who freed before",
    id: "slab-corruption",
    due: "basket_free",
    text: `
BUG kmalloc-64 (Tainted: G    B  ): Right Redzone overwritten
Allocated in basket_make+0x33/0x70 age=12 cpu=0 pid=310
 __kmalloc_cache_noprof+0x21d/0x260
 basket_make+0x33/0x70
Freed in basket_retry+0x12/0x20 age=13 cpu=0 pid=310
 basket_retry+0x12/0x20
Slab 0xffffea0000302840 objects=21 used=5 fp=0xffff88800c0a1e10 flags=0x100000000000200
Object 0xffff88800c0a1e10 @offset=3600 fp=0x0000000000000000
Redzone  ffff88800c0a1e00: bb bb bb bb bb bb bb bb  ........
CPU: 0 UID: 0 PID: 311 Comm: picker Tainted: G    B  6.12.0 #4
Call Trace:
 <TASK>
 dump_stack_lvl+0x5d/0x80
 check_bytes_and_report+0x11d/0x150
 check_object+0x29a/0x440
 free_to_partial_list+0x1c5/0x5e0
 kfree+0x2e8/0x350
 basket_free+0x43/0x50`,
  },
  {
    name: "kmemleak: who allocated, beyond the allocators",
    id: "bug",
    due: "basket_make",
    text: `
BUG: memory leak
unreferenced object 0xffff88800c0a1e10 (size 64):
  comm "picker", pid 311, jiffies 4294943000 (age 12.3s)
  hex dump (first 32 bytes):
    00 00 00 00 ad 4e ad de ff ff ff ff 00 00 00 00  .....N..........
  backtrace (crc 5d1bcaa7):
    [<ffffffff8176a1b2>] kmemleak_alloc_recursive include/linux/kmemleak.h:43 [inline]
    [<ffffffff8176a1b2>] slab_post_alloc_hook mm/slab.h:512 [inline]
    [<ffffffff8176a1b2>] __kmalloc_cache_noprof+0x21d/0x260 mm/slub.c:4300
    [<ffffffff8134a0b2>] kmalloc_noprof include/linux/slab.h:878 [inline]
    [<ffffffff8134a0b2>] basket_make+0x33/0x70 drivers/misc/basket.c:31
    [<ffffffff811a5a23>] basket_open+0x13/0x20 drivers/misc/basket.c:40`,
  },
  // Locks, waiting, stalls.
  {
    name: "lockdep: who wants the lock, by the line that says so",
    id: "lockdep",
    due: "basket_second",
    text: `
WARNING: possible circular locking dependency detected
6.12.0 #4 Not tainted
------------------------------------------------------
picker/311 is trying to acquire lock:
ffff88800c0a1e10 (&basket->inner){+.+.}-{3:3}, at: basket_second+0x1c/0x40 [basket]

but task is already holding lock:
ffff88800c0a1e80 (&basket->outer){+.+.}-{3:3}, at: basket_first+0x1c/0x40 [basket]

which lock already depends on the new lock.

the existing dependency chain (in reverse order) is:

-> #1 (&basket->outer){+.+.}-{3:3}:
       lock_acquire+0xd1/0x2d0
       __mutex_lock+0xaf/0xc20
       basket_other+0x2a/0x40
-> #0 (&basket->inner){+.+.}-{3:3}:
       __lock_acquire+0x11f7/0x1f60
       basket_second+0x1c/0x40

stack backtrace:
CPU: 0 UID: 0 PID: 311 Comm: picker Not tainted 6.12.0 #4
Call Trace:
 <TASK>
 dump_stack_lvl+0x5d/0x80
 print_circular_bug.cold+0x178/0x1be
 check_noncircular+0x148/0x160
 __lock_acquire+0x11f7/0x1f60
 lock_acquire+0xd1/0x2d0
 __mutex_lock+0xaf/0xc20
 basket_second+0x1c/0x40 [basket]
 basket_ioctl+0x20/0x30 [basket]`,
  },
  {
    name: "lockdep, 4.x: the lock was wanted by a helper, so its caller",
    id: "lockdep",
    due: "basket_flush",
    text: `
[ INFO: possible recursive locking detected ]
picker/311 is trying to acquire lock:
 (&wq->mutex){+.+.+.}, at: [<ffffffff810a1b2c>] flush_work+0x3c/0x280

but task is already holding lock:
 (&wq->mutex){+.+.+.}, at: [<ffffffff8109f3aa>] process_one_work+0x14a/0x4d0

stack backtrace:
Call Trace:
 [<ffffffff813f1d43>] dump_stack+0x63/0x90
 [<ffffffff810dd2d5>] __lock_acquire+0x1b35/0x1cb0
 [<ffffffff810a1b2c>] flush_work+0x3c/0x280
 [<ffffffff8134a0b2>] basket_flush+0x33/0x50
 [<ffffffff8109f3aa>] process_one_work+0x14a/0x4d0`,
  },
  {
    name: "lockdep, symbolized: an inlined helper on the first line",
    id: "lockdep",
    due: "basket_second",
    text: `
WARNING: possible recursive locking detected
picker/311 is trying to acquire lock:
ffff88800c0a1e10 (&basket->inner){+.+.}-{2:2}, at: spin_lock include/linux/spinlock.h:351 [inline]
ffff88800c0a1e10 (&basket->inner){+.+.}-{2:2}, at: basket_second+0x1c/0x40 drivers/misc/basket.c:44

but task is already holding lock:
ffff88800c0a1e80 (&basket->inner){+.+.}-{2:2}, at: basket_first+0x1c/0x40 drivers/misc/basket.c:33`,
  },
  {
    name: "RCU usage: who reads without a lock",
    id: "lockdep",
    due: "basket_find",
    text: `
WARNING: suspicious RCU usage
drivers/misc/basket.c:61 suspicious rcu_dereference_check() usage!
1 lock held by picker/311:
 #0: ffff88800c0a1e10 (&basket->outer){+.+.}-{3:3}, at: basket_first+0x1c/0x40

stack backtrace:
Call Trace:
 <TASK>
 dump_stack_lvl+0x5d/0x80
 lockdep_rcu_suspicious+0x150/0x1d0
 rhashtable_lookup+0x22/0x40
 basket_find+0x2a/0x60
 basket_ioctl+0x20/0x30`,
  },
  {
    name: "hung task: who waits",
    id: "hung-task",
    due: "basket_wait",
    text: `
INFO: task picker:311 blocked for more than 143 seconds.
      Not tainted 6.12.0 #4
"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.
task:picker          state:D stack:0     pid:311   tgid:311   ppid:300    flags:0x00004002
Call Trace:
 <TASK>
 __schedule+0x5c3/0x750
 schedule+0x42/0x80
 schedule_preempt_disabled+0x15/0x20
 __mutex_lock+0x3a3/0x720
 basket_wait+0x2a/0x40
 basket_ioctl+0x20/0x30
 </TASK>

Showing all locks held in the system:
1 lock held by khungtaskd/30:
 #0: ffffffff82f5d1a0 (rcu_read_lock){....}-{1:2}, at: debug_show_all_locks+0x32/0x1c0
NMI backtrace for cpu 0
Call Trace:
 watchdog+0xf2/0x110`,
  },
  {
    name: "hung task, arm64 and in I/O: a folio",
    id: "hung-task",
    due: "basket_load",
    text: `
INFO: task picker:311 blocked in I/O wait for more than 143 seconds.
task:picker          state:D stack:0     pid:311   tgid:311   ppid:300    task_flags:0x400140 flags:0x00800019
Call trace:
 __switch_to+0x2b0/0x6e0 (T)
 __schedule+0x1b74/0x2d24
 schedule+0xa4/0x140
 io_schedule+0x1c/0xe0
 folio_wait_bit_common+0x674/0x9ec
 basket_load+0x240/0x5b8
 invoke_syscall+0x98/0x244
 el0_svc_common+0xe8/0x23c
 do_el0_svc+0x48/0x58
 el0t_64_sync+0x198/0x19c`,
  },
  {
    name: "soft lockup: below the interrupt",
    id: "soft-lockup",
    due: "basket_spin",
    text: `
watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [picker:311]
CPU: 0 UID: 0 PID: 311 Comm: picker Not tainted 6.12.0 #4
RIP: 0010:basket_spin+0x14/0x20
Call Trace:
 <IRQ>
 ? watchdog_timer_fn+0x1a9/0x210
 ? __hrtimer_run_queues+0x10d/0x2a0
 </IRQ>
 <TASK>
 ? asm_sysvec_apic_timer_interrupt+0x16/0x20
 ? basket_spin+0x14/0x20
 basket_ioctl+0x20/0x30`,
  },
  {
    name: "soft lockup that spins for a lock: who wants it",
    id: "soft-lockup",
    due: "basket_grab",
    text: `
watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [picker:311]
RIP: 0010:native_queued_spin_lock_slowpath+0x6c/0x2a0
Call Trace:
 <TASK>
 _raw_spin_lock+0x29/0x30
 basket_grab+0x1c/0x40
 basket_ioctl+0x20/0x30`,
  },
  {
    name: "RCU stall: the task that blocks, not the grace-period thread",
    id: "rcu-stall",
    due: "basket_spin",
    text: `
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
rcu: 	Tasks blocked on level-0 rcu_node (CPUs 0-1): P311/1:b..l
rcu: 	(detected by 0, t=21002 jiffies, g=2309, q=57 ncpus=2)
rcu: rcu_preempt kthread starved for 21002 jiffies! g2309 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x0 ->cpu=0
rcu: 	Unless rcu_preempt kthread gets sufficient CPU time, OOM is now expected behavior.
rcu: RCU grace-period kthread stack dump:
task:rcu_preempt     state:R  running task     stack:0     pid:16    tgid:16    ppid:2      flags:0x00004000
Call Trace:
 <TASK>
 __schedule+0x5c3/0x750
 schedule_timeout+0x84/0x110
 rcu_gp_fqs_loop+0x108/0x5a0
 rcu_gp_kthread+0xda/0x190
task:picker          state:R  running task     stack:0     pid:311   tgid:311   ppid:300    flags:0x00004008
Call Trace:
 <TASK>
 __schedule+0x5c3/0x750
 preempt_schedule_irq+0x3a/0x60
 irqentry_exit+0x26/0x40
 asm_sysvec_apic_timer_interrupt+0x16/0x20
RIP: 0010:basket_spin+0x14/0x20
 basket_ioctl+0x20/0x30`,
  },
  {
    name: "RCU stall of another CPU: what the NMI found there, and not the idle one",
    id: "rcu-stall",
    due: "basket_spin",
    text: `
rcu: INFO: rcu_sched detected stalls on CPUs/tasks:
rcu: 	1-...0: (1 GPs behind) idle=5c2/1/0x4000000000000000 softirq=101/102 fqs=5250
rcu: 	(detected by 0, t=21002 jiffies, g=2309, q=57)
Sending NMI from CPU 0 to CPUs 1:
NMI backtrace for cpu 1
CPU: 1 PID: 311 Comm: picker Not tainted 5.10.0 #4
RIP: 0010:basket_spin+0x14/0x20
Call Trace:
 basket_ioctl+0x20/0x30
rcu: rcu_sched kthread starved for 10 jiffies! g2309 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x402 ->cpu=0
rcu: RCU grace-period kthread stack dump:
task:rcu_sched       state:I stack:    0 pid:   10 ppid:     2 flags:0x00004000
Call Trace:
 schedule_timeout+0x84/0x110
 rcu_gp_kthread+0xda/0x190
rcu: Stack dump where RCU GP kthread last ran:
Sending NMI from CPU 1 to CPUs 0:
NMI backtrace for cpu 0
CPU: 0 PID: 400 Comm: other Not tainted 5.10.0 #4
RIP: 0010:innocent+0x14/0x20
Call Trace:
 bystander+0x20/0x30`,
  },
  {
    name: "RCU stall of two CPUs: not of the one that sleeps by now, nor of one that is not named",
    id: "rcu-stall",
    due: "basket_spin",
    text: `
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
rcu: 	1-...!: (0 ticks this GP) idle=4d4/0/0x0 softirq=101/102 fqs=0
rcu: 	2-...0: (1 GPs behind) idle=5c2/1/0x4000000000000000 softirq=101/102 fqs=0
rcu: 	(detected by 0, t=21002 jiffies, g=2309, q=57 ncpus=4)
Sending NMI from CPU 0 to CPUs 1:
NMI backtrace for cpu 1
CPU: 1 UID: 0 PID: 0 Comm: swapper/1 Not tainted 6.12.0 #4
RIP: 0010:pv_native_safe_halt+0xf/0x20
Call Trace:
 <TASK>
 default_idle+0x9/0x20
 do_idle+0x21b/0x2a0
NMI backtrace for cpu 3
CPU: 3 UID: 0 PID: 400 Comm: other Not tainted 6.12.0 #4
RIP: 0010:innocent+0x14/0x20
Call Trace:
 <TASK>
 bystander+0x20/0x30
NMI backtrace for cpu 2
CPU: 2 UID: 0 PID: 311 Comm: picker Not tainted 6.12.0 #4
RIP: 0010:basket_spin+0x14/0x20
Call Trace:
 <TASK>
 basket_ioctl+0x20/0x30`,
  },
  {
    name: "RCU stall that names nobody: what runs where the grace-period thread ran",
    id: "rcu-stall",
    due: "basket_spin",
    text: `
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
rcu: 	(detected by 0, t=5252 jiffies, g=-1175, q=14 ncpus=1)
rcu: All QSes seen, last rcu_preempt kthread activity 5252, jiffies_till_next_fqs=1
rcu: RCU grace-period kthread stack dump:
task:rcu_preempt     state:R  running task     stack:0     pid:13    tgid:13    ppid:2      flags:0x00004000
Call Trace:
 <TASK>
 schedule_timeout+0xaa/0x130
 rcu_gp_fqs_loop+0x14f/0x550
rcu: Stack dump where RCU GP kthread last ran:
CPU: 0 UID: 0 PID: 1 Comm: swapper/0 Not tainted 6.12.0 #4
RIP: 0010:basket_spin+0x14/0x20
Call Trace:
 <TASK>
 basket_init+0x20/0x30
 do_one_initcall+0xf2/0x2c0`,
  },
  {
    name: "RCU stall, 4.x: below the timer's interrupt, by <EOI>",
    id: "rcu-stall",
    due: "basket_spin",
    text: `
INFO: rcu_sched self-detected stall on CPU
	0-...: (20999 ticks this GP) idle=2b3/140000000000001/0 softirq=345/345 fqs=5250
	 (t=21000 jiffies g=110 c=109 q=42)
Task dump for CPU 0:
picker          R  running task        0   311    300 0x00000008
Call Trace:
 <IRQ>  [<ffffffff8109d8a1>] sched_show_task+0xc1/0x130
 [<ffffffff810e2d4a>] rcu_check_callbacks+0x68a/0x730
 [<ffffffff810e9a3f>] update_process_times+0x2f/0x60
 [<ffffffff810f9a9a>] tick_sched_timer+0x3a/0x70
 [<ffffffff810ea4c3>] __hrtimer_run_queues+0xf3/0x260
 [<ffffffff810ea9a8>] hrtimer_interrupt+0xa8/0x1a0
 [<ffffffff81051a58>] local_apic_timer_interrupt+0x38/0x60
 [<ffffffff8184593d>] smp_apic_timer_interrupt+0x3d/0x50
 [<ffffffff81843c22>] apic_timer_interrupt+0x82/0x90
 <EOI>  [<ffffffff8134a012>] ? basket_spin+0x12/0x40
 [<ffffffff8134a022>] basket_spin+0x22/0x40
 [<ffffffff8134a0b2>] basket_ioctl+0x22/0x30`,
  },
  {
    name: "sleeping where that is forbidden: who does",
    id: "atomic-sleep",
    due: "basket_nap",
    text: `
BUG: sleeping function called from invalid context at kernel/locking/mutex.c:585
in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 311, name: picker
Call Trace:
 <TASK>
 dump_stack_lvl+0x5d/0x80
 __might_resched.cold+0xc8/0xf0
 mutex_lock+0x1c/0x40
 basket_nap+0x2a/0x40`,
  },
  {
    name: "a work item that came back with a lock: by its name",
    id: "workqueue-leak",
    due: "basket_work",
    text: `
BUG: workqueue leaked lock or atomic: kworker/0:1/0x00000001/33
     last function: basket_work
Call Trace:
 dump_stack_lvl+0x5d/0x80
 process_one_work.cold+0x3d/0x84
 worker_thread+0x1f3/0x300
 kthread+0xcf/0x100`,
  },
  // arm64.
  {
    name: "arm64: pc, and the trap's own functions",
    id: "page-fault",
    due: "basket_put",
    text: `
Unable to handle kernel NULL pointer dereference at virtual address 0000000000000018
Mem abort info:
  ESR = 0x0000000096000004
Internal error: Oops: 0000000096000004 [#1] PREEMPT SMP
Modules linked in: basket(O)
CPU: 0 UID: 0 PID: 311 Comm: picker Not tainted 6.12.0 #4
pstate: 60400005 (nZCv daif +PAN -UAO -TCO -DIT -SSBS BTYPE=--)
pc : basket_put+0x12/0x40 [basket]
lr : basket_release+0x22/0x30 [basket]
sp : ffff80008361bd00
x29: ffff80008361bd00 x28: ffff0000c7a10000 x27: 0000000000000000
Call trace:
 basket_put+0x12/0x40 [basket] (P)
 basket_release+0x22/0x30 [basket] (L)
 __fput+0xe3/0x2a0
 invoke_syscall+0x48/0x118
 el0t_64_sync_handler+0x120/0x130
Code: f9400001 b4000061 (f9400c20) d65f03c0
---[ end trace 0000000000000000 ]---`,
  },
  {
    name: "arm64, 4.x: PC is at",
    id: "page-fault",
    due: "basket_put",
    text: `
Unable to handle kernel paging request at virtual address dead000000000108
PC is at basket_put+0x12/0x40
LR is at basket_release+0x22/0x30
pc : [<ffff000008a1c012>] lr : [<ffff000008a1c0b2>] pstate: 60000145
Call trace:
 [<ffff000008a1c012>] basket_put+0x12/0x40
 [<ffff000008a1c0b2>] basket_release+0x22/0x30`,
  },
  {
    name: "arm64, KASAN with tags in hardware: below the exception",
    id: "kasan",
    due: "basket_look",
    text: `
BUG: KASAN: invalid-access in basket_look+0x41/0x90
Call trace:
 dump_backtrace+0x94/0xec
 show_stack+0x18/0x24
 print_report+0x100/0x5c0
 kasan_report+0xa0/0xf0
 __do_kernel_fault+0x1b4/0x220
 do_bad_area+0x78/0xb0
 do_tag_check_fault+0x20/0x34
 do_mem_abort+0x44/0x94
 el1_abort+0x40/0x60
 el1h_64_sync_handler+0xcc/0xd4
 el1h_64_sync+0x68/0x6c
 basket_look+0x41/0x90`,
  },
  // Frames in other clothes.
  {
    name: "a stack on which the unwinder vouches for nothing",
    id: "page-fault",
    due: "basket_call",
    text: `
BUG: kernel NULL pointer dereference, address: 0000000000000086
Oops: 0010 [#1] PREEMPT SMP
RIP: 0010:0x86
Call Trace:
 ? kfree+0x10a/0x220
 ? basket_call+0x33/0x50
 ? do_syscall_64+0xf3/0x1b0`,
  },
  {
    name: "powerpc: two addresses in front, and the place behind the interrupt",
    id: "warning",
    due: "basket_weigh",
    text: `
WARNING: CPU: 1 PID: 311 at drivers/misc/basket.c:77 basket_weigh+0x2c/0x70
Call Trace:
 [c00000003ae5b800] [c00000000135c19c] dump_stack+0x128/0x1cc (unreliable)
 [c00000003ae5b9a0] [c00000000135a500] report_bug+0x150/0x270
 [c00000003ae5ba40] [c0000000000392d4] program_check_exception+0x344/0x4f0
--- interrupt: 700 at basket_weigh+0x2c/0x70
 [c00000003ae5bdf0] [c00000000009651c] basket_ioctl+0x10c/0x250`,
  },
  {
    name: "decode_stacktrace.sh: files in parentheses",
    id: "warning",
    due: "basket_weigh",
    text: `
WARNING: CPU: 0 PID: 311 at lib/refcount.c:28 refcount_warn_saturate (lib/refcount.c:28 (discriminator 3))
RIP: 0010:refcount_warn_saturate (lib/refcount.c:28 (discriminator 3))
Call Trace:
 <TASK>
 ? __warn (kernel/panic.c:677)
 ? report_bug (lib/bug.c:180 lib/bug.c:219)
 basket_weigh (include/linux/refcount.h:336 drivers/misc/basket.c:77) basket
 do_syscall_64 (arch/x86/entry/common.c:52 arch/x86/entry/common.c:83)`,
  },
  {
    name: "WARN(), symbolized: title and RIP once more for each inlined function",
    id: "warning",
    due: "basket_look",
    text: `
WARNING: CPU: 1 PID: 311 at drivers/misc/basket.c:12 basket_peek drivers/misc/basket.c:12 [inline]
WARNING: CPU: 1 PID: 311 at drivers/misc/basket.c:12 basket_look+0x41/0x90 drivers/misc/basket.c:77
RIP: 0010:basket_peek drivers/misc/basket.c:12 [inline]
RIP: 0010:basket_look+0x41/0x90 drivers/misc/basket.c:77
Call Trace:
 <TASK>
 basket_ioctl+0x20/0x30 drivers/misc/basket.c:91`,
  },
  {
    name: "KASAN, symbolized: the title once more for an inlined function",
    id: "kasan-use-after-free",
    due: "basket_look",
    text: `
BUG: KASAN: slab-use-after-free in basket_peek drivers/misc/basket.c:12 [inline]
BUG: KASAN: slab-use-after-free in basket_look+0x41/0x90 drivers/misc/basket.c:77
Read of size 8 at addr ffff88800c0a1e10 by task picker/311
Call Trace:
 kasan_report+0x95/0xc0 mm/kasan/report.c:601
 basket_peek drivers/misc/basket.c:12 [inline]
 basket_look+0x41/0x90 drivers/misc/basket.c:77`,
  },
  {
    name: "a refcount, symbolized: past what is inlined",
    id: "refcount",
    due: "basket_look",
    text: `
refcount_t: underflow; use-after-free.
WARNING: CPU: 0 PID: 311 at lib/refcount.c:28 refcount_warn_saturate+0x12e/0x150 lib/refcount.c:28
RIP: 0010:refcount_warn_saturate+0x12e/0x150 lib/refcount.c:28
Call Trace:
 <TASK>
 __refcount_sub_and_test include/linux/refcount.h:336 [inline]
 kref_put include/linux/kref.h:64 [inline]
 basket_unpin drivers/misc/basket.c:40 [inline]
 basket_look+0x41/0x90 drivers/misc/basket.c:77`,
  },
  {
    name: "decode_stacktrace.sh behind a time: no blank is left in front",
    id: "kasan-out-of-bounds",
    due: "basket_fill",
    text: `
BUG: KASAN: slab-out-of-bounds in memcpy (mm/kasan/shadow.c:66)
Call Trace:
<TASK>
dump_stack_lvl (lib/dump_stack.c:123)
kasan_report (mm/kasan/report.c:603)
memcpy (mm/kasan/shadow.c:66)
? basket_other (drivers/misc/basket.c:33)
basket_fill (include/linux/fortify-string.h:99 drivers/misc/basket.c:91 (discriminator 2)) basket`,
  },
  {
    name: "inlined functions of old symbolizers: what is on the stack itself, as in the log before",
    id: "bug",
    due: "basket_ioctl",
    text: `
kernel BUG at mm/slub.c:305!
Call Trace:
 [<     inline     >] slab_free mm/slub.c:2982
 [<ffffffff8176a1b2>] kfree+0x2c8/0x2f0 mm/slub.c:3904
 [<     inline     >] basket_weigh drivers/misc/basket.c:77
 [<ffffffff8134a0b2>] basket_ioctl+0x20/0x30 drivers/misc/basket.c:120`,
  },
  {
    name: "arm: from",
    id: "warning",
    due: "basket_weigh",
    text: `
WARNING: something is odd
Backtrace: 
[<c010cba4>] (dump_backtrace) from [<c010ce68>] (show_stack+0x18/0x1c)
[<c010ce50>] (show_stack) from [<c0a3f0a4>] (dump_stack+0x24/0x28)
[<c0a3f080>] (dump_stack) from [<c0712345>] (basket_weigh+0x44/0x60)`,
  },
  {
    name: "parts and copies that a compiler made, and modules with taint",
    id: "warning",
    due: "basket_weigh",
    text: `
WARNING: something is odd
Call Trace:
 <TASK>
 __pfx_kasan_report+0x10/0x10
 kasan_report.part.0+0x1/0x2
 basket_weigh.constprop.0.isra.0.cold+0x5/0x9 [basket(O)]
 basket_ioctl.llvm.123456789+0x5/0x9 [basket(O)]`,
  },
  {
    name: "Rust: the panic is not its place",
    id: "bug",
    due: "_RNvMs_NtCs3yuwAp0waWO_6basket4pileNtB4_4Pile4take",
    text: `
kernel BUG at rust/helpers/bug.c:7!
RIP: 0010:rust_helper_BUG+0x8/0x10
Call Trace:
 <TASK>
 _RNvCs43vyB533jt3_7___rustc17rust_begin_unwind+0x56/0x60
 _RNvNtCs8ccEM4ArTuX_4core9panicking9panic_fmt+0x84/0x90
 _RNvNtCs8ccEM4ArTuX_4core9panicking18panic_bounds_check+0x78/0x80
 _RNvMs_NtCs3yuwAp0waWO_6basket4pileNtB4_4Pile4take+0x41/0x90 [basket]`,
  },
  {
    name: "an interrupt that complains is not what it interrupted",
    id: "warning",
    due: "basket_irq",
    text: `
WARNING: CPU: 0 PID: 311 at lib/refcount.c:25 refcount_warn_saturate+0x7a/0x110
RIP: 0010:refcount_warn_saturate+0x7a/0x110
Call Trace:
 <IRQ>
 basket_irq+0x20/0x30
 __handle_irq_event_percpu+0x4a/0x1a0
 handle_edge_irq+0x8b/0x220
 common_interrupt+0x7f/0xa0
 </IRQ>
 <TASK>
 asm_common_interrupt+0x26/0x40
RIP: 0010:innocent+0x14/0x20
 bystander+0x20/0x30`,
  },
  // Where nothing tells much.
  {
    name: "helpers alone: the innermost of them, not the entry",
    id: "warning",
    due: "percpu_ref_switch_to_atomic_rcu",
    text: `
WARNING: something is odd
Call Trace:
 <IRQ>
 dump_stack_lvl+0x5d/0x80
 percpu_ref_switch_to_atomic_rcu+0x12e/0x140
 rcu_do_batch+0x1a3/0x530
 rcu_core+0x199/0x4b0
 handle_softirqs+0xe1/0x2b0
 run_ksoftirqd+0x2a/0x40
 smpboot_thread_fn+0xe9/0x1d0
 kthread+0xcf/0x100`,
  },
  {
    name: "dispatch alone",
    id: "atomic-sleep",
    due: "process_one_work",
    text: `
BUG: sleeping function called from invalid context at kernel/workqueue.c:3100
Call Trace:
 dump_stack_lvl+0x5d/0x80
 __might_resched.cold+0xc8/0xf0
 process_one_work+0x1b3/0x3a0
 worker_thread+0x1f3/0x300
 kthread+0xcf/0x100`,
  },
  {
    name: "no stack at all",
    id: "bug",
    due: null,
    text: "BUG: Bad rss-counter state mm:00000000b5a1f2c0 type:MM_ANONPAGES val:2",
  },
];

function titleOf(lines: readonly string[]): string {
  return lines.find((line) => /^(WARNING|refcount_t): /.test(line)) ?? lines[0]!;
}

for (const { name, id, due, text } of CASES) {
  Deno.test(`blameOf(): ${name}`, () => {
    const lines = text.split("\n").filter((line) => line !== "");
    const { blamed } = blameOf(id, titleOf(lines), lines);
    assert.equal(blamed === null ? null : plainName(blamed.function), due);
  });
}

Deno.test("the table of cases is long enough to tell something", () => {
  assert.ok(CASES.length >= 40);
  assert.equal(new Set(CASES.map(({ name }) => name)).size, CASES.length);
});
