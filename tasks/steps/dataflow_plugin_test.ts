// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import { readFileSync, writeFileSync } from "node:fs";
import type { Command, CommandResult } from "../host/host.ts";
import { pathsFor } from "../core/model/paths.ts";
import { PLUGIN_FILE } from "../core/build/dataflow_plugin.ts";
import { rejectionOf } from "../testing/errors.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { CLANG } from "../testing/samples.ts";
import { ensurePlugin, keptPlugins, notesOf, pluginLack, pluginPlace } from "./dataflow_plugin.ts";

const ASSEMBLY = "call __sanitizer_cov_trace_args\ncall __sanitizer_cov_trace_ret\n";

interface World {
  /** What each says with --version. */
  readonly clang: string;
  readonly llvm: string;
  /** Of clang itself. */
  readonly content: string;
  /** Programs and files that are not there. */
  readonly lacks: readonly string[];
  readonly compile: Partial<CommandResult>;
  readonly note: Partial<CommandResult>;
  readonly load: Partial<CommandResult>;
  /** Told while g++ runs. */
  readonly onCompile: (file: string) => void;
}

const SOUND: World = {
  clang: "Debian clang version 22.1.8 (1)\n",
  llvm: "22.1.8\n",
  content: "clang",
  lacks: [],
  compile: {},
  load: { stdout: ASSEMBLY },
  note: { stdout: "!kcov-dataflow.noted = !{}\n" },
  onCompile: () => {},
};

/** A project with a plugin's source, on a machine that can be changed from use to use. */
class Project {
  readonly dir: string;
  world = SOUND;
  /** How often g++ was started. */
  compiled = 0;
  readonly messages: string[] = [];

  constructor(dir: string) {
    this.dir = dir;
  }

  get paths() {
    return pathsFor(this.dir, null, null);
  }

  async write(name: string, text: string): Promise<void> {
    const path = `${this.dir}/plugins/kcov-dataflow/${name}`;
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeTextFile(path, text);
  }

  /** Each use is a run of its own. */
  host(): FakeHost {
    const { world } = this;
    const real = new FakeHost().fs;
    const host = new FakeHost({
      answer: (command) => this.#answer(command, world),
      fs: {
        which: (name) => Promise.resolve(world.lacks.includes(name) ? null : `/usr/bin/${name}`),
        // A program file that has changed is another one to whoever remembers what it says.
        stat: (path) =>
          path.startsWith("/usr/bin/")
            ? Promise.resolve({ size: 1, mtimeMs: timeOf(world), isDirectory: false })
            : real.stat(path),
        imprint: (path) => Promise.resolve(`${path} ${world.content}`),
        exists: (path) =>
          path.startsWith("/usr/")
            ? Promise.resolve(!world.lacks.some((name) => path.endsWith(name)))
            : real.exists(path),
      },
    });
    return host;
  }

  #answer({ argv, env }: Command, world: World): Partial<CommandResult> {
    const [program] = argv;
    if (argv.includes("--version")) {
      return { stdout: program === "llvm-config-22" ? world.llvm : world.clang };
    }
    if (argv.includes("--includedir")) return { stdout: "/usr/lib/llvm-22/include\n" };
    if (program === "ldd") return { stdout: "" };
    if (program === "sha256sum") {
      const lines = argv.slice(2).map((path) =>
        `${digestOf(path.startsWith("/usr/") ? world.content : contentOf(path))}  ${path}`
      );
      return lines.some((line) => line.startsWith("null"))
        ? { code: 1, stderr: "no such file" }
        : { stdout: `${lines.join("\n")}\n` };
    }
    if (program === "sh") {
      this.compiled++;
      const file = / -o (\S+) /.exec(argv[2]!)![1]!;
      assert.equal(env?.TMPDIR, dirname(file), "what g++ leaves goes with the folder");
      writeFileSync(`${dirname(file)}/ccXYZ.s`, "left");
      world.onCompile(file);
      if ((world.compile.code ?? 0) === 0) {
        writeFileSync(file, readFileSync(/ (\S+\.cpp)$/.exec(argv[2]!)![1]!));
      }
      return world.compile;
    }
    assert.equal(program, "clang-22");
    return argv.includes("-kcov-dataflow-note-only") ? world.note : world.load;
  }

  async use(change: Partial<World> = {}): Promise<string> {
    this.world = { ...SOUND, ...change };
    const host = this.host();
    try {
      return (await ensurePlugin(CLANG, this.paths, host)).file;
    } finally {
      this.messages.push(...host.messages);
    }
  }

  /** Everything below the cache's folder of plugins. */
  async kept(): Promise<string[]> {
    const names: string[] = [];
    for (const { digest, dir } of await keptPlugins(this.paths, this.host())) {
      for await (const { name } of Deno.readDir(dir)) names.push(`${digest}/${name}`);
    }
    return names.sort();
  }
}

function contentOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** As long as a SHA-256, and of no more use than to tell texts apart. */
const digestOf = (content: string | null) =>
  content === null
    ? "null"
    : [...content].reduce((sum, one) => (sum * 33 + one.charCodeAt(0)) % 2 ** 40, 7)
      .toString(16).padStart(16, "0").repeat(4);

const timeOf = (world: World) => Number.parseInt(digestOf(JSON.stringify(world)).slice(-8), 16);

function testProject(name: string, body: (project: Project) => Promise<void>): void {
  Deno.test(name, () =>
    withTempDir(async (dir) => {
      const project = new Project(dir);
      await project.write("kcov_dataflow.cpp", "plugin 1");
      await body(project);
    }));
}

testProject("ensurePlugin() compiles once for each source, LLVM and compiler", async (project) => {
  const first = await project.use();
  assert.match(first, new RegExp(`^${project.paths.plugins}/[0-9a-f]{16}/${PLUGIN_FILE}$`));
  assert.equal(await Deno.readTextFile(first), "plugin 1");
  const digest = first.split("/").at(-2);
  assert.deepEqual(await project.kept(), [
    `${digest}/${PLUGIN_FILE}`,
    `${digest}/${PLUGIN_FILE}.sha256`,
  ]);
  assert.equal(await project.use(), first);
  assert.equal(project.compiled, 1);
  const others = new Set([
    first,
    await project.use({ content: "another clang" }),
    await project.use({ llvm: "22.1.9\n", clang: "clang version 22.1.9\n" }),
  ]);
  await project.write("kcov_dataflow.cpp", "plugin 2");
  others.add(await project.use());
  await project.write("values.h", "included");
  others.add(await project.use());
  assert.equal(others.size, 5);
  assert.equal(project.compiled, 5);
  // What it is tested with is no part of it.
  await project.write("tests/runtime.c", "test");
  await project.write("README.md", "text");
  assert.ok(others.has(await project.use()));
  assert.equal(project.compiled, 5);
});

testProject(
  "what decides about notes are headers, where the plugin makes notes alone",
  async (project) => {
    const notes = async (change: Partial<World> = {}) =>
      await notesOf(await project.use(change), project.host());
    const withoutHeaders = await notes();
    assert.match(withoutHeaders!, /^[0-9a-f]{64}$/);
    await project.write("kcov_dataflow.cpp", "plugin 2");
    assert.notEqual(await notes(), withoutHeaders, "all of it decides");
    await project.write("note.h", "notes 1");
    const first = await notes();
    assert.notEqual(first, withoutHeaders);
    await project.write("kcov_dataflow.cpp", "plugin 3");
    assert.equal(await notes(), first);
    assert.equal(await notes(), first, "the second use");
    await project.write("types.h", "included");
    const second = await notes();
    assert.notEqual(second, first);
    const file = await project.use();
    await Deno.writeTextFile(file, "damaged");
    assert.equal(await notes(), second, "after it was made again");
    // An earlier plugin, and one that inserts all the same.
    const refused = { code: 1, stderr: "clang: Unknown command line argument" };
    assert.equal(await notes({ content: "2", note: refused }), null);
    const inserts = `${SOUND.note.stdout} call void @__sanitizer_cov_trace_args(`;
    assert.equal(await notes({ content: "3", note: { stdout: inserts } }), null);
    assert.equal(await notesOf(`${project.dir}/elsewhere/${PLUGIN_FILE}`, project.host()), null);
  },
);

testProject("two runs that need the plugin at once compile it once", async (project) => {
  const files = await Promise.all([project.use(), project.use(), project.use()]);
  assert.equal(new Set(files).size, 1);
  assert.equal(project.compiled, 1);
});

testProject("ensurePlugin() makes a damaged plugin again", async (project) => {
  const file = await project.use();
  for (const damage of [() => Deno.writeTextFile(file, "plugin X"), () => Deno.remove(file)]) {
    await damage();
    assert.equal(await project.use(), file);
    assert.equal(await Deno.readTextFile(file), "plugin 1");
  }
  assert.equal(project.compiled, 3);
  assert.match(
    project.messages.join("\n"),
    /notice: .*kcov-dataflow\.so is not as it was compiled/,
  );
});

