// SPDX-License-Identifier: MIT
/**
 * `deno task test:hostile`: the fast tests of hostile_test.ts, and what is too slow for them. First
 * over the fakes (2 GB of console, every way to break a run off at every stage), then with real clang,
 * kernel and QEMU over the project's own cache. Prints what was done with verdict, exit code and what
 * was left in the process table (docs/hostile.md).
 */
import assert from "node:assert/strict";
import { archOf } from "../core/arch/table.ts";
import {
  assertNobodyLeft,
  assertSound,
  MATRIX,
  note,
  printTable,
  until,
  verdictOf,
} from "../testing/broken_worlds.ts";
import { FakeProject } from "../testing/fake_project.ts";
import { assertValidJunit, junitCases } from "../testing/junit.ts";
import { CACHE, copyProject, ROOT, taskFlags, withTempDir } from "../testing/project_copy.ts";
// Its tests run here too, for their lines of the table.
import "../testing/hostile_test.ts";
import { sha256 } from "../core/text/digest.ts";

const QEMU = archOf({}).qemu.program;

Deno.test.afterAll(printTable);

/** What the tool may need at most, as in any other run. */
const FLOODED_MIB = 200;

// ── over the fakes ───────────────────────────────────────────────────────────────────────────────

async function withProject(body: (project: FakeProject) => Promise<void>): Promise<void> {
  const project = await FakeProject.create();
  try {
    await body(project);
  } finally {
    await project.remove();
  }
}

Deno.test("2 GB of console: memory stays, disk is capped, and a marker says what is missing", () =>
  withProject(async (project) => {
    const peak = async () => JSON.parse(await project.read("run.json")).usage.peakMiB as number;
    const recording = project.soundBoot("fake/kcov");
    const flood = async (floodMiB: number) => {
      await project.setBoot("fake/kcov", { recording, end: { floodMiB } });
      const { code, out } = await project.run(...MATRIX, "fake/kcov");
      await assertSound(project, ["fake/kcov"]);
      assert.deepEqual([code, verdictOf(out)], [3, "console-cap"]);
      const { size } = await Deno.stat(`${project.out}/latest/fake/kcov/console.log`);
      assert.ok(size > 8 << 20 && size < (8 << 20) + 100, `${size}`);
      return await peak();
    };
    // A little over what is kept costs what the rest does.
    const [little, much] = [await flood(9), await flood(2048)];
    assert.ok(much <= FLOODED_MIB, `${much} MiB, and ${little} for 9 MiB`);
    note(`2 GB of console (tool: ${much} MiB; for 9 MiB of it ${little})`, "console-cap", 3);
  }));

/** Where a run is stopped: what stands still there, and what is forgotten before. */
const STOPS: readonly [
  stage: string,
  arrange: (project: FakeProject) => Promise<() => Promise<void>>,
][] = [
  ["setup", async (project) => {
    await Deno.remove(`${project.cache}/probes`, { recursive: true });
    return await project.stallAt("flex", "--version");
  }],
  ["fetch", (project) => project.stallAt("find", "-printf")],
  ["configure", async (project) => {
    await project.forgetBuilds();
    return await project.stallAt("make", "tinyconfig");
  }],
  ["build", async (project) => {
    await project.forgetBuilds();
    return await project.stallAt("clang-22", "kernel/kcov.c");
  }],
  ["link", async (project) => {
    await project.forgetBuilds();
    return await project.stallAt("ld.lld-22", "-o");
  }],
  ["pack", async (project) => {
    await Deno.remove(`${project.cache}/guests`, { recursive: true });
    return await project.stallAt("clang-22", "init.c");
  }],
  ["boot", (project) => project.stallAt(QEMU, "-kernel")],
];

