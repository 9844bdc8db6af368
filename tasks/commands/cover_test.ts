// SPDX-License-Identifier: MIT
/** `deno task cover` as a process of its own over the fake project. */
import assert from "node:assert/strict";
import type { CoverRequest } from "../core/model/model.ts";
import { declaredTests } from "../../selftests/main.ts";
import { assertWhole, readStream } from "../testing/event_lines.ts";
import { FakeProject } from "../testing/fake_project.ts";
import { record, scripted } from "../testing/recorder.ts";

const CALL: CoverRequest = { kind: "call", number: 0, args: [] };

/** Two entries that the symbolizer of this test knows, and one that it does not. */
const PCS = "81000011 81000021 81000011 c0000001";

/** One answer, whatever is asked. */
const ANSWER = [
  {
    Address: "0xffffffff81000010",
    Symbol: [{ FunctionName: "ksys_read", FileName: "fs/r.c", Line: 7 }],
  },
  {
    Address: "0xffffffff81000020",
    Symbol: [
      { FunctionName: "fdget", FileName: "fs/f.h", Line: 3 },
      { FunctionName: "ksys_read", FileName: "fs/r.c", Line: 9 },
    ],
  },
  { Address: "0xffffffffc0000000", Symbol: [{ FunctionName: "", FileName: "", Line: 0 }] },
];

let project: FakeProject;
Deno.test.beforeAll(async () => {
  project = await FakeProject.create();
  await project.write("tree/arch/x86/entry/syscalls/syscall_64.tbl", "0 common read sys_read\n");
  await project.write("bin/llvm-symbolizer-22", `#!/bin/sh\necho '${JSON.stringify(ANSWER)}'\n`);
  await Deno.chmod(`${project.dir}/bin/llvm-symbolizer-22`, 0o755);
  const attaches = { trace: { result: -9, entries: 4, full: false }, "pcs.0": PCS };
  const [pc] = declaredTests(CALL);
  const tests = [{ ...scripted(pc!.id, { do: "pass" }, { attaches }), declared: pc! }];
  const filter = ["cover.*.trace"];
  const recording = record({ cell: "fake/kcov", features: ["kcov"], filter, tests });
  await project.setBoot("fake/kcov", { recording, end: 33 });
});
Deno.test.afterAll(() => project.remove());

Deno.test("cover prints the entries of a call as functions and lines", async () => {
  const file = `${project.dir}/events`;
  const options = ["--mode", "pc", "--output-dir", project.out, "--accel", "tcg", "--events", file];
  const argv = ["cover", "fake/kcov", ...options, "--", "read", "-1", "0", "0"];
  const { code, stdout, stderr } = await project.command(argv).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(code, 0, `${out}${err}`);
  const lines = await readStream(await Deno.readTextFile(file));
  assertWhole(lines, { command: "cover", cells: ["fake/kcov"], code });
  assert.equal(
    out,
    `read(-1, 0, 0) = -9 EBADF on fake/kcov, mode pc: 4 entries, 3 PCs

ffffffff81000011  ksys_read fs/r.c:7
ffffffff81000021  fdget fs/f.h:3
                    inlined into ksys_read fs/r.c:9
ffffffff81000011  ksys_read fs/r.c:7
ffffffffc0000001  (outside vmlinux)
`,
  );
});

Deno.test("cover refuses what it cannot do, and says why", async () => {
  const cases: readonly [readonly string[], number, RegExp][] = [
    [["fake/kcov"], 2, /cover needs something to trace/],
    [["fake/kcov", "raed"], 2, /"raed" is no system call of this kernel; did you mean "read"/],
    [["fake/nokcov", "read"], 2, /fake\/nokcov has no KCOV to trace with/],
    [["fake/kcov", "--mode", "unique", "read"], 2, /has no unique mode to trace with/],
    [["fake/kcov", "--test", "kcov.*", "read"], 2, /not both/],
    [["fake/kcof", "read"], 4, /kcof/],
    [["fake/kcov", "--test", "kcov.no_such"], 4, /no test matches "kcov\.no_such"/],
  ];
  const runs = () => [...Deno.readDirSync(project.out)].length;
  const before = runs();
  for (const [args, wanted, message] of cases) {
    const { code, out, err } = await project.run("cover", ...args);
    assert.equal(code, wanted, out + err);
    assert.match(err, message);
  }
  assert.equal(runs(), before);
});
