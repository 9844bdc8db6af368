// SPDX-License-Identifier: MIT
/** The files of mutants/ as data; what becomes of them is what `deno task mutants` shows. */
import assert from "node:assert/strict";
import { declaredTests } from "../../selftests/main.ts";
import { globMatches } from "../../selftests/contract/glob.ts";
import { catcherText, parseMutant } from "./mutant.ts";

const FOLDER = new URL("../../mutants/", import.meta.url);
const texts = [...Deno.readDirSync(FOLDER)].map(({ name }) => ({
  name: name.replace(/\.patch$/, ""),
  text: Deno.readTextFileSync(new URL(name, FOLDER)),
}));

Deno.test("there are enough mutants, and enough of them are for guest tests", () => {
  const mutants = texts.map(({ name, text }) => parseMutant(name, text));
  assert.ok(mutants.length >= 24, `${mutants.length} mutants`);
  const forTests = mutants.filter(({ catcher }) => catcher.kind === "tests");
  assert.ok(forTests.length >= 12, `${forTests.length} mutants for guest tests`);
});

Deno.test("each mutant has one wrong line: one changed, added or removed", () => {
  for (const { name, text } of texts) {
    const diff = text.slice(text.search(/^@@ /m)).split("\n");
    const changed = diff.filter((line) => /^[+-]/.test(line)).map((line) => line[0]).join("");
    assert.match(changed, /^(-\+|\+|-)$/, name);
    assert.equal(diff.filter((line) => line.startsWith("@@ ")).length, 1, name);
  }
});

Deno.test("mutants of the plugin apply to it", async () => {
  const names = texts.map(({ name, text }) => parseMutant(name, text))
    .filter(({ ofPlugin }) => ofPlugin).map(({ name }) => `mutants/${name}.patch`);
  assert.ok(names.length >= 10);
  for (const name of names) {
    const check = { args: ["apply", "--check", name], cwd: new URL("../..", import.meta.url) };
    const { code, stderr } = await new Deno.Command("git", check).output();
    assert.equal(code, 0, `${name}: ${new TextDecoder().decode(stderr)}`);
  }
});

Deno.test("the catchers of mutants are tests that exist", () => {
  const ids = declaredTests().map(({ id }) => id);
  for (const { name, text } of texts) {
    const { catcher, also } = parseMutant(name, text);
    for (const glob of [...catcher.kind === "tests" ? catcher.globs : [], ...also]) {
      assert.ok(ids.some((id) => globMatches(glob, id)), `${name}: no test is ${glob}`);
    }
  }
});

Deno.test("docs/mutants.md tells the outcome of mutants that there are, with their catchers", () => {
  const doc = Deno.readTextFileSync(new URL("../../docs/mutants.md", import.meta.url));
  const rows = doc.split("\n").filter((line) => line.startsWith("| "))
    .map((line) => line.split("|").map((cell) => cell.trim()).slice(1, -1))
    .filter(([name]) => name !== "mutant" && !/^:?-+:?$/.test(name!));
  assert.ok(rows.length >= 24, `${rows.length} rows`);
  const there = new Map(texts.map(({ name, text }) => [name, parseMutant(name, text)]));
  for (const [name = "", cell, expected, caught = ""] of rows) {
    const mutant = there.get(name);
    assert.ok(mutant, `${name} is no mutant`);
    assert.deepEqual([cell, expected], [mutant.cell, catcherText(mutant)], name);
    assert.match(caught, /^(stage \w+ \(|`\w+\.)/, name);
  }
});
