// SPDX-License-Identifier: MIT
/** What the plugin kcov-dataflow reports: values, objects, and that nothing is known. */
import assert from "node:assert/strict";
import { BOTH, testPlugin } from "./dataflow_programs.ts";

testPlugin(
  "integers are reported zero-extended, with the bytes of their type",
  async (programs) => {
    const told = await programs.told({
      subject: `
signed char s8(signed char a, unsigned char b) { return a + b; }
short s16(short a, unsigned short b) { return a + b; }
int s32(int a, unsigned b) { return a + b; }
long s64(long a, unsigned long b) { return a + b; }
_Bool both(_Bool a, _Bool b) { return a && b; }
enum level { LOW = -1, HIGH = 7 };
enum level other(enum level a) { return a == LOW ? HIGH : LOW; }
unsigned char u8(unsigned char a) { return a * 3; }
`,
      main: `
signed char s8(signed char, unsigned char);
short s16(short, unsigned short);
int s32(int, unsigned);
long s64(long, unsigned long);
_Bool both(_Bool, _Bool);
int other(int);
unsigned char u8(unsigned char);
int main(void)
{
	s8(-2, 0xf0); s16(-2, 0xfff0); s32(-2, 0xfffffff0); s64(-2, 0x123456789abcdef0);
	both(1, 0); both(1, 1); other(-1); other(7); u8(100);
	return 0;
}
`,
    });
    assert.deepEqual(told, [
      ...["s8(0) 1: 0xfe", "s8(1) 1: 0xf0", "s8 = 1: 0xee"],
      ...["s16(0) 2: 0xfffe", "s16(1) 2: 0xfff0", "s16 = 2: 0xffee"],
      ...["s32(0) 4: 0xfffffffe", "s32(1) 4: 0xfffffff0", "s32 = 4: 0xffffffee"],
      ...["s64(0) 8: 0xfffffffffffffffe", "s64(1) 8: 0x123456789abcdef0"],
      ...["s64 = 8: 0x123456789abcdeee"],
      ...["both(0) 1: 0x1", "both(1) 1: 0x0", "both = 1: 0x0"],
      ...["both(0) 1: 0x1", "both(1) 1: 0x1", "both = 1: 0x1"],
      ...["other(0) 4: 0xffffffff", "other = 4: 0x7", "other(0) 4: 0x7", "other = 4: 0xffffffff"],
      ...["u8(0) 1: 0x64", "u8 = 1: 0x2c"],
    ]);
  },
);

testPlugin("pointers, floats and what is wider than 64 bits", async (programs) => {
  const told = await programs.told({
    subject: `
void *second(void *p, const char *q) { return (void *)q; }
int (*pick(int (*f)(void)))(void) { return f; }
double sum(float a, double b) { return a + b; }
float half(float a) { return a / 2; }
unsigned __int128 twice(unsigned __int128 a) { return a * 2; }
long double same(long double a) { return a; }
`,
    main: `
void *second(void *, const char *);
void *pick(void *);
double sum(float, double);
float half(float);
unsigned __int128 twice(unsigned __int128);
long double same(long double);
int main(void)
{
	second((void *)0xffff888012345678, (char *)0x1234); pick((void *)0x5555);
	sum(1.5f, -2.0); half(3.0f);
	twice(((unsigned __int128)1 << 64) + 0x8000000000000001); same(1.0L);
	return 0;
}
`,
  });
  assert.deepEqual(told, [
    ...["second(0) 8: 0xffff888012345678", "second(1) 8: 0x1234", "second = 8: 0x1234"],
    ...["pick(0) 8: 0x5555", "pick = 8: 0x5555"],
    ...["sum(0) 4: 0x3fc00000", "sum(1) 8: 0xc000000000000000", "sum = 8: 0xbfe0000000000000"],
    ...["half(0) 4: 0x40400000", "half = 4: 0x3fc00000"],
    ...["twice(0) 16: 0x8000000000000001", "twice = 16: 0x2"],
    ...["same(0) 10: 0x8000000000000000", "same = 10: 0x8000000000000000"],
  ]);
});

