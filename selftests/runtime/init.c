// SPDX-License-Identifier: MIT
/*
 * PID 1 of the guest: QuickJS plus one table of functions, the global `sys` (see runtime.d.ts).
 *
 * Mechanism is here, policy is in TypeScript: this file knows how to enter the kernel, how to look
 * at memory, how to write to an I/O port and how to run a prepared list of operations without the
 * engine in between. It does not know what a test, a result line or a file system is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

/* The header is not free of warnings; this file is. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wcast-function-type"
#include "quickjs.h"
#pragma GCC diagnostic pop

#define SCRIPT_NAME "/kmatrix/tests.js" /* what stack traces call it */
#define BYTECODE_PATH "/kmatrix/tests.qjs"
#define RESULTS_PORT 0xe9 /* isa-debugcon */
#define EXIT_PORT 0xf4 /* isa-debug-exit */
#define EXIT_RUNTIME_ERROR 0x11
#define PAGE 4096

#define UNUSED __attribute__((unused))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- ports and the last words ---------------------------------------------------------------- */

/* Complete frames written so far: the sequence number of the next one. */
static unsigned long frames_written;

/* CRC-32 of IEEE 802.3, four bits at a time; starts with ~0, and the caller inverts the end. */
static uint32_t crc32_more(uint32_t crc, const char *data, size_t length)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};

	while (length--) {
		crc ^= (uint8_t)*data++;
		crc = (crc >> 4) ^ table[crc & 15];
		crc = (crc >> 4) ^ table[crc & 15];
	}
	return crc;
}

/* `<kind><seq> <len> <crc32> <payload>`, see contract/frames.ts. Allocates nothing. */
static void write_frame(char kind, const char *payload, size_t length)
{
	char head[64], crc[16];
	size_t head_length = sprintf(head, "%c%lu %zu ", kind, frames_written, length);

	sprintf(crc, "%08x ",
		~crc32_more(crc32_more(~0u, head, head_length), payload, length));
	outsb(RESULTS_PORT, head, head_length);
	outsb(RESULTS_PORT, crc, strlen(crc));
	outsb(RESULTS_PORT, payload, length);
	outsb(RESULTS_PORT, "\n", 1);
	frames_written++;
}

