// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import { zipSync } from "fflate";
import $ from "dax";
import type { CellReport, ShardRecord } from "../core/model/model.ts";
import { runJson } from "../core/report/run_report.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { sampleCellReport, sampleRun } from "../testing/samples.ts";
import { copyShards } from "./copy_shards.ts";
import { findShards } from "./shard_runs.ts";

const RECORD: ShardRecord = {
  ...{ index: 1, of: 1, plan: "a".repeat(64), tool: "t", host: "h", cores: 2 },
  ...{ cells: ["k/a"], shards: [["k/a"]] },
};
const cell = (id: string) => sampleCellReport({ cell: id as CellReport["cell"] });
const json = (shard: Partial<ShardRecord> | null = {}, ids = ["k/a"]) =>
  runJson(sampleRun(ids.map(cell), shard === null ? {} : { shard: { ...RECORD, ...shard } }));

type Files = Readonly<Record<string, string>>;

async function write(dir: string, files: Files): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await Deno.mkdir(dirname(`${dir}/${path}`), { recursive: true });
    await Deno.writeTextFile(`${dir}/${path}`, text);
  }
}
const zip = (files: Files) =>
  zipSync(Object.fromEntries(
    Object.entries(files).map(([path, text]) => [path, new TextEncoder().encode(text)]),
  ));

/** Commands run for real: tar. */
const host = new FakeHost();
host.run = async ({ argv }) => {
  const { code, stdout, stderr } = await $`${argv}`.noThrow().quiet();
  return { argv, code, stdout, stderr, timedOut: false, durationMs: 0 };
};

async function find(dir: string, ...words: readonly string[]) {
  const found = await findShards(words, (word) => `${dir}/${word}`, `${dir}/.scratch`, host);
  return {
    ...found,
    said: [
      ...found.shards.map(({ from, run }) => `${from}: ${run.shard.index}`),
      ...found.unread.map(({ id, message }) => `${id}: ${message}`),
    ],
  };
}

Deno.test("findShards() reads what CI hands out: folders, archives, and folders of such", async () => {
  await withTempDir(async (dir) => {
    const run = { "run.json": json(), "k/a/console.log": "x" };
    const prefixed = (prefix: string, files: Files): Files =>
      Object.fromEntries(Object.entries(files).map(([path, text]) => [`${prefix}${path}`, text]));
    await write(dir, prefixed("plain/", run));
    await write(dir, prefixed("all/kmatrix-shard-01/", run));
    await write(dir, prefixed("whole/out/20260102T030405/", run));
    await write(dir, prefixed("whole/out/latest/", run));
    await write(dir, { "whole/out/20260102T030406/run.json": json(null) });
    await Deno.mkdir(`${dir}/zips`);
    await Deno.writeFile(`${dir}/zips/one.zip`, zip(run));
    await Deno.writeFile(`${dir}/deep.zip`, zip(prefixed("a/b/", run)));
    await $`tar -czf ${dir}/run.tar.gz -C ${dir}/plain .`;
    await $`tar -cf ${dir}/artifact -C ${dir}/plain .`;
    const cases: readonly [string, string][] = [
      ["plain", "plain: 1"],
      ["plain/run.json", "plain/run.json: 1"],
      ["all", "all/kmatrix-shard-01: 1"],
      ["all/", "all/kmatrix-shard-01: 1"],
      ["whole", "whole/out/20260102T030405: 1"],
      ["zips", "zips/one.zip: 1"],
      ["deep.zip", "deep.zip/a/b: 1"],
      ["run.tar.gz", "run.tar.gz: 1"],
      ["artifact", "artifact: 1"],
    ];
    for (const [word, said] of cases) assert.deepEqual((await find(dir, word)).said, [said], word);
    // Only the copy is there.
    await Deno.remove(`${dir}/whole/out/20260102T030405`, { recursive: true });
    assert.deepEqual((await find(dir, "whole")).said, ["whole/out/latest: 1"]);
  });
});

Deno.test("findShards() says of each word what is wrong with it", async () => {
  await withTempDir(async (dir) => {
    await write(dir, {
      "unsharded/run.json": json(null),
      "empty/run.json": "",
      "list/run.json": "[]",
      "odd/run.json": JSON.stringify({ ...JSON.parse(json()), cells: 5 }),
      "text": "no archive",
      "text.tar": "no archive",
      "cut.zip": "PK no archive",
      "out/run.json": json({ cells: ["../../etc/x"] }),
      "up/run.json": json({ cells: ["k/a"] }, ["k/.."]),
    });
    await Deno.writeFile(`${dir}/cut.tar.gz`, new Uint8Array([0x1f, 0x8b, 8, 0, 0]));
    await Deno.mkdir(`${dir}/folder/run.json`, { recursive: true });
    const cases: readonly [string, RegExp][] = [
      ["none", /^shard-torn: none: there is no such folder or file$/],
      ["unsharded", /^shard-foreign: unsharded: its run is no shard: it was made without --shard$/],
      ["empty", /^shard-torn: empty: run\.json: it is empty$/],
      ["list", /^shard-torn: list: run\.json: format is missing$/],
      ["odd", /^shard-torn: odd: run\.json: cells must be a list, found 5$/],
      ["text", /^shard-torn: text: is neither a folder nor an archive$/],
      ["text.tar", /^shard-torn: text\.tar: is neither a folder nor an archive$/],
      ["cut.tar.gz", /^shard-torn: cut\.tar\.gz: cannot be unpacked whole: \S/],
      ["cut.zip", /^shard-torn: cut\.zip: cannot be unpacked whole: invalid zip data$/],
      ["folder", /^shard-torn: folder: holds no run: there is no run\.json$/],
      ["out", /^shard-torn: out: "\.\.\/\.\.\/etc\/x" is no id of a cell$/],
      ["up", /^shard-torn: up: run\.json: cells\.0\.cell: "k\/\.\." is no id of a cell$/],
    ];
    for (const [word, said] of cases) {
      const found = await find(dir, word);
      assert.deepEqual([found.shards.length, found.unread.length], [0, 1], word);
      assert.match(found.said[0]!, said, `${word}: ${found.said}`);
    }
  });
});

Deno.test("nothing is written or read outside of the folders: names of archives, links", async () => {
  await withTempDir(async (dir) => {
    await write(dir, {
      "secret": "secret",
      "shard/run.json": json(),
      "shard/k/a/console.log": "x",
    });
    await Deno.symlink(`${dir}/secret`, `${dir}/shard/k/a/link.log`);
    await Deno.symlink(dir, `${dir}/shard/k/up`);
    const evil = { "run.json": json(), "../evil": "1", "k/../../evil": "1", "/evil": "1" };
    await Deno.mkdir(`${dir}/in`);
    await Deno.writeFile(`${dir}/in/evil.zip`, zip(evil));
    const found = await find(dir, "shard", "in/evil.zip");
    assert.equal(found.shards.length, 2);
    await Deno.mkdir(`${dir}/merged`);
    await copyShards(found.shards, `${dir}/merged`, host);
    const names = async (folder: string) =>
      (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
    assert.deepEqual(await names(`${dir}/merged`), ["k"]);
    assert.deepEqual(await names(`${dir}/merged/k`), ["a"]);
    assert.deepEqual(await names(`${dir}/merged/k/a`), ["console.log"]);
    assert.deepEqual(await names(dir), [".scratch", "in", "merged", "secret", "shard"]);
    assert.deepEqual(await names(`${dir}/.scratch`), ["1"]);
    assert.deepEqual(await names(`${dir}/.scratch/1`), ["run.json"]);
  });
});
