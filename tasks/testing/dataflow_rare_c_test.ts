// SPDX-License-Identifier: MIT
/** What few C files and few command lines have: kcov-dataflow says no wrong value, or refuses. */
import assert from "node:assert/strict";
import { Elf } from "../core/inspect/elf.ts";
import { BOTH, callsIn, pluginPath, run, testPlugin } from "./dataflow_programs.ts";

/** Static objects lie where the linker has put them. */
const addressless = (line: string) => line.replace(/0x4[0-9a-f]{5}$/, "an address");

testPlugin("what has no bytes to pass keeps the others' index", async (programs) => {
  const types = `
struct gap { int : 5; unsigned : 0; };
struct nested { struct { } a[3]; union { int : 2; } b; struct gap gaps[2]; };
union nothing { };
struct flexible { struct { } a; int tail[0]; };
`;
  const told = await programs.told({
    subject: `${types}
int count(int a, struct gap g, struct nested n, union nothing u, struct flexible f, int b) { return a - b; }
struct gap gapped(int a) { struct gap g; return g; }
`,
    main: `${types}
int count(int, struct gap, struct nested, union nothing, struct flexible, int);
struct gap gapped(int);
int main(void)
{
	struct gap g; struct nested n; union nothing u; struct flexible f;
	count(9, g, n, u, f, 8);
	gapped(3);
	return 0;
}
`,
  });
  assert.deepEqual(told, [
    ...["count(0) 4: 0x9", "count(1) ?", "count(2) ?", "count(3) ?", "count(4) ?"],
    ...["count(5) 4: 0x8", "count = 4: 0x1", "gapped(0) 4: 0x3", "gapped = ?"],
  ]);
});

testPlugin("a pointer of another address space is a number", async (programs) => {
  const told = await programs.told({
    subject: `
struct pair { long a, b; };
long offset(struct pair __seg_gs *p, struct pair *q) { return (long)p; }
struct pair __seg_fs *segment(long a) { return (struct pair __seg_fs *)a; }
`,
    main: `long offset(void *, void *); void *segment(long);
int main(void) { static long pair[] = { 1, 2 }; offset(pair, pair); segment(0x40); return 0; }`,
  });
  assert.deepEqual(told.map(addressless), [
    ...["offset(0) 8: an address", "offset(1) 16: {0x1 0x2}", "offset = 8: an address"],
    ...["segment(0) 8: 0x40", "segment = 8: 0x40"],
  ]);
});

const BY_ADDRESS = `
struct big { long a, b, c; };
struct two { int a, b; };
#define MS __attribute__((ms_abi))
`;

testPlugin("an object of which the caller passes the address is no pointer", async (programs) => {
  const program = {
    subject: `${BY_ADDRESS}
MS long sum(int x, struct big b, struct two t, int y) { return b.a + b.c + t.b + x + y; }
MS long skip(int x, struct big b, int y) { return x + y; }
MS long wide(int x, __int128 w, int y) { return x + w + y; }
MS struct big make(int x) { return (struct big){ x, x + 1, x + 2 }; }
`,
    main: `${BY_ADDRESS}
MS long sum(int, struct big, struct two, int);
MS long skip(int, struct big, int);
MS long wide(int, __int128, int);
MS struct big make(int);
int main(void)
{
	sum(7, (struct big){ 1, 2, 3 }, (struct two){ 4, 5 }, 8);
	skip(1, (struct big){ 4, 5, 6 }, 2);
	wide(1, 2, 3);
	make(9);
	return 0;
}
`,
  };
  const expected = [
    ...["sum(0) 4: 0x7", "sum(1) 24: {0x1 0x2 0x3}", "sum(2) 8: 0x500000004", "sum(3) 4: 0x8"],
    ...["sum = 8: 0x18", "skip(0) 4: 0x1", "skip(1) 24: {0x4 0x5 0x6}", "skip(2) 4: 0x2"],
    ...["skip = 8: 0x3", "wide(0) 4: 0x1", "wide(1) ?", "wide(2) 4: 0x3", "wide = 8: 0x6"],
    ...["make(0) 4: 0x9", "make = 24: {0x9 0xa 0xb}"],
  ];
  assert.deepEqual(await programs.told(program), expected);
  const withoutTypes = expected.map((line) => line.replace(/ 24: .*/, " ?"));
  const flags = BOTH.filter((flag) => flag !== "-g");
  assert.deepEqual(await programs.told({ ...program, flags }), withoutTypes);
});

