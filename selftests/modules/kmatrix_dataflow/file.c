// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/kmatrix_dataflow/run takes a line: the name of a command and hexadecimal numbers,
 * with a blank between them. What it came to is in the file result beside it.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "dataflow.h"

#define MOST_BYTES 512
#define MOST_NUMBERS 16
/* What is between the fields of an object: who reads more than a field sees it. */
#define PADDING 0x5a

static struct dentry *folder;
static u64 result;

struct command {
	const char *name;
	/* At least so many numbers. */
	int wants;
	/* 0 or an error. What the function returned goes to *out, if it is of interest. */
	int (*run)(const u64 *n, int count, u64 *out);
};

/* ---- sums ---- */

#define SUM_COMMAND(name)						\
static int sum_##name(const u64 *n, int count, u64 *out)		\
{									\
	switch (count) {						\
	case 1:								\
		*out = df_##name##_1(n[0]);				\
		return 0;						\
	case 2:								\
		*out = df_##name##_2(n[0], n[1]);			\
		return 0;						\
	case 3:								\
		*out = df_##name##_3(n[0], n[1], n[2]);			\
		return 0;						\
	case 4:								\
		*out = df_##name##_4(n[0], n[1], n[2], n[3]);		\
		return 0;						\
	case 5:								\
		*out = df_##name##_5(n[0], n[1], n[2], n[3], n[4]);	\
		return 0;						\
	case 6:								\
		*out = df_##name##_6(n[0], n[1], n[2], n[3], n[4], n[5]); \
		return 0;						\
	case 7:								\
		*out = df_##name##_7(n[0], n[1], n[2], n[3], n[4], n[5], n[6]); \
		return 0;						\
	case 8:								\
		*out = df_##name##_8(n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]); \
		return 0;						\
	}								\
	return -EINVAL;							\
}

SUM_COMMAND(u8)
SUM_COMMAND(s8)
SUM_COMMAND(u16)
SUM_COMMAND(s16)
SUM_COMMAND(u32)
SUM_COMMAND(s32)
SUM_COMMAND(u64)
SUM_COMMAND(s64)
SUM_COMMAND(bool)

static int mixed(const u64 *n, int count, u64 *out)
{
	*out = df_mixed(n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]);
	return 0;
}

/* ---- pointers ---- */

static void fill_widths(struct df_widths *widths, const u64 *n)
{
	memset(widths, PADDING, sizeof(*widths));
	widths->a = n[0];
	widths->b = n[1];
	widths->c = n[2];
	widths->d = n[3];
	widths->e = n[4];
	widths->f = n[5];
	widths->g = n[6];
	widths->h = n[7];
	widths->i = n[8];
	widths->j = (void *)(unsigned long)n[9];
}

static struct df_widths *new_widths(const u64 *n)
{
	struct df_widths *widths = kmalloc(sizeof(*widths), GFP_KERNEL);

	if (widths)
		fill_widths(widths, n);
	return widths;
}

static int widths(const u64 *n, int count, u64 *out)
{
	struct df_widths *object = new_widths(n);

	if (!object)
		return -ENOMEM;
	*out = df_take_widths(object);
	kfree(object);
	return 0;
}

static int widths_typedef(const u64 *n, int count, u64 *out)
{
	struct df_widths *object = new_widths(n);

	if (!object)
		return -ENOMEM;
	*out = df_take_typedef(object);
	kfree(object);
	return 0;
}

/* Any address: none, an error, one of userspace. */
static int widths_at(const u64 *n, int count, u64 *out)
{
	*out = df_take_widths((const struct df_widths *)(unsigned long)n[0]);
	return 0;
}

/* The last n[0] bytes of a page that has none behind it. */
static int widths_edge(const u64 *n, int count, u64 *out)
{
	struct df_widths object;
	char *page = vmalloc(PAGE_SIZE);
	char *at;

	if (!page)
		return -ENOMEM;
	if (n[0] > sizeof(object)) {
		vfree(page);
		return -EINVAL;
	}
	fill_widths(&object, n + 1);
	at = page + PAGE_SIZE - n[0];
	memcpy(at, &object, n[0]);
	*out = df_take_widths((const struct df_widths *)at);
	vfree(page);
	return 0;
}

/* A page that was there. */
static int widths_freed(const u64 *n, int count, u64 *out)
{
	void *page = vmalloc(PAGE_SIZE);

	if (!page)
		return -ENOMEM;
	fill_widths(page, n);
	vfree(page);
	/* Or a CPU may still know where it was. */
	vm_unmap_aliases();
	*out = df_take_widths(page);
	return 0;
}

