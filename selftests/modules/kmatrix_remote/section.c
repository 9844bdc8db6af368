// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sections of remote coverage in the contexts that drivers have them in: a worker, a thread of its
 * own, a softirq, and a softirq over a worker that has a section open itself. And what drivers must not
 * do and KCOV has to withstand: a section in a hard interrupt.
 */
#include <linux/bottom_half.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/kcov.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "section.h"

static struct workqueue_struct *queue;

struct worker_section {
	struct work_struct work;
	const struct remote_work *outer;
	/* NULL where nothing comes over it. */
	const struct remote_work *inner;
	int error;
};

struct softirq_section {
	struct tasklet_struct tasklet;
	const struct remote_work *work;
	/* Comes over the middle of it, where it is not NULL. */
	const struct remote_work *interrupt;
	/* Whether the handle is the one that kcov_common_handle() gives in the softirq. */
	bool common;
	bool ran;
	int error;
};

struct hardirq_section {
	struct irq_work irq;
	const struct remote_work *work;
	bool ran;
};

static void hardirq_body(struct irq_work *irq)
{
	struct hardirq_section *section = container_of(irq, struct hardirq_section, irq);

	section->ran = in_hardirq();
	kcov_remote_start(section->work->handle);
	remote_in_hardirq(section->work);
	kcov_remote_stop();
}

int remote_run_hardirq(const struct remote_work *work)
{
	struct hardirq_section section = { .work = work };

	section.irq = IRQ_WORK_INIT_HARD(hardirq_body);
	irq_work_queue(&section.irq);
	/* irq_work_sync() may sleep, which a softirq may not. */
	while (irq_work_is_busy(&section.irq))
		cpu_relax();
	return section.ran ? 0 : -EIO;
}

static void softirq_body(struct tasklet_struct *tasklet)
{
	struct softirq_section *section = from_tasklet(section, tasklet, tasklet);

	kcov_remote_start(section->common ? remote_common_handle() : section->work->handle);
	remote_in_softirq(section->work);
	if (section->interrupt) {
		section->error = remote_run_hardirq(section->interrupt);
		remote_in_softirq(section->work);
	}
	kcov_remote_stop();
	section->ran = true;
}

/*
 * The softirq runs where bottom halves come back on, over this very task. A kernel that leaves it to
 * its own thread instead (PREEMPT_RT, or a softirq that came meanwhile) is waited for, and told.
 */
static int run_softirq(struct softirq_section *section)
{
	tasklet_setup(&section->tasklet, softirq_body);
	local_bh_disable();
	tasklet_schedule(&section->tasklet);
	local_bh_enable();
	tasklet_kill(&section->tasklet);
	return section->ran ? section->error : -EIO;
}

int remote_run_softirq(const struct remote_work *work)
{
	struct softirq_section section = { .work = work };

	return run_softirq(&section);
}

int remote_run_softirq_common(const struct remote_work *work)
{
	struct softirq_section section = { .work = work, .common = true };

	return run_softirq(&section);
}

int remote_run_interrupted(const struct remote_work *outer, const struct remote_work *inner)
{
	struct softirq_section section = { .work = outer, .interrupt = inner };

	return run_softirq(&section);
}

static void worker_body(struct work_struct *work)
{
	struct worker_section *section = container_of(work, struct worker_section, work);

	kcov_remote_start(section->outer->handle);
	remote_in_worker(section->outer);
	if (section->inner) {
		section->error = remote_run_softirq(section->inner);
		remote_in_worker(section->outer);
	}
	kcov_remote_stop();
}

int remote_run_nested(const struct remote_work *outer, const struct remote_work *inner)
{
	struct worker_section section = { .outer = outer, .inner = inner };

	INIT_WORK_ONSTACK(&section.work, worker_body);
	queue_work(queue, &section.work);
	flush_work(&section.work);
	destroy_work_on_stack(&section.work);
	return section.error;
}

int remote_run_worker(const struct remote_work *work)
{
	return remote_run_nested(work, NULL);
}

struct thread_section {
	struct remote_work work;
	/* Whether it stays open until it is released. */
	bool held;
	struct completion open;
	struct completion release;
	struct completion done;
};

static int thread_body(void *data)
{
	struct thread_section *section = data;

	kcov_remote_start(section->work.handle);
	remote_in_thread(&section->work);
	if (section->held) {
		complete(&section->open);
		wait_for_completion(&section->release);
		remote_in_thread(&section->work);
	}
	kcov_remote_stop();
	complete(&section->done);
	return 0;
}

static int run_thread(struct thread_section *section, const struct remote_work *work, bool held)
{
	struct task_struct *thread;

	section->work = *work;
	section->held = held;
	init_completion(&section->open);
	init_completion(&section->release);
	init_completion(&section->done);
	thread = kthread_run(thread_body, section, "kmatrix_remote");
	return PTR_ERR_OR_ZERO(thread);
}

int remote_run_thread(const struct remote_work *work)
{
	struct thread_section section;
	int error = run_thread(&section, work, false);

	if (error)
		return error;
	wait_for_completion(&section.done);
	return 0;
}

/* One at a time. */
static DEFINE_MUTEX(held_lock);
static struct thread_section held_section;
static bool is_held;

int remote_hold(const struct remote_work *work)
{
	int error = -EBUSY;

	mutex_lock(&held_lock);
	if (!is_held) {
		error = run_thread(&held_section, work, true);
		is_held = !error;
	}
	mutex_unlock(&held_lock);
	if (!error)
		wait_for_completion(&held_section.open);
	return error;
}

int remote_release(void)
{
	int error = -ENOENT;

	mutex_lock(&held_lock);
	if (is_held) {
		complete(&held_section.release);
		wait_for_completion(&held_section.done);
		is_held = false;
		error = 0;
	}
	mutex_unlock(&held_lock);
	return error;
}

int remote_sections_init(void)
{
	queue = alloc_workqueue("kmatrix_remote", WQ_UNBOUND, 0);
	return queue ? 0 : -ENOMEM;
}

void remote_sections_exit(void)
{
	remote_release();
	destroy_workqueue(queue);
}
