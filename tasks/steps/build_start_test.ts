// SPDX-License-Identifier: MIT
/** Build folders of a few files, and the real commands that copy them. */
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import { sha256 } from "../core/text/digest.ts";
import { pathsFor } from "../core/model/paths.ts";
import type { BuildInputs } from "../core/model/model.ts";
import { denoHost } from "../host/deno_host.ts";
import { withTempDir } from "../testing/fake_host.ts";
import { beginAnew, beginBuild, buildStart } from "./build_start.ts";
import { KERNEL_STAMP, kernelContent } from "./build_store.ts";
import { bootLock } from "./locks.ts";

const DONOR = "aaaaaaaaaaaaaaaa";
const NEW = "bbbbbbbbbbbbbbbb";

const inputsOf = (source: string, change: Partial<BuildInputs> = {}): BuildInputs => ({
  kernel: "k",
  config: "kcov",
  toolchain: "clang",
  source: { path: source, version: "1", digest: "d1", patches: [] },
  fragment: "# why\nCONFIG_A=y\n",
  compiler: "clang 22",
  toolchainFiles: { "/usr/bin/clang": "c1" },
  variables: { ARCH: "x86_64" },
  ...change,
});

/** What kbuild leaves of one object, in words that name the folder. */
const recordOf = (dir: string, object: string, options: readonly string[]) =>
  `savedcmd_${object} := clang -ffile-prefix-map=${dir}=. -c -o ${object} x.c\n` +
  options.map((one) => `    $(wildcard include/config/${one}) \\\n`).join("");

interface Folders {
  readonly builds: string;
  readonly source: string;
  readonly donor: string;
  /** Of the build that is to begin. */
  readonly wanted: BuildInputs;
  readonly told: string[];
  /** What a build folder holds, by its path. */
  readonly contents: (dir: string) => Promise<Map<string, string>>;
  /** Makes a build folder that is built to its end. */
  readonly built: (key: string, change?: Partial<BuildInputs>) => Promise<string>;
  /** What the new folder began as; null for nothing. */
  readonly begin: (inputs?: BuildInputs, commands?: string) => Promise<string | null>;
}

