// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { MATRIX } from "../broken_worlds.ts";
import { cases, KCOV, setTest } from "./fake_cases.ts";

cases("parse and report", "built", [
  [
    "give the verdict of the run again, and another one when a recording has changed",
    async (project) => {
      assert.equal((await project.run(...KCOV)).code, 0);
      const run = `${project.out}/latest`;
      const page = () => Deno.readTextFile(`${run}/report.html`);
      const written = await page();
      const report = await project.run("report", run);
      assert.equal(report.code, 0);
      assert.equal(await page(), written, "the page is the same");
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

  [
    "show where in the source a test failed, live and later",
    async (project) => {
      assert.equal((await project.run("pack", "fake/kcov")).code, 0);
      const [guest] = [...Deno.readDirSync(`${project.cache}/guests`)].filter((one) =>
        one.isDirectory
      );
      const bundle = `${project.cache}/guests/${guest!.name}/tests.js`;
      const lines = (await Deno.readTextFile(bundle)).split("\n");
      const line = lines.findIndex((one) => one.includes('"owner of the device"'));
      assert.ok(line > 0, "the bundle has a line that a test of kcov.ts has");
      const at = `${line + 1}:${lines[line]!.search(/\S/) + 1}`;
      await setTest(project, "fake/kcov", { do: "fail", message: "expected 1", at });
      const { code, out } = await project.run(...KCOV);
      assert.equal(code, 3, out);
      const shown = /AssertionError: expected 1\n +at (selftests\/\S+):(\d+):\d+\n +(.*)\n/.exec(
        out,
      );
      assert.ok(shown, out);
      const [, file, number, text] = shown;
      const source = await Deno.readTextFile(`${project.root}/${file}`);
      assert.equal(source.split("\n")[Number(number) - 1]!.trim(), text);
      assert.match(text!, /"owner of the device"/);
      assert.match(await project.read("junit.xml"), new RegExp(`at ${file}:${number}:`));
      // Of the recordings, whatever the cache has by then.
      await Deno.remove(`${bundle}.map`);
      const later = await project.run("parse", `${project.out}/latest/fake/kcov`);
      assert.ok(later.out.includes(`at ${file}:${number}:`), later.out);
      await Deno.writeTextFile(`${project.out}/latest/fake/kcov/stacks.json`, "{");
      const damaged = await project.run("parse", `${project.out}/latest/fake/kcov`);
      assert.equal(damaged.code, 3);
      assert.match(damaged.out, /at test \(\/kmatrix\/tests\.js:/);
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

  ["tell of a recorded boot what the run told of it, where boot.json was kept", async (project) => {
    assert.equal((await project.run(...KCOV)).code, 0);
    const dir = `${project.out}/latest/fake/kcov`;
    const own = JSON.parse(await project.read("run.json")).cells[0].facts.boot;
    assert.equal(own.accel, "tcg");
    const copies = ["--junit", `${project.dir}/again.xml`, "--json", `${project.dir}/again.json`];
    const again = async () => {
      const { code, err } = await project.run("parse", dir, ...copies);
      assert.equal(code, 0, err);
      const { cells } = JSON.parse(await Deno.readTextFile(`${project.dir}/again.json`));
      return cells[0].facts.boot;
    };
    assert.deepEqual(await again(), own);
    const property = (name: string) => new RegExp(`<property name="${name}" value="[^"]+"/>`);
    const xml = await Deno.readTextFile(`${project.dir}/again.xml`);
    for (const name of ["boot.accel", "boot.ms", "boot.phase.start"]) {
      const line = property(name).exec(xml)?.[0];
      assert.ok(line !== undefined, name);
      assert.ok((await project.read("junit.xml")).includes(line), line);
    }
    await Deno.remove(`${dir}/boot.json`);
    assert.equal(await again(), null);
  }],
]);
