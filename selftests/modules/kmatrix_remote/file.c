// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/kmatrix_remote takes a line that says where a section of remote coverage runs, with
 * which handle, and what it does:
 *
 *     worker|thread|softirq|hardirq|hold HANDLE NUMBER REPEAT
 *     common NUMBER REPEAT            a worker, with the common handle of the writing task
 *     common_softirq NUMBER REPEAT    a softirq over that task, with the one it has there: none
 *     nested HANDLE NUMBER REPEAT INNER_HANDLE INNER_NUMBER INNER_REPEAT
 *     interrupted, with the same      a softirq, with a hard interrupt over the middle of it
 *     release                         of the section that hold left open
 *
 * HANDLE is hexadecimal. write(2) returns when the section has ended; of hold, when it is open.
 */
#include <linux/build_bug.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kcov.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "section.h"

#define MOST_BYTES 256

static struct dentry *file;

/* A number in older kernels, a structure around it in newer ones. */
u64 remote_common_handle(void)
{
	typeof(kcov_common_handle()) id = kcov_common_handle();
	u64 handle;

	BUILD_BUG_ON(sizeof(id) != sizeof(handle));
	memcpy(&handle, &id, sizeof(handle));
	return handle;
}

static int perform(const char *line)
{
	struct remote_work work, inner;
	char where[16];

	if (!strcmp(line, "release"))
		return remote_release();
	if (sscanf(line, "common %u %u", &work.number, &work.repeat) == 2) {
		work.handle = remote_common_handle();
		return remote_run_worker(&work);
	}
	if (sscanf(line, "common_softirq %u %u", &work.number, &work.repeat) == 2)
		return remote_run_softirq_common(&work);
	if (sscanf(line, "interrupted %llx %u %u %llx %u %u", &work.handle, &work.number,
		   &work.repeat, &inner.handle, &inner.number, &inner.repeat) == 6)
		return remote_run_interrupted(&work, &inner);
	if (sscanf(line, "nested %llx %u %u %llx %u %u", &work.handle, &work.number, &work.repeat,
		   &inner.handle, &inner.number, &inner.repeat) == 6)
		return remote_run_nested(&work, &inner);
	if (sscanf(line, "%15s %llx %u %u", where, &work.handle, &work.number, &work.repeat) != 4)
		return -EINVAL;
	if (!strcmp(where, "worker"))
		return remote_run_worker(&work);
	if (!strcmp(where, "thread"))
		return remote_run_thread(&work);
	if (!strcmp(where, "softirq"))
		return remote_run_softirq(&work);
	if (!strcmp(where, "hardirq"))
		return remote_run_hardirq(&work);
	if (!strcmp(where, "hold"))
		return remote_hold(&work);
	return -EINVAL;
}

static ssize_t remote_write(struct file *opened, const char __user *text, size_t length, loff_t *at)
{
	char *line;
	int error;

	if (length >= MOST_BYTES)
		return -EINVAL;
	line = memdup_user_nul(text, length);
	if (IS_ERR(line))
		return PTR_ERR(line);
	error = perform(strim(line));
	kfree(line);
	return error ? error : length;
}

static const struct file_operations remote_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = remote_write,
};

static int __init remote_init(void)
{
	int error = remote_sections_init();

	if (error)
		return error;
	file = debugfs_create_file("kmatrix_remote", 0200, NULL, NULL, &remote_fops);
	if (IS_ERR(file))
		remote_sections_exit();
	return PTR_ERR_OR_ZERO(file);
}

static void __exit remote_exit(void)
{
	debugfs_remove(file);
	remote_sections_exit();
}

module_init(remote_init);
module_exit(remote_exit);
MODULE_DESCRIPTION("Sections of remote coverage for the KCOV tests of kmatrix");
MODULE_LICENSE("GPL");
