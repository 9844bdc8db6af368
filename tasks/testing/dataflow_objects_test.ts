// SPDX-License-Identifier: MIT
/** Which functions kcov-dataflow instruments, beside what, and what it leaves in the object. */
import assert from "node:assert/strict";
import {
  BOTH,
  callsIn,
  type Form,
  notedIn,
  pluginPath,
  run,
  testPlugin,
} from "./dataflow_programs.ts";

/** Functions and the callbacks that each calls, in the order of an assembly. */
function callers(assembly: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  let current: string[] = [];
  for (const line of assembly.split("\n")) {
    const label = /^([\w.]+):/.exec(line)?.[1];
    if (label !== undefined && !label.startsWith(".L")) found[label] = current = [];
    const [, how, callback] = /\t(\w+)\t__sanitizer_cov_trace_(args|ret)\b/.exec(line) ?? [];
    if (callback !== undefined) current.push(`${how!.replace(/^call.$/, "call")} ${callback}`);
  }
  return found;
}

const CALLS = ["call args", "call ret"];

testPlugin("what must not be instrumented is not, nor what nobody wrote", async (programs) => {
  const section = (name: string) => `__attribute__((noinline, section("${name}")))`;
  const subject = `
int plain(int a) { return a + 1; }
__attribute__((no_sanitize("coverage"))) int quiet(int a) { return a + 2; }
__attribute__((disable_sanitizer_instrumentation)) int bare(int a) { return a + 3; }
__attribute__((naked)) int naked(int a) { asm("ret"); }
${section(".noinstr.text")} int noinstr(int a) { return a + 4; }
${section(".noinstr.text.more")} int more(int a) { return a + 5; }
${section(".entry.text")} int entry(int a) { return a + 6; }
${section(".cpuidle.text")} int idle(int a) { return a + 7; }
${section(".head.text")} int head(int a) { return a + 8; }
${section(".init.text")} int init(int a) { return a + 9; }
int __sanitizer_cov_trace_own(int a) { return a + 10; }
extern inline __attribute__((gnu_inline)) int elsewhere(int a) { return a + 11; }
static int unused(int a) { return a + 12; }
int (*keep)(int) = elsewhere;
int global;
int *pointer = &global;
`;
  const wanted = ["plain", "init"];
  const covered = await programs.assembly(subject, [...BOTH, "-fsanitize=kernel-address", "-w"]);
  const of = callers(covered);
  assert.ok("asan.module_ctor" in of, "KASAN registers globals");
  for (const [name, calls] of Object.entries(of)) {
    assert.deepEqual(calls, wanted.includes(name) ? CALLS : [], name);
  }
  assert.ok(Object.keys(of).length > 12);
  // Without a coverage option, clang drops the attributes, but not the sections.
  const without = callers(
    await programs.assembly(subject, [
      ...BOTH.filter((flag) => !flag.startsWith("-fsanitize-coverage")),
      "-w",
    ]),
  );
  for (const name of ["naked", "noinstr", "more", "entry", "idle", "head"]) {
    assert.deepEqual(without[name], [], name);
  }
  assert.deepEqual(without.plain, CALLS);
});

testPlugin(
  "a function of another file whose text is known is not instrumented",
  async (programs) => {
    const text = `define available_externally i32 @elsewhere(i32 %a) { ret i32 %a }
define i32 @here(i32 %a) memory(none) { ret i32 %a }
define void @nobody(i32 %a) { unreachable }
declare i32 @declared(i32)
`;
    const optimized = async (passes: string, ir: string) =>
      await run([
        ...["opt-22", `-load-pass-plugin=${await pluginPath()}`, `-passes=${passes}`],
        ...["-kcov-dataflow-args", "-kcov-dataflow-ret", "-S"],
        await programs.write("module.ll", ir),
      ]);
    const { code, out, err } = await optimized("kcov-dataflow-note,kcov-dataflow-insert", text);
    assert.equal(code, 0, err);
    const bodies = [...out.matchAll(/^define .*@(\w+)\([^]*?^}/mg)];
    assert.deepEqual(bodies.map(([, name]) => name), ["elsewhere", "here", "nobody"]);
    const called = bodies.filter(([text]) =>
      text.includes("call void @__sanitizer_cov_trace_args")
    );
    assert.deepEqual(called.map(([, name]) => name), ["here"]);
    // What calls something is no longer without effects.
    assert.doesNotMatch(out, /memory\(none\)/);
    // The notes are for the plugin alone.
    assert.doesNotMatch(out, /"kcov-dataflow"|^!kcov-dataflow/m);
    // What was not there at first is the making of a pass.
    const noted = `${text}!kcov-dataflow.noted = !{}\n`;
    assert.doesNotMatch((await optimized("kcov-dataflow-insert", noted)).out, /__sanitizer_cov/);
    // Where nothing was noted, nothing is known of what was there.
    const unknown = await optimized("kcov-dataflow-insert", text);
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /module\.ll: this IR has no notes of kcov-dataflow/);
  },
);

