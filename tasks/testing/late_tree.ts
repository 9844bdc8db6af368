// SPDX-License-Identifier: MIT
/**
 * Files of a small kernel tree, compiled as make does for the variants of a kernel: with late
 * instrumentation, over the real ccache, clang and opt, and plainly.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import type { Command } from "../host/host.ts";
import { FakeHost } from "./fake_host.ts";
import { withTempDir } from "./temp_dir.ts";
import { pathsFor } from "../core/model/paths.ts";
import type { LateChoice } from "../core/model/model.ts";
import { parseCcacheLog } from "../core/build/ccache_log.ts";
import { compilerCache } from "../steps/compiler_cache.ts";
import { lateUse, withLateInstrumentation } from "../steps/late_instrumentation.ts";

export const TOOLCHAIN = { id: "clang-22", llvm: "-22" };
const PROGRAMS = ["ccache", "clang-22", "opt-22"];
export const CAN_COMPILE = PROGRAMS.every((program) =>
  (Deno.env.get("PATH") ?? "").split(":").some((folder) => existsSync(`${folder}/${program}`))
);
const TEXT = new TextDecoder();

/** By the names of their cells: what kbuild gives the compiler for a file that is instrumented. */
export const VARIANTS = {
  "kcov": ["-fsanitize-coverage=trace-pc"],
  "kcov-cmp": ["-fsanitize-coverage=trace-pc", "-fsanitize-coverage=trace-cmp"],
  "kcov-unique": ["-fsanitize-coverage=trace-pc-guard", "-mllvm", "-sanitizer-coverage-drop-ctors"],
  "kcov-unique-cmp": [
    "-fsanitize-coverage=trace-pc-guard,trace-cmp",
    "-mllvm",
    "-sanitizer-coverage-drop-ctors",
  ],
} as const;
export type Variant = keyof typeof VARIANTS;

export const FILES = {
  "include/linux/kconfig.h": "#include <generated/autoconf.h>\n",
  "include/linux/twice.h": `static inline int twice(int a)
{
	return a > 3 ? a * 2 : a + a;
}
`,
  "kernel/a.c": `#include <linux/twice.h>
int outer(const char *name);
__attribute__((no_sanitize("coverage"))) int quiet(int a)
{
	return a > 5 ? twice(a) : 7;
}
int loop(int n, unsigned long wide)
{
	int sum = 0;
	for (int at = 0; at < n; at++)
		sum += wide == 0x1234567812345678UL ? twice(at) : outer("loop");
	switch (n) {
	case 1: return sum;
	case 77: return -sum;
	case 1000: return quiet(sum);
	}
	return sum > quiet(n);
}
`,
  // Without the inliner nobody knows that slow() is not called; guards keep it all the same.
  "kernel/dead.c": `int ext(int);
static __attribute__((noinline)) int slow(unsigned long n)
{
	return n > 100 ? ext(5) : ext((int)n);
}
static inline __attribute__((always_inline)) int order(unsigned long n)
{
	if (__builtin_constant_p(n)) {
		if (n == 3)
			return slow(n);
	}
	return (int)n >> 12;
}
int dead(unsigned long n)
{
	return order(n);
}
`,
  "kernel/blob.c": `asm(".section .rodata\\n.incbin \\"blob\\"\\n.text\\n");
int blob(int a) { return a ? 1 : 2; }
`,
  "kernel/macro.c": "int macro(int a) { return a ? HAS : 2; }\n",
  "kernel/looks.c": `#ifdef CONFIG_KCOV_UNIQUE
int unique(int a) { return a ? 1 : 2; }
#else
int classic(int a) { return a ? 3 : 4; }
#endif
`,
  "include/uapi/linux/hidden.h": "#define LIMIT 10\n",
  "kernel/hidden.c": "#include <linux/hidden.h>\nint hidden(int a) { return a > LIMIT ? 1 : 0; }\n",
  "kernel/size.c": `#ifdef CONFIG_BIG
int size(int a) { return a > 1000 ? 1 : 0; }
#else
int size(int a) { return a > 10 ? 1 : 0; }
#endif
`,
  "kernel/warns.c": "int warns(int a)\n{\n\tint unused = a;\n\treturn a ? 1 : 2;\n}\n",
  "kernel/frame.c": `void fill(char *);
void frame(void)
{
	char big[9000];
	fill(big);
}
`,
  "kernel/broken.c": "int broken(int a)\n{\n\treturn b;\n}\n",
};

