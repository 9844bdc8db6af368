// SPDX-License-Identifier: GPL-2.0-only
/* Code to be covered in sections. Nothing here calls into the kernel, so that all entries are known. */
#include <linux/compiler.h>

#include "section.h"

static u32 result;

static noinline u32 remote_step(u32 state, u32 digit)
{
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

static noinline u32 remote_chosen(u32 state)
{
	return state + 0x100;
}

static noinline u32 remote_walk(const struct remote_work *work)
{
	u32 state = 1;
	u32 rest, turn;

	for (turn = 0; turn < work->repeat; turn++) {
		if (work->number == KMATRIX_REMOTE_CHOSEN)
			state = remote_chosen(state);
		for (rest = work->number; rest; rest >>= 3)
			state = remote_step(state, rest & 7);
	}
	return state;
}

noinline void remote_in_worker(const struct remote_work *work)
{
	WRITE_ONCE(result, remote_walk(work));
}

noinline void remote_in_thread(const struct remote_work *work)
{
	WRITE_ONCE(result, remote_walk(work) + 1);
}

noinline void remote_in_softirq(const struct remote_work *work)
{
	WRITE_ONCE(result, remote_walk(work) + 2);
}

noinline void remote_in_hardirq(const struct remote_work *work)
{
	WRITE_ONCE(result, remote_walk(work) + 3);
}