static __attribute__((noreturn)) void end_machine(uint32_t code)
{
	outl(code, EXIT_PORT);
	/* Still here: no such device. With -no-reboot this ends QEMU too; PID 1 must not return. */
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

/* Appends a JSON string literal; control bytes, quotes and bytes outside ASCII are replaced. */
static size_t append_json_string(char *out, size_t at, size_t size, const char *text)
{
	out[at++] = '"';
	for (; *text && at + 8 < size; text++) {
		unsigned char byte = *text;

		if (byte == '"' || byte == '\\')
			at += sprintf(out + at, "\\%c", byte);
		else if (byte == '\n')
			at += sprintf(out + at, "\\n");
		else
			out[at++] = byte < 0x20 || byte > 0x7e ? '?' : (char)byte;
	}
	out[at++] = '"';
	return at;
}

/*
 * Reports an X frame and ends the machine. No memory is allocated: the reason may be that there is
 * none. In a child process it only ends the child; the parent reports that.
 */
static __attribute__((noreturn)) void die(const char *message, const char *stack)
{
	static char payload[8192];
	size_t length = 0;

	if (getpid() != 1) {
		dprintf(2, "kmatrix runtime: %s\n%s\n", message, stack);
		_exit(EXIT_RUNTIME_ERROR);
	}
	iopl(3);
	length += sprintf(payload, "{\"message\":");
	length = append_json_string(payload, length, 2048, message);
	length += sprintf(payload + length, ",\"stack\":");
	length = append_json_string(payload, length, sizeof(payload) - 2, stack);
	payload[length++] = '}';
	write_frame('X', payload, length);
	end_machine(EXIT_RUNTIME_ERROR);
}

/* Without this, a crash of PID 1 would be a kernel panic with nothing that names the cause. */
static void on_fatal_signal(int number)
{
	char message[64];

	if (getpid() != 1)
		return; /* SA_RESETHAND: the instruction faults again and the default ends the child. */
	sprintf(message, "PID 1 got signal %d (SIG%s)", number, sigabbrev_np(number));
	die(message, "");
}

/* ---- the batch: a list of operations run with no engine in between ---------------------------- */

enum { OP_SYSCALL, OP_FILL, OP_LOAD, OP_ADD, OP_WAIT, OP_TICKS };

/* One operation, ten 64-bit words, little-endian; written by TypeScript (harness/batch.ts). */
struct operation {
	uint64_t kind;
	uint64_t repeat; /* OP_SYSCALL: calls; OP_FILL: words */
	uint64_t result; /* out: last return value, the word loaded, the old value, or the ticks */
	uint64_t target; /* system call number or address */
	uint64_t argument[6];
};

static inline __attribute__((always_inline)) long enter_kernel(uint64_t number, const uint64_t *a)
{
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/*
 * KCOV traces everything the thread does in the kernel, page faults included. So between the first
 * and the last operation nothing may be touched for the first time: the function starts on a page
 * of its own and calls nothing, and run_batch() has brought in that page, the stack and the list.
 */
static __attribute__((noinline, aligned(PAGE))) void execute(struct operation *ops, size_t count)
{
	for (struct operation *op = ops; op < ops + count; op++) {
		volatile uint64_t *target = (volatile uint64_t *)op->target;
		uint64_t repeat = op->repeat;

		switch (op->kind) {
		case OP_SYSCALL:
			while (repeat--)
				op->result = enter_kernel(op->target, op->argument);
			break;
		case OP_FILL:
			/* Emulated, a jump costs as much as the store. */
#pragma clang loop unroll_count(8)
			for (uint64_t i = 0; i < repeat; i++)
				target[i] = op->argument[0];
			break;
		case OP_LOAD:
			op->result = *target;
			break;
		case OP_ADD:
			op->result = __atomic_fetch_add((uint64_t *)op->target, op->argument[0],
							__ATOMIC_SEQ_CST);
			break;
		case OP_WAIT: /* spins in userspace, so that waiting is not traced either */
			while ((op->result = *target) < op->argument[0])
				__builtin_ia32_pause();
			break;
		case OP_TICKS: /* where the TSC is unstable, the clocks of the kernel are too coarse */
			op->result = __builtin_ia32_rdtsc();
			break;
		}
	}
}

static void run_batch(struct operation *ops, size_t count)
{
	volatile char *bytes = (volatile char *)ops;
	size_t size = count * sizeof(*ops);

	/* A write, not a read: after fork() the first write to a page is a fault of its own. */
	for (size_t at = 0; at < size; at += PAGE)
		bytes[at] = bytes[at];
	if (size)
		bytes[size - 1] = bytes[size - 1];
	execute(ops, 0);
	execute(ops, count);
}

/* ---- values in and out ------------------------------------------------------------------------ */

static JSValue throw_errno(JSContext *ctx, int number, const char *what)
{
	const char *name = strerrorname_np(number);
	char code[16], message[128];
	JSValue error;

	if (name)
		snprintf(code, sizeof(code), "%s", name);
	else /* kernel-internal numbers such as 524 (ENOTSUPP) have no name in libc */
		snprintf(code, sizeof(code), "E%d", number);
	snprintf(message, sizeof(message), "%s: %s (errno %d)", what, code, number);
	error = JS_NewError(ctx);
	if (JS_IsException(error))
		return error;
	JS_DefinePropertyValueStr(ctx, error, "message", JS_NewString(ctx, message), JS_PROP_C_W_E);
	JS_DefinePropertyValueStr(ctx, error, "code", JS_NewString(ctx, code), JS_PROP_C_W_E);
	JS_DefinePropertyValueStr(ctx, error, "errno", JS_NewInt32(ctx, number), JS_PROP_C_W_E);
	return JS_Throw(ctx, error);
}

/* The engine's number for the class ArrayBuffer. */
static JSClassID array_buffer_class;

/* The bytes behind an ArrayBuffer or typed array, or NULL with an exception pending. */
static uint8_t *get_bytes(JSContext *ctx, JSValueConst value, size_t *length)
{
	size_t offset, element, size;
	JSValue buffer;
	uint8_t *data;

	/* Asking for the wrong kind would throw, and an exception with its stack takes long to make. */
	if (JS_GetClassID(value) == array_buffer_class)
		return JS_GetArrayBuffer(ctx, length, value);
	buffer = JS_GetTypedArrayBuffer(ctx, value, &offset, length, &element);
	if (JS_IsException(buffer))
		return NULL;
	data = JS_GetArrayBuffer(ctx, &size, buffer);
	/* The view keeps the buffer alive, and the caller keeps the view. */
	JS_FreeValue(ctx, buffer);
	return data ? data + offset : NULL;
}

/* A string or the bytes of a buffer; `*string` is to be freed with JS_FreeCString() if not NULL. */
static const char *get_text(JSContext *ctx, JSValueConst value, size_t *length, const char **string)
{
	*string = NULL;
	if (JS_IsString(value))
		return *string = JS_ToCStringLen(ctx, length, value);
	return (const char *)get_bytes(ctx, value, length);
}

/* A system call argument: number, bigint, boolean, null, string or memory. */
static int get_argument(JSContext *ctx, JSValueConst value, uint64_t *word, const char **string)
{
	size_t length;
	const char *text;

	*string = NULL;
	*word = 0;
	if (JS_IsUndefined(value) || JS_IsNull(value))
		return 0;
	if (JS_IsNumber(value) || JS_IsBigInt(ctx, value) || JS_IsBool(value))
		return JS_ToInt64Ext(ctx, (int64_t *)word, value);
	text = get_text(ctx, value, &length, string);
	*word = (uintptr_t)text;
	return text ? 0 : -1;
}

/* ---- the functions of `sys` --------------------------------------------------------------------- */

/* The engine hands over at least as many arguments as the table below names, undefined if missing. */
#define SYS_FUNCTION(name) \
	static JSValue name(JSContext *ctx, JSValueConst self UNUSED, int argc UNUSED, \
			    JSValueConst *argv UNUSED)

/* call(number, ...arguments) throws; tryCall(number, ...arguments) returns -errno (magic 1). */
static JSValue sys_call(JSContext *ctx, JSValueConst self UNUSED, int argc, JSValueConst *argv,
			int magic)
{
	uint64_t word[7] = { 0 };
	const char *string[7] = { 0 };
	JSValue result = JS_EXCEPTION;
	char what[32];
	long returned;
	int i;

	if (argc > 7)
		return JS_ThrowRangeError(ctx, "a system call takes at most 6 arguments, got %d", argc - 1);
	for (i = 0; i < argc; i++)
		if (get_argument(ctx, argv[i], &word[i], &string[i]))
			goto out;
	returned = enter_kernel(word[0], word + 1);
	if (magic || returned >= 0 || returned < -4095) {
		result = JS_NewInt64(ctx, returned);
	} else {
		snprintf(what, sizeof(what), "system call %llu", (unsigned long long)word[0]);
		result = throw_errno(ctx, -returned, what);
	}
out:
	for (i = 0; i < argc; i++)
		if (string[i])
			JS_FreeCString(ctx, string[i]);
	return result;
}

/*
 * QuickJS comes here again, with NULL, for a buffer that was detached: what lies from
 * address 0 on, the program itself included where the mapping was long, is not meant.
 */
static void free_mapping(JSRuntime *rt UNUSED, void *length, void *data)
{
	if (data)
		munmap(data, (size_t)length);
}

/* map(length, protection, flags, fd, offset): the mapping as an ArrayBuffer. */
SYS_FUNCTION(sys_map)
{
	int64_t value[5] = { 0 };
	JSValue buffer;
	void *data;

	for (int i = 0; i < argc && i < 5; i++)
		if (JS_ToInt64Ext(ctx, &value[i], argv[i]))
			return JS_EXCEPTION;
	data = mmap(NULL, value[0], value[1], value[2], value[3], value[4]);
	if (data == MAP_FAILED)
		return throw_errno(ctx, errno, "mmap");
	buffer = JS_NewArrayBuffer(ctx, data, value[0], free_mapping, (void *)value[0], 0);
	if (JS_IsException(buffer))
		munmap(data, value[0]);
	return buffer;
}

/* unmap(buffer): detaches the buffer, and free_mapping() does the rest. */
SYS_FUNCTION(sys_unmap)
{
	size_t length;

	if (!JS_GetArrayBuffer(ctx, &length, argv[0]))
		return JS_EXCEPTION;
	JS_DetachArrayBuffer(ctx, argv[0]);
	return JS_UNDEFINED;
}

SYS_FUNCTION(sys_address)
{
	size_t length;
	uint8_t *data = get_bytes(ctx, argv[0], &length);

	return data ? JS_NewInt64(ctx, (int64_t)(uintptr_t)data) : JS_EXCEPTION;
}

SYS_FUNCTION(sys_run)
{
	size_t length;
	uint8_t *data = get_bytes(ctx, argv[0], &length);

	if (!data)
		return JS_EXCEPTION;
	if (length % sizeof(struct operation))
		return JS_ThrowRangeError(ctx, "batch of %zu bytes: not a multiple of %zu", length,
					  sizeof(struct operation));
	run_batch((struct operation *)data, length / sizeof(struct operation));
	return JS_UNDEFINED;
}

static struct operation *handler_ops;
static size_t handler_count;
static JSValue handler_memory = JS_UNDEFINED;

static void handle_signal(int signal UNUSED)
{
	execute(handler_ops, handler_count);
}

/* onSignal(signal, operations): nothing of the engine runs in the handler. */
SYS_FUNCTION(sys_on_signal)
{
	struct sigaction action = { .sa_handler = handle_signal, .sa_flags = SA_RESTART };
	int32_t signal;
	size_t length;
	uint8_t *data = get_bytes(ctx, argv[1], &length);

	if (!data || JS_ToInt32(ctx, &signal, argv[0]))
		return JS_EXCEPTION;
	if (length % sizeof(struct operation))
		return JS_ThrowRangeError(ctx, "batch of %zu bytes: not a multiple of %zu", length,
					  sizeof(struct operation));
	JS_FreeValue(ctx, handler_memory);
	handler_memory = JS_DupValue(ctx, argv[1]);
	handler_ops = (struct operation *)data;
	handler_count = length / sizeof(struct operation);
	if (sigaction(signal, &action, NULL))
		return throw_errno(ctx, errno, "sigaction");
	return JS_UNDEFINED;
}

/* A surrogate on its own has no UTF-8; the engine encodes it nevertheless, in three bytes. */
static void replace_lone_surrogates(char *text, size_t length)
{
	for (size_t i = 0; i + 2 < length; i++)
		if ((uint8_t)text[i] == 0xed && (uint8_t)text[i + 1] >= 0xa0)
			memcpy(text + i, "\xef\xbf\xbd", 3); /* U+FFFD */
}

/* frame(kind, payload) */
SYS_FUNCTION(sys_frame)
{
	size_t kind_length, length;
	const char *kind = JS_ToCStringLen(ctx, &kind_length, argv[0]);
	const char *payload = JS_ToCStringLen(ctx, &length, argv[1]);
	JSValue result = JS_EXCEPTION;

	if (!kind || !payload)
		goto out;
	if (kind_length != 1 || memchr(payload, '\n', length) || memchr(payload, '\r', length)) {
		JS_ThrowRangeError(ctx, "frame %s: payload holds a line end", kind);
		goto out;
	}
	replace_lone_surrogates((char *)payload, length);
	write_frame(*kind, payload, length);
	result = JS_UNDEFINED;
out:
	if (payload)
		JS_FreeCString(ctx, payload);
	if (kind)
		JS_FreeCString(ctx, kind);
	return result;
}

/*
 * serveForks(requests, answers, request). In C, and with the request on the stack: after a fork each
 * page that is written to is a fault, and the engine writes to many.
 */
SYS_FUNCTION(sys_serve_forks)
{
	char request[64];
	int32_t requests, answers, pid;
	size_t length;
	uint8_t *out = get_bytes(ctx, argv[2], &length);

	if (!out || JS_ToInt32(ctx, &requests, argv[0]) || JS_ToInt32(ctx, &answers, argv[1]))
		return JS_EXCEPTION;
	if (length > sizeof(request))
		return JS_ThrowRangeError(ctx, "a request of %zu bytes", length);
	while (read(requests, request, length) == (ssize_t)length) {
		pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
		if (!pid) {
			memcpy(out, request, length);
			return JS_UNDEFINED;
		}
		if (pid < 0)
			pid = -errno;
		if (write(answers, &pid, sizeof(pid)) != sizeof(pid))
			break;
	}
	_exit(0);
}

SYS_FUNCTION(sys_outl)
{
	int32_t port;
	uint32_t value;

	if (JS_ToInt32(ctx, &port, argv[0]) || JS_ToUint32(ctx, &value, argv[1]))
		return JS_EXCEPTION;
	outl(value, port);
	return JS_UNDEFINED;
}

static char *read_whole(const char *path, size_t *length)
{
	size_t size = 65536, used = 0;
	char *data = malloc(size + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = -1;

	while (fd >= 0 && data && (got = read(fd, data + used, size - used)) > 0) {
		used += got;
		if (used == size) { /* files of /proc have no size to ask for */
			char *bigger = realloc(data, size * 2 + 1);

			if (!bigger)
				break;
			data = bigger;
			size *= 2;
		}
	}
	if (fd >= 0)
		close(fd); /* reading only: leaves errno alone */
	if (got != 0) {
		free(data);
		return NULL;
	}
	data[used] = 0; /* JS_Eval() wants the end marked */
	*length = used;
	return data;
}

SYS_FUNCTION(sys_read_file)
{
	const char *path = JS_ToCString(ctx, argv[0]);
	size_t length = 0;
	JSValue result;
	char *data;

	if (!path)
		return JS_EXCEPTION;
	errno = ENOMEM;
	data = read_whole(path, &length);
	result = data ? JS_NewStringLen(ctx, data, length) : throw_errno(ctx, errno, path);
	free(data);
	JS_FreeCString(ctx, path);
	return result;
}

SYS_FUNCTION(sys_text)
{
	size_t length;
	uint8_t *data = get_bytes(ctx, argv[0], &length);

	return data ? JS_NewStringLen(ctx, (const char *)data, length) : JS_EXCEPTION;
}

/* difference(a, b): the first byte in which two memories of one length differ, or -1. */
SYS_FUNCTION(sys_difference)
{
	size_t length[2], at = 0;
	const uint8_t *a = get_bytes(ctx, argv[0], &length[0]);
	const uint8_t *b = a ? get_bytes(ctx, argv[1], &length[1]) : NULL;

	if (!b)
		return JS_EXCEPTION;
	if (length[0] != length[1])
		return JS_ThrowRangeError(ctx, "memories of %zu and %zu bytes", length[0], length[1]);
	if (!memcmp(a, b, length[0]))
		return JS_NewInt32(ctx, -1);
	while (a[at] == b[at])
		at++;
	return JS_NewInt64(ctx, at);
}

/*
 * tally(words, step): the different ones of every step-th word of a list, in the order of their first,
 * and behind them how often each is there.
 */
SYS_FUNCTION(sys_tally)
{
	size_t length, count = 0, mask = 15, stride;
	uint8_t *words = get_bytes(ctx, argv[0], &length);
	uint32_t step, *places; /* a hash table of positions in `found`, from 1 */
	uint64_t *found, *times;
	JSValue result;

	if (!words || JS_ToUint32(ctx, &step, argv[1]))
		return JS_EXCEPTION;
	if (length % sizeof(*found) || !step)
		return JS_ThrowRangeError(ctx, "list of %zu bytes, step %u", length, step);
	stride = step * sizeof(*found);
	while (mask < length / stride * 2 + 2)
		mask = mask * 2 + 1;
	places = calloc(mask + 1, sizeof(*places));
	found = malloc((length / stride + 1) * 2 * sizeof(*found));
	if (!places || !found) {
		free(places);
		free(found);
		return throw_errno(ctx, ENOMEM, "tally");
	}
	times = found + length / stride + 1;
	for (size_t at = 0; at < length; at += stride) {
		uint64_t word;
		size_t place;

		memcpy(&word, words + at, sizeof(word));
		place = word * 0x9e3779b97f4a7c15 >> 32 & mask;
		while (places[place] && found[places[place] - 1] != word)
			place = (place + 1) & mask;
		if (!places[place]) {
			found[count] = word;
			times[count] = 0;
			places[place] = ++count;
		}
		times[places[place] - 1]++;
	}
	memmove(found + count, times, count * sizeof(*times));
	result = JS_NewArrayBufferCopy(ctx, (uint8_t *)found, 2 * count * sizeof(*found));
	free(places);
	free(found);
	return result;
}

SYS_FUNCTION(sys_now_ms)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return JS_NewFloat64(ctx, now.tv_sec * 1e3 + now.tv_nsec / 1e6);
}

static const JSCFunctionListEntry sys_functions[] = {
	JS_CFUNC_MAGIC_DEF("call", 1, sys_call, 0),
	JS_CFUNC_MAGIC_DEF("tryCall", 1, sys_call, 1),
	JS_CFUNC_DEF("map", 5, sys_map),
	JS_CFUNC_DEF("unmap", 1, sys_unmap),
	JS_CFUNC_DEF("address", 1, sys_address),
	JS_CFUNC_DEF("run", 1, sys_run),
	JS_CFUNC_DEF("onSignal", 2, sys_on_signal),
	JS_CFUNC_DEF("frame", 2, sys_frame),
	JS_CFUNC_DEF("outl", 2, sys_outl),
	JS_CFUNC_DEF("readFile", 1, sys_read_file),
	JS_CFUNC_DEF("text", 1, sys_text),
	JS_CFUNC_DEF("serveForks", 3, sys_serve_forks),
	JS_CFUNC_DEF("difference", 2, sys_difference),
	JS_CFUNC_DEF("tally", 2, sys_tally),
	JS_CFUNC_DEF("nowMs", 0, sys_now_ms),
};

/* ---- start -------------------------------------------------------------------------------------- */

static void add_sys(JSContext *ctx)
{
	JSValue buffer = JS_NewArrayBufferCopy(ctx, NULL, 0);
	JSValue global = JS_GetGlobalObject(ctx), sys = JS_NewObject(ctx), env = JS_NewObject(ctx);

	array_buffer_class = JS_GetClassID(buffer);
	JS_FreeValue(ctx, buffer);
	JS_SetPropertyFunctionList(ctx, sys, sys_functions,
				   COUNT_OF(sys_functions));
	for (char **entry = environ; *entry; entry++) {
		char *equals = strchr(*entry, '='), name[256];

		if (!equals || (size_t)(equals - *entry) >= sizeof(name))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(equals - *entry), *entry);
		JS_SetPropertyStr(ctx, env, name, JS_NewString(ctx, equals + 1));
	}
	JS_SetPropertyStr(ctx, sys, "env", env);
	JS_SetPropertyStr(ctx, global, "sys", sys);
	JS_FreeValue(ctx, global);
}

static __attribute__((noreturn)) void die_of_exception(JSContext *ctx, JSValue exception)
{
	JSValue stack_value = JS_GetPropertyStr(ctx, exception, "stack");
	const char *message = JS_ToCString(ctx, exception);
	const char *stack = JS_IsString(stack_value) ? JS_ToCString(ctx, stack_value) : NULL;

	die(message ? message : "exception that cannot be turned into text", stack ? stack : "");
}

static JSContext *new_context(void)
{
	JSRuntime *rt = JS_NewRuntime();

	/*
	 * Objects are counted; the collector only finds cycles, which nobody makes many of. A run of it
	 * writes to every object, and in a child each page written to is a page fault and a copy.
	 */
	if (rt)
		JS_SetGCThreshold(rt, 32 << 20);
	return rt ? JS_NewContext(rt) : NULL;
}

/*
 * On the host, `init --compile SCRIPT BYTECODE`: the guest is slow at parsing, and bytecode fits the
 * engine that wrote it, which is this very program.
 */
static int compile(const char *script_path, const char *bytecode_path)
{
	JSContext *ctx = new_context();
	size_t length, bytecode_length, written = 0;
	char *script = read_whole(script_path, &length);
	uint8_t *bytecode;
	JSValue module;
	FILE *out;

	if (!ctx || !script) {
		perror(script_path);
		return 1;
	}
	JS_SetStripInfo(JS_GetRuntime(ctx), JS_STRIP_SOURCE); /* lines and names stay */
	/* As a module: it is strict, and import/export of an "esm" bundle are allowed. */
	module = JS_Eval(ctx, script, length, SCRIPT_NAME,
			 JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
	if (JS_IsException(module)) {
		const char *message = JS_ToCString(ctx, JS_GetException(ctx));

		fprintf(stderr, "%s: %s\n", script_path, message ? message : "exception");
		return 1;
	}
	bytecode = JS_WriteObject(ctx, &bytecode_length, module, JS_WRITE_OBJ_BYTECODE);
	out = bytecode ? fopen(bytecode_path, "wb") : NULL;
	if (out)
		written = fwrite(bytecode, 1, bytecode_length, out);
	if (!out || fclose(out) || written != bytecode_length) {
		perror(bytecode_path);
		return 1;
	}
	return 0;
}

/*
 * fork(2) copies the page tables of a mapping only when the mapping has a page of its own; otherwise
 * each child faults the program in again, 64 KiB at a time. One byte written makes such a page.
 */
static void give_page_tables_to_children(void)
{
	const ElfW(Phdr) *header = (const void *)getauxval(AT_PHDR);

	for (size_t i = 0; i < getauxval(AT_PHNUM); i++, header++) {
		uintptr_t start = header->p_vaddr & -(uintptr_t)PAGE;
		size_t length = header->p_vaddr + header->p_memsz - start;
		int protection = PROT_READ | (header->p_flags & PF_X ? PROT_EXEC : 0);

		if (header->p_type != PT_LOAD || header->p_flags & PF_W)
			continue;
		if (mprotect((void *)start, length, protection | PROT_WRITE))
			continue; /* slower, nothing else */
		*(volatile char *)start = *(volatile char *)start;
		mprotect((void *)start, length, protection);
	}
}

int main(int argc, char **argv)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	struct sigaction action = { .sa_handler = on_fatal_signal, .sa_flags = (int)SA_RESETHAND };
	JSContext *job_ctx, *ctx;
	struct sysinfo info;
	JSValue module, result;
	size_t length;
	char *bytecode;
	int jobs;

	if (getpid() != 1) {
		if (argc == 4 && !strcmp(argv[1], "--compile"))
			return compile(argv[2], argv[3]);
		fprintf(stderr, "usage: %s --compile SCRIPT BYTECODE\n", argv[0]);
		return 2;
	}
	for (size_t i = 0; i < COUNT_OF(fatal); i++)
		sigaction(fatal[i], &action, NULL);
	if (iopl(3)) /* without the ports nothing can be reported; the console is all there is */
		perror("kmatrix runtime: iopl (is CONFIG_X86_IOPL_IOPERM set?)");

	bytecode = read_whole(BYTECODE_PATH, &length);
	if (!bytecode)
		die("cannot read " BYTECODE_PATH, strerror(errno));
	ctx = new_context();
	if (!ctx)
		die("no memory for the JavaScript engine", "");
	/* An exception in the script rather than the kernel's OOM killer, which PID 1 is immune to. */
	sysinfo(&info);
	JS_SetMemoryLimit(JS_GetRuntime(ctx), info.totalram / 2 * info.mem_unit);
	add_sys(ctx);

	give_page_tables_to_children();

	module = JS_ReadObject(ctx, (uint8_t *)bytecode, length, JS_READ_OBJ_BYTECODE);
	if (JS_IsException(module) || JS_ResolveModule(ctx, module) < 0)
		die_of_exception(ctx, JS_GetException(ctx));
	free(bytecode);
	result = JS_EvalFunction(ctx, module);
	if (JS_IsException(result))
		die_of_exception(ctx, JS_GetException(ctx));
	while ((jobs = JS_ExecutePendingJob(JS_GetRuntime(ctx), &job_ctx)) > 0)
		;
	if (jobs < 0)
		die_of_exception(job_ctx, JS_GetException(job_ctx));
	if (JS_PromiseState(ctx, result) == JS_PROMISE_REJECTED)
		die_of_exception(ctx, JS_PromiseResult(ctx, result));
	die("the script returned without ending the run", "");
}
