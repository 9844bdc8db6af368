// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { assertValidJunit } from "../junit.ts";
import { CELLS, MATRIX } from "../broken_worlds.ts";
import { ALL_PASSED, cases, setTest, stagesOf } from "./fake_cases.ts";

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

  [
    "compiles all again with --fresh-build, and nothing but what has changed without",
    async (project) => {
      const built = async (...words: readonly string[]) => {
        const before = await project.started("clang");
        const { code, out, err } = await project.run("build", "fake/kcov", ...words);
        assert.equal(code, 0, out + err);
        return await project.started("clang") - before;
      };
      assert.equal(await built(), 2);
      assert.equal(await built(), 0);
      const [key] = [...Deno.readDirSync(`${project.cache}/builds`)].map(({ name }) => name);
      await project.write(`cache/builds/${key}/left-over`, "");
      assert.equal(await built("--fresh-build"), 2);
      await assert.rejects(Deno.stat(`${project.cache}/builds/${key}/left-over`));
      assert.equal(await built(), 0);
    },
  ],

  [
    "begins a new build as a copy of the nearest, says so, and leaves none that is not configured",
    async (project) => {
      const build = (...words: readonly string[]) => project.run("build", "fake/kcov", ...words);
      const folders = () =>
        [...Deno.readDirSync(`${project.cache}/builds`)].map(({ name }) => name).sort();
      assert.equal((await build()).code, 0);
      const [donor] = folders();
      // What kbuild leaves since 6.1.
      await project.write(`cache/builds/${donor}/vmlinux.a`, "");
      const add = (name: string) => ["--kconfig-add", `CONFIG_${name}=y`];
      const { code, out, err } = await build(...add("FOO"));
      assert.equal(code, 0, out + err);
      assert.match(err, new RegExp(`begins as a copy of fake/kcov \\(${donor}\\)`));
      const start = async () =>
        JSON.parse(await project.read("run.json")).cells[0].facts.build.start ?? null;
      assert.deepEqual(await start(), { key: donor, name: "fake/kcov" });
      assert.equal((await build(...add("FOO"))).code, 0);
      assert.deepEqual(await start(), { key: donor, name: "fake/kcov" }, "nothing was compiled");
      assert.equal((await build(...add("FOO"), "--fresh-build")).code, 0);
      assert.equal(await start(), null);
      const before = folders();
      await project.turnOn("drop-option");
      assert.equal((await build(...add("BAR"))).code, 5);
      assert.deepEqual(folders(), before);
    },
  ],

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
    // What a brought kernel may read: objects that somebody has read lately stay.
    const objects = ["CACHEDIR.TAG", "54/read", "54/unread", "87/unread"];
    for (const name of objects) {
      const path = `ccache-shared/${name}`;
      await project.write(`cache/${path}`, "object");
      const atime = name === "54/read" ? Date.now() / 1000 : 1_700_000_000;
      await Deno.utime(`${project.cache}/${path}`, atime, 1_700_000_000);
    }
    const unread = await project.run("cache", "prune", "--dry-run");
    assert.match(unread.out, /^would remove 2 objects of ccache-shared\n0 builds/m);
    const left = await project.run("cache", "prune");
    assert.match(
      left.out,
      /^removed sources\/gone\nremoved ccache-brought\/gone\nremoved 2 objects of ccache-shared\n0 builds/,
    );
    const shared = await new Deno.Command("find", {
      args: [`${project.cache}/ccache-shared`, "-type", "f"],
    })
      .output();
    assert.deepEqual(new TextDecoder().decode(shared.stdout).match(/[^/\n]+$/gm)!.sort(), [
      "CACHEDIR.TAG",
      "read",
    ]);
    const there = async (folder: string) =>
      (await Array.fromAsync(Deno.readDir(`${project.cache}/${folder}`), ({ name }) => name))
        .sort();
    assert.deepEqual(await there("sources"), ["base-1"]);
    assert.deepEqual(await there("ccache-brought"), ["fake"]);
    const pruned = await project.run("cache", "prune", "--older-than", "0");
    assert.match(
      pruned.out,
      /^removed [0-9a-f]{16} fake\/kcov .*\nremoved ccache.*fake\nremoved 1 object of ccache-shared\n1 build, \d+ MiB freed$/m,
    );
    assert.doesNotMatch((await project.run("cache")).out, /fake\/kcov/);
    const wrong = await project.run("cache", "empty");
    assert.equal(wrong.code, 2);
    assert.match(wrong.err, /cache empty: the action must be list or prune/);
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
        /("(?:build.key|source.content|boot.ms|boot.phase.\w+)" value=)"[^"]+"/g,
        '$1"…"',
      );
    const golden = new URL("../golden/junit.txt", import.meta.url);
    // After a wanted change: UPDATE_GOLDEN=1 deno test --allow-all tasks/testing/whole/matrix_test.ts
    if (Deno.env.get("UPDATE_GOLDEN") === "1") await Deno.writeTextFile(golden, found);
    await assertValidJunit(found);
    assert.equal(found, await Deno.readTextFile(golden));
  }],
]);
