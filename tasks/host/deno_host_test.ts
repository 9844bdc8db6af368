// SPDX-License-Identifier: MIT
/** The real host with real, short commands. */
import assert from "node:assert/strict";
import type { Host } from "./host.ts";
import { withTempDir } from "../testing/fake_host.ts";
import { denoHost } from "./deno_host.ts";
import { CONTAINMENTS, unwrapCode, WRAPPED_OK, wrappedArgv } from "./containment.ts";

function makeHost(): { host: Host; abort: () => void } {
  const controller = new AbortController();
  return {
    host: denoHost({ emit: () => {}, signal: controller.signal }),
    abort: () => controller.abort(),
  };
}

const { host } = makeHost();
const sh = (script: string, ...args: string[]) => ({ argv: ["sh", "-c", script, ...args] });

Deno.test("run() gives code and both streams of a command", async () => {
  const result = await host.run(sh('echo out "$0"; echo err >&2; exit 3', "a b'c"));
  assert.deepEqual([result.code, result.stdout, result.stderr], [3, "out a b'c\n", "err\n"]);
  assert.equal((await host.run(sh("exit 0"))).code, 0);
  assert.equal(result.timedOut, false);
});

Deno.test("run() lets what gives way run behind everything else", async () => {
  const niceness = async (givesWay: boolean) =>
    Number((await host.run({ argv: ["nice"], givesWay })).stdout);
  const own = await niceness(false);
  assert.equal(await niceness(true), Math.min(own + 10, 19));
});

Deno.test("run() tells a signal as 128 + n, and a missing program as 127", async () => {
  assert.equal((await host.run(sh("kill -9 $$"))).code, 137);
  assert.equal((await host.run(sh("kill -11 $$"))).code, 139);
  assert.equal((await host.run({ argv: ["kmatrix-no-such-program"] })).code, 127);
});

Deno.test("run() passes codes on that mean something to its own wrapper", async () => {
  assert.equal((await host.run(sh("exit 200"))).code === 0, true, "200 is the wrapper's own word");
  assert.equal((await host.run(sh("exit 199"))).code, 199);
});

Deno.test("run() takes folder and variables, and an empty variable removes one", async () => {
  await withTempDir(async (dir) => {
    const env = { KMATRIX_A: "two words", HOME: "" };
    const result = await host.run({
      ...sh('pwd; echo "$KMATRIX_A" "${HOME-unset}"'),
      cwd: dir,
      env,
    });
    assert.equal(result.stdout, `${dir}\ntwo words unset\n`);
  });
});

Deno.test("run() appends both streams to a log, in their order", async () => {
  await withTempDir(async (dir) => {
    const log = `${dir}/it's a log`;
    await Deno.writeTextFile(log, "before\n");
    const result = await host.run({ ...sh("echo 1; echo 2 >&2; echo 3"), log });
    assert.deepEqual([result.stdout, result.stderr], ["", ""]);
    assert.equal(await Deno.readTextFile(log), "before\n1\n2\n3\n");
  });
});

Deno.test("run() stops what prints without end, and keeps beginning and end of it", async () => {
  await withTempDir(async (dir) => {
    const log = `${dir}/log`;
    const script = "echo first; trap '' PIPE; yes kmatrix";
    const result = await host.run({ ...sh(script), log });
    assert.equal(result.endless, true);
    assert.equal(result.code, 137);
    assert.ok(result.leftOut! > 200 << 20, `${result.leftOut}`);
    const text = await Deno.readTextFile(log);
    assert.ok(text.length < 33 << 20, `${text.length}`);
    assert.match(text.slice(0, 20), /^first\nkmatrix\n/);
    assert.match(text, /\n\[kmatrix: \d+ bytes of the log left out\]\n/);
    const quiet = await host.run(sh("yes kmatrix"));
    assert.deepEqual([quiet.endless, quiet.stdout.length], [true, 1 << 20]);
  });
});

Deno.test("run() lets no program with a log write a file without end", async () => {
  await withTempDir(async (dir) => {
    // Sparse: only the last byte is written.
    const write = (gib: number) => sh(`printf x | dd of=${dir}/file bs=1 seek=${gib}G`);
    assert.equal((await host.run({ ...write(3), log: `${dir}/log` })).code, 0);
    assert.notEqual((await host.run({ ...write(5), log: `${dir}/log` })).code, 0);
  });
});

Deno.test("run() tells that a log does not fit on its disk", async () => {
  await assert.rejects(host.run({ ...sh("echo x"), log: "/dev/full" }), /No space left/);
});

Deno.test("run() keeps the end of an output that is very long", async () => {
  const { stdout } = await host.run(sh("yes kmatrix | head -c 4000000; echo end"));
  assert.ok(stdout.endsWith("end\n"));
  assert.ok(stdout.length < 2_500_000, `${stdout.length}`);
});

