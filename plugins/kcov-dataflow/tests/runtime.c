// SPDX-License-Identifier: MIT
/*
 * The two callbacks in user space: what they are told is kept while a program runs and printed at
 * its end, a line a call:
 *
 *   args <return address> <index> <size> <value> <pairs> <members…>
 *   ret <return address> <size> <value> <pairs> <members…>
 *
 * Numbers are hexadecimal. With FORM other than 0 (1: posted-pc, 2: posted-pointer), the function's
 * address stands behind the return address, and `value` is what a consumer of that form reads.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef FORM
#define FORM 0
#endif

static char *text;
static size_t length;
static FILE *told;

__attribute__((constructor)) static void begin(void)
{
	told = open_memstream(&text, &length);
}

__attribute__((destructor)) static void end(void)
{
	fclose(told);
	fwrite(text, 1, length, stdout);
}

/* At most eight bytes of a member, as the kernel reads them. */
static uint64_t read_bytes(const char *from, uint64_t size)
{
	uint64_t value = 0;

	memcpy(&value, from, size < sizeof(value) ? size : sizeof(value));
	return value;
}

static void tell(uint32_t size, uint64_t value, const uint64_t *table, uint32_t pairs)
{
#if FORM == 2
	if (size && !pairs)
		value = read_bytes((const char *)value, size);
#endif
	fprintf(told, " %x %lx %x", size, value, pairs);
	for (uint32_t at = 0; at < pairs && value; at++)
		fprintf(told, " %lx", read_bytes((const char *)value + table[2 * at],
						 table[2 * at + 1]));
	fprintf(told, "\n");
}

#if FORM == 0
#define IN_FRONT
#define TELL_FRONT()
#else
#define IN_FRONT uint64_t function,
#define TELL_FRONT() fprintf(told, " %lx", function)
#endif

void __sanitizer_cov_trace_args(IN_FRONT uint32_t index, uint32_t size, uint64_t value,
				const uint64_t *table, uint32_t pairs)
{
	fprintf(told, "args %lx", (uintptr_t)__builtin_return_address(0));
	TELL_FRONT();
	fprintf(told, " %x", index);
	tell(size, value, table, pairs);
}

void __sanitizer_cov_trace_ret(IN_FRONT uint32_t size, uint64_t value, const uint64_t *table,
			       uint32_t pairs)
{
	fprintf(told, "ret %lx", (uintptr_t)__builtin_return_address(0));
	TELL_FRONT();
	tell(size, value, table, pairs);
}

/* What other instrumentation calls. */
#define NOTHING(name) void name(void) {}
NOTHING(__sanitizer_cov_trace_pc)
NOTHING(__sanitizer_cov_trace_pc_guard)
NOTHING(__sanitizer_cov_trace_pc_guard_init)
NOTHING(__sanitizer_cov_trace_cmp1)
NOTHING(__sanitizer_cov_trace_cmp2)
NOTHING(__sanitizer_cov_trace_cmp4)
NOTHING(__sanitizer_cov_trace_cmp8)
NOTHING(__sanitizer_cov_trace_const_cmp1)
NOTHING(__sanitizer_cov_trace_const_cmp2)
NOTHING(__sanitizer_cov_trace_const_cmp4)
NOTHING(__sanitizer_cov_trace_const_cmp8)
NOTHING(__sanitizer_cov_trace_switch)
NOTHING(__asan_load1_noabort)
NOTHING(__asan_load2_noabort)
NOTHING(__asan_load4_noabort)
NOTHING(__asan_load8_noabort)
NOTHING(__asan_load16_noabort)
NOTHING(__asan_loadN_noabort)
NOTHING(__asan_store1_noabort)
NOTHING(__asan_store2_noabort)
NOTHING(__asan_store4_noabort)
NOTHING(__asan_store8_noabort)
NOTHING(__asan_store16_noabort)
NOTHING(__asan_storeN_noabort)
NOTHING(__asan_handle_no_return)
NOTHING(__asan_register_globals)
NOTHING(__asan_unregister_globals)