testPlugin(
  "up to eight arguments, in registers and on the stack, and their sums",
  async (programs) => {
    const names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const numbers = [...Array(7).keys()].map((at) => at + 2);
    const functions = numbers.map((count) => {
      const these = names.slice(0, count);
      const list = these.map((name) => `long ${name}`).join(", ");
      return { head: `long sum${count}(${list})`, body: `{ return ${these.join(" + ")}; }` };
    });
    const values = names.map((_, at) => 0x11 * (at + 1));
    const told = await programs.told({
      subject: functions.map(({ head, body }) => `${head} ${body}\n`).join(""),
      main: functions.map(({ head }) => `${head};\n`).join("") +
        `int main(void) { ${
          numbers.map((count) => `sum${count}(${values.slice(0, count)});`).join(" ")
        } return 0; }\n`,
    });
    const sums = ["0x33", "0x66", "0xaa", "0xff", "0x165", "0x1dc", "0x264"];
    assert.deepEqual(
      told,
      numbers.flatMap((count, at) => [
        ...values.slice(0, count).map((one, index) =>
          `sum${count}(${index}) 8: 0x${one.toString(16)}`
        ),
        `sum${count} = 8: ${sums[at]}`,
      ]),
    );
  },
);

const SHAPES = `
struct inner { int x; int y; };
struct shape {
	char c;
	short s;
	int i;
	long l;
	struct inner in;
	struct { } nothing;
	unsigned low : 3, mid : 7, high : 9;
	struct wide { long one, two, three; } wide;
	char name[5];
	union { int number; char letter; };
	int last;
	long rest[];
};
`;
const A_SHAPE = `
	static struct shape it = {
		.c = -1, .s = -2, .i = -3, .l = -4, .in = { 5, 6 },
		.low = 5, .mid = 0x41, .high = 0x101, .wide = { 7, 8, 9 },
		.name = "name", .number = 0x01020304, .last = 10,
	};
`;

testPlugin("a pointer to a structure is reported with its members", async (programs) => {
  const told = await programs.told({
    subject: `${SHAPES}
int take(struct shape *p) { return p->last; }
struct inner *give(struct shape *p) { return p ? &p->in : 0; }
`,
    main: `${SHAPES}
int take(struct shape *);
struct inner *give(struct shape *);
int main(void) { ${A_SHAPE} take(&it); give(&it); give((void *)0); return 0; }
`,
  });
  const bits = 5 | 0x41 << 3 | 0x101 << 10;
  const hex = (value: number) => `0x${value.toString(16)}`;
  // A bit-field is reported as the bytes around it.
  const fields = [bits & 0xff, bits & 0xffff, bits >> 8 & 0xffff].map(hex);
  const members = [
    ...["0xff", "0xfffe", "0xfffffffd", "0xfffffffffffffffc", "0x600000005"],
    ...[...fields, "0x7", "0x656d616e", "0x1020304", "0xa"],
  ].join(" ");
  assert.deepEqual(told, [
    ...[`take(0) 72: {${members}}`, "take = 4: 0xa"],
    ...[`give(0) 72: {${members}}`, "give = 8: {0x5 0x6}"],
    ...["give(0) 72: {}", "give = 8: {}"],
  ]);
});

testPlugin("members of unions, behind typedefs and qualifiers; what has none", async (programs) => {
  const told = await programs.told({
    subject: `
union u { int number; char bytes[8]; };
typedef const union u cu;
typedef cu *cup;
typedef struct { char a; long b; } named;
struct opaque;
struct none { };
struct flexible { long tail[0]; };
int all(cup restrict u, const volatile named *const n, struct opaque *o, struct none *e,
	struct flexible *f, named **pp, void *v, int array[3])
{
	return u->number + n->a;
}
`,
    main: `
int all(void *, void *, void *, void *, void *, void *, void *, int *);
int main(void)
{
	static long u = 0x0102030405060708, n[] = { 3, 4 };
	all(&u, n, (void *)1, (void *)2, (void *)3, (void *)4, (void *)5, (int *)6);
	return 0;
}
`,
  });
  assert.deepEqual(told, [
    ...["all(0) 8: {0x5060708 0x102030405060708}", "all(1) 16: {0x3 0x4}"],
    ...[1, 2, 3, 4, 5, 6].map((value) => `all(${value + 1}) 8: 0x${value}`),
    "all = 4: 0x506070b",
  ]);
});

