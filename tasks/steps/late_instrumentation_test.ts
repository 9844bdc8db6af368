// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import {
  assertSame,
  type Compiled,
  FILES,
  testLate,
  TOOLCHAIN,
  type Variant,
  VARIANTS,
} from "../testing/late_tree.ts";
import { pathsFor } from "../core/model/paths.ts";
import { compilerCache } from "./compiler_cache.ts";
import { withLateInstrumentation } from "./late_instrumentation.ts";

const ALL = Object.keys(VARIANTS) as Variant[];

testLate("every variant gets the object of plain clang, and one of them pays", async (tree) => {
  for (const [at, variant] of ALL.entries()) {
    await tree.configure(variant);
    const late = await tree.compile(variant, "kernel/a.c");
    assert.deepEqual(await tree.use(variant), { objects: 1, shared: at === 0 ? 0 : 1 }, variant);
    const plain = await tree.plain(variant, "kernel/a.c");
    assertSame(late, plain, variant);
    assert.equal(late.code, 0);
    assert.ok(late.depends.includes("include/generated/autoconf.h"));
  }
});

testLate("a file without coverage is compiled once for all variants", async (tree) => {
  for (const [at, variant] of ALL.entries()) {
    await tree.configure(variant);
    const late = await tree.compile(variant, "kernel/a.c", { flags: [] });
    assert.deepEqual(await tree.hits(variant), at === 0 ? 0 : 1, variant);
    assertSame(late, await tree.plain(variant, "kernel/a.c", []), variant);
  }
});

testLate("the same variant of another kernel gets the objects of the first", async (tree) => {
  for (const variant of ALL) {
    for (const [at, options] of ["", "#define CONFIG_ARCH_HAS_KCOV_UNIQUE 1\n"].entries()) {
      await tree.configure(variant, options);
      const late = await tree.compile(variant, "kernel/a.c");
      assert.equal(await tree.hits(variant), at, variant);
      assertSame(late, await tree.plain(variant, "kernel/a.c"), variant);
    }
    // One that looks at the option does not.
    await tree.write(
      "kernel/looks.c",
      FILES["kernel/looks.c"].replace("KCOV_UNIQUE", "ARCH_HAS_KCOV_UNIQUE"),
    );
    const late = await tree.compile(variant, "kernel/looks.c");
    assertSame(late, await tree.plain(variant, "kernel/looks.c"), variant);
  }
});

testLate("a file that looks at a variant's option is compiled for each", async (tree) => {
  for (const variant of ALL) {
    await tree.configure(variant);
    const late = await tree.compile(variant, "kernel/looks.c");
    assert.equal((await tree.use(variant))?.objects, 0, variant);
    assertSame(late, await tree.plain(variant, "kernel/looks.c"), variant);
  }
});

testLate(
  "a function that is gone before the code is generated is kept where clang keeps it",
  async (tree) => {
    for (const variant of ALL) {
      await tree.configure(variant);
      const late = await tree.compile(variant, "kernel/dead.c");
      const plain = await tree.plain(variant, "kernel/dead.c");
      assertSame(late, plain, variant);
      assert.equal((await tree.use(variant))?.objects, 0, variant);
    }
  },
);

testLate("what no list of dependencies names is not taken from another variant", async (tree) => {
  for (const variant of ALL) {
    await tree.configure(variant);
    await Deno.writeTextFile(`${tree.build(variant)}/blob`, `of ${variant.padEnd(16)}`);
    for (const flags of [[], VARIANTS[variant]]) {
      const late = await tree.compile(variant, "kernel/blob.c", { flags });
      assertSame(late, await tree.plain(variant, "kernel/blob.c", flags), variant);
      assert.equal(late.code, 0, late.stderr);
    }
    // Nothing that is poisoned hides in a macro of the command line.
    const flags = [...VARIANTS[variant], `-DHAS=defined_${variant.length}(CONFIG_KCOV_UNIQUE)`];
    const macro = [...flags, `-Ddefined_${variant.length}(x)=3`];
    const late = await tree.compile(variant, "kernel/macro.c", { flags: macro });
    assertSame(late, await tree.plain(variant, "kernel/macro.c", macro), variant);
    assert.equal((await tree.use(variant))?.objects ?? 0, 0, variant);
  }
});

