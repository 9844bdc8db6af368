// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import type { Command } from "../host/host.ts";
import type { KernelBuild } from "../core/model/model.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { symbolSections, tinyElf } from "../testing/tiny_elf.ts";
import { compareBuilds, compareSample } from "./variant_proof.ts";

const TEXT = new TextDecoder();
const CAN_COMPILE = (Deno.env.get("PATH") ?? "").split(":").some((folder) =>
  existsSync(`${folder}/clang-22`)
);

/** Runs what it is given, where it is to run. */
function runningHost(): FakeHost {
  const run = async ({ argv: [program, ...args], cwd, env }: Command) => {
    const { code, stdout, stderr } = await new Deno.Command(program!, {
      args,
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env: { ...env } }),
    }).output();
    const [out, err] = [stdout, stderr].map((bytes) => TEXT.decode(bytes)) as [string, string];
    return { code, stdout: out, stderr: err, endless: false };
  };
  return Object.assign(new FakeHost(), { run });
}

function buildIn(buildDir: string): KernelBuild {
  return {
    vmlinux: `${buildDir}/vmlinux`,
    config: { buildDir, source: { path: buildDir }, toolchain: { id: "clang-22", llvm: "-22" } },
  } as unknown as KernelBuild;
}

function objectWith(text: readonly number[], debug: string): Uint8Array {
  return tinyElf([
    { name: ".text", type: 1, flags: 6, content: Uint8Array.from(text) },
    { name: ".debug_str", type: 1, flags: 0, content: new TextEncoder().encode(debug) },
  ]);
}

