// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import { dataflowJson, type DataflowReport } from "../core/dataflow/report.ts";
import { type Failure, failure } from "../core/model/errors.ts";
import { unpackLines } from "../core/page/packed.ts";
import type { PageModel } from "../core/page/page_model.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { sampleCellReport, sampleRun } from "../testing/samples.ts";
import { layDown, type PageRun, recordedRun } from "../testing/page_runs.ts";
import { DATAFLOW_FILE, reportPage } from "./report_page.ts";
import { folderFiles } from "./run_files.ts";

const CELLS = {
  "linux-6.12/kcov": "crash-null-deref",
  "linux-6.12/kcov-cmp": "tests-fail",
  "linux-6.12/nokcov": "green",
};

function modelIn(html: string): PageModel {
  const json = /<script type="application\/json" id="model">([^<]*)<\/script>/.exec(html)![1]!;
  return JSON.parse(json);
}

/** Lines of a log of the page. */
async function linesIn(html: string, { element }: PageModel["cells"][0]["logs"][0]) {
  return await unpackLines(new RegExp(`id="${element}">([^<]*)<`).exec(html)![1]!);
}

async function withRun(body: (run: PageRun, dir: string) => Promise<void>): Promise<void> {
  const run = await recordedRun(CELLS);
  await withTempDir(async (dir) => {
    await layDown(run, dir);
    await body(run, dir);
  });
}

const page = async ({ run }: PageRun, dir: string) =>
  await reportPage(run, await folderFiles(dir, new FakeHost()));

Deno.test("reportPage() is the same file of the same run, each time", () =>
  withRun(async (run, dir) => {
    assert.equal(await page(run, dir), await page(run, dir));
  }));

Deno.test("reportPage() leads from a failed cell to the line of the console that says why", () =>
  withRun(async (run, dir) => {
    const html = await page(run, dir);
    const [crashed, failed, passed] = modelIn(html).cells;
    assert.deepEqual([crashed!.word, failed!.word, passed!.word], ["failed", "failed", "passed"]);
    const { place, message } = crashed!.failures[0]!;
    assert.match(message, /NULL pointer dereference/);
    const lines = await linesIn(html, crashed!.logs[place!.log]!);
    const file = new TextDecoder().decode(run.consoles.get(crashed!.id)).split(/\r?\n/);
    const first = place!.at;
    assert.match(lines[first - 1]!, /BUG: kernel NULL pointer dereference/);
    assert.equal(lines[first - 1], file[first - 1]);
    const test = failed!.failures[0]!;
    const said = (await linesIn(html, failed!.logs[0]!))[test.place!.at - 1]!;
    assert.ok(said.endsWith(`kmatrix: RUN ${test.tests[0]}`), said);
  }));

Deno.test("reportPage() leads from a failed build to the compiler's line in its log", () =>
  withTempDir(async (dir) => {
    const line = "kernel/kcov.c:12:3: error: expected ';'";
    const broken: Failure = {
      ...failure("build", "compile-error", line),
      evidence: { kind: "output", line },
    };
    const run = sampleRun([sampleCellReport({
      stages: [
        { stage: "build", outcome: { kind: "failed", failure: broken }, durationMs: 1, note: "" },
      ],
      verdict: { kind: "failed", failures: [{ ...broken, subject: { stage: "build" } }] },
    })]);
    await layDown({ run, consoles: new Map() }, dir);
    const folder = `${dir}/${run.cells[0]!.cell}`;
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(`${folder}/build.log`, `  CC x.o\n${line}\nmake: *** Error 1\n`);
    const [cell] = modelIn(await reportPage(run, await folderFiles(dir, new FakeHost()))).cells;
    assert.deepEqual(cell!.logs.map(({ name }) => name), ["build.log"]);
    assert.deepEqual(cell!.failures[0]!.place, { log: 0, at: 2, lines: [[2, 2]] });
  }));

