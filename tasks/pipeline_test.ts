// SPDX-License-Identifier: MIT
/** Tier 2: the whole tool as a process of its own, over a fake kernel, compiler and QEMU. */
import assert from "node:assert/strict";
import { STAGES } from "./model.ts";
import { FakeProject } from "./testing/fake_project.ts";
import { assertValidJunit, junitCases } from "./testing/junit.ts";
import { scripted } from "./testing/recorder.ts";

/** All runs look at the same few tests, so that each recording is short. */
const MATRIX = ["matrix", "--filter", "kcov.*"];
const KCOV = [...MATRIX, "fake/kcov"];
const BASIC = "kcov.mode_trace_pc.kcov_basic_syscall_coverage";
const CELLS = ["fake/nokcov", "fake/kcov", "fake/kcov/smp4"];

/** What each stage of a cell came to, in order. */
async function stagesOf(project: FakeProject, cell: string): Promise<string[]> {
  return junitCases(await project.read("junit.xml"))[cell]!.filter(({ name }) =>
    name.startsWith("stage ")
  )
    .map(({ name, state }) => `${name.replace("stage ", "")} ${state}`);
}

/** The stages of a cell that passes up to `failed`, fails there, and is blocked behind it. */
function failedAt(failed: string, state: string): string[] {
  const at = STAGES.findIndex((stage) => stage === failed);
  return STAGES.map((stage, index) => {
    if (index === at) return `${stage} ${state}`;
    return `${stage} ${index < at ? "passed" : `skipped: blocked by ${failed}`}`;
  });
}
const ALL_PASSED = STAGES.map((stage) => `${stage} passed`);

async function testStates(project: FakeProject, cell: string): Promise<Record<string, string>> {
  const cases = junitCases(await project.read("junit.xml"))[cell]!;
  return Object.fromEntries(
    cases.filter(({ name }) => !name.startsWith("stage ")).map(({ name, state }) => [name, state]),
  );
}

async function setTest(
  project: FakeProject,
  cell: string,
  ...[act, more]: [Parameters<typeof scripted>[1]?, Parameters<typeof scripted>[2]?]
): Promise<ReturnType<FakeProject["soundBoot"]>> {
  const recording = project.soundBoot(cell, (script) => ({
    ...script,
    tests: script.tests.map((test) =>
      test.declared.id === BASIC ? { ...scripted(BASIC, act, more), declared: test.declared } : test
    ),
  }));
  await project.setBoot(cell, { recording, end: 33 });
  return recording;
}

/** One for all tests: what was probed and packed once stays so. */
let project: FakeProject;
Deno.test.beforeAll(async () => {
  project = await FakeProject.create();
});
Deno.test.afterAll(() => project.remove());

type Case = [name: string, body: (project: FakeProject) => Promise<void>, ignore?: boolean];

/** A test for each case, which begins with all switches off, and with nothing built if it says so. */
function cases(subject: string, start: "nothing built" | "built", list: readonly Case[]): void {
  for (const [name, body, ignore = false] of list) {
    Deno.test({
      name: `${subject}: ${name}`,
      ignore,
      async fn() {
        await project.reset();
        if (start === "nothing built") await project.forgetBuilds();
        await body(project);
      },
    });
  }
}