async function withDonor(body: (folders: Folders) => Promise<void>): Promise<void> {
  await withTempDir(async (temp) => {
    const dir = await Deno.realPath(temp);
    const paths = pathsFor(dir, `${dir}/cache`, null);
    const { builds } = paths;
    const source = `${dir}/cache/sources/k`;
    const write = async (path: string, text: string) => {
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.writeTextFile(path, text);
    };
    await write(`${source}/Makefile`, "ifdef CONFIG_FLAG\nendif\n# CONFIG_B\n");
    await write(
      `${source}/scripts/Makefile.lib`,
      "x := $(CONFIG_KIND)\ny := $(CONFIG_KCOV_UNIQUE)\n",
    );
    await write(`${source}/arch/x86/Makefile`, "y-$(CONFIG_CPU) := 1\n");
    const told: string[] = [];
    const host = denoHost({
      emit: (event) => {
        if (event.event === "notice") told.push(event.text);
      },
      signal: new AbortController().signal,
    });
    const built = async (key: string, change: Partial<BuildInputs> = {}) => {
      const at = `${builds}/${key}`;
      for (const object of ["a/x.o", "a/y.o", "b/z.o", "b/w.o"]) {
        await write(`${at}/${object}`, `object ${object} `);
        const [folder, name] = object.split("/");
        const options = { "a/x.o": ["A"], "b/z.o": ["B", "A"] }[object] ?? ["OTHER"];
        await write(`${at}/${folder}/.${name}.cmd`, recordOf(at, object, options));
      }
      // Not compiled by kbuild's usual flags: it names the folder in itself.
      await write(`${at}/boot/setup.o`, `\0\xff${at}\0`);
      await write(`${at}/boot/.setup.o.cmd`, recordOf(at, "boot/setup.o", ["OTHER"]));
      await write(`${at}/vmlinux.a`, "archive");
      await write(`${at}/vmlinux`, "kernel");
      await write(`${at}/.config`, "CONFIG_A=y\n");
      await write(
        `${at}/kmatrix-build.log`,
        "=== kmatrix: make x\n  CC      a/x.o\n  CC      b/z.o\n",
      );
      await write(`${at}/kmatrix-tree.list`, "list");
      await write(`${at}/kmatrix-modules/probe/probe.ko`, "ours");
      await write(`${at}/kmatrix-inspected.json`, "{}");
      const inputs = inputsOf(source, change);
      await write(`${at}/kmatrix-toolchain.json`, JSON.stringify(inputs.toolchainFiles));
      await write(`${at}/kmatrix-inputs.json`, JSON.stringify(inputs));
      const content = kernelContent({ key, source: inputs.source }, await sha256("CONFIG_A=y\n"));
      const { size, mtime } = await Deno.stat(`${at}/vmlinux`);
      await write(
        `${at}/${KERNEL_STAMP}`,
        JSON.stringify({
          content: await sha256(content.join("\0")),
          products: { vmlinux: { size, mtimeMs: mtime!.getTime() } },
        }),
      );
      // As make leaves them: a record is younger than what it is about, and both are old.
      const { stdout } = await host.run({ argv: ["find", at, "-name", "*.o", "-type", "f"] });
      for (const name of stdout.split("\n").filter(Boolean)) await Deno.utime(name, 1000, 1000);
      for (const name of stdout.split("\n").filter(Boolean)) {
        await Deno.utime(name.replace(/([^/]+)$/, ".$1.cmd"), 1001, 1001);
      }
      return at;
    };
    const contents = async (at: string) => {
      const { stdout } = await host.run({
        argv: ["find", at, "-type", "f", "-printf", "%P %T@\\n"],
      });
      const lines = stdout.split("\n").filter(Boolean).map((line) =>
        line.split(" ") as [string, string]
      );
      return new Map(
        await Promise.all(
          lines.map(async ([name, time]) =>
            [
              name,
              `${time} ${new TextDecoder("latin1").decode(await Deno.readFile(`${at}/${name}`))}`,
            ] as const
          ),
        ),
      );
    };
    const donor = await built(DONOR);
    const wanted = inputsOf(source, { fragment: "CONFIG_A=y\nCONFIG_B=y\n" });
    const begin = async (inputs = wanted, commands?: string) => {
      const buildDir = `${builds}/${NEW}`;
      await Deno.remove(buildDir, { recursive: true }).catch(() => {});
      const fs = { ...host.fs };
      const failing = {
        ...host,
        fs,
        signal: host.signal,
        log: (_: unknown, text: string) => told.push(text),
        run: (command: Parameters<typeof host.run>[0]) =>
          command.argv[0] === "sh" && command.argv[2]!.includes(commands!)
            ? Promise.resolve({
              argv: command.argv,
              code: 1,
              stdout: "",
              stderr: "",
              timedOut: false,
              durationMs: 0,
            })
            : host.run(command),
      } as unknown as typeof host;
      const used = commands === undefined ? host : failing;
      await beginBuild({ buildDir, inputs, arch: "arch/x86" }, paths, used);
      const left = [...Deno.readDirSync(builds)].map(({ name }) => name);
      assert.deepEqual(left.filter((name) => name.includes("partial")), []);
      return (await buildStart(buildDir, host))?.key ?? null;
    };
    await body({ builds, source, donor, wanted, told, contents, built, begin });
  });
}

Deno.test("a new folder is a copy, by its own name, and the old one stays as it was", async () => {
  await withDonor(async ({ donor, builds, begin, contents, told }) => {
    const before = await contents(donor);
    assert.equal(await begin(), DONOR);
    assert.deepEqual(await contents(donor), before);
    const copy = await contents(`${builds}/${NEW}`);
    for (const name of ["a/x.o", "a/y.o", "b/z.o", "b/w.o", "vmlinux", "kmatrix-tree.list"]) {
      assert.equal(copy.get(name), before.get(name), `${name}, with its time`);
    }
    for (const [name, text] of copy) {
      if (name !== "kmatrix-start.json") assert.ok(!text.includes(DONOR), name);
    }
    assert.ok(copy.get("a/.x.o.cmd")!.includes(`-ffile-prefix-map=${builds}/${NEW}=.`));
    assert.ok(!copy.has("boot/setup.o"), "it names the old folder");
    assert.deepEqual(
      [...copy.keys()].filter((name) => name.startsWith("kmatrix-")).sort(),
      ["kmatrix-build.log", "kmatrix-start.json", "kmatrix-toolchain.json", "kmatrix-tree.list"],
    );
    assert.match(told.join("\n"), /begins as a copy of k\/kcov \(a{16}\)/);
  });
});