for (const [signal, wanted] of [["SIGKILL", 137], ["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`${signal} to the tool at every stage: nobody is left, and the next run is sound`, () =>
    withProject(async (project) => {
      assert.equal((await project.run(...MATRIX)).code, 0);
      for (const [stage, arrange] of STOPS) {
        await project.reset();
        const undo = await arrange(project);
        const child = project.spawn(...MATRIX);
        const output = child.output();
        await until(`${stage} stands still`, 30_000, async () => {
          return await project.started("stalled") > 0;
        });
        Deno.kill(child.pid, signal);
        const { code, stdout } = await output;
        await assertSound(project);
        assert.equal(code, wanted, stage);
        const xml = await project.read("junit.xml");
        assert.doesNotMatch(xml, /<(failure|error)/, stage);
        assert.match(xml, /<skipped message="(not run|blocked by interrupt)/, stage);
        note(
          `${signal} to the tool in ${stage}`,
          verdictOf(new TextDecoder().decode(stdout)),
          code,
        );
        await undo();
        await project.reset();
        const next = await project.run(...MATRIX);
        assert.equal(next.code, 0, `after ${stage}: ${next.out}${next.err}`);
        await assertSound(project);
      }
    }));
}

// ── real ─────────────────────────────────────────────────────────────────────────────────────────

const CELL = "linux-6.12/kcov";

class RealRun {
  readonly out: string;
  /** A folder that is not there, last in PATH: children get few other variables of their caller. */
  readonly #mark = `/nonexistent/${crypto.randomUUID()}`;
  readonly #root: string;

  constructor(out: string, root = ROOT) {
    this.out = out;
    this.#root = root;
  }

  spawn(args: readonly string[], env: Readonly<Record<string, string>> = {}): Deno.ChildProcess {
    const entry = `${this.#root}/tasks/main.ts`;
    return new Deno.Command(Deno.execPath(), {
      args: ["run", ...taskFlags(), "--no-check", entry, ...args, "--output-dir", this.out],
      cwd: this.#root,
      env: {
        KMATRIX_CACHE: CACHE,
        INIT_CWD: "",
        PATH: `${Deno.env.get("PATH")}:${this.#mark}`,
        ...env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  async run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    return await this.end(this.spawn(args, env));
  }

  /** Waits for its end and holds processes and junit.xml against what must always be so. */
  async end(child: Deno.ChildProcess): Promise<{ code: number; out: string; err: string }> {
    const { code, stdout, stderr } = await child.output();
    await assertNobodyLeft(() => this.processes());
    await assertValidJunit(await Deno.readTextFile(`${this.out}/latest/junit.xml`));
    const text = new TextDecoder();
    return { code, out: text.decode(stdout), err: text.decode(stderr) };
  }

  async cases() {
    return junitCases(await Deno.readTextFile(`${this.out}/latest/junit.xml`))[CELL]!;
  }

  /** What a run of this has started: id and words. */
  async processes(): Promise<{ id: number; words: string }[]> {
    const found: { id: number; words: string }[] = [];
    for await (const { name } of Deno.readDir("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      const environment = await Deno.readTextFile(`/proc/${name}/environ`).catch(() => "");
      if (!environment.includes(this.#mark)) continue;
      const words = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
      found.push({ id: Number(name), words: words.replaceAll("\0", " ") });
    }
    return found;
  }

  /** The id of a process whose command line begins so, once there is one. */
  async find(start: string): Promise<number> {
    let id = 0;
    await until(`${start} runs`, 120_000, async () => {
      id = (await this.processes()).find(({ words }) => words.startsWith(start))?.id ?? 0;
      return id !== 0;
    });
    return id;
  }
}

/** Its build folder, built. */
async function builtCell(run: RealRun): Promise<string> {
  const { code, out } = await run.run(["build", CELL]);
  assert.equal(code, 0, out);
  const xml = await Deno.readTextFile(`${run.out}/latest/junit.xml`);
  return `${CACHE}/builds/${/name="build.key" value="([^"]+)"/.exec(xml)![1]}`;
}

async function digestOf(path: string): Promise<string> {
  return await sha256(await Deno.readFile(path));
}

Deno.test("real: a guest that prints without end", () =>
  withTempDir(async (dir) => {
    const root = await copyProject(dir);
    const file = `${root}/selftests/kcov/tests/kcov.ts`;
    await Deno.writeTextFile(file, (await Deno.readTextFile(file)) + FLOOD);
    const run = new RealRun(`${dir}/out`, root);
    const { code, out } = await run.run(["matrix", CELL, "--test", "*.floods"]);
    assert.deepEqual([code, verdictOf(out)], [3, "console-cap"], out);
    const text = await Deno.readTextFile(`${run.out}/latest/${CELL}/console.log`);
    assert.match(text.slice(-100), /bytes of console left out\]\n$/);
    const json = JSON.parse(await Deno.readTextFile(`${run.out}/latest/run.json`));
    assert.ok(json.usage.peakMiB <= FLOODED_MIB, `${json.usage.peakMiB} MiB`);
    note(`a real guest prints 32 MB (tool: ${json.usage.peakMiB} MiB)`, "console-cap", code);
  }));

/** 32 MB to the console, by a test with time for it. */
const FLOOD = `
kcov.test("floods", () => {
  const console = sys!.call(2, "/dev/console", 1);
  const text = \`\${"flood ".repeat(600)}\\n\`;
  for (let left = 32 << 20; left > 0; left -= text.length) sys!.call(1, console, text, text.length);
}, { timeoutMs: 600_000 });
`;

Deno.test("real: QEMU, make and the tool itself are killed", () =>
  withTempDir(async (dir) => {
    const run = new RealRun(`${dir}/out`);
    const build = await builtCell(run);
    const kernel = await digestOf(`${build}/vmlinux`);

    const booting = run.spawn(["matrix", CELL]);
    Deno.kill(await run.find(QEMU), "SIGKILL");
    const boot = await run.end(booting);
    assert.deepEqual([boot.code, verdictOf(boot.out)], [6, "qemu-died"], boot.out);
    note("kill -9 of the real QEMU", "qemu-died", boot.code);

    const killed = run.spawn(["matrix", CELL]);
    await run.find(QEMU);
    killed.kill("SIGKILL");
    assert.equal((await run.end(killed)).code, 137);
    assert.match(await Deno.readTextFile(`${run.out}/latest/junit.xml`), /message="not run/);
    note("kill -9 of the tool in a real boot", "none", 137);

    // Four large objects: some seconds of compiling without ccache.
    const stale = async () => {
      for (const { name } of Deno.readDirSync(`${build}/kernel/sched`)) {
        if (name.endsWith(".o")) await Deno.remove(`${build}/kernel/sched/${name}`);
      }
      await Deno.remove(`${build}/kmatrix-built.json`).catch(() => {});
    };
    const slow = { CCACHE_DISABLE: "1" };
    await stale();
    const making = run.spawn(["matrix", CELL], slow);
    await run.find("/usr/lib/llvm-22/bin/clang");
    Deno.kill(await run.find("make -C"), "SIGKILL");
    const make = await run.end(making);
    assert.deepEqual([make.code, verdictOf(make.out)], [6, "compiler-killed"], make.out);
    note("kill -9 of the real make", "compiler-killed", make.code);

    for (const [signal, code] of [["SIGKILL", 137], ["SIGINT", 130]] as const) {
      await stale();
      const compiling = run.spawn(["matrix", CELL], slow);
      await run.find("/usr/lib/llvm-22/bin/clang");
      compiling.kill(signal);
      assert.equal((await run.end(compiling)).code, code);
      note(`${signal} to the tool in a real build`, "none", code);
    }
    const sound = await run.run(["matrix", CELL]);
    assert.equal(sound.code, 0, sound.out);
    assert.equal(await digestOf(`${build}/vmlinux`), kernel, "the same kernel, bit for bit");
  }));

Deno.test("real: files of the cache are truncated and changed by hand", () =>
  withTempDir(async (dir) => {
    const run = new RealRun(`${dir}/out`);
    const build = await builtCell(run);
    const kernel = await digestOf(`${build}/vmlinux`);
    const flip = async (path: string) => {
      const bytes = await Deno.readFile(path);
      await Deno.writeFile(path, bytes.with(bytes.length >> 1, bytes[bytes.length >> 1]! ^ 1));
    };
    const damage: readonly [string, () => Promise<void>][] = [
      ["vmlinux truncated", () => Deno.truncate(`${build}/vmlinux`, 1 << 20)],
      ["one bit of vmlinux", () => flip(`${build}/vmlinux`)],
      ["one bit of an object, and vmlinux", async () => {
        await flip(`${build}/kernel/fork.o`);
        await flip(`${build}/vmlinux`);
      }],
      [
        "a line more in autoconf.h",
        () =>
          Deno.writeTextFile(`${build}/include/generated/autoconf.h`, "#undef CONFIG_64BIT\n", {
            append: true,
          }),
      ],
      [
        "a line more in .config",
        () => Deno.writeTextFile(`${build}/.config`, "CONFIG_KASAN=y\n", { append: true }),
      ],
    ];
    for (const [name, act] of damage) {
      await act();
      const { code, out } = await run.run(["matrix", CELL]);
      assert.equal(code, 0, `${name}: ${out}`);
      assert.equal(await digestOf(`${build}/vmlinux`), kernel, name);
      note(`${name}: built again, bit for bit the same`, "none", code);
    }
  }));

Deno.test("real: two runs at once on one cache", () =>
  withTempDir(async (dir) => {
    const [one, two] = [new RealRun(`${dir}/one`), new RealRun(`${dir}/two`)];
    const build = await builtCell(one);
    await Deno.remove(`${build}/vmlinux`);
    const ends = await Promise.all([one, two].map((run) => run.run(["matrix", CELL])));
    for (const { code, out } of ends) assert.equal(code, 0, out);
    const linked = ends.filter(({ err }) => /vmlinux is not as it was built/.test(err));
    assert.equal(linked.length, 1, "one of the two has linked it");
    note("two real runs at once", "none", 0);
  }));

Deno.test("real: the disk is full in a boot", () =>
  withTempDir(async (dir) => {
    const out = `${dir}/out`;
    await Deno.mkdir(out);
    const mount = new Deno.Command("mount", {
      args: ["-t", "tmpfs", "-o", "size=1m", "kmatrix-test", out],
    });
    if (!(await mount.output()).success) return;
    try {
      const run = new RealRun(out);
      const { code, out: text } = await run.run(["matrix", CELL]);
      assert.deepEqual([code, verdictOf(text)], [6, "disk-full"], text);
      assert.equal((await run.cases()).filter(({ name }) => name.startsWith("stage ")).length, 8);
      note("1 MB of room for the results of a real boot", "disk-full", code);
    } finally {
      await new Deno.Command("umount", { args: [out] }).output();
    }
  }));