testPlugin("how many members are reported is an option, and 0 reports values", async (programs) => {
  const subject = `${SHAPES} int take(struct shape *p) { return p->last; }`;
  const main = `${SHAPES} int take(struct shape *);
int main(void) { ${A_SHAPE} return take((void *)&it) != 10 || take(&it) - 10; }`;
  const fields = (count: number) => [...BOTH, "-mllvm", `-kcov-dataflow-fields=${count}`];
  const two = await programs.told({ subject, main, flags: fields(2) });
  assert.deepEqual(two, [0, 1].flatMap(() => ["take(0) 72: {0xff 0xfffe}", "take = 4: 0xa"]));
  const [first, ...others] = await programs.told({ subject, main, flags: fields(0) });
  assert.match(first!, /^take\(0\) 8: 0x[0-9a-f]+$/);
  assert.deepEqual(others, ["take = 4: 0xa", first, "take = 4: 0xa"]);
  const withoutDebug = BOTH.filter((flag) => flag !== "-g");
  assert.deepEqual(await programs.told({ subject, main, flags: withoutDebug }), [
    ...[first, ...others],
  ]);
});

const BY_VALUE = `
struct pair { long a; int b; char c; };
struct mixed { double d; int i; };
struct small { short a; char b; };
struct wrap { long *p; };
struct big { long a, b, c; int d; };
struct packed { char a; long b; char c; } __attribute__((packed));
struct none { };
`;
const BY_VALUE_SUBJECT = `${BY_VALUE}
long two(int x, struct pair p, int y) { return x + p.a + p.b + p.c + y; }
double both(struct mixed m) { return m.d + m.i; }
int one(struct small s, char c) { return s.a + s.b + c; }
long *unwrap(struct wrap w) { return w.p; }
long stack(struct big b, int x) { return b.a + b.b + b.c + b.d + x; }
long crooked(struct packed p) { return p.a + p.b + p.c; }
int skip(int a, struct none n, int b) { return a - b; }
struct pair make(int a) { return (struct pair){ a, a + 1, a + 2 }; }
struct small less(int a) { return (struct small){ a, a + 1 }; }
struct wrap rewrap(long *p) { return (struct wrap){ p }; }
struct big large(int a) { return (struct big){ a, a + 1, a + 2, a + 3 }; }
`;
const BY_VALUE_MAIN = `${BY_VALUE}
long two(int x, struct pair p, int y);
double both(struct mixed m);
int one(struct small s, char c);
long *unwrap(struct wrap w);
long stack(struct big b, int x);
long crooked(struct packed p);
int skip(int a, struct none n, int b);
struct pair make(int a);
struct small less(int a);
struct wrap rewrap(long *p);
struct big large(int a);
int main(void)
{
	static struct pair p;
	p.a = 1; p.b = 2; p.c = 3;
	static struct small s;
	s.a = 4; s.b = 5;
	two(0x10, p, 0x20); both((struct mixed){ 1.0, 6 }); one(s, 7);
	unwrap((struct wrap){ (long *)0x80 });
	stack((struct big){ 1, 2, 3, 4 }, 5); crooked((struct packed){ 1, 2, 3 });
	skip(9, (struct none){ }, 8);
	make(1); less(3); rewrap((long *)0x90); large(5);
	return 0;
}
`;