async function lay(dir: string, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  for (const [name, bytes] of Object.entries(files)) {
    const path = `${dir}/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeFile(path, bytes);
  }
}

Deno.test("compareBuilds() compares objects, modules and the text of vmlinux, and no host program", () =>
  withTempDir(async (dir) => {
    const [one, other] = [`${dir}/one`, `${dir}/other`];
    const common = { "kernel/a.o": objectWith([1, 2], ""), vmlinux: objectWith([1, 2, 3], "") };
    await lay(one, {
      ...common,
      "kernel/debug.o": objectWith([5], "/one"),
      "drivers/b.ko": objectWith([7], ""),
      "scripts/host.o": objectWith([1], ""),
      "tools/objtool/check.o": objectWith([1], ""),
    });
    await lay(other, {
      ...common,
      "kernel/debug.o": objectWith([5], "/the/other"),
      "drivers/b.ko": objectWith([7], ""),
      "scripts/host.o": objectWith([2], ""),
    });
    const host = runningHost();
    assert.deepEqual(await compareBuilds(buildIn(one), buildIn(other), host), {
      ...{ compared: 3, sameBytes: 2, byBuildId: [], different: [], alone: [[], []] },
      vmlinux: { parts: [], textBytes: 3 },
    });
    await lay(other, {
      "drivers/b.ko": objectWith([8], ""),
      "kernel/c.o": objectWith([1], ""),
      vmlinux: objectWith([1, 2, 4], ""),
    });
    await Deno.remove(`${other}/kernel/a.o`);
    assert.deepEqual(await compareBuilds(buildIn(one), buildIn(other), host), {
      ...{ compared: 2, sameBytes: 0, byBuildId: [] },
      different: [{ path: "drivers/b.ko", parts: [".text"] }],
      alone: [["kernel/a.o"], ["kernel/c.o"]],
      vmlinux: { parts: [".text"], textBytes: 3 },
    });
  }));

/** A vmlinux, and the object with all of it packed, as kbuild makes them. */
async function packedKernel(
  dir: string,
  { id, text = [1, 2, 3], packer = ["gzip"] }: {
    id: number;
    text?: readonly number[];
    packer?: readonly string[];
  },
): Promise<void> {
  const note = new Uint8Array(12 + 4 + 20).fill(id, 16);
  note.set([4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, ...new TextEncoder().encode("GNU\0")]);
  const vmlinux = tinyElf([
    { name: ".text", type: 1, flags: 6, content: Uint8Array.from([1, 2, 3]) },
    { name: ".notes", type: 7, flags: 2, content: note },
  ]);
  const image = Uint8Array.of(...text, ...note, ...text);
  await lay(dir, { vmlinux, image });
  const [program, ...words] = packer;
  const { stdout } = await new Deno.Command(program!, {
    args: [...words, "-c", `${dir}/image`],
  }).output();
  // Of other packers than gzip, kbuild writes the size behind it.
  const size = program === "gzip" ? [] : [image.length, 0, 0, 0];
  const piggy = tinyElf([
    ...symbolSections([{ name: "z_output_len", value: BigInt(image.length) }]),
    { name: ".rodata..compressed", type: 1, flags: 2, content: Uint8Array.of(...stdout, ...size) },
  ]);
  await lay(dir, { "arch/x86/boot/compressed/piggy.o": piggy });
}

Deno.test("compareBuilds() tells a packed kernel that differs by the build ID from another one", () =>
  withTempDir(async (dir) => {
    const path = "arch/x86/boot/compressed/piggy.o";
    const builds = [buildIn(`${dir}/one`), buildIn(`${dir}/other`)] as const;
    const host = runningHost();
    const plain = { compared: 1, sameBytes: 0, alone: [[], []] };
    const vmlinux = { parts: [], textBytes: 3 };
    for (const packer of [["gzip"], ["xz", "--check=crc32"]]) {
      await packedKernel(`${dir}/one`, { id: 0xaa, packer });
      await packedKernel(`${dir}/other`, { id: 0xbb, packer });
      const same = await compareBuilds(...builds, host);
      assert.deepEqual(same, { ...plain, byBuildId: [path], different: [], vmlinux });
    }
    await packedKernel(`${dir}/other`, { id: 0xbb, text: [1, 2, 4] });
    const { byBuildId, different } = await compareBuilds(...builds, host);
    assert.deepEqual([byBuildId, different.map((one) => one.path)], [[], [path]]);
    const left = [...Deno.readDirSync(`${dir}/one`)].map(({ name }) => name);
    assert.deepEqual(left.filter((name) => /plain/.test(name)), []);
  }));

Deno.test({
  name: "compareBuilds() tells what is assembled with the sizes of a packed kernel",
  ignore: !CAN_COMPILE,
  fn: () =>
    withTempDir(async (dir) => {
      const builds = [buildIn(`${dir}/one`), buildIn(`${dir}/other`)] as const;
      const host = runningHost();
      await lay(dir, {
        "source/header.S": new TextEncoder().encode('#include "zoffset.h"\n.long ZO_end, MORE\n'),
      });
      const assemble = async ({ config: { buildDir } }: KernelBuild, size: number, more = 1) => {
        await packedKernel(buildDir, { id: size });
        const zoffset = new TextEncoder().encode(`#define ZO_end ${size}\n`);
        await lay(buildDir, { "arch/x86/boot/zoffset.h": zoffset });
        const words = `clang-22 -m16 -DMORE=${more} -Iarch/x86/boot -c -o arch/x86/boot/header.o`;
        const command = `${words} ../source/header.S`;
        await host.run({ argv: ["sh", "-c", command], cwd: buildDir });
        await Deno.writeTextFile(
          `${buildDir}/arch/x86/boot/.header.o.cmd`,
          `savedcmd_arch/x86/boot/header.o := ${command}\n`,
        );
      };
      await assemble(builds[0], 1);
      await assemble(builds[1], 2);
      const packed = ["arch/x86/boot/compressed/piggy.o", "arch/x86/boot/header.o"];
      const same = await compareBuilds(...builds, host);
      assert.deepEqual([same.byBuildId, same.different], [packed, []]);
      await assemble(builds[1], 2, 5);
      const { different } = await compareBuilds(...builds, host);
      assert.deepEqual(different.map(({ path }) => path), ["arch/x86/boot/header.o"]);
    }),
});

