// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CellId, SplatReport } from "../model/model.ts";
import type { ElfSymbol } from "../inspect/elf.ts";
import {
  allowanceOf,
  groupSplats,
  locateFrame,
  mergeSplats,
  NO_SOURCES,
  reportSplats,
  splatDetail,
} from "./splat_report.ts";
import { findSplats, type Splat } from "./splats.ts";
import { sampleCellReport } from "../../testing/samples.ts";

const [SPLAT] = findSplats([
  "WARNING: CPU: 0 PID: 1 at a.c:7 __warn+0x1/0x2",
  "Call Trace:",
  " report_bug+0x10/0x20",
  " f+0x10/0x20 [m]",
  " g.cold+0x30/0x40",
].join("\n"));
const SOURCES = new Map([["f+0x10/0x20 [m]", [
  { function: "inner", file: "m.h", line: 3 },
  { function: "f", file: "m.c", line: 9 },
]]]);
const ALLOWED = {
  ...{
    pattern: "nothing like it",
    cells: ["*"],
    reason: "known",
    link: "l",
    expires: "2099-01-01",
  },
  place: "splats.yaml:1",
};

Deno.test("splatDetail() begins with source lines, inlined ones first", () => {
  assert.deepEqual(splatDetail(SPLAT!, SOURCES).split("\n").slice(0, 4), [
    "in inner m.h:3 [m]",
    "by f m.c:9 [m]",
    "by g.cold+0x30/0x40",
    SPLAT!.title,
  ]);
  assert.equal(splatDetail(SPLAT!, NO_SOURCES), SPLAT!.lines.join("\n"));
});

Deno.test("reportSplats() keeps frames with their sources, and what allows the splat", () => {
  const allow = [{ ...ALLOWED, pattern: "at a\\.c:7" }];
  const [report] = reportSplats([SPLAT!], "a/b", allow, SOURCES);
  assert.ok(report);
  assert.equal(report.title, `${SPLAT!.title}, in f [m]`);
  assert.deepEqual(report.frames[1], {
    place: "f+0x10/0x20 [m]",
    source: ["inner m.h:3", "f m.c:9"],
  });
  assert.equal(report.allowed?.place, "splats.yaml:1");
  assert.equal(reportSplats([SPLAT!], "a/b", [ALLOWED], SOURCES)[0]!.allowed, null);
});

Deno.test("allowanceOf() allows neither a kernel that stopped nor what was not read", () => {
  const anything = [{ ...ALLOWED, pattern: "." }];
  const [root, fatal] = findSplats("WARNING: at a.c:1\n\nKernel panic - not syncing: y");
  assert.equal(allowanceOf(root!, "a/b", anything)?.place, "splats.yaml:1");
  assert.equal(allowanceOf(fatal!, "a/b", anything), null);
  const flood = findSplats("WARNING: at a.c:1\n".repeat(5001));
  assert.equal(allowanceOf(flood.at(-1)!, "a/b", anything), null);
});

const frame = (returns: boolean) => ({
  function: "f",
  offset: 0x10,
  size: 0x20,
  module: null,
  returns,
});
const symbol = (value: number, size: number, section = 1): ElfSymbol => ({
  ...{ name: "f", value, size, section, type: 2 },
});
const locate = (symbols: readonly ElfSymbol[], returns = true) =>
  locateFrame(frame(returns), symbols, (section) => section !== 9);

Deno.test("locateFrame() looks a return address up in its call", () => {
  const symbols = [symbol(-0x7f000000, 0x1d)];
  assert.deepEqual(locate(symbols), { section: 1, address: 0xffffffff8100000fn });
  assert.deepEqual(locate(symbols, false), { section: 1, address: 0xffffffff81000010n });
});

Deno.test("locateFrame() tells functions of one name by their size, and guesses nothing", () => {
  assert.equal(locate([symbol(0x1000, 0x100), symbol(0x2000, 0x1d)])?.address, 0x200fn);
  assert.equal(locate([symbol(0x1000, 0x1d), symbol(0x2000, 0x1d)]), null);
  assert.equal(locate([symbol(0x1000, 0x1d), symbol(0x1000, 0x1d)])?.address, 0x100fn);
  assert.equal(locate([symbol(0x1000, 0x20, 9)]), null);
  assert.equal(locate([]), null);
});

const report = (other: Partial<SplatReport> = {}): SplatReport => ({
  ...{ id: "warning", title: "WARNING: CPU: 0 PID: 7 at a.c:7 f+0x1/0x2", during: "a.b.c" },
  ...{ root: true, fingerprint: "1a2b3c4d", frames: [], allowed: null },
  ...{ alsoDuring: [], times: 1 },
  ...other,
});
const cell = (id: string, ...splats: readonly SplatReport[]) =>
  sampleCellReport({ cell: id as CellId, splats });

Deno.test("groupSplats() counts cells by fingerprint, roots only", () => {
  const groups = groupSplats([
    cell("k/a", report({ fingerprint: "0" })),
    cell("k/b", report(), report()),
    cell("k/c", report(), report({ root: false, fingerprint: "f" })),
    cell("k/d", report({ allowed: ALLOWED })),
  ]);
  assert.deepEqual(groups.map(({ fingerprint, cells, allowed }) => [fingerprint, cells, allowed]), [
    ["1a2b3c4d", ["k/b", "k/c"], false],
    ["0", ["k/a"], false],
    ["1a2b3c4d", ["k/d"], true],
  ]);
  assert.equal(groups[0]!.title, "WARNING: at a.c:7 f");
});

Deno.test("reportSplats() has one entry for each complaint, and a bounded number of them", () => {
  const during = (where: string, fingerprint = "0") => ({ ...SPLAT!, fingerprint, during: where });
  const of = (splats: readonly Splat[]) => reportSplats(splats, "a/b", [], NO_SOURCES);
  const [one, other] = of([
    ...Array.from({ length: 34 }, (_, index) => during(index < 30 ? "f.v.a" : "f.v.b")),
    during("boot", "1"),
  ]);
  assert.deepEqual([one!.during, one!.alsoDuring, one!.times], ["f.v.a", ["f.v.b"], 34]);
  assert.deepEqual([other!.during, other!.alsoDuring, other!.times], ["boot", [], 1]);
  const many = Array.from({ length: 1000 }, (_, index) => during("boot", `${index}`));
  assert.equal(of(many).length, 100);
  // What is allowed is no part of what is not.
  const mixed = [during("boot"), { ...during("boot"), title: "WARNING: known" }];
  const allow = [{ ...ALLOWED, pattern: "known" }];
  assert.deepEqual(
    reportSplats(mixed, "a/b", allow, NO_SOURCES).map(({ times, allowed }) => [times, !!allowed]),
    [[1, false], [1, true]],
  );
});

Deno.test("mergeSplats() adds up what several boots have counted", () => {
  const boots = [report({ times: 3, alsoDuring: ["a.b.d"] }), report({ during: "boot", times: 2 })];
  assert.deepEqual(mergeSplats(boots), [report({ times: 5, alsoDuring: ["a.b.d", "boot"] })]);
});
