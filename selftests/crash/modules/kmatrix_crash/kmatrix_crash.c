// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ways to die: a name that is written to /sys/kernel/debug/kmatrix_crash does to this kernel what it
 * says. One function a crash, noinline and with a telling name, so that the report has to name it.
 */
#include <linux/bug.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/desc.h>

/*
 * A little longer than the detectors take, at the limits that the tests set. That of lockups counts
 * in units of 2^30 ns and wants three begun ones to be over; it looks, and is reset, every 0.4 s.
 */
#define LOCKUP_SECONDS 5
#define STALL_SECONDS 4

static struct dentry *file;
/* A function that is certain to end in printk() or panic() would be cold, in a section of its own. */
static bool wanted = true;

static noinline void kmatrix_crash_null_deref(void)
{
	int *nothing = NULL;

	OPTIMIZER_HIDE_VAR(nothing);
	WRITE_ONCE(*nothing, 1);
}

static noinline void kmatrix_crash_bad_pointer(void)
{
	int *nowhere = (int *)0x6b6d617472697800;	/* not canonical */

	OPTIMIZER_HIDE_VAR(nowhere);
	WRITE_ONCE(*nowhere, 1);
}

static noinline void kmatrix_crash_bug(void)
{
	BUG();
}

static noinline void kmatrix_crash_warn(void)
{
	WARN(1, "kmatrix_crash warns\n");
}

static noinline void kmatrix_crash_panic(void)
{
	if (READ_ONCE(wanted))
		panic("kmatrix_crash panics");
}

static noinline void kmatrix_crash_out_of_bounds(void)
{
	char *object = kmalloc(40, GFP_KERNEL);

	if (!object)
		return;
	OPTIMIZER_HIDE_VAR(object);
	WRITE_ONCE(object[40], 1);
	kfree(object);
}

static noinline void kmatrix_crash_use_after_free(void)
{
	char *object = kmalloc(40, GFP_KERNEL);

	if (!object)
		return;
	kfree(object);
	OPTIMIZER_HIDE_VAR(object);
	WRITE_ONCE(object[8], 1);
}

/* What is left to do behind the call keeps it from becoming a jump. */
static noinline int kmatrix_crash_stack_overflow(int depth)
{
	volatile char frame[512];

	if (depth == INT_MAX)
		return 0;
	frame[depth & 511] = depth;
	return kmatrix_crash_stack_overflow(depth + 1) + frame[(depth + 1) & 511];
}

static void overflow_stack(void)
{
	kmatrix_crash_stack_overflow(0);
}

static noinline void kmatrix_crash_stack_smash(void)
{
	char buffer[16];
	char *at = buffer;

	OPTIMIZER_HIDE_VAR(at);
	memset(at, 0x6b, 48);
	OPTIMIZER_HIDE_VAR(at);
}

static noinline void kmatrix_crash_list_corruption(void)
{
	LIST_HEAD(list);
	struct list_head entry;

	list_add(&entry, &list);
	entry.next = NULL;
	list_del(&entry);
}

static noinline void kmatrix_crash_sleep_in_atomic(void)
{
	preempt_disable();
	msleep(1);
	/* No preempt_enable(): the scheduler has set the count back. Keeps this frame, too. */
	barrier();
}

/* By both clocks that the detectors go by: in a starved guest one runs ahead of the other. */
static __always_inline void spin(unsigned int seconds)
{
	unsigned long end = jiffies + seconds * HZ;
	u64 end_ns = local_clock() + seconds * NSEC_PER_SEC;

	while (time_before(jiffies, end) || local_clock() < end_ns)
		cpu_relax();
}

static noinline void kmatrix_crash_soft_lockup(void)
{
	preempt_disable();
	spin(LOCKUP_SECONDS);
	preempt_enable();
}

/*
 * Other tasks run meanwhile, and one of them waits for a grace period. One that has begun before the
 * test set its limit has an older one, and is over first; the one that is asked for waits for nobody
 * who comes after its beginning, and whoever asks may be preempted at once.
 */
static noinline void kmatrix_crash_rcu_stall(void)
{
	synchronize_rcu();
	rcu_read_lock();
	start_poll_synchronize_rcu();
	spin(STALL_SECONDS);
	rcu_read_unlock();
}

static noinline void kmatrix_crash_sleep_forever(void)
{
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		schedule();
	}
}

static noinline void kmatrix_crash_endless_printk(void)
{
	unsigned long line;

	for (line = 0; READ_ONCE(wanted); line++)
		pr_notice("line %lu of a kernel that does not stop talking\n", line);
}

/* Without handlers the first exception has no way out: the CPU shuts down, the machine resets. */
static noinline void kmatrix_crash_triple_fault(void)
{
	static const struct desc_ptr no_handlers;

	local_irq_disable();
	native_load_idt(&no_handlers);
	asm volatile("int3");
}

static const struct {
	const char *name;
	void (*run)(void);
} crashes[] = {
	{ "null_deref", kmatrix_crash_null_deref },
	{ "bad_pointer", kmatrix_crash_bad_pointer },
	{ "bug", kmatrix_crash_bug },
	{ "warn", kmatrix_crash_warn },
	{ "panic", kmatrix_crash_panic },
	{ "out_of_bounds", kmatrix_crash_out_of_bounds },
	{ "use_after_free", kmatrix_crash_use_after_free },
	{ "stack_overflow", overflow_stack },
	{ "stack_smash", kmatrix_crash_stack_smash },
	{ "list_corruption", kmatrix_crash_list_corruption },
	{ "sleep_in_atomic", kmatrix_crash_sleep_in_atomic },
	{ "soft_lockup", kmatrix_crash_soft_lockup },
	{ "rcu_stall", kmatrix_crash_rcu_stall },
	{ "sleep_forever", kmatrix_crash_sleep_forever },
	{ "endless_printk", kmatrix_crash_endless_printk },
	{ "triple_fault", kmatrix_crash_triple_fault },
};

static ssize_t crash_write(struct file *unused, const char __user *text, size_t size, loff_t *at)
{
	char name[32] = {};
	int i;

	if (size >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, text, size))
		return -EFAULT;
	for (i = 0; i < ARRAY_SIZE(crashes); i++) {
		if (strcmp(name, crashes[i].name))
			continue;
		crashes[i].run();
		return size;
	}
	return -EINVAL;
}

static const struct file_operations crash_fops = {
	.owner = THIS_MODULE,
	.write = crash_write,
};

static int __init crash_init(void)
{
	file = debugfs_create_file("kmatrix_crash", 0200, NULL, NULL, &crash_fops);
	return PTR_ERR_OR_ZERO(file);
}

static void __exit crash_exit(void)
{
	debugfs_remove(file);
}

module_init(crash_init);
module_exit(crash_exit);
MODULE_DESCRIPTION("Ways for a kernel to die, for the tests of kmatrix's verdicts");
MODULE_LICENSE("GPL");
