/* SPDX-License-Identifier: GPL-2.0-only */
/* Sections of remote coverage: where they run, and what runs in them. */
#ifndef KMATRIX_REMOTE_SECTION_H
#define KMATRIX_REMOTE_SECTION_H

#include <linux/types.h>

/* What a section compares its number with. The tests know it. */
#define KMATRIX_REMOTE_CHOSEN 0x52454d54

/* What runs in a section: a step for each octal digit of the number, as often as asked for. */
struct remote_work {
	u64 handle;
	u32 number;
	u32 repeat;
};

/* walk.c: one entry for each place, so that the tests can tell who ran. */
void remote_in_worker(const struct remote_work *work);
void remote_in_thread(const struct remote_work *work);
void remote_in_softirq(const struct remote_work *work);
void remote_in_hardirq(const struct remote_work *work);

/* Each runs one section to its end before it returns. */
int remote_run_worker(const struct remote_work *work);
int remote_run_thread(const struct remote_work *work);
/* In a softirq that this CPU serves over the calling task. */
int remote_run_softirq(const struct remote_work *work);
/* The same with the common handle that a softirq has: none, whatever the task below it has. */
int remote_run_softirq_common(const struct remote_work *work);
/* A hard interrupt over the calling task, which asks for a section and cannot have one. */
int remote_run_hardirq(const struct remote_work *work);
/* A worker's section, with one of a softirq over the middle of it. */
int remote_run_nested(const struct remote_work *outer, const struct remote_work *inner);
/* A softirq's section, with such a hard interrupt over the middle of it. */
int remote_run_interrupted(const struct remote_work *outer, const struct remote_work *inner);

/* Opens a section in a thread and runs it once; it stays open until remote_release(). */
int remote_hold(const struct remote_work *work);
int remote_release(void);

/* file.c: kcov_common_handle(), as a number on all kernels. */
u64 remote_common_handle(void);

int remote_sections_init(void);
void remote_sections_exit(void);

#endif
