// SPDX-License-Identifier: MIT
/** Behind an optimizer that removes, splits and adds arguments, kcov-dataflow reports no wrong value. */
import assert from "node:assert/strict";
import { BOTH, testPlugin } from "./dataflow_programs.ts";

/** What holds with and without debug information, for size and for speed. */
const LEVELS = [BOTH, BOTH.filter((flag) => flag !== "-g"), [...BOTH, "-Os"], [...BOTH, "-O3"]];

testPlugin(
  "an argument that was removed is unknown, and the others keep their index",
  async (programs) => {
    for (const flags of LEVELS) {
      const told = await programs.told({
        subject: `
volatile long sink;
static __attribute__((noinline)) long dead(long a, long unused, long c) { return a * c + sink; }
static __attribute__((noinline)) long fixed(long a, long seven) { return a * seven + sink; }
static __attribute__((noinline)) long lost(long a, long replaced) { replaced = 5; sink = replaced; return a * sink; }
static __attribute__((noinline)) long ignored(long a) { sink = a; return a + 1; }
long run(long a)
{
	ignored(a);
	ignored(a + 1);
	return dead(a, a + 1, a + 2) + dead(a + 1, a, 9) + fixed(a, 7) + fixed(a + 1, 7) +
	       lost(a, a) + lost(a + 2, 3);
}
`,
        main: "long run(long); int main(void) { return run(0x100) == 0; }",
        flags,
      });
      const what = flags.join(" ");
      const of = (name: string) => told.filter((line) => line.startsWith(name));
      assert.deepEqual(of("run("), ["run(0) 8: 0x100"], what);
      assert.deepEqual(of("dead("), [
        ...["dead(0) 8: 0x100", "dead(1) ?", "dead(2) 8: 0x102"],
        ...["dead(0) 8: 0x101", "dead(1) ?", "dead(2) 8: 0x9"],
      ], what);
      assert.deepEqual(of("fixed("), [
        ...["fixed(0) 8: 0x100", "fixed(1) ?", "fixed(0) 8: 0x101", "fixed(1) ?"],
      ], what);
      assert.deepEqual(of("lost("), [
        ...["lost(0) 8: 0x100", "lost(1) ?", "lost(0) 8: 0x102", "lost(1) ?"],
      ], what);
      assert.deepEqual(of("ignored"), [
        ...["ignored(0) 8: 0x100", "ignored = ?", "ignored(0) 8: 0x101", "ignored = ?"],
      ], what);
    }
  },
);

testPlugin(
  "what callers in the file leave out is unknown, what others pass is not",
  async (programs) => {
    // Both functions are called from elsewhere as well, so their arguments stay.
    const subject = `
int within(int a, int unused) { return a + 1; }
int beyond(int a, int unused) { return a + 2; }
int call(int a) { asm volatile(""); return within(a, a * 3); }
`.replaceAll("int within", "__attribute__((noinline)) int within");
    const told = await programs.told({
      subject,
      main: `int within(int, int), beyond(int, int), call(int);
int main(void) { call(1); within(2, 0x22); beyond(3, 0x33); return 0; }`,
    });
    assert.deepEqual(told, [
      ...["call(0) 4: 0x1", "within(0) 4: 0x1", "within(1) ?", "within = 4: 0x2", "call = 4: 0x2"],
      ...["within(0) 4: 0x2", "within(1) ?", "within = 4: 0x3"],
      ...["beyond(0) 4: 0x3", "beyond(1) 4: 0x33", "beyond = 4: 0x5"],
    ]);
  },
);

testPlugin("an argument that became the members behind it is unknown", async (programs) => {
  // clang promotes arguments at this level alone.
  for (const flags of [[...BOTH, "-O3"], [...BOTH, "-O3", "-g0"]]) {
    const told = await programs.told({
      subject: `
struct pair { int a; int b; };
static __attribute__((noinline)) int promoted(int x, struct pair *p, int y)
{
	return p->a * p->b + x * y;
}
int run(struct pair *p) { return promoted(1, p, 2) + promoted(3, p, 4); }
`,
      main:
        `int run(void *); int main(void) { static int pair[2] = { 5, 6 }; return run(pair) == 0; }`,
      flags,
    });
    const promoted = told.filter((line) => line.startsWith("promoted("));
    assert.deepEqual(promoted, [
      ...["promoted(0) 4: 0x1", "promoted(1) ?", "promoted(2) 4: 0x2"],
      ...["promoted(0) 4: 0x3", "promoted(1) ?", "promoted(2) 4: 0x4"],
    ], flags.join(" "));
  }
});

