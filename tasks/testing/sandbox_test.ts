// SPDX-License-Identifier: MIT
/** Tier 2: builds of the fake kernel under bubblewrap, and what becomes of a Makefile's tricks. */
import assert from "node:assert/strict";
import { FakeProject } from "./fake_project.ts";
import { assertValidJunit } from "./junit.ts";

/** Some containers forbid every way to make a namespace. */
const WORKS = await new Deno.Command("bwrap", {
  args: ["--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "true"],
  stderr: "null",
}).output().then(({ code }) => code === 0, () => false);

const BUILD = ["build", "fake/kcov"];

async function withProject(body: (project: FakeProject) => Promise<void>): Promise<void> {
  const project = await FakeProject.create();
  try {
    await body(project);
  } finally {
    await project.remove();
  }
}

/** Adds a command to the rule that links vmlinux. */
async function sabotage(project: FakeProject, command: string): Promise<void> {
  const file = `${project.dir}/tree/Makefile`;
  const text = await Deno.readTextFile(file);
  const mark = "\t@set -e; echo '  LD      vmlinux';";
  assert.ok(text.includes(mark));
  await Deno.writeTextFile(file, text.replace(mark, () => `\t@${command}\n${mark}`));
}

const property = async (project: FakeProject) =>
  /name="build.sandbox" value="([^"]*)"/.exec(await project.read("junit.xml"))?.[1];

Deno.test({
  name: "a build in the sandbox passes, says so, and leaves nothing for a run without it to do",
  ignore: !WORKS,
  fn: () =>
    withProject(async (project) => {
      const confined = await project.run(...BUILD, "--sandbox", "require");
      assert.equal(confined.code, 0, confined.out + confined.err);
      assert.equal(await property(project), "bubblewrap");
      const free = await project.run(...BUILD, "--sandbox", "off", "--verbose");
      assert.equal(free.code, 0);
      assert.doesNotMatch(free.err, /\$ make/);
      assert.equal(await property(project), "none (off)");
      const again = await project.run(...BUILD, "--verbose", "--sandbox", "auto");
      assert.doesNotMatch(again.err, /\$ make/);
      assert.equal(await property(project), "bubblewrap");
    }),
});

/** What a Makefile does that it must not, and what the failure has to quote. */
const TRICKS: readonly [name: string, command: (dir: string) => string, line: RegExp][] = [
  ["writes to the home directory", () => "echo x > $$HOME/.profile", /\/home\/\.profile/],
  ["reads a file of the home directory", () => "cat /root/.ssh/id_ed25519", /No such file/],
  ["writes into the source tree", (dir) => `echo x >> ${dir}/tree/Makefile`, /tree\/Makefile/],
  ["writes below /etc", () => "touch /etc/kmatrix-was-here", /\/etc\/kmatrix-was-here/],
  [
    "opens a socket",
    () => "bash -c 'exec 3<>/dev/tcp/192.0.2.1/80'",
    /Network is unreachable/,
  ],
];

Deno.test({
  name:
    "a Makefile that leaves its build folder fails the build, and the message names the sandbox",
  ignore: !WORKS,
  fn: () =>
    withProject(async (project) => {
      await Deno.symlink("/bin/bash", `${project.dir}/bin/bash`);
      const makefile = `${project.dir}/tree/Makefile`;
      const sound = await Deno.readTextFile(makefile);
      for (const [name, command, line] of TRICKS) {
        await Deno.writeTextFile(makefile, sound);
        await sabotage(project, command(project.dir));
        const before = await Deno.readTextFile(makefile);
        const { code, out } = await project.run(...BUILD, "--sandbox", "require");
        assert.equal(code, 5, `${name}: ${out}`);
        assert.match(out, /\[sandbox-denied, kernel\]/, `${name}: ${out}`);
        const said = /^the build failed in the sandbox \(no network, no home, .*\): (.*)/m.exec(
          out,
        );
        assert.match(said?.[1] ?? "", line, `${name}: ${out}`);
        assert.equal(await Deno.readTextFile(makefile), before, name);
        await assertValidJunit(await project.read("junit.xml"));
        assert.deepEqual(await project.processes(), []);
      }
      assert.deepEqual([...Deno.readDirSync(`${project.dir}/home`)], []);
      await assert.rejects(Deno.stat("/etc/kmatrix-was-here"));
    }),
});