/* Memory that is still there, but not ours: nobody may complain, whatever is read. */
static int widths_slab(const u64 *n, int count, u64 *out)
{
	struct df_widths *object = new_widths(n);

	if (!object)
		return -ENOMEM;
	kfree(object);
	*out = df_take_widths(object);
	return 0;
}

static int outer(const u64 *n, int count, u64 *out)
{
	struct df_outer *object = kmalloc(sizeof(*object) + 8, GFP_KERNEL);

	if (!object)
		return -ENOMEM;
	memset(object, PADDING, sizeof(*object) + 8);
	object->before = n[0];
	object->inner.x = n[1];
	object->inner.y = n[2];
	object->inner.z = n[3];
	object->after = n[4];
	memcpy(object->name, n + 5, sizeof(object->name));
	object->any.wide = n[7];
	object->count = n[8];
	*out = df_take_outer(object);
	kfree(object);
	return 0;
}

static int bits(const u64 *n, int count, u64 *out)
{
	struct df_bits *object = kmalloc(sizeof(*object), GFP_KERNEL);

	if (!object)
		return -ENOMEM;
	BUILD_BUG_ON(sizeof(*object) != 2 * sizeof(*n));
	memcpy(object, n, sizeof(*object));
	*out = df_take_bits(object);
	kfree(object);
	return 0;
}

/* The fields rise by one from n[0] on. */
static int many(const u64 *n, int count, u64 *out)
{
	u64 *object = kmalloc_array(DF_MANY, sizeof(*object), GFP_KERNEL);
	int at;

	BUILD_BUG_ON(sizeof(struct df_many) != DF_MANY * sizeof(*object));
	if (!object)
		return -ENOMEM;
	for (at = 0; at < DF_MANY; at++)
		object[at] = n[0] + at;
	*out = df_take_many((const struct df_many *)object);
	kfree(object);
	return 0;
}

/* Three kinds of structures in one call; the one in the middle is n[2] and n[3] as they are. */
static int three(const u64 *n, int count, u64 *out)
{
	struct df_two two = { .a = n[0], .b = n[1] };
	struct df_bits raw;
	struct df_halves halves = { .a = n[5], .b = n[6] };

	memcpy(&raw, n + 2, sizeof(raw));
	*out = df_take_three(&two, n[4], &raw, &halves);
	return 0;
}

static int pointers(const u64 *n, int count, u64 *out)
{
	*out = df_take_pointers((void *)(unsigned long)n[0], (const char *)(unsigned long)n[1],
				(struct df_widths **)(unsigned long)n[2],
				(u64 (*)(void))(unsigned long)n[3],
				(struct df_opaque *)(unsigned long)n[4]);
	return 0;
}

/* n[10] takes the place of e. */
static int give(const u64 *n, int count, u64 *out)
{
	struct df_widths *object = new_widths(n);

	if (!object)
		return -ENOMEM;
	*out = (unsigned long)df_give_widths(object, n[10]);
	kfree(object);
	return 0;
}

static int give_error(const u64 *n, int count, u64 *out)
{
	*out = (unsigned long)df_give_error(n[0]);
	return 0;
}

/* ---- structures by value ---- */

static int two(const u64 *n, int count, u64 *out)
{
	*out = df_in_two_registers((struct df_two){ n[0], n[1] }, n[2]);
	return 0;
}

static int halves(const u64 *n, int count, u64 *out)
{
	*out = df_in_one_register((struct df_halves){ n[0], n[1] }, n[2]);
	return 0;
}

static int uneven(const u64 *n, int count, u64 *out)
{
	*out = df_in_uneven_registers(n[0], (struct df_uneven){ n[1], n[2] }, n[3]);
	return 0;
}

static int big(const u64 *n, int count, u64 *out)
{
	*out = df_on_the_stack(n[0], (struct df_big){ n[1], n[2], n[3], n[4] }, n[5]);
	return 0;
}

static int memory(const u64 *n, int count, u64 *out)
{
	struct df_big made = df_through_memory(n[0], n[1]);

	*out = made.a + made.b + made.c + made.d;
	return 0;
}

static int pair(const u64 *n, int count, u64 *out)
{
	struct df_two made = df_pair(n[0], n[1]);

	*out = made.a * 3 + made.b;
	return 0;
}

static int uneven_pair(const u64 *n, int count, u64 *out)
{
	struct df_uneven made = df_uneven_pair(n[0], n[1]);

	*out = made.a * 3 + made.b;
	return 0;
}

static int one_register(const u64 *n, int count, u64 *out)
{
	struct df_halves made = df_one_register(n[0], n[1]);

	*out = (u64)made.a * 3 + made.b;
	return 0;
}

