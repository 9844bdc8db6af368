// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { FragmentLine } from "../kconfig/fragment.ts";
import { sampleCell, sampleConfig } from "../../testing/samples.ts";
import { estimatedSeconds } from "./estimate.ts";

const lines = (...texts: readonly string[]): FragmentLine[] =>
  texts.map((text, index) => {
    const [option = "", value = ""] = text.split("=");
    return { option, value, file: "x.config", line: index + 1, text };
  });
const of = (...texts: readonly string[]) => estimatedSeconds([sampleCell("k/c")], lines(...texts));

Deno.test("estimatedSeconds() knows what makes builds and boots long, by the option and not by a name", () => {
  const plain = of();
  assert.ok(plain > 0);
  for (const option of ["CONFIG_KASAN", "CONFIG_KCOV", "CONFIG_PROVE_LOCKING", "CONFIG_NET"]) {
    assert.ok(of(`${option}=y`) > of("CONFIG_OTHER=y"), option);
    assert.equal(of(`${option}=n`), plain, option);
  }
  assert.ok(of("CONFIG_A=m") > plain);
  // Further boots of a build, and a config that people run.
  const boots = estimatedSeconds([sampleCell("k/c"), sampleCell("k/c/smp4")], []);
  assert.ok(boots > plain);
  const config = sampleConfig("c", { base: [{ kind: "target", name: "defconfig" }] });
  assert.ok(estimatedSeconds([sampleCell("k/c", { config })], []) > 4 * plain);
});
