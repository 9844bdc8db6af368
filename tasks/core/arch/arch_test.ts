// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { inAnyLog, LOGS } from "./logs.ts";
import { ARCH_NAMES, ARCHITECTURES, archNamed, archOf, archOfElf, DEFAULT_ARCH } from "./table.ts";
import { X86_64 } from "./x86_64.ts";

Deno.test("the table has each architecture under its name, and no two of one ELF machine", () => {
  for (const name of ARCH_NAMES) assert.equal(ARCHITECTURES[name].name, name);
  const machines = ARCH_NAMES.map((name) => ARCHITECTURES[name].elfMachine);
  assert.equal(new Set(machines).size, machines.length);
});

Deno.test("archNamed() takes what make takes for ARCH=, and nothing else", () => {
  assert.deepEqual([undefined, ""].map(archNamed), [DEFAULT_ARCH, DEFAULT_ARCH]);
  assert.deepEqual(["x86_64", "x86"].map(archNamed), ["x86_64", "x86_64"]);
  // i386 is a 32-bit kernel; the others are an architecture's name elsewhere.
  for (const name of ["i386", "X86_64", "x86-64", "amd64", " x86", "arm", "toString"]) {
    assert.equal(archNamed(name), null, name);
  }
});

Deno.test("archOf() gives the default to whatever names none; archOfElf() goes by e_machine", () => {
  assert.equal(archOf({}), ARCHITECTURES[DEFAULT_ARCH]);
  assert.equal(archOf({ arch: undefined }), ARCHITECTURES[DEFAULT_ARCH]);
  assert.equal(archOf({ arch: "x86_64" }), X86_64);
  assert.equal(archOfElf(62), X86_64);
  for (const machine of [0, 3, 40, 243]) assert.equal(archOfElf(machine), undefined);
});

Deno.test("no outcome of a guest on one architecture has QEMU's exit code of another one", () => {
  const codes = [0x10, 0x11, 0x12].map((code) =>
    ARCH_NAMES.map((name) => ({
      code,
      exit: ARCHITECTURES[name].qemu.exitCode(code),
    }))
  );
  const seen = new Map<number, number>();
  for (const { code, exit } of codes.flat()) {
    assert.equal(seen.get(exit) ?? code, code, `QEMU's ${exit}`);
    seen.set(exit, code);
    // QEMU's own, and a shell's: boot.ts takes them for a QEMU that has not started.
    assert.ok(![0, 1, 126, 127].includes(exit) && exit < 128, `${exit}`);
  }
});

Deno.test("calls() of x86-64 finds calls and tail calls at any place, up to the last byte", () => {
  const found = (bytes: readonly number[], address = 0x1000) => {
    const calls: (readonly [number, number | null])[] = [];
    X86_64.code.calls(Uint8Array.from(bytes), address, (...call) => calls.push(call));
    return calls;
  };
  assert.deepEqual(found([0x90, 0xe8, 0x0a, 0, 0, 0]), [[0x1010, 0x1006]]);
  assert.deepEqual(found([0xe9, 0xfb, 0xff, 0xff, 0xff]), [[0x1000, null]]);
  assert.deepEqual(found([0xe8, 0, 0, 0]), []);
  assert.deepEqual(found([0xeb, 0, 0, 0, 0]), []);
  // Kernel addresses are negative, see Elf.
  assert.deepEqual(found([0xe8, 1, 0, 0, 0], -0x7f000000), [[-0x7efffffa, -0x7efffffb]]);
  // A view into a longer buffer, as a section of a file is.
  const file = Uint8Array.of(0xe8, 0xe8, 2, 0, 0, 0, 0xe8);
  const calls: number[] = [];
  X86_64.code.calls(file.subarray(1, 6), 0, (target) => calls.push(target));
  assert.deepEqual(calls, [7]);
});

Deno.test("a log's words name functions whole, and begin a line where they are to", () => {
  for (const { passedOver } of LOGS) {
    for (const name of Object.values(passedOver).flat()) {
      for (const part of name.source.split(/(?<=\$)\|(?=\^)/)) {
        assert.match(part, /^\^.*\$$/, name.source);
      }
    }
  }
});

Deno.test("inAnyLog() fits the words of each log, and nothing where no log has any", () => {
  const place = new RegExp(`^${inAnyLog((log) => log.place)}$`);
  for (const words of ["RIP: 0010:", "EIP is at ", "pc : ", "epc : ", "NIP: "]) {
    assert.match(words, place);
  }
  assert.doesNotMatch("", new RegExp(inAnyLog(() => null)));
});
