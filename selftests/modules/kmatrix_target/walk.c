// SPDX-License-Identifier: GPL-2.0-only
/* Code to be covered: which of its functions run depends on the number that is handed in. */
#include <linux/compiler.h>

#include "walk.h"

/* Static and of the same name as the one in file.c. */
static noinline u32 step(u32 state, u32 digit)
{
	/* Dense enough for a jump table, where the configuration allows those. */
	switch (digit) {
	case 0:
		return state + 1;
	case 1:
		return state * 3;
	case 2:
		return state ^ 0x55;
	case 3:
		return state - 7;
	case 4:
		return state << 1;
	case 5:
		return state >> 1;
	case 6:
		return ~state;
	default:
		return state | digit;
	}
}

static u32 visits;

/* Something to be seen, or the compiler would know the result and leave the call out. */
static noinline void chosen(void)
{
	WRITE_ONCE(visits, READ_ONCE(visits) + 1);
}

static noinline u32 odd(u32 number)
{
	return number * 3 + 1;
}

/* A step for each octal digit, so that the same code runs again and again. */
u32 kmatrix_walk(u32 number)
{
	u32 state = 1;
	u32 rest;

	if (number == KMATRIX_CHOSEN)
		chosen();
	if (number & 1)
		state = odd(number);
	for (rest = number; rest; rest >>= 3)
		state = step(state, rest & 7);
	return state;
}