testLate("a reduced autoconf.h whose making was broken off is made again", async (tree) => {
  await tree.configure("kcov");
  await tree.compile("kcov", "kernel/size.c");
  const folder = `${tree.build("kcov")}/kmatrix-late`;
  const reference = await Deno.readTextFile(`${folder}/autoconf.h`);
  await tree.configure("kcov", "#define CONFIG_BIG 1\n");
  // As it is where it was killed in front of its last step.
  await tree.compile("kcov", "kernel/size.c");
  assert.notEqual(await Deno.readTextFile(`${folder}/autoconf.h`), reference);
  await Deno.remove(`${folder}/autoconf.h`);
  await tree.configure("kcov");
  const late = await tree.compile("kcov", "kernel/size.c");
  assertSame(late, await tree.plain("kcov", "kernel/size.c"), "back again");
});

testLate("warnings and errors read as they do without", async (tree) => {
  await tree.configure("kcov-unique");
  for (const file of ["kernel/warns.c", "kernel/frame.c", "kernel/broken.c"]) {
    const late = await tree.compile("kcov-unique", file);
    assert.match(late.stderr, /(warning|error): /, file);
    assertSame(late, await tree.plain("kcov-unique", file), file);
  }
});

testLate(
  "an edit, an option and other words make the object that clang makes of them",
  async (tree) => {
    const [one, other] = ["kcov", "kcov-unique"] as const;
    for (const variant of [one, other]) await tree.configure(variant);
    const same = async (file: string, what: string, flags?: readonly string[]) => {
      for (const variant of [one, other]) {
        const words = flags === undefined ? VARIANTS[variant] : [...VARIANTS[variant], ...flags];
        const late = await tree.compile(variant, file, { flags: words });
        const plain = await tree.plain(variant, file, words);
        assert.equal(plain.code, 0, plain.stderr);
        assertSame(late, plain, `${what}, ${variant}`);
      }
    };
    await same("kernel/a.c", "as it was");
    await tree.write("include/linux/twice.h", FILES["include/linux/twice.h"].replace("3", "4"));
    await same("kernel/a.c", "a header");
    await tree.write("kernel/a.c", FILES["kernel/a.c"].replace("77", "78"));
    await same("kernel/a.c", "the file");
    await same("kernel/size.c", "an option is off");
    for (const variant of [one, other]) await tree.configure(variant, "#define CONFIG_BIG 1\n");
    await same("kernel/size.c", "the option is on");
    // One variant alone.
    await tree.configure(one);
    await same("kernel/size.c", "of one it is off");
    for (
      const flag of ["-O2", "-DKBUILD_MODNAME2", "-fno-omit-frame-pointer", "-march=x86-64-v2"]
    ) {
      await same("kernel/a.c", flag, [flag]);
    }
  },
);

testLate("a new header in front of one that was read is seen", async (tree) => {
  for (const late of [true, false]) {
    await tree.configure("kcov");
    const flags = late ? VARIANTS["kcov"] : [];
    const one = await tree.compile("kcov", "kernel/hidden.c", { flags });
    await tree.write("include/linux/hidden.h", "#define LIMIT 1000\n");
    const other = await tree.compile("kcov", "kernel/hidden.c", { flags });
    assertSame(other, await tree.plain("kcov", "kernel/hidden.c", flags), `late: ${late}`);
    assert.notDeepEqual(other.object, one.object);
    await Deno.remove(`${tree.source}/include/linux/hidden.h`);
  }
});

