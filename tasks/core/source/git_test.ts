// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { denoHost } from "../../host/deno_host.ts";
import { git } from "../../steps/git.ts";
import { withTempDir } from "../../testing/temp_dir.ts";
import { gitEnvironment } from "./git.ts";

Deno.test("gitEnvironment() leaves the user's settings to what reaches a remote alone", () => {
  assert.equal(gitEnvironment()["GIT_CONFIG_GLOBAL"], "/dev/null");
  const remote = gitEnvironment({ remote: true, safe: ["/a"] });
  assert.ok(!("GIT_CONFIG_GLOBAL" in remote) && !("GIT_CONFIG_NOSYSTEM" in remote));
  const last = Number(remote["GIT_CONFIG_COUNT"]) - 1;
  assert.deepEqual([remote[`GIT_CONFIG_KEY_${last}`], remote[`GIT_CONFIG_VALUE_${last}`]], [
    ...["safe.directory", "/a"],
  ]);
});

Deno.test("git of the tool sees no setting of the user, the system or the repository", async () => {
  await withTempDir(async (dir) => {
    const settings = "[core]\n\tautocrlf = true\n\thooksPath = /evil\n\tattributesFile = /evil\n" +
      "[apply]\n\twhitespace = fix\n[user]\n\tname = somebody\n";
    await Deno.writeTextFile(`${dir}/.gitconfig`, settings);
    await Deno.mkdir(`${dir}/git`);
    await Deno.writeTextFile(`${dir}/git/config`, settings);
    const host = denoHost({ emit: () => {}, signal: new AbortController().signal });
    const ambient: Record<string, string> = {
      ...{ HOME: dir, XDG_CONFIG_HOME: dir, GIT_CONFIG_SYSTEM: `${dir}/.gitconfig` },
      ...{ GIT_CONFIG_PARAMETERS: "'user.name'='else'", GIT_AUTHOR_NAME: "x" },
    };
    const before = Object.keys(ambient).map((name) => [name, Deno.env.get(name)] as const);
    for (const [name, value] of Object.entries(ambient)) Deno.env.set(name, value);
    try {
      await git(["init", "--quiet", "--template=", dir], host);
      await Deno.writeTextFile(`${dir}/.git/config`, `${settings}[core]\n\tbare = false\n`);
      const { stdout } = await git(["-C", dir, "config", "--list", "--show-scope"], host);
      const outside = stdout.split("\n").filter((line) => /^(?:global|system)\t/.test(line));
      assert.deepEqual(outside, []);
      const value = async (key: string) =>
        (await git(["-C", dir, "config", "--get", key], host)).stdout.trim();
      assert.equal(await value("core.autocrlf"), "false");
      assert.equal(await value("core.hooksPath"), "/dev/null");
      assert.equal(await value("core.attributesFile"), "/dev/null");
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) Deno.env.delete(name);
        else Deno.env.set(name, value);
      }
    }
  });
});
