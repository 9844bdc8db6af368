// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { BaseStep } from "../model/model.ts";
import { KmatrixError } from "../model/errors.ts";
import { readYaml } from "../text/yaml_reader.ts";
import { parseBase } from "./base_spec.ts";

const PLACE = {
  dir: "/m",
  lookUp: (name: string) => ({ HOME: "/home/me", CONFIGS: "/data/configs/" })[name],
};

const parse = (text: string) =>
  parseBase(readYaml("m.yaml", `base: ${text}\n`).fields(["base"]).base!, PLACE);
const target = (name: string): BaseStep => ({ kind: "target", name });

Deno.test("a base is a target, several in order, or a file with more behind it", () => {
  const cases: [string, BaseStep[]][] = [
    ["defconfig", [target("defconfig")]],
    ["tinyconfig", [target("tinyconfig")]],
    ["some_defconfig", [target("some_defconfig")]],
    ["[defconfig, kvm_guest.config]", [target("defconfig"), target("kvm_guest.config")]],
    // Alone, it would change a .config that is not there.
    ["hardening.config", [target("defconfig"), target("hardening.config")]],
    ["./a.config", [{ kind: "file", path: "/m/./a.config", written: "./a.config" }]],
    ["../b/c", [{ kind: "file", path: "/m/../b/c", written: "../b/c" }]],
    ["/proc/config.gz", [{ kind: "file", path: "/proc/config.gz", written: "/proc/config.gz" }]],
    ["~/x", [{ kind: "file", path: "/home/me/x", written: "~/x" }]],
    ["$CONFIGS/x", [{ kind: "file", path: "/data/configs/x", written: "$CONFIGS/x" }]],
    ["$NONE/x", [{ kind: "file", path: "$NONE/x", written: "$NONE/x", unset: "NONE" }]],
    [
      "[~/x, debug.config]",
      [{ kind: "file", path: "/home/me/x", written: "~/x" }, target("debug.config")],
    ],
  ];
  for (const [text, steps] of cases) assert.deepEqual(parse(text), steps, text);
});

Deno.test("what is no base is refused at its place, with what is meant", () => {
  const cases: [string, RegExp][] = [
    ["[]", /^m\.yaml:1:7: .*empty list/],
    ["defconfi", /did you mean "defconfig"/],
    ["menuconfig", /"menuconfig" is no base.*: it asks questions/],
    ["oldconfig", /: it asks questions/],
    ["randconfig", /: it is another one each time/],
    ["localmodconfig", /: it goes by the modules of this machine/],
    [".config", /a file is written with its folder: \.\/\.config/],
    ["vmlinux", /"vmlinux" is no base/],
    ["[defconfig, ./a.config]", /^m\.yaml:1:19: \.\/a\.config would replace what stands before/],
    ["[defconfig, allnoconfig]", /allnoconfig would replace what stands before/],
    ["[a.config, b.config, a.config]", /a\.config stands here twice/],
    ["{ file: x }", /base must be/],
    ["3", /base must be|"3" is no base/],
    ["x/$Y/z", /"\$" may stand at the beginning alone/],
  ];
  for (const [text, message] of cases) {
    assert.throws(() => parse(text), (error) => {
      assert.ok(error instanceof KmatrixError && error.kind === "usage", text);
      assert.match(error.message, message, text);
      return true;
    });
  }
});
