// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type Evidence, evidenceKey } from "./evidence.ts";

/** One of each kind, and the text by which bisect knows it again. */
const KEYS: readonly [Evidence, string][] = [
  [
    { kind: "output", line: "/src/12/kernel/kcov.c:3:9: error: no member at 0x7f00aa" },
    "kcov.c:N:N: error: no member at N",
  ],
  [{ kind: "make", targets: ["olddefconfig"], endless: false }, "olddefconfig"],
  [{ kind: "make", targets: ["tinyconfig"], endless: true }, "tinyconfig without end"],
  [
    {
      kind: "options",
      dropped: [{ option: "CONFIG_KCOV", cause: "depends" }, { option: "CONFIG_X", cause: null }],
    },
    "CONFIG_KCOV depends",
  ],
  [{ kind: "options", dropped: [{ option: "CONFIG_X", cause: null }] }, "CONFIG_X"],
  [{ kind: "compiler-feature", feature: "trace-pc" }, "trace-pc"],
  [
    { kind: "findings", findings: [{ rule: "calls-missing", of: "vmlinux", what: "f" }] },
    "vmlinux calls-missing f",
  ],
  [
    { kind: "findings", findings: [{ rule: "object-silent", of: "a.o", what: "" }] },
    "a.o object-silent",
  ],
  [
    { kind: "patch", patch: "0001-a.patch", problems: [{ kind: "hunk", file: "kernel/a.c" }] },
    "0001-a.patch hunk kernel/a.c",
  ],
  [{ kind: "patch", patch: "a.patch", problems: [] }, "a.patch"],
  [{ kind: "file", name: "vmlinux" }, "vmlinux"],
];

Deno.test("evidenceKey() tells by values, and leaves out what changes from run to run", () => {
  for (const [evidence, key] of KEYS) assert.equal(evidenceKey(evidence), key);
});

Deno.test("evidenceKey() is the same for the same cause in another folder and line", () => {
  const error = (place: string): Evidence => ({ kind: "output", line: `${place}: error: x` });
  assert.equal(evidenceKey(error("/a/b.c:1:2")), evidenceKey(error("/c/d/b.c:77:1")));
  assert.notEqual(evidenceKey(error("/a/b.c:1:2")), evidenceKey(error("/a/other.c:1:2")));
});