testProject("what is killed half-way leaves no plugin", async (project) => {
  const stops: Partial<World>[] = [
    // Killed itself, as SIGKILL leaves it: nothing of the code behind it runs.
    { onCompile: (file) => writeFileSync(file, "half"), compile: { code: 137, stderr: "Killed" } },
    { onCompile: (file) => writeFileSync(file, "half"), load: { code: 1, stderr: "cut off" } },
  ];
  for (const stop of stops) {
    await rejectionOf(project.use(stop));
    assert.deepEqual(await project.kept(), []);
  }
  // A run that was killed leaves its folder under the other name, and the next one takes it away.
  const { digest } = await pluginPlace(CLANG, project.paths, project.host());
  const partial = `${project.paths.plugins}/${digest}.partial`;
  await Deno.mkdir(partial, { recursive: true });
  await Deno.writeTextFile(`${partial}/${PLUGIN_FILE}`, "half");
  assert.equal(await Deno.readTextFile(await project.use()), "plugin 1");
  assert.deepEqual((await project.kept()).filter((name) => name.includes("partial")), []);
});

testProject(
  "a machine without what the plugin takes is told so, each lack by its id",
  async (project) => {
    const failing = async (change: Partial<World>) => {
      const { id, kind, message, detail } = await rejectionOf(project.use(change));
      assert.deepEqual(await project.kept(), []);
      return [kind, id, message, detail] as const;
    };
    const [kind, id, message, advice] = await failing({ lacks: ["g++"] });
    assert.deepEqual([kind, id], ["infra", "no-llvm-headers"]);
    assert.match(message, /^the dataflow plugin of clang-22 cannot be compiled: g\+\+ is missing$/);
    assert.match(advice, /Debian: g\+\+ llvm-22-dev/);
    const noHeaders = await failing({ lacks: ["PassBuilder.h"] });
    assert.match(
      noHeaders[2],
      /there is no \/usr\/lib\/llvm-22\/include\/llvm\/Passes\/PassBuilder\.h$/,
    );
    assert.match((await failing({ lacks: ["llvm-config-22"] }))[2], /llvm-config-22 is missing$/);
    assert.equal(project.compiled, 0);

    const other = await failing({ llvm: "22.1.7\n" });
    assert.deepEqual(other.slice(0, 2), ["infra", "other-llvm"]);
    assert.match(other[2], /for clang-22 22\.1\.8: llvm-config-22 has headers of LLVM 22\.1\.7$/);
    assert.equal(project.compiled, 0);

    const stderr = "k.cpp: In function\nk.cpp:7:1: error: 'Pass' was not declared\nmore\n";
    const broken = await failing({ compile: { code: 1, stderr } });
    assert.deepEqual(broken.slice(0, 2), ["config", "plugin-compile-error"]);
    assert.match(broken[2], /does not compile: k\.cpp:7:1: error: 'Pass' was not declared$/);
    assert.match(broken[3], /\nmore$/);

    const refused = await failing({ load: { code: 1, stderr: "error: unable to load plugin" } });
    assert.deepEqual(refused.slice(0, 2), ["config", "plugin-not-loaded"]);
    assert.match(refused[2], /^clang-22 does not take the dataflow plugin \(exit 1\)$/);
    assert.match(refused[3], /unable to load plugin/);
    const idle = await failing({ load: { stdout: "ret\n" } });
    assert.equal(idle[1], "plugin-not-loaded");
    assert.match(idle[2], /loads the dataflow plugin, which adds no call/);

    assert.equal((await failing({ compile: { code: 137 } }))[1], "compiler-killed");
    await Deno.remove(`${project.dir}/plugins/kcov-dataflow/kcov_dataflow.cpp`);
    assert.match((await failing({}))[2], /plugins\/kcov-dataflow has no C\+\+ file$/);
  },
);

testProject("a plugin that is there needs nothing to be compiled with", async (project) => {
  const file = await project.use();
  assert.equal(await project.use({ lacks: ["g++", "PassBuilder.h"] }), file);
  assert.equal(project.compiled, 1);
});

testProject("pluginLack() compiles nothing, and pluginPlace() lacks nothing", async (project) => {
  assert.equal(await pluginLack(CLANG, project.paths, project.host()), null);
  project.world = { ...SOUND, lacks: ["llvm-config-22", "g++"] };
  const lack = await pluginLack(CLANG, project.paths, project.host());
  assert.equal(lack?.id, "no-llvm-headers");
  const { file } = await pluginPlace(CLANG, project.paths, project.host());
  assert.equal(await Deno.stat(file).then(() => true, () => false), false);
  assert.equal(project.compiled, 0);
});