function flagsOf(variant: string): readonly string[] {
  return VARIANTS[variant as Variant] ?? [];
}

/** A source, and build folders of its variants beside each other. */
export class Tree {
  readonly dir: string;
  /** Lines of .config, and the compiler's plugin that its kernel is built with. */
  kernel: { readonly dotConfig: string; readonly plugin?: string; readonly compiler?: string } = {
    dotConfig: "CONFIG_KCOV=y\n",
  };

  constructor(dir: string) {
    this.dir = dir;
  }

  static async make(dir: string): Promise<Tree> {
    const tree = new Tree(dir);
    for (const [name, text] of Object.entries(FILES)) await tree.write(name, text);
    return tree;
  }

  get source(): string {
    return `${this.dir}/.cache/sources/linux`;
  }

  build(variant: string): string {
    return `${this.dir}/.cache/builds/${variant}`;
  }

  /** Older than any compilation: ccache does not trust headers that come with it. */
  async write(name: string, text: string): Promise<void> {
    await this.#put(`${this.source}/${name}`, text);
  }

  /** As syncconfig leaves it. */
  async configure(variant: string, more = ""): Promise<void> {
    const options = [
      "#define CONFIG_KCOV 1",
      ...(/unique/.test(variant) ? ["#define CONFIG_KCOV_UNIQUE 1"] : []),
      ...(/cmp/.test(variant) ? ["#define CONFIG_KCOV_ENABLE_COMPARISONS 1"] : []),
    ];
    const text = `${options.join("\n")}\n${more}`;
    await this.#put(`${this.build(variant)}/include/generated/autoconf.h`, text);
    await Deno.mkdir(`${this.build(variant)}/kernel`, { recursive: true });
    await Deno.symlink(this.source, `${this.build(variant)}/source`).catch(() => {});
  }

