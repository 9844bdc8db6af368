// SPDX-License-Identifier: MIT
/** Over an image that clang compiles and links, as a kernel has its debug information. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { bytesOf, type CType, type FunctionType } from "../core/dataflow/types.ts";
import { Elf } from "../core/inspect/elf.ts";
import { KmatrixError } from "../core/model/errors.ts";
import type { Child, Command } from "../host/host.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { functionTypes } from "./function_types.ts";
import { imageSymbols } from "./image_symbols.ts";

const TOOLCHAIN = { llvm: "-22" };
const PROGRAMS = ["clang-22", "ld.lld-22", "llvm-dwarfdump-22"];
const CAN_COMPILE = PROGRAMS.every((program) =>
  (Deno.env.get("PATH") ?? "").split(":").some((folder) => existsSync(`${folder}/${program}`))
);

const FILES = {
  "seek.c": `typedef unsigned int u32;
typedef unsigned char u8;
typedef unsigned short umode_t;
enum whence { SET, CUR, END = 7 };
struct inner { long first; long second; };
struct empty {};
struct file {
	u32 flags;
	umode_t mode;
	u32 low:3, high:5;
	const char *name;
	void (*release)(struct file *);
	char tag[16];
	u8 bytes[2][2];
	struct inner inner;
	struct empty nothing;
	enum whence whence;
	union { int a; long b; };
	struct file *next;
	long rest[];
};
struct unknown;
struct pair { long a; int b; };
extern int outside(struct file *file, long offset);
static __attribute__((noinline)) int check(int unused, umode_t mode)
{
	return outside(0, mode) ? -22 : 0;
}
static inline int twice(const struct file *const *files, int count)
{
	return outside((struct file *)files[count], 2 * count);
}
int seek(struct file *file, long offset, enum whence whence, _Bool force, char c,
	 struct unknown *unknown)
{
	return check(1, file->mode) + twice((const struct file *const *)&file, offset + c);
}
int (*address(void))(const struct file *const *, int) { return twice; }
struct pair both(struct pair p, const void *data) { p.b++; return p; }
void nothing(volatile u8 *at) { *at = 1; }
`,
  "other.c": `struct file;
int outside(struct file *file, long offset) { return offset > 3; }
const int table[4] = { 1, 2, 3, 4 };
`,
} as const;

/** A child of this machine. */
function spawned({ argv }: Command): Child {
  const [program, ...args] = argv;
  try {
    const child = new Deno.Command(program!, { args, stdout: "piped", stderr: "null" }).spawn();
    const exit = child.status.then(({ code }) => code);
    return { stdout: child.stdout, exit, kill: () => child.kill() };
  } catch {
    return { stdout: new Blob().stream(), exit: Promise.resolve(127), kill: () => {} };
  }
}

async function compile(dir: string, ...flags: readonly string[]): Promise<string> {
  const run = async (program: string, ...args: readonly string[]) => {
    const { code, stderr } = await new Deno.Command(program, { args: [...args], cwd: dir })
      .output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  };
  const code = ["-O2", "-funsigned-char", "-mcmodel=kernel", "-fno-pic", "-c"];
  for (const [name, text] of Object.entries(FILES)) {
    await Deno.writeTextFile(`${dir}/${name}`, text);
    await run("clang-22", ...code, ...flags, name, "-o", `${name}.o`);
  }
  const objects = Object.keys(FILES).map((name) => `${name}.o`);
  await run("ld.lld-22", "-Ttext=0xffffffff81000000", "-e", "seek", ...objects, "-o", "image");
  return `${dir}/image`;
}

function addressesIn(image: string): (name: string) => bigint {
  const symbols = new Elf(Deno.readFileSync(image), image).symbolTable;
  return (name) => {
    const found = symbols.find((symbol) => symbol.name === name);
    assert.ok(found, name);
    return BigInt.asUintN(64, BigInt(found.value));
  };
}

const shown = ({ name, parameters, returns }: FunctionType) =>
  `${returns?.text ?? "void"} ${name}(${
    parameters.map(({ name, type }) => `${type?.text} ${name}`).join(", ")
  })`;

