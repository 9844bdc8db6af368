// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { comesTo, isShownByMake, STAGES, stagesUntil } from "./stage_table.ts";

Deno.test("stages stand in the order of the flow, as docs/architecture.md draws it", async () => {
  const text = await Deno.readTextFile(new URL("../../../docs/architecture.md", import.meta.url));
  const flow = /```\n(matrix\.yaml [^]*?)```/.exec(text)![1]!;
  const arrows = [...flow.matchAll(/─(\w+)→/g)].map(([, name]) => name);
  assert.deepEqual(arrows, ["plan", ...STAGES, "report"]);
});

Deno.test("stagesUntil() ends with the stage that is named", () => {
  for (const until of STAGES) {
    const found = stagesUntil(until);
    assert.deepEqual(found, STAGES.slice(0, STAGES.indexOf(until) + 1));
    assert.ok(STAGES.every((stage) => comesTo(stage, until) === found.includes(stage)), until);
  }
});

Deno.test("make shows the stages again that need no boot and no network", () => {
  assert.deepEqual(STAGES.filter(isShownByMake), ["patch", "configure", "build", "inspect"]);
});