Deno.test({
  name: "a Makefile finds what builds need in its environment, and nothing else of the caller's",
  ignore: !WORKS,
  fn: () =>
    withProject(async (project) => {
      await sabotage(project, "env; cat /proc/[0-9]*/environ; echo behind");
      const secrets = ["GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "CCACHE_REMOTE_STORAGE", "MY_OWN"];
      for (const name of secrets) Deno.env.set(name, `secret of ${name}`);
      const others = { CCACHE_MAXSIZE: "9G", KBUILD_VERBOSE: "0" };
      for (const [name, value] of Object.entries(others)) Deno.env.set(name, value);
      try {
        const { code, out } = await project.run(...BUILD, "--sandbox", "require");
        assert.equal(code, 0, out);
      } finally {
        for (const name of [...secrets, ...Object.keys(others)]) Deno.env.delete(name);
      }
      const [build] = [...Deno.readDirSync(`${project.cache}/builds`)];
      const log = `${project.cache}/builds/${build!.name}/kmatrix-build.log`;
      const text = await Deno.readTextFile(log);
      assert.match(text, /^HOME=\/home$/m);
      assert.match(text, /^CCACHE_MAXSIZE=9G$/m);
      assert.doesNotMatch(text, /KBUILD_VERBOSE/);
      assert.match(text, /\0PATH=[^\0]+bin\0/, "environments of other processes");
      assert.match(text, /behind$/m);
      assert.doesNotMatch(text, /secret of/);
      assert.ok(!text.includes(`${project.dir}/home`), "nor where the home is");
    }),
});

Deno.test({
  name: "a target that prints without end is stopped, and leaves a short log",
  ignore: !WORKS,
  fn: () =>
    withProject(async (project) => {
      const rule = `while true; do cat ${project.dir}/bin/mebibyte || exit 1; done`;
      await sabotage(project, rule);
      const { code, out } = await project.run(...BUILD, "--sandbox", "require");
      assert.equal(code, 5, out);
      assert.match(out, /make printed more than 256 MiB, and was stopped \[log-cap, kernel\]/);
      const [build] = [...Deno.readDirSync(`${project.cache}/builds`)];
      const log = await Deno.stat(`${project.cache}/builds/${build!.name}/kmatrix-build.log`);
      assert.ok(log.size < 33 << 20, `${log.size}`);
      const { usage } = JSON.parse(await project.read("run.json"));
      // Of 256 MiB that went through it, what the collector has not yet come to.
      assert.ok(usage.peakMiB < 300, `${usage.peakMiB} MiB`);
      await assertValidJunit(await project.read("junit.xml"));
      assert.deepEqual(await project.processes(), []);
    }),
});

Deno.test("without a working bubblewrap, auto goes on aloud and require refuses", () =>
  withProject(async (project) => {
    await Deno.remove(`${project.dir}/bin/bwrap`).catch(() => {});
    const auto = await project.run(...BUILD, "--sandbox", "auto", "--quiet");
    assert.equal(auto.code, 0, auto.out + auto.err);
    assert.match(auto.err, /builds run without a sandbox \(bubblewrap is not installed\)/);
    assert.equal(await property(project), "none (bubblewrap is not installed)");

    const refused = "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n";
    await Deno.writeTextFile(`${project.dir}/bin/bwrap`, refused, { mode: 0o755 });
    const denied = await project.run(...BUILD, "--sandbox", "auto");
    assert.equal(denied.code, 0);
    assert.match(await property(project) ?? "", /^none \(bwrap: No permissions to create/);
    const require = await project.run(...BUILD, "--sandbox", "require", "--no-install");
    assert.equal(require.code, 6, require.out);
    assert.match(require.out, /missing on this machine: bwrap \[missing-tool, infra\]/);
    assert.match(require.out, /No permissions to create new namespace/);
    await assertValidJunit(await project.read("junit.xml"));
  }));