cases("matrix over a fake project", "nothing built", [
  ["passes when everything is as declared, and says so in a table", async (project) => {
    const { code, out, err } = await project.run(...MATRIX);
    assert.equal(code, 0, out + err);
    assert.match(out, /^skip {2}fake\/nokcov +0 +0 +4 .* skipped as declared$/m);
    assert.match(out, /^pass {2}fake\/kcov +1 +0 +3 /m);
    assert.match(out, /^pass {2}fake\/kcov\/smp4 +1 +0 +3 /m);
    assert.match(out, /^3 cells: 2 passed, 1 skipped as declared, 0 failed, 0 unfinished in /m);
    for (const cell of CELLS) assert.deepEqual(await stagesOf(project, cell), ALL_PASSED);
    await assertValidJunit(await project.read("junit.xml"));
    assert.deepEqual(await project.processes(), []);
  }],

  ["starts no compiler when nothing has changed", async (project) => {
    assert.equal((await project.run(...MATRIX)).code, 0);
    const compiled = await project.started("clang");
    assert.ok(compiled > 0);
    const { code, err } = await project.run(...MATRIX, "--verbose");
    assert.equal(code, 0);
    assert.doesNotMatch(err, /\$ (make|clang)/);
    assert.equal(await project.started("clang"), compiled);
    assert.equal(await project.started("qemu"), 6);
    assert.match(
      await project.read("junit.xml"),
      /"build.compiled" value="no \(nothing changed\)"/,
    );
  }],

  ["looks into a kernel once, and again when it has changed", async (project) => {
    assert.equal((await project.run("inspect", "fake/kcov")).code, 0);
    // Of another kernel; its size and time are the first one's.
    const kept = `${project.cache}/builds`;
    const [key] = [...Deno.readDirSync(kept)].map(({ name }) => name);
    const file = `${kept}/${key}/kmatrix-inspected.json`;
    const text = await Deno.readTextFile(file);
    await Deno.writeTextFile(file, text.replace('"textBytes":16', '"textBytes":1616'));
    assert.equal((await project.run("inspect", "fake/kcov")).code, 0);
    assert.match(await project.read("junit.xml"), /"inspect.text.bytes" value="1616"/);
    await Deno.writeTextFile(file, "{");
    assert.equal((await project.run("inspect", "fake/kcov")).code, 0);
    assert.match(await project.read("junit.xml"), /"inspect.text.bytes" value="16"/);
    // A thousand calls of 32 bits each; a table that is not as it was left is not believed.
    const table = `${kept}/${key}/kmatrix-calls/pc`;
    assert.equal((await Deno.stat(table)).size, 4000);
    await Deno.writeTextFile(table, "");
    assert.equal((await project.run("inspect", "fake/kcov")).code, 0);
    assert.equal((await Deno.stat(table)).size, 4000);
    await project.turnOn("not-instrumented");
    await project.write("tree/kernel/fork.c", "int fork3;\n");
    assert.equal((await project.run("inspect", "fake/kcov")).code, 5);
  }],

  ["compiles again when a source file has changed, in the same folder", async (project) => {
    assert.equal((await project.run("build", "fake/kcov")).code, 0);
    const before = await project.started("clang");
    await project.write("tree/kernel/fork.c", "int fork2;\n");
    assert.equal((await project.run("build", "fake/kcov")).code, 0);
    assert.equal(await project.started("clang"), before + 1);
  }],

  [
    "compiles again what was put back with an old time, which make does not see",
    async (project) => {
      const file = `${project.dir}/tree/kernel/fork.c`;
      const build = async () => {
        const before = await project.started("clang");
        const { code, err } = await project.run("build", "fake/kcov");
        assert.equal(code, 0, err);
        return { compiled: await project.started("clang") - before, err };
      };
      const old = async (text: string) => {
        await Deno.writeTextFile(file, text);
        await Deno.utime(file, 0, 1_700_000_000);
      };
      await old("int fork1;\n");
      await build();
      assert.equal((await build()).compiled, 0);
      await Deno.writeTextFile(file, "int edited;\n");
      assert.equal((await build()).compiled, 1);
      await old("int fork1;\n");
      const { compiled, err } = await build();
      assert.equal(compiled, 1);
      assert.match(err, /fork\.c has changed in a way that make does not see/);
      // Not even its size.
      await old("int fork2;\n");
      assert.equal((await build()).compiled, 1);
      assert.equal((await build()).compiled, 0);
    },
  ],

  ["knows what is built, and what is different about the rest", async (project) => {
    const status = async () => {
      const { code, out } = await project.run("plan", "--status", "fake/kcov");
      assert.equal(code, 0, out);
      return out;
    };
    assert.match(await status(), /^never built {2}[0-9a-f]{16} {2}fake\/kcov$/m);
    assert.equal((await project.run("build", "fake/kcov")).code, 0);
    assert.match(await status(), /^built /m);
    const compiled = await project.started("clang");
    const changes: readonly [string, string, RegExp][] = [
      ["tree/kernel/fork.c", "int fork3;\n", /files of the source\n +changed: kernel\/fork\.c$/m],
      [
        "project/configs/kcov.config",
        "CONFIG_KCOV=y\n# CONFIG_X is not set\n",
        /options: \+ # CONFIG_X/,
      ],
      [
        "bin/clang-22",
        '#!/bin/sh\necho "Debian clang version 22.1.9"\n',
        /toolchain: - .*22\.1\.8/,
      ],
    ];
    for (const [file, text, shown] of changes) {
      const before = await Deno.readTextFile(`${project.dir}/${file}`);
      await project.write(file, text);
      assert.match(await status(), /^changed /m, file);
      assert.match(await status(), shown, file);
      await project.write(file, before);
    }
    assert.equal(await project.started("clang"), compiled, "asking starts no compiler");
  }],

  ["builds everything again with a compiler that says the same and is another", async (project) => {
    const clang = `${project.dir}/bin/clang-22`;
    const before = await Deno.readTextFile(clang);
    assert.equal((await project.run("build", "fake/kcov")).code, 0);
    await Deno.writeTextFile(clang, "\n", { append: true });
    const named = `the toolchain: ${clang} has changed`;
    const status = await project.run("plan", "--status", "fake/kcov");
    assert.match(status.out, /^changed /m);
    assert.ok(status.out.includes(named), status.out);
    const compiled = await project.started("clang");
    const { code, err } = await project.run("inspect", "fake/kcov");
    assert.equal(code, 0, err);
    assert.equal(await project.started("clang"), compiled + 2, "both files");
    const { cells: [cell] } = JSON.parse(await project.read("run.json"));
    assert.equal(cell.properties["build.reason"], named);
    assert.match((await project.run("plan", "--status", "fake/kcov")).out, /^built /m);
    await Deno.writeTextFile(clang, before);
  }],

  ["lists and prunes the cache", async (project) => {
    assert.equal((await project.run("build", "fake/kcov")).code, 0);
    const list = await project.run("cache");
    assert.match(list.out, /^ +\d+ MiB {2}[0-9a-f]{16} +today {2}fake\/kcov .*clang-22\)$/m);
    assert.match(list.out, /^ +built \d{4}-[\d :-]+ UTC: for the first time$/m);
    const kept = await project.run("cache", "prune");
    assert.match(kept.out, /^0 builds, 0 MiB freed$/m);
    const dry = await project.run("cache", "prune", "--older-than", "0", "--dry-run");
    assert.match(dry.out, /^would remove [0-9a-f]{16} fake\/kcov /m);
    assert.match((await project.run("cache")).out, /fake\/kcov/);
    // A kernel that is gone, one that has a build, and what others lay in the folder of sources.
    const old = ["sources/gone", "ccache-brought/gone", "ccache-brought/fake", "sources/base-1"];
    for (const folder of old) await project.write(`cache/${folder}/file`, "");
    await project.write("cache/sources/gone.json", "{}");
    assert.match((await project.run("cache", "prune")).out, /^0 builds/, "they are young");
    for (const path of [...old, "sources/gone.json"]) {
      await Deno.utime(`${project.cache}/${path}`, 1_700_000_000, 1_700_000_000);
    }
    const left = await project.run("cache", "prune");
    assert.match(left.out, /^removed sources\/gone\nremoved ccache-brought\/gone\n0 builds/);
    const there = async (folder: string) =>
      (await Array.fromAsync(Deno.readDir(`${project.cache}/${folder}`), ({ name }) => name))
        .sort();
    assert.deepEqual(await there("sources"), ["base-1"]);
    assert.deepEqual(await there("ccache-brought"), ["fake"]);
    const pruned = await project.run("cache", "prune", "--older-than", "0");
    assert.match(
      pruned.out,
      /^removed [0-9a-f]{16} fake\/kcov .*\nremoved ccache.*fake\n1 builds, \d+ MiB freed$/m,
    );
    assert.doesNotMatch((await project.run("cache")).out, /fake\/kcov/);
    const wrong = await project.run("cache", "empty");
    assert.equal(wrong.code, 2);
    assert.match(wrong.err, /cache empty: list or prune is wanted/);
  }],

  [
    "configures again when Kconfig's own files have changed, and for nothing else",
    async (project) => {
      const build = async () => {
        const { code, err } = await project.run("build", "fake/kcov", "--verbose");
        assert.equal(code, 0, err);
        contentRead = err.includes("-exec sha256sum");
        return /make .* olddefconfig/.test(err);
      };
      let contentRead = false;
      await project.write("tree/kernel/Kconfig.kcov", "config KCOV\n");
      assert.equal(await build(), true);
      await project.write("tree/kernel/fork.c", "int fork4;\n");
      assert.equal(await build(), false);
      // The list of the tree's files tells that already.
      assert.equal(contentRead, false);
      await project.write("tree/kernel/Kconfig.kcov", "config KCOV # changed\n");
      assert.equal(await build(), true);
      // The same content once more, with another time, as a checkout there and back leaves it.
      await project.write("tree/kernel/Kconfig.kcov", "config KCOV # changed\n");
      await project.write("tree/kernel/fork.c", "int fork5;\n");
      assert.equal(await build(), false);
      assert.equal(contentRead, true);
      await project.write("tree/scripts/cc-version.sh", "#!/bin/sh\n");
      assert.equal(await build(), true);
      assert.equal(await build(), false);
    },
  ],

  [
    "boots beside builds, the longest build first, and says how long the rest will take",
    async (project) => {
      const history = (config: string, buildMs: number) =>
        project.write(
          `cache/job-times/fake,${config},clang-22.json`,
          JSON.stringify({ buildMs, bootMs: 30_000 }),
        );
      await history("nokcov", 100_000);
      await history("kcov", 500_000);
      const ended = await project.replaceProgram(
        "ld.lld-22",
        // The second kernel is linked when the first has been started, or never.
        `case "$*" in *" -o "*)
  if [ -e ${project.dir}/switches/linked ]; then
    n=0; while [ ! -e ${project.dir}/started/qemu ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
  fi
  : > ${project.dir}/switches/linked;;
esac
exec ${project.dir}/bin/ld.lld-22.real "$@"
`,
      );
      try {
        const { code, out, err } = await project.run(...MATRIX, "--jobs", "2");
        assert.equal(code, 0, out + err);
        const lines = [...err.matchAll(/(build|boot|inspect) (fake\/\S+?),?(?: .*\((.*)\))?$/gm)]
          .map(([, what, cell, left]) => [what, cell, left]);
        assert.deepEqual(lines[0], ["build", "fake/kcov", "about 10 min left"]);
        const at = (what: string, cell: string) =>
          lines.findIndex((one) => one[0] === what && one[1] === cell);
        const [boot, build] = [at("boot", "fake/kcov"), at("build", "fake/nokcov")];
        assert.equal(lines[boot]?.[2], "about 2 min left");
        assert.equal(lines[build]?.[2], "about 2 min left");
        // Which of these two is first depends on how long configuring takes, but the second
        // kernel is not done before the first has been started.
        assert.ok(boot < at("inspect", "fake/nokcov"), err);
      } finally {
        await ended();
      }
    },
  ],

  ["shares a build between cells that differ only in their machine", async (project) => {
    assert.equal((await project.run("build", "fake/kcov", "fake/kcov/smp4")).code, 0);
    assert.equal(await project.started("clang"), 2);
  }],

  ["says which complaint several cells share", async (project) => {
    const cells = ["fake/kcov", "fake/kcov/smp4"] as const;
    for (const [index, cell] of cells.entries()) {
      const warning =
        `WARNING: CPU: ${index} PID: 7 at kernel/kcov.c:412 kcov_ioctl+0x${index}/0x9`;
      const recording = await setTest(project, cell, { do: "pass" }, { console: [warning] });
      await project.setBoot(cell, { recording, end: 33 });
    }
    const { code, out } = await project.run(...MATRIX);
    assert.equal(code, 3, out);
    assert.match(
      out,
      /^same report in 2 of 3 cells: WARNING: at kernel\/kcov\.c:412 kcov_ioctl \[[0-9a-f]{8}\]$/m,
    );
    const junit = await project.read("junit.xml");
    assert.equal(junit.match(/<property name="splat\.[0-9a-f]{8}" value="kcov\./g)?.length, 2);
    await assertValidJunit(junit);
    const [splat] = JSON.parse(await project.read("fake/kcov/splats.json"));
    assert.deepEqual([splat.id, splat.allowed], ["warning", null]);
  }],

  [
    "lets pass what splats.yaml allows, until it is not said any more, or has expired",
    async (project) => {
      const warning = "WARNING: CPU: 0 PID: 7 at kernel/kcov.c:412 kcov_ioctl+0x1/0x9";
      const entry = (expires: string) =>
        `- pattern: 'at kernel/kcov\\.c:\\d+ kcov_ioctl'
  cells: [fake/kcov]
  reason: known
  link: https://example.org/1
  expires: ${expires}
`;
      try {
        await project.write("project/splats.yaml", entry("2099-01-01"));
        const recording = await setTest(project, "fake/kcov", { do: "pass" }, {
          console: [warning],
        });
        await project.setBoot("fake/kcov", { recording, end: 33 });
        const allowed = await project.run(...MATRIX);
        assert.equal(allowed.code, 0, allowed.out);
        assert.match(allowed.out, /^allowed report in 1 of 3 cells: WARNING: at kernel/m);
        assert.match(await project.read("junit.xml"), /\(allowed by splats\.yaml:1: known\)"/);
        const parsed = await project.run("parse", `${project.out}/latest/fake/kcov`);
        assert.equal(parsed.code, 0, parsed.out);

        await project.reset();
        assert.equal((await project.run(...MATRIX)).code, 0, "not all tests ran");
        const everything = project.soundBoot("fake/kcov", (script) => ({ ...script, filter: [] }));
        await project.setBoot("fake/kcov", { recording: everything, end: 33 });
        const unused = await project.run("matrix", "fake/kcov");
        assert.equal(unused.code, 2, unused.out);
        assert.match(
          unused.out,
          /^splats\.yaml:1: no kernel complained .* \[unused-splat, user\]$/m,
        );
        await assertValidJunit(await project.read("junit.xml"));

        await project.write("project/splats.yaml", entry("2020-01-01"));
        const expired = await project.run(...MATRIX);
        assert.equal(expired.code, 2);
        assert.match(expired.err, /splats\.yaml:5:12: expired on 2020-01-01/);
      } finally {
        await Deno.remove(`${project.root}/splats.yaml`);
      }
    },
  ],

  ["writes the same junit.xml as ever", async (project) => {
    await setTest(project, "fake/kcov", { do: "fail", message: "expected 1, found <0>" }, {
      logs: ["7 PCs"],
    });
    const panic = "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300";
    const recording = await setTest(project, "fake/kcov/smp4", { do: "vanish" }, {
      console: [panic],
    });
    await project.setBoot("fake/kcov/smp4", { recording, end: 0 });
    assert.equal((await project.run(...MATRIX)).code, 3);
    const found = (await project.read("junit.xml"))
      .replaceAll(project.dir, "/dir")
      .replaceAll(/ time="[\d.]+"/g, ' time="0.000"')
      .replaceAll(/ timestamp="[^"]+"/g, ' timestamp="2026-01-01T00:00:00"')
      .replaceAll(/ *<property name="boot.over-budget".*\n/g, "")
      .replaceAll(
        /("(?:build.key|boot.ms|boot.phase.\w+)" value=)"[^"]+"/g,
        '$1"…"',
      );
    const golden = new URL("testing/golden/junit.txt", import.meta.url);
    // After a wanted change: UPDATE_GOLDEN=1 deno test --allow-all tasks/pipeline_test.ts
    if (Deno.env.get("UPDATE_GOLDEN") === "1") await Deno.writeTextFile(golden, found);
    await assertValidJunit(found);
    assert.equal(found, await Deno.readTextFile(golden));
  }],
]);

cases("repro", "built", [
  ["boots one cell as it is, or changed for this boot alone", async (project) => {
    const plain = await project.run("repro", "fake/kcov", "--filter", "kcov.*");
    assert.equal(plain.code, 0, plain.out + plain.err);
    const changed = await project.run(
      ...["repro", "fake/kcov", "--test", "kcov.*", "--cmdline", "nosmt", "--memory", "64"],
      ...["--qemu-arg=-d", "--qemu-arg=int"],
    );
    assert.equal(changed.code, 0, changed.out + changed.err);
    const { argv } = JSON.parse(await project.read("fake/kcov/boot.json"));
    assert.match(argv.at(-3), /^console=ttyS0 .* nosmt$/);
    assert.deepEqual(argv.slice(-2), ["-d", "int"]);
    assert.ok(argv.includes("64M"));
  }],

  ["ends with the command that does the same again", async (project) => {
    await setTest(project, "fake/kcov", { do: "fail", message: "expected 1, found <0>" });
    const args = ["repro", "fake/kcov", "--test", "kcov.*", "--cmdline", "a b"];
    const { code, out } = await project.run(...args);
    assert.equal(code, 3);
    const again =
      "npx --yes deno task repro fake/kcov --test 'kcov.*' '--cmdline=a b' --accel tcg --sandbox off";
    assert.equal(out.trimEnd().split("\n").at(-1), `repeat with: ${again}`);
    const xml = (await project.read("junit.xml")).replaceAll("&apos;", "'");
    assert.ok(xml.includes(`repeat with: ${again}`));
    project.environment = { KCFLAGS: "-DA -DB", W: "1" };
    try {
      const { out } = await project.run(...args);
      assert.ok(out.trimEnd().endsWith(`repeat with: KCFLAGS='-DA -DB' W=1 ${again}`), out);
    } finally {
      project.environment = {};
    }
  }],

  [
    "boots nothing for a cell or a test that does not exist, or for several cells",
    async (project) => {
      const cases: readonly [readonly string[], number, RegExp][] = [
        [["fake/kcob"], 4, /did you mean "kcov"/],
        [["fake/*"], 2, /repro takes one cell; "fake\/\*" names fake\/nokcov, fake\/kcov, /],
        [
          ["fake/kcov", "--test", "kcov_basic"],
          4,
          /a glob matches the whole id: '\*kcov_basic\*' names/,
        ],
        [["fake/kcov", "--test", "*no_such*"], 4, /no test matches "\*no_such\*"/],
        [["fake/kcov", "--filter", "*no_such*"], 4, /no test matches "\*no_such\*"/],
        [["fake/kcov", "--test", "kcov_c.kcov_test.*"], 4, /come with the test kcov_c\.tree\./],
        // It would test the matrix's own kernel, and say nothing of the series.
        [
          ["fake/kcov", "--kernel", "fake", "--series", `${project.dir}/fix.diff`],
          2,
          /--series gives the kernel fake\+fix, and no cell .*\n.*Name fake\+fix\/kcov or the like/,
        ],
        [["fake/kcov", "--dry-run", "--shell"], 2, /repro with --shell.* knows no --dry-run/],
      ];
      await project.write("fix.diff", "--- a/note\n+++ b/note\n@@ -0,0 +1 @@\n+x\n");
      for (const [args, wanted, message] of cases) {
        const { code, err } = await project.run("repro", ...args);
        assert.equal(code, wanted, err);
        assert.match(err, message);
      }
      assert.equal(await project.started("qemu"), 0);
    },
  ],
]);

cases("repro that a person attends", "built", [
  ["runs a command in the guest, and fails with it", async (project) => {
    const run = async (end: number, ...console: string[]) => {
      const recording = project.soundBoot("fake/kcov", (script) => ({ ...script, boot: console }));
      await project.setBoot("fake/kcov", { recording, end });
      return await project.run("repro", "fake/kcov", "--", "1 + 1");
    };
    const sound = await run(33);
    assert.equal(sound.code, 0, sound.out + sound.err);
    assert.match(sound.out, /Linux version/);
    const [line] = (await Deno.readTextFile(`${project.dir}/started/qemu`)).split("\n");
    assert.match(line!, /-chardev stdio,id=console,.*logfile=\S+\/fake\/kcov\/console\.log /);
    assert.match(line!, / loglevel=5$/);
    const failed = await run(37);
    assert.equal(failed.code, 3);
    assert.match(failed.err, /failed in the guest: '1 \+ 1'$/m);
    const meant = await project.run("repro", "fake/kcov", "--", "reproducer", "--once");
    assert.match(meant.err, /failed in the guest: reproducer --once \(as JavaScript: no file repr/);
    const gone = await run(0);
    assert.equal(gone.code, 3);
    assert.match(gone.err, /the guest ended before the command did \(QEMU's exit code 0\)/);
  }],

  ["waits for gdb with another build, and says what to type", async (project) => {
    const { code, out, err } = await project.run("repro", "fake/kcov", "--gdb", "4321", "-v");
    assert.equal(code, 0, out + err);
    assert.match(
      out,
      /^ {2}gdb -iex 'add-auto-load-safe-path (\S+)' -iex 'directory \S+\/tree' -ex 'target remote 127\.0\.0\.1:4321' \1\/vmlinux$/m,
    );
    assert.match(err, /make .*'KCFLAGS=-gline-tables-only .* -g' .*scripts_gdb/);
    assert.match(err, /qemu-system-x86_64 .* -S -gdb tcp:127\.0\.0\.1:4321/);
    const builds = [...Deno.readDirSync(`${project.cache}/builds`)].map(({ name }) => name);
    const configs = builds.map((name) =>
      Deno.readTextFileSync(`${project.cache}/builds/${name}/.config`)
    );
    assert.equal(configs.filter((text) => /CONFIG_GDB_SCRIPTS=y/.test(text)).length, 1);
    assert.ok(configs.some((text) => !/CONFIG_GDB_SCRIPTS/.test(text)));
  }],

  ["does not guess what a command may be", async (project) => {
    const cases: readonly [readonly string[], RegExp][] = [
      [
        ["--", `${project.root}/matrix.yaml`],
        /matrix\.yaml is no program for the guest: it is no ELF/,
      ],
      [["--", "./no/such", "-x"], /\/project\/\.?\/?no\/such: there is no such program/],
      [["--", "/no/such"], /^.*\/no\/such: there is no such program/],
      [["--", "./selftests"], /selftests: a folder, no program/],
      [["--gdb", "70000"], /--gdb 70000: a TCP port is 1 to 65535/],
      [["--shell", "--", "1"], /take one of --shell, --gdb and a command/],
      [["--shell", "--gdb"], /take one of --shell, --gdb and a command/],
    ];
    for (const [args, message] of cases) {
      const { code, err } = await project.run("repro", "fake/kcov", ...args);
      assert.equal(code, 2, err);
      assert.match(err, message);
    }
    assert.equal(await project.started("qemu"), 0);
  }],

  ["refuses a port that is taken before it builds anything", async (project) => {
    await project.forgetBuilds();
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const { code, err } = await project.run("repro", "fake/kcov", "--gdb", `${port}`);
    assert.equal(code, 2, err);
    assert.match(err, new RegExp(`--gdb ${port}: another program listens at this port`));
    assert.equal(await project.started("clang"), 0);
  }],

  ["says so where QEMU does not start", async (project) => {
    await project.setBoot("fake/kcov", {
      recording: project.soundBoot("fake/kcov"),
      end: "refuses",
    });
    for (const args of [["--shell"], ["--", "1 + 1"]]) {
      const { code, err } = await project.run("repro", "fake/kcov", ...args);
      assert.equal(code, 6, err);
      assert.match(err, /unsupported machine type(.|\n)*QEMU did not start \(exit code 1\)/);
    }
  }],
]);

const BROKEN = { do: "fail", message: "expected 0 PCs, found 7" } as const;

cases("what a failing cell leaves", "built", [
  ["repro.sh, with what it needs beside it", async (project) => {
    await setTest(project, "fake/kcov", BROKEN);
    assert.equal((await project.run("repro", "fake/kcov", "--filter", "kcov.*")).code, 3);
    const script = await project.read("fake/kcov/repro.sh");
    assert.match(script, new RegExp(`^ok ${BASIC}$`, "m"));
    assert.match(script, /^ {2}kcov.*: AssertionError: expected 0 PCs, found 7$/m);
    assert.match(script, /^skip kcov\.mode_trace_cmp\.kcov_basic_syscall_coverage$/m);
    assert.match(await project.read("fake/kcov/.config"), /CONFIG_KCOV=y/);
    await assert.rejects(project.read("fake/kcov/fake-kcov.tar.xz"));
  }],

  ["repro.sh that looks for a panic in front of the guest's first word", async (project) => {
    const panic = "[    0.400000] Kernel panic - not syncing: No working init found.\r\n";
    const recording = { console: new TextEncoder().encode(panic), results: new Uint8Array() };
    await project.setBoot("fake/kcov", { recording, end: 0 });
    assert.equal((await project.run("repro", "fake/kcov", "--filter", "kcov.*")).code, 3);
    const script = await project.read("fake/kcov/repro.sh");
    assert.match(script, /^if \[ "\$complete" = no \] && \[ "\$complaints" = yes \] &&$/m);
    assert.match(script, /^ {2}the kernel panicked before .*\n {2}\d+ tests did not run\nEND$/m);
  }],

  ["no repro.sh when it passes", async (project) => {
    assert.equal((await project.run("repro", "fake/kcov", "--filter", "kcov.*")).code, 0);
    await assert.rejects(project.read("fake/kcov/repro.sh"));
  }],

  ["repro.sh for a dropped option and for code that does not compile", async (project) => {
    await project.forgetBuilds();
    await project.turnOn("drop-option");
    assert.equal((await project.run("repro", "fake/kcov")).code, 5);
    assert.match(await project.read("fake/kcov/repro.sh"), /^CONFIG_KCOV=y$/m);
    assert.match(await project.read("fake/kcov/request.config"), /^CONFIG_KCOV=y$/m);
    await project.turnOff("drop-option");
    await project.turnOn("compile-error");
    assert.equal((await project.run("repro", "fake/kcov")).code, 5);
    assert.match(await project.read("fake/kcov/repro.sh"), /FAILED: make failed/);
  }],

  ["a bundle, whose replay says whether the verdict is the same", async (project) => {
    await setTest(project, "fake/kcov", BROKEN);
    const args = ["repro", "fake/kcov", "--filter", "kcov.*", "--bundle"];
    assert.equal((await project.run(...args)).code, 3);
    const bundle = `${project.dir}/b.tar.xz`;
    const latest = `${project.out}/latest/fake/kcov/fake-kcov.tar.xz`;
    await Deno.copyFile(latest, bundle);
    // Its own run takes out/latest over.
    const same = await project.run("replay", latest);
    const manifest = await project.read("bundle/fake-kcov/bundle.json");
    assert.match(manifest, /"clang-22": "22\.1\.8"/);
    assert.equal(same.code, 0, same.out + same.err);
    assert.match(same.out, /^recorded {2}1 failure \(tcg\)$/m);
    assert.match(same.out, /^the same verdict$/m);
    await setTest(project, "fake/kcov");
    const other = await project.run("replay", bundle);
    assert.equal(other.code, 3, other.out);
    assert.match(other.out, /^recorded only: kcov\.mode_trace_pc\..*: test-failed$/m);
    assert.match(other.out, /^now only: passed$/m);
    // Unpacked by hand, and changed.
    const unpacked = await Deno.realPath(`${project.out}/latest/bundle/fake-kcov`);
    await Deno.writeTextFile(`${unpacked}/vmlinux`, "another");
    const runs = () => [...Deno.readDirSync(project.out)].map(({ name }) => name).sort();
    const before = runs();
    const changed = await project.run("replay", unpacked);
    assert.equal(changed.code, 6);
    assert.match(changed.err, /bundle\/fake-kcov: its vmlinux is not the file that was packed/);
    await Deno.remove(`${unpacked}/vmlinux`);
    assert.match((await project.run("replay", unpacked)).err, /\n +found {2}no such file/);
    const whole = await Deno.readFile(bundle);
    const refused: readonly [Uint8Array, RegExp][] = [
      [
        new TextEncoder().encode("no archive"),
        /b\.tar\.xz \(10 bytes\) is no bundle, or it is dam/,
      ],
      [
        whole.subarray(0, whole.length - 100),
        /is no bundle, or it is damaged .*\n +xz: .*end of input/,
      ],
    ];
    for (const [content, message] of refused) {
      await Deno.writeFile(bundle, content);
      const { code, err } = await project.run("replay", bundle);
      assert.equal(code, 2, err);
      assert.match(err, message);
    }
    for (
      const [path, message] of [
        ["/nowhere.tar.xz", /there is no such bundle/],
        [`${project.out}/latest/fake`, /holds no bundle\.json .*\n.*what --bundle leaves/],
      ] as const
    ) {
      const { code, err } = await project.run("replay", path);
      assert.equal(code, 2, err);
      assert.match(err, message);
    }
    const idle = await project.run("replay", unpacked, "--repeat", "3", "--tree", "x");
    assert.equal(idle.code, 2);
    assert.match(idle.err, /unknown option '--repeat'\n.*replay has no use for --repeat; /);
    // What was refused left no run, and out/latest as it was.
    assert.deepEqual(runs(), before);
    await project.read("fake/kcov/boot.json");
  }],
]);

cases("cells that are booted more than once", "built", [
  ["a retry that passes makes the cell flaky, not green", async (project) => {
    await setTest(project, "fake/kcov", BROKEN);
    await setTest(project, "fake/kcov/attempt-2");
    const args = ["matrix", "--filter", "kcov.*", "fake/kcov", "--retries", "3"];
    const { code, out } = await project.run(...args);
    assert.equal(code, 3, out);
    assert.match(out, /^flaky +fake\/kcov +0 +1 +3 /m);
    assert.match(out, /0 failed, 0 unfinished, 1 flaky in /);
    assert.match(out, /^1 of 2 boots passed \(50 %; 95 % interval 9 to 91 %\)$/m);
    assert.match(out, /flaky, failed in 1 of 2 boots: AssertionError: expected 0 PCs/);
    assert.match(out, /^repeat with: .* repro fake\/kcov .*--until-fail$/m);
    const xml = await project.read("junit.xml");
    await assertValidJunit(xml);
    assert.match(xml, /<flakyFailure message="AssertionError: expected 0 PCs, found 7"/);
    assert.match(xml, /name="flaky"/);
    await project.read("fake/kcov/repro.sh");
    await project.read("fake/kcov/attempt-2/results.log");
    assert.equal(await project.started("qemu"), 2);
    assert.equal((await project.run(...args, "--allow-flaky")).code, 0);
    assert.doesNotMatch(await project.read("junit.xml"), /name="flaky"/);
  }],

  [
    "a failure that stays is tried as often as may be, and every try is reported",
    async (project) => {
      for (const cell of ["fake/kcov", "fake/kcov/attempt-2", "fake/kcov/attempt-3"]) {
        await setTest(project, cell, BROKEN);
      }
      const { code } = await project.run(...KCOV, "--retries", "2");
      assert.equal(code, 3);
      assert.equal(await project.started("qemu"), 3);
      const xml = await project.read("junit.xml");
      await assertValidJunit(xml);
      assert.equal(xml.match(/<rerunFailure /g)?.length, 2);
      assert.match(xml, /"boot.attempts" value="0 of 3 boots passed/);
    },
  ],

  ["--keep-going boots again for the tests behind a crash", async (project) => {
    await setTest(project, "fake/kcov", { do: "vanish" });
    const vanished = await project.soundBoot("fake/kcov", (script) => ({
      ...script,
      tests: script.tests.map((test) =>
        test.declared.id === BASIC ? { ...test, act: { do: "vanish" } } : test
      ),
    }));
    await project.setBoot("fake/kcov", { recording: vanished, end: 0 });
    const rest = project.soundBoot("fake/kcov", (script) => ({
      ...script,
      tests: script.tests.filter(({ declared }) =>
        declared.id !== BASIC && declared.id.startsWith("kcov.")
      ),
    }));
    await project.setBoot("fake/kcov/attempt-2", { recording: rest, end: 33 });
    const args = ["repro", "fake/kcov", "--filter", "kcov.*"];
    assert.match((await project.run(...args)).out, /^FAIL +fake\/kcov +0 +1 +0 +3 /m);
    const { code, out } = await project.run(...args, "--keep-going");
    assert.equal(code, 3);
    assert.match(out, /^FAIL +fake\/kcov +0 +1 +3 /m);
    assert.doesNotMatch(out, /boots passed/);
    const { filter } = JSON.parse(await project.read("fake/kcov/attempt-2/boot.json"));
    assert.equal(filter.length, 3);
  }],

  ["--repeat goes on after a failure, --until-fail ends with it", async (project) => {
    await setTest(project, "fake/kcov/attempt-2");
    const sound = await project.run(...KCOV, "--repeat", "2");
    assert.match(sound.out, /^pass .* 2 of 2 boots passed \(100 %; 95 % interval 34 to 100 %\)$/m);
    await setTest(project, "fake/kcov/attempt-2", BROKEN);
    await setTest(project, "fake/kcov/attempt-3");
    const repeated = await project.run(...KCOV, "--repeat", "3");
    assert.equal(repeated.code, 3);
    assert.match(repeated.out, /^2 of 3 boots passed/m);
    assert.match(await project.read("fake/kcov/attempt-2/repro.sh"), /expected 0 PCs/);
    const until = await project.run("repro", "fake/kcov", "--filter", "kcov.*", "--until-fail");
    assert.equal(until.code, 3);
    assert.match(until.out, /^1 of 2 boots passed/m);
    assert.equal((await project.run(...KCOV, "--repeat", "2", "--retries", "2")).code, 2);
  }],
]);

cases("a stage that fails", "nothing built", [
  ["configure: a dropped option, with who asked for it", async (project) => {
    await project.turnOn("drop-option");
    const { code, out } = await project.run(...MATRIX);
    assert.equal(code, 5, out);
    assert.match(out, /CONFIG_KCOV/);
    assert.match(out, /configs\/kcov\.config:1/);
    for (const cell of ["fake/kcov", "fake/kcov/smp4"]) {
      const [, , configure, ...behind] = await stagesOf(project, cell);
      assert.match(configure!, /^configure error: .*CONFIG_KCOV/);
      assert.deepEqual(
        new Set(behind.map((one) => one.replace(/^\w+ /, ""))),
        new Set([
          "skipped: blocked by configure",
        ]),
      );
    }
    assert.deepEqual(await stagesOf(project, "fake/nokcov"), ALL_PASSED);
  }],

  ["configure: a compiler without what the config requires", async (project) => {
    await project.turnOn("no-trace-pc");
    await Deno.remove(`${project.cache}/probes`, { recursive: true });
    const { code, out } = await project.run(...MATRIX);
    await Deno.remove(`${project.cache}/probes`, { recursive: true });
    assert.equal(code, 5, out);
    assert.match(
      out,
      /config kcov requires the compiler feature "trace-pc", which toolchain clang-22/,
    );
    assert.equal((await stagesOf(project, "fake/nokcov")).at(-1), "parse passed");
  }],

  ["build: a compile error, by its own line", async (project) => {
    await project.turnOn("compile-error");
    const { code, out } = await project.run(...MATRIX);
    assert.equal(code, 5, out);
    const error =
      `${project.dir}/tree/kernel/kcov.c:3:9: error: use of undeclared identifier 'area'`;
    for (const cell of CELLS) {
      assert.deepEqual(await stagesOf(project, cell), failedAt("build", `failure: ${error}`));
    }
    assert.equal(await project.started("qemu"), 0);
    await assertValidJunit(await project.read("junit.xml"));
  }],

  ["build: goes on where the last run was broken off", async (project) => {
    await project.turnOn("compile-error");
    assert.equal((await project.run("build", "fake/kcov", "--jobs", "1")).code, 5);
    await project.turnOff("compile-error");
    const before = await project.started("clang");
    assert.equal((await project.run("build", "fake/kcov")).code, 0);
    assert.equal(await project.started("clang"), before + 1, "kernel/fork.o was there already");
  }],

  ["build: a killed compiler is never the kernel's fault", async (project) => {
    await project.turnOn("compiler-killed");
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 6, out);
    const build = (await stagesOf(project, "fake/kcov"))[3]!;
    assert.match(build, /^build error: .*Error 137$/);
    assert.match(out, /\[compiler-killed, infra\]/);
  }],

  ["build: a warning that the matrix does not list", async (project) => {
    await project.turnOn("new-warning");
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 5, out);
    const [, , , build, inspect] = await stagesOf(project, "fake/kcov");
    assert.match(
      build!,
      /^build failure: 1 warnings that the matrix does not list; first: .*fork\.c/,
    );
    assert.equal(inspect, "inspect skipped: blocked by build");

    const matrix = await Deno.readTextFile(`${project.root}/matrix.yaml`);
    const known = "warnings: [{ match: unused variable 'x', reason: known }]\n";
    await project.write("other.yaml", matrix + known);
    const again = await project.run(...KCOV, "--matrix", `${project.dir}/other.yaml`);
    assert.equal(again.code, 0, again.out);
    assert.match(await project.read("junit.xml"), /"build.warnings.listed" value="1"/);
  }],

  ["inspect: a kernel that is not instrumented", async (project) => {
    await project.turnOn("not-instrumented");
    const { code, out } = await project.run(...MATRIX);
    assert.equal(code, 5, out);
    const problem = "vmlinux calls __sanitizer_cov_trace_pc 0 times; at least 1000 are due";
    assert.deepEqual(
      await stagesOf(project, "fake/kcov"),
      failedAt("inspect", `failure: ${problem}`),
    );
    assert.deepEqual(await stagesOf(project, "fake/nokcov"), ALL_PASSED);
  }],

  ["fetch: a tree that is none, or not clean", async (project) => {
    await project.write("tree/.config", "");
    const dirty = await project.run(...MATRIX);
    await Deno.remove(`${project.dir}/tree/.config`);
    assert.equal(dirty.code, 2, dirty.out);
    assert.match(dirty.out, /holds leftovers of an in-tree build \(\.config\)/);
    assert.match(dirty.out, /make -C .* mrproper/);
    const [fetch, patch] = await stagesOf(project, "fake/kcov");
    assert.match(fetch!, /^fetch error: /);
    assert.equal(patch, "patch skipped: blocked by fetch");
  }],
]);

cases("a boot that does not end as it should", "built", [
  ["QEMU refuses its command line", async (project) => {
    const recording = { console: new Uint8Array(), results: new Uint8Array() };
    await project.setBoot("fake/kcov", { recording, end: "refuses" });
    const { code, out } = await project.run(...MATRIX);
    assert.equal(code, 6, out);
    assert.match(
      (await stagesOf(project, "fake/kcov"))[6]!,
      /^boot error: QEMU did not start: .*unsupported machine type$/,
    );
    assert.deepEqual(await stagesOf(project, "fake/kcov/smp4"), ALL_PASSED);
  }],

  ["QEMU is killed", async (project) => {
    const recording = await setTest(project, "fake/kcov", { do: "vanish" });
    await project.setBoot("fake/kcov", { recording, end: "killed" });
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 6, out);
    assert.match(
      (await stagesOf(project, "fake/kcov"))[6]!,
      /^boot error: QEMU was killed by signal 9 in test kcov\.mode_trace_pc\./,
    );
  }],

  ["the console ends without a single result", async (project) => {
    const { console } = project.soundBoot("fake/kcov");
    const recording = { console, results: new Uint8Array() };
    await project.setBoot("fake/kcov", { recording, end: 0 });
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 3, out);
    assert.match(
      (await stagesOf(project, "fake/kcov"))[6]!,
      /^boot failure: the machine was reset before the guest's first report, without a word/,
    );
    const states = Object.values(await testStates(project, "fake/kcov"));
    assert.deepEqual(states, Array(4).fill("skipped: not run: the boot ended with guest-reset"));
    assert.match(out, /^FAIL +fake\/kcov +0 +0 +0 +4 /m);
    assert.match(out, /^4 tests did not run: kcov\./m);
  }],

  ["the results are torn", async (project) => {
    const { console, results } = project.soundBoot("fake/kcov");
    await project.setBoot("fake/kcov", {
      recording: { console, results: results.slice(0, -10) },
      end: 33,
    });
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 3, out);
    assert.match(
      (await stagesOf(project, "fake/kcov"))[6]!,
      /^boot failure: the result stream is damaged: the stream ends inside frame/,
    );
  }],

  ["the guest falls silent", async (project) => {
    const recording = await setTest(project, "fake/kcov", { do: "vanish" });
    await project.setBoot("fake/kcov", { recording, end: "hangs" });
    const { code, out } = await project.run(...MATRIX, "--timeout", "1");
    assert.equal(code, 3, out);
    assert.match(
      (await stagesOf(project, "fake/kcov"))[6]!,
      /^boot failure: the boot took longer than its limit in test .*; stopped after 1\.\d s \(limit 1\.0 s\)$/,
    );
    assert.deepEqual(await project.processes(), []);
    assert.deepEqual(await stagesOf(project, "fake/kcov/smp4"), ALL_PASSED);
  }],

  ["the kernel panics", async (project) => {
    const recording = await setTest(project, "fake/kcov", { do: "vanish" }, {
      console: ["Kernel panic - not syncing: Fatal exception"],
    });
    await project.setBoot("fake/kcov", { recording, end: 0 });
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 3, out);
    assert.match(out, /the kernel panicked in test kcov\.mode_trace_pc\..*\[panic, kernel\]/);
  }],
]);