testLate(
  "what a build has left of its steps goes at its end, or when the next begins",
  async (tree) => {
    await tree.configure("kcov");
    await tree.compile("kcov", "kernel/a.c");
    const build = tree.build("kcov");
    const steps = ["kernel/.a.o.bc", "kernel/.a.o.late.bc", "kernel/.a.o.err"];
    // A build of thousands of objects keeps no IR.
    for (const name of steps) assert.equal((await Deno.stat(`${build}/${name}`)).size, 0);
    await tree.use("kcov");
    const ended = await filesBelow(build);
    for (const name of steps) assert.ok(!ended.includes(`${build}/${name}`), name);
    const killed = [...steps, "kernel/.a.o.bc.check", "kmatrix-late/autoconf.h.123"];
    for (const name of [...killed, "kmatrix-late/none.9"]) {
      await Deno.writeTextFile(`${build}/${name}`, "half");
    }
    await tree.env("kcov");
    const left = await filesBelow(build);
    const goes = (path: string) => path.startsWith(`${build}/kmatrix-late`);
    assert.deepEqual(
      left.sort(),
      [...ended.filter((path) => !goes(path)), `${build}/kmatrix-late.on`].sort(),
    );
  },
);

testLate("words of real configurations make the objects that clang makes of them", async (tree) => {
  // Function tracing, stack protection, mitigations, sections of their own.
  const configurations = [
    ["-pg", "-mfentry"],
    ["-fpatchable-function-entry=16,16"],
    ["-fstack-protector-strong", "-mstack-protector-guard=global"],
    ["-mretpoline-external-thunk", "-mfunction-return=thunk-extern", "-fcf-protection=branch"],
    ["-ffunction-sections", "-fdata-sections", "-O2", "-fno-strict-aliasing"],
    ["-g", "-gdwarf-5"],
    ["-fzero-call-used-regs=used-gpr", "-ftrivial-auto-var-init=pattern", "-fwrapv"],
  ];
  for (const variant of ["kcov", "kcov-unique-cmp"] as const) {
    await tree.configure(variant);
    for (const more of configurations) {
      const flags = [...VARIANTS[variant], ...more];
      const late = await tree.compile(variant, "kernel/a.c", { flags });
      assert.equal((await tree.use(variant))?.objects, 1, late.stderr || more.join(" "));
      assertSame(late, await tree.plain(variant, "kernel/a.c", flags), more.join(" "));
      assert.equal(late.code, 0);
    }
  }
});

testLate("words that are not known to come out right go to clang as they are", async (tree) => {
  const flags = [
    ...["-fsanitize=bounds", "-flto", "-S", "-E", "-fprofile-arcs", "-gsplit-dwarf"],
    ...["-finstrument-functions", "-fsanitize-coverage=inline-8bit-counters", "-save-temps=obj"],
  ];
  await tree.configure("kcov");
  for (const flag of flags) {
    const words = [...VARIANTS["kcov"], flag];
    const late = await tree.compile("kcov", "kernel/a.c", { flags: words });
    assert.equal((await tree.use("kcov"))?.objects ?? 0, 0, flag);
    const env = await tree.env("kcov", "off");
    env["CCACHE_DISABLE"] = "1";
    assertSame(late, await tree.compile("kcov", "kernel/a.c", { flags: words, env }), flag);
  }
});

testLate("coverage without PCs, or with two ways to count them, goes to clang", async (tree) => {
  await tree.configure("kcov");
  for (
    const words of [
      ["-fsanitize-coverage=trace-cmp"],
      ["-mllvm", "-sanitizer-coverage-drop-ctors"],
      ["-fsanitize-coverage=trace-cmp", "-mllvm", "-sanitizer-coverage-drop-ctors"],
      ["-fsanitize-coverage=trace-pc", "-fsanitize-coverage=trace-pc-guard"],
    ]
  ) {
    const late = await tree.compile("kcov", "kernel/a.c", { flags: words });
    assert.equal((await tree.use("kcov"))?.objects ?? 0, 0, words.join(" "));
    assertSame(late, await tree.plain("kcov", "kernel/a.c", words), words.join(" "));
  }
});