Deno.test("nothing is copied of a build of anything else", async () => {
  await withDonor(async ({ source, wanted, begin }) => {
    const others: Readonly<Record<string, Partial<BuildInputs>>> = {
      "another source": { source: { ...wanted.source, digest: "d2" } },
      "the same elsewhere": { source: { ...wanted.source, path: `${source}2` } },
      "another base": { base: "defconfig" },
      "another compiler": { compiler: "clang 23" },
      "a compiler changed in place": { toolchainFiles: { "/usr/bin/clang": "c2" } },
      "one more library": { toolchainFiles: { ...wanted.toolchainFiles, "/usr/lib/x.so": "1" } },
      "other variables": { variables: { ...wanted.variables, KCFLAGS: "-g" } },
    };
    for (const [what, change] of Object.entries(others)) {
      assert.equal(await begin({ ...wanted, ...change }), null, what);
    }
    const { toolchainFiles: _, ...unknown } = wanted;
    assert.equal(await begin(unknown), null, "a compiler of which nothing is known");
    assert.equal(await begin({ ...wanted, config: "other" }), DONOR, "the name says nothing");
  });
});

Deno.test("nothing is copied of a build that is not whole, or not as it was left", async () => {
  const worlds: Readonly<Record<string, (donor: string) => unknown>> = {
    "never ended": (donor) => Deno.remove(`${donor}/${KERNEL_STAMP}`),
    "without inputs": (donor) => Deno.remove(`${donor}/kmatrix-inputs.json`),
    "damaged stamp": (donor) => Deno.writeTextFile(`${donor}/${KERNEL_STAMP}`, '{"content'),
    "another .config": (donor) => Deno.writeTextFile(`${donor}/.config`, "CONFIG_A=m\n"),
    "another vmlinux": (donor) => Deno.writeTextFile(`${donor}/vmlinux`, "changed"),
    "no vmlinux": (donor) => Deno.remove(`${donor}/vmlinux`),
    "no vmlinux.a": (donor) => Deno.remove(`${donor}/vmlinux.a`),
    "of another compiler": (donor) =>
      Deno.writeTextFile(`${donor}/kmatrix-toolchain.json`, '{"a":"b"}'),
    "a log that lacks a part": (donor) =>
      Deno.writeTextFile(
        `${donor}/kmatrix-build.log`,
        "\n[kmatrix: 5 bytes of the log left out]\n",
      ),
    "a warning of nothing": (donor) =>
      Deno.writeTextFile(`${donor}/kmatrix-build.log`, "warning: odd\n  CC      a/x.o\n"),
    "a warning of what is no file": (donor) =>
      Deno.writeTextFile(`${donor}/kmatrix-build.log`, "  GEN     nowhere\nwarning: odd\n"),
    "a warning of a file elsewhere": (donor) =>
      Deno.writeTextFile(`${donor}/kmatrix-build.log`, "  GEN     ../x\nwarning: odd\n"),
  };
  for (const [what, change] of Object.entries(worlds)) {
    await withDonor(async ({ donor, begin }) => {
      await change(donor);
      assert.equal(await begin(), null, what);
    });
  }
});

Deno.test("a build that another run is changing is no start, one that it boots from is", async () => {
  await withDonor(async ({ donor, begin }) => {
    const { denoFileSystem: fs } = await import("../host/deno_fs.ts");
    const boots = await fs.lock({ path: bootLock(donor).path, shared: true });
    assert.equal(await begin(), DONOR);
    boots.release();
    const changes = await fs.lock({ path: bootLock(donor).path });
    assert.equal(await begin(), null);
    changes.release();
  });
});

Deno.test("an object that was changed by hand is made again, and one that was warned of", async () => {
  await withDonor(async ({ donor, builds, begin, contents }) => {
    await Deno.writeTextFile(`${donor}/b/w.o`, "by hand");
    await Deno.writeTextFile(
      `${donor}/kmatrix-build.log`,
      `  CC      a/x.o\n/s/x.c:1:2: warning: odd\n  CC      a/y.o\n  HOSTCC  ${donor}/b/z.o\nx: warning: y\n`,
    );
    assert.equal(await begin(), DONOR);
    const copy = await contents(`${builds}/${NEW}`);
    assert.deepEqual([...copy.keys()].filter((name) => name.endsWith(".o")).sort(), ["a/y.o"]);
    const log = await Deno.readTextFile(`${builds}/${NEW}/kmatrix-build.log`);
    assert.equal(log, `  CC a/x.o\n  CC a/y.o\n  HOSTCC ${builds}/${NEW}/b/z.o\n`);
  });
});

