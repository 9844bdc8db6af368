// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { StackFrame } from "../core/console/stack_frame.ts";
import { symbolizeFrames } from "./symbolize.ts";
import { rejectionOf } from "../testing/errors.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { tinyKernel, tinyModule } from "../testing/tiny_elf.ts";

const CODE = { type: 1, flags: 6 };
const VMLINUX = tinyKernel({
  calls: {},
  symbols: [{ name: "f", value: 0xffffffff81000000n, section: 3, size: 0x1d }],
});
/** .text is section 3, .init.text section 6. */
const MODULE = tinyModule({
  calls: [],
  callback: "c",
  symbols: [
    { name: "g", value: 0x40n, section: 3, size: 0x20 },
    { name: "init_module", value: 0n, section: 6, size: 0x20 },
  ],
  sections: [{ name: ".init.text", ...CODE, content: new Uint8Array(32) }],
});
const frame = (name: string, module: string | null): StackFrame => ({
  ...{ function: name, offset: 0x10, size: 0x20, module, returns: true },
});

/** A symbolizer that knows every address as a line of its own. */
function answering() {
  return new FakeHost({
    answer: ({ argv }) =>
      !argv[0]!.includes("symbolizer") ? undefined : {
        stdout: JSON.stringify(
          argv.filter((word) => word.startsWith("0x")).map((Address) => ({
            Address,
            Symbol: [
              { FunctionName: "inlined", FileName: "a.h", Line: 3 },
              { FunctionName: "what_the_symbol_table_says", FileName: "a.c", Line: 7 },
            ],
          })),
        ),
      },
  });
}

async function symbolized(frames: readonly StackFrame[], host = answering()) {
  let sources = new Map() as Awaited<ReturnType<typeof symbolizeFrames>>;
  await withTempDir(async (dir) => {
    await Deno.writeFile(`${dir}/vmlinux`, VMLINUX);
    await Deno.writeFile(`${dir}/two-words.ko`, MODULE);
    const kernel = { vmlinux: `${dir}/vmlinux`, modules: [`${dir}/two-words.ko`] };
    sources = await symbolizeFrames(frames, kernel, { llvm: "-22" }, dir, host);
  });
  return { sources, commands: host.commands.map((argv) => argv.join(" ")) };
}

Deno.test("symbolizeFrames() asks for the call in front of a return address, and keeps the kernel's name", async () => {
  const { sources, commands } = await symbolized([frame("f", null)]);
  assert.match(commands[0]!, /^llvm-symbolizer-22 --obj=\S+\/vmlinux .* 0xffffffff8100000f$/);
  assert.deepEqual(sources.get("f+0x10/0x20"), [
    { function: "inlined", file: "a.h", line: 3 },
    { function: "f", file: "a.c", line: 7 },
  ]);
});

Deno.test("symbolizeFrames() looks frames of a module up in its own file", async () => {
  const { sources, commands } = await symbolized([frame("g", "two_words")]);
  assert.equal(commands.length, 1);
  assert.match(commands[0]!, /--obj=\S+\/two-words\.ko .* 0x4f$/);
  assert.ok(sources.has("g+0x10/0x20 [two_words]"));
});

Deno.test("symbolizeFrames() gives sections that all begin at 0 places of their own", async () => {
  const { sources, commands } = await symbolized([
    frame("g", "two_words"),
    frame("init_module", "two_words"),
  ]);
  assert.match(
    commands[0]!,
    /^llvm-objcopy-22 --change-section-address=\.text=0x30000000 --change-section-address=\.init\.text=0x60000000 /,
  );
  assert.match(commands[1]!, /two_words\.spread .* 0x3000004f 0x6000000f$/);
  assert.equal(sources.size, 2);
});

Deno.test("symbolizeFrames() leaves out what it does not find", async () => {
  const { sources, commands } = await symbolized([frame("nobody", null), frame("f", "elsewhere")]);
  assert.deepEqual([...sources], []);
  assert.deepEqual(commands, []);
});

Deno.test("symbolizeFrames() says when there is no symbolizer", async () => {
  const host = new FakeHost({ answer: () => ({ code: 127 }) });
  const error = await rejectionOf(symbolized([frame("f", null)], host));
  assert.deepEqual([error.kind, error.id], ["infra", "missing-tool"]);
});
