// SPDX-License-Identifier: MIT
/** The scripts are run: with the system's shell, and a QEMU that plays a recording. */
import assert from "node:assert/strict";
import type { DeclaredTest, TestOutcome, TestResult } from "../model/model.ts";
import { withTempDir } from "../../testing/fake_host.ts";
import { record, type Script, scripted } from "../../testing/recorder.ts";
import { CLANG, UNI } from "../../testing/samples.ts";
import { COMPLAINT } from "./repro_boot.ts";
import { type BootFacts, expectedTests, failedTests, type ReproFacts } from "./repro_facts.ts";
import { reproScript } from "./repro_script.ts";
import { findSplats } from "../console/splats.ts";
import { sha256 } from "../text/digest.ts";

const FACTS: ReproFacts = {
  cell: "linux-6.12/kcov",
  stage: "boot",
  recorded: ["f.v.b: Error: it's 7"],
  repeat: "npx --yes deno task repro linux-6.12/kcov",
  source: { kind: "debian", package: "linux-source-6.12" },
  version: "6.12.1-1",
  identity: null,
  series: [{ name: "0001-a.patch", strip: 1 }],
  make: { toolchain: CLANG, variables: {} },
  plugin: null,
  targets: ["vmlinux"],
  base: ["tinyconfig"],
  config: "0".repeat(64),
  request: [],
  boot: null,
};
const IMAGE = { path: "/gone/vmlinux", file: "vmlinux", name: "vmlinux" };
const BOOT: Omit<BootFacts, "digests" | "image"> = {
  machine: UNI,
  accel: "tcg",
  timeoutSeconds: 20,
  expected: [{ id: "f.v.a", want: "ok" }, { id: "f.v.b", want: "ok" }, {
    id: "f.v.c",
    want: "skip",
  }],
  failed: ["f.v.b"],
  complained: [],
  beyond: [],
  allowed: [],
  complaints: false,
  complete: true,
};
/** What was recorded: b fails, c is left out. */
const SCRIPT: Script = {
  tests: [
    scripted("f.v.a"),
    scripted("f.v.b", { do: "fail", message: "expected 0, saw 7" }),
    scripted("f.v.c", { do: "skip", reason: "no kcov" }),
  ],
};

interface Ran {
  readonly code: number;
  readonly out: string;
}

/** Runs the script of these facts over a guest that does what the recording says. */
async function run(
  script: Script,
  exit: number,
  boot: Partial<BootFacts> = {},
  spoil: (dir: string) => Promise<void> = () => Promise.resolve(),
): Promise<Ran> {
  let ran: Ran | undefined;
  await withTempDir(async (dir) => {
    const write = (name: string, content: string | Uint8Array) =>
      typeof content === "string"
        ? Deno.writeTextFile(`${dir}/${name}`, content)
        : Deno.writeFile(`${dir}/${name}`, content);
    const { console, results } = record(script);
    await write("console", console);
    await write("results", results);
    await write("vmlinux", "kernel");
    await write("initramfs.cpio", "guest");
    await write(
      "qemu",
      `#!/bin/sh
for word; do case $word in file,id=results,path=*) results=\${word#*path=};; esac; done
cat "${dir}/console"; cat "${dir}/results" > "$results"; exit ${exit}
`,
    );
    await Deno.chmod(`${dir}/qemu`, 0o755);
    const digests = { image: await sha256("kernel"), initramfs: await sha256("guest") };
    const facts = { ...FACTS, boot: { ...BOOT, ...boot, digests, image: IMAGE } };
    await write("repro.sh", reproScript(facts));
    await spoil(dir);
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: [`${dir}/repro.sh`, `${dir}/work`],
      env: { QEMU: `${dir}/qemu` },
    }).output();
    const text = new TextDecoder();
    ran = { code, out: text.decode(stdout) + text.decode(stderr) };
  });
  return ran!;
}

