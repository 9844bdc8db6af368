// SPDX-License-Identifier: MIT
/**
 * What the plugin reports of a program in user space, as the tree that `deno task dataflow` prints:
 * records, names of symbols, types of debug information and values together.
 */
import assert from "node:assert/strict";
import { DATAFLOW_BAD, type DataflowRecord } from "../../selftests/contract/dataflow.ts";
import { callTree } from "../core/dataflow/call_tree.ts";
import { dataflowReport } from "../core/dataflow/describe.ts";
import { treeLines } from "../core/dataflow/tree_text.ts";
import type { Child, Command, CommandResult } from "../host/host.ts";
import { imageSymbols } from "../steps/image_symbols.ts";
import { tracedFunctions } from "../steps/traced_functions.ts";
import { testPlugin } from "./dataflow_programs.ts";
import { FakeHost } from "./fake_host.ts";

const SUBJECT = `typedef unsigned short umode_t;
enum whence { SET, CUR, END };
struct inode { long size; char name[12]; unsigned low:3, high:6; };
struct file;
struct file_operations { long (*llseek)(struct file *, long, int); };
struct empty {};
struct file {
	unsigned f_flags;
	umode_t f_mode;
	struct empty nothing;
	struct inode *inode;
	const struct file_operations *ops;
	_Bool locked;
	enum whence whence;
	struct { int a, b; } both;
	union { int u; long l; };
	unsigned char bytes[4];
	long rest[];
};
struct pair { long start; int count; };
struct big { long x[5]; int end; };
#define NOINLINE __attribute__((noinline))
#define STAYS __asm__ volatile("")
NOINLINE int limit(void) { STAYS; return 2; }
NOINLINE long check(struct file *file, long offset, enum whence whence, umode_t mode, char c)
{
	__asm__ volatile("" :: "r"(file), "r"((int)mode), "r"((int)c));
	return whence > limit() ? -22 : offset;
}
NOINLINE struct pair range(struct pair p, struct inode *i) { STAYS; p.count += i->size; return p; }
NOINLINE struct big grown(struct big b) { __asm__ volatile("" ::: "memory"); b.end++; return b; }
NOINLINE void *find(struct inode *none) { STAYS; return none ? none : (void *)-2L; }
NOINLINE int down(int n) { STAYS; return n < 1 ? 0 : 1 + down(n - 1) * 2; }
static long own_llseek(struct file *file, long offset, int whence)
{
	return check(file, offset, whence, 0644, 'x');
}
const struct file_operations operations = { own_llseek };
NOINLINE long vfs_llseek(struct file *file, long offset, int whence)
{
	STAYS;
	return file->ops->llseek(file, offset, whence);
}
long seek(int fd, long offset, int whence)
{
	struct inode inode = { 7, "init", 5, 33 };
	struct file file = { 0x8000, 0100644, {}, &inode, &operations, 1, CUR, { 1, -2 }, { .l = 3 }, "ab" };
	struct pair p = range((struct pair){ 1, 2 }, &inode);
	struct big b = grown((struct big){ { 1, 2 }, 3 });
	if (find((void *)0) == (void *)-2L && down(2) == 3)
		return vfs_llseek(&file, offset, whence + p.count - b.end - 5);
	return 0;
}
`;
const MAIN = `long seek(int fd, long offset, int whence);
int main(void) { return seek(5, 0x123456, 77) != -22; }
`;

const FILE = "f_flags=0x8000, f_mode=0100644, inode=0xADDRESS, ops=operations, locked=true, " +
  "whence=CUR, both={a=1, b=-2}, (unnamed)={u=3, l=3}, bytes={97, 98, 0, 0}";
