// SPDX-License-Identifier: GPL-2.0-only
/* KCOV_INSTRUMENT_silent.o := n */
#include <linux/compiler.h>

#include "dataflow.h"

noinline u32 df_silent(u32 number)
{
	df_silent_runs++;
	return number * 13;
}