/* ---- calls ---- */

static int nothing(const u64 *n, int count, u64 *out)
{
	df_nothing();
	return 0;
}

static int call_void(const u64 *n, int count, u64 *out)
{
	df_void(n[0], n[1]);
	return 0;
}

static int returns(const u64 *n, int count, u64 *out)
{
	*out = df_returns(n[0]);
	return 0;
}

static int error(const u64 *n, int count, u64 *out)
{
	*out = df_error(n[0]);
	return 0;
}

static int unused(const u64 *n, int count, u64 *out)
{
	*out = df_unused(n[0], n[1], n[2]);
	return 0;
}

static int unused_static(const u64 *n, int count, u64 *out)
{
	*out = df_calls_static(n[0], n[1], n[2]);
	return 0;
}

static int unused_global(const u64 *n, int count, u64 *out)
{
	*out = df_calls_global(n[0], n[1], n[2]);
	return 0;
}

static int constant(const u64 *n, int count, u64 *out)
{
	*out = df_calls_constant(n[0]);
	return 0;
}

static int variadic(const u64 *n, int count, u64 *out)
{
	*out = df_variadic(n[0], n[1], n[2]);
	return 0;
}

static int ping(const u64 *n, int count, u64 *out)
{
	*out = df_ping(n[0]);
	return 0;
}

static int tail(const u64 *n, int count, u64 *out)
{
	*out = df_tail(n[0]);
	return 0;
}

static int must(const u64 *n, int count, u64 *out)
{
	*out = df_must(n[0]);
	return 0;
}

/* All that leave no record, and one that does; the result is how many of the others ran. */
static int left_out(const u64 *n, int count, u64 *out)
{
	u32 before = READ_ONCE(df_silent_runs);

	df_noinstr(n[0]);
	df_no_coverage(n[0]);
	df_no_sanitizers(n[0]);
	df_quiet(n[0]);
	df_silent(n[0]);
	df_step(n[0]);
	*out = READ_ONCE(df_silent_runs) - before;
	return 0;
}

/* ---- contexts ---- */

/* n[0] times; then one in the task itself. */
static int hardirq(const u64 *n, int count, u64 *out)
{
	u32 before = READ_ONCE(df_silent_runs);
	u64 turn;
	int failed = 0;

	for (turn = 0; turn < n[0] && !failed; turn++)
		failed = df_run_hardirq(turn);
	df_step(n[0]);
	*out = READ_ONCE(df_silent_runs) - before;
	return failed;
}

static int softirq(const u64 *n, int count, u64 *out)
{
	u32 before = READ_ONCE(df_silent_runs);
	u64 turn;
	int failed = 0;

	for (turn = 0; turn < n[0] && !failed; turn++)
		failed = df_run_softirq(turn);
	df_step(n[0]);
	*out = READ_ONCE(df_silent_runs) - before;
	return failed;
}

static int timer(const u64 *n, int count, u64 *out)
{
	*out = df_run_timer(n[0]);
	return 0;
}

static int atomic(const u64 *n, int count, u64 *out)
{
	df_run_atomic(n[0]);
	return 0;
}

/* ---- long stretches, and a ring at its end ---- */

/* df_step(n[1]), df_step(n[1] + 1), …: n[0] times. */
static int loop(const u64 *n, int count, u64 *out)
{
	u64 step;

	for (step = 0; step < n[0]; step++)
		*out = df_step(n[1] + step);
	return 0;
}

/*
 * Word 0 of a ring, at n[0], becomes n[1], then df_step() runs n[3] times; the result is what word 0
 * has become. Then it becomes n[2], so that what this call itself leaves on its way back does no harm.
 */
static int ring(const u64 *n, int count, u64 *out)
{
	u64 __user *word = (u64 __user *)(unsigned long)n[0];
	u64 step;

	if (put_user(n[1], word))
		return -EFAULT;
	for (step = 0; step < n[3]; step++)
		df_step(step);
	if (get_user(*out, word) || put_user(n[2], word))
		return -EFAULT;
	return 0;
}

/* The same, and once more from an empty ring before the result is taken. */
static int ring_gap(const u64 *n, int count, u64 *out)
{
	u64 __user *word = (u64 __user *)(unsigned long)n[0];
	u64 step;

	if (put_user(n[1], word))
		return -EFAULT;
	for (step = 0; step < n[3]; step++)
		df_step(step);
	if (put_user(0, word))
		return -EFAULT;
	df_step(n[3]);
	if (get_user(*out, word) || put_user(n[2], word))
		return -EFAULT;
	return 0;
}

