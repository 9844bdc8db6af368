// SPDX-License-Identifier: GPL-2.0-only
/* Structures by pointer and by value. Who takes a pointer does not look at what it points to. */
#include <linux/compiler.h>
#include <linux/err.h>

#include "dataflow.h"

/* No function: it would have records of its own. */
#define turned(pointer) ((u64)(unsigned long)(pointer) ^ DF_MASK)

noinline u64 df_take_widths(const struct df_widths *widths)
{
	return turned(widths);
}

noinline u64 df_take_typedef(volatile df_const_widths *widths)
{
	return turned(widths);
}

noinline u64 df_take_outer(const struct df_outer *outer)
{
	return turned(outer);
}

noinline u64 df_take_bits(const struct df_bits *bits)
{
	return turned(bits);
}

noinline u64 df_take_many(const struct df_many *many)
{
	return turned(many);
}

noinline u64 df_take_three(const struct df_two *one, u16 number, const struct df_bits *two,
			   const struct df_halves *three)
{
	return turned(one) + number + turned(two) + turned(three);
}

noinline u64 df_take_pointers(void *a, const char *b, struct df_widths **c, u64 (*d)(void),
			      struct df_opaque *e)
{
	return turned(a) + turned(b) + turned(c) + turned(d) + turned(e);
}

noinline struct df_widths *df_give_widths(struct df_widths *widths, u32 e)
{
	widths->e = e;
	return widths;
}

noinline struct df_widths *df_give_error(int error)
{
	return ERR_PTR(error);
}

noinline u64 df_in_two_registers(struct df_two two, u32 number)
{
	return two.a * 3 + two.b * 5 + number;
}

noinline u64 df_in_one_register(struct df_halves halves, u32 number)
{
	return (u64)halves.a * 3 + (u64)halves.b * 5 + number;
}

noinline u64 df_in_uneven_registers(u8 before, struct df_uneven uneven, u16 after)
{
	return before + uneven.a * 3 + (u64)uneven.b * 5 + after;
}

noinline u64 df_on_the_stack(u32 before, struct df_big big, u64 after)
{
	return turned(&big);
}

noinline struct df_big df_through_memory(u64 a, u32 d)
{
	return (struct df_big){ .a = a, .b = a + 1, .c = a + 2, .d = d };
}

noinline struct df_two df_pair(u64 a, u64 b)
{
	return (struct df_two){ .a = a + 1, .b = b + 2 };
}

noinline struct df_uneven df_uneven_pair(u64 a, u32 b)
{
	return (struct df_uneven){ .a = a + 1, .b = b + 2 };
}

noinline struct df_halves df_one_register(u32 a, u32 b)
{
	return (struct df_halves){ .a = a + 1, .b = b + 2 };
}
