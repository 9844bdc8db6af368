// SPDX-License-Identifier: GPL-2.0-only
/* Kinds of functions and calls: with and without values, and such as leave no record. */
#include <linux/compiler.h>
#include <linux/errno.h>

#include "dataflow.h"

u32 df_silent_runs;

/* Something to be seen, or the compiler would know that the call does nothing. */
static u32 seen;

static __always_inline void see(u32 number)
{
	WRITE_ONCE(seen, READ_ONCE(seen) * 3 + number);
}

noinline void df_nothing(void)
{
	see(1);
}

noinline void df_void(u32 a, u64 b)
{
	see(a);
	see(b);
}

noinline int df_returns(u32 which)
{
	if (which == 1)
		return -EINVAL;
	see(which);
	if (which == 2)
		return 17;
	if (which > 100) {
		see(3);
		return which - 100;
	}
	while (READ_ONCE(seen) == 0xdeadbeef)
		see(4);
	return -2 * (int)which;
}

noinline long df_error(long number)
{
	return number < 0 ? -EINVAL : number;
}

noinline u32 df_unused(u32 first, u32 unused, u32 last)
{
	return first * 3 + last;
}

/* Static: the compiler takes the parameter out of the function. */
static noinline u32 df_unused_static(u32 first, u32 unused, u32 last)
{
	see(first);
	return first * 3 + last;
}

noinline u32 df_calls_static(u32 first, u32 unused, u32 last)
{
	return df_unused_static(first, unused, last) + 1;
}

u32 df_unused_global(u32 first, u32 unused, u32 last);

/* Not static: the parameter stays, and a caller that knows the function hands over anything. */
noinline u32 df_unused_global(u32 first, u32 unused, u32 last)
{
	see(first);
	return first * 5 + last;
}

noinline u32 df_calls_global(u32 first, u32 unused, u32 last)
{
	return df_unused_global(first, unused, last) + 1;
}

static noinline u32 df_constant(u32 always, u32 number)
{
	see(number);
	return always * number;
}

noinline u32 df_calls_constant(u32 number)
{
	return df_constant(7, number) + df_constant(7, number + 1);
}

noinline u32 df_variadic(u32 count, ...)
{
	return count * 3;
}

noinline u32 df_ping(u32 depth)
{
	return depth ? df_pong(depth - 1) + 2 : 0;
}

noinline u32 df_tail(u32 number)
{
	return df_tail_target(number + 1);
}

noinline u32 df_must(u32 number)
{
#if __has_attribute(musttail)
	__attribute__((musttail)) return df_must_target(number + 1);
#else
	return df_must_target(number + 1);
#endif
}

/* The three that follow say by attributes that they are not instrumented. */
noinstr u32 df_noinstr(u32 number)
{
	df_silent_runs++;
	return number * 3;
}

noinline __no_sanitize_coverage u32 df_no_coverage(u32 number)
{
	df_silent_runs++;
	return number * 5;
}

#if __has_attribute(disable_sanitizer_instrumentation)
__attribute__((disable_sanitizer_instrumentation))
#endif
noinline u32 df_no_sanitizers(u32 number)
{
	df_silent_runs++;
	return number * 7;
}

noinline u32 df_step(u32 number)
{
	return number * 3 + 1;
}

noinline void df_in_hardirq(u32 number)
{
	see(number);
	df_silent_runs++;
}

noinline void df_in_softirq(u32 number)
{
	see(number);
	df_silent_runs++;
}

noinline void df_in_timer(u32 number)
{
	see(number);
	df_silent_runs++;
}