testPlugin("-mregparm= passes what the callbacks expect in registers", async (programs) => {
  for (const count of [1, 2, 3]) {
    // The same calls by clang: constants in the registers and pushes of one follow from the types.
    const flags = ["-m32", "-ffreestanding", `-mregparm=${count}`, "-fno-pic"];
    const registers = (assembly: string) =>
      assembly.split("\n").flatMap((line) =>
        /\t(?:movl|xorl)\t.*(%e[acd]x)$|\t(?:push|call)l\t/.exec(line)?.slice(0, 2) ?? []
      ).map((one) => one?.replace(/\$?\w+(?=, %)|(?<=pushl\t).*/, "…"));
    const callback =
      "void __sanitizer_cov_trace_ret(unsigned, unsigned long long, void *, unsigned);";
    const plain = await programs.assembly(
      `${callback} int f(void) { __sanitizer_cov_trace_ret(4, 77, (void *)0, 0); return 77; }`,
      flags,
    );
    const ours = await programs.assembly("int f(void) { return 77; }", [
      ...flags,
      ...["-mllvm", "-kcov-dataflow-ret"],
    ]);
    assert.deepEqual(registers(ours), registers(plain), `${count}`);
  }
});

testPlugin("no outliner takes calls out of their function", async (programs) => {
  const names = ["one", "two", "three", "four", "five"];
  const subject = names.map((name, at) =>
    `int ${name}(int a, int b, int c) { asm volatile("${"nop;".repeat(at + 1)}"); return a; }\n`
  ).join("");
  const main = `${names.map((name) => `int ${name}(int, int, int);`).join(" ")}
int main(void) { ${names.map((name) => `${name}(1, 2, 3);`).join(" ")} return 0; }`;
  const plain = await programs.told({ subject, main });
  const outlined = await programs.told({
    subject,
    main,
    flags: [...BOTH, "-mllvm", "-ir-outliner"],
  });
  assert.deepEqual(outlined, plain);
  // For this processor, clang does so of its own accord where size matters most.
  const flags = [...BOTH, "--target=aarch64-linux-gnu", "-ffreestanding", "-Oz"];
  const assembly = await programs.assembly(subject, flags);
  assert.doesNotMatch(assembly, /OUTLINED_FUNCTION/);
  assert.equal(assembly.match(/\tbl\t__sanitizer_cov_trace_args/g)?.length, 3 * names.length);
});

testPlugin("what is optimized when it is linked is refused", async (programs) => {
  for (const flag of ["-flto", "-flto=thin", "-ffat-lto-objects"]) {
    const flags = [...BOTH, "-flto", flag];
    const { code, err } = await programs.compile("int f(int a) { return a; }", flags);
    assert.equal(code, 1);
    assert.match(err, /^error: kcov-dataflow cannot instrument .*\(-flto\)/m, flag);
  }
  const off = ["-flto", "-g"];
  assert.equal((await programs.compile("int f(int a) { return a; }", off)).code, 0);
});

testPlugin("a plugin that is named twice inserts once", async (programs) => {
  const object = async (flags: readonly string[]) => {
    const { code, err } = await programs.compile("int f(int a) { return a; }", flags);
    assert.equal(code, 0, err);
    return await Deno.readFile(`${programs.dir}/subject.o`);
  };
  const once = await object(BOTH);
  assert.deepEqual(await object([...BOTH, `-fpass-plugin=${await pluginPath()}`]), once);
});

testPlugin("IR that was instrumented is not instrumented again", async (programs) => {
  const text = "int f(int a) { return a; }";
  const made = ["-emit-llvm", "-S", "-o", "module.ll"];
  assert.equal((await programs.compile(text, BOTH, made)).code, 0);
  const compiled = async (flags: readonly string[]) =>
    await run([
      ...["clang-22", "-O2", `-fpass-plugin=${await pluginPath()}`, ...flags],
      ...["-c", `${programs.dir}/module.ll`, "-o", `${programs.dir}/again.o`],
    ]);
  const { code, err } = await compiled(BOTH);
  assert.equal(code, 1);
  assert.match(err, /error: .*subject\.c: this IR has calls of kcov-dataflow already/);
  const plain = await compiled([]);
  assert.equal(plain.code, 0, plain.err);
  const elf = new Elf(await Deno.readFile(`${programs.dir}/again.o`), "again.o");
  assert.deepEqual(callsIn(elf), { args: 1, rets: 1 });
  for (const passes of ["kcov-dataflow-note,kcov-dataflow-insert", "kcov-dataflow-insert"]) {
    const again = await run([
      ...["opt-22", `-load-pass-plugin=${await pluginPath()}`, `-passes=${passes}`],
      ...["-kcov-dataflow-args", "-S", `${programs.dir}/module.ll`, "-o", "/dev/null"],
    ]);
    assert.equal(again.code, 1, passes);
    assert.match(again.err, /has calls of kcov-dataflow already/, passes);
  }
});

