// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FEATURES, promiseOf } from "../../../selftests/contract/features.ts";
import { ioctlFeatures, machineFeatures, optionFeatures, TREE_FEATURES } from "./features.ts";

const CLASSIC = "#define KCOV_ENABLE\t\t_IO('c', 100)\n";

Deno.test("ioctlFeatures() tells each ioctl of a series by its own definition", () => {
  const reset = "#define KCOV_RESET_TRACE\t\t_IO('c', 104)\n";
  const unique = "# define KCOV_UNIQUE_ENABLE _IOW('c', 103, unsigned long)\n";
  assert.deepEqual(ioctlFeatures(CLASSIC), []);
  assert.deepEqual(ioctlFeatures(CLASSIC + reset), ["reset-ioctl"]);
  assert.deepEqual(ioctlFeatures(unique + CLASSIC), ["unique-ioctl"]);
  assert.deepEqual(ioctlFeatures(CLASSIC + reset + unique), ["unique-ioctl", "reset-ioctl"]);
});

Deno.test("ioctlFeatures() takes no word of a comment or of another name for a definition", () => {
  const others =
    "/* as KCOV_RESET_TRACE */\n#define KCOV_UNIQUE_ENABLE_MAX 1\n#undef KCOV_RESET_TRACE\n";
  assert.deepEqual(ioctlFeatures(CLASSIC + others), []);
});

Deno.test("optionFeatures() wants the value of the table, not just the option", () => {
  const config = new Map([
    ["CONFIG_KCOV", "y"],
    ["CONFIG_MODULES", "n"],
    ["CONFIG_LOCALVERSION", '"-crash"'],
  ]);
  assert.deepEqual(optionFeatures(config), ["kcov", "crash"]);
  assert.deepEqual(optionFeatures(new Map([["CONFIG_LOCALVERSION", '"-crashes"']])), []);
});

Deno.test("machineFeatures() has smp from two CPUs on", () => {
  assert.deepEqual(machineFeatures({ cpus: 1 }), []);
  assert.deepEqual(machineFeatures({ cpus: 2 }), ["smp"]);
});

Deno.test("every feature of the table has one way to be found out", () => {
  const found = FEATURES.filter((feature) => {
    const promise = promiseOf(feature);
    // An option may stand for one feature by a value and for another by its absence.
    const option = promise.by === "option" ? [[promise.option, promise.value]] as const : [];
    const header = promise.by === "header" ? `#define ${promise.ioctl} 1\n` : "";
    return [
      ...[...optionFeatures(new Map(option)), ...ioctlFeatures(header)],
      ...[...machineFeatures({ cpus: 64 }), ...TREE_FEATURES],
    ].includes(feature);
  });
  assert.deepEqual(found, FEATURES);
});

Deno.test("optionFeatures() tells an option that is off from one that the kernel does not have", () => {
  const fields = (value: string) =>
    optionFeatures(new Map([["CONFIG_KCOV_DATAFLOW_FIELDS", value]]));
  assert.deepEqual(fields("y"), ["dataflow-fields"]);
  assert.deepEqual(fields("n"), ["dataflow-values"]);
  assert.deepEqual(optionFeatures(new Map()), []);
});