testPlugin("nothing comes between a musttail call and its return", async (programs) => {
  const subject = `
int other(int a);
int jump(int a) { if (a) __attribute__((musttail)) return other(a + 1); return 7; }
int only(int a) { __attribute__((musttail)) return other(a - 1); }
int tail(int a) { return other(a * 2); }
void last(int *p) { *p = 5; }
`;
  const assembly = await programs.assembly(subject);
  assert.match(assembly, /\tjmp\tother\b/);
  assert.deepEqual(callers(assembly), {
    jump: CALLS,
    only: ["call args"],
    tail: CALLS,
    last: CALLS,
  });
  const told = await programs.told({
    subject,
    main: `int other(int a) { return a; }
int jump(int), only(int), tail(int);
int main(void) { jump(0); jump(1); only(5); tail(4); return 0; }`,
  });
  assert.deepEqual(told, [
    ...["jump(0) 4: 0x0", "jump = 4: 0x7", "jump(0) 4: 0x1", "only(0) 4: 0x5"],
    ...["tail(0) 4: 0x4", "tail = 4: 0x8"],
  ]);
});

testPlugin("arguments are reported before anything else runs", async (programs) => {
  const assembly = await programs.assembly(`
int user(int *p, int a)
{
	char room[64];
	asm volatile("stac" : : "r"(room) : "memory");
	int value = *p + a;
	asm volatile("clac" ::: "memory");
	return value;
}
`);
  const [, before, within, behind] = /^user:([^]*)stac([^]*)clac([^]*?)^\.Lfunc_end/m.exec(
    assembly,
  )!;
  const calls = (text: string) => [...text.matchAll(/trace_(args|ret)\b/g)].map(([, one]) => one);
  assert.deepEqual([before, within, behind].map((text) => calls(text!)), [
    ...[["args", "args"], [], ["ret"]],
  ]);
});

const MANY = `
extern void complain(int);
struct item { int key; long value; struct item *next; char name[12]; };
struct pair { long a, b; };
static int unused(int a) { return a; }
static __attribute__((noinline)) int less(const struct item *a, const struct item *b)
{
	return a->key < b->key;
}
struct item *find(struct item *list, int key, unsigned flags)
{
	for (; list; list = list->next) {
		switch (list->key) {
		case 1: if (flags & 4) return list; break;
		case 77: complain(key); return 0;
		case 1000: if (key > 9) complain(3); break;
		}
		if (list->next && less(list, list->next)) return list->next;
	}
	return 0;
}
struct pair split(long a) { return (struct pair){ a / 10, a % 10 }; }
long join(struct pair p) { if (p.a > 3) complain(1); return p.a * 10 + p.b; }
int pick(int a) { if (a < 0) return -1; if (a > 100) { complain(a); return 5; } return a; }
void nothing(void) { complain(2); }
char *name(struct item *one) { return one->name; }
`;
const MANY_MAIN = `
void complain(int a) {}
struct item { int key; long value; struct item *next; char name[12]; };
struct pair { long a, b; };
struct item *find(struct item *, int, unsigned);
struct pair split(long);
long join(struct pair);
int pick(int);
void nothing(void);
int main(void)
{
	static struct item three = { 1, 12, 0, "three" }, two = { 1000, 11, 0, "two" },
			   one = { 5, 10, 0, "one" };
	find(&one, 3, 4);
	find(&two, 3, 4);
	find(&three, 3, 4);
	join(split(47)); pick(-4); pick(101); pick(50); nothing();
	return 0;
}
`;

const OUTLINE = [
  "-mllvm",
  "-asan-instrumentation-with-call-threshold=0",
  "-mllvm",
  "-asan-stack=0",
];
const DROP_CTORS = ["-mllvm", "-sanitizer-coverage-drop-ctors"];
/** What else a kernel asks of the compiler. */
const BESIDE: Readonly<Record<string, readonly string[]>> = {
  "nothing": [],
  "-Os": ["-Os"],
  "-O3": ["-O3"],
  "-O0": ["-O0"],
  "KASAN": ["-fsanitize=kernel-address", ...OUTLINE],
  "trace-pc-guard": ["-fsanitize-coverage=trace-pc-guard", ...DROP_CTORS],
  "trace-cmp": ["-fsanitize-coverage=trace-cmp"],
  "KASAN and guards for size": [
    ...["-fsanitize=kernel-address", ...OUTLINE, "-fsanitize-coverage=trace-pc-guard,trace-cmp"],
    ...[...DROP_CTORS, "-Os"],
  ],
};