testLate("a step that fails leaves it to clang", async (tree) => {
  await tree.configure("kcov");
  const plain = await tree.plain("kcov", "kernel/a.c");
  for (const program of ["false", "true", "no-such-opt"]) {
    // Whatever was made of the same words before.
    const env = { KMATRIX_LATE_OPT: program, CCACHE_RECACHE: "1" };
    assertSame(await tree.compile("kcov", "kernel/a.c", { env }), plain, program);
    assert.equal((await tree.use("kcov"))?.objects ?? 0, 0, program);
  }
});

testLate("a cache that was cut short or has a wrong bit gives no wrong object", async (tree) => {
  for (const variant of ALL) await tree.configure(variant);
  const plain = await tree.plain("kcov-unique", "kernel/a.c");
  const cache = `${tree.dir}/.cache`;
  const damages: Record<string, (bytes: Uint8Array) => Uint8Array> = {
    cut: (bytes) => bytes.subarray(0, bytes.length / 2),
    empty: () => new Uint8Array(),
    flipped: (bytes) => {
      bytes[bytes.length >> 1]! ^= 4;
      return bytes;
    },
    "flipped at the end": (bytes) => {
      bytes[bytes.length - 9]! ^= 1;
      return bytes;
    },
  };
  for (const [what, damage] of Object.entries(damages)) {
    for (const dir of ["ccache", "ccache-shared"]) {
      await Deno.remove(`${cache}/${dir}`, { recursive: true }).catch(() => {});
    }
    await tree.compile("kcov", "kernel/a.c");
    let damaged = 0;
    for (const dir of ["ccache", "ccache-shared"]) {
      for (const file of await filesBelow(`${cache}/${dir}`)) {
        const name = file.slice(file.lastIndexOf("/") + 1);
        if (/^(stats|ccache\.conf|CACHEDIR)/.test(name)) continue;
        await Deno.writeFile(file, damage(await Deno.readFile(file)));
        damaged++;
      }
    }
    assert.ok(damaged >= 4, `${damaged} files`);
    assertSame(await tree.compile("kcov-unique", "kernel/a.c"), plain, what);
  }
});

async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) found.push(...await filesBelow(`${folder}/${name}`));
    else found.push(`${folder}/${name}`);
  }
  return found;
}

testLate("a compilation that is killed leaves nothing that the next one takes", async (tree) => {
  await tree.configure("kcov-unique");
  const plain = await tree.plain("kcov-unique", "kernel/a.c");
  const env = await tree.env("kcov-unique");
  for (const afterMs of [5, 15, 30, 45, 60, 80, 100, 130, 160, 200]) {
    const words = tree.words("kcov-unique", "kernel/a.c", VARIANTS["kcov-unique"]);
    await Deno.remove(`${tree.build("kcov-unique")}/kernel/a.o`).catch(() => {});
    // A group of its own, all of which is killed, as a machine that loses power does.
    const child = new Deno.Command("timeout", {
      args: ["-s", "KILL", `${afterMs / 1000}`, "clang-22", ...words],
      ...{ cwd: tree.build("kcov-unique"), env, stdout: "null", stderr: "null" },
    }).spawn();
    await child.status;
    const object = await Deno.readFile(`${tree.build("kcov-unique")}/kernel/a.o`).catch(() => null);
    if (object !== null) assertSame({ ...plain, object }, plain, `killed after ${afterMs} ms`);
    assertSame(await tree.compile("kcov-unique", "kernel/a.c"), plain, `after ${afterMs} ms`);
  }
});