Deno.test("the start is the build of which least is made again, if not nearly all is", async () => {
  await withDonor(async ({ source, built, wanted, begin }) => {
    const asks = (...lines: readonly string[]) => ({
      ...wanted,
      fragment: `${lines.join("\n")}\n`,
    });
    // Of five objects, two name A and one B.
    assert.equal(await begin(asks("CONFIG_A=y", "CONFIG_B=y")), DONOR);
    assert.equal(await begin(asks("CONFIG_A=y", "CONFIG_OTHER=y")), DONOR, "three of five");
    assert.equal(await begin(asks("CONFIG_OTHER=y", "CONFIG_B=y")), null, "all of five");
    for (const name of ["FLAG", "KIND", "CPU"]) {
      assert.equal(await begin(asks("CONFIG_A=y", `CONFIG_${name}=y`)), null, `flags by ${name}`);
    }
    assert.equal(await begin(asks("# CONFIG_A is not set")), DONOR);
    assert.equal(await begin(asks("# other words", "CONFIG_A=y")), DONOR);
    const near = "cccccccccccccccc";
    await built(near, { fragment: "CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=y\n" });
    assert.equal(await begin(asks("CONFIG_A=y", "CONFIG_B=y")), near);
    assert.equal(await begin(asks("CONFIG_A=y")), DONOR);
    assert.equal(source.length > 0, true);
  });
});

Deno.test("another variant of KCOV is a start where both are instrumented late", async () => {
  await withDonor(async ({ built, wanted, begin }) => {
    const classic = "CONFIG_A=y\nCONFIG_KCOV=y\n";
    const unique = `${classic}CONFIG_KCOV_UNIQUE=y\n`;
    const near = "cccccccccccccccc";
    await built(near, { fragment: classic });
    assert.equal(await begin({ ...wanted, fragment: unique }), near);
    assert.equal(await begin({ ...wanted, fragment: `${unique}CONFIG_FLAG=y\n` }), null, "flags");
    // Nearer than a variant is a build of which fewer objects are made again.
    const nearest = "dddddddddddddddd";
    await built(nearest, { fragment: `${unique}CONFIG_B=y\n` });
    assert.equal(await begin({ ...wanted, fragment: unique }), nearest);
    // Compiled plainly, all of it costs what it costs from nothing.
    const plain = { fragment: classic, late: "off" } as const;
    await built(near, plain);
    await built(nearest, plain);
    assert.equal(await begin({ ...wanted, fragment: unique, late: "off" }), null);
  });
});

Deno.test("a folder by another name than its key is no start", async () => {
  await withDonor(async ({ donor, builds, begin }) => {
    await Deno.rename(donor, `${builds}/config-0123456789ab`);
    assert.equal(await begin(), null);
  });
});

Deno.test("a copy that fails at any step leaves no folder", async () => {
  await withDonor(async ({ builds, donor, begin, wanted, contents }) => {
    const before = await contents(donor);
    for (const step of ["cp -a", "grep -rlZF"]) {
      assert.equal(await begin(wanted, step), null, step);
      assert.deepEqual([...Deno.readDirSync(builds)].map(({ name }) => name), [DONOR]);
    }
    assert.deepEqual(await contents(donor), before);
  });
});

Deno.test("what a killed run has copied in part is no start, and goes", async () => {
  await withDonor(async ({ builds, begin, contents }) => {
    await Deno.mkdir(`${builds}/${NEW}.partial/a`, { recursive: true });
    await Deno.writeTextFile(`${builds}/${NEW}.partial/a/q.o`, "half");
    assert.equal(await begin(), DONOR);
    assert.ok(!(await contents(`${builds}/${NEW}`)).has("a/q.o"));
  });
});

Deno.test("links and pipes of a stranger's build are followed nowhere", async () => {
  await withDonor(async ({ donor, builds, begin }) => {
    const outside = `${dirname(builds)}/outside.cmd`;
    await Deno.writeTextFile(outside, `names ${DONOR}`);
    await Deno.symlink(outside, `${donor}/a/.link.o.cmd`);
    await Deno.symlink("/nowhere/at/all", `${donor}/a/broken`);
    await new Deno.Command("mkfifo", { args: [`${donor}/a/pipe`] }).output();
    assert.equal(await begin(), DONOR);
    assert.equal(await Deno.readTextFile(outside), `names ${DONOR}`);
    assert.equal(await Deno.readLink(`${builds}/${NEW}/a/.link.o.cmd`), outside);
  });
});

Deno.test("a folder that is there stays as it is, and is emptied where that is asked", async () => {
  await withDonor(async ({ builds, donor, wanted, contents }) => {
    const host = denoHost({ emit: () => {}, signal: new AbortController().signal });
    const buildDir = `${builds}/${NEW}`;
    await Deno.mkdir(buildDir);
    await Deno.writeTextFile(`${buildDir}/.config`, "mine");
    const paths = pathsFor("/p", dirname(builds), null);
    await beginBuild({ buildDir, inputs: wanted, arch: "arch/x86" }, paths, host);
    assert.deepEqual([...(await contents(buildDir)).keys()], [".config"]);
    await beginAnew({ buildDir }, host);
    assert.equal(await host.fs.exists(buildDir), false);
    assert.equal(await host.fs.exists(donor), true);
  });
});