testPlugin(
  "a slot holds all of a value, and one serves all that are not wider",
  async (programs) => {
    const text = `
__int128 wide(__int128 a, int b, long c) { return a + b + c; }
typedef int vector __attribute__((vector_size(16)));
vector four(vector v) { return v + v; }
`;
    const flags = [...BOTH, "-mllvm", "-kcov-dataflow-form=posted-pointer"];
    const { code, out, err } = await programs.compile(text, flags, ["-emit-llvm", "-S", "-o", "-"]);
    assert.equal(code, 0, err);
    const slots = [...out.matchAll(/^define .*@(\w+)\([^]*?^}/mg)].map(([body, name]) => [
      name,
      [...body.matchAll(/ = alloca (i\d+)/g)].map(([, type]) => type).sort(),
      [...body.matchAll(/ store (i\d+) /g)].map(([, type]) => type),
    ]);
    assert.deepEqual(slots, [
      ["wide", ["i128", "i128", "i64"], ["i128", "i64", "i64", "i128"]],
      ["four", ["i128", "i128"], ["i128", "i128"]],
    ]);
  },
);

testPlugin("an assembler of its own gets no options of the plugin", async (programs) => {
  const words = BOTH.flatMap((flag) => /^-mllvm$|^-kcov/.test(flag) ? ["-Xclang", flag] : [flag]);
  const elf = await programs.object("int f(int a) { return a; }", [...words, "-save-temps=obj"]);
  assert.deepEqual(callsIn(elf), { args: 1, rets: 1 });
});

/** What a kernel or its fragments pass, beside what other tests have. */
const KERNEL_FLAGS: readonly (readonly string[])[] = [
  ["-fcf-protection=branch", "-mharden-sls=all"],
  ["-mretpoline", "-fpatchable-function-entry=16,16"],
  ["-pg", "-mfentry"],
  ["-ftrivial-auto-var-init=zero", "-fzero-call-used-regs=used-gpr", "-fstack-protector-strong"],
  ["-mno-red-zone", "-mstack-alignment=8", "-mskip-rax-setup", "-fstrict-flex-arrays=3"],
  ["-fsanitize=undefined", "-fsanitize-trap=all", "-fno-omit-frame-pointer"],
  ["-Xclang", "-fmerge-functions", "-Oz"],
  ["-fno-plt", "-fPIC", "-mcmodel=large"],
];

