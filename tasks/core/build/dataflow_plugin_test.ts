// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { sha256 } from "../text/digest.ts";
import {
  dataflowOf,
  isProbed,
  llvmVersion,
  modulesFor,
  pluginCompileCommand,
  pluginSources,
} from "./dataflow_plugin.ts";
import { buildConfinement, buildIdentityText, makeArgv, type MakeRequest } from "./make.ts";

const REQUEST: MakeRequest = {
  source: { path: "/src/linux", digest: "d" },
  buildDir: "/cache/builds/0123",
  toolchain: { id: "clang-22", llvm: "-22" },
  jobs: 2,
  variables: {},
};

Deno.test("the plugin is compiled by one line, with what LLVM itself says", () => {
  const { compiled, all } = pluginSources(["b.h", "tests", "a.cpp", "README.md"]);
  assert.deepEqual([compiled, all], [["a.cpp"], ["a.cpp", "b.h"]]);
  assert.deepEqual(pluginCompileCommand({ llvm: "-22" }, "/our place", compiled, "/c/x.so"), [
    ...["sh", "-c"],
    "g++ $(llvm-config-22 --cxxflags) -O2 -g0 -fPIC -shared -o /c/x.so '/our place/a.cpp'",
  ]);
  assert.match(
    pluginCompileCommand({ llvm: "/o/bin/" }, "", [], "")[2]!,
    /\(\/o\/bin\/llvm-config /,
  );
});

Deno.test("make and the sandbox are told of a plugin where there is one", () => {
  const plugin = "/cache/plugins/ab/kcov-dataflow.so";
  const added = makeArgv({ ...REQUEST, plugin }, []).filter((word) =>
    !makeArgv(REQUEST, []).includes(word)
  );
  assert.deepEqual(added, [`KCOV_DATAFLOW_PLUGIN=${plugin}`]);
  assert.deepEqual(buildConfinement(REQUEST).readable, ["/src/linux"]);
  assert.deepEqual(buildConfinement({ ...REQUEST, plugin }).readable, [
    "/src/linux",
    "/cache/plugins/ab",
  ]);
});

Deno.test("a build without the plugin has the key that it had before there was one", async () => {
  const identity = {
    sourcePath: "/cache/sources/linux-6.12",
    fragment: "CONFIG_KCOV=y\n",
    toolchain: "/usr/bin/clang-22 clang version 22.1.8",
    variables: { W: "1" },
    targets: ["vmlinux", "modules"],
  };
  const key = async (more: { plugin?: string | undefined }) =>
    (await sha256(buildIdentityText({ ...identity, ...more }))).slice(0, 16);
  // What the version before the plugin made of it.
  assert.equal(await key({}), "863f56e492e281bb");
  assert.equal(await key({ plugin: undefined }), await key({}));
  const keys = await Promise.all(["a", "b"].map((plugin) => key({ plugin })));
  assert.equal(new Set([await key({}), ...keys]).size, 3);
});

Deno.test("llvmVersion() reads what clang, opt and llvm-config say", () => {
  assert.equal(llvmVersion("Debian clang version 22.1.8 (1~deb12u1)\nTarget: x\n"), "22.1.8");
  assert.equal(llvmVersion("22.1.8\n"), "22.1.8");
  assert.equal(llvmVersion("LLVM version 23.0.0git\n"), "23.0.0git");
  assert.equal(llvmVersion(""), null);
});

Deno.test("dataflowOf() tells what a compiler was told to add, of a plugin that it loads", () => {
  const words = ["clang", "-fpass-plugin=/p/kcov-dataflow.so", "-mllvm", "-kcov-dataflow-args"];
  assert.deepEqual(dataflowOf(words), { args: true, rets: false });
  assert.deepEqual(dataflowOf([...words, "-mllvm", "-kcov-dataflow-ret=true"]), {
    args: true,
    rets: true,
  });
  assert.deepEqual(dataflowOf(words.toSpliced(1, 1)), { args: false, rets: false });
});

Deno.test("isProbed() wants both callbacks", () => {
  const [args, ret] = ["call __sanitizer_cov_trace_args", "call __sanitizer_cov_trace_ret"];
  assert.deepEqual([`${args}\n${ret}`, args, ret, ""].map(isProbed), [true, false, false, false]);
});

Deno.test("modulesFor() gives the module of dataflow to kernels with the plugin alone", () => {
  const names = ["kmatrix_dataflow", "kmatrix_target"];
  assert.deepEqual(modulesFor(names, undefined), ["kmatrix_target"]);
  assert.deepEqual(modulesFor(names, "/p.so"), names);
});