testPlugin(
  "of a structure in registers, the register that was removed is unknown",
  async (programs) => {
    const told = await programs.told({
      subject: `
struct pair { long a; long b; };
volatile long sink;
static __attribute__((noinline)) long second(struct pair p, long x) { sink = x; return p.b * x; }
static __attribute__((noinline)) struct pair make(long a) { sink = a; return (struct pair){ a, sink }; }
long run(long a)
{
	struct pair p = { a, a + 1 };
	return second(p, 3) + second((struct pair){ 0, a + 5 }, 4) + make(a).b + make(a + 1).b;
}
`,
      main: "long run(long); int main(void) { return run(0x10) == 0; }",
    });
    const of = (name: string) => told.filter((line) => line.startsWith(name));
    assert.deepEqual(of("second("), [
      ...["second(0) ?", "second(0) 8: 0x11", "second(1) 8: 0x3"],
      ...["second(0) ?", "second(0) 8: 0x15", "second(1) 8: 0x4"],
    ]);
    assert.deepEqual(of("make ="), ["make = ?", "make = ?", "make = ?", "make = ?"]);
  },
);

testPlugin("what a caller in the file need not write is not reported", async (programs) => {
  const told = await programs.told({
    subject: `
struct big { long a, b, c; int d; };
struct pair { int a, b; };
__attribute__((noinline)) int ignore(struct big b, int x) { asm volatile(""); return x * 2; }
__attribute__((noinline)) int use(struct big b, int x) { return x + b.d; }
__attribute__((noinline)) int same(struct pair *p, struct pair *q) { return p == q; }
__attribute__((noinline)) int set(struct pair *p, int a) { p->a = a; return 1; }
__attribute__((noinline)) int sum(const struct pair *p) { return p->a + p->b; }
int run(int a)
{
	struct big b = { a, a + 1, a + 2, a + 3 };
	struct pair p = { a, a }, q = { 7, 8 }, r = { a + 1, a + 2 };
	return ignore(b, 5) + use(b, 6) + same(&p, &q) + set(&q, 9) + q.a + q.b + sum(&r);
}
`,
    main: "int run(int); int main(void) { return run(0x10) == 0; }",
  });
  const shown = told.map((line) => line.replace(/0x[0-9a-f]{6,}/, "an address"));
  assert.deepEqual(shown.filter((line) => line.includes("(")), [
    ...["run(0) 4: 0x10", "ignore(0) ?", "ignore(1) 4: 0x5"],
    ...["use(0) 32: {0x10 0x11 0x12 0x13}", "use(1) 4: 0x6"],
    ...["same(0) 8: an address", "same(1) 8: an address"],
    ...["set(0) 8: an address", "set(1) 4: 0x9", "sum(0) 8: {0x11 0x12}"],
  ]);
});

testPlugin(
  "members that the function does not read are reported where nobody knows that",
  async (programs) => {
    const told = await programs.told({
      subject: `
struct pair { int a, b; };
int same(struct pair *p, struct pair *q) { return p == q; }
int set(struct pair *p, int a) { p->a = a; return 1; }
`,
      main: `int same(int *, int *), set(int *, int);
int main(void) { int p[] = { 1, 2 }; same(p, p); set(p, 5); return 0; }`,
    });
    assert.deepEqual(told, [
      ...["same(0) 8: {0x1 0x2}", "same(1) 8: {0x1 0x2}", "same = 4: 0x1"],
      ...["set(0) 8: {0x1 0x2}", "set(1) 4: 0x5", "set = 4: 0x1"],
    ]);
  },
);

testPlugin(
  "members behind a returned pointer are not reported where a caller need not write them",
  async (programs) => {
    // What the caller writes behind each call makes what it wrote in front of it superfluous.
    const told = await programs.told({
      subject: `
struct pair { int a, b; struct pair *next; };
static struct pair kept;
#define NOINLINE __attribute__((noinline))
NOINLINE struct pair *set(struct pair *p, int a) { p->a = a; return p; }
NOINLINE struct pair *next(struct pair *p) { return p->next; }
NOINLINE struct pair *read(struct pair *p) { return p->a > 5 ? p : (void *)-12L; }
NOINLINE struct pair *global(int a) { return a > 5 ? &kept : 0; }
int same(struct pair *p, struct pair *q) { return p == q; }
struct pair *self(struct pair *p) { return p; }
int run(int a)
{
	struct pair p = { 1, 0x11, 0 }, q = { 2, 0x22, &p }, r = { 6, 0x66, 0 };
	int sum = set(&p, 9) == &p;
	p.b = 0x12;
	sum += next(&q) == &p;
	p.a = a;
	p.b = a + 1;
	sum += read(&r)->b;
	r.b = a;
	kept.a = 0x31;
	kept.b = 0x32;
	sum += global(a) == &kept;
	kept.a = a;
	kept.b = a + 2;
	return sum + same(&p, &r) + p.a + p.b + r.b + kept.a + kept.b;
}
`,
      main: `int run(int); void *self(void *);
int main(void) { static int pair[4] = { 7, 8 }; self(pair); return run(0x10) == 0; }`,
    });
    const returned = told.filter((line) => line.includes(" = "))
      .map((line) => line.replace(/0x[0-9a-f]{6,}/g, "an address"));
    assert.deepEqual(returned.slice(0, -1), [
      "self = 16: {0x7 0x8 0x0}",
      ...["set = 8: an address", "next = 8: an address"],
      ...["read = 16: {0x6 0x66 0x0}", "global = 8: an address"],
    ]);
  },
);

