// SPDX-License-Identifier: MIT
/**
 * Objects that are made of vmlinux: the one that holds it packed, and what is assembled with the sizes
 * of that. They are others where the build ID of vmlinux is another, which counts everything that
 * is in its file, names of local symbols too.
 */
import { dirname } from "node:path/posix";
import type { Host } from "../host/host.ts";
import type { Confinement } from "../core/build/sandbox.ts";
import { EI_CLASS, Elf, ELFCLASS32 } from "../core/inspect/elf.ts";
import { buildIdOf, sameBytes } from "../core/inspect/object_difference.ts";
import { commandFile, readOrigin } from "../core/build/kbuild_command.ts";

/** An object of two builds, and the vmlinux of each. */
export interface Pair {
  /** Below both build folders. */
  readonly path: string;
  readonly buildDirs: readonly [string, string];
  readonly images: readonly [string, string];
}

/** A folder below the first build folder, which is the caller's to remove. */
interface Workspace {
  /** Its path, or its name there. */
  readonly dir: string;
  readonly host: Host;
}

/** Where the kernel's own Makefiles put it (arch/x86/boot/compressed/mkpiggy.c, and others'). */
const PACKED = ".rodata..compressed";

/** Whether both hold the same kernel but for its build ID, packed by whatever packs kernels. */
export async function samePacked(pair: Pair, { dir, host }: Workspace): Promise<boolean> {
  const unpacked: Uint8Array[] = [];
  for (const [at, buildDir] of pair.buildDirs.entries()) {
    const bytes = await host.fs.readBytes(`${buildDir}/${pair.path}`);
    if (bytes[EI_CLASS] === ELFCLASS32) return false;
    const elf = new Elf(bytes, pair.path);
    const section = elf.sections.find(({ name }) => name === PACKED);
    const [length] = elf.symbols((name) => name === "z_output_len");
    const id = await imageId(pair.images[at]!, host);
    if (!section || !length || id === null) return false;
    const kernel = await unpack(elf.content(section), { dir, host });
    if (kernel?.length !== length.value) return false;
    unpacked.push(without(id, kernel));
  }
  return sameBytes(unpacked[0]!, unpacked[1]!);
}

/** First bytes of what scripts/Makefile.lib packs kernels to, and what unpacks that. */
const PACKERS: readonly (readonly [first: readonly number[], program: string])[] = [
  [[0x1f, 0x8b], "gzip"],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], "xz"],
  [[0x28, 0xb5, 0x2f, 0xfd], "zstd"],
  [[0x02, 0x21, 0x4c, 0x18], "lz4"],
  [[0x42, 0x5a, 0x68], "bzip2"],
  [[0x89, 0x4c, 0x5a, 0x4f], "lzop"],
  [[0x5d, 0x00, 0x00], "xz"],
];

/** null where nothing here unpacks it. */
async function unpack(bytes: Uint8Array, { dir, host }: Workspace): Promise<Uint8Array | null> {
  const program = PACKERS.find(([first]) => first.every((byte, at) => bytes[at] === byte))?.[1];
  if (program === undefined) return null;
  const [packed, whole] = [`${dir}/packed`, `${dir}/whole`];
  const writer = await host.fs.writer(packed);
  await writer.write(bytes).finally(() => writer.close());
  // The size that kbuild writes behind it is no part of it, and some programs end with an error there.
  await host.run({ argv: ["sh", "-c", '"$0" -dc <"$1" >"$2"', program, packed, whole] });
  return await host.fs.readBytes(whole);
}

async function imageId(image: string, host: Host): Promise<Uint8Array | null> {
  const file = await host.fs.openParts(image);
  try {
    return buildIdOf(new Elf(file, image));
  } finally {
    file.close();
  }
}

/** The bytes with zeros in the place of these. */
function without(some: Uint8Array, bytes: Uint8Array): Uint8Array {
  const masked = bytes.slice();
  for (let at = masked.indexOf(some[0]!); at >= 0; at = masked.indexOf(some[0]!, at + 1)) {
    if (sameBytes(masked.subarray(at, at + some.length), some)) {
      masked.fill(0, at, at + some.length);
    }
  }
  return masked;
}

/**
 * The object, below the first build folder, that the command there makes with the headers that the
 * second build has generated in the object's folder; null where no assembler has made it.
 */
export async function assembledWithOthersHeaders(
  { path, buildDirs: [one, other] }: Pair,
  confine: Confinement,
  { dir, host }: Workspace,
): Promise<string | null> {
  const origin = readOrigin(await host.fs.readTextIfAny(`${one}/${commandFile(path)}`) ?? "");
  if (origin.kind !== "compiled" || origin.language !== "assembly") return null;
  const folder = dirname(path);
  for (const name of await host.fs.list(`${other}/${folder}`)) {
    if (name.endsWith(".h")) {
      await host.fs.copy(`${other}/${folder}/${name}`, `${one}/${dir}/${name}`);
    }
  }
  const object = `${dir}/assembled.o`;
  const words = origin.argv.filter((word) => !/^-Wp,-MM?D,/.test(word))
    .map((word) => word === path ? object : word);
  const argv = ["env", ...words, "-iquote", dir];
  const env = { CCACHE_DISABLE: "1" };
  const { code } = await host.run({ argv, cwd: one, env, confine });
  return code === 0 ? object : null;
}
