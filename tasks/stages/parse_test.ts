// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { failureFrom } from "../core/model/errors.ts";
import { RECORDINGS } from "../core/model/paths.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { parse } from "./parse.ts";

/** What may lie where a recording is wanted, and how it is called. */
const NO_FILES: readonly (readonly [make: (path: string) => Promise<unknown>, called: RegExp])[] = [
  [(path) => Deno.mkdir(path), /is a folder, not a file/],
  [(path) => Deno.symlink(path, path), /is a broken link, not a file/],
  [
    (path) => new Deno.Command("mkfifo", { args: [path] }).output(),
    /is a device, pipe or socket, not a file/,
  ],
];

for (const [make, called] of NO_FILES) {
  Deno.test(`parse() of a recording that ${called.source} says so, and waits for none`, async () => {
    for (const name of [RECORDINGS.console, RECORDINGS.results, RECORDINGS.record]) {
      await withTempDir(async (dir) => {
        if (name === RECORDINGS.record) await Deno.writeTextFile(`${dir}/console.log`, "");
        await make(`${dir}/${name}`);
        const { kind, id, message } = await parse(dir, [], new FakeHost())
          .then(() => assert.fail("it was judged"), failureFrom);
        assert.deepEqual([kind, id], ["usage", "bad-recording"], message);
        assert.match(message, called);
        assert.ok(message.includes(`${dir}/${name}`), message);
      });
    }
  });
}
