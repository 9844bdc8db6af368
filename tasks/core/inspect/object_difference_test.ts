// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { relaSection, symbolSections, tinyElf, type TinySection } from "../../testing/tiny_elf.ts";
import { Elf } from "./elf.ts";
import { differenceOf } from "./object_difference.ts";

const TEXT = Uint8Array.of(0xe8, 0, 0, 0, 0, 0xc3);

interface Parts {
  readonly text?: Uint8Array;
  readonly flags?: number;
  readonly value?: bigint;
  readonly kind?: number;
  readonly addend?: number;
  readonly callee?: number;
  readonly debug?: string;
  readonly table?: string;
  readonly more?: readonly TinySection[];
}

function object(
  {
    text = TEXT,
    flags = 6,
    value = 0n,
    kind,
    addend = -4,
    callee = 2,
    debug,
    table = "one",
    more = [],
  }: Parts = {},
): Elf {
  const [symbols, strings] = symbolSections([
    { name: "outer", value, section: 3 },
    { name: table, value: 0n },
    { name: "two", value: 0n },
  ]) as [TinySection, TinySection];
  if (kind !== undefined) symbols.content![24 + 4] = kind;
  return new Elf(
    tinyElf([
      ...[symbols, strings],
      { name: ".text", type: 1, flags, content: text },
      relaSection(".text", 3, [{ offset: 1, type: 4, symbol: callee, addend }]),
      ...(debug === undefined ? [] : [
        { name: ".debug_line", type: 1, flags: 0, content: new TextEncoder().encode(debug) },
        relaSection(".debug_line", 5, [{ offset: 0, type: 1, symbol: 1, addend: debug.length }]),
      ]),
      ...more,
    ]),
    "x.o",
  );
}

Deno.test("differenceOf() finds nothing between two objects that differ in debug information", () => {
  assert.deepEqual(differenceOf(object(), object()), []);
  assert.deepEqual(differenceOf(object({ debug: "/a" }), object({ debug: "/other/folder" })), []);
  assert.deepEqual(differenceOf(object({ debug: "/a" }), object()), []);
});

Deno.test("differenceOf() names what differs", () => {
  const cases: [Parts, string[]][] = [
    [{ text: Uint8Array.of(0xe8, 0, 0, 0, 0, 0x90) }, [".text"]],
    [{ text: TEXT.subarray(0, 5) }, [".text"]],
    [{ flags: 2 }, [".text"]],
    [{ value: 4n }, ["symbols"]],
    // Local in place of global.
    [{ kind: 0x02 }, ["symbols"]],
    [{ addend: 0 }, ["relocations of .text"]],
    [{ callee: 3 }, ["relocations of .text"]],
    [{ more: [{ name: ".rodata", type: 1, flags: 2, content: TEXT }] }, [".rodata"]],
    [{ more: [{ name: ".bss", type: 8, flags: 3, size: 8 }] }, [".bss"]],
  ];
  for (const [parts, names] of cases) {
    assert.deepEqual(differenceOf(object(), object(parts)), names);
    assert.deepEqual(differenceOf(object(parts), object()), names);
  }
});

Deno.test("differenceOf() tells sections of one name apart by their order", () => {
  const guards = (last: number) =>
    [1, last].map((size) => ({ name: "__sancov_guards", type: 8, flags: 3, size }));
  assert.deepEqual(differenceOf(object({ more: guards(2) }), object({ more: guards(2) })), []);
  assert.deepEqual(differenceOf(object({ more: guards(2) }), object({ more: guards(3) })), [
    "__sancov_guards",
  ]);
  const one = guards(2).slice(0, 1);
  assert.deepEqual(differenceOf(object({ more: guards(2) }), object({ more: one })), [
    "__sancov_guards",
  ]);
});

Deno.test("differenceOf() compares the members of section groups by name", () => {
  const group = (member: number): TinySection => {
    const content = new Uint8Array(new Uint32Array([1, member]).buffer);
    return { name: ".group", type: 17, flags: 0, content };
  };
  const same = differenceOf(object({ more: [group(3)] }), object({ more: [group(3)] }));
  assert.deepEqual(same, []);
  // With debug information in front of it, .text has the same number still.
  assert.deepEqual(
    differenceOf(object({ more: [group(3)] }), object({ debug: "/a", more: [group(3)] })),
    [],
  );
  assert.deepEqual(
    differenceOf(object({ more: [group(3)] }), object({ more: [group(2)] })),
    [".group"],
  );
});

Deno.test("differenceOf() takes tables of switch values for the same whatever number they have", () => {
  const table = (name: string) => object({ table: name });
  const [twelfth, fifth] = [12, 5].map((n) => table(`__sancov_gen_cov_switch_values.${n}`));
  assert.deepEqual(differenceOf(twelfth!, fifth!), []);
  const both = ["relocations of .text", "symbols"];
  assert.deepEqual(differenceOf(table("a.12"), table("a.5")).sort(), both);
  assert.deepEqual(differenceOf(twelfth!, table("__sancov_gen_cov_switch.5")).sort(), both);
});

Deno.test("differenceOf() sees alignment and the order of sections, by which a linker lays them out", () => {
  const data = (name: string) => ({ name, type: 1, flags: 3, content: Uint8Array.of(1) });
  const [a, b] = [data(".data.a"), data(".data.b")];
  assert.deepEqual(differenceOf(object({ more: [a, b] }), object({ more: [b, a] })), [
    "order of sections",
  ]);
  const wide = { ...a, alignment: 64 };
  assert.deepEqual(differenceOf(object({ more: [a] }), object({ more: [wide] })), [".data.a"]);
});