cases("tests that are not as declared", "built", [
  ["turn red alone", async (project) => {
    await setTest(project, "fake/kcov", { do: "fail", message: "expected 0 PCs, found 7" });
    const { code, out } = await project.run(...MATRIX);
    assert.equal(code, 3, out);
    const states = await testStates(project, "fake/kcov");
    const red = Object.entries(states).filter(([, state]) => /^(failure|error)/.test(state));
    assert.deepEqual(red, [[
      "kcov mode_trace_pc.kcov_basic_syscall_coverage",
      "failure: AssertionError: expected 0 PCs, found 7",
    ]]);
    assert.deepEqual(await stagesOf(project, "fake/kcov"), ALL_PASSED);
    assert.match(out, /^FAIL {2}fake\/kcov +0 +1 +3 /m);
    assert.match(out, /^repeat with: npx --yes deno task repro fake\/kcov /m);
  }],

  ["turn the cell red when they skip without leave", async (project) => {
    await setTest(project, "fake/kcov", { do: "skip", reason: "no device" });
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 3, out);
    assert.match(out, /skipped, and this cell has all it needs \(kcov\): no device/);
  }],

  ["fail a cell that is to skip when one of them passes", async (project) => {
    const kcov = project.soundBoot("fake/kcov");
    await project.setBoot("fake/nokcov", { recording: kcov, end: 33 });
    const { code, out } = await project.run(...MATRIX, "fake/nokcov");
    assert.equal(code, 3, out);
    assert.match(out, /passed where it had to skip: the cell lacks kcov/);
  }],

  ["give exit code 4 when no test passed where one had to", async (project) => {
    const matrix = await Deno.readTextFile(`${project.root}/matrix.yaml`);
    await project.write("other.yaml", matrix.replace("fake/nokcov: skip", "fake/nokcov: pass"));
    const { code, out } = await project.run(
      ...MATRIX,
      "fake/nokcov",
      "--matrix",
      `${project.dir}/other.yaml`,
    );
    assert.equal(code, 4, out);
    assert.match(out, /no test of kcov\.\* can pass in fake\/nokcov: it lacks kcov, cmp/);
  }],

  ["may be expected to fail, strictly", async (project) => {
    const matrix = await Deno.readTextFile(`${project.root}/matrix.yaml`);
    const expect = (tests: string) =>
      `${matrix}  fake/kcov:
    fail: { tests: [${tests}], reason: known, link: "https://example.org", expires: 2999-01-01 }
`;
    await project.write("other.yaml", expect(`"${BASIC}"`));
    const run = () => project.run(...KCOV, "--matrix", `${project.dir}/other.yaml`);
    const passing = await run();
    assert.equal(passing.code, 3, passing.out);
    assert.match(passing.out, /passed, but the matrix expects it to fail \(known, https/);

    await setTest(project, "fake/kcov", { do: "fail", message: "as known" });
    const failing = await run();
    // Expected, but then nothing is left that passes: the other tests of the filter skip.
    assert.equal(failing.code, 0, failing.out);
    assert.doesNotMatch(await project.read("junit.xml"), /<failure/);
  }],

  ["are found out when the kernel complains, whatever they say", async (project) => {
    const warning = "WARNING: CPU: 0 PID: 1 at kernel/kcov.c:412 kcov_ioctl+0x12/0x340";
    await setTest(project, "fake/kcov", { do: "pass" }, { console: [warning] });
    const { code, out } = await project.run(...KCOV);
    assert.equal(code, 3, out);
    assert.match(out, /the kernel complained: WARNING: CPU: 0 PID: 1 at kernel\/kcov\.c:412/);
  }],
]);

