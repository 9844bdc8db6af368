// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { ARCHITECTURES } from "../arch/table.ts";
import { packPcs } from "../../../selftests/contract/cover.ts";
import { KmatrixError } from "../model/errors.ts";
import { isNumber, parseCallParameters } from "./call_parameters.ts";
import {
  attachedPcs,
  callText,
  type Covered,
  coveredLines,
  difference,
  differenceLines,
  differenceText,
  onceEach,
  parseCall,
  parseSyscallTable,
  traceFacts,
} from "./cover.ts";

const TABLE = `# <number> <abi> <name> <entry point>
0	common	read			sys_read
16	64	ioctl			sys_ioctl
512	x32	rt_sigaction		compat_sys_rt_sigaction
57	common	fork			sys_fork
83	common	mkdir			sys_mkdir
231	common	exit_group		sys_exit_group
`;
const NUMBERS = parseSyscallTable(TABLE, ARCHITECTURES.x86_64.systemCalls);
const PARAMETERS = parseCallParameters(`
asmlinkage long sys_read(unsigned int fd, char __user *buf, size_t count);
asmlinkage long sys_ioctl(unsigned int fd, unsigned int cmd,
				unsigned long arg);
asmlinkage long sys_sync(void);
asmlinkage long sys_fork_like(unsigned long, int __user *, unsigned long);
asmlinkage long sys_io_submit(aio_context_t, long,
			struct iocb __user * __user *);
`);
const CALLS = { numbers: NUMBERS, parameters: PARAMETERS };
const UNDECLARED = { numbers: NUMBERS, parameters: new Map() };

Deno.test("parseSyscallTable() reads the names of 64-bit calls", () => {
  assert.deepEqual([...NUMBERS], [
    ["read", 0],
    ["ioctl", 16],
    ["fork", 57],
    ["mkdir", 83],
    ["exit_group", 231],
  ]);
});

Deno.test("parseCall() reads integers as C does, strings and buffers", () => {
  assert.deepEqual(parseCall(["read", "-1", "null", "0"], CALLS), {
    kind: "call",
    number: 0,
    args: ["-1", "0", "0"].map((value) => ({ kind: "integer", value })),
  });
  assert.deepEqual(parseCall(["83", "/x", "0755", "0xff", "buf:16", "-0x1", "a b"], CALLS).args, [
    { kind: "text", value: "/x" },
    { kind: "integer", value: "493" },
    { kind: "integer", value: "255" },
    { kind: "buffer", bytes: 16 },
    { kind: "integer", value: "-1" },
    { kind: "text", value: "a b" },
  ]);
  assert.deepEqual(parseCall(["read", "u64:0,-1,0x10"], CALLS).args, [
    { kind: "words", values: ["0", "-1", "16"] },
  ]);
});

Deno.test("parseCall() says what is wrong with a call", () => {
  const cases: readonly [readonly string[], RegExp][] = [
    [["raed"], /"raed" is no system call of this kernel; did you mean "read"\?/],
    [["read", "1", "2", "3", "4", "5", "6", "7"], /read has 7 arguments: at most 6/],
    [["read", "buf:0"], /buf:0: 1 to 1048576 bytes/],
    [["read", "0x10000000000000000"], /more than 64 bits/],
    [["mkdir", "/ä"], /only ASCII/],
    [["exit_group", "0"], /does not return/],
    [["231", "0"], /exit_group does not return/],
    [["clone", "17"], /clone returns twice/],
    [["57"], /fork returns twice/],
    [["read", "u64:0,x"], /u64:0,x: integers behind u64:/],
    [["read", "u64:"], /integers behind u64:/],
    [["read", "fdd"], /"fdd" is a text, but argument 1 of read is a number \(unsigned int fd\)/],
    [["read", "0", "x", "many"], /argument 3 of read is a number \(size_t count\)/],
    [["read", "count=1", "cuont=1"], /read has no argument "cuont"; did you mean "count"\?/],
    [["read", "-1", "fd=-1"], /argument 1 of read is given twice/],
    [["read", "fd:x"], /fd:x: an absolute path in the guest behind fd:/],
  ];
  for (const [words, message] of cases) {
    const isWanted = (error: unknown) =>
      error instanceof KmatrixError && error.kind === "usage" && message.test(error.message);
    assert.throws(() => parseCall(words, CALLS), isWanted, words.join(" "));
  }
});

