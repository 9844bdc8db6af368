// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { withTempDir } from "../../testing/fake_host.ts";
import { DATAFLOW_FORMS, type DataflowForm } from "../model/model.ts";
import { formScript, formScriptPath } from "./dataflow_form.ts";
import { dataflowOf } from "./dataflow_plugin.ts";

const CLANG = { id: "clang-22", llvm: "-22" };

/** A compiler that tells its words, a line each, behind a script for it. */
async function withScript(
  form: DataflowForm,
  body: (words: (...argv: string[]) => Promise<string[]>, dir: string) => Promise<void>,
): Promise<void> {
  await withTempDir(async (dir) => {
    const script = await formScript(CLANG, form);
    const file = `${dir}/plugins/${formScriptPath(script)}`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(file, script.text, { mode: 0o755 });
    await Deno.mkdir(`${dir}/bin`);
    const compiler = `#!/bin/sh\nprintf '%s\\n' "$@"\nexit 7\n`;
    await Deno.writeTextFile(`${dir}/bin/clang-22`, compiler, { mode: 0o755 });
    await body(async (...argv) => {
      const { code, stdout } = await new Deno.Command(file, {
        args: argv,
        env: { PATH: `${dir}/bin:${Deno.env.get("PATH")}` },
      }).output();
      assert.equal(code, 7, "the compiler's own exit code");
      return new TextDecoder().decode(stdout).split("\n").slice(0, -1);
    }, dir);
  });
}

Deno.test("the script turns the published flags into the plugin's, and leaves the others", () =>
  withScript("posted-pointer", async (words, dir) => {
    const form = [
      `-fpass-plugin=${dir}/plugins/kcov-dataflow.so`,
      ...["-mllvm", "-kcov-dataflow-form=posted-pointer", "-mllvm", "-kcov-dataflow-fields=15"],
      "-g",
    ];
    const [args, rets] = [["-mllvm", "-kcov-dataflow-args"], ["-mllvm", "-kcov-dataflow-ret"]];
    const nothing = ["-fsanitize-coverage=trace-pc", "-fsanitize-coverage-allowlist=/dev/null"];
    const compile = ["-c", "-o", "a b.o", "$x;`.c"];
    assert.deepEqual(
      await words("-fsanitize-coverage=trace-pc", "-fsanitize-coverage=trace-args", ...compile),
      ["-fsanitize-coverage=trace-pc", ...compile, ...form, ...args],
    );
    assert.deepEqual(
      await words("-fsanitize-coverage=trace-pc,trace-ret,trace-cmp", ...compile),
      ["-fsanitize-coverage=trace-pc,trace-cmp", ...compile, ...form, ...rets],
    );
    // As the first posting named them, and twice, as a folder's and a file's flags come together.
    assert.deepEqual(
      await words("-fsanitize-coverage=dataflow-args,dataflow-ret", "-g", "-fno-inline").then((
        all,
      ) => all.filter((word) => word !== "-g")),
      ["-fno-inline", ...form.slice(0, -1), ...args, ...rets, ...nothing],
    );
    const flags = "-fsanitize-coverage=trace-args,trace-ret";
    assert.deepEqual(await words(flags, flags), [...form, ...args, ...rets, ...nothing]);
    // Line tables of KCFLAGS come before the file's own flags, and must not win.
    assert.equal(
      (await words("-gline-tables-only", flags)).findLast((one) => /^-g/.test(one)),
      "-g",
    );
  }));

Deno.test("the script leaves words alone that do not ask for dataflow", () =>
  withScript("own", async (words) => {
    for (
      const argv of [
        ["-fsanitize-coverage=trace-pc-guard", "-c", "a.c"],
        ["-fsanitize-coverage=", "-fsanitize-coverage-allowlist=x"],
        ["-fno-sanitize-coverage=trace-args"],
        ["--version", "", "a b", "trace-args"],
        ["-fpass-plugin=/p.so", "-mllvm", "-kcov-dataflow-args", "a.c"],
      ]
    ) {
      assert.deepEqual(await words(...argv), argv);
    }
    assert.deepEqual(await words("a.c"), ["a.c"]);
  }));

Deno.test("formScript() is another one for each form and compiler, and the same each time", async () => {
  const scripts = await Promise.all(DATAFLOW_FORMS.map((form) => formScript(CLANG, form)));
  assert.equal(new Set(scripts.map(({ text }) => text)).size, DATAFLOW_FORMS.length);
  for (const [index, { key, text, name }] of scripts.entries()) {
    const form = DATAFLOW_FORMS[index]!;
    assert.match(key, new RegExp(`^${form}-[0-9a-f]{8}$`));
    assert.ok(text.includes(`-kcov-dataflow-form=${form} `));
    assert.equal(name, "clang-22");
  }
  const again = await formScript(CLANG, "own");
  assert.deepEqual(again, scripts[0]);
  const elsewhere = await formScript({ id: "own", llvm: "1", cc: "/opt/my llvm/clang" }, "own");
  assert.notEqual(elsewhere.key, again.key);
  assert.match(elsewhere.text, /^exec '\/opt\/my llvm\/clang' "\$@"$/m);
  assert.equal(elsewhere.name, "clang");
});

Deno.test("dataflowOf() knows the published flags, which nothing but the script takes", () => {
  const asked = (...argv: string[]) => dataflowOf(["clang-22", ...argv, "-c", "a.c"]);
  assert.deepEqual(asked("-fsanitize-coverage=trace-pc,trace-args"), { args: true, rets: false });
  assert.deepEqual(asked("-fsanitize-coverage=dataflow-ret"), { args: false, rets: true });
  assert.deepEqual(asked("-fsanitize-coverage=trace-pc"), { args: false, rets: false });
});