Deno.test("run() kills a command at its time limit, with everything that it started", async () => {
  await withTempDir(async (dir) => {
    const command = sh(`(sleep 30; touch ${dir}/lived) & sleep 30`);
    const startedAt = performance.now();
    const result = await host.run({ ...command, timeoutMs: 200 });
    assert.equal(result.timedOut, true);
    assert.notEqual(result.code, 0);
    assert.ok(performance.now() - startedAt < 5000);
  });
});

Deno.test("run() leaves nothing of a command that has ended, with a namespace and without", async () => {
  await withTempDir(async (dir) => {
    for (const name of ["sh", "sleep", "true"]) {
      await Deno.symlink((await host.fs.which(name))!, `${dir}/${name}`);
    }
    const path = Deno.env.get("PATH")!;
    for (const folders of [path, dir]) {
      Deno.env.set("PATH", folders);
      try {
        const said: string[] = [];
        const fresh = denoHost({
          emit: (event) => event.event === "notice" && said.push(event.text),
          signal: new AbortController().signal,
        });
        const marked = { KMATRIX_TEST: dir };
        await fresh.run({ ...sh("sleep 300 >/dev/null 2>&1 & exit 0"), env: marked });
        if (folders === dir) assert.match(said.join("\n"), /no PID namespace can be made here/);
        const left = [...Deno.readDirSync("/proc")].filter(({ name }) => {
          if (!/^\d+$/.test(name)) return false;
          try {
            return Deno.readTextFileSync(`/proc/${name}/environ`).includes(dir);
          } catch {
            return false;
          }
        });
        assert.deepEqual(left.map(({ name }) => name), [], folders);
      } finally {
        Deno.env.set("PATH", path);
      }
    }
  });
});

Deno.test("run() gives no standard input to a command", async () => {
  assert.equal((await host.run(sh("cat"))).stdout, "");
});

Deno.test("run() kills its command when the run is broken off", async () => {
  const { host, abort } = makeHost();
  setTimeout(abort, 100);
  const result = await host.run(sh("sleep 30"));
  assert.notEqual(result.code, 0);
  // And starts none afterwards.
  assert.equal((await host.run(sh("sleep 30"))).code, 130);
  assert.equal(await (await host.spawn(sh("sleep 30"))).exit, 130);
});

Deno.test("run() kills its command when the run is broken off while it is being started", async () => {
  // Each step of a start, such as between a fork and what its child does first, takes parts of a ms.
  for (let delayMs = 0; delayMs < 12; delayMs += 0.5) {
    const { host, abort } = makeHost();
    await host.run(sh("true"));
    setTimeout(abort, delayMs);
    const startedAt = performance.now();
    assert.notEqual((await host.run(sh("sleep 30"))).code, 0);
    assert.ok(performance.now() - startedAt < 3000);
  }
});

Deno.test("spawn() gives standard output as it comes, and kills on demand", async () => {
  await withTempDir(async (dir) => {
    const log = `${dir}/log`;
    const child = await host.spawn({ ...sh("echo error >&2; echo first; sleep 30"), log });
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    assert.equal(new TextDecoder().decode(value), "first\n");
    child.kill();
    assert.equal(await child.exit, 137);
    assert.equal((await reader.read()).done, true);
    assert.equal(await Deno.readTextFile(log), "error\n");
  });
});

Deno.test("sleep() ends at once when the run is broken off", async () => {
  const { host, abort } = makeHost();
  const sleeping = host.sleep(30_000);
  abort();
  await sleeping;
  await host.sleep(30_000);
});

Deno.test("usage() adds up how long each program ran", async () => {
  const { host } = makeHost();
  await host.run({ argv: ["/bin/sleep", "0.1"] });
  await host.run({ argv: ["sleep", "0.1"] });
  const { programsMs, peakMiB } = host.usage();
  assert.ok(programsMs.sleep! >= 200);
  assert.ok(peakMiB > 10);
});

Deno.test("wrappedArgv() quotes nothing: words are passed as words", () => {
  assert.deepEqual(wrappedArgv(["c"], ["a b", "$x"], {}).slice(-3), ["sh", "a b", "$x"]);
  assert.match(wrappedArgv([], ["p"], { joined: true })[2]!, /^ulimit .*; exec 2>&1; "\$@"; /);
  assert.match(wrappedArgv([], ["p"], { stderr: "/l" })[2]!, /^exec 2>>"\$0"; "\$@"; /);
  assert.deepEqual(CONTAINMENTS.none, []);
});

Deno.test("unwrapCode() takes a plain 0 for a killed wrapper", () => {
  assert.equal(unwrapCode(WRAPPED_OK), 0);
  assert.equal(unwrapCode(0), 137);
  assert.equal(unwrapCode(2), 2);
});
