// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { basename } from "node:path/posix";
import type { Command, CommandResult, Host } from "../host/host.ts";
import type { KernelConfig, RunSettings } from "../core/model/model.ts";
import { pathsFor } from "../core/model/paths.ts";
import { CLANG } from "../testing/samples.ts";
import { rejectionOf } from "../testing/errors.ts";
import { bootLock } from "../steps/locks.ts";
import { build, buildTargets } from "./build.ts";

const BUILD = "/cache/builds/k";
const SOURCE = "/project/selftests/modules/probe";
const OWN = `${BUILD}/kmatrix-modules/probe`;

const TREE = { kernelId: "k", version: "1", digest: "d", path: "/src", stamp: null, patches: [] };

const IMAGE = { target: "vmlinux", file: "vmlinux" };
const CONFIG: KernelConfig = {
  image: IMAGE,
  demands: null,
  source: TREE,
  key: "k",
  buildDir: BUILD,
  toolchain: CLANG,
  features: ["kcov", "modules"],
  notices: [],
  inputs: {
    kernel: "k",
    config: "kcov",
    toolchain: "clang-22",
    source: TREE,
    fragment: "CONFIG_MODULES=y\n",
    compiler: "clang version 22",
    variables: {},
  },
  durationMs: 0,
};
const SETTINGS: RunSettings = {
  jobs: 1,
  accel: "tcg",
  sandbox: "off",
  lateInstrumentation: "on",
  failFast: false,
  install: false,
  timeoutSeconds: null,
  testFilter: [],
  makeVariables: {},
  keyedVariables: {},
};

/** Files in memory, and a make that writes what kbuild would. */
class Machine {
  readonly files = new Map<string, { text: string; mtimeMs: number }>();
  /** The targets of each make call, or the folder of the module that it was for. */
  readonly made: string[] = [];
  /** Files that are younger than their last finished command. */
  readonly unfinished: string[] = [];
  onMake: () => unknown = () => {};
  readonly confined: Command["confine"][] = [];
  /** Links and where they lead to. */
  readonly links = new Map<string, string>();
  /** Locks that are held alone. */
  readonly #locks = new Set<string>();
  #now = 1;

  constructor() {
    this.write(`${BUILD}/.config`, "CONFIG_MODULES=y\n");
    this.write(`${SOURCE}/Kbuild`, "obj-m := probe.o\n");
    this.write(`${SOURCE}/probe.c`, "int x;\n");
  }

