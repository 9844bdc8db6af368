// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { build } from "esbuild";
import { guestPlaces, type GuestSources, withSources } from "./guest_stack.ts";
import { placesInSources } from "./source_map.ts";

const place = (file: string, line: number, text = "") => ({ file, line, column: 5, text });
const SOURCES: GuestSources = {
  "648:27": place("selftests/harness/asserts.ts", 60, "throw new AssertionError(message);"),
  "4799:17": place("selftests/kcov/tests/kcov.ts", 88, 'assertEquals(count, 7n, "PCs");'),
  "3528:18": place("selftests/kcov/undisturbed.ts", 40, "const seen = body();"),
  "4797:14": place("selftests/kcov/tests/kcov.ts", 86, "undisturbed(kcov, () => {"),
  "893:13": place("selftests/harness/runner.ts", 67, "test.run(new TestContext(test.id, send));"),
  "5393:11": place("selftests/main.ts", 90, "runTests(all, cell, platform);"),
};
const STACK = [
  "    at fail (/kmatrix/tests.js:648:27)",
  "    at <anonymous> (/kmatrix/tests.js:4799:17)",
  "    at undisturbed (/kmatrix/tests.js:3528:18)",
  "    at <anonymous> (/kmatrix/tests.js:4797:14)",
  "    at runBody (/kmatrix/tests.js:893:13)",
  "    at forEach (native)",
  "    at <anonymous> (/kmatrix/tests.js:5393:11)",
];

Deno.test("a failed test is shown where it failed, with its line, and without the harness", () => {
  assert.deepEqual(
    withSources(["7 PCs", "AssertionError: PCs: got 6", ...STACK, "", "behind it"], SOURCES),
    [
      "7 PCs",
      "AssertionError: PCs: got 6",
      "    at selftests/kcov/tests/kcov.ts:88:5",
      '        assertEquals(count, 7n, "PCs");',
      "    at undisturbed (selftests/kcov/undisturbed.ts:40:5)",
      "    at selftests/kcov/tests/kcov.ts:86:5",
      "",
      "behind it",
    ],
  );
});

Deno.test("a mistake of the harness itself is shown there, and what nothing is known of stays", () => {
  assert.deepEqual(withSources([STACK[0]!, STACK[4]!], SOURCES), [
    "    at selftests/harness/asserts.ts:60:5",
    "        throw new AssertionError(message);",
    "    at runBody (selftests/harness/runner.ts:67:5)",
  ]);
  assert.deepEqual(withSources(STACK, {}), STACK);
  // Of a stack that was cut, what is known.
  assert.deepEqual(withSources(["    at f (/kmatrix/tests.js:1:1)", STACK[1]!], SOURCES).length, 2);
});

Deno.test("only lines of a stack are taken for such", () => {
  const said = ["look at (/kmatrix/tests.js:4799:17)", "# at x", " at the end", "    at all costs"];
  assert.deepEqual(withSources(said, SOURCES), said);
});

Deno.test("guestPlaces() names each place once, whatever a guest prints", () => {
  const text = STACK.join("\n").repeat(3);
  assert.deepEqual(guestPlaces(text).slice(0, 2), ["648:27", "4799:17"]);
  assert.equal(guestPlaces(text).length, 6);
  const flood = Array.from({ length: 9000 }, (_, n) => `x (/kmatrix/tests.js:${n}:1)`).join("\n");
  assert.ok(guestPlaces(flood).length <= 2000);
  assert.deepEqual(guestPlaces(""), []);
});

Deno.test("placesInSources() leads from esbuild's bundle to the line that people wrote", async () => {
  const source = [
    "interface Nothing { readonly here: string }",
    "export function check(ok: boolean): asserts ok {",
    '  if (!ok) throw new Error("not ok");',
    "}",
    "",
    "export const text = (value: Nothing) => value.here; check(text === undefined as unknown);",
  ].join("\n");
  const { outputFiles } = await build({
    stdin: { contents: source, sourcefile: "own/tests/ä b.ts", loader: "ts" },
    ...{ bundle: true, format: "esm", write: false, sourcemap: "external", outfile: "tests.js" },
  });
  const code = outputFiles.find(({ path }) => path.endsWith(".js"))!.text.split("\n");
  const map = outputFiles.find(({ path }) => path.endsWith(".map"))!.text;
  const line = code.findIndex((one) => one.includes("throw new Error")) + 1;
  const at = `${line}:${code[line - 1]!.indexOf("throw") + 1}`;
  const found = placesInSources([at, "9999:1", "0:0", "x:y"], map);
  assert.deepEqual(Object.keys(found), [at]);
  const { file, line: shown, text } = found[at]!;
  assert.match(file, /own\/tests\/ä b\.ts$/);
  assert.deepEqual([shown, text], [3, 'if (!ok) throw new Error("not ok");']);
  assert.throws(() => placesInSources([at], "no map"));
});
