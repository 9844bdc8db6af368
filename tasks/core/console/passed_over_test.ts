// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { PASSED_OVER, passedOverAs, RANKS } from "./passed_over.ts";
import { plainName } from "./stack_frame.ts";

/** Names of the kernel that the table has to know, by the class of their entry. */
const KNOWN: Readonly<Record<string, string>> = {
  reporting: `
    asm_call_irq_on_stack run_on_irqstack_cond check_slab_allocation
    dump_stack dump_stack_lvl show_stack dump_backtrace arch_stack_walk print_circular_bug
    kasan_report __asan_load8 __msan_warning kasan_check_range kcsan_setup_watchpoint
    __ubsan_handle_out_of_bounds __warn __warn_printk report_bug warn_slowpath_null panic
    check_unmap debug_dma_unmap_page dma_unmap_page_attrs assfail btrfs_assertfail __stack_chk_fail usercopy_abort __check_object_size
    asm_exc_page_fault exc_invalid_op page_fault_oops do_page_fault __bad_area_nosemaphore
    el1h_64_sync_handler el1_abort do_mem_abort die sysvec_apic_timer_interrupt
    smp_apic_timer_interrupt watchdog_timer_fn update_process_times hrtimer_interrupt
    rcu_sched_clock_irq print_cpu_stall __handle_irq_event_percpu gic_handle_irq
    __might_sleep debug_smp_processor_id do_idle default_idle native_safe_halt cpuidle_enter`,
  entry: `
    entry_SYSCALL_64_after_hwframe do_syscall_64 x64_sys_call do_fast_syscall_32
    el0t_64_sync_handler do_el0_svc invoke_syscall el0_svc ret_from_fork ret_from_fork_asm kthread
    start_kernel kernel_init_freeable start_secondary syscall_exit_to_user_mode task_work_run`,
  dispatch: `
    process_one_work process_scheduled_works worker_thread __do_softirq handle_softirqs
    run_ksoftirqd smpboot_thread_fn call_timer_fn __run_timers run_timer_softirq do_one_initcall
    raw_notifier_call_chain trace_event_raw_event_sched_switch tasklet_action_common`,
  helper: `
    check_free_page check_new_pages count_memcg_event_mm mod_memcg_state kernel_fpu_end
    skb_copy_datagram_iter find_lock_entries truncate_inode_pages
    memcpy __memmove memset_orig memcmp strlen strscpy kstrdup kmemdup_noprof rep_movs_alternative
    vsnprintf snprintf scnprintf kasprintf string pointer vprintk_emit _printk dev_err
    console_unlock io_serial_in crc32_le_base crc32c csum_partial crypto_shash_update sha256_update curve25519_arch
    list_lru_add __list_del_entry_valid_or_report klist_put rb_insert_color xas_load xa_store
    mas_store_prealloc radix_tree_lookup idr_alloc rhashtable_walk_next
    refcount_warn_saturate kref_put kobject_put percpu_ref_exit dput iput
    _raw_spin_lock_irqsave do_raw_spin_lock native_queued_spin_lock_slowpath queued_read_lock_slowpath
    mutex_lock __mutex_lock_slowpath down_write rwsem_down_read_slowpath up_read
    rt_mutex_slowlock percpu_down_write lock_acquire __lock_acquire lock_release
    validate_chain check_noncircular lockdep_rcu_suspicious osq_lock
    schedule __schedule schedule_timeout io_schedule wait_for_completion complete __wake_up_common
    prepare_to_wait finish_wait __wait_on_bit folio_wait_bit_common msleep __switch_to
    synchronize_rcu call_rcu rcu_core rcu_do_batch rcu_gp_fqs_loop rcu_barrier __srcu_read_lock
    _copy_to_user copy_from_user _copy_from_iter copyin strncpy_from_user __get_user_4 clear_user
    iov_iter_advance kmalloc_trace __kmalloc_noprof kmem_cache_free kfree vmalloc vfree kvfree
    ___slab_alloc __alloc_pages_noprof get_page_from_freelist krealloc free_percpu pcpu_alloc_noprof
    folio_put put_page folio_unlock __filemap_get_folio debug_print_object debug_object_activate
    mod_timer del_timer_sync timer_delete_sync __queue_work flush_work cancel_delayed_work_sync
    hrtimer_start_range_ns kthread_stop skb_put skb_push skb_panic skb_over_panic __alloc_skb
    kfree_skb consume_skb pskb_expand_head skb_release_data device_add device_del usb_submit_urb
    usb_control_msg __x86_indirect_thunk_rax __x86_return_thunk test_and_set_bit atomic_inc
    arch_atomic_read`,
};

/** Names that sound alike and say where a fault is. */
const TELLING = `
  ext4_writepages btrfs_commit_transaction tcp_sendmsg_locked __x64_sys_ioctl __do_sys_bpf vfs_write
  do_exit mmput vma_merge vm_mmap_pgoff __get_user_pages copy_page_range copy_process alloc_super
  alloc_inode rtnl_lock netlink_sendmsg sock_close kcov_ioctl report_usage basket_lock waiter_thread
  handle_mm_fault do_anonymous_page hrtimer_nanosleep fixup_user_fault xfs_buf_lock memory_failure
  string_stream_add listen_backlog ieee80211_queue_skb nf_conntrack_in pointer_gesture number_of_keys
  io_schedule_prep_of_mine crcx radix_of_mine trap_me dispatcher copy_siginfo_to_user kmsg_dump
  kernfs_fop_open panicked_driver lock_sock_nested __fput __skb_datagram_iter skb_segment rbtree_ondisk smp_call_function_many_cond
`;

const words = (text: string) => text.trim().split(/\s+/);

for (const rank of RANKS) {
  Deno.test(`the table knows ${rank}`, () => {
    const found = words(KNOWN[rank]!).map((name) => [name, passedOverAs(plainName(name))?.rank]);
    assert.deepEqual(found.filter(([, one]) => one !== rank), []);
  });
}

Deno.test("the table leaves alone what only sounds like its names", () => {
  const found = words(TELLING).map((name) => [name, passedOverAs(name)?.what]);
  assert.deepEqual(found.filter(([, what]) => what !== undefined), []);
});

Deno.test("no entry of the table is hidden behind those before it", () => {
  const all = Object.values(KNOWN).flatMap(words).map((name) =>
    passedOverAs(plainName(name))?.what
  );
  for (const { what } of PASSED_OVER) assert.ok(all.includes(what), what);
});

Deno.test("docs/verdicts.md has each entry with its reason", async () => {
  const docs = await Deno.readTextFile(new URL("../../../docs/verdicts.md", import.meta.url));
  const rows = docs.split("\n").map((line) => line.split("|").map((cell) => cell.trim()))
    .filter(([, rank]) => (RANKS as readonly string[]).includes(rank ?? ""))
    .map(([, rank, what, reason]) => [rank, what, reason]);
  assert.deepEqual(rows, PASSED_OVER.map(({ rank, what, reason }) => [rank, what, reason]));
});
