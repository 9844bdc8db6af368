// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { denoHost } from "../host/deno_host.ts";
import { withTempDir } from "../testing/temp_dir.ts";
import { fileDigest } from "./file_digest.ts";

const host = denoHost({ emit: () => {}, signal: new AbortController().signal });
/** The check value of FIPS 180 for "abc". */
const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

Deno.test("fileDigest() knows a file by its content, whatever its name is", () =>
  withTempDir(async (dir) => {
    for (const name of ["plain", "-a", "with blank", "line\nend", "back\\slash"]) {
      await Deno.writeTextFile(`${dir}/${name}`, "abc");
      assert.deepEqual(await fileDigest(`${dir}/${name}`, host), { sha256: ABC, trouble: null });
    }
  }));

Deno.test("fileDigest() says why a file cannot be read", () =>
  withTempDir(async (dir) => {
    for (const [path, why] of [[`${dir}/none`, /No such file/], [dir, /Is a directory/]] as const) {
      const { sha256, trouble } = await fileDigest(path, host);
      assert.equal(sha256, null);
      assert.match(trouble!, why);
    }
  }));
