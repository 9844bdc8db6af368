// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { CommandResult } from "../host/host.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { probeProgram } from "./probe_cache.ts";

/** A program on the disk, and a host that says `answer` for it. */
async function withProgram(
  answer: Partial<CommandResult>,
  body: (
    probe: () => ReturnType<typeof probeProgram>,
    host: FakeHost,
    file: string,
  ) => Promise<void>,
): Promise<void> {
  await withTempDir(async (dir) => {
    const file = `${dir}/clang`;
    await Deno.writeTextFile(file, "1");
    const host = new FakeHost({
      answer: () => answer,
      fs: { which: (name) => Promise.resolve(name === "clang" ? file : null) },
    });
    await body(() => probeProgram(["clang", "--version"], dir, host), host, file);
  });
}

Deno.test("probeProgram() asks once as long as the program is the same", async () => {
  await withProgram({ stdout: "clang 22\n" }, async (probe, host, file) => {
    const wanted = { code: 0, stdout: "clang 22\n", stderr: "" };
    assert.deepEqual(await probe(), wanted);
    assert.deepEqual(await probe(), wanted);
    assert.equal(host.commands.length, 1);
    await Deno.writeTextFile(file, "another compiler");
    assert.deepEqual(await probe(), wanted);
    assert.equal(host.commands.length, 2);
  });
});

Deno.test("probeProgram() remembers a refusal, too", async () => {
  await withProgram({ code: 1, stderr: "unsupported" }, async (probe, host) => {
    assert.equal((await probe()).code, 1);
    assert.equal((await probe()).stderr, "unsupported");
    assert.equal(host.commands.length, 1);
  });
});

Deno.test("probeProgram() remembers nothing when the program hung or was killed", async () => {
  for (const answer of [{ code: 137 }, { code: 137, timedOut: true }]) {
    await withProgram(answer, async (probe, host) => {
      await probe();
      await probe();
      assert.equal(host.commands.length, 2);
    });
  }
});

Deno.test("probeProgram() gives code 127 for a program that is not there", async () => {
  await withTempDir(async (dir) => {
    const host = new FakeHost({ fs: { which: () => Promise.resolve(null) } });
    const { code, stderr } = await probeProgram(["flex", "--version"], dir, host);
    assert.deepEqual([code, stderr], [127, "flex: not found"]);
    assert.deepEqual(host.commands, []);
  });
});