/*
 * The same as ring around one call with a structure of ten fields. The ring is full before the
 * allocator, which may be recorded, gets the structure back.
 */
static int ring_widths(const u64 *n, int count, u64 *out)
{
	static const u64 numbers[] = { 1, 2, 3, 4, 5, 6, 7, 8, 1, 10 };
	u64 __user *word = (u64 __user *)(unsigned long)n[0];
	struct df_widths *object = new_widths(numbers);
	int failed = object ? put_user(n[1], word) : -ENOMEM;

	if (!failed) {
		df_take_widths(object);
		failed = get_user(*out, word);
	}
	if (!failed)
		failed = put_user(n[2], word);
	kfree(object);
	return failed;
}

static const struct command commands[] = {
	{ "u8", 1, sum_u8 },
	{ "s8", 1, sum_s8 },
	{ "u16", 1, sum_u16 },
	{ "s16", 1, sum_s16 },
	{ "u32", 1, sum_u32 },
	{ "s32", 1, sum_s32 },
	{ "u64", 1, sum_u64 },
	{ "s64", 1, sum_s64 },
	{ "bool", 1, sum_bool },
	{ "mixed", 8, mixed },
	{ "widths", 10, widths },
	{ "widths_typedef", 10, widths_typedef },
	{ "widths_at", 1, widths_at },
	{ "widths_edge", 11, widths_edge },
	{ "widths_freed", 10, widths_freed },
	{ "widths_slab", 10, widths_slab },
	{ "outer", 9, outer },
	{ "bits", 2, bits },
	{ "many", 1, many },
	{ "three", 7, three },
	{ "pointers", 5, pointers },
	{ "give", 11, give },
	{ "give_error", 1, give_error },
	{ "two", 3, two },
	{ "halves", 3, halves },
	{ "uneven", 4, uneven },
	{ "big", 6, big },
	{ "memory", 2, memory },
	{ "pair", 2, pair },
	{ "uneven_pair", 2, uneven_pair },
	{ "one_register", 2, one_register },
	{ "nothing", 0, nothing },
	{ "void", 2, call_void },
	{ "returns", 1, returns },
	{ "error", 1, error },
	{ "unused", 3, unused },
	{ "unused_static", 3, unused_static },
	{ "unused_global", 3, unused_global },
	{ "constant", 1, constant },
	{ "variadic", 3, variadic },
	{ "ping", 1, ping },
	{ "tail", 1, tail },
	{ "must", 1, must },
	{ "left_out", 1, left_out },
	{ "hardirq", 1, hardirq },
	{ "softirq", 1, softirq },
	{ "timer", 1, timer },
	{ "atomic", 1, atomic },
	{ "loop", 2, loop },
	{ "ring", 4, ring },
	{ "ring_gap", 4, ring_gap },
	{ "ring_widths", 3, ring_widths },
};

static int perform(char *line)
{
	const char *name = strsep(&line, " ");
	u64 numbers[MOST_NUMBERS];
	u64 out = 0;
	int count = 0;
	size_t at;
	char *text;
	int failed;

	while ((text = strsep(&line, " "))) {
		if (count == MOST_NUMBERS || kstrtoull(text, 16, &numbers[count]))
			return -EINVAL;
		count++;
	}
	for (at = 0; at < ARRAY_SIZE(commands); at++) {
		if (strcmp(name, commands[at].name))
			continue;
		if (count < commands[at].wants)
			return -EINVAL;
		failed = commands[at].run(numbers, count, &out);
		WRITE_ONCE(result, out);
		return failed;
	}
	return -ENOENT;
}

static ssize_t dataflow_write(struct file *opened, const char __user *text, size_t length,
			      loff_t *at)
{
	char *line;
	int failed;

	if (length >= MOST_BYTES)
		return -EINVAL;
	line = memdup_user_nul(text, length);
	if (IS_ERR(line))
		return PTR_ERR(line);
	failed = perform(line);
	kfree(line);
	return failed ? failed : length;
}

static const struct file_operations dataflow_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = dataflow_write,
};

int df_files_create(void)
{
	struct dentry *file;

	folder = debugfs_create_dir("kmatrix_dataflow", NULL);
	if (IS_ERR(folder))
		return PTR_ERR(folder);
	debugfs_create_x64("result", 0400, folder, &result);
	file = debugfs_create_file("run", 0200, folder, NULL, &dataflow_fops);
	if (IS_ERR(file))
		debugfs_remove(folder);
	return PTR_ERR_OR_ZERO(file);
}

void df_files_remove(void)
{
	debugfs_remove(folder);
}