Deno.test("parseCall() takes arguments by the kernel's names, and descriptors of files", () => {
  const integer = (value: string) => ({ kind: "integer", value });
  assert.deepEqual(parseCall(["read", "count=7", "fd=fd"], CALLS).args, [
    ...[{ kind: "file", path: null }, integer("0"), integer("7")],
  ]);
  assert.deepEqual(parseCall(["0", "buf=buf:8", "fd:/etc/x"], CALLS).args, [
    ...[{ kind: "file", path: "/etc/x" }, { kind: "buffer", bytes: 8 }],
  ]);
  // An address may be what an unsigned long holds.
  assert.deepEqual(parseCall(["ioctl", "1", "2", "text"], CALLS).args[2], {
    ...{ kind: "text", value: "text" },
  });
  const text = (value: string) => ({ kind: "text", value });
  assert.deepEqual(parseCall(["read", "1", "str:fd=fd"], CALLS).args[1], text("fd=fd"));
  assert.deepEqual(parseCall(["read", "str:fd"], UNDECLARED).args, [text("fd")]);
  assert.deepEqual(parseCall(["mkdir", "mode=1"], CALLS).args, [text("mode=1")]);
});

Deno.test("parseCallParameters() reads names and types, and lists without names", () => {
  assert.deepEqual(PARAMETERS.get("sync"), []);
  assert.deepEqual(PARAMETERS.get("ioctl")?.map(({ name }) => name), ["fd", "cmd", "arg"]);
  assert.deepEqual(PARAMETERS.get("io_submit")?.map(({ name }) => name), ["", "", ""]);
  assert.deepEqual(PARAMETERS.get("fork_like")?.map(({ name }) => name), ["", "", ""]);
  const [fd, buffer, size] = PARAMETERS.get("read")!;
  assert.deepEqual(buffer, { name: "buf", type: "char __user *" });
  assert.deepEqual([fd!, buffer!, size!].map(isNumber), [true, false, true]);
  assert.deepEqual(PARAMETERS.get("ioctl")!.map(isNumber), [true, true, false]);
});

Deno.test("callText() quotes strings alone", () => {
  assert.equal(
    callText(["openat", "-100", "/a b", "buf:8", "null"]),
    'openat(-100, "/a b", buf:8, null)',
  );
  assert.equal(callText(["read", "fd", "count=8", "fd:/x"]), "read(fd, count=8, fd:/x)");
});

Deno.test("attachedPcs() gives back what the guest attached", () => {
  const pc = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
  const kernel = pc.map((value) => value | 0xffffffffn << 32n);
  fc.assert(fc.property(fc.array(fc.oneof(kernel, kernel, pc), { maxLength: 900 }), (pcs) => {
    const attachments = Object.fromEntries(packPcs(pcs));
    for (const value of Object.values(attachments)) assert.ok(value.length < 8192);
    assert.deepEqual(attachedPcs({ attachments }), pcs);
  }));
});

Deno.test("traceFacts() gives null for a test that attached none", () => {
  assert.equal(traceFacts({ attachments: {} }), null);
  const facts = { result: -9, entries: 7, full: false };
  assert.deepEqual(traceFacts({ attachments: { trace: facts } }), facts);
});

const frame = (name: string, line: number) => ({ function: name, file: "fs/file.c", line });
const READ: Covered = { pc: 0xffffffff81000010n, frames: [frame("ksys_read", 3)] };
const FDGET: Covered = {
  pc: 0xffffffff81000020n,
  frames: [frame("fget_light", 5), frame("fdget", 9)],
};
const MODULE: Covered = { pc: 0xffffffffc0000020n, frames: [] };

Deno.test("coveredLines() names the inlined functions below the entry", () => {
  assert.deepEqual([READ, FDGET, MODULE].flatMap(coveredLines), [
    "ffffffff81000010  ksys_read fs/file.c:3",
    "ffffffff81000020  fget_light fs/file.c:5",
    "                    inlined into fdget fs/file.c:9",
    "ffffffffc0000020  (outside vmlinux)",
  ]);
});

Deno.test("onceEach() keeps the order of the first entries", () => {
  assert.deepEqual(onceEach([FDGET, READ, FDGET, READ]), [FDGET, READ]);
});

Deno.test("difference() compares sets by address", () => {
  const found = difference([READ, READ, FDGET], [READ, MODULE], "address");
  assert.deepEqual(found, { onlyLeft: [FDGET], onlyRight: [MODULE], both: 1 });
  assert.deepEqual(differenceLines(found).map((line) => line[0]), ["-", "-", "+"]);
  assert.equal(
    differenceText(found, "a", "b", "PCs"),
    "a and b: 1 PCs in both, 1 only in a, 1 only in b",
  );
  assert.equal(
    differenceText(difference([READ], [READ, READ], "address"), "a", "b", "PCs"),
    "a and b: the same 1 PCs",
  );
});

Deno.test("difference() compares two builds by place, where addresses differ", () => {
  const moved = { ...READ, pc: READ.pc + 64n };
  assert.equal(difference([READ], [moved], "address").both, 0);
  assert.deepEqual(difference([READ], [moved], "place"), { onlyLeft: [], onlyRight: [], both: 1 });
});
