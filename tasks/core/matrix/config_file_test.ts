// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { CONFIG_ID } from "./matrix.ts";
import { configIdOf } from "./config_file.ts";

Deno.test("configIdOf() gives a legal and unique id for any name of a file", () => {
  const cases: [string, string][] = [
    ["/a/syzbot.config", "syzbot"],
    ["/proc/config.gz", "config"],
    ["/src/.config", "config"],
    ["/boot/config-6.12.9-amd64", "config-6.12.9-amd64"],
    ["/a/my config (2).txt", "my-config-2"],
    ["/a/x.config.gz", "x"],
    ["/a/kernel@home*.config", "kernel-home"],
    ["/a/äöü", "config"],
    ["/a/--.config", "config"],
    ["/a/kcov.config", "kcov-2"],
    ["/a/twice", "twice-3"],
  ];
  const taken = ["kcov", "twice", "twice-2"];
  for (const [path, id] of cases) {
    assert.equal(configIdOf(path, taken), id, path);
    assert.match(id, CONFIG_ID);
  }
});