  async #put(path: string, text: string): Promise<void> {
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, text);
    await Deno.utime(path, 1_700_000_000, 1_700_000_000);
  }

  /** As kbuild and core/build/make.ts give them. */
  words(variant: string, file: string, flags: readonly string[]): string[] {
    const object = file.replace(/\.c$/, ".o");
    return [
      ...[`-Wp,-MMD,${object.replace("/", "/.")}.d`, "-nostdinc", `-I${this.source}/include`],
      ...[
        `-I${this.source}/include/uapi`,
        "-I./include",
        "-include",
        `${this.source}/include/linux/kconfig.h`,
        "-D__KERNEL__",
      ],
      ...["-std=gnu11", "-fno-PIE", "-mcmodel=kernel", "-mno-red-zone", "-Os", "-Wall"],
      ...["-Wframe-larger-than=2048", "-Werror=unused-command-line-argument"],
      ...["-gline-tables-only", `-ffile-prefix-map=${this.source}/=`],
      ...[`-ffile-prefix-map=${this.build(variant)}=.`, ...flags],
      ...[`-DKBUILD_MODNAME="a"`, "-c", "-o", object, `${this.source}/${file}`],
    ];
  }

  /** What the environment of make is for a variant. */
  async env(variant: string, choice: LateChoice = "on"): Promise<Record<string, string>> {
    const paths = pathsFor(this.dir, null, null);
    const host = this.host();
    const config = {
      toolchain: TOOLCHAIN,
      buildDir: this.build(variant),
      source: { kernelId: "linux", path: this.source },
      ...this.kernel,
    };
    const late = await withLateInstrumentation(
      await compilerCache(config, paths, host),
      ...[config, this.kernel.dotConfig, choice, paths, host] as const,
    );
    return { ...late!.env };
  }

  /** Runs what it is given. */
  host(): FakeHost {
    const run = async ({ argv: [program, ...args], cwd = this.dir }: Command) => {
      const { code, stdout, stderr } = await new Deno.Command(program!, { args, cwd }).output();
      const [out, err] = [stdout, stderr].map((bytes) => TEXT.decode(bytes)) as [string, string];
      return { code, stdout: out, stderr: err, endless: false };
    };
    const variables: Record<string, string> = { PATH: Deno.env.get("PATH")! };
    return Object.assign(new FakeHost(), { run, env: (name: string) => variables[name] });
  }

  /** Compiles as make does in the variant's build folder. */
  async compile(
    variant: string,
    file: string,
    { flags = flagsOf(variant), env = {} }: {
      readonly flags?: readonly string[];
      readonly env?: Record<string, string>;
    } = {},
  ): Promise<Compiled> {
    return await this.#run(variant, file, flags, { ...await this.env(variant), ...env });
  }

  /** What clang alone makes of it, in a folder that is just like the variant's. */
  async plain(variant: string, file: string, flags = flagsOf(variant)) {
    const aside = `${this.dir}/.cache/builds/plain`;
    await Deno.remove(aside, { recursive: true }).catch(() => {});
    await Deno.rename(this.build(variant), aside);
    try {
      await new Deno.Command("cp", { args: ["-a", aside, this.build(variant)] }).output();
      return await this.#run(variant, file, flags, {});
    } finally {
      await Deno.remove(this.build(variant), { recursive: true });
      await Deno.rename(aside, this.build(variant));
    }
  }

  async #run(
    variant: string,
    file: string,
    flags: readonly string[],
    env: Record<string, string>,
  ): Promise<Compiled> {
    const build = this.build(variant);
    const object = `${build}/${file.replace(/\.c$/, ".o")}`;
    const list = object.replace(/([^/]*)$/, ".$1.d");
    for (const one of [object, list]) await Deno.remove(one).catch(() => {});
    const { code, stderr } = await new Deno.Command("sh", {
      args: ["-c", 'exec clang-22 "$@"', "sh", ...this.words(variant, file, flags)],
      ...{ cwd: build, env },
    }).output();
    const depends = await Deno.readTextFile(list).catch(() => "");
    return {
      code,
      stderr: TEXT.decode(stderr).replaceAll(`${this.source}/`, "source/"),
      object: await Deno.readFile(object).catch(() => null),
      // What is named may be the link or what it leads to: make follows either. Of the reduced
      // autoconf.h, fixdep looks at the end of the path.
      depends: depends.replaceAll(`${this.source}/`, "source/").replaceAll("kmatrix-late/", "")
        .split(/[\s\\]+/).filter(Boolean),
    };
  }

  /** How many objects ccache has had, of what was compiled last. */
  async hits(variant: string): Promise<number> {
    const log = `${this.build(variant)}/kmatrix-ccache.log`;
    const { hits } = parseCcacheLog(await Deno.readTextFile(log).catch(() => ""));
    await Deno.remove(log).catch(() => {});
    return hits;
  }

  async use(variant: string) {
    return (await lateUse(this.build(variant), this.host())).lateUse;
  }
}

export interface Compiled {
  readonly code: number;
  readonly stderr: string;
  readonly object: Uint8Array | null;
  readonly depends: readonly string[];
}

/** Compares without printing two objects. */
export function assertSame(late: Compiled, plain: Compiled, what: string): void {
  assert.deepEqual([late.code, late.stderr], [plain.code, plain.stderr], what);
  assert.deepEqual(late.depends, plain.depends, what);
  const same = late.object === null || plain.object === null
    ? late.object === plain.object
    : late.object.length === plain.object.length &&
      late.object.every((byte, at) => byte === plain.object![at]);
  assert.ok(same, `${what}: another object`);
}

export function testLate(name: string, body: (tree: Tree) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !CAN_COMPILE,
    fn: () => withTempDir(async (dir) => await body(await Tree.make(dir))),
  });
}
