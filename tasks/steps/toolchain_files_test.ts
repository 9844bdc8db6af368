// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CommandResult } from "../host/host.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { sha256 } from "../core/text/digest.ts";
import { toolchainFiles } from "./toolchain_files.ts";

/** clang over two libraries, of which only one is LLVM's, and a linker that is a script. */
async function withToolchain(
  body: (
    files: () => Promise<Readonly<Record<string, string>> | null>,
    dir: string,
    host: FakeHost,
  ) => Promise<void>,
  answers: (program: string) => Partial<CommandResult> = () => ({}),
): Promise<void> {
  await withTempDir(async (dir) => {
    for (const name of ["clang", "ld.lld", "libclang-cpp.so.22.1", "libc.so.6"]) {
      await Deno.writeTextFile(`${dir}/${name}`, name);
    }
    await Deno.symlink(`${dir}/libclang-cpp.so.22.1`, `${dir}/libclang-cpp.so`);
    const linked = ["libclang-cpp.so", "libc.so.6"]
      .map((name) => `\t${name} => ${dir}/${name} (0x00007f8a06400000)\n`).join("");
    const host: FakeHost = new FakeHost({
      fs: { which: (name) => Promise.resolve(name === "gone" ? null : `${dir}/${name}`) },
      answer: ({ argv: [program, ...words] }) => {
        const answer = answers(program!);
        if (answer.code !== undefined) return answer;
        if (program === "ldd") return { stdout: linked, code: 1 };
        const lines = words.slice(1).map((path) => {
          const { stdout } = new Deno.Command("sha256sum", { args: [path] }).outputSync();
          return new TextDecoder().decode(stdout);
        });
        return { stdout: lines.join("") };
      },
    });
    const files = () => toolchainFiles(["clang", "ld.lld", "gone"], `${dir}/cache`, host);
    await body(files, dir, host);
  });
}

Deno.test("toolchainFiles() covers programs and LLVM's own libraries, and reads them once", () =>
  withToolchain(async (files, dir, host) => {
    const expected = Object.fromEntries(
      await Promise.all(
        ["clang", "ld.lld", "libclang-cpp.so.22.1"].map(async (name) =>
          [`${dir}/${name}`, (await sha256(name)).slice(0, 32)] as const
        ),
      ),
    );
    assert.deepEqual(await files(), expected);
    const asked = host.commands.length;
    assert.deepEqual(await files(), expected);
    assert.equal(host.commands.length, asked, "nothing was run");
  }));

Deno.test("toolchainFiles() sees one byte of a library, also where size and time are kept", () =>
  withToolchain(async (files, dir, host) => {
    const library = `${dir}/libclang-cpp.so.22.1`;
    const time = new Date("2026-01-01");
    await Deno.utime(library, time, time);
    const before = (await files())!;
    // Deno gives the time of change in whole seconds.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await Deno.writeTextFile(library, "libclang-cpp.so.22.2");
    await Deno.utime(library, time, time);
    const after = (await files())!;
    assert.notEqual(after[library], before[library]);
    assert.deepEqual({ ...after, [library]: "" }, { ...before, [library]: "" });
    assert.deepEqual(host.commands.at(-1), ["sha256sum", "--", library], "the others are not read");
  }));

Deno.test("toolchainFiles() makes a damaged memory anew", () =>
  withToolchain(async (files, dir) => {
    const before = await files();
    for await (const { name } of Deno.readDir(`${dir}/cache/probes`)) {
      await Deno.writeTextFile(`${dir}/cache/probes/${name}`, "{");
    }
    assert.deepEqual(await files(), before);
  }));

Deno.test("toolchainFiles() knows nothing where the reading was broken off, and remembers nothing", async () => {
  for (const program of ["ldd", "sha256sum"]) {
    let code = 130;
    const answers = (name: string) => name === program && code !== 0 ? { code } : {};
    await withToolchain(async (files) => {
      assert.equal(await files(), null);
      code = 0;
      assert.equal(Object.keys((await files())!).length, 3);
    }, answers);
  }
});
