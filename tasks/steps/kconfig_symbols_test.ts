// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FakeHost } from "../testing/fake_host.ts";
import { withTempDir } from "../testing/temp_dir.ts";
import { kconfigSymbols } from "./kconfig_symbols.ts";

Deno.test("kconfigSymbols() reads names behind a blank, a tab and several", async () => {
  await withTempDir(async (dir) => {
    const text = "config A\nmenuconfig\tB\n\tconfig   C\n\thelp\n\t  config_d is none\n";
    await Deno.writeTextFile(`${dir}/Kconfig`, text);
    const answer = ({ argv: [program = "", ...args] }: { argv: readonly string[] }) => {
      const { code, stdout } = new Deno.Command(program, { args }).outputSync();
      return { code, stdout: new TextDecoder().decode(stdout) };
    };
    const symbols = await kconfigSymbols(dir, new FakeHost({ answer }));
    assert.deepEqual([...symbols].filter(Boolean).sort(), ["A", "B", "C"]);
  });
});