  write(path: string, text: string): void {
    this.files.set(path, { text, mtimeMs: this.#now++ });
  }

  below(dir: string): string[] {
    const names = [...this.files.keys()].filter((path) => path.startsWith(`${dir}/`))
      .map((path) => path.slice(dir.length + 1).split("/")[0]!);
    return [...new Set(names)].sort();
  }

  remove(path: string): void {
    for (const file of [...this.files.keys()]) {
      if (file === path || file.startsWith(`${path}/`)) this.files.delete(file);
    }
  }

  run({ argv, log, confine }: Command): CommandResult {
    const sound = { argv, code: 0, stdout: "", stderr: "", timedOut: false, durationMs: 0 };
    // Looks for half-made objects, and removes them.
    if (argv[0] === "find") {
      for (const path of this.unfinished) this.remove(path);
      return { ...sound, stdout: this.unfinished.join("\n") };
    }
    if (argv[0] === "sh") {
      // Lists the source, in which nothing changes here.
      assert.match(argv[2]!, /^list=\$0/);
      this.write(argv[3]!, "Makefile 1 1.0 1.0 1 \n");
      return { ...sound, stdout: "digest\ndigest\n" };
    }
    assert.deepEqual([...this.#locks], [bootLock(BUILD).path], "nobody boots from it meanwhile");
    this.confined.push(confine);
    this.onMake();
    const module = argv.find((word) => word.startsWith("M="))?.slice(2);
    this.made.push(module ?? argv.filter((word) => /^(vmlinux|modules)$/.test(word)).join(" "));
    if (module) {
      const source = this.files.get(`${module}/probe.c`)?.text ?? "";
      this.write(`${module}/${basename(module)}.ko`, `from ${source}`);
    } else {
      this.write(`${BUILD}/vmlinux`, "kernel");
      this.write(`${BUILD}/modules.order`, "lib/test_uuid.o\n");
      this.write(`${BUILD}/lib/test_uuid.ko`, "module");
    }
    this.write(log!, `${this.files.get(log!)?.text ?? ""}  CC      some.o\n`);
    return sound;
  }

  get host(): Host {
    const text = (path: string) => this.files.get(path)?.text ?? null;
    const whole = (path: string) => text(path) ?? assert.fail(`no ${path}`);
    const fs: Partial<Host["fs"]> = {
      readText: (path) => Promise.resolve(whole(path)),
      readTextIfAny: (path) => Promise.resolve(text(path)),
      readTail: (path) => Promise.resolve(text(path) ?? ""),
      writeText: (path, content) => Promise.resolve(this.write(path, content)),
      append: (path, more) => Promise.resolve(this.write(path, `${text(path) ?? ""}${more}`)),
      openParts: (path) => {
        const bytes = new TextEncoder().encode(whole(path));
        const read = (offset: number, length: number) => bytes.subarray(offset, offset + length);
        return Promise.resolve({ size: bytes.length, read, close: () => {} });
      },
      stat: (path) => {
        const file = this.files.get(path);
        return Promise.resolve(
          file ? { size: file.text.length, mtimeMs: file.mtimeMs, isDirectory: false } : null,
        );
      },
      lock: ({ path, shared }) => {
        if (!shared) this.#locks.add(path);
        return Promise.resolve({ release: () => void this.#locks.delete(path) });
      },
      which: () => Promise.resolve(null),
      realPath: (path) => Promise.resolve(this.links.get(path) ?? path),
      exists: (path) => Promise.resolve(this.files.has(path)),
      list: (dir) => Promise.resolve(this.below(dir)),
      makeDir: () => Promise.resolve(),
      rename: (from, to) => {
        this.write(to, whole(from));
        return Promise.resolve(this.remove(from));
      },
      remove: (path) => Promise.resolve(this.remove(path)),
      copy: (from, to) => Promise.resolve(this.write(to, whole(from))),
    };
    return {
      run: (command: Command) => Promise.resolve(this.run(command)),
      sandbox: () => Promise.resolve({ kind: "bubblewrap" }),
      fs,
      now: () => 0,
      log: () => {},
      signal: new AbortController().signal,
    } as unknown as Host;
  }

  /** What the stage made this time. */
  async build(config: Partial<KernelConfig> = {}): Promise<string[]> {
    const before = this.made.length;
    const paths = pathsFor("/project", "/cache", null);
    const result = await build({ ...CONFIG, ...config }, SETTINGS, paths, this.host);
    assert.equal(result.compiled, this.made.length > before);
    return this.made.slice(before);
  }
}

Deno.test("buildTargets() has the modules where the kernel has any", () => {
  assert.deepEqual(buildTargets({ features: ["kcov"], image: IMAGE }), ["vmlinux"]);
  assert.deepEqual(buildTargets({ features: ["modules"], image: IMAGE }), [
    "vmlinux",
    "modules",
  ]);
});

Deno.test("build() builds the selftests' modules behind a kernel with modules", async () => {
  const machine = new Machine();
  const paths = pathsFor("/project", "/cache", null);
  const { modules } = await build(CONFIG, SETTINGS, paths, machine.host);
  assert.deepEqual(machine.made, ["vmlinux modules", OWN]);
  assert.deepEqual(modules, ["lib/test_uuid.ko", "kmatrix-modules/probe/probe.ko"]);
  assert.deepEqual(machine.below(SOURCE), ["Kbuild", "probe.c"], "nothing is written there");
});

Deno.test("build() leaves them out where the kernel has no modules", async () => {
  const machine = new Machine();
  assert.deepEqual(await machine.build({ features: ["kcov"] }), ["vmlinux"]);
});

Deno.test("build() builds the module that crashes only for kernels that are made for it", async () => {
  const machine = new Machine();
  machine.write("/project/selftests/crash/modules/bang/Kbuild", "obj-m := bang.o\n");
  assert.deepEqual(await machine.build(), ["vmlinux modules", OWN]);
  const crash = await machine.build({ features: ["modules", "crash"] });
  assert.deepEqual(crash, [`${BUILD}/kmatrix-modules/bang`]);
});

Deno.test("build() makes nothing when nothing has changed", async () => {
  const machine = new Machine();
  await machine.build();
  assert.deepEqual(await machine.build(), []);
});

Deno.test("build() builds only the module whose source has changed, from the new source", async () => {
  const machine = new Machine();
  await machine.build();
  machine.remove(`${SOURCE}/probe.c`);
  machine.write(`${SOURCE}/probe.c`, "int y;\n");
  assert.deepEqual(await machine.build(), [OWN]);
  assert.equal(machine.files.get(`${OWN}/probe.ko`)?.text, "from int y;\n");
  assert.deepEqual(await machine.build(), []);
});

Deno.test("build() builds kernel and module when the kernel's source has changed", async () => {
  const machine = new Machine();
  await machine.build();
  const source = { ...CONFIG.source, digest: "other" };
  assert.deepEqual(await machine.build({ source }), ["vmlinux modules", OWN]);
});

Deno.test("build() builds again where another image of the same kernel is to boot", async () => {
  const machine = new Machine();
  await machine.build();
  const image = { target: "bzImage", file: "arch/x86/boot/bzImage" };
  const path = `${BUILD}/${image.file}`;
  machine.onMake = () => machine.files.has(path) || machine.write(path, "compressed");
  const [kernel] = await machine.build({ image });
  assert.ok(kernel?.includes("modules"), `${kernel}`);
  assert.deepEqual(await machine.build({ image }), []);
});

Deno.test("build() builds again what somebody has removed", async () => {
  const machine = new Machine();
  await machine.build();
  machine.remove(`${OWN}/probe.ko`);
  assert.deepEqual(await machine.build(), [OWN]);
  machine.remove(`${BUILD}/lib/test_uuid.ko`);
  assert.deepEqual(await machine.build(), ["vmlinux modules", OWN]);
});

Deno.test("build() takes away what somebody has changed, or make would keep it", async () => {
  const machine = new Machine();
  await machine.build();
  machine.write(`${BUILD}/vmlinux`, "ker");
  machine.onMake = () => {
    assert.ok(!machine.files.has(`${BUILD}/vmlinux`));
    machine.onMake = () => {};
  };
  assert.deepEqual(await machine.build(), ["vmlinux modules", OWN]);
  assert.equal(machine.files.get(`${BUILD}/vmlinux`)?.text, "kernel");
});

Deno.test("build() takes away objects whose command was never finished", async () => {
  const machine = new Machine();
  await machine.build();
  machine.write(`${BUILD}/fs/a.o`, "half");
  machine.unfinished.push(`${BUILD}/fs/a.o`);
  machine.onMake = () => assert.ok(!machine.files.has(`${BUILD}/fs/a.o`));
  await machine.build({ source: { ...TREE, digest: "other" } });
});

Deno.test("build() takes a damaged stamp for none", async () => {
  for (const text of ["", "null", "{}", '{"products":{}}', '{"products":{"vmlinux":null}}', "{"]) {
    const machine = new Machine();
    await machine.build();
    machine.write(`${BUILD}/kmatrix-built.json`, text);
    assert.deepEqual((await machine.build())[0], "vmlinux modules", text);
  }
});

Deno.test("build() follows no link that leads out of the build folder", async () => {
  for (const name of ["vmlinux", ".config", "lib/test_uuid.ko", "kmatrix-modules/probe"]) {
    const machine = new Machine();
    machine.links.set(`${BUILD}/${name}`, "/root/file");
    const error = await rejectionOf(machine.build());
    assert.equal(error.id, "points-outside", name);
    assert.match(error.message, new RegExp(`${name}, which leads to /root/file$`));
  }
});

Deno.test("build() confines every make call to its build folder", async () => {
  const machine = new Machine();
  await machine.build();
  assert.equal(machine.confined.length, 2);
  for (const confine of machine.confined) {
    assert.deepEqual(confine?.writable, [BUILD]);
    assert.deepEqual(confine?.readable, ["/src"]);
  }
});
