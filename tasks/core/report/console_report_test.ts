// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { AllowedSplat } from "../model/model.ts";
import { assertValidJunit, junitCases } from "../../testing/junit.ts";
import { consoleJson, consoleRun, consoleText, fits, reportConsole } from "./console_report.ts";
import { junitXml } from "./junit.ts";
import { NO_SOURCES } from "../console/splat_report.ts";
import { findSplats } from "../console/splats.ts";
import { PLAIN } from "./summary.ts";

const WARN = (time: number, pid: number) =>
  `[    ${time}.000000] ------------[ cut here ]------------
[    ${time}.000000] WARNING: CPU: 0 PID: ${pid} at drivers/misc/basket.c:77 basket_weigh+0x33/0x40 [basket]
[    ${time}.000000] Call Trace:
[    ${time}.000000]  <TASK>
[    ${time}.000000]  basket_ioctl+0x20/0x30 [basket]
[    ${time}.000000]  __x64_sys_ioctl+0x91/0xd0
[    ${time}.000000]  </TASK>
[    ${time}.000000] ---[ end trace 0000000000000000 ]---
`;
const OOPS = `[    7.000000] BUG: kernel NULL pointer dereference, address: 0000000000000018
[    7.000000] Oops: Oops: 0000 [#1] PREEMPT SMP
[    7.000000] RIP: 0010:basket_put+0x12/0x40
[    7.000000] Call Trace:
[    7.000000]  basket_release+0x22/0x30
[    7.000000] ---[ end trace 0000000000000000 ]---
[    7.000000] Kernel panic - not syncing: Fatal exception
`;
const LOG = WARN(1, 3) + WARN(2, 4) + OOPS;
const SOURCES = new Map([["basket_put+0x12/0x40", [
  { function: "inner", file: "drivers/misc/basket.h", line: 3 },
  { function: "basket_put", file: "drivers/misc/basket.c", line: 9 },
]]]);
const ALLOWED: AllowedSplat = {
  ...{ pattern: "basket\\.c:77", cells: ["*"], reason: "known", link: "l", expires: "2099-01-01" },
  place: "splats.yaml:1",
};
const report = (log: string, allow: readonly AllowedSplat[] = [], sources = SOURCES) =>
  reportConsole("logs/dmesg", findSplats(log), allow, sources, null);

Deno.test("reportConsole() counts what came again, and keeps what only follows apart", () => {
  const { complaints, failures } = report(LOG);
  assert.deepEqual(
    complaints.map(({ kind, count, root, blamed }) => [kind, count, root, blamed?.function]),
    [
      ["warning", 2, true, "basket_weigh"],
      ["page-fault", 1, true, "basket_put"],
      ["panic", 1, false, undefined],
    ],
  );
  assert.deepEqual(failures.map(({ kind, id }) => [kind, id]), [
    ["kernel", "splat-warning"],
    ["kernel", "splat-page-fault"],
  ]);
  assert.match(failures[0]!.message, / \(2 times\)$/);
});

Deno.test("reportConsole() gives source lines of a vmlinux, or those of a symbolized log", () => {
  const [, oops] = report(LOG).complaints;
  assert.deepEqual(oops!.frames[0], {
    ...{ function: "basket_put", module: null, offset: 0x12, size: 0x40 },
    source: ["inner drivers/misc/basket.h:3", "basket_put drivers/misc/basket.c:9"],
  });
  const symbolized = OOPS.replaceAll("basket_put+0x12/0x40", "basket_put+0x12/0x40 ./a/b.c:9");
  const [own] = report(symbolized, [], new Map()).complaints;
  assert.deepEqual(own!.blamed!.source, ["basket_put a/b.c:9"]);
});

