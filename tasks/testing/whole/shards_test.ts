// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { basename, dirname } from "node:path/posix";
import { XMLParser } from "fast-xml-parser";
import type { RunReport } from "../../core/model/model.ts";
import { type Case, cases } from "./fake_cases.ts";
import type { FakeProject } from "../fake_project.ts";
import { assertValidJunit } from "../junit.ts";
import { FINISHED, scripted } from "../recorder.ts";
import { zipOf } from "../zip.ts";

const BASIC = "kcov.mode_trace_pc.kcov_basic_syscall_coverage";
const CELLS = ["fake/nokcov", "fake/kcov", "fake/other", "fake/third", "fake/kcov/smp4"];

/** Four builds; two cells show the same complaint, and an entry of splats.yaml is for nothing. */
async function ofFourBuilds(project: FakeProject): Promise<string[]> {
  const matrix = await Deno.readTextFile(`${project.root}/matrix.yaml`);
  const kcov = "{ fragments: [base, kcov], requires: [trace-pc] }";
  await project.write(
    "own/matrix.yaml",
    matrix.replace("product:", `  other: ${kcov}\n  third: ${kcov}\nproduct:`)
      .replace("configs: [nokcov] }", "configs: [nokcov] }\n  - fake/kcov")
      .replace(
        /product:[^]*?expect:/,
        `product:
  - { kernels: [fake], configs: [nokcov, kcov, other, third] }
include: [fake/kcov/smp4]
expect:`,
      ),
  );
  await project.write(
    "own/splats.yaml",
    "- { pattern: 'never seen', reason: known, link: 'https://example.org/1', expires: 2099-01-01 }\n",
  );
  const failing = { do: "fail", message: "expected 0 PCs, found 7" } as const;
  for (const cell of CELLS) {
    const fails = cell === "fake/other" || cell === "fake/third";
    const recording = project.soundBoot(fails ? "fake/kcov" : cell, (script) => ({
      ...script,
      ...{ cell, filter: [] },
      tests: script.tests.map((test) =>
        fails && test.declared.id === BASIC
          ? { ...scripted(BASIC, failing), declared: test.declared }
          : test
      ),
    }));
    await project.setBoot(cell, { recording, end: FINISHED });
  }
  return ["--matrix", `${project.dir}/own/matrix.yaml`];
}

/** Everything of junit.xml but times, and properties of a cell that are measured ones. */
function withoutTimes(xml: string): unknown {
  const measured = /^boot\.(ms$|phase|over-budget|stalled)|^build\.stalled/;
  const isMeasured = (value: unknown) =>
    typeof value === "object" && value !== null && "@_name" in value && "@_value" in value &&
    measured.test(`${value["@_name"]}`);
  const bare = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.filter((one) => !isMeasured(one)).map(bare);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).filter(([key]) => !["@_time", "@_timestamp"].includes(key))
        .map(([key, inner]) => [key, bare(inner)]),
    );
  };
  return bare(new XMLParser({ ignoreAttributes: false, parseAttributeValue: false }).parse(xml));
}

const jsonOf = async (folder: string): Promise<RunReport> =>
  JSON.parse(await Deno.readTextFile(`${folder}/run.json`));

/** Files below a folder, with their content. */
async function filesOf(folder: string): Promise<Record<string, Uint8Array>> {
  const found: Record<string, Uint8Array> = {};
  const look = async (below: string) => {
    for await (const { name, isDirectory } of Deno.readDir(`${folder}/${below}`)) {
      const path = below === "" ? name : `${below}/${name}`;
      if (isDirectory) await look(path);
      else found[path] = await Deno.readFile(`${folder}/${path}`);
    }
  };
  await look("");
  return found;
}

/** As actions/upload-artifact hands out a folder: no hidden files, no modes. */
async function asArtifact(run: string, to: string, how: "folder" | "zip"): Promise<void> {
  const files = Object.entries(await filesOf(run))
    .filter(([path]) => !path.split("/").some((part) => part.startsWith(".")));
  if (how === "zip") {
    await Deno.mkdir(dirname(to), { recursive: true });
    return await Deno.writeFile(to, await zipOf(Object.fromEntries(files)));
  }
  for (const [path, content] of files) {
    await Deno.mkdir(dirname(`${to}/${path}`), { recursive: true });
    await Deno.writeFile(`${to}/${path}`, content);
  }
}

