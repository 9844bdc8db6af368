// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module to be loaded, run, unloaded and loaded again by the tests: /sys/kernel/debug/kmatrix_target
 * takes a number, walks over it (walk.c), and gives the result back.
 *
 * Every function is noinline, so that the tests can name it.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/module.h>

#include "walk.h"

static struct dentry *file;
static u32 result;

/*
 * Static, with a jump table, and of the same name as the one in walk.c: two .text.step and two
 * .rodata.step where each function has sections of its own.
 */
static noinline void step(u32 number)
{
	u32 sum = kmatrix_walk(number);

	switch (number & 7) {
	case 0:
		result = sum;
		break;
	case 1:
		result = sum + 11;
		break;
	case 2:
		result = sum * 5;
		break;
	case 3:
		result = sum ^ 0xaa;
		break;
	case 4:
		result = sum - 3;
		break;
	case 5:
		result = sum >> 2;
		break;
	default:
		result = ~sum;
	}
}

static noinline int target_set(void *data, u64 number)
{
	if (number > U32_MAX)
		return -ERANGE;
	step(number);
	return 0;
}

static noinline int target_get(void *data, u64 *number)
{
	*number = result;
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(target_fops, target_get, target_set, "%llu\n");

/* More than one function of each kind: a section group of its own for each in a KCOV_UNIQUE kernel. */
static noinline void __init target_reset(void)
{
	result = 0;
}

static noinline int __init target_create(void)
{
	file = debugfs_create_file("kmatrix_target", 0600, NULL, NULL, &target_fops);
	return PTR_ERR_OR_ZERO(file);
}

static int __init target_init(void)
{
	target_reset();
	return target_create();
}

static noinline void __exit target_remove(void)
{
	debugfs_remove(file);
}

static noinline void __exit target_forget(void)
{
	file = NULL;
}

static void __exit target_exit(void)
{
	target_remove();
	target_forget();
}

module_init(target_init);
module_exit(target_exit);
MODULE_DESCRIPTION("Code for the KCOV tests of kmatrix to run");
MODULE_LICENSE("GPL");