testPlugin(
  "beside other instrumentation and at every level, the same is reported",
  async (programs) => {
    const plain = await programs.told({ subject: MANY, main: MANY_MAIN });
    assert.ok(plain.includes("pick = 4: 0xffffffff"));
    assert.ok(plain.length > 20, plain.join("\n"));
    for (const [what, flags] of Object.entries(BESIDE)) {
      const told = await programs.told({
        subject: MANY,
        main: MANY_MAIN,
        flags: [...BOTH, ...flags],
      });
      assert.deepEqual(told, plain, what);
    }
  },
);

const ARGS = ["-mllvm", "-kcov-dataflow-args"];
const RET = ["-mllvm", "-kcov-dataflow-ret"];

testPlugin(".comment counts the calls of the object", async (programs) => {
  const more = {
    ...BESIDE,
    "KASAN's stack": ["-fsanitize=kernel-address", "-mllvm", "-asan-stack=1"],
    "no debug information": ["-g0"],
    "cold code apart": ["-mllvm", "-hot-cold-split", "-mllvm", "-hotcoldsplit-threshold=-1"],
  };
  for (const [what, flags] of Object.entries(more)) {
    const elf = await programs.object(MANY, [...BOTH, ...flags]);
    const noted = notedIn(elf);
    assert.deepEqual(callsIn(elf), { args: noted.args + noted.lost, rets: noted.rets }, what);
    assert.ok(noted.args >= 8 && noted.rets >= 8, what);
    assert.equal(noted.functions, 7, what);
  }
  const whole = notedIn(await programs.object(MANY));
  assert.deepEqual([whole.tables, whole.fields], [1, 4]);
  const args = notedIn(await programs.object(MANY, ["-g", ...ARGS]));
  assert.deepEqual(args, { ...whole, functions: 6, rets: 0 });
  const rets = notedIn(await programs.object(MANY, ["-g", ...RET]));
  assert.deepEqual(rets, { ...whole, functions: 7, args: 0, lost: 0 });
  const some = notedIn(
    await programs.object(
      `
struct none { };
int two(struct none a, int b) { return b; }
int back(void) { int nothing; return nothing; }
`,
      [...BOTH, "-w"],
    ),
  );
  assert.deepEqual([some.functions, some.args, some.lost, some.rets], [2, 1, 1, 2]);
  const none = notedIn(await programs.object("int nothing;\n"));
  assert.deepEqual(Object.values(none), [0, 0, 0, 0, 0, 0]);
});

testPlugin("what is dropped behind the insertion does not count", async (programs) => {
  // That `n` is no constant is settled so late that slow() loses its last caller behind the inliner.
  const elf = await programs.object(`
int ext(int);
static __attribute__((noinline)) int slow(unsigned long n) { return n > 100 ? ext(5) : ext((int)n); }
static inline __attribute__((always_inline)) int order(unsigned long n)
{
	if (__builtin_constant_p(n))
		return slow(n);
	return (int)n >> 12;
}
int late(unsigned long n) { return order(n); }
`);
  assert.deepEqual(elf.symbols((name) => name === "slow"), []);
  const noted = notedIn(elf);
  assert.deepEqual([noted.functions, noted.args, noted.rets], [1, 1, 1]);
  assert.deepEqual(callsIn(elf), { args: 1, rets: 1 });
});

testPlugin("returns that end alike keep their calls", async (programs) => {
  const ir = await programs.write(
    "module.ll",
    `define i32 @two(i1 %which, i32 %a, ptr %p) {
  br i1 %which, label %yes, label %no
yes:
  store i32 1, ptr %p
  ret i32 %a
no:
  store i32 2, ptr %p
  ret i32 %a
}
`,
  );
  const instrumented = `${programs.dir}/instrumented.ll`;
  const { code, err } = await run([
    ...["opt-22", `-load-pass-plugin=${await pluginPath()}`, "-S", "-kcov-dataflow-ret"],
    ...["-passes=kcov-dataflow-note,kcov-dataflow-insert", ir, "-o", instrumented],
  ]);
  assert.equal(code, 0, err);
  const words = ["-O2", "-mtriple=x86_64-linux-gnu", "-o", "-", instrumented];
  const { out } = await run(["llc-22", ...words]);
  assert.equal(out.match(/callq?\t__sanitizer_cov_trace_ret\b/g)?.length, 2, out);
});