/** Three shards as three machines make them, one after the other. */
async function threeShards(project: FakeProject, matrix: readonly string[]) {
  const runs: string[] = [];
  const codes: number[] = [];
  for (const part of [1, 2, 3]) {
    const { code } = await project.run("matrix", ...matrix, "--shard", `${part}/3`);
    codes.push(code);
    runs.push(await project.newestRun());
  }
  return { runs, codes };
}

/** Where a merge can go wrong, what is said of it, and which cells are not run then. */
interface Wrong {
  readonly name: string;
  /** Gives what is merged, out of sound artifacts. */
  readonly words: (artifacts: readonly string[], dir: string) => Promise<readonly string[]>;
  readonly ids: readonly string[];
  readonly said: RegExp;
  /** Numbers of shards whose cells are not run. */
  readonly notRun: readonly number[];
}

const edit = async (folder: string, change: (run: Record<string, unknown>) => void) => {
  const run = JSON.parse(await Deno.readTextFile(`${folder}/run.json`));
  change(run);
  await Deno.writeTextFile(`${folder}/run.json`, JSON.stringify(run));
};
const copied = async (folder: string, to: string) => {
  await asArtifact(folder, to, "folder");
  return to;
};

const WRONG: readonly Wrong[] = [
  {
    name: "a shard that is missing",
    words: ([a, , c]) => Promise.resolve([a!, c!]),
    ids: ["shard-missing"],
    said: /shard 2\/3 is missing: \d cells? not run/,
    notRun: [2],
  },
  {
    name: "a shard that is there twice",
    words: async ([a, b, c], dir) => [a!, b!, c!, await copied(a!, `${dir}/again`)],
    ids: ["shard-doubled"],
    said: /shard 1\/3 is there twice: .* and .*again/,
    notRun: [],
  },
  {
    name: "a run.json that is cut in the middle",
    async words([a, b, c], dir) {
      const cut = await copied(b!, `${dir}/cut`);
      const text = await Deno.readTextFile(`${cut}/run.json`);
      await Deno.writeTextFile(`${cut}/run.json`, text.slice(0, text.length / 2));
      return [a!, cut, c!];
    },
    ids: ["shard-torn", "shard-missing"],
    said: /cut: run\.json: it is no JSON/,
    notRun: [2],
  },
  {
    name: "recordings that are not there",
    async words([a, b, c], dir) {
      const cut = await copied(b!, `${dir}/lacking`);
      for (const path of Object.keys(await filesOf(cut))) {
        if (path.endsWith("console.log")) await Deno.remove(`${cut}/${path}`);
      }
      return [a!, cut, c!];
    },
    ids: ["shard-torn"],
    said: /shard 2\/3 lacks \d files? of its cells/,
    notRun: [],
  },
  {
    name: "a shard of another plan",
    async words([a, b, c], dir) {
      const other = await copied(b!, `${dir}/foreign`);
      await edit(other, (run) => run.shard = { ...run.shard as object, plan: "f".repeat(64) });
      return [a!, other, c!];
    },
    ids: ["shard-foreign", "shard-missing"],
    said: /foreign: shard 2\/3 is of another plan than the others \(ffffffff, not [0-9a-f]{8}\)/,
    notRun: [2],
  },
  {
    name: "a shard of another version of the tool",
    async words([a, b, c], dir) {
      const other = await copied(c!, `${dir}/newer`);
      await edit(other, (run) => run.shard = { ...run.shard as object, tool: "0123456789abcdef" });
      return [a!, b!, other];
    },
    ids: ["shard-foreign", "shard-missing"],
    said: /newer: shard 3\/3 was made by another version of kmatrix than the others/,
    notRun: [3],
  },
  {
    name: "a run.json of another format",
    async words([a, b, c], dir) {
      const other = await copied(c!, `${dir}/older`);
      await edit(other, (run) => run.format = 2);
      return [a!, b!, other];
    },
    ids: ["shard-foreign", "shard-missing"],
    said: /written by another version of kmatrix: its format is 2/,
    notRun: [3],
  },
  {
    name: "an archive that is cut in the middle",
    async words([a, b, c], dir) {
      await asArtifact(c!, `${dir}/c.zip`, "zip");
      const bytes = await Deno.readFile(`${dir}/c.zip`);
      await Deno.writeFile(`${dir}/c.zip`, bytes.slice(0, bytes.length / 2));
      return [a!, b!, `${dir}/c.zip`];
    },
    ids: ["shard-torn", "shard-missing"],
    said: /c\.zip: cannot be unpacked whole/,
    notRun: [3],
  },
  {
    name: "an archive in which one bit was turned on the way",
    async words([a, b, c], dir) {
      await asArtifact(c!, `${dir}/c.zip`, "zip");
      const bytes = await Deno.readFile(`${dir}/c.zip`);
      // In the middle of the longest file, which is packed.
      bytes[Math.floor(bytes.length / 2)]! ^= 4;
      await Deno.writeFile(`${dir}/c.zip`, bytes);
      return [a!, b!, `${dir}/c.zip`];
    },
    ids: ["shard-torn", "shard-missing"],
    said: /c\.zip: cannot be unpacked whole: \S+: /,
    notRun: [3],
  },
  {
    name: "artifacts that were laid into one folder",
    async words(all, dir) {
      for (const one of all) await asArtifact(one, `${dir}/all`, "folder");
      return [`${dir}/all`];
    },
    ids: ["shard-torn", "shard-missing", "shard-missing"],
    said: /all: several shards were laid into one folder: the run\.json is that of shard 3\/3/,
    notRun: [1, 2],
  },
  {
    name: "a folder that is not there, and one that holds no run",
    async words([a, b], dir) {
      await Deno.mkdir(`${dir}/empty`);
      return [a!, b!, `${dir}/none`, `${dir}/empty`];
    },
    ids: ["shard-torn", "shard-torn", "shard-missing"],
    said: /none: there is no such folder or file[^]*empty: holds no run/,
    notRun: [3],
  },
  {
    name: "a job that was ended in the middle",
    async words([a, b, c], dir) {
      const ended = await copied(b!, `${dir}/ended`);
      await edit(ended, (run) => {
        const [first] = run.cells as { stages: { stage: string; outcome: unknown }[] }[];
        run.cells = (run.cells as object[]).map((cell) =>
          cell === first
            ? {
              ...cell,
              ...{ tests: [], verdict: { kind: "unfinished", why: "boot did not run" } },
              stages: first.stages.map((one) =>
                one.stage === "boot" || one.stage === "parse"
                  ? { ...one, outcome: { kind: "pending" } }
                  : one
              ),
            }
            : cell
        );
        run.interrupted = "SIGTERM";
      });
      return [a!, ended, c!];
    },
    ids: ["shard-torn"],
    said: /ended: shard 2\/3 was ended by SIGTERM: 1 cell not done/,
    notRun: [],
  },
];

