// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { EXIT, EXIT_CODES } from "../model/exit_codes.ts";
import { ID_TABLES } from "../model/failure_ids.ts";
import { FAILURE_KINDS } from "../model/failure_kinds.ts";
import { explain, explainAll, EXPLAINED, idsDocument } from "./explain.ts";

const DOCUMENT = new URL("../../../docs/verdicts.md", import.meta.url);

Deno.test("explain() says of an id what is wrong, what to do, who has to act and the code", () => {
  const lines = explain("compile-error")!.split("\n");
  assert.match(lines[0]!, /^compile-error: a file does not compile$/);
  assert.match(lines[1]!, /^ {2}what to do: mend the line/);
  assert.equal(
    lines[2],
    "  kind: build (who has to act: kernel; JUnit: failure; exit code 5)",
  );
  // As a report shows it, whole or in part.
  for (const word of ["[compile-error, kernel]", "[compile-error", "compile-error,"]) {
    assert.equal(explain(word), explain("compile-error"), word);
  }
});

Deno.test("explain() knows complaints with and without their prefix, kinds and exit codes", () => {
  assert.match(explain("splat-rcu-stall")!, /^splat-rcu-stall: a complaint of the kernel: an RCU/);
  assert.match(explain("rcu-stall")!, /^splat-rcu-stall: /);
  assert.match(explain("5")!, /^exit code 5: .*\n.*\n {2}kinds: patch, config, build, inspect$/);
  assert.match(explain("infra")!, /^kind infra \(.*exit code 6\)\n {2}ids: missing-tool, /);
  // A panic is the end of a boot, and a complaint besides.
  assert.match(explain("panic")!, /^panic: the kernel panicked/);
  for (const word of ["", "7", "constructor", "no-such-thing", "[]", "-1"]) {
    assert.equal(explain(word), null, word);
  }
});

Deno.test("every word has a text of its own, in one line each", () => {
  for (const word of EXPLAINED) {
    const text = explain(word);
    assert.ok(text, word);
    const isKind = FAILURE_KINDS.some((kind) => kind === word);
    assert.ok(isKind || explainAll().includes(`${word} `), word);
  }
  assert.equal(new Set(EXPLAINED).size, EXPLAINED.length);
  assert.deepEqual(EXIT_CODES.map(({ code }) => code), Object.values(EXIT));
  for (const table of Object.values(ID_TABLES)) {
    for (const [id, { kinds, means, todo }] of Object.entries(table)) {
      assert.ok(kinds.length > 0 && kinds.every((kind) => FAILURE_KINDS.includes(kind)), id);
      for (const text of [means, todo]) assert.match(text, /^[^\n|]{7,200}[^.\n]$/, id);
    }
  }
});

Deno.test("docs/verdicts.md has the tables of ids; UPDATE_DOCS=1 writes them", async () => {
  const text = await Deno.readTextFile(DOCUMENT);
  const [before, rest] = text.split("<!-- ids -->\n");
  const [found, after] = rest!.split("<!-- end of ids -->");
  if (Deno.env.get("UPDATE_DOCS")) {
    const written = `${before}<!-- ids -->\n\n${idsDocument()}\n\n<!-- end of ids -->${after}`;
    await Deno.writeTextFile(DOCUMENT, written);
    return;
  }
  // deno fmt fills the columns up.
  const bare = (table: string) => table.replace(/ +/g, " ").replace(/-{3,}/g, "---").trim();
  assert.equal(bare(found!), bare(idsDocument()));
});