/** Addresses and lines are the compiler's. */
const TREE = `seek(int fd=5, long offset=0x123456, int whence=77) = -22 EINVAL  subject.c
  range(struct pair p={start=1, count=2}, struct inode *i=0xADDRESS) = {start=1, count=9}  subject.c
      i: size=7, name="init", low=5, high=33
  grown(struct big b=0xADDRESS) = 0xADDRESS  subject.c
      b: x={1, …}, end=3
      returned: x={1, …}, end=4
  find(struct inode *none=NULL) = ERR_PTR(-2 ENOENT)  subject.c
  down(int n=2) = 3  subject.c
    down(int n=1) = 1  subject.c
      down(int n=0) = 0  subject.c
  vfs_llseek(struct file *file=0xADDRESS, long offset=0x123456, int whence=77) = -22 EINVAL  subject.c
      file: ${FILE}
    own_llseek(struct file *file=0xADDRESS, long offset=0x123456, int whence=77) = -22 EINVAL  subject.c
        file: ${FILE}
      check(struct file *file=0xADDRESS, long offset=0x123456, enum whence whence=77, umode_t mode=0644, char c='x') = -22 EINVAL  subject.c  <- EINVAL is born here
          file: ${FILE}
        limit() = 2  subject.c`;

function spawned({ argv: [program, ...args] }: Command): Child {
  const child = new Deno.Command(program!, { args, stdout: "piped", stderr: "null" }).spawn();
  const exit = child.status.then(({ code }) => code);
  return { stdout: child.stdout, exit, kill: () => child.kill() };
}

function answered({ argv: [program, ...args] }: Command): Partial<CommandResult> {
  const { code, stdout } = new Deno.Command(program!, { args }).outputSync();
  return { code, stdout: new TextDecoder().decode(stdout) };
}

/** Of what the runtime of the plugin's tests prints: as the kernel would record it. */
function recordOf(line: string, number: number): DataflowRecord {
  const [kind, ...words] = line.split(" ");
  const [pc, ...rest] = words.map((word) => BigInt(`0x${word}`));
  const index = kind === "args" ? Number(rest.shift()!) : 0;
  const [size, value, pairs, ...members] = rest as [bigint, bigint, bigint, ...bigint[]];
  const type = kind === "args" ? "entry" : "return";
  const head = { type, number, index, size: Number(size), pc: pc! - 1n } as const;
  if (pairs === 0n) return { ...head, address: 0n, values: [size === 0n ? DATAFLOW_BAD : value] };
  // The runtime reads nothing behind a null pointer.
  const values = value === 0n ? Array(Number(pairs)).fill(DATAFLOW_BAD) : members;
  return { ...head, address: value, values };
}

testPlugin(
  "a program's reports are the tree of its calls, with the names of its source",
  async (folder) => {
    await folder.told({ subject: SUBJECT, main: MAIN });
    const image = `${folder.dir}/program`;
    const { stdout } = await new Deno.Command(image).output();
    const records = new TextDecoder().decode(stdout).trim().split("\n").map(recordOf);
    const host = new FakeHost({ spawn: spawned, answer: answered });
    const pcs = records.map(({ pc }) => pc);
    const { functionOf, placeOf } = await tracedFunctions(image, pcs, { llvm: "-22" }, host);
    const errnos: Readonly<Record<number, string>> = { 2: "ENOENT", 22: "EINVAL" };
    const report = dataflowReport({
      ...{ cell: "user/space", call: "seek(5, 0x123456, 77)", result: -22, records, placeOf },
      tree: callTree(records, functionOf),
      names: {
        errnoName: (errno) => errnos[errno] ?? null,
        symbolAt: await imageSymbols(image, host),
      },
      remarks: [],
    });
    assert.deepEqual(report.remarks, []);
    const mark = (text: string) => text;
    const shown = { depth: undefined, functions: [], fields: true, width: 1000, mark };
    const lines = treeLines(report, shown).slice(2).map((line) =>
      line.replaceAll(/\S*subject\.c:\d+/g, "subject.c").replaceAll(/0x7ff[0-9a-f]+/g, "0xADDRESS")
        .replace(/, returned in subject\.c$/, "")
    );
    assert.equal(lines.join("\n"), TREE);
  },
);