const tests = (change: (script: Script["tests"][number]) => Script["tests"][number]): Script => ({
  tests: SCRIPT.tests.map(change),
});

Deno.test("repro.sh shows the recorded failure with what the test said", async () => {
  const { code, out } = await run(SCRIPT, 33);
  assert.equal(code, 1, out);
  assert.match(out, /^recorded:\n {2}f\.v\.b: Error: it's 7$/m);
  assert.match(out, /^not ok: f\.v\.b\n {4}AssertionError: expected 0, saw 7$/m);
  assert.match(out, /^FAILED, as recorded$/m);
  assert.doesNotMatch(out, /f\.v\.[ac]/);
});

Deno.test("repro.sh says when the failure does not show, and when another one does", async () => {
  const sound = await run(
    tests((test) => ({ ...test, act: test.declared.id === "f.v.c" ? test.act : { do: "pass" } })),
    33,
  );
  assert.equal(sound.code, 0, sound.out);
  assert.match(sound.out, /^passed: the recorded failure does not show$/m);
  const other = await run(tests((test) => ({ ...test, act: { do: "pass" } })), 33);
  assert.equal(other.code, 1);
  assert.match(other.out, /^ok, not skip: f\.v\.c$/m);
  assert.match(other.out, /^FAILED, in another way than recorded$/m);
});

Deno.test("repro.sh counts a missing result, an early end and a wrong exit code as failures", async () => {
  const gone = tests((test) =>
    test.declared.id === "f.v.b" ? { ...test, act: { do: "vanish" } } : test
  );
  const { code, out } = await run(gone, 0, { failed: ["f.v.b", "f.v.c"], complete: false });
  assert.equal(code, 1, out);
  assert.match(out, /^no result, not ok: f\.v\.b$/m);
  assert.match(out, /^the guest did not come to its end \(QEMU: 0\)/m);
  assert.match(out, /^FAILED, as recorded$/m);
  assert.match((await run(SCRIPT, 35)).out, /^FAILED, in another way than recorded$/m);
});

Deno.test("repro.sh names the first few tests without a result, and counts the others", async () => {
  const ids = [1, 2, 3, 4, 5].map((number) => `g.v.t${number}`);
  const expected = [...BOOT.expected, ...ids.map((id) => ({ id, want: "ok" as const }))];
  const { code, out } = await run(SCRIPT, 33, { expected, failed: ["f.v.b", ...ids] });
  assert.equal(code, 1, out);
  assert.deepEqual(
    out.match(/^no result, not ok: .*$/gm),
    ids.slice(0, 3).map((id) => `no result, not ok: ${id}`),
  );
  assert.match(out, /^2 more tests have no result$/m);
  assert.match(out, /^FAILED, as recorded$/m);
});

Deno.test("repro.sh shows what the kernel complained of, but for what is allowed", async () => {
  const title = "WARNING: CPU: 0 PID: 70 at kernel/kcov.c:10 f+0x1/0x2";
  const loud = tests((test) => test.declared.id === "f.v.a" ? { ...test, console: [title] } : test);
  const spoiled = await run(loud, 33, { complaints: true, complained: ["f.v.a"] });
  assert.match(spoiled.out, /^WARNING: CPU: 0 PID: 70 at kernel\/kcov\.c:10 f\+0x1\/0x2$/m);
  assert.match(spoiled.out, /^FAILED, as recorded$/m);
  assert.match((await run(loud, 33)).out, /^FAILED, in another way than recorded$/m);
  const allowed = await run(loud, 33, { allowed: [`${title} in f`] });
  assert.doesNotMatch(allowed.out, /WARNING/);
  assert.match(allowed.out, /^FAILED, as recorded$/m);
});

Deno.test("repro.sh boots nothing but what was recorded", async () => {
  const changed = await run(
    SCRIPT,
    33,
    {},
    (dir) => Deno.writeTextFile(`${dir}/initramfs.cpio`, "x"),
  );
  assert.equal(changed.code, 2);
  assert.match(changed.out, /initramfs\.cpio is not the recorded one/);
  const gone = await run(SCRIPT, 33, {}, async (dir) => {
    await Deno.writeTextFile(`${dir}/vmlinux`, "kernel, and a byte more");
    const script = await Deno.readTextFile(`${dir}/repro.sh`);
    await Deno.writeTextFile(`${dir}/repro.sh`, script.replaceAll("/usr/src/", `${dir}/none/`));
  });
  assert.equal(gone.code, 2);
  assert.match(gone.out, /the recorded vmlinux is gone or changed: building it/);
  assert.match(gone.out, /install linux-source-6\.12/);
});

Deno.test("repro.sh holds the make lines, with the folders of its own", () => {
  const text = reproScript({ ...FACTS, stage: "build" });
  assert.match(text, /take -p1 "\$here\/series\/0001-a\.patch"/);
  assert.match(text, /make \\\n\t+-C \\\n\t+"\$source"/);
  assert.match(text, /"O=\$build" \\\n\t+LLVM=-22 /);
  assert.match(text, /"KCFLAGS=-gline-tables-only -ffile-prefix-map=\$source\/= /);
  assert.match(text, /-j"\$\(nproc\)"/);
  assert.doesNotMatch(text, /\/@/);
});

/** Scripts of all stages, sources and outcomes. */
function variants(): ReproFacts[] {
  const digests = { image: "0".repeat(64), initramfs: "1".repeat(64) };
  const boot = { ...BOOT, digests, image: IMAGE };
  const odd = ["a $(b) `c` 'd' \\ \"e\"\nEND of it"];
  const sources = [
    FACTS.source,
    { kind: "tarball", location: "https://a.example/l.tar", sha256: "2".repeat(64) },
    { kind: "tarball", location: "/a b/l.tar", sha256: "2".repeat(64) },
    { kind: "git", repository: "https://a.example/l.git", ref: "v6.12" },
    { kind: "tree", path: "/home/a b/linux" },
  ] as const;
  const request = ["CONFIG_A=y", "# CONFIG_B is not set"];
  const stages = ["patch", "configure", "build", "inspect"] as const;
  const spec = { kind: "debian", package: "linux-source-7.3", suite: "trixie-backports" } as const;
  const identity = {
    ...{ kernel: "k", spec, version: "7.3.4-1~bpo13+1", digest: "d", patches: [], tree: null },
    sha256: "3".repeat(64),
  };
  return [
    { ...FACTS, stage: "build", source: spec, version: identity.version, identity },
    ...sources.flatMap((source) =>
      stages.map((stage) => ({
        ...{ ...FACTS, source, stage, request, recorded: odd },
        config: stage === "patch" || stage === "configure" ? null : FACTS.config,
      }))
    ),
    { ...FACTS, boot },
    { ...FACTS, boot: { ...boot, complained: ["f.v.a"], allowed: ["WARNING: it's"], failed: [] } },
    { ...FACTS, boot: { ...boot, beyond: ["c.p.x"], failed: [], complete: false } },
  ];
}

const onPath = async (program: string): Promise<boolean> => {
  try {
    return (await new Deno.Command(program, { args: ["--version"] }).output()).success;
  } catch {
    return false;
  }
};

Deno.test("repro.sh of each kind is a script that a shell can read, and ShellCheck praises", async () => {
  await withTempDir(async (dir) => {
    const files: string[] = [];
    for (const [index, facts] of variants().entries()) {
      const file = `${dir}/${index}.sh`;
      await Deno.writeTextFile(file, reproScript(facts));
      files.push(file);
      const { success } = await new Deno.Command("sh", { args: ["-n", file] }).output();
      assert.ok(success, file);
    }
    // Where it is not installed, the shell's own word has to do.
    if (!(await onPath("shellcheck"))) return;
    const { stdout } = await new Deno.Command("shellcheck", { args: files }).output();
    assert.equal(new TextDecoder().decode(stdout), "");
  });
});

Deno.test("the complaints of repro.sh are those that are known as splats", () => {
  const titles = [
    ...["Kernel panic - not syncing: x", "PANIC: double fault", "traps: PANIC: double fault"],
    ...["BUG: KASAN: use-after-free in f", "BUG: unable to handle page fault", "UBSAN: shift"],
    ...[
      "watchdog: BUG: soft lockup - CPU#0 stuck",
      "kernel BUG at mm/slub.c:1!",
      "Oops: 0002 [#1]",
    ],
    ...["general protection fault: 0000", "Oops: general protection fault", "int3: 0000"],
    ...[
      "rcu: INFO: rcu_sched self-detected stall on CPU",
      "INFO: task a:1 blocked for more than 1 s",
    ],
    ...["list_add corruption. prev", "refcount_t: underflow", "init invoked oom-killer: gfp"],
    ...[
      "WARNING: CPU: 0 PID: 1 at a.c:1",
      "WARNING: possible circular locking",
      "irq 9: nobody cared",
    ],
    ...["kmemleak: 1 new suspected memory leaks", "CFI failure at f", "BUG kmalloc-64 (x): Poison"],
    ...["ODEBUG: free active", "unregister_netdevice: waiting for lo to become free."],
    ...["VFS: Busy inodes after unmount of sda", "memcpy: detected field-spanning write"],
    ...["INFO: task a:1 can't die for more than 1 s", "Unable to handle kernel paging request"],
    ...["a: page allocation failure: order:3", "unreferenced object 0xffff (size 8):"],
  ];
  const complaint = new RegExp(`^(${COMPLAINT})`);
  for (const title of titles) {
    assert.match(title, complaint);
    assert.equal(findSplats(`[    1.000000] ${title}\n`).length, 1, title);
  }
  for (
    const line of ["Linux version 6.12", "random: crng init done", "kmatrix: DONE", "debug: x"]
  ) {
    assert.doesNotMatch(line, complaint);
  }
});

Deno.test("expectedTests() and failedTests() go by what each test requires", () => {
  const declared = SCRIPT.tests.map(({ declared }): DeclaredTest =>
    declared.id === "f.v.c" ? { ...declared, requires: ["kcov"] } : declared
  );
  const result = (id: string, outcome: TestOutcome): TestResult => ({
    ...{ id, fixture: "f", name: id, file: "f.ts", durationMs: 0, outcome, diagnostics: [] },
    attachments: {},
  });
  const failure = (id: string) => ({ kind: "test", id, message: "m", detail: "" }) as const;
  const complaint = { fingerprint: "0", title: "t", times: 1 };
  const boot = {
    record: { features: [] },
    result: {
      tests: [
        result("f.v.a", { kind: "failed", failure: { ...failure("splat-warning"), complaint } }),
        result("f.v.b", { kind: "failed", failure: failure("test-failed") }),
        result("f.v.c", { kind: "not-run", by: "panic" }),
        result("c.program.x", { kind: "failed", failure: failure("c-test-failed") }),
      ],
    },
    declared,
    expect: { kind: "pass" },
  } as const;
  assert.deepEqual(expectedTests(boot).map(({ want }) => want), ["ok", "ok", "skip"]);
  assert.deepEqual(failedTests(boot), {
    failed: ["f.v.b", "f.v.c"],
    complained: ["f.v.a"],
    beyond: ["c.program.x"],
  });
  const excused = { kind: "fail", tests: ["f.v.b"], reason: "", link: "", expires: "" } as const;
  const known = { ...boot, expect: excused };
  assert.deepEqual(expectedTests(known).map(({ want }) => want), ["ok", "any", "skip"]);
  assert.deepEqual(failedTests(known).failed, ["f.v.c"]);
});
