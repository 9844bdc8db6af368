/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions whose arguments and return values the tests know. Each is noinline, and called from
 * another file than its own where nothing else is said, so that it is as the source has it.
 */
#ifndef KMATRIX_DATAFLOW_H
#define KMATRIX_DATAFLOW_H

#include <linux/types.h>

/* ---- sums.c: one to eight arguments of a type, which return their sum in that type ---- */

#define DECLARE_SUMS(name, type)					\
type df_##name##_1(type a);						\
type df_##name##_2(type a, type b);					\
type df_##name##_3(type a, type b, type c);				\
type df_##name##_4(type a, type b, type c, type d);			\
type df_##name##_5(type a, type b, type c, type d, type e);		\
type df_##name##_6(type a, type b, type c, type d, type e, type f);	\
type df_##name##_7(type a, type b, type c, type d, type e, type f, type g); \
type df_##name##_8(type a, type b, type c, type d, type e, type f, type g, type h)

DECLARE_SUMS(u8, u8);
DECLARE_SUMS(s8, s8);
DECLARE_SUMS(u16, u16);
DECLARE_SUMS(s16, s16);
DECLARE_SUMS(u32, u32);
DECLARE_SUMS(s32, s32);
DECLARE_SUMS(u64, u64);
DECLARE_SUMS(s64, s64);
/* Whether an odd number of them is true. */
DECLARE_SUMS(bool, bool);

s64 df_mixed(u8 a, s64 b, u16 c, s32 d, bool e, s8 f, u64 g, s16 h);

/* ---- structs.c ---- */

struct df_widths {
	u8 a;
	s8 b;
	u16 c;
	s16 d;
	u32 e;
	s32 f;
	u64 g;
	s64 h;
	bool i;
	void *j;
};

struct df_inner {
	u32 x;
	u64 y;
	u8 z;
};

struct df_outer {
	u32 before;
	struct df_inner inner;
	u16 after;
	u8 name[16];
	union {
		u8 small;
		u32 wide;
	} any;
	u32 count;
	u8 tail[];
};

struct df_bits {
	u32 a : 3;
	u32 b : 7;
	u32 c : 22;
	u16 d;
	u64 e : 40;
	u64 f : 24;
};

/* More fields than a table has, and more bytes than the size of a record can say. */
#define DF_MANY 70
#define DF_TEN(name) u64 name##0, name##1, name##2, name##3, name##4, name##5, name##6, name##7, \
	name##8, name##9
struct df_many {
	DF_TEN(a);
	DF_TEN(b);
	DF_TEN(c);
	DF_TEN(d);
	DF_TEN(e);
	DF_TEN(f);
	DF_TEN(g);
};

/* By value: in two registers, in one, in two of different sizes, on the stack. */
struct df_two {
	u64 a;
	u64 b;
};

struct df_halves {
	u32 a;
	u32 b;
};

struct df_uneven {
	u64 a;
	u32 b;
};

struct df_big {
	u64 a;
	u64 b;
	u64 c;
	u32 d;
};

struct df_opaque;
typedef const struct df_widths df_const_widths;

/* What the functions that only take pointers return: the address, with these bits turned. */
#define DF_MASK 0x5a5aull

u64 df_take_widths(const struct df_widths *widths);
u64 df_take_typedef(volatile df_const_widths *widths);
u64 df_take_outer(const struct df_outer *outer);
u64 df_take_bits(const struct df_bits *bits);
u64 df_take_many(const struct df_many *many);
u64 df_take_three(const struct df_two *one, u16 number, const struct df_bits *two,
		  const struct df_halves *three);
u64 df_take_pointers(void *a, const char *b, struct df_widths **c, u64 (*d)(void),
		     struct df_opaque *e);
struct df_widths *df_give_widths(struct df_widths *widths, u32 e);
struct df_widths *df_give_error(int error);

u64 df_in_two_registers(struct df_two two, u32 number);
u64 df_in_one_register(struct df_halves halves, u32 number);
u64 df_in_uneven_registers(u8 before, struct df_uneven uneven, u16 after);
/* Returns where the copy lies, with the bits of DF_MASK turned. */
u64 df_on_the_stack(u32 before, struct df_big big, u64 after);
struct df_big df_through_memory(u64 a, u32 d);
struct df_two df_pair(u64 a, u64 b);
struct df_uneven df_uneven_pair(u64 a, u32 b);
struct df_halves df_one_register(u32 a, u32 b);

/* ---- calls.c ---- */

/* How often code ran that leaves no record, whatever the ring says. */
extern u32 df_silent_runs;

void df_nothing(void);
void df_void(u32 a, u64 b);
int df_returns(u32 which);
long df_error(long number);
u32 df_unused(u32 first, u32 unused, u32 last);
/* Each calls a function of the same file whose second parameter nobody reads. */
u32 df_calls_static(u32 first, u32 unused, u32 last);
u32 df_calls_global(u32 first, u32 unused, u32 last);
/* Calls one whose first parameter is always 7. */
u32 df_calls_constant(u32 number);
u32 df_variadic(u32 count, ...);
u32 df_ping(u32 depth);
u32 df_tail(u32 number);
u32 df_must(u32 number);
u32 df_noinstr(u32 number);
u32 df_no_coverage(u32 number);
u32 df_no_sanitizers(u32 number);
u32 df_step(u32 number);
void df_in_hardirq(u32 number);
void df_in_softirq(u32 number);
void df_in_timer(u32 number);

/* ---- partner.c ---- */

u32 df_pong(u32 depth);
u32 df_tail_target(u32 number);
u32 df_must_target(u32 number);

/* ---- quiet.c, silent.c: not instrumented ---- */

u32 df_quiet(u32 number);
u32 df_silent(u32 number);

/* ---- context.c: where functions run; not instrumented ---- */

/* In a hard interrupt, or a softirq, over the calling task; -EIO where it came otherwise. */
int df_run_hardirq(u32 number);
int df_run_softirq(u32 number);
/* Calls df_step() so many times while a timer interrupts it again and again; how often it did. */
u32 df_run_timer(u32 steps);
/* Calls df_step() with interrupts, preemption and softirqs off, one after the other. */
void df_run_atomic(u32 number);

/* ---- file.c ---- */

int df_files_create(void);
void df_files_remove(void);

#endif