testLate(
  "where files cannot become longer, as on a full disk, there is the object or none",
  async (tree) => {
    await tree.configure("kcov-unique");
    const plain = await tree.plain("kcov-unique", "kernel/a.c");
    const ends = { object: 0, none: 0 };
    for (const blocks of [0, 1, 2, 4, 6, 8, 10, 12, 16, 24, 64]) {
      for (const folder of ["ccache", "ccache-shared"]) {
        await Deno.remove(`${tree.dir}/.cache/${folder}`, { recursive: true }).catch(() => {});
      }
      const env = await tree.env("kcov-unique");
      const object = `${tree.build("kcov-unique")}/kernel/a.o`;
      await Deno.remove(object).catch(() => {});
      // Blocks of 512 bytes; without the signal, which would end whoever writes.
      const limited = `trap "" XFSZ; ulimit -f ${blocks}; exec clang-22 "$@"`;
      const { code } = await new Deno.Command("sh", {
        args: [
          "-c",
          limited,
          "sh",
          ...tree.words("kcov-unique", "kernel/a.c", VARIANTS["kcov-unique"]),
        ],
        ...{ cwd: tree.build("kcov-unique"), env, stdout: "null", stderr: "null" },
      }).output();
      const made = await Deno.readFile(object).catch(() => null);
      if (code === 0 || made !== null) {
        assertSame({ ...plain, code, object: made }, plain, `${blocks} blocks`);
        ends.object++;
      } else ends.none++;
      assertSame(await tree.compile("kcov-unique", "kernel/a.c"), plain, `after ${blocks} blocks`);
    }
    assert.ok(ends.object > 1 && ends.none > 1, JSON.stringify(ends));
  },
);

testLate("several at once share what the first has made", async (tree) => {
  await Promise.all(ALL.map((variant) => tree.configure(variant)));
  const plain = new Map<Variant, Compiled>();
  for (const variant of ALL) plain.set(variant, await tree.plain(variant, "kernel/a.c"));
  const late = await Promise.all(ALL.map((variant) => tree.compile(variant, "kernel/a.c")));
  ALL.forEach((variant, at) => assertSame(late[at]!, plain.get(variant)!, variant));
});

Deno.test("without KCOV, without opt of the same version and where it is turned off, nothing is late", () =>
  withTempDir(async (dir) => {
    const paths = pathsFor(dir, null, null);
    const config = { toolchain: TOOLCHAIN, buildDir: `${paths.builds}/k` };
    const cacheOf = (opt: string, dotConfig: string, choice: "on" | "off") => {
      const host = Object.assign(
        new FakeHost({
          fs: {
            which: (name) =>
              Promise.resolve(name === "opt-22" && opt === "" ? null : `/bin/${name}`),
          },
          answer: ({ argv }) => ({
            stdout: argv[0] === "opt-22" ? opt : "Debian clang version 22.1.8 (1~deb12u1)\n",
          }),
        }),
        { env: () => undefined },
      );
      const source = { kernelId: "linux", path: `${paths.sources}/linux` };
      return compilerCache({ ...config, source }, paths, host).then(async (cache) => [
        cache,
        await withLateInstrumentation(cache, config, dotConfig, choice, paths, host),
      ]);
    };
    const version = "Debian LLVM version 22.1.8\n";
    const asked = ["CONFIG_KCOV=y\n", "on"] as const;
    for (
      const [opt, dotConfig, choice] of [
        ["", ...asked],
        ["Debian LLVM version 22.1.9\n", ...asked],
        [version, "# CONFIG_KCOV is not set\n", "on"],
        [version, asked[0], "off"],
      ] as const
    ) {
      const [before, after] = await cacheOf(opt, dotConfig, choice);
      assert.deepEqual(after, before);
      await Deno.remove(`${paths.cache}/probes`, { recursive: true }).catch(() => {});
    }
    const [before, after] = await cacheOf(version, ...asked);
    assert.ok(after?.env["KMATRIX_LATE"]);
    assert.notEqual(after.env["CCACHE_COMPILERCHECK"], before?.env["CCACHE_COMPILERCHECK"]);
  }));
