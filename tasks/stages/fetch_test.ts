// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { KernelSpec, SourceSpec } from "../core/model/model.ts";
import { pathsFor } from "../core/model/paths.ts";
import { rejectionOf } from "../testing/errors.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { fetch } from "./fetch.ts";

function kernel(source: SourceSpec): KernelSpec {
  return { id: "linux", dir: "/k", source, series: [], uninstrumented: null };
}

Deno.test("fetch() refuses a tree or a cache whose path kbuild does not take", () =>
  withTempDir(async (dir) => {
    for (const name of ["a b", "a:b", "it's", "a$b"]) {
      const tree = `${dir}/${name}`;
      await Deno.mkdir(tree);
      await Deno.writeTextFile(
        `${tree}/Makefile`,
        "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 0\n",
      );
      const host = new FakeHost({ answer: () => ({ stdout: "digest\ndigest\n" }) });
      const source = { kind: "tree", path: tree } as const;
      const wrong = await rejectionOf(fetch(kernel(source), pathsFor("/p", dir, null), host));
      assert.deepEqual([wrong.kind, wrong.id], ["usage", "bad-path"], name);
      assert.match(wrong.message, /^the tree lies in /);
      const cache = await rejectionOf(fetch(kernel(source), pathsFor(tree, null, null), host));
      assert.deepEqual([cache.kind, cache.id], ["usage", "bad-path"], name);
      assert.match(
        cache.message,
        /^the cache lies in .*\.cache, and kbuild takes no path with "."$/,
      );
    }
  }));