const TESTS: readonly Case[] = [
  [
    "three shards merged are the run of one machine, whatever becomes of them on the way",
    async (project) => {
      const matrix = await ofFourBuilds(project);
      // What is built is built for all of them.
      await project.run("matrix", ...matrix);
      const alone = await project.run("matrix", ...matrix);
      const whole = await project.newestRun();
      assert.equal(alone.code, 2, alone.out + alone.err);
      assert.match(alone.out, /\[unused-splat, user\]/);
      const { runs, codes } = await threeShards(project, matrix);
      // No part of it knows that nobody has a use for the entry.
      assert.ok(codes.every((code) => code === 0 || code === 3), `${codes}`);
      const artifacts = `${project.dir}/artifacts`;
      await asArtifact(runs[0]!, `${artifacts}/kmatrix-shard-01`, "folder");
      await asArtifact(runs[1]!, `${artifacts}/kmatrix-shard-02.zip`, "zip");
      // The whole folder of runs, as one artifact; out/latest is a folder there, too.
      for (const name of [basename(runs[2]!), "latest"]) {
        await asArtifact(runs[2]!, `${artifacts}/kmatrix-shard-03/${name}`, "folder");
      }
      const before = await filesOf(artifacts);
      const merged = `${project.dir}/merged`;
      const found = await project.run("merge", artifacts, "--output", merged);
      assert.equal(found.code, alone.code, found.out + found.err);
      assert.match(found.out, /^merged: 3 of 3 shards of plan [0-9a-f]{8}, 5 cells$/m);
      assert.deepEqual(await filesOf(artifacts), before);

      const xml = await Deno.readTextFile(`${merged}/junit.xml`);
      await assertValidJunit(xml);
      assert.deepEqual(
        withoutTimes(xml),
        withoutTimes(await Deno.readTextFile(`${whole}/junit.xml`)),
      );
      const [one, other] = [await jsonOf(whole), await jsonOf(merged)];
      assert.deepEqual(other.cells.map(({ cell }) => cell), CELLS);
      assert.deepEqual(
        other.cells.map(({ verdict }) => verdict),
        one.cells.map(({ verdict }) => verdict),
      );
      assert.deepEqual(other.failures, one.failures);
      assert.deepEqual(other.sources, one.sources);
      assert.deepEqual([other.shard, other.lists], [undefined, undefined]);
      assert.deepEqual(other.merged!.shards.map(({ index }) => index), [1, 2, 3]);
      // All files but those that an artifact does not have.
      const plain = (files: Record<string, unknown>) =>
        Object.keys(files).filter((path) => !/(^|\/)\./.test(path)).sort();
      assert.deepEqual(plain(await filesOf(merged)), plain(await filesOf(whole)));
      await assert.rejects(Deno.stat(`${merged}/.unpacked`), "archives are unpacked for the merge");
      // What history and compare take for a run of the matrix.
      assert.equal(await Deno.readTextFile(`${merged}/command`), "matrix\n");
      const page = await Deno.readTextFile(`${merged}/report.html`);
      for (const cell of CELLS) assert.ok(page.includes(cell), cell);
      for (const cell of ["fake/other", "fake/third"]) {
        const { mode } = await Deno.stat(`${merged}/${cell}/repro.sh`);
        assert.equal(mode! & 0o111, 0o111, cell);
      }
      const again = await project.run("report", merged);
      assert.equal(again.code, alone.code, again.err);
      const same = await project.run("compare", whole, merged);
      assert.deepEqual([same.code, same.out.split("\n")[0]], [
        0,
        "No difference in 5 cells; 2 still failing",
      ]);
    },
  ],

  ["a merged run is the newest one, which history and compare read", async (project) => {
    const matrix = await ofFourBuilds(project);
    const { runs } = await threeShards(project, matrix);
    for (const run of runs) await Deno.rename(run, `${project.dir}/${basename(run)}`);
    const words = runs.map((run) => `${project.dir}/${basename(run)}`);
    const events = `${project.dir}/events`;
    const files = {
      GITHUB_STEP_SUMMARY: `${project.dir}/page`,
      GITHUB_OUTPUT: `${project.dir}/set`,
    };
    project.environment = { GITHUB_ACTIONS: "true", ...files };
    const found = await project.run(
      ...["merge", ...words, "--events", events, "--junit", `${project.dir}/j.xml`],
      ...["--base", words[0]!],
    );
    project.environment = {};
    assert.equal(found.code, 2, found.err);
    // GitHub is told of the whole of it.
    assert.match(found.out, /^::error .*fake\/other/m);
    const page = await Deno.readTextFile(files.GITHUB_STEP_SUMMARY);
    for (const cell of CELLS) assert.ok(page.includes(cell), cell);
    assert.match(found.out, /^Appeared: 3$/m);
    const out = `${project.root}/out`;
    const latest = `${out}/${await Deno.readLink(`${out}/latest`)}`;
    assert.equal(
      await Deno.readTextFile(`${project.dir}/j.xml`),
      await Deno.readTextFile(`${latest}/junit.xml`),
    );
    await Deno.rename(latest, `${project.out}/${basename(latest)}`);
    const listed = await project.run("history", "fake/other");
    assert.match(listed.out, new RegExp(`${basename(latest)} +FAIL`));
    const told = (await Deno.readTextFile(events)).trim().split("\n").map((line) =>
      JSON.parse(line)
    );
    const cells = told.filter(({ event }) => event === "cell-ended").map(({ cell }) => cell);
    assert.deepEqual(cells, CELLS);
    const planned = told.find(({ event }) => event === "cells-planned");
    assert.deepEqual([planned.cells, planned.builds], [CELLS, 4]);
    assert.deepEqual([told.at(-1).event, told.at(-1).exitCode], ["run-ended", 2]);
  }],

  [
    "what is missing, there twice, torn or foreign is named, and what has not come is not run",
    async (project) => {
      const matrix = await ofFourBuilds(project);
      const { runs } = await threeShards(project, matrix);
      const shards = (await jsonOf(runs[0]!)).shard!.shards;
      for (const [index, wrong] of WRONG.entries()) {
        const dir = `${project.dir}/wrong-${index}`;
        await Deno.mkdir(dir);
        const words = await wrong.words(runs, dir);
        const merged = `${dir}/merged`;
        const { code, out, err } = await project.run("merge", ...words, "--output", merged);
        assert.equal(code, 6, `${wrong.name}: ${out}${err}`);
        assert.match(out, wrong.said, `${wrong.name}: ${out}`);
        const run = await jsonOf(merged);
        const ids = run.failures.map(({ id }) => id).filter((id) => id !== "unused-splat");
        assert.deepEqual(ids, wrong.ids, wrong.name);
        assert.deepEqual(run.cells.map(({ cell }) => cell), CELLS, wrong.name);
        const notRun = run.cells.filter(({ verdict }) =>
          verdict.kind === "unfinished" && /shard is missing/.test(verdict.why)
        ).map(({ cell }) => cell as string).sort();
        const due = wrong.notRun.flatMap((number) => shards[number - 1]!).toSorted();
        assert.deepEqual(notRun, due, wrong.name);
        const xml = await Deno.readTextFile(`${merged}/junit.xml`);
        await assertValidJunit(xml);
        for (const cell of due) assert.match(xml, new RegExp(`suite name="${cell}"`));
      }
    },
  ],

  ["a merge leaves what is there as it is, and nothing half", async (project) => {
    const matrix = await ofFourBuilds(project);
    const { runs } = await threeShards(project, matrix);
    const root = `${project.dir}/places`;
    for (const run of runs) await Deno.mkdir(`${root}/${basename(run)}`, { recursive: true });
    for (const run of runs) await asArtifact(run, `${root}/${basename(run)}`, "folder");
    const words = runs.map((run) => `${root}/${basename(run)}`);
    const merged = `${project.dir}/kept`;
    await project.write("kept/precious", "mine");
    const refused: readonly [readonly string[], string, number, RegExp][] = [
      [words, merged, 2, /there is something already, and it is kept/],
      [words, `${words[0]}/merged`, 2, /would lie inside of what it is made of/],
      [[root], `${root}/merged`, 2, /would lie inside of what it is made of/],
      [words, root, 2, /would lie inside of what it is made of/],
      [words, `${project.dir}/no/such/run`, 2, /there is no folder/],
      [[`${project.dir}/none`], `${project.dir}/new-run`, 6, /there is no such folder or file/],
    ];
    const before = await filesOf(root);
    for (const [some, output, due, said] of refused) {
      const { code, err } = await project.run("merge", ...some, "--output", output);
      assert.deepEqual([code, said.test(err)], [due, true], `${output}: ${err}`);
    }
    assert.deepEqual(await filesOf(root), before);
    assert.deepEqual(Object.keys(await filesOf(merged)), ["precious"]);
    await assert.rejects(Deno.stat(`${project.dir}/new-run`));
    await asArtifact(runs[0]!, `${project.root}/out/shard`, "folder");
    const inside = await project.run("merge", `${project.root}/out`);
    assert.equal(inside.code, 2, inside.err);
    // An empty folder will do; CI makes them.
    await Deno.mkdir(`${project.dir}/empty`);
    const found = await project.run("merge", ...words, "--output", `${project.dir}/empty`);
    assert.equal(found.code, 2, found.err);
    assert.deepEqual((await jsonOf(`${project.dir}/empty`)).cells.length, 5);
  }],
];

cases("shards", "built", TESTS);