Deno.test({
  name:
    "compareSample() compiles objects again as kbuild recorded, and finds the one that is another",
  ignore: !CAN_COMPILE,
  fn: () =>
    withTempDir(async (dir) => {
      const host = runningHost();
      const names = ["a", "b", "c", "d", "wide", "short"];
      await Deno.mkdir(`${dir}/kernel`);
      for (const name of names) {
        const object = `kernel/${name}.o`;
        // x86's boot code of 16 bits, with debug information that names folders.
        const more = name === "short" ? ["-m16", "-g"] : [];
        const words = [
          ...["-O2", "-Wp,-MMD,kernel/.x.d", `-DNAME=f_${name}`, ...more],
          ...["-fsanitize-coverage=trace-pc", "-c", "-o", object],
        ];
        await Deno.writeTextFile(
          `${dir}/kernel/${name}.c`,
          "int NAME(int a) { return a ? 1 : 2; }\n",
        );
        const command = `clang-22 ${words.join(" ")} kernel/${name}.c`;
        const { code } = await host.run({ argv: ["sh", "-c", command], cwd: dir });
        assert.equal(code, 0);
        const recorded = `savedcmd_${object} := ${command}\n\nsource_${object} := x\n`;
        await Deno.writeTextFile(`${dir}/kernel/.${name}.o.cmd`, recorded);
      }
      // What is not instrumented, or no compiler has made, is not compiled again.
      await Deno.writeTextFile(
        `${dir}/kernel/.bare.o.cmd`,
        "savedcmd_kernel/bare.o := clang-22 -c -o kernel/bare.o kernel/a.c\n",
      );
      await Deno.copyFile(`${dir}/kernel/a.o`, `${dir}/kernel/bare.o`);
      await Deno.copyFile(`${dir}/kernel/a.o`, `${dir}/kernel/linked.o`);
      const recorded = "savedcmd_kernel/linked.o := ld.lld -r -o kernel/linked.o kernel/a.o\n";
      await Deno.writeTextFile(`${dir}/kernel/.linked.o.cmd`, recorded);
      const whole = await compareSample(buildIn(dir), 99, "seed", host);
      const none = { byBuildId: [], different: [], alone: [[], []], vmlinux: null };
      assert.deepEqual(whole, { compared: 6, sameBytes: 6, ...none });
      assert.equal((await compareSample(buildIn(dir), 2, "seed", host)).compared, 2);

      const elsewhere = [
        ...["-O2", "-DNAME=f_short", "-m16", "-g", "-ffile-prefix-map=kernel=x"],
        "-fsanitize-coverage=trace-pc",
      ];
      const short = ["-c", "-o", "kernel/short.o", "kernel/short.c"];
      await host.run({ argv: ["clang-22", ...elsewhere, ...short], cwd: dir });
      const apart = await compareSample(buildIn(dir), 99, "seed", host);
      assert.deepEqual(apart, { compared: 6, sameBytes: 5, ...none });
      await host.run({ argv: ["clang-22", ...elsewhere, "-DNAME=g", ...short], cwd: dir });

      await Deno.copyFile(`${dir}/kernel/a.o`, `${dir}/kernel/b.o`);
      await Deno.writeTextFile(`${dir}/kernel/c.c`, "int NAME(int a) { return; }\n");
      const found = await compareSample(buildIn(dir), 99, "seed", host);
      assert.deepEqual(found.different.toSorted((a, b) => a.path < b.path ? -1 : 1), [
        { path: "kernel/b.o", parts: ["symbols"] },
        { path: "kernel/c.o", parts: ["does not compile again"] },
        { path: "kernel/short.o", parts: ["more than debug information"] },
      ]);
      const left = [...Deno.readDirSync(`${dir}/kernel`)].map(({ name }) => name);
      assert.deepEqual(left.filter((name) => /plain/.test(name)), []);
    }),
});
