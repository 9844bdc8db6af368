// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { KernelBuild, KernelSpec } from "../model.ts";
import { pathsFor } from "../paths.ts";
import { rejectionOf } from "../testing/errors.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { tinyKernel, tinyModule } from "../testing/tiny_elf.ts";
import { inspect } from "./inspect.ts";

const PC = "__sanitizer_cov_trace_pc";
const COMMENT = { name: ".comment", type: 1, flags: 0x30, content: Uint8Array.of(0) };
const FUNCTION = { name: "f", value: 0n, section: 3, size: 16 };

/** A kernel of one object that calls the callback, and one that does not. */
const OBJECTS: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "calls.o": tinyModule({ calls: [null], callback: PC, symbols: [FUNCTION], sections: [COMMENT] }),
  "plain.o": tinyModule({ calls: [], callback: "c", symbols: [FUNCTION], sections: [COMMENT] }),
};

const look = (spec: Pick<KernelSpec, "uninstrumented" | "incomplete">) =>
  withTempDir(async (dir) => {
    await Deno.writeFile(`${dir}/vmlinux`, tinyKernel({ calls: { [PC]: 1000 } }));
    for (const [name, bytes] of Object.entries(OBJECTS)) {
      await Deno.writeFile(`${dir}/${name}`, bytes);
    }
    const host = new FakeHost({ answer: () => ({ stdout: Object.keys(OBJECTS).join("\n") }) });
    const kernel = {
      config: { buildDir: dir, features: ["kcov"], toolchain: { id: "clang", llvm: "1" } },
      vmlinux: `${dir}/vmlinux`,
      modules: [],
    } as unknown as KernelBuild;
    return await inspect(kernel, spec, pathsFor(dir, null, null), host);
  });

Deno.test("inspect() holds the objects of a kernel against the list of its tree", async () => {
  assert.equal((await look({ uninstrumented: ["plain.o"] })).calls[PC], 1000);
  const silent = await rejectionOf(look({ uninstrumented: [] }));
  assert.match(silent.message, /^plain\.o has code and no call of a callback/);
  const calling = await rejectionOf(look({ uninstrumented: ["plain.o", "calls.o"] }));
  assert.match(calling.message, /^calls\.o calls callbacks, and the tree declares it/);
  assert.equal((await look({ uninstrumented: null })).calls[PC], 1000);
});

Deno.test("inspect() lets the patches to come of a series take objects out", async () => {
  const incomplete = true;
  const found = await look({ uninstrumented: ["plain.o", "calls.o"], incomplete });
  assert.equal(found.calls[PC], 1000);
  const silent = await rejectionOf(look({ uninstrumented: ["calls.o"], incomplete }));
  assert.match(silent.message, /^plain\.o has code and no call of a callback/);
});
