// SPDX-License-Identifier: GPL-2.0-only
/* What functions of calls.c call: in another file, so that the compiler makes no loop of them. */
#include <linux/compiler.h>

#include "dataflow.h"

noinline u32 df_pong(u32 depth)
{
	return depth ? df_ping(depth - 1) + 3 : 0;
}

noinline u32 df_tail_target(u32 number)
{
	return number * 5;
}

noinline u32 df_must_target(u32 number)
{
	return number * 7;
}
