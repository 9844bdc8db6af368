// SPDX-License-Identifier: GPL-2.0-only
/* Arguments of every width: the sum tells the tests what the function itself has seen. */
#include <linux/compiler.h>

#include "dataflow.h"

#define DEFINE_SUMS(name, type, op)					\
noinline type df_##name##_1(type a)					\
{									\
	return a;							\
}									\
noinline type df_##name##_2(type a, type b)				\
{									\
	return a op b;							\
}									\
noinline type df_##name##_3(type a, type b, type c)			\
{									\
	return a op b op c;						\
}									\
noinline type df_##name##_4(type a, type b, type c, type d)		\
{									\
	return a op b op c op d;					\
}									\
noinline type df_##name##_5(type a, type b, type c, type d, type e)	\
{									\
	return a op b op c op d op e;					\
}									\
noinline type df_##name##_6(type a, type b, type c, type d, type e, type f) \
{									\
	return a op b op c op d op e op f;				\
}									\
noinline type df_##name##_7(type a, type b, type c, type d, type e, type f, type g) \
{									\
	return a op b op c op d op e op f op g;				\
}									\
noinline type df_##name##_8(type a, type b, type c, type d, type e, type f, type g, type h) \
{									\
	return a op b op c op d op e op f op g op h;			\
}

DEFINE_SUMS(u8, u8, +)
DEFINE_SUMS(s8, s8, +)
DEFINE_SUMS(u16, u16, +)
DEFINE_SUMS(s16, s16, +)
DEFINE_SUMS(u32, u32, +)
DEFINE_SUMS(s32, s32, +)
DEFINE_SUMS(u64, u64, +)
DEFINE_SUMS(s64, s64, +)
DEFINE_SUMS(bool, bool, ^)

noinline s64 df_mixed(u8 a, s64 b, u16 c, s32 d, bool e, s8 f, u64 g, s16 h)
{
	return a + b + c + d + e + f + (s64)g + h;
}
