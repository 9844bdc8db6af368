// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  childEnvironment,
  keyedVariables,
  leftOut,
  makeVariables,
  PASSED_VARIABLES,
} from "./environment.ts";

const CALLER = {
  ...{ PATH: "/bin", HOME: "/home/u", LD_LIBRARY_PATH: "/opt/lib", CCACHE_MAXSIZE: "9G" },
  ...{ KCFLAGS: "-O1", KBUILD_VERBOSE: "1", LC_ALL: "de_DE.UTF-8", https_proxy: "http://u:t@h" },
  ...{ GITHUB_TOKEN: "t", CCACHE_REMOTE_STORAGE: "redis://u:t@h", MAKEFLAGS: "-k", XPATH: "t" },
};
const lookUp = (name: string) => (CALLER as Readonly<Record<string, string>>)[name];

Deno.test("childEnvironment() passes what the table says, in one language, and what is the command's own", () => {
  const everywhere = {
    ...{ PATH: "/bin", HOME: "/home/u", LD_LIBRARY_PATH: "/opt/lib", CCACHE_MAXSIZE: "9G" },
    LC_ALL: "C",
  };
  assert.deepEqual(childEnvironment(CALLER, {}, null), everywhere);
  assert.deepEqual(childEnvironment(CALLER, { CCACHE_DIR: "/c", HOME: "" }, null), {
    ...{ PATH: "/bin", LD_LIBRARY_PATH: "/opt/lib", CCACHE_MAXSIZE: "9G", LC_ALL: "C" },
    CCACHE_DIR: "/c",
  });
  assert.deepEqual(childEnvironment(CALLER, {}, "downloads"), {
    ...everywhere,
    https_proxy: "http://u:t@h",
  });
  assert.deepEqual(childEnvironment(CALLER, { A: "b" }, "whole"), { ...CALLER, A: "b" });
});

Deno.test("makeVariables() and keyedVariables() give what decides about a build", () => {
  assert.deepEqual(makeVariables(lookUp), { KCFLAGS: "-O1" });
  assert.deepEqual(keyedVariables(lookUp), { LD_LIBRARY_PATH: "/opt/lib" });
});

Deno.test("leftOut() names what a build by hand would go by, but not what a make leaves behind", () => {
  assert.deepEqual(leftOut({ ...CALLER, KCONFIG_CONFIG: "x", LLVM_IAS: "", HOSTCFLAGS: "-g" }), [
    ...["HOSTCFLAGS", "KBUILD_VERBOSE", "KCONFIG_CONFIG"],
  ]);
});

Deno.test("docs/matrix.md lists every variable that is passed on, with its reason", async () => {
  const docs = await Deno.readTextFile(
    new URL("../../../docs/matrix.md", import.meta.url).pathname,
  );
  const rows = docs.split("\n").filter((line) => line.startsWith("|"));
  for (const { names, to, why } of PASSED_VARIABLES) {
    const row = rows.find((line) => line.includes(`| ${why}`));
    assert.ok(row, `no row says: ${why}`);
    assert.ok(row.includes(`| ${to} `), `${why}: ${to}`);
    const shown = [...row.matchAll(/`(\w+)`/g)].map((match) => match[1]);
    assert.deepEqual(shown.toSorted(), names.toSorted());
  }
});