Deno.test({
  name: "functionTypes() reads names and types of functions from what clang has written",
  ignore: !CAN_COMPILE,
  fn: () =>
    withTempDir(async (dir) => {
      const image = await compile(dir, "-g");
      const at = addressesIn(image);
      const names = ["seek", "check", "twice", "both", "nothing", "outside", "address"];
      const host = new FakeHost({ spawn: spawned });
      const wanted = names.map((name) => at(name) + 1n);
      const types = await functionTypes(image, [...wanted, 0x10n], TOOLCHAIN, host);
      assert.deepEqual(wanted.map((address) => shown(types.get(address)!)), [
        "int seek(struct file * file, long offset, enum whence whence, _Bool force, char c, " +
        "struct unknown * unknown)",
        "int check(int unused, umode_t mode)",
        "int twice(const struct file *const * files, int count)",
        "struct pair both(struct pair p, const void * data)",
        "void nothing(volatile u8 * at)",
        "int outside(struct file * file, long offset)",
        "int (*)(const struct file *const *, int) address()",
      ]);
      assert.equal(types.size, names.length);
      assert.equal(host.commands.length, 3, "a call for all units, and one a unit");
      const seek = types.get(wanted[0]!)!;
      checkFields(seek.parameters[0]!.type!);
      const [, , whence, force, c, unknown] = seek.parameters.map(({ type }) => type!.shape);
      assert.deepEqual(whence?.kind === "enumeration" && [...whence.names], [
        ...[[0n, "SET"], [1n, "CUR"], [7n, "END"]],
      ]);
      assert.deepEqual([force?.kind, c?.kind], ["boolean", "character"]);
      const object = unknown?.kind === "pointer" ? unknown.object()?.shape : undefined;
      assert.equal(object?.kind === "structure" && object.isKnown, false);
    }),
});

/** As the plugin makes its tables: members with a size, in their order. */
function checkFields({ shape }: CType): void {
  const file = shape.kind === "pointer" ? shape.object()! : null;
  assert.ok(file?.shape.kind === "structure" && file.shape.isKnown);
  const members = file.shape.members();
  assert.deepEqual(
    members.map(({ name, type, bitAt, bits }) => `${name} ${type.text} ${bitAt}+${bits}`),
    [
      ...["flags u32 0+32", "mode umode_t 32+16", "low u32 48+3", "high u32 51+5"],
      ...["name const char * 64+64", "release void (*)(struct file *) 128+64"],
      ...["tag char[16] 192+128", "bytes u8[2][2] 320+32", "inner struct inner 384+128"],
      ...["whence enum whence 512+32", " union {…} 576+64", "next struct file * 640+64"],
    ],
  );
  assert.equal(bytesOf(file), 88);
  const kinds = members.map(({ type: { shape } }) =>
    shape.kind === "array" && shape.element.shape.kind
  );
  assert.deepEqual([kinds[6], kinds[7]], ["character", "integer"], "u8 is no text");
}

Deno.test({
  name:
    "functionTypes() gives functions of line tables no types, and none without debug information",
  ignore: !CAN_COMPILE,
  fn: () =>
    withTempDir(async (dir) => {
      const host = new FakeHost({ spawn: spawned });
      for (const flags of [["-gline-tables-only"], []]) {
        const image = await compile(dir, ...flags);
        const address = addressesIn(image)("seek");
        const found = await functionTypes(image, [address], TOOLCHAIN, host);
        assert.equal(found.size, 0, flags.join(" "));
      }
      await assert.rejects(
        functionTypes(`${dir}/seek.c`, [1n], TOOLCHAIN, host),
        (error: unknown) => error instanceof KmatrixError && error.id === "symbolizer-failed",
      );
      await assert.rejects(
        functionTypes(`${dir}/seek.c`, [1n], { llvm: `${dir}/` }, host),
        (error: unknown) => error instanceof KmatrixError && error.id === "missing-tool",
      );
    }),
});

Deno.test({
  name: "imageSymbols() names what lies at an address, and nothing between symbols",
  ignore: !CAN_COMPILE,
  fn: () =>
    withTempDir(async (dir) => {
      const image = await compile(dir);
      const at = addressesIn(image);
      const symbolAt = await imageSymbols(image, new FakeHost());
      assert.equal(symbolAt(at("seek")), "seek");
      assert.equal(symbolAt(at("seek") + 4n), "seek+0x4");
      assert.equal(symbolAt(at("table") + 12n), "table+0xc");
      assert.equal(symbolAt(at("table") + 16n), null);
      assert.equal(symbolAt(0x10n), null);
      assert.equal(symbolAt(0xffffffff90000000n), null);
    }),
});
