// SPDX-License-Identifier: GPL-2.0-only
/* Runs functions over the calling task, and where nothing may sleep. */
#include <linux/bottom_half.h>
#include <linux/errno.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/preempt.h>
#include <linux/processor.h>
#include <linux/version.h>

#include "dataflow.h"

#define PERIOD_NS 100000

struct hardirq_work {
	struct irq_work irq;
	u32 number;
	bool ran;
};

static void hardirq_body(struct irq_work *irq)
{
	struct hardirq_work *work = container_of(irq, struct hardirq_work, irq);

	work->ran = in_hardirq();
	df_in_hardirq(work->number);
}

int df_run_hardirq(u32 number)
{
	struct hardirq_work work = { .number = number };

	work.irq = IRQ_WORK_INIT_HARD(hardirq_body);
	irq_work_queue(&work.irq);
	while (irq_work_is_busy(&work.irq))
		cpu_relax();
	return work.ran ? 0 : -EIO;
}

struct softirq_work {
	struct tasklet_struct tasklet;
	struct task_struct *task;
	u32 number;
	bool ran;
};

static void softirq_body(struct tasklet_struct *tasklet)
{
	struct softirq_work *work = from_tasklet(work, tasklet, tasklet);

	work->ran = in_serving_softirq() && current == work->task;
	df_in_softirq(work->number);
}

/* The softirq runs where bottom halves come back on, over this very task. */
int df_run_softirq(u32 number)
{
	struct softirq_work work = { .task = current, .number = number };

	tasklet_setup(&work.tasklet, softirq_body);
	local_bh_disable();
	tasklet_schedule(&work.tasklet);
	local_bh_enable();
	tasklet_kill(&work.tasklet);
	return work.ran ? 0 : -EIO;
}

struct timer_work {
	struct hrtimer timer;
	u32 times;
};

static enum hrtimer_restart timer_body(struct hrtimer *timer)
{
	struct timer_work *work = container_of(timer, struct timer_work, timer);

	df_in_timer(++work->times);
	hrtimer_forward_now(timer, ns_to_ktime(PERIOD_NS));
	return HRTIMER_RESTART;
}

u32 df_run_timer(u32 steps)
{
	const enum hrtimer_mode mode = HRTIMER_MODE_REL_PINNED_HARD;
	struct timer_work work = {};
	u32 step;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup_on_stack(&work.timer, timer_body, CLOCK_MONOTONIC, mode);
#else
	hrtimer_init_on_stack(&work.timer, CLOCK_MONOTONIC, mode);
	work.timer.function = timer_body;
#endif
	hrtimer_start(&work.timer, ns_to_ktime(PERIOD_NS), mode);
	for (step = 0; step < steps; step++)
		df_step(step);
	hrtimer_cancel(&work.timer);
	destroy_hrtimer_on_stack(&work.timer);
	return work.times;
}

void df_run_atomic(u32 number)
{
	unsigned long flags;

	local_irq_save(flags);
	df_step(number);
	local_irq_restore(flags);
	preempt_disable();
	df_step(number + 1);
	preempt_enable();
	local_bh_disable();
	df_step(number + 2);
	local_bh_enable();
}