cases("the command line", "nothing built", [
  ["--fail-fast blocks what comes behind the first failure", async (project) => {
    await project.turnOn("compile-error");
    const { code } = await project.run(...MATRIX, "--fail-fast");
    assert.equal(code, 5);
    assert.deepEqual(
      (await stagesOf(project, "fake/nokcov")).at(-1),
      "parse skipped: blocked by build",
    );
    assert.ok(
      (await stagesOf(project, "fake/kcov")).slice(2).every((state) =>
        state.endsWith("skipped: blocked by fail-fast")
      ),
    );
  }],

  ["--dry-run prints every command and runs none", async (project) => {
    const { code, out } = await project.run(...MATRIX, "--dry-run");
    assert.equal(code, 0);
    assert.match(out, /^make -C \S+\/tree -j\d+ .* tinyconfig$/m);
    assert.match(
      out,
      /^make .* 'KBUILD_BUILD_TIMESTAMP=Thu Jan {2}1 00:00:00 UTC 2026' .* vmlinux$/m,
    );
    assert.match(out, /^clang-22 -static /m);
    assert.equal(out.match(/^qemu-system-x86_64 /gm)?.length, 3);
    assert.equal(await project.started("clang") + await project.started("qemu"), 0);
    const repro = await project.run("repro", "fake/kcov", "--smp", "2", "--dry-run");
    assert.match(repro.out, /^qemu-system-x86_64 .*-smp 2,sockets=2 /m);
    assert.equal(await project.started("clang") + await project.started("qemu"), 0);
    await assert.rejects(Deno.stat(project.out));
    await assert.rejects(Deno.stat(`${project.cache}/builds`));
  }],

  ["--no-install refuses when a tool is missing, and names its package", async (project) => {
    const bison = `${project.dir}/bin/bison`;
    await Deno.rename(bison, `${bison}.away`);
    const { code, out } = await project.run(...MATRIX, "--no-install");
    const doctor = await project.run("doctor");
    await Deno.rename(`${bison}.away`, bison);
    assert.equal(code, 6, out);
    assert.match(out, /missing on this machine: bison \[missing-tool, infra\]/);
    assert.match(out, /To install: .*bison$/m);
    for (const cell of CELLS) {
      assert.ok((await stagesOf(project, cell)).every((one) => one.endsWith("blocked by setup")));
    }
    await assertValidJunit(await project.read("junit.xml"));
    assert.equal(doctor.code, 6);
    assert.match(doctor.out, /^MISSING {2}bison +missing +Kconfig's parser$/m);
    assert.match(doctor.out, /^ok {7}clang-22 +22\.1\.8 /m);
  }],

  ["stage commands stop behind their stage", async (project) => {
    const { code, out } = await project.run("configure", "fake/kcov");
    assert.equal(code, 0, out);
    assert.match(out, /^pass {2}fake\/kcov .* configure done$/m);
    assert.deepEqual(await stagesOf(project, "fake/kcov"), ALL_PASSED.slice(0, 3));
    assert.equal(await project.started("clang"), 0);
  }],

  ["--list prints the cells that globs and --shard choose", async (project) => {
    const list = async (...args: string[]) =>
      (await project.run("matrix", "--list", ...args)).out.trim().split("\n");
    assert.deepEqual(await list("*kcov*", "!*/smp4"), ["fake/nokcov", "fake/kcov"]);
    assert.deepEqual(await list("--shard", "2/2"), ["fake/kcov", "fake/kcov/smp4"]);
  }],

  ["--junit and --json write copies", async (project) => {
    await Deno.mkdir(`${project.dir}/a`);
    const copies = ["--junit", `${project.dir}/a/j.xml`, "--json", `${project.dir}/a/r.json`];
    assert.equal((await project.run(...MATRIX, "fake/nokcov", ...copies)).code, 0);
    assert.equal(
      await Deno.readTextFile(`${project.dir}/a/j.xml`),
      await project.read("junit.xml"),
    );
    const json = JSON.parse(await Deno.readTextFile(`${project.dir}/a/r.json`));
    assert.equal(json.cells[0].verdict.kind, "passed");
  }],

  ["bad input gets its own exit code before anything runs", async (project) => {
    const cases: readonly [readonly string[], number, RegExp][] = [
      [["matrix", "nothing/*"], 4, /no cell matches "nothing\/\*"/],
      [["matrix", "--no-such-option"], 2, /unknown option '--no-such-option'/],
      [["matrix", "--matrix", "/none.yaml"], 2, /there is no matrix file \/none\.yaml/],
      [["parse", `${project.dir}/bin`], 4, /holds neither console\.log nor results\.log/],
      [["report", `${project.dir}/bin`], 4, /holds no run\.json/],
    ];
    for (const [args, code, message] of cases) {
      const found = await project.run(...args);
      assert.equal(found.code, code, `${args.join(" ")}: ${found.err}`);
      assert.match(found.err, message);
    }
    const broken = await Deno.readTextFile(`${project.root}/matrix.yaml`);
    await project.write("other.yaml", broken.replace("cpus: 4", "cpus: four"));
    const located = await project.run("matrix", "--matrix", `${project.dir}/other.yaml`);
    assert.equal(located.code, 2);
    assert.match(located.err, /other\.yaml:5:17: machines\.smp4\.cpus must be a whole number/);
    assert.match(located.err, /\n {6}\s+smp4: \{ cpus: four.*\n\s+\^\n/);
  }],

  ["a fragment line that is none stops before the build, with line and caret", async (project) => {
    await project.write("project/configs/kcov.config", "CONFIG_KCOV = y\n");
    const { code, out } = await project.run(...MATRIX);
    await project.write("project/configs/kcov.config", "CONFIG_KCOV=y\n");
    assert.equal(code, 2, out);
    assert.match(out, /configs\/kcov\.config:1:12: blank before "="/);
    assert.equal((await stagesOf(project, "fake/nokcov")).at(-1), "parse passed");
  }],

  ["selftests that do not bundle are the user's to mend", async (project) => {
    const selftests = `${project.root}/selftests`;
    const target = await Deno.readLink(selftests);
    await Deno.remove(selftests);
    await project.write("project/selftests/main.ts", "const = 1;\n");
    const { code, out } = await project.run(...MATRIX, "fake/nokcov");
    await Deno.remove(selftests, { recursive: true });
    await Deno.symlink(target, selftests);
    assert.equal(code, 2, out);
    assert.match(out, /\[selftests-do-not-bundle, user\]/);
    assert.match((await stagesOf(project, "fake/nokcov"))[5]!, /^pack error: /);
  }],

  ["the help page comes without a command", async (project) => {
    const { code, stdout } = await project.command([]).output();
    assert.equal(code, 0);
    assert.match(new TextDecoder().decode(stdout), /Exit codes: 0 as declared/);
  }],
]);

cases("parse and report", "built", [
  [
    "give the verdict of the run again, and another one when a recording has changed",
    async (project) => {
      assert.equal((await project.run(...KCOV)).code, 0);
      const run = `${project.out}/latest`;
      const report = await project.run("report", run);
      assert.equal(report.code, 0);
      assert.match(report.out, /^pass {2}fake\/kcov +1 +0 +3 /m);

      const copy = `${project.dir}/copy`;
      await Deno.mkdir(copy);
      for (const name of ["console.log", "results.log"]) {
        await Deno.copyFile(`${run}/fake/kcov/${name}`, `${copy}/${name}`);
      }
      const parse = () => project.run("parse", copy);
      const whole = await parse();
      assert.equal(whole.code, 0, whole.out);
      assert.match(whole.out, /^pass {2}fake\/kcov +1 +0 +3 /m);

      const results = await Deno.readTextFile(`${copy}/results.log`);
      await Deno.writeTextFile(`${copy}/results.log`, results.replace(/ ok 1/, " not ok 1"));
      assert.equal((await parse()).code, 3);
      await Deno.writeTextFile(`${copy}/results.log`, results.replace(/[^\n]*\n$/, ""));
      assert.equal((await parse()).code, 3);
      await Deno.writeTextFile(`${copy}/results.log`, results);
      const console = await Deno.readTextFile(`${copy}/console.log`);
      await Deno.writeTextFile(`${copy}/console.log`, console.replace(/[^\n]*\n$/, ""));
      assert.equal((await parse()).code, 3);
      await Deno.remove(`${copy}/console.log`);
      assert.equal((await parse()).code, 3);
    },
  ],

  ["take no two boots of one cell, which would be two suites of one name", async (project) => {
    assert.equal((await project.run(...MATRIX)).code, 0);
    const cells = `${project.out}/latest/fake`;
    assert.equal((await project.run("parse", `${cells}/kcov`, `${cells}/kcov/smp4`)).code, 0);
    const copies = ["--junit", `${project.dir}/twice.xml`];
    const twice = await project.run("parse", `${cells}/kcov`, `${cells}/kcov`, ...copies);
    assert.equal(twice.code, 2);
    assert.match(twice.err, /kcov and .*kcov are both boots of fake\/kcov .*\n.*one at a time/);
    await assert.rejects(Deno.stat(`${project.dir}/twice.xml`));
  }],

  ["judge by the expectations of --matrix", async (project) => {
    assert.equal((await project.run(...MATRIX, "fake/nokcov")).code, 0);
    const matrix = await Deno.readTextFile(`${project.root}/matrix.yaml`);
    await project.write("other.yaml", matrix.replace("fake/nokcov: skip", "fake/nokcov: pass"));
    const cell = `${project.out}/latest/fake/nokcov`;
    assert.equal((await project.run("parse", cell)).code, 0);
    const other = ["--matrix", `${project.dir}/other.yaml`];
    assert.equal((await project.run("parse", cell, ...other)).code, 4);
  }],

  ["find a recording that is shorter than boot.json says", async (project) => {
    assert.equal((await project.run(...MATRIX, "fake/kcov")).code, 0);
    const cell = `${project.out}/latest/fake/kcov`;
    assert.equal((await project.run("parse", cell)).code, 0);
    const console = await Deno.readFile(`${cell}/console.log`);
    await Deno.writeFile(`${cell}/console.log`, console.subarray(0, -1));
    const { code, out } = await project.run("parse", cell);
    assert.equal(code, 6);
    assert.match(out, /console\.log has \d+ bytes, and had \d+ when the boot ended/);
  }],
]);

// ── being broken off ─────────────────────────────────────────────────────────────────────────────

/** Waits until something is so; it is looked at 20 times a second. */
async function until(what: string, limitMs: number, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await holds())) {
    assert.ok(performance.now() < end, `not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * Starts a run, sends it a signal once `program` has been started `times` times, and gives its exit
 * code. To "everyone" means to the whole process group, as a terminal does.
 */
async function breakOff(
  project: FakeProject,
  signal: "SIGINT" | "SIGTERM" | "SIGKILL",
  to: "itself" | "everyone",
  program: "clang" | "qemu",
  times: number,
): Promise<number> {
  // One boot at a time: of two, either could be the second to start.
  const child = project.spawn(...MATRIX, "--jobs", "1");
  const drained = Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
  try {
    await until(`${program} runs`, 20_000, async () => await project.started(program) >= times);
    assert.ok((await project.processes()).length > 1, "its processes can be seen");
    Deno.kill(to === "itself" ? child.pid : -child.pid, signal);
    let ended = false;
    void child.status.then(() => ended = true);
    await until("it has ended", 10_000, () => Promise.resolve(ended));
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  await drained;
  return (await child.status).code;
}

/** Without a PID namespace nobody is left who could kill what a killed tool has started. */
const CONTAINED = await Promise.any(
  [["--pid"], ["--user", "--map-root-user", "--pid"]].map(async (flags) => {
    const args = [...flags, "--fork", "true"];
    const { code } = await new Deno.Command("unshare", { args, stderr: "null" }).output();
    assert.equal(code, 0);
    return true;
  }),
).catch(() => false);

const noProcesses = (project: FakeProject) =>
  until("no process is left", 2000, async () => (await project.processes()).length === 0);

cases("a run that is broken off", "nothing built", [
  [
    "by Ctrl-C in a build: no compiler is left, junit.xml is valid, the next run goes on",
    async (project) => {
      await project.turnOn("slow-compiler");
      assert.equal(await breakOff(project, "SIGINT", "itself", "clang", 1), 130);
      await noProcesses(project);
      const xml = await project.read("junit.xml");
      await assertValidJunit(xml);
      const stages = await stagesOf(project, "fake/nokcov");
      assert.deepEqual(stages.slice(0, 3), ALL_PASSED.slice(0, 3));
      for (
        const state of [...stages.slice(3), ...await stagesOf(project, "fake/kcov")].slice(0, 5)
      ) {
        assert.match(state, /skipped: blocked by interrupt$/);
      }
      assert.doesNotMatch(xml, /<(failure|error)/);
      await project.turnOff("slow-compiler");
      const next = await project.run(...MATRIX);
      assert.equal(next.code, 0, next.out + next.err);
    },
  ],

  ["by Ctrl-C in a terminal, which every process of the group gets", async (project) => {
    await project.turnOn("slow-compiler");
    assert.equal(await breakOff(project, "SIGINT", "everyone", "clang", 1), 130);
    await noProcesses(project);
    const xml = await project.read("junit.xml");
    await assertValidJunit(xml);
    assert.doesNotMatch(xml, /<(failure|error)/);
  }],

  [
    "by Ctrl-C where no PID namespace can be made: its processes are killed one by one",
    async (project) => {
      await project.turnOn("slow-compiler");
      const unshare = `${project.dir}/bin/unshare`;
      await Deno.rename(unshare, `${unshare}.away`);
      try {
        assert.equal(await breakOff(project, "SIGINT", "itself", "clang", 1), 130);
        await noProcesses(project);
      } finally {
        await Deno.rename(`${unshare}.away`, unshare);
      }
    },
  ],

  ["by SIGTERM in a boot: what was finished is kept", async (project) => {
    const recording = await setTest(project, "fake/kcov", { do: "vanish" });
    await project.setBoot("fake/kcov", { recording, end: "hangs" });
    assert.equal(await breakOff(project, "SIGTERM", "itself", "qemu", 2), 143);
    await noProcesses(project);
    await assertValidJunit(await project.read("junit.xml"));
    assert.deepEqual(await stagesOf(project, "fake/nokcov"), ALL_PASSED);
    assert.equal(
      (await testStates(project, "fake/nokcov"))["kcov mode_trace_pc.kcov_basic_syscall_coverage"],
      "skipped: no kcov",
    );
    assert.deepEqual((await stagesOf(project, "fake/kcov")).slice(6), [
      "boot skipped: blocked by interrupt",
      "parse skipped: blocked by interrupt",
    ]);
    const report = await project.run("report");
    assert.match(report.out, /1 skipped as declared, 0 failed, 2 unfinished/);
  }],

  [
    "by SIGKILL in a build: nothing is left, and junit.xml lists what did not run",
    async (project) => {
      await project.turnOn("slow-compiler");
      await breakOff(project, "SIGKILL", "itself", "clang", 1);
      await noProcesses(project);
      await assertValidJunit(await project.read("junit.xml"));
      await project.turnOff("slow-compiler");
      assert.equal((await project.run(...MATRIX)).code, 0);
    },
    !CONTAINED,
  ],

  ["by SIGKILL in a boot: no QEMU is left", async (project) => {
    const { recording, end } = { recording: project.soundBoot("fake/kcov"), end: "hangs" } as const;
    await project.setBoot("fake/kcov", { recording, end });
    await breakOff(project, "SIGKILL", "itself", "qemu", 2);
    await noProcesses(project);
    assert.deepEqual(await stagesOf(project, "fake/nokcov"), ALL_PASSED);
  }, !CONTAINED],
]);
