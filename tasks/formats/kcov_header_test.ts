// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ioctlFeatures } from "./kcov_header.ts";

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
