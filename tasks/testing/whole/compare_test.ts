// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { $ } from "dax";
import type { PageModel } from "../../core/page/page_model.ts";
import { cases, setTest } from "./fake_cases.ts";
import { zipOf } from "../zip.ts";

const MATRIX = ["matrix", "fake/kcov", "--test", "kcov.*"];

cases("compare and history", "built", [
  [
    "say what is different between two runs, and end with 3 where something fails newly",
    async (project) => {
      const json = `${project.dir}/compared.json`;
      const markdown = `${project.dir}/compared.md`;
      assert.equal((await project.run(...MATRIX, "fake/nokcov")).code, 0);
      await setTest(project, "fake/kcov", { do: "fail", message: "expected 1, found <0>" });
      assert.equal((await project.run(...MATRIX)).code, 3);
      const worse = await project.run(
        ...["compare", "latest~1", "latest", "--json", json, "--markdown", markdown],
      );
      assert.equal(worse.code, 3, worse.out + worse.err);
      assert.match(
        worse.out,
        /^New failures: 1\n.*\n +fake\/kcov +kcov\..*expected 1, found <0>$/m,
      );
      assert.match(worse.out, /^Vanished: 1\n.*\n +fake\/nokcov +cell$/m);
      const data = JSON.parse(await Deno.readTextFile(json));
      assert.deepEqual(data.items.map((item: { change: string }) => item.change).sort(), [
        "new-failure",
        "vanished",
      ]);
      assert.match(await Deno.readTextFile(markdown), /^### New failures: 1$/m);
      const better = await project.run("compare", "latest", "latest~1");
      assert.equal(better.code, 0, better.out + better.err);
      assert.match(better.out, /^Fixed: 1$/m);
      for (const option of ["--json", "--markdown", "--html"]) {
        const nowhere = await project.run("compare", "latest", "latest", option, "/no/such/file");
        assert.equal(nowhere.code, 2, nowhere.out);
        assert.match(nowhere.err, new RegExp(`${option}: /no/such/file lies in /no`));
      }
      const same = await project.run("compare", "latest", "latest");
      assert.deepEqual([same.code, same.out], [0, "No difference in 1 cell; 1 still failing\n"]);

      const listed = await project.run("history", "fake/kcov");
      assert.equal(listed.code, 0, listed.err);
      const verdicts = listed.out.trim().split("\n").slice(1).map((line) =>
        line.trim().split(/\s+/)[1]
      );
      assert.deepEqual(verdicts, ["pass", "FAIL"]);
      const unknown = await project.run("history", "fake/kcob");
      assert.equal(unknown.code, 4);
      assert.match(unknown.err, /no run in .* has a cell fake\/kcob; did you mean "fake\/kcov"/);
    },
  ],

  [
    "--html writes the page of the second run, from its folder and from an archive",
    async (project) => {
      await project.run(...MATRIX);
      await setTest(project, "fake/kcov", { do: "fail", message: "expected 1, found <0>" });
      await project.run(...MATRIX);
      const file = `${project.dir}/pages/compared.html`;
      await Deno.mkdir(`${project.dir}/pages`);
      const compared = async (after: string) => {
        const { code, err } = await project.run("compare", "latest~1", after, "--html", file);
        assert.equal(code, 3, err);
        const html = await Deno.readTextFile(file);
        const json = /<script type="application\/json" id="model">([^<]*)</.exec(html)![1]!;
        return JSON.parse(json) as PageModel;
      };
      const { comparison, filesAt, cells } = await compared("latest");
      assert.deepEqual(
        comparison!.changes.map(({ change, rows }) => [change, rows.length]),
        [["new-failure", 1]],
      );
      const [log] = cells[0]!.logs;
      assert.equal(log!.name, "console.log");
      const console = await Deno.stat(`${project.dir}/pages/${filesAt}${log!.path}`);
      assert.ok(console.isFile, "the page's links lead to the files of the run");
      const own = await Deno.readTextFile(`${await project.newestRun()}/report.html`);
      assert.match(own, /"comparison":null/);

      const run = await project.newestRun();
      // As long as one of a matrix with many tests: commands give a MiB of what they print.
      const report = JSON.parse(await Deno.readTextFile(`${run}/run.json`));
      report.cells[0].consoleTail = "x".repeat(3 << 20);
      await Deno.writeTextFile(`${run}/run.json`, JSON.stringify(report));
      const names = (await Array.fromAsync(Deno.readDir(run))).map(({ name }) => name);
      await $`tar -cJf ${project.dir}/run.tar.xz -C ${run} ${names}`;
      const packed = await compared(`${project.dir}/run.tar.xz`);
      assert.deepEqual([packed.filesAt, packed.name], [null, "run.tar.xz"]);
      assert.deepEqual(packed.cells[0]!.logs, cells[0]!.logs);
      assert.deepEqual(packed.cells[0]!.files, cells[0]!.files);
      const zip: Record<string, Uint8Array> = {};
      for (const path of ["run.json", ...cells[0]!.files]) {
        zip[`an artifact/${path}`] = await Deno.readFile(`${run}/${path}`);
      }
      // CI's artifacts are renamed.
      await Deno.writeFile(`${project.dir}/artifact`, await zipOf(zip));
      assert.deepEqual((await compared(`${project.dir}/artifact`)).cells[0]!.logs, cells[0]!.logs);
    },
  ],

  ["a repro leaves out/latest at the run of the matrix", async (project) => {
    const latest = () => Deno.readLink(`${project.out}/latest`);
    await project.run("repro", "fake/kcov", "--test", "kcov.*");
    assert.equal(
      `${project.out}/${await latest()}`,
      await project.newestRun(),
      "there is no other",
    );
    await project.run(...MATRIX);
    const run = await latest();
    const { code } = await project.run("repro", "fake/kcov", "--test", "kcov.*");
    assert.equal(code, 0);
    assert.equal(await latest(), run);
    assert.notEqual(await project.newestRun(), `${project.out}/${run}`);
    const before = await project.run("compare", "latest~1", "latest");
    assert.equal(before.code, 4);
    assert.match(before.err, /latest~1: .* has only 0 runs of the matrix before the latest/);
  }],

  ["take runs as CI packs them, and say what is wrong with what is none", async (project) => {
    await project.run(...MATRIX);
    const run = await project.newestRun();
    const folder = run.split("/").at(-1)!;
    const packed = `${project.dir}/packed`;
    await $`mkdir -p ${packed} && cd ${project.out} && tar -cf ${packed}/run.tar ${folder} && cd ${run} && tar -cJf ${packed}/flat.tar.xz .`;
    const bytes = await Deno.readFile(`${run}/run.json`);
    const log = new TextEncoder().encode("");
    await Deno.writeFile(
      `${packed}/run.zip`,
      await zipOf({ "artifact/run.json": bytes, "artifact/fake/kcov/build.log": log }),
    );
    for (const name of ["run.tar", "flat.tar.xz", "run.zip"]) {
      const { code, out, err } = await project.run("compare", `${packed}/${name}`, "latest");
      assert.equal(code, 0, `${name}: ${out}${err}`);
      assert.match(out, /^No difference in 1 cell$/m, name);
    }
    assert.equal((await project.run("compare", `${run}/run.json`, run)).code, 0);

    const report = JSON.parse(await Deno.readTextFile(`${run}/run.json`));
    const write = (name: string, text: string) => Deno.writeTextFile(`${packed}/${name}`, text);
    await $`mkdir ${packed}/torn ${packed}/old ${packed}/other ${packed}/foreign ${packed}/empty`;
    await write("torn/run.json", JSON.stringify(report).slice(0, 400));
    await write("old/run.json", JSON.stringify({ ...report, format: 1 }));
    const elsewhere = report.cells.map((cell: object) => ({ ...cell, cell: "other/kcov" }));
    await write("other/run.json", JSON.stringify({ ...report, cells: elsewhere }));
    await write("foreign/run.json", JSON.stringify({ version: "2.1.0", runs: [] }));
    await write("text.zip", "no archive");
    await write("text.tar", "no archive");
    await $`tar -czf ${packed}/no-gzip-here.tgz -C ${packed} empty`;
    await $`tar -cf ${packed}/none.tar -C ${packed} text.zip`.quiet();
    const cases: readonly [string, number, RegExp][] = [
      ["torn", 2, /torn\/run\.json/],
      ["old", 2, /written by another version of kmatrix: its format is 1/],
      ["foreign", 2, /foreign\/run\.json/],
      ["other", 2, /no cell in common: other\/kcov; fake\/kcov/],
      ["empty", 4, /it holds no run\.json/],
      ["nowhere", 4, /no such folder or file/],
      ["no-gzip-here.tgz", 6, /no-gzip-here\.tgz is unpacked by gzip, which is missing/],
      ["text.zip", 2, /neither a folder nor an archive/],
      ["text.tar", 2, /neither a folder nor an archive/],
      ["none.tar", 4, /the archive holds no run\.json/],
    ];
    for (const [name, wanted, message] of cases) {
      const { code, err } = await project.run("compare", `${packed}/${name}`, "latest");
      assert.equal(code, wanted, `${name}: ${err}`);
      assert.match(err, message, name);
    }
  }],

  [
    "history says which runs it leaves out, and report takes the words of compare",
    async (project) => {
      await project.run(...MATRIX);
      await project.run(...MATRIX);
      const newest = await project.newestRun();
      const before = newest.replace(/[^/]+$/, "20000101T000000");
      await Deno.mkdir(before);
      await Deno.writeTextFile(`${before}/run.json`, "half {");
      const listed = await project.run("history", "fake/kcov");
      assert.equal(listed.code, 0, listed.err);
      assert.match(listed.err, /1 run left out, damaged or of another version: 20000101T000000$/m);
      assert.equal(listed.out.trim().split("\n").length, 3, listed.out);
      const again = await project.run("report", "latest~1");
      assert.equal(again.code, 0, again.err);
      await $`cd ${newest} && tar -cf ${project.dir}/run.tar run.json`;
      const packed = await project.run("report", `${project.dir}/run.tar`);
      assert.equal(packed.code, 2);
      assert.match(
        packed.err,
        /run\.tar is an archive, and report writes into the folder of a run/,
      );
    },
  ],
]);
