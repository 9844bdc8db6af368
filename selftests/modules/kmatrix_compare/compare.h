/* SPDX-License-Identifier: GPL-2.0-only */
/* Comparisons of every width and kind, one function each. */
#ifndef KMATRIX_COMPARE_H
#define KMATRIX_COMPARE_H

#include <linux/types.h>

/* Runs all of them with the two numbers, cut to each width. */
u32 kmatrix_compare(u64 one, u64 two);

#endif
