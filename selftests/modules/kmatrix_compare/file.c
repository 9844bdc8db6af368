// SPDX-License-Identifier: GPL-2.0-only
/* /sys/kernel/debug/kmatrix_compare takes two hexadecimal numbers and compares them (compare.c). */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "compare.h"

#define MOST_BYTES 64

static struct dentry *file;
static u32 result;

static ssize_t compare_write(struct file *opened, const char __user *text, size_t length,
			     loff_t *at)
{
	u64 one, two;
	char *line;
	int read;

	if (length >= MOST_BYTES)
		return -EINVAL;
	line = memdup_user_nul(text, length);
	if (IS_ERR(line))
		return PTR_ERR(line);
	read = sscanf(line, "%llx %llx", &one, &two);
	kfree(line);
	if (read != 2)
		return -EINVAL;
	WRITE_ONCE(result, kmatrix_compare(one, two));
	return length;
}

static const struct file_operations compare_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = compare_write,
};

static int __init compare_init(void)
{
	file = debugfs_create_file("kmatrix_compare", 0200, NULL, NULL, &compare_fops);
	return PTR_ERR_OR_ZERO(file);
}

static void __exit compare_exit(void)
{
	debugfs_remove(file);
}

module_init(compare_init);
module_exit(compare_exit);
MODULE_DESCRIPTION("Comparisons of every width for the KCOV tests of kmatrix");
MODULE_LICENSE("GPL");
