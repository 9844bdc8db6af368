// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { archOf } from "../core/arch/table.ts";
import { pathsFor } from "../core/model/paths.ts";
import { rejectionOf } from "../testing/errors.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { fetchPrivateQuickjs } from "./quickjs.ts";

/** Fetches it with an apt-get that ends with these codes in turn; what it was asked for. */
async function fetched(codes: readonly number[], dir: string): Promise<[string[], FakeHost]> {
  const left = [...codes];
  const asked: string[] = [];
  const paths = pathsFor("/project", dir, null);
  const host = new FakeHost({
    answer: ({ argv, cwd }) => {
      if (argv.includes("indextargets")) {
        return { stdout: "http://deb.example.org Debian Debian\n" };
      }
      if (argv[0] === "dpkg-deb") {
        Deno.mkdirSync(argv.at(-1)!);
        return { code: 0 };
      }
      const verb = argv.includes("update") ? "update" : "download";
      asked.push(verb);
      const code = left.shift()!;
      if (code === 0 && verb === "download") {
        Deno.writeTextFileSync(`${cwd}/libquickjs_1_amd64.deb`, "");
      }
      return { code };
    },
  });
  await fetchPrivateQuickjs(archOf({}), paths, host);
  assert.ok(await host.fs.exists(paths.quickjs));
  return [asked, host];
}

Deno.test("fetchPrivateQuickjs() asks again where apt-get failed, and says so", async () => {
  await withTempDir(async (dir) => {
    const [asked, host] = await fetched([0, 100, 0], dir);
    assert.deepEqual(asked, ["update", "download", "download"]);
    assert.match(host.messages[0]!, /^warn: the download of libquickjs failed .*; try 2 of 3 /);
  });
});

Deno.test("fetchPrivateQuickjs() gives up after the third try, and leaves nothing in place", async () => {
  await withTempDir(async (dir) => {
    const error = await rejectionOf(fetched([100, 100, 100, 0, 0], dir));
    assert.deepEqual([error.kind, error.id], ["infra", "download-failed"]);
    assert.equal(await new FakeHost().fs.exists(pathsFor("/project", dir, null).quickjs), false);
  });
});
