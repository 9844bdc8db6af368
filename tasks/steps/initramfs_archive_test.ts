// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { withTempDir } from "../testing/fake_host.ts";
import { rejectionOf } from "../testing/errors.ts";
import { archive } from "./initramfs_archive.ts";
import { denoHost } from "../host/deno_host.ts";

const host = denoHost({ emit: () => {}, signal: new AbortController().signal });

/** cpio is not on every machine that runs these tests: this one writes the names that it reads. */
async function withCpio(body: (dir: string) => Promise<void>): Promise<void> {
  await withTempDir(async (dir) => {
    await Deno.mkdir(`${dir}/bin`);
    await Deno.writeTextFile(`${dir}/bin/cpio`, "#!/bin/sh\ncat\n", { mode: 0o755 });
    const path = Deno.env.get("PATH")!;
    Deno.env.set("PATH", `${dir}/bin:${path}`);
    try {
      await body(dir);
    } finally {
      Deno.env.set("PATH", path);
    }
  });
}

Deno.test("archive() takes names for names, whatever a shell would make of them", () =>
  withCpio(async (dir) => {
    const names = ["a b.ko", "$(touch run).ko", "`touch run`.ko", '";touch run;".ko', "-rf"];
    await Deno.mkdir(`${dir}/root`);
    for (const name of names) await Deno.writeTextFile(`${dir}/root/${name}`, "");
    await archive(`${dir}/root`, names, `${dir}/out.cpio`, host);
    assert.deepEqual((await Deno.readTextFile(`${dir}/out.cpio`)).trimEnd().split("\n"), names);
    assert.deepEqual(await host.fs.list(`${dir}/root`), [...names].sort());
    const { mtime } = await Deno.stat(`${dir}/root/a b.ko`);
    assert.equal(mtime?.getTime(), 0);
  }));

Deno.test("archive() says so where a file is missing", () =>
  withCpio(async (dir) => {
    const error = await rejectionOf(archive(dir, ["no/folder"], `${dir}/out.cpio`, host));
    assert.deepEqual([error.kind, error.id], ["infra", "cpio-failed"]);
  }));
