// SPDX-License-Identifier: MIT
/** Texts for people have no plural of one: `counted()` of core/text/counted.ts writes "1 test". */
import assert from "node:assert/strict";

const ROOT = new URL("../", import.meta.url);

/** What is counted for people, and can be one. */
const THINGS =
  "tests?|warnings|cells|files|boots|options|patch(?:es)?|builds|modules|kernels|commits|" +
  "failures|programs|PCs|entries|folders|sources|mails|hunks|mutants|objects|false alarms|results|" +
  "cores|packages|functions";
/** A number of them in a template, but behind "of" ("2 of 3 tests") and in front of "of" 's sum. */
const COUNTED_BY_HAND = new RegExp(
  String.raw`(?<!\bof )\$\{(?!counted\()[^{}]*\} (?:more )?(?:${THINGS})\b(?! of \$\{)`,
  "g",
);

/** Numbers that are never one, each with the reason. */
const NEVER_ONE: Readonly<Record<string, string>> = {
  "${count} mails": "tasks/steps/mailbox.ts: too many for a series",
  "${commits} commits": "tasks/core/source/series.ts: their order is unknown",
  "${MAX_FILES} files": "tasks/core/source/series.ts: a limit",
  "${fit.compared} functions":
    "tasks/commands/parse_console.ts: those of a stack that does not fit",
};

async function* sources(folder: URL): AsyncGenerator<URL> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sources(new URL(`${name}/`, folder));
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) yield new URL(name, folder);
  }
}

Deno.test("no text has a plural of one", async () => {
  const found: string[] = [];
  for await (const url of sources(ROOT)) {
    if (url.href.startsWith(new URL("testing/", ROOT).href)) continue;
    for (const [text] of (await Deno.readTextFile(url)).matchAll(COUNTED_BY_HAND)) {
      if (!Object.hasOwn(NEVER_ONE, text)) {
        found.push(`${url.href.slice(ROOT.href.length)}: ${text}`);
      }
    }
  }
  assert.deepEqual(found, []);
});