Deno.test("reportConsole() allows what splats.yaml allows for all cells", () => {
  const { complaints, failures } = report(LOG, [ALLOWED]);
  assert.deepEqual(complaints[0]!.allowed, { place: "splats.yaml:1", reason: "known" });
  assert.deepEqual(failures.map(({ id }) => id), ["splat-page-fault"]);
  const ofACell = report(LOG, [{ ...ALLOWED, cells: ["linux-6.12/kcov"] }]);
  assert.equal(ofACell.failures.length, 2);
});

Deno.test("consoleText() shows each complaint with its function and its stack", () => {
  const text = consoleText(report(LOG, [ALLOWED]), PLAIN);
  const print = report(LOG).complaints[0]!.fingerprint;
  assert.deepEqual(text.split("\n").slice(0, 6), [
    "warning: WARNING: CPU: 0 PID: 3 at drivers/misc/basket.c:77 basket_weigh+0x33/0x40 [basket]",
    `  in basket_weigh [basket], fingerprint ${print}, 2 times`,
    "  allowed by splats.yaml:1: known",
    "    basket_ioctl [basket]",
    "    __x64_sys_ioctl",
    "",
  ]);
  assert.match(text, /\n {4}inner drivers\/misc\/basket\.h:3\n {4}basket_put drivers/);
  assert.match(text, /\nthen panic: /);
  assert.match(text, /\nlogs\/dmesg: 2 complaints, 3 times, 1 of them allowed by splats\.yaml$/);
  assert.equal(
    consoleText(report("[    1.000000] all is well"), PLAIN),
    "logs/dmesg: no complaint of the kernel",
  );
});

Deno.test("nothing raw of a log reaches a terminal, as text or as JSON", () => {
  const nasty = OOPS.replaceAll("basket_release", "basket\x1b[2J_release\x9b1m\u202e")
    .replace("0000000000000018", "\x1b]0;owned\x07\x0018");
  const one = report(nasty);
  // deno-lint-ignore no-control-regex
  const raw = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/;
  assert.doesNotMatch(consoleText(one, PLAIN), raw);
  assert.doesNotMatch(consoleJson(one), raw);
  assert.deepEqual(
    JSON.parse(consoleJson(one)).complaints,
    JSON.parse(JSON.stringify(one.complaints)),
  );
});

Deno.test("consoleRun() gives a valid JUnit file, with a passed case for a log without complaints", async () => {
  const xml = (log: string, allow: readonly AllowedSplat[] = []) =>
    junitXml(consoleRun(report(log, allow), "2026-01-01T00:00:00.000Z", 5));
  await assertValidJunit(xml(LOG, [ALLOWED]));
  const states = (text: string) => junitCases(text)["console/dmesg"]!.map(({ state }) => state);
  assert.deepEqual(states(xml(LOG, [ALLOWED])).map((state) => state.split(":")[0]), [
    "skipped",
    "failure",
  ]);
  await assertValidJunit(xml(""));
  assert.deepEqual(states(xml("")), ["passed"]);
});

Deno.test("fits() takes a vmlinux for the log's where nearly all functions have its sizes", () => {
  const fit = (fitting: number, compared: number) => fits({ path: "vmlinux", compared, fitting });
  assert.deepEqual([fit(20, 20), fit(19, 20), fit(18, 20), fit(8, 9), fit(0, 0)], [
    true,
    true,
    false,
    false,
    false,
  ]);
});

Deno.test("docs/console.md names every field of the JSON", async () => {
  const docs = await Deno.readTextFile(new URL("../../../docs/console.md", import.meta.url));
  const fields = new Set<string>();
  JSON.stringify(
    reportConsole("f", findSplats(LOG), [ALLOWED], NO_SOURCES, {
      ...{ path: "v", compared: 1, fitting: 1, fits: true },
    }),
    (key, value) => {
      if (!/^\d*$/.test(key)) fields.add(key);
      return key === "failures" ? undefined : value;
    },
  );
  fields.delete("failures");
  for (const field of fields) assert.ok(docs.includes(`\`${field}\``), field);
});
