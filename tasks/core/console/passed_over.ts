// SPDX-License-Identifier: MIT
/**
 * Functions that stand on a stack and do not say what went wrong: the function that a complaint is
 * blamed on is the innermost that is none of these. Names are those of the kernel's source
 * (kallsyms without a compiler's suffixes), of all versions that logs come from; those that one
 * architecture alone has are in core/arch/.
 */

import { passedOverInAnyLog } from "../arch/logs.ts";

/**
 * How much a function tells where a stack has nothing better, the most telling first: a helper was
 * at least called at the fault; dispatch says in which kind of context; entry only that there was
 * one; reporting stands on top of every stack of its kind.
 */
export const RANKS = ["helper", "dispatch", "entry", "reporting"] as const;
export type Rank = typeof RANKS[number];

export interface PassedOver {
  readonly rank: Rank;
  /** What these functions are. */
  readonly what: string;
  /** Why the fault is not theirs. */
  readonly reason: string;
  /** Of a whole name without suffixes and without the underscores that it begins with. */
  readonly names: readonly RegExp[];
}

/** In order: the first entry with a fitting name decides. */
export const PASSED_OVER: readonly PassedOver[] = [
  {
    rank: "reporting",
    what: "dumps of stacks and registers",
    reason: "they print the report",
    names: [
      /^dump_(stack\w*|backtrace\w*|regs|page|vma|mm|header|task)$/,
      /^(show|sched_show|_*sched_show)_(stack\w*|regs\w*|task|trace\w*|state\w*|opcodes|ip|iret_regs)$/,
      /^(arch_stack_walk\w*|stack_trace_(save\w*|consume_entry\w*)|save_stack\w*|walk_stack\w*|unwind_\w+|stack_access_ok|get_stack_info\w*|kunwind_\w+)$/,
      /^(print|describe|check|report|end)_\w*(report|bug|stack|trail|header|warning|info|address\w*)$/,
      /^print_(?!.*(?:parse|entry$))\w+$/,
    ],
  },
  {
    rank: "reporting",
    what: "sanitizers and their hooks",
    reason: "they check an access that their caller makes",
    names: [
      /^(kasan|kmsan|kcsan|kfence|ubsan|asan|msan|tsan|hwasan|sanitizer)_\w+$/,
      /^check_slab_(allocation|free)$/,
      /^(ubsan_handle|check_(memory_region|region_inline)|memory_is_(poisoned|nonzero)|bytes_is_\w+|handle_(overflow|shift\w*)|val_to_string)\w*$/,
      /^(find|insert|setup|should|reset|check)_watchpoint\w*$|^(check_access|should_watch|report_known_origin|rw_report)$/,
      /^instrument_(atomic|read|write|copy|memcpy|get_user|put_user)\w*$|^(read|write)_once_(size\w*|word_nocheck)$|^read_word_at_a_time$/,
      /^addr_has_metadata$|^metadata_update_state$|^lockless_dereference$/,
    ],
  },
  {
    rank: "reporting",
    what: "BUG(), WARN(), panic() and assertion wrappers",
    reason: "they say that somebody else's condition does not hold",
    names: [
      /^(warn\w*|report_bug|handle_bug|fixup_bug|bug_handler|vpanic|panic|nmi_panic|panic_(on|smp|print)\w*|check_panic_on_warn|print_tainted|get_taint)$/,
      /^(\w*_?assert_?fail(ed|ure)?|assfail|asswarn|lockdep_assert\w*|(vm_)?(bug|warn)_on\w*|\w+_assert_report)$/i,
      /^(stack_chk_fail|fortify_(panic|report)|copy_overflow|usercopy_(abort|warn)|check_object_size|check_heap_object|check_(stack|bogus|page_span)\w*object\w*)$/,
      /^(rust_begin_unwind|rustc)\b|4core9panicking|^core::panicking|rust_begin_unwind|rust_helper_\w+|rust_panic\w*/,
      /^(cfi_(check_fail|slowpath|failure\w*)|report_cfi_failure|handle_cfi_failure|ibt_selftest\w*)$/,
    ],
  },
  {
    rank: "reporting",
    what: "traps, exceptions and oopses",
    reason: "the fault is where they came from",
    names: [
      ...passedOverInAnyLog("traps"),
      /^die(_body|_addr|_kernel_fault)?$|^oops_(begin|end|enter|exit)$|^(page_fault|kernelmode_fixup_or)_oops$|^kernelmode_fixup_or_oops$|^bad_area\w*$|^no_context$|^make_task_dead$/,
      /^do_(page_fault|kernel_fault|bad_area)$/,
      /^handle_(page_fault|stack_overflow|exception|fault|reserved_trap)$|^fixup_(bug|\w*exception)$|^extable_\w+$/,
    ],
  },
  {
    rank: "reporting",
    what: "interrupt entry, the tick, watchdogs and stall detectors",
    reason: "they came in between and found the fault elsewhere",
    names: [
      ...passedOverInAnyLog("interrupts"),
      /^(handle_(edge|level|fasteoi|percpu\w*|simple|nested)_irq|handle_irq_event\w*|handle_irq_desc|generic_handle_\w*irq\w*|handle_domain_irq|irq_(enter|exit)\w*|dynamic_irq\w*|note_interrupt|handle_arch_irq)$/,
      /^(watchdog\w*|softlockup\w*|lockup_detector\w*|hardlockup\w*|perf_event_overflow|nmi_handle|default_do_nmi|perf_event_nmi_handler|nmi_trigger\w*|nmi_cpu_backtrace\w*|nmi_backtrace\w*|trigger_\w*(backtrace|cpu)\w*|arch_trigger_\w+)$/,
      /^(update_process_times|tick_(sched|nohz|handle|periodic|do_update|irq|program|setup)\w*|scheduler_tick|sched_tick|hrtimer_(run_queues|interrupt|run)\w*|run_hrtimer|hrtimer_run_queues|clockevents_program_\w+|account_process_tick)$/,
      /^rcu_\w*(stall|sched_clock_irq|dump|check_gp|pending|check_callbacks)\w*$|^print_\w*stall\w*$|^check_(cpu_stall|hung_(task|uninterruptible)\w*)$/,
      /^irqentry_(exit|enter)\w*$|^raw_irqentry\w*$|^preempt_schedule(_\w+)?$|^preempt_count_(add|sub)$/,
    ],
  },
  {
    rank: "reporting",
    what: "checks in front of sleeping and per-CPU data",
    reason: "their caller must not sleep, or not be moved",
    names: [
      /^might_(sleep|fault|resched|alloc)\w*$|^(schedule_bug|schedule_debug|check_preemption_disabled|debug_smp_processor_id|this_cpu_preempt_check)$/,
      /^debug_(locks_off|spin_\w+|mutex_\w+|rwsem\w*|check_no_\w+|lockdep_rcu_enabled)$|^(spin|rwlock)_(bug|dump)$/,
    ],
  },
  {
    rank: "reporting",
    what: "checks of DMA mappings",
    reason: "their caller maps, syncs and unmaps",
    names: [
      /^(check_(unmap|sync|for_stack|for_illegal_area)|debug_dma_\w+|add_dma_entry|err_printk)$/,
      /^dma_(map|unmap|sync|free|alloc)_\w+$/,
    ],
  },
  {
    rank: "reporting",
    what: "the idle loop",
    reason: "an idle CPU does nothing",
    names: [
      ...passedOverInAnyLog("idle"),
      /^(do_idle|arch_(safe_halt|cpu_idle\w*)|cpu_(idle\w*|do_idle|startup_entry)|cpuidle_\w+|call_cpuidle|acpi_(idle|safe_halt)\w*|poll_idle)$/,
    ],
  },
  {
    rank: "entry",
    what: "system call, thread and boot entry",
    reason: "every stack begins with one",
    names: [
      ...passedOverInAnyLog("entry"),
      /^(syscall_\w+|system_call\w*)$/,
      /^(prepare_)?exit_to_(usermode|user_mode)\w*$|^(syscall_)?exit_to_user_mode\w*$|^irqentry_exit_to_user_mode$|^(do_notify_resume|task_work_run|resume_user_mode_work|do_signal|arch_do_signal\w*)$/,
      /^(ret_from_(fork|kernel_thread)\w*|kthread|kernel_thread\w*|call_usermodehelper_exec\w*|kernel_init\w*|start_kernel|rest_init|arch_call_rest_init|secondary_(startup|start_kernel|switched)\w*)$/,
    ],
  },
  {
    rank: "dispatch",
    what: "dispatch of work, softirqs, timers, callbacks and initcalls",
    reason: "they call whatever was queued",
    names: [
      /^(process_(one_work|scheduled_works|srcu)|(worker|rescuer|kthread_worker|kworker)_(thread|fn)|kthread_worker_fn|async_run_entry_fn|smpboot_thread_fn|cpuhp_\w+)$/,
      /^(do_softirq\w*|handle_softirqs|invoke_softirq|run_ksoftirqd|local_bh_(enable|disable)\w*|softirqs?_\w+|irq_exit_\w+|tasklet_(action|hi_action)\w*|irq_work_\w+|irq_(forced_)?thread\w*)$/,
      /^(call_timer_fn|expire_timers|run_timers?\w*|run_local_timers|timer_expire\w*)$/,
      /^(generic_)?smp_call_function_single_interrupt$|^flush_smp_call_function_queue\w*$|^(sched_ttwu_pending|multi_cpu_stop|cpu_stopper_thread|migration_cpu_stop)$/,
      /^(do_one_initcall|do_initcall\w*|do_basic_setup|do_init_module|load_module|init_module_from_file|idempotent_init_module)$/,
      /^((raw|blocking|atomic|srcu)_)?notifier_call_chain\w*$|^notifier_call_chain$|^call_netdevice_(notifiers|register)\w*$/,
      /^(trace_event_raw_event|perf_trace|traceiter|perf_tp|bpf_trace)_\w+$|^(trace_call_bpf|ftrace_\w+|arch_ftrace\w*|kprobe_ftrace_handler|rethook_\w+|kretprobe_\w+|arch_rethook\w*)$/,
    ],
  },
  {
    rank: "helper",
    what: "retpoline and return thunks",
    reason: "they are the machine code of a call",
    names: [
      ...passedOverInAnyLog("thunks"),
    ],
  },
  {
    rank: "helper",
    what: "functions on strings and memory",
    reason: "the pointer or the length is their caller's",
    names: [
      /^(pi_)?(mem(cpy|move|set|cmp|chr|scan|zero|dup|swap)|bcmp|str(n?len|[nl]?cpy|scpy|n?cmp|n?casecmp|n?chr|rchr|chrnul|n?str|sep|c?spn|pbrk|[nl]?cat|n?dup|im|rep)|sized_str(scpy|cat)|k(str|mem)n?dup|kvmemdup|match_string|sysfs_streq)(_\w+|\d+|v_inv\w*|_inv)?$/,
      ...passedOverInAnyLog("memory"),
      /^(clear_(page|user)_\w+|copy_page(_regs)?|copy_mc_\w+|memcpy_\w+|strncpy_\w+|string_(get_size|unescape|escape)\w*|kstrto\w+|simple_strto\w+|parse_int\w*)$/,
    ],
  },
  {
    rank: "helper",
    what: "printk and the formatting of texts",
    reason: "what is printed, and when, is the caller's",
    names: [
      /^(v?s[cn]*n?printf|v?scnprintf|v?snprintf|bstr_printf|vbin_printf|k?v?asprintf\w*|k(v)?asprintf|seq_(v?printf|puts|putc|write|escape\w*)|format_decode|string(_nocheck)?|pointer|number|va_format|symbol_string|sprint_\w+|hex_dump_\w+|print_hex_dump\w*|error_string|special_hex_number|dentry_name|ip\d_\w*string\w*|mac_address_string)$/,
      /^(v?printk\w*|_?printk|dev_(printk\w*|v?printk_emit|info|warn|err|notice|alert|crit|emerg|dbg)|netdev_(printk|info|warn|err|notice)|devkmsg_\w+|console_(unlock|lock\w*|trylock\w*|flush\w*|emit\w*|cont_flush|callback)|wake_up_klogd\w*|nbcon_\w+|log_(store|output)\w*|prb_\w+)$/,
      /^(serial8250_console_\w+|uart_console_write|univ8250_console_write|wait_for_(lsr|xmitr)|(mem|io)_serial_(in|out)\w*|early_serial_\w+)$/,
    ],
  },
  {
    rank: "helper",
    what: "port, register and atomic accessors",
    reason: "the address is their caller's",
    names: [
      ...passedOverInAnyLog("accessors"),
      /^(raw_)?(read|write|in|out|inb|outb|ins|outs)[bwlq](_\w+)?$|^logic_(in|out)\w*$|^(io(read|write)\d+\w*|memcpy_(from|to)io\w*|phys_addr\w*|virt_(to|addr)\w*)$/,
      /^(raw_|arch_)?(atomic|atomic64|atomic_long)_\w+$|^(arch_)?((test|set|clear|change|assign)(_and_(set|clear|change))?|variable_test|constant_test|const_test)_bit(_\w+)?$|^(READ|WRITE)_ONCE$|^(arch_)?(try_)?cmpxchg\w*$|^x(chg|add)\w*$/,
      /^(ffs|fls|ffz|hweight)\w*$|^(find_(first|next|last|nth)|for_each)_\w*bit\w*$|^(bitmap|cpumask|nodemask|sbitmap)_\w+$/,
    ],
  },
  {
    rank: "helper",
    what: "checksums and crypto primitives",
    reason: "the buffer is their caller's",
    names: [
      /^crc_?\w*\d+\w*$|^crc_(itu|ccitt|t10)\w*$|^(csum|ip|do)_?(partial|fast_csum|csum)\w*$|^csum_\w+$|^(jhash|xxh|xxhash|siphash|hsiphash|murmur)\w*$/,
      /^curve25519\w*$|^crypto_(shash|ahash|skcipher|cipher|aead|rng|comp|acomp|akcipher)_\w+$|^(shash|ahash|skcipher|drbg|cipher)_\w+$|^(sha\d+|md[45]|blake2[sb]|poly1305|chacha\d*|aes|aesni|des|ghash|sm[34])_\w*(transform|update|final|finup|block\w*|compress\w*|encrypt\w*|decrypt\w*|crypt\w*)\w*$/,
    ],
  },
  {
    rank: "helper",
    what: "lists, trees, maps and queues of the library",
    reason: "the caller linked or freed what they walk over",
    names: [
      /^(h?list(_bl|_nulls|_lru|_debug)?|llist|klist|plist|hlist)_(\w*_)?(add|del|move|splice|replace|cut|sort|valid|empty|first|last|next|entry|walk|head|init|rotate|swap|unhash|put|get|remove|iter|dec|lru|isolate)\w*$/,
      /^rb_(insert|erase|next|prev|first|last|replace|add|link|find|rotate|parent|set|augment)\w*$|^(interval_tree|timerqueue|radix_tree|idr|ida|assoc_array|rhashtable|rht|rhltable|kfifo|lockref|generic_interval|btree|bpf_lru)_\w+$/,
      /^(xa|xas|xarray|mas|mtree|mt|mab)_\w+$|^(ma_\w+|mast_\w+|ascend\w*|dead_node\w*|mte_\w+)$/,
    ],
  },
  {
    rank: "helper",
    what: "reference counts",
    reason: "who got or put once too often is the caller",
    names: [
      /^(refcount|kref|percpu_ref|ref_tracker|kobject|kobj|kset)_\w+$|^(atomic_dec_and_\w*lock\w*|dec_and_lock)$/,
      /^(dput|dput_\w+|fast_dput|iput|iput_final|ihold|igrab|drop_nlink|inc_nlink|path_put|mntput\w*|put_device|get_device|put_pid|put_cred\w*|put_task_\w+|module_put)$/,
    ],
  },
  {
    rank: "helper",
    what: "locks",
    reason: "who takes the lock tells what waits, or in which order",
    names: [
      /^(do_)?(raw_)?(spin|read|write|rw|rwlock|local)_(try|un)?(lock|unlock|trylock)\w*$|^(do_raw_|raw_)(spin|read|write)_\w+$|^(pv_|native_)?(pv_)?queued_(spin|read|write)_\w+$|^(class_)?(raw_)?(spinlock|mutex|rwsem\w*|rcu|preempt|irqsave)_\w*(constructor|destructor)$/,
      /^(ww_)?mutex_\w+$|^(rt|ww_rt)_?mutex_\w+$|^(rtlock|rt_spin|rt_read|rt_write|rwbase|ww_mutex)_\w+$|^(down|up)(_(read|write|interruptible|killable|timeout|trylock)\w*)?$|^(rwsem|percpu_rwsem|percpu_(down|up))_\w+$|^downgrade_write$|^(osq|mcs)_\w+$|^owner_on_cpu$|^(bit_spin|hlist_bl)_\w*lock\w*$/,
      /^lock_(timer_base|page\w*|buffer|mount_hash|two_\w+|hrtimer_base|task_sighand|rcu|parent)\w*$|^unlock_(page|buffer)\w*$|^(read|write)_seq\w+$|^seq(prop|count)_\w+$|^(raw_)?(read|write)_seqcount\w*$|^raw_spin_rq_\w+$|^task_rq_lock$/,
      /^lock_(acquire|release|is_held|pin|unpin|downgrade|set_class|acquired|contended|repin)\w*$|^(lockdep|held_lock)_\w+$|^(validate_chain|find_held_lock|register_lock_class|assign_lock_key|look_up_lock_class|lock_class\w*|mark_\w*(lock|held|usage)\w*|reacquire_held_locks|add_lock_to_list|bfs|add_chain\w*|lookup_chain_cache\w*|save_trace)$/,
      /^check_(noncircular|prevs?_add|deadlock|flags|wait_context|usage\w*|irq_usage|path|chain_key|redundant|lock)\w*$|^(trace|lockdep)_(hard|soft)irqs?_\w+$|^trace_(hardirqs|preempt)_\w+$|^(debug_)?check_no_(locks|obj)_freed$|^valid_state$|^print_lock\w*$/,
    ],
  },
  {
    rank: "helper",
    what: "waiting, waking and sleeping",
    reason: "what is waited for is said by the caller",
    names: [
      /^(io_)?schedule(_(timeout|hrtimeout|preempt|idle|delayed|tail|user|rtlock|loop)\w*)?$|^schedule_\w*timeout\w*$|^schedule_(loop|preempt\w*)$|^(context_switch|switch_to\w*|finish_task_switch\w*|pick_next_task\w*|deactivate_task|do_sched_yield)$/,
      /^(do_|__)?wait_for_(common|completion)\w*$|^wait_for_completion\w*$|^complete(_all|_with_flags|_on_current_cpu)?$|^s?wake_up\w*$|^swake_\w+$|^(try_to_wake_up|ttwu_\w+|default_wake_function|autoremove_wake_function|woken_wake_function|wake_\w*function)$/,
      /^(prepare_to_s?wait\w*|finish_s?wait|(add|remove)_wait_queue\w*|wait_woken|rcuwait_\w+|wait_var_event\w*|(out_of_line_)?wait_on_bit\w*|bit_wait\w*|wait_on_(bit|page|buffer)\w*|wait_bit\w*|folio_wait_\w+|wait_on_page_\w+)$/,
      /^(msleep\w*|ssleep|fsleep|usleep_range\w*|do_usleep\w*|delay_\w+|const_udelay|udelay|ndelay|(tsc|loop)_delay\w*|read_tsc|rdtsc\w*|cpu_relax|rep_nop|csd_lock_wait\w*)$/,
    ],
  },
  {
    rank: "helper",
    what: "RCU",
    reason: "a grace period waits for others; callbacks are their submitters'",
    names: [
      /^(s|t)?rcu_\w+$|^rcutree_\w+$|^(wait_rcu_gp\w*|call_s?rcu\w*|kv?free_call_rcu|kvfree_rcu\w*|kfree_rcu\w*|synchronize_(s?rcu\w*|net|sched|rcu_\w+)|s?rcu_barrier\w*|cond_synchronize_\w+|exp_funnel_lock|invoke_rcu_\w+|note_gp_changes|force_qs_rnp|cleanup_srcu_struct|init_srcu\w*|start_poll_\w+)$/,
    ],
  },
  {
    rank: "helper",
    what: "copies from and to user space and iterators",
    reason: "the buffer is their caller's",
    names: [
      /^skb_copy_(and_csum_)?datagram_(iter|msg|from_iter|iovec)\w*$/,
      /^(arch_|raw_|inline_)?copy_(to|from|in)_(user|iter|kernel|sockptr|bpfptr)\w*$|^copy_user_\w+$|^copy_struct_from_user$|^copy_(page|folio|mc)_(to|from)_\w+$|^(simple_)?copy_(to|from)_\w*iter\w*$/,
      /^(copyin|copyout)\w*$|^(copy_to_user_iter|memcpy_(to|from)_iter)\w*$|^iov_iter_\w+$|^(strncpy_from|strnlen|memdup|strndup|clear)_user\w*$|^(get|put)_user(_(\d+|nocheck\w*|handle\w*|asm\w*|bad|size|fn))?$/,
      /^fault_in_(readable|writeable|safe_writeable|subpage_writeable|iov_iter_\w+)$|^(extract_(user|iter)\w*|csum_and_copy\w*|check_zeroed_user|access_ok|user_access\w*|iterate_and_advance\w*)$/,
    ],
  },
  {
    rank: "helper",
    what: "allocators, free and their debugging",
    reason: "size, flags and the pointer are their caller's",
    names: [
      /^kv?(m|z|c|re)alloc\w*$|^(do_)?(kmalloc|krealloc|kvmalloc|kvrealloc)\w*$|^k(mem|fence)_cache_\w+$|^kv?free(_sensitive|_const|_bulk|_link|_nolock|_rcu\w*)?$|^kzfree$|^k?mem_cgroup_(charge|uncharge)\w*$/,
      /^(slab|slub|slob)_\w+$|^(new|allocate|alloc|discard|free|deactivate|refill|shuffle)_(slab|object|single|from)\w*$|^(do_)?slab_(alloc|free)\w*$|^(cache|drain)_(alloc|free|grow|flusharray|reap|estimate)\w*$|^cache_alloc\w*$|^(qlist|qlink|quarantine)_\w+$|^(get|put|unfreeze|free_to|alloc_from)_(partial|cpu_partial)\w*$|^(check_(slab|object|bytes\w*|pad\w*)|on_freelist|free_consistency_checks|alloc_consistency_checks|free_debug_processing|alloc_debug_processing|object_err|set_track\w*|set_freepointer|get_freepointer\w*|init_object|setup_object\w*)$/,
      /^v(malloc|zalloc|calloc|realloc|free|map|unmap|iounmap)(_\w+)?$|^(vm_(map|unmap)_ram|alloc_vmap\w*|free_vmap\w*|purge_vmap\w*|remove_vm_area|vm_area_\w*alloc\w*|get_vm_area\w*|vmalloc\w*)$|^(pcpu|mempool|percpu_counter|dmam|dma_pool|devm_k\w+)_\w+$|^(alloc|free)_percpu\w*$|^devm_k\w+$|^dma_(alloc|free)_\w+$/,
      /^(alloc|free|get_free|put|get|prep|clear)_(frozen_)?(contig_)?(pages?|page_\w+|pages_\w+|zeroed_page|new_page|hugepage\w*|compound_\w+|unref\w*)$|^(alloc_(frozen_)?pages?|get_page_from_freelist|rmqueue\w*|post_alloc_hook|free_(unref|pcppages|pcp|one|tail)_\w*|bad_page|free_page_is_bad\w*|check_(free|new)_pages?\w*|page_frag_\w+|out_of_memory|oom_\w+|alloc_pages_\w+|free_pages\w*|free_reserved\w*|release_pages|warn_alloc\w*)$/,
      /^(should_fail\w*|fail_dump|should_failslab|kmemleak_\w+|create_object|delete_object\w*|depot_\w+|stack_depot\w*|page_owner\w*|set_page_owner\w*|reset_page_owner\w*)$/,
    ],
  },
  {
    rank: "helper",
    what: "pages and folios",
    reason: "the page is their caller's",
    names: [
      /^(v?m_?a?_?)?folio_(get|put|try_get|ref_|lock|unlock|trylock|alloc|add_lru|add_wait|mark|test|set|clear|end|flags|mapping|zero|batch|nr)\w*$|^folio(s)?_(put|get)\w*$|^(vma_alloc|filemap_(get|add|alloc|remove|unaccount))_folio\w*$|^filemap_(get|add|alloc)_\w*$/,
      /^(try_)?(get|put|lock|unlock|trylock)_page\w*$|^page_(counter|ref|to|mapping|cache|is|zone|add|remove|table_check|mapcount|size|dup)\w*$|^(pagecache_get_page|do_read_cache_(page|folio)|read_cache_page\w*|truncate_inode_pages(_final)?|find_(get|lock)_(page|entry|entries)\w*|grab_cache_page\w*|find_or_create_page|add_to_page_cache\w*|delete_from_page_cache\w*|unlock_page\w*|set_page_\w+|clear_page_\w+|PageHuge|compound_head|kmap\w*|kunmap\w*|mark_page_\w+|lru_(add|cache|note)\w*)$/,
    ],
  },
  {
    rank: "helper",
    what: "debugobjects, timers and work items",
    reason: "the object is their caller's",
    names: [
      /^(debug_(object|timer|work|hrtimer|rcu_head|print_object|assert_init|activate|deactivate)\w*|(timer|work|hrtimer|rcuhead|percpu_counter)_(is_static_object|fixup\w*)|lookup_object\w*|free_obj_work|fill_pool)$/,
      /^(mod|add|del|init|enqueue|detach|internal_add|do_init|schedule|try_to_del)_(singleshot_)?timer\w*$|^(mod_timer\w*|timer_(delete|shutdown|reduce|pending)\w*|detach_if_pending|hrtimer_(?!nanosleep)\w+|sk_(stop|reset)_timer\w*|timer_base\w*|get_timer_base\w*)$/,
      /^(queue|mod|schedule|flush|cancel|insert|drain|destroy|start_flush|delayed|enable|disable)_\w*(work|workqueue|delayed_work)(_\w+)?$|^(try_to_grab_pending|work_grab_pending|check_flush_dependency|touch_work_lockdep_map|insert_wq_barrier|alloc_workqueue\w*|flush_all_\w+)$|^kthread_(stop|park|unpark|flush|queue|cancel|create|destroy|should)\w*$/,
    ],
  },
  {
    rank: "helper",
    what: "accounting of memory cgroups, sections that use the FPU",
    reason: "what is counted or calculated is their caller's",
    names: [
      /^(count|mod|inc|dec)_(memcg|lruvec|objcg)_\w+$|^kernel_(fpu|neon)_(begin|end)\w*$/,
    ],
  },
  {
    rank: "helper",
    what: "socket buffers",
    reason: "the length or the lifetime of the buffer is their caller's",
    names: [
      /^p?skb_(?!\w*(?:datagram|segment|gso|flow|vlan|tunnel|checksum_help|splice))\w+$|^(alloc|build|napi_build|napi_alloc|netdev_alloc|dev_alloc|slab_build)_(napi_)?skb\w*$|^(dev_|napi_)?(k?free|consume)_skb\w*$|^k?free_skb\w*$|^(sk_skb_reason_drop|sock_(alloc_send|wmalloc|omalloc)\w*|pskb_trim\w*|copy_skb_header|netdev_alloc_frag\w*|napi_consume_skb|consume_skb|kfree_skbmem|csum_partial_ext)$/,
    ],
  },
  {
    rank: "helper",
    what: "driver core, sysfs and USB requests",
    reason: "the device is a driver's",
    names: [
      /^device_(add|del|unregister|register|destroy|release|create|remove_file|create_file|for_each_child|initialize)\w*$|^(get_device_parent|devres_release\w*|release_nodes|sysfs_(remove|create|add|do_create|warn_dup|delete)\w*|kernfs_(remove\w*|add_one|get|put)|add_uevent_var|klist_\w+|remove_files|internal_create_group|unregister_netdev\w*|rollback_registered\w*|tty_unregister_device|hwrng_unregister|i2c_del_adapter|unregister_client)$/,
      /^usb_(submit_urb|control_msg\w*|bulk_msg|interrupt_msg|start_wait_urb|internal_control_msg|kill_urb|kill_anchored_urbs|poison_\w*urb\w*|unlink_urb|free_urb|hcd_(submit|unlink|giveback)_urb)$|^dummy_urb_enqueue$/,
    ],
  },
];

/** Names whose rank is remembered; a log of lies may have any number of them. */
const REMEMBERED = 20_000;
const remembered = new Map<string, PassedOver | null>();

/** The entry that a function is passed over by; null for one that tells something. */
export function passedOverAs(plainName: string): PassedOver | null {
  const known = remembered.get(plainName);
  if (known !== undefined) return known;
  const bare = plainName.replace(/^_+/, "");
  const found = PASSED_OVER.find(({ names }) => names.some((name) => name.test(bare))) ?? null;
  if (remembered.size >= REMEMBERED) remembered.clear();
  remembered.set(plainName, found);
  return found;
}