testPlugin("what is not initialised is unknown", async (programs) => {
  const told = await programs.told({
    subject: `
__attribute__((noinline)) int taken(int a, int b) { asm volatile("" : : "r"(a)); return a; }
int pass(int a) { int nothing; return taken(a, nothing); }
int back(void) { int nothing; return nothing; }
struct pair { long a; long b; };
struct pair half(long a) { struct pair p; p.b = a; return p; }
`,
    main: `
struct pair { long a; long b; };
int pass(int), back(void);
struct pair half(long);
int main(void) { pass(1); back(); half(2); return 0; }
`,
    flags: [...BOTH, "-w"],
  });
  assert.deepEqual(told, [
    ...["pass(0) 4: 0x1", "taken(0) 4: 0x1", "taken(1) ?", "taken = 4: 0x1", "pass = 4: 0x1"],
    "back = ?",
    ...["half(0) 8: 0x2", "half = ?", "half = 8: 0x2"],
  ]);
});

testPlugin("a specialized function reports what it was called with", async (programs) => {
  const subject = `
volatile int sink;
static int add(int a) { return a + 1; }
static int sub(int a) { return a - 1; }
static __attribute__((noinline)) int apply(int (*f)(int), int a)
{
	for (int at = 0; at < 3; at++) { sink = a; a = f(a); sink = f(a + sink); }
	return a;
}
int run(int a) { return apply(add, a) + apply(sub, a); }
`;
  const flags = [...BOTH, "-O3", "-mllvm", "-force-specialization"];
  const assembly = await programs.assembly(subject, flags);
  assert.match(assembly, /^apply\.specialized\.\d+:/m, "the compiler specializes no longer");
  const told = await programs.told({
    subject,
    main: "int run(int); int main(void) { return run(0x20) == 0; }",
    flags,
  });
  const apply = told.filter((line) => line.startsWith("apply"))
    .map((line) => line.replace(/\.specialized\.\d+/, ""));
  assert.deepEqual(apply, [
    ...["apply(0) ?", "apply(1) 4: 0x20", "apply = 4: 0x23"],
    ...["apply(0) ?", "apply(1) 4: 0x20", "apply = 4: 0x1d"],
  ]);
});

testPlugin("a function that is inlined is not reported, who calls it is", async (programs) => {
  const told = await programs.told({
    subject: `
static inline __attribute__((always_inline)) int twice(int a) { return a * 2; }
static int once(int a) { return a + 1; }
int outer(int a) { return twice(a) + once(a); }
`,
    main: "int outer(int); int main(void) { return outer(5) != 16; }",
  });
  assert.deepEqual(told, ["outer(0) 4: 0x5", "outer = 4: 0x10"]);
});

testPlugin("cold code that is moved away changes nothing", async (programs) => {
  const subject = `
extern void complain(const char *, int) __attribute__((cold));
int check(int a)
{
	if (__builtin_expect(a > 100, 0)) {
		complain("high", a);
		complain("higher", a + 1);
		complain("highest", a + 2);
		return -1;
	}
	return a;
}
`;
  const flags = [...BOTH, "-mllvm", "-hot-cold-split", "-mllvm", "-hotcoldsplit-threshold=-1"];
  assert.match(await programs.assembly(subject, flags), /^check\.cold\.1:/m);
  const told = await programs.told({
    subject,
    main: `void complain(const char *s, int a) {}
int check(int); int main(void) { check(7); check(101); return 0; }`,
    flags,
  });
  assert.deepEqual(told, [
    ...["check(0) 4: 0x7", "check = 4: 0x7"],
    ...["check(0) 4: 0x65", "check = 4: 0xffffffff"],
  ]);
});
