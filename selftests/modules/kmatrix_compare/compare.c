// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each function is one comparison, so that the compiler has no reason to leave it out, to widen it or
 * to join it with another. The tests know the names, and the constants.
 */
#include <linux/compiler.h>

#include "compare.h"

static u32 cases_taken;

/* Two numbers that the compiler does not know: equal, and less than. */
#define COMPARE(name, type)						\
static noinline bool equal_##name(type one, type two)			\
{									\
	return one == two;						\
}									\
static noinline bool less_##name(type one, type two)			\
{									\
	return one < two;						\
}

COMPARE(u8, u8)
COMPARE(s8, s8)
COMPARE(u16, u16)
COMPARE(s16, s16)
COMPARE(u32, u32)
COMPARE(s32, s32)
COMPARE(u64, u64)
COMPARE(s64, s64)

/* One that it knows: it has a bit in each byte, and the highest bit of the type. */
#define CONSTANT(name, type, value)					\
static noinline bool constant_##name(type one)				\
{									\
	return one == (type)(value);					\
}

CONSTANT(u8, u8, 0xa5)
CONSTANT(s8, s8, 0xa6)
CONSTANT(u16, u16, 0xa5b1)
CONSTANT(s16, s16, 0xa5b2)
CONSTANT(u32, u32, 0xa5b1c2d3)
CONSTANT(s32, s32, 0xa5b1c2d4)
CONSTANT(u64, u64, 0xa5b1c2d3e4f50617)
CONSTANT(s64, s64, 0xa5b1c2d3e4f50618)

static noinline void taken(u32 number)
{
	WRITE_ONCE(cases_taken, READ_ONCE(cases_taken) * 3 + number);
}

/* Far apart, or they would become one comparison with a range, or a table of results. */
#define SWITCH(name, type, last)					\
static noinline void switch_##name(type one)				\
{									\
	switch (one) {							\
	case 3:								\
		taken(1);						\
		break;							\
	case 17:							\
		taken(2);						\
		break;							\
	case 90:							\
		taken(3);						\
		break;							\
	case (type)(last):						\
		taken(4);						\
		break;							\
	}								\
}

SWITCH(u8, u8, 0xf1)
SWITCH(s8, s8, 0xf2)
SWITCH(u16, u16, 0xf1e2)
SWITCH(s16, s16, 0xf1e3)
SWITCH(u32, u32, 0xf1e2d3c4)
SWITCH(s32, s32, 0xf1e2d3c5)
SWITCH(u64, u64, 0xf1e2d3c4b5a69788)
SWITCH(s64, s64, 0xf1e2d3c4b5a69789)

#define ALL(name, one, two) \
	(equal_##name(one, two) + less_##name(one, two) + constant_##name(one))

u32 kmatrix_compare(u64 one, u64 two)
{
	u32 sum = ALL(u8, one, two) + ALL(s8, one, two) + ALL(u16, one, two) + ALL(s16, one, two) +
		  ALL(u32, one, two) + ALL(s32, one, two) + ALL(u64, one, two) + ALL(s64, one, two);

	switch_u8(one);
	switch_s8(one);
	switch_u16(one);
	switch_s16(one);
	switch_u32(one);
	switch_s32(one);
	switch_u64(one);
	switch_s64(one);
	return sum + cases_taken;
}
