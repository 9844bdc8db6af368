// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import $ from "dax";
import type { CellReport, ShardRecord } from "../core/model/model.ts";
import { runJson } from "../core/report/run_report.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { sampleCellReport, sampleRun } from "../testing/samples.ts";
import { zipOf } from "../testing/zip.ts";
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
/** Commands run for real: tar. */
const host = new FakeHost();
host.run = async ({ argv }) => {
  const { code, stdout, stderr } = await $`${argv}`.noThrow().quiet();
  return { argv, code, stdout, stderr, timedOut: false, durationMs: 0 };
};

async function find(dir: string, ...words: readonly string[]) {
  await Deno.remove(`${dir}/.scratch`, { recursive: true }).catch(() => {});
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
    await write(dir, below("plain/", run));
    await write(dir, below("all/kmatrix-shard-01/", run));
    await write(dir, below("whole/out/20260102T030405/", run));
    await write(dir, below("whole/out/latest/", run));
    await write(dir, { "whole/out/20260102T030406/run.json": json(null) });
    await Deno.mkdir(`${dir}/zips`);
    await Deno.writeFile(`${dir}/zips/one.zip`, await zipOf(run));
    await Deno.writeFile(`${dir}/deep.zip`, await zipOf(below("a/b/", run)));
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
      ["cut.zip", /^shard-torn: cut\.zip: cannot be unpacked whole: \S/],
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

/** Below a folder or, packed, below the path of what was packed. */
const below = (prefix: string, files: Files): Files =>
  Object.fromEntries(Object.entries(files).map(([path, text]) => [`${prefix}${path}`, text]));
const RUN: Files = { "run.json": json(), "k/a/console.log": "x", "k/a/build.log": "y" };

Deno.test("findShards() reads what other services, browsers and systems make of artifacts", async () => {
  await withTempDir(async (dir) => {
    const backslashes = Object.fromEntries(
      Object.entries(RUN).map(([path, text]) => [`out/${path}`.replaceAll("/", "\\"), text]),
    );
    const nested = await zipOf({ "kmatrix-shard-01.zip": await zipOf(RUN) });
    const archives: Readonly<Record<string, Uint8Array>> = {
      // .NET's ZipFile and PowerShell's Compress-Archive of Windows.
      "windows/SHARD.ZIP": await zipOf(backslashes),
      // What is packed while it is sent, and what is only stored.
      "streamed/artifact.zip": await zipOf(RUN, { dataDescriptor: true }),
      "stored/artifact.zip": await zipOf(RUN, { level: 0 }),
      // GitLab's, whose paths begin at the project; fetched by wget a second time.
      "gitlab/artifacts.zip.1": await zipOf(below("out/20260102T030405/", RUN)),
      // Jenkins', and an absolute path as tar and zip take it.
      "jenkins/archive.zip": await zipOf(below("archive/job/out/", RUN)),
      "absolute/a.zip": await zipOf(
        below("home/runner/work/linux/linux/out/20260102T030405/", RUN),
      ),
      // The page of a job packs what was packed already.
      "double/download.zip": nested,
      // curl calls it as one likes.
      "curl/1234567": await zipOf(RUN),
      "query/artifacts?job=shard-01": await zipOf(RUN),
      // Finder's.
      "finder/kmatrix-shard-01 2.zip": await zipOf({
        ...below("kmatrix-shard-01/", RUN),
        "__MACOSX/kmatrix-shard-01/._run.json": "\0\x05\x16\x07",
        ".DS_Store": "\0\0\0\x01Bud1",
      }),
      // With a long name of a branch around it, many times.
      [`${"branch-".repeat(30)}/${"a".repeat(200)}.zip`]: nested,
      // Beside it what is no run, packed or not.
      "beside/a.zip": await zipOf(RUN),
      "beside/console.log.gz": new Uint8Array([0x1f, 0x8b, 8, 0, 0]),
      "beside/report.docx": await zipOf({ "word/document.xml": "<x/>" }),
      "beside/core.xz": new Uint8Array([0xfd, 0x37, 0x7a, 0x58, 0x5a]),
    };
    for (const [path, content] of Object.entries(archives)) {
      await Deno.mkdir(dirname(`${dir}/${path}`), { recursive: true });
      await Deno.writeFile(`${dir}/${path}`, content);
    }
    await write(dir, below("azure/drop-1/a/b/c/d/e/out/20260102T030405/", RUN));
    for (const word of [...new Set([...Object.keys(archives), "azure"].map(top))]) {
      const found = await find(dir, word);
      assert.deepEqual([found.shards.length, found.unread], [1, []], `${word}: ${found.said}`);
      const { folder } = found.shards[0]!;
      assert.equal(await Deno.readTextFile(`${folder}/k/a/console.log`), "x", word);
    }
  });
});
const top = (path: string) => path.split("/")[0]!;

Deno.test("findShards() names what is wrong with an archive: a bit, a password, one in itself", async () => {
  await withTempDir(async (dir) => {
    /** With one bit turned in what a file of it holds. */
    const turned = async (level: number) => {
      const bytes = await zipOf({ "run.json": json(), "k/a/console.log": "x".repeat(999) }, {
        level,
      });
      const name = new TextEncoder().encode("k/a/console.log");
      const at = bytes.findIndex((_, index) => name.every((one, n) => bytes[index + n] === one));
      // Two bytes in front of the name have the length of what is between it and the content.
      const more = bytes[at - 2]! + 256 * bytes[at - 1]!;
      bytes[at + name.length + more + 4]! ^= 1;
      return bytes;
    };
    let deep = await zipOf(RUN);
    for (let n = 0; n < 6; n++) deep = await zipOf({ [`${n}.zip`]: deep });
    const archives: readonly [string, Uint8Array, RegExp][] = [
      ["stored.zip", await turned(0), /cannot be unpacked whole: k\/a\/console\.log: \S/],
      ["packed.zip", await turned(6), /cannot be unpacked whole: k\/a\/console\.log: \S/],
      [
        "secret.zip",
        await zipOf(RUN, { password: "x" }),
        /cannot be unpacked whole: run\.json: \S/,
      ],
      ["cut.zip", (await zipOf(RUN)).slice(0, -30), /cannot be unpacked whole: \S/],
      ["deep.zip", deep, /holds no run/],
    ];
    for (const [name, content, said] of archives) {
      await Deno.mkdir(`${dir}/in-${name}`);
      await Deno.writeFile(`${dir}/in-${name}/${name}`, content);
      for (const word of [`in-${name}/${name}`, `in-${name}`]) {
        const found = await find(dir, word);
        assert.deepEqual([found.shards.length, found.unread.length], [0, 1], word);
        assert.match(found.said[0]!, said, word);
        assert.match(found.said[0]!, /^shard-torn: /);
      }
    }
  });
});

Deno.test("findShards() names the program that is missing to unpack an archive", async () => {
  await withTempDir(async (dir) => {
    await write(dir, below("shard/", RUN));
    await $`tar -czf ${dir}/run.tgz -C ${dir}/shard .`;
    const { which } = host.fs;
    host.fs.which = (name) => Promise.resolve(name === "gzip" ? null : `/usr/bin/${name}`);
    const found = await find(dir, "run.tgz").finally(() => host.fs.which = which);
    assert.deepEqual(found.said, [
      "shard-torn: run.tgz: cannot be unpacked whole: gzip is missing",
    ]);
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
    await Deno.writeFile(`${dir}/in/evil.zip`, await zipOf(evil));
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
    assert.deepEqual(await names(`${dir}/.scratch`), ["0"]);
    assert.deepEqual(await names(`${dir}/.scratch/0`), ["run.json"]);
  });
});