testPlugin("structures of one layout share a table, others do not", async (programs) => {
  const elf = await programs.object(`
struct one { int a; long b; };
struct same { float x; void *y; };
struct other { long a; int b; };
int of(struct one *a, struct same *b, struct other *c, const struct one *d) { return a->a + b->x + c->b + d->a; }
`);
  assert.deepEqual(notedIn(elf), {
    ...{ functions: 1, args: 4, lost: 0, rets: 1, tables: 2, fields: 4 },
  });
});

testPlugin(
  "KASAN leaves tables as they are, wherever it stands in the pipeline",
  async (programs) => {
    for (const early of [true, false]) {
      const flags = ["-fsanitize=kernel-address", "-mllvm", `-sanitizer-early-opt-ep=${early}`];
      const assembly = await programs.assembly(MANY, [...BOTH, ...flags]);
      assert.match(assembly, /\.size\t\.Lkcov_dataflow_table, 64$/m, `${early}`);
    }
  },
);

testPlugin("-kcov-dataflow-stats prints what .comment says", async (programs) => {
  const { code, err } = await programs.compile(MANY, [...BOTH, "-mllvm", "-kcov-dataflow-stats"]);
  assert.equal(code, 0);
  assert.match(
    err,
    /subject\.c: kcov-dataflow 1: functions=7 .*, not reported behind musttail 0\n$/,
  );
});

testPlugin(
  "the same input makes the same bytes, and without options those of clang",
  async (programs) => {
    const bytes = async (flags: readonly string[]) => {
      await programs.object(MANY, flags);
      return await Deno.readFile(`${programs.dir}/subject.o`);
    };
    const first = await bytes(BOTH);
    assert.deepEqual(await bytes(BOTH), first);
    const without = await bytes(["-g", "-fsanitize-coverage=trace-pc"]);
    const { code } = await run([
      ...["clang-22", "-O2", "-fno-pie", "-g", "-fsanitize-coverage=trace-pc"],
      ...["-c", "-o", "plain.o", `${programs.dir}/subject.c`],
    ], programs.dir);
    assert.equal(code, 0);
    assert.deepEqual(without, await Deno.readFile(`${programs.dir}/plain.o`));
    assert.notDeepEqual(without, first);
  },
);

testPlugin("the published forms of the callbacks say the same", async (programs) => {
  const own = await programs.told({ subject: MANY, main: MANY_MAIN });
  // They say nothing of functions without a value.
  const expected = own.filter((line) => !line.startsWith("nothing ="));
  assert.equal(expected.length, own.length - 1);
  for (const form of ["posted-pc", "posted-pointer"] as const satisfies readonly Form[]) {
    assert.deepEqual(await programs.told({ subject: MANY, main: MANY_MAIN, form }), expected, form);
  }
  const unknown = await programs.told({
    subject: "int back(void) { int nothing; return nothing; }",
    main: "int back(void); int main(void) { back(); return 0; }",
    form: "posted-pointer",
    flags: [...BOTH, "-w"],
  });
  assert.deepEqual(unknown, ["back = ?"]);
});

testPlugin(
  "the address of a weak function is that of its own code, whoever else defines it",
  async (programs) => {
    const subject = `
__attribute__((weak)) int weak(int a) { return a + 1; }
int strong(int a) { return a + 2; }
`;
    for (const form of ["posted-pc", "posted-pointer"] as const satisfies readonly Form[]) {
      const elf = await programs.object(subject, [
        ...BOTH,
        "-mllvm",
        `-kcov-dataflow-form=${form}`,
      ]);
      const text = elf.sections.findIndex(({ name }) => name === ".text");
      const named = elf.relocations(text).map(({ symbol }) => elf.symbolTable[symbol]?.name)
        .filter((name) => name === "weak" || name === "strong");
      assert.deepEqual([...new Set(named)], ["strong"], form);
    }
  },
);

testPlugin("an option that asks for what cannot be is an error", async (programs) => {
  for (
    const [option, message] of [
      ["-kcov-dataflow-fields=65", /error: -kcov-dataflow-fields=65: at most 64 members/],
      ["-kcov-dataflow-fields=many", /'many' value invalid/],
      ["-kcov-dataflow-form=other", /-kcov-dataflow-form option: Cannot find option named 'other'/],
    ] as const
  ) {
    const { code, err } = await programs.compile(MANY, [...BOTH, "-mllvm", option]);
    assert.notEqual(code, 0, option);
    assert.match(err, message, option);
  }
});