testPlugin("structures by value: in registers, on the stack, through memory", async (programs) => {
  const whole = (await programs.told({ subject: BY_VALUE_SUBJECT, main: BY_VALUE_MAIN }))
    // What lies in the padding of a register is nobody's.
    .map((line) => line.replace(/^(one\(0\) 4: 0x).*(50004)$/, "$1$2"));
  assert.deepEqual(whole, [
    ...["two(0) 4: 0x10", "two(1) 8: 0x1", "two(1) 8: 0x300000002", "two(2) 4: 0x20"],
    "two = 8: 0x36",
    ...["both(0) 8: 0x3ff0000000000000", "both(0) 4: 0x6", "both = 8: 0x401c000000000000"],
    ...["one(0) 4: 0x50004", "one(1) 1: 0x7", "one = 4: 0x10"],
    ...["unwrap(0) 8: 0x80", "unwrap = 8: 0x80"],
    ...["stack(0) 32: {0x1 0x2 0x3 0x4}", "stack(1) 4: 0x5", "stack = 8: 0xf"],
    ...["crooked(0) 10: {0x1 0x2 0x3}", "crooked = 8: 0x6"],
    ...["skip(0) 4: 0x9", "skip(1) ?", "skip(2) 4: 0x8", "skip = 4: 0x1"],
    ...["make(0) 4: 0x1", "make = 8: 0x1", "make = 8: 0x300000002"],
    ...["less(0) 4: 0x3", "less = 4: 0x40003"],
    ...["rewrap(0) 8: 0x90", "rewrap = 8: 0x90"],
    ...["large(0) 4: 0x5", "large = 32: {0x5 0x6 0x7 0x8}"],
  ]);
});

testPlugin("of objects in memory, nothing is known without members", async (programs) => {
  for (
    const flags of [
      [...BOTH, "-mllvm", "-kcov-dataflow-fields=0"],
      BOTH.filter((one) => one !== "-g"),
    ]
  ) {
    const told = await programs.told({
      subject: BY_VALUE_SUBJECT,
      main: BY_VALUE_MAIN,
      flags,
    });
    const memory = told.filter((line) => /^(stack\(0\)|crooked\(0\)|large =)/.test(line));
    assert.deepEqual(memory, ["stack(0) ?", "crooked(0) ?", "large = ?"], flags.join(" "));
    // The registers of one structure belong together without debug information as well.
    assert.ok(told.includes("two(2) 4: 0x20"), flags.join(" "));
    assert.ok(told.includes("stack(1) 4: 0x5"), flags.join(" "));
  }
});

testPlugin("void, several returns, no return, variable arguments", async (programs) => {
  const told = await programs.told({
    subject: `
#include <stdarg.h>
extern int seen, stop;
void leave(void) __attribute__((noreturn));
void nothing(int a) { seen = a; }
int several(int a) { if (a > 5) { seen++; return a; } seen--; return -a; }
int many(int count, ...)
{
	va_list list;
	va_start(list, count);
	int sum = 0;
	while (count--)
		sum += va_arg(list, int);
	va_end(list);
	return sum;
}
__attribute__((noreturn)) void never(int a) { seen = a; leave(); }
int old(a, b) char a; int b; { return a + b; }
`,
    main: `
#include <stdlib.h>
int seen, stop;
void leave(void) { exit(0); }
void nothing(int);
int several(int);
int many(int, ...);
void never(int);
int old();
int main(void)
{
	nothing(1); several(9); several(2); many(2, 30, 40); old(1, 2); never(3);
}
`,
    flags: [...BOTH, "-std=gnu11", "-Wno-deprecated-non-prototype"],
  });
  assert.deepEqual(told, [
    ...["nothing(0) 4: 0x1", "nothing = ?"],
    ...["several(0) 4: 0x9", "several = 4: 0x9", "several(0) 4: 0x2", "several = 4: 0xfffffffe"],
    ...["many(0) 4: 0x2", "many = 4: 0x46"],
    ...["old(0) 4: 0x1", "old(1) 4: 0x2", "old = 4: 0x3"],
    "never(0) 4: 0x3",
  ]);
});
