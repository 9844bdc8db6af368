// SPDX-License-Identifier: MIT
/** Run folders and archives as others leave them: each has one line of cause and its exit code. */
import assert from "node:assert/strict";
import { exitCodeOf } from "../core/model/failure_kinds.ts";
import { failureFrom } from "../core/model/errors.ts";
import { pathsFor } from "../core/model/paths.ts";
import type { CellId } from "../core/model/model.ts";
import { runJson } from "../core/report/run_report.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { sampleCellReport, sampleRun } from "../testing/samples.ts";
import { zipOf } from "../testing/zip.ts";
import { findRun, readKeptRun, readRun } from "./kept_runs.ts";

const RUN = sampleRun([sampleCellReport()]);
const TEXT = runJson(RUN);
const bytes = (text: string) => new TextEncoder().encode(text);
const withCell = (cell: string) => runJson(sampleRun([sampleCellReport({ cell: cell as CellId })]));
const attempt = (folder: string) =>
  runJson(sampleRun([sampleCellReport({ attempts: [{ folder, verdict: "failed" }] })]));

/** A folder with this run.json. */
const folder = (text: string | Uint8Array) => async (place: string) => {
  await Deno.mkdir(place);
  const content = typeof text === "string" ? bytes(text) : text;
  await Deno.writeFile(`${place}/run.json`, content);
};
const zip = (files: Readonly<Record<string, Uint8Array>>) => async (place: string) =>
  await Deno.writeFile(place, await zipOf(files));

/** A zip whose run.json has 2 GiB, by its directory. */
async function saidToBeBig(): Promise<Uint8Array> {
  const all = await zipOf({ "run.json": bytes(TEXT) });
  const view = new DataView(all.buffer, all.byteOffset);
  // In the end of the archive: where the directory begins. In its first entry: the size.
  const directory = view.getUint32(all.length - 6, true);
  view.setUint32(directory + 24, 0x7fff_ffff, true);
  return all;
}

const SHAPES: readonly (readonly [
  what: string,
  make: (place: string) => Promise<unknown>,
  code: number,
  cause: RegExp,
])[] = [
  ["nothing", () => Promise.resolve(), 4, /there is no such folder or file/],
  ["an empty folder", (place) => Deno.mkdir(place), 4, /it holds no run\.json/],
  ["an empty run.json", folder(""), 2, /run\.json: it is empty/],
  ["half of it", folder(TEXT.slice(0, 300)), 2, /run\.json: it is no JSON/],
  ["a later version", folder(TEXT.replace(/"format": \d+/, '"format": 99')), 2, /format is 99/],
  ["a file of another tool", folder('{"version": "2.1.0", "runs": []}'), 2, /format is missing/],
  ["one in UTF-16", folder(new Uint8Array([0xff, 0xfe, 0x7b, 0])), 2, /JSON in UTF-8, but UTF-16/],
  ["one that is very deep", folder("[".repeat(100_000)), 2, /it is no JSON/],
  ["a list", folder("[]"), 2, /run\.json: /],
  [
    "a cell twice",
    folder(runJson(sampleRun([sampleCellReport(), sampleCellReport()]))),
    2,
    /cells has linux-6\.12\/kcov twice/,
  ],
  ["a cell above", folder(withCell("../../etc")), 2, /cell: "\.\.\/\.\.\/etc" is no id of a cell/],
  ["a cell from the root", folder(withCell("/etc")), 2, /"\/etc" is no id of a cell/],
  ["a boot above", folder(attempt("../x")), 2, /folder: "\.\.\/x" is no folder of a boot/],
  ["a name that colours", folder(withCell("k/\x1b[31mc")), 2, /is no id of a cell/],
  ["a name of two lines", folder(withCell("k/c\nd")), 2, /is no id of a cell/],
  [
    "a link to itself",
    async (place) => {
      await Deno.mkdir(place);
      await Deno.symlink("run.json", `${place}/run.json`);
    },
    2,
    /run\.json is a broken link, not a file/,
  ],
  [
    "a folder that is a link to itself",
    (place) => Deno.symlink(place, place),
    2,
    /is a broken link/,
  ],
  [
    "a folder run.json",
    (place) => Deno.mkdir(`${place}/run.json`, { recursive: true }),
    2,
    /folder/,
  ],
  [
    "one of 3 GiB",
    async (place) => {
      await folder("")(place);
      await Deno.truncate(`${place}/run.json`, 3 * 2 ** 30);
    },
    2,
    /has 3072 MiB; no run writes more than 64/,
  ],
  ["a cut zip", (place) => Deno.writeFile(place, bytes("PK\x03\x04 and no more")), 2, /neither/],
  ["a zip of two runs", zip({ "a/run.json": bytes(TEXT), "b/run.json": bytes(TEXT) }), 2, /a, b/],
  [
    "a zip in a zip",
    async (place) => zip({ "x.zip": await zipOf({ "run.json": bytes(TEXT) }) })(place),
    4,
    /no run\.json/,
  ],
  [
    "a zip that says it is big",
    async (place) => Deno.writeFile(place, await saidToBeBig()),
    2,
    /more than 256 MiB/,
  ],
];

const PATHS = pathsFor("/project", null, null);

for (const [what, make, code, cause] of SHAPES) {
  Deno.test(`readKeptRun() of ${what} says so in one line, and ends with ${code}`, () =>
    withTempDir(async (dir) => {
      await make(`${dir}/run`);
      const absolute = (path: string) => `${dir}/${path}`;
      const found = await readKeptRun("run", absolute, PATHS, new FakeHost()).then(
        () => null,
        failureFrom,
      );
      assert.notEqual(found, null, "it was read");
      assert.match(found!.message, cause);
      assert.ok(!found!.message.includes("\n") && !found!.message.includes("\x1b"), found!.message);
      assert.equal(exitCodeOf(found!.kind), code, found!.message);
    }));
}

Deno.test("readKeptRun() takes a zip with one run at its top, however deep others lie", () =>
  withTempDir(async (dir) => {
    const files = { "../x/run.json": bytes(TEXT), "../x/y/run.json": bytes("other") };
    await zip(files)(`${dir}/run`);
    const { run } = await readKeptRun("run", (path) => `${dir}/${path}`, PATHS, new FakeHost());
    assert.deepEqual(run, { ...RUN, cells: run.cells });
  }));

Deno.test("a run that this user may not read is no bug of the tool, and names the file", async () => {
  const denied = () => {
    const error = new Deno.errors.PermissionDenied("Permission denied: stat '/secret/run.json'");
    return Promise.reject(Object.assign(error, { code: "EACCES" }));
  };
  const host = new FakeHost({ fs: { kind: denied } });
  const { kind, message } = await findRun("/secret", (path) => path, PATHS, host).then(
    (files) => readRun(files, "/secret"),
  ).then(() => assert.fail("it was read"), failureFrom);
  assert.deepEqual([kind, exitCodeOf(kind)], ["infra", 6]);
  assert.match(message, /\/secret\/run\.json/);
});
