/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KMATRIX_TARGET_WALK_H
#define KMATRIX_TARGET_WALK_H

#include <linux/types.h>

/* The number that kmatrix_walk() looks for. */
#define KMATRIX_CHOSEN	0x6b6d7478u

u32 kmatrix_walk(u32 number);

#endif
