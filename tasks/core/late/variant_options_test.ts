// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { familyOf, isInstrumented, variantOptions } from "./variant_options.ts";

Deno.test("variantOptions() has those of KCOV, set or not, and none on which structures depend", () => {
  const ours = variantOptions("");
  assert.ok(ours.includes("CONFIG_KCOV_UNIQUE") && !ours.includes("CONFIG_KCOV"));
  const more = variantOptions(
    "CONFIG_KCOV=y\n# CONFIG_KCOV_UNIQUE is not set\nCONFIG_KCOV_EXTRA=m\n# CONFIG_KCOV_OTHER is not set\n" +
      "CONFIG_ARCH_HAS_KCOV=y\nCONFIG_XKCOV_NO=y\n# about CONFIG_KCOV_COMMENT\n",
  );
  const added = more.filter((name) => !ours.includes(name));
  assert.deepEqual(added, ["CONFIG_KCOV_EXTRA", "CONFIG_KCOV_OTHER"]);
  // In whatever order they come: the text is a part of what is compiled.
  assert.deepEqual(variantOptions("CONFIG_KCOV_B=y\nCONFIG_KCOV_A=y\n").slice(), [
    ...variantOptions("CONFIG_KCOV_A=y\nCONFIG_KCOV_B=y\n"),
  ]);
});

Deno.test("variantOptions() names the same ones for each cell with dataflow, and leaves task_struct's", () => {
  const chosen =
    'CONFIG_KCOV_DATAFLOW=y\nCONFIG_KCOV_DATAFLOW_ARGS=y\nCONFIG_KCOV_DATAFLOW_FILES="a.o"\n';
  const all =
    "CONFIG_KCOV_DATAFLOW=y\nCONFIG_KCOV_DATAFLOW_RET=y\nCONFIG_KCOV_DATAFLOW_MAX_FIELDS=32\n";
  assert.deepEqual(variantOptions(chosen), variantOptions(all));
  assert.ok(!variantOptions(all).includes("CONFIG_KCOV_DATAFLOW"));
  assert.ok(variantOptions(all).includes("CONFIG_KCOV_DATAFLOW_FILES"));
  // Kernels without it name what they have always named.
  assert.deepEqual(variantOptions("CONFIG_KCOV=y\n"), variantOptions(""));
  assert.ok(!variantOptions("CONFIG_KCOV=y\n").some((name) => name.includes("DATAFLOW")));
});

Deno.test("familyOf() puts together what differs in options of KCOV alone", () => {
  const kcov = familyOf("CONFIG_A=y\nCONFIG_KCOV=y\n");
  assert.notEqual(kcov, null);
  assert.equal(familyOf("CONFIG_KCOV=y\nCONFIG_KCOV_UNIQUE=y\nCONFIG_A=y\n"), kcov);
  assert.equal(familyOf("# CONFIG_KCOV_UNIQUE is not set\nCONFIG_A=y\nCONFIG_KCOV=y\n"), kcov);
  // As fragments are put together: with what each line comes from.
  assert.equal(familyOf("# kcov.config\nCONFIG_KCOV=y\n# base: CONFIG_A\nCONFIG_A=y\n"), kcov);
  for (const other of ["CONFIG_A=m", "CONFIG_A=y\nCONFIG_MODULES=y", ""]) {
    assert.notEqual(familyOf(`${other}\nCONFIG_KCOV=y\n`), kcov);
  }
  assert.equal(familyOf("CONFIG_A=y\n"), null);
  assert.equal(isInstrumented("# CONFIG_KCOV is not set\n"), false);
});

Deno.test("familyOf() keeps kernels with dataflow apart from those without", () => {
  const kcov = familyOf("CONFIG_A=y\nCONFIG_KCOV=y\n");
  const args = familyOf("CONFIG_A=y\nCONFIG_KCOV=y\nCONFIG_KCOV_DATAFLOW_ARGS=y\n");
  const ret = familyOf("CONFIG_A=y\nCONFIG_KCOV=y\nCONFIG_KCOV_DATAFLOW_RET=y\n");
  assert.equal(args, ret);
  assert.notEqual(args, kcov);
  assert.equal(
    familyOf("CONFIG_A=y\nCONFIG_KCOV=y\n# CONFIG_KCOV_DATAFLOW_ARGS is not set\n"),
    kcov,
  );
});
