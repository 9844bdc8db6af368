// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { sampleConfig } from "../testing/samples.ts";
import { pathsFor } from "../core/model/paths.ts";
import type { MakeRequest } from "../core/build/make.ts";
import { makeConfig } from "./make_config.ts";

Deno.test("makeConfig() makes a base once for all folders of the same tree, compiler and variables", () =>
  withTempDir(async (dir) => {
    const paths = pathsFor(dir, null, null);
    const host = new FakeHost({
      answer: ({ argv }) => {
        const folder = argv.find((word) => word.startsWith("O="))?.slice("O=".length);
        if (argv.includes("tinyconfig")) {
          Deno.writeTextFileSync(`${folder}/.config`, "CONFIG_BASE=y\n");
        }
        return {};
      },
    });
    const configured = async (name: string, ground: string | null) => {
      const buildDir = `${dir}/${name}`;
      await Deno.mkdir(buildDir);
      const make = {
        ...{ buildDir, jobs: 1, variables: {}, toolchain: { id: "c", llvm: "-22" } },
        source: { path: `${dir}/tree` },
      } as unknown as MakeRequest;
      const base = {
        ...{ title: "tinyconfig", file: null, identity: "tinyconfig" },
        steps: [{ kind: "target", name: "tinyconfig" }],
      } as const;
      const request = { lines: [], notices: [] };
      const asked = { make, config: sampleConfig("kcov"), base, request, version: "6.12", ground };
      const { dotConfig } = await makeConfig(asked, null, paths, host);
      assert.match(dotConfig, /^CONFIG_BASE=y$/m);
      return host.commands.filter((argv) => argv.includes("tinyconfig")).length;
    };
    assert.deepEqual([await configured("a", "one"), await configured("b", "one")], [1, 1]);
    assert.equal(await configured("c", "another"), 2);
    assert.equal(await configured("d", null), 3);
    assert.equal(await configured("e", null), 4);
    // One that is damaged is made again, whatever it says.
    let calls = 4;
    for (const damage of ["null", "", '{"dotConfig":"CONFIG_BASE=n\\n","digest":"0"}', "x"]) {
      for (const { name, isFile } of Deno.readDirSync(`${paths.cache}/probes`)) {
        if (isFile) await Deno.writeTextFile(`${paths.cache}/probes/${name}`, damage);
      }
      assert.equal(await configured(`damaged-${calls}`, "one"), ++calls);
    }
  }));
