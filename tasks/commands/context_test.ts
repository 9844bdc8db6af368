// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { DEFAULT_SETTINGS } from "../core/model/model.ts";
import { calledAs, DENO_TASK } from "../cli/called_as.ts";
import { errorOf } from "../testing/errors.ts";
import { repeatCommand, settingsOf } from "./context.ts";

Deno.test("settingsOf() is the default where nothing is asked", () => {
  assert.deepEqual(settingsOf({}), DEFAULT_SETTINGS);
});

Deno.test("settingsOf() takes what is asked, and reads --no-kvm as --accel tcg", () => {
  assert.equal(settingsOf({ accel: "kvm", kvm: true }).accel, "kvm");
  assert.equal(settingsOf({ accel: "kvm", kvm: false }).accel, "tcg");
  assert.deepEqual(settingsOf({ retries: 2 }).attempts, { kind: "retries", most: 2 });
  assert.deepEqual(settingsOf({ repeat: 3 }).attempts, { kind: "repeat", count: 3 });
  const error = errorOf(() => settingsOf({ retries: 2, repeat: 3 }));
  assert.deepEqual([error.kind, error.id], ["usage", "bad-usage"]);
  const asked = settingsOf({
    ...{ jobs: 2, timeout: 9, sandbox: "off", install: false, failFast: true, bundle: true },
    ...{ kconfigAdd: ["CONFIG_A=y"], test: ["a.*"], allowFlaky: true, freshBuild: true },
    dataflowForm: "posted-pc",
  });
  assert.deepEqual(asked, {
    ...DEFAULT_SETTINGS,
    ...{ jobs: 2, timeoutSeconds: 9, sandbox: "off", install: false, failFast: true },
    ...{ kconfigAdd: ["CONFIG_A=y"], testFilter: ["a.*"], allowFlaky: true, bundle: true },
    ...{ freshBuild: true, dataflowForm: "posted-pc" },
  });
});

Deno.test("repeatCommand() repeats what decides the result, and nothing else", () => {
  const typed = { calledAs: DENO_TASK };
  assert.equal(repeatCommand("repro", "a/b", {}, typed), "npx --yes deno task repro a/b");
  const launched = { calledAs: calledAs(() => "1") };
  assert.equal(
    repeatCommand("repro", "a/b", { tree: "t" }, launched),
    "kmatrix repro a/b --tree t",
  );
  const line = repeatCommand("build", "a/b", {
    ...{ matrix: "m.yaml", kconfigAdd: ["CONFIG_A=y"], tree: "t t", fuzz: true, jobs: 3 },
    ...{ accel: "tcg", kvm: false, sandbox: "off", timeout: 7, verbose: true, outputDir: "o" },
    ...{ lateInstrumentation: "off", dataflowForm: "own" },
  }, typed);
  assert.equal(
    line,
    "npx --yes deno task build a/b --kconfig-add CONFIG_A=y --dataflow-form own --tree 't t' " +
      "--fuzz --matrix m.yaml --accel tcg --no-kvm --sandbox off --late-instrumentation off --timeout 7",
  );
});
