// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { adjustments, modulesOf, namedFiles } from "./base_adjust.ts";

/** As a distribution's .config has it. */
const DISTRIBUTION = new Map([
  ["CONFIG_SYSTEM_TRUSTED_KEYS", '"debian/certs/a.pem debian/certs/b.pem"'],
  ["CONFIG_MODULE_SIG_KEY", '"certs/signing_key.pem"'],
  ["CONFIG_EXTRA_FIRMWARE", '"intel/ucode.bin"'],
  ["CONFIG_INITRAMFS_SOURCE", '""'],
  ["CONFIG_DEBUG_INFO_BTF", "y"],
  ["CONFIG_LOCALVERSION_AUTO", "n"],
  ["CONFIG_E1000", "m"],
  ["CONFIG_EXT4_FS", "y"],
]);

Deno.test("namedFiles() are those of all strings that name files", () => {
  assert.deepEqual(namedFiles(DISTRIBUTION), [
    "debian/certs/a.pem",
    "debian/certs/b.pem",
    "certs/signing_key.pem",
    "intel/ucode.bin",
  ]);
  assert.deepEqual(namedFiles(new Map()), []);
});

Deno.test("adjustments() empties what names a file that is not there, and nothing else", () => {
  const changed = (...present: string[]) =>
    adjustments(DISTRIBUTION, new Set(present)).map(({ option, value }) => `${option}=${value}`);
  const all = [
    'CONFIG_SYSTEM_TRUSTED_KEYS=""',
    'CONFIG_EXTRA_FIRMWARE=""',
    "CONFIG_DEBUG_INFO_BTF=n",
  ];
  assert.deepEqual(changed(), all);
  assert.deepEqual(changed("debian/certs/a.pem"), all, "one of two is not there");
  assert.deepEqual(changed("debian/certs/a.pem", "debian/certs/b.pem"), all.slice(1));
  assert.deepEqual(changed(...namedFiles(DISTRIBUTION)), all.slice(2));
  const [keys] = adjustments(DISTRIBUTION, new Set(["debian/certs/a.pem"]));
  assert.match(keys!.why, /debian\/certs\/b\.pem/);
  assert.ok(!keys!.why.includes("a.pem"), keys!.why);
});

Deno.test("modulesOf() are the options at m", () => {
  assert.deepEqual(modulesOf(DISTRIBUTION), ["CONFIG_E1000"]);
});