const CONSTRUCTS = `
#include <setjmp.h>
typedef union { int *i; long *l; } either_t __attribute__((transparent_union));
struct bits { _Bool on : 1; int s : 3; unsigned long wide : 40; };
struct packed { char c; long l : 61; int x; } __attribute__((packed));
struct aligned { int a; } __attribute__((aligned(64)));
static jmp_buf buffer;
static int implementation(int a) { return a + 77; }
static void *resolver(void) { return implementation; }
int resolved(int a) __attribute__((ifunc("resolver")));
__attribute__((weak)) int weak(int a) { return a + 1; }
int alias(int a) __attribute__((alias("weak")));
long either(either_t e, int b) { return *e.i + b; }
int bits(struct bits s, struct bits *p, int b) { return s.s + p->s + b; }
long packed(struct packed s, int b) { return s.l + b; }
int aligned(struct aligned s, int b) { return s.a + b; }
int vla(int n, int m, int a[n][m], int b) { return a[1][1] + b; }
_Complex double complex(_Complex double c, int b) { return c + b; }
int again(int a) { volatile int kept = a; if (setjmp(buffer)) return kept; kept++; longjmp(buffer, 1); }
int computed(int a)
{
	static void *labels[] = { &&x, &&y };
	if (a > 1) return -1;
	goto *labels[a];
x:	return 10;
y:	return 11;
}
int gone(int a)
{
	int r;
	asm goto("mov %1, %0; test %0, %0; jz %l2" : "=&r"(r) : "r"(a) : "cc" : out);
	return r;
out:	return r - 1;
}
int stack(int n, struct aligned s, int b) 
{
	char v[n];
	struct aligned copy = s;
	asm volatile("" : : "r"(v), "r"(&copy) : "memory");
	return copy.a + b;
}
__attribute__((preserve_most)) int most(int a, int b) { return a + b; }
int loops(int n, int sum) { return n ? loops(n - 1, sum + n) : sum; }
`;
const CONSTRUCTS_MAIN = `
struct bits { _Bool on : 1; int s : 3; unsigned long wide : 40; };
struct packed { char c; long l : 61; int x; } __attribute__((packed));
struct aligned { int a; } __attribute__((aligned(64)));
int resolved(int), weak(int), alias(int), bits(struct bits, struct bits *, int), aligned(struct aligned, int);
long either(int *, int), packed(struct packed, int);
int vla(int, int, int *, int), again(int), computed(int), gone(int), stack(int, struct aligned, int);
_Complex double complex(_Complex double, int);
__attribute__((preserve_most)) int most(int, int);
int loops(int, int);
int main(void)
{
	static int three = 3, numbers[] = { 1, 2, 3, 4 };
	static struct bits b = { 1, -1, 0x1234567890 };
	resolved(4); weak(1); alias(2); either(&three, 5); bits(b, &b, 5);
	packed((struct packed){ 1, 0x123456789abcdef, 7 }, 5); aligned((struct aligned){ 9 }, 5);
	vla(2, 2, numbers, 5); complex(__builtin_complex(1.0, 2.0), 5); again(6); computed(1); computed(2);
	gone(0); gone(4); stack(8, (struct aligned){ 9 }, 6); most(1, 2); loops(3, 0);
	return 0;
}
`;

testPlugin("rare constructs are reported alike with every flag of a kernel", async (programs) => {
  const told = async (flags: readonly string[]) => {
    const program = { subject: CONSTRUCTS, main: CONSTRUCTS_MAIN };
    const lines = await programs.told({ ...program, flags: [...BOTH, "-w", ...flags] });
    return lines.map((line) => addressless(line).replace(/^weak/, "alias"));
  };
  const plain = await told([]);
  assert.deepEqual(plain, [
    ...["implementation(0) 4: 0x4", "implementation = 4: 0x51"],
    ...["alias(0) 4: 0x1", "alias = 4: 0x2", "alias(0) 4: 0x2", "alias = 4: 0x3"],
    ...["either(0) 8: an address", "either(1) 4: 0x5", "either = 8: 0x8"],
    ...["bits(0) 8: 0x1234567890f", "bits(1) 8: {0xf 0xf 0x1234567890f}", "bits(2) 4: 0x5"],
    ...["bits = 4: 0x3", "packed(0) 13: {0x1 0x123456789abcdef 0x7}", "packed(1) 4: 0x5"],
    ...["packed = 8: 0x123456789abcdf4", "aligned(0) 64: {0x9}", "aligned(1) 4: 0x5"],
    ...["aligned = 4: 0xe", "vla(0) 4: 0x2", "vla(1) 4: 0x2", "vla(2) 8: an address"],
    ...["vla(3) 4: 0x5", "vla = 4: 0x9"],
    ...["complex(0) 8: 0x3ff0000000000000", "complex(0) 8: 0x4000000000000000"],
    ...["complex(1) 4: 0x5", "complex = 8: 0x4018000000000000", "complex = 8: 0x4000000000000000"],
    ...["again(0) 4: 0x6", "again = 4: 0x7", "computed(0) 4: 0x1", "computed = 4: 0xb"],
    ...["computed(0) 4: 0x2", "computed = 4: 0xffffffff", "gone(0) 4: 0x0"],
    ...["gone = 4: 0xffffffff", "gone(0) 4: 0x4", "gone = 4: 0x4", "stack(0) 4: 0x8"],
    ...["stack(1) 64: {0x9}", "stack(2) 4: 0x6", "stack = 4: 0xf", "most(0) 4: 0x1"],
    ...["most(1) 4: 0x2", "most = 4: 0x3", "loops(0) 4: 0x3", "loops(1) 4: 0x0", "loops = 4: 0x6"],
  ]);
  for (const flags of KERNEL_FLAGS) assert.deepEqual(await told(flags), plain, flags.join(" "));
});
