// SPDX-License-Identifier: MIT
/**
 * What the tool's tables have, the documentation has. Options (docs/commands.md), ids of failures,
 * events and others have tests of their own beside their tables.
 */
import assert from "node:assert/strict";
import { SPLAT_KEYS } from "../core/console/allow_list.ts";
import { KERNEL_KEYS } from "../core/matrix/kernel_spec.ts";
import { PROMISE_KEYS } from "../core/matrix/promise_book.ts";
import { matrixSchema } from "../core/matrix/matrix_schema.ts";
import { OWN_VARIABLES, PASSED_VARIABLES, READ_VARIABLES } from "../core/model/environment.ts";
import { LACK_REASONS } from "../core/model/evidence.ts";
import { EXIT_CODES } from "../core/model/exit_codes.ts";
import { BOOT_PHASES, COMPILER_FEATURES } from "../core/model/model.ts";
import { VERDICT_WORDS } from "../core/report/summary.ts";
import { FEATURES } from "../../selftests/contract/features.ts";
import { CONDITIONS } from "../../selftests/contract/quality.ts";
import { PAGES, ROOT } from "./document_files.ts";
import { sampleKernel } from "./samples.ts";

function pageOf(path: string) {
  const page = PAGES.get(path);
  assert.ok(page, path);
  return page;
}

/** Those of some names that no piece of code of a page has as a word. */
function unnamed(path: string, names: readonly string[]): string[] {
  assert.ok(names.length > 0, path);
  const words = new Set(pageOf(path).code.flatMap(({ text }) => text.split(/[^\w-]+/)));
  return names.filter((name) => !words.has(name));
}

/** Those of some names that do not stand alone in a piece of code: `kcov` is not `linux-6.12/kcov`. */
function notAlone(path: string, names: readonly string[]): string[] {
  assert.ok(names.length > 0, path);
  const spans = new Set(pageOf(path).code.map(({ text }) => text.replace(/^\./, "")));
  return names.filter((name) => !spans.has(name));
}

/** Keys that no example of a YAML file on a page has, be it in a comment. */
function withoutExample(path: string, keys: readonly string[]): string[] {
  const examples = pageOf(path).code.filter(({ isBlock }) => isBlock).map(({ text }) => text);
  return keys.filter((key) => {
    const line = new RegExp(`^[ #-]*${key}:`, "m");
    return !examples.some((text) => line.test(text));
  });
}

/** Every key of a JSON Schema, at any depth. */
function keysOf(schema: unknown): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  return Object.entries(schema).flatMap(([name, value]) => [
    ...(name === "properties" ? Object.keys(value as object) : []),
    ...keysOf(value),
  ]);
}

Deno.test("docs/matrix.md has every key of a matrix, the top ones in its table", () => {
  const schema = matrixSchema([sampleKernel("k")]);
  const top = Object.keys(schema.properties as object);
  const rows = pageOf("docs/matrix.md").firstCells;
  assert.deepEqual(top.filter((key) => !rows.includes(`\`${key}\``)), []);
  const all = keysOf(schema);
  assert.ok(all.length > top.length);
  assert.deepEqual(unnamed("docs/matrix.md", all), []);
});

Deno.test("docs/ has every key of kernel.yaml, promises.yaml and splats.yaml", () => {
  assert.deepEqual(withoutExample("docs/matrix.md", KERNEL_KEYS), []);
  assert.deepEqual(withoutExample("docs/matrix.md", PROMISE_KEYS), []);
  assert.deepEqual(withoutExample("docs/verdicts.md", SPLAT_KEYS), []);
  assert.deepEqual(notAlone("docs/matrix.md", LACK_REASONS), []);
});

Deno.test("features of cells, of compilers and conditions of a call are documented", () => {
  const skips = /\n## SKIP\n([^]*?)\n## /.exec(pageOf("docs/guest.md").text)![1]!;
  assert.deepEqual(FEATURES.filter((name) => !skips.includes(`\`${name}\``)), []);
  assert.deepEqual(notAlone("docs/matrix.md", COMPILER_FEATURES), []);
  const rows = pageOf("docs/quality.md").firstCells;
  assert.deepEqual(CONDITIONS.filter((name) => !rows.includes(`\`${name}\``)), []);
});

Deno.test("every exit code and every verdict of a cell is documented", () => {
  const codes = pageOf("README.md").firstCells.flatMap((cell) =>
    /^[\d, ]+$/.test(cell) ? cell.split(", ").map(Number) : []
  );
  assert.deepEqual(codes, EXIT_CODES.map(({ code }) => code));
  const rows = [
    ...pageOf("docs/verdicts.md").text.matchAll(/^\| `([\w-]+)` +\| ([\w ]+?) +\| .{20,} \|$/gm),
  ].map(([, verdict, word]) => [verdict, word]);
  for (const [verdict, word] of Object.entries(VERDICT_WORDS)) {
    assert.ok(rows.some(([a, b]) => a === verdict && b === word), `${verdict} ${word}`);
  }
});

Deno.test("every phase of a boot is documented", () => {
  const phases = BOOT_PHASES.map((phase) => phase === "start" ? `boot.phase.${phase}` : phase);
  assert.deepEqual(notAlone("docs/architecture.md", phases), []);
});

Deno.test("docs/matrix.md lists the variables that the tool reads, each with its effect", () => {
  const section = /## Environment\n([^]*?)\nThere is one/.exec(pageOf("docs/matrix.md").text)![1]!;
  const rows = section.split("\n").filter((line) => line.startsWith("| `"))
    .map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | *\|$/g, "").trim()));
  assert.deepEqual(
    rows.map(([names, why]) => [names!.replaceAll("`", "").split(", "), why]),
    READ_VARIABLES.map(({ names, why }) => [names, why]),
  );
});

async function* sources(folder = `${ROOT}tasks`): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) {
      if (!/\/(testing|programs)$/.test(path)) yield* sources(path);
    } else if (/\.tsx?$/.test(name) && !/_test\.ts$|\/model\/environment\.ts$/.test(path)) {
      yield await Deno.readTextFile(path);
    }
  }
}

Deno.test("the table of variables has those that the source reads, and no others", async () => {
  const texts = await Array.fromAsync(sources());
  assert.ok(texts.length > 200, `${texts.length}`);
  const read = new Set(
    texts.flatMap((text) => [...text.matchAll(/\benv(?:\.get|\.has)?\(\s*"(\w+)"/g)])
      .map(([, name]) => name!),
  );
  assert.ok(read.size > 10, [...read].join(" "));
  const listed = READ_VARIABLES.flatMap(({ names }) => names);
  const known = [...listed, ...PASSED_VARIABLES.flatMap(({ names }) => names), ...OWN_VARIABLES];
  assert.deepEqual([...read].filter((name) => !known.includes(name)), []);
  const unused = [...listed, ...OWN_VARIABLES].filter((name) =>
    !texts.some((text) => text.includes(`"${name}"`))
  );
  assert.deepEqual(unused, []);
});

Deno.test("pages that messages and comments name are there", async () => {
  const texts = await Array.fromAsync(sources());
  const named = new Set(texts.flatMap((text) => text.match(/\bdocs\/[\w/-]+\.md\b/g) ?? []));
  assert.ok(named.size > 10);
  assert.deepEqual([...named].filter((path) => !PAGES.has(path)), []);
});