Deno.test("reportPage() says which log is missing, empty or no file, and shows the rest", () =>
  withRun(async (run, dir) => {
    const [gone, folder, empty] = Object.keys(CELLS);
    await Deno.remove(`${dir}/${gone}/console.log`);
    await Deno.remove(`${dir}/${folder}/console.log`);
    await Deno.mkdir(`${dir}/${folder}/console.log`);
    await Deno.truncate(`${dir}/${empty}/console.log`);
    const logs = modelIn(await page(run, dir)).cells.flatMap((cell) => cell.logs);
    assert.deepEqual(logs.map(({ missing }) => missing), [
      `${gone}/console.log cannot be shown: it is not there`,
      `${folder}/console.log cannot be shown: it is a folder, not a file`,
      null,
    ]);
    assert.deepEqual(logs[2]!.kept, []);
    await Deno.remove(dir, { recursive: true });
    await Deno.mkdir(dir);
    assert.equal(modelIn(await page(run, dir)).cells.length, 3, "nothing but run.json");
  }));

Deno.test("reportPage() keeps bytes that are no UTF-8, markup and control codes as harmless lines", () =>
  withRun(async (run, dir) => {
    const cell = Object.keys(CELLS)[2]!;
    const hostile = "</script><script>alert(1)</script>\x1b]0;title\x07\0\u2028\n<!--\n";
    const bytes = [...new TextEncoder().encode(hostile), 0xff, 0xfe, 0x0a];
    await Deno.writeFile(`${dir}/${cell}/console.log`, new Uint8Array(bytes));
    const html = await page(run, dir);
    const { logs } = modelIn(html).cells[2]!;
    assert.deepEqual(await linesIn(html, logs[0]!), [
      "</script><script>alert(1)</script>\u2028",
      "<!--",
      "\ufffd\ufffd",
    ]);
    assert.ok(!html.includes("alert(1)"));
  }));

Deno.test("reportPage() of big consoles is a small file, and says what is left out", () =>
  withRun(async (run, dir) => {
    const cell = Object.keys(CELLS)[0]!;
    const noise = Array.from(
      { length: 120_000 },
      (_, n) => `[    0.${`${n}`.padStart(6, "0")}] noise of a chatty driver, number ${n * 7919}\n`,
    ).join("");
    const console = new TextDecoder().decode(run.consoles.get(cell));
    await Deno.writeTextFile(`${dir}/${cell}/console.log`, noise + console + noise);
    const html = await page(run, dir);
    const { logs: [log], failures: [failure] } = modelIn(html).cells[0]!;
    assert.ok(log!.bytes > 12e6 && html.length < 3e6, `${log!.bytes} bytes are ${html.length}`);
    assert.ok(log!.kept.length > 1, "some of it is left out");
    const shown = (await linesIn(html, log!)).join("\n").length;
    assert.ok(1 << 20 < shown && shown < 4 << 20, `${shown}`);
    const first = failure!.place!.at;
    assert.ok(log!.kept.some(([from, to]) => from < first && first < to));
  }));

Deno.test("reportPage() takes the calls of a traced system call, or says why it cannot", () =>
  withTempDir(async (dir) => {
    const run = sampleRun([sampleCellReport({})]);
    await layDown({ run, consoles: new Map() }, dir);
    const file = `${dir}/${run.cells[0]!.cell}/${DATAFLOW_FILE}`;
    await Deno.mkdir(dirname(file), { recursive: true });
    const found = async () =>
      modelIn(await reportPage(run, await folderFiles(dir, new FakeHost()))).cells[0]!.dataflow;
    assert.equal(await found(), null);
    const report: DataflowReport = {
      ...{ format: 1, cell: "k/c", call: "read(-1)\x1b[31m", result: -9, errno: "EBADF" },
      ...{ records: 0, remarks: [], calls: [] },
    };
    await Deno.writeTextFile(file, dataflowJson(report));
    const path = `${run.cells[0]!.cell}/${DATAFLOW_FILE}`;
    const plain = { ...report, call: "read(-1)" };
    assert.deepEqual(await found(), { path, report: plain, missing: "" });
    const why = async (text: string) => {
      await Deno.writeTextFile(file, text);
      const shown = await found();
      assert.equal(shown!.report, null);
      return shown!.missing;
    };
    assert.match(await why("{"), /dataflow\.json cannot be shown: /);
    assert.match(
      await why(JSON.stringify({ ...report, records: "x" })),
      /records must be a number/,
    );
    assert.match(await why(" ".repeat(9 << 20)), /is too long for a page/);
  }));
