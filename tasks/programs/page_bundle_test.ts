// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BUNDLE, pageBundle } from "./page_bundle.ts";

Deno.test("tasks/page/bundle.json is what is bundled of tasks/page/: else run `deno task page`", async () => {
  const [kept, fresh] = await Promise.all([Deno.readTextFile(BUNDLE), pageBundle()]);
  assert.ok(kept === fresh, "tasks/page/ has changed since `deno task page`");
});

Deno.test("the page's script ends no element that it stands in, and its style asks for nothing", async () => {
  const { script, style, notices } = JSON.parse(await Deno.readTextFile(BUNDLE));
  assert.doesNotMatch(script, /<\/script|<!--/i);
  assert.doesNotMatch(script, /\beval\(|new Function|document\.write/);
  assert.doesNotMatch(style, /<\/style|url\(|@import/i);
  assert.ok(script.length + style.length < 100_000, "small enough to be in each report");
  assert.equal(notices.length, 1);
});

Deno.test("no part of the page makes markup of a text", async () => {
  const files = [...Deno.readDirSync(new URL(".", BUNDLE))].map(({ name }) => name)
    .filter((name) => /\.tsx?$/.test(name));
  assert.ok(files.length > 10);
  for (const name of files) {
    const text = await Deno.readTextFile(new URL(name, BUNDLE));
    assert.doesNotMatch(text, /innerHTML|insertAdjacentHTML|dangerously|javascript:/i, name);
  }
});
