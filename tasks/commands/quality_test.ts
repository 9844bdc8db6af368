// SPDX-License-Identifier: MIT
/** `deno task quality` as a process of its own over the fake project. */
import assert from "node:assert/strict";
import {
  attachFilling,
  attachRuns,
  CONDITIONS,
  type QualityRequest,
} from "../../selftests/contract/quality.ts";
import { declaredTests } from "../../selftests/main.ts";
import { assertWhole, readStream } from "../testing/event_lines.ts";
import { FakeProject } from "../testing/fake_project.ts";
import { record, scripted } from "../testing/recorder.ts";

const CALL: QualityRequest = {
  ...{ kind: "quality", runs: 1000 },
  subject: { kind: "call", number: 0, args: [] },
};

const [READ, FDGET, SWITCH] = [0xffffffff81000011n, 0xffffffff81000021n, 0xffffffff81000031n];

/** One answer, whatever is asked; the last three are the beginnings of the functions. */
const ANSWER = [
  ["0xffffffff81000010", [["ksys_read", "fs/r.c", 7, "0xffffffff81000000"]]],
  ["0xffffffff81000020", [
    ["fdget", "fs/f.h", 3, "0xffffffff8100001c"],
    ["ksys_read", "fs/r.c", 9, "0xffffffff81000000"],
  ]],
  ["0xffffffff81000030", [["switch_fpu_return", "fpu.c", 30, "0xffffffff8100002c"]]],
  ["0xffffffff81000000", [["ksys_read", "fs/r.c", 5, "0xffffffff81000000"]]],
  ["0xffffffff8100002c", [["switch_fpu_return", "fpu.c", 29, "0xffffffff8100002c"]]],
] as const;

function symbolizer(): string {
  const answer = ANSWER.map(([Address, frames]) => ({
    Address,
    Symbol: frames.map(([FunctionName, FileName, Line, StartAddress]) => ({
      ...{ FunctionName, FileName, Line, StartAddress },
    })),
  }));
  return `#!/bin/sh\necho '${JSON.stringify(answer)}'\n`;
}

/** What the guest attaches in a test. */
function attachmentsOf(id: string): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  const attach = (name: string, value: unknown) => void (all[name] = value);
  if (id.startsWith("filling.")) {
    attachFilling(attach, 0, {
      ...{ subject: "call", calls: 1, result: -9, entries: 4, full: false },
      counts: new Map([[READ, 1], [FDGET, 3]]),
    });
    return all;
  }
  const isDisturbed = id.startsWith("runs.wakeup.");
  const none = { interrupted: 0, switched: 0, faulted: 0 };
  const usual = { ...none, pcs: [READ, FDGET, FDGET, FDGET], runs: 990, first: 1, last: 999 };
  const odd = { runs: 9, first: 7, last: 80, interrupted: 9, switched: 9, faulted: 0 };
  const first = { ...none, pcs: [FDGET, ...usual.pcs], runs: 1, first: 0, last: 0 };
  attachRuns(attach, 0, {
    ...{ subject: "call", runs: 1000, interrupted: 20, faulted: 0, unkept: 0 },
    switched: isDisturbed ? 12 : 0,
    traces: [usual, ...(isDisturbed ? [{ ...odd, pcs: [...usual.pcs, SWITCH] }] : []), first],
  });
  return all;
}

let project: FakeProject;
Deno.test.beforeAll(async () => {
  project = await FakeProject.create();
  await project.write("tree/arch/x86/entry/syscalls/syscall_64.tbl", "0 common read sys_read\n");
  await project.write("bin/llvm-symbolizer-22", symbolizer());
  await Deno.chmod(`${project.dir}/bin/llvm-symbolizer-22`, 0o755);
  const tests = declaredTests(CALL).map((declared) => {
    const act = declared.variant === "unique"
      ? { do: "skip", reason: "KCOV_UNIQUE_ENABLE: ENOTTY (CONFIG_KCOV_UNIQUE)" } as const
      : { do: "pass" } as const;
    return { ...scripted(declared.id, act, { attaches: attachmentsOf(declared.id) }), declared };
  });
  const recording = record({
    ...{ cell: "fake/kcov", features: ["kcov"], tests },
    filter: ["filling.*.counts", "runs.*.traces"],
  });
  await project.setBoot("fake/kcov", { recording, end: 33 });
});
Deno.test.afterAll(() => project.remove());

Deno.test("quality prints what fills the buffer, and which PCs come and go", async () => {
  const [events, json] = [`${project.dir}/events`, `${project.dir}/quality.json`];
  const options = ["--output-dir", project.out, "--accel", "tcg", "--events", events];
  const argv = ["quality", "fake/kcov", ...options, "--json", json, "--", "read", "-1", "0", "0"];
  const { code, stdout, stderr } = await project.command(argv).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(code, 0, `${out}${err}`);
  const lines = await readStream(await Deno.readTextFile(events));
  assertWhole(lines, { command: "quality", cells: ["fake/kcov"], code });
  assert.equal(
    out,
    `read(-1, 0, 0) = -9 EBADF on fake/kcov
mode pc: 4 entries; 0 of 1 overflow a buffer of 2048 words (room for 2047)

Most entries in mode pc: 1 of 1
mode pc  entries  function
100.0 %        4  ksys_read fs/r.c:5

        runs  entries  warm-up  odd later  context switch  of the odd  page fault  of the odd  interrupt  of the odd
alone   1000        4        1          0               0           0           0           0         20           0
plain   1000        4        1          0               0           0           0           0         20           0
timer   1000        4        1          0               0           0           0           0         20           0
wakeup  1000        4        1          9              12           9           0           0         20           9
yield   1000        4        1          0               0           0           0           0         20           0
signal  1000        4        1          0               0           0           0           0         20           0

2 PCs that come (+) or go (-), in so many runs
PC                  alone  plain  timer  wakeup  yield  signal  function               line              comes with
0xffffffff81000031                           +9                 switch_fpu_return+0x5  fpu.c:30          a context switch
0xffffffff81000021     +1     +1     +1      +1     +1      +1  ksys_read+0x21         fs/f.h:3 (fdget)  the first runs

Changes as they stand in a trace: 2 of 2
+ 1 entry after ksys_read+0x21, at the end: switch_fpu_return
    runs: wakeup 9; of them 9 with a context switch, 0 with a page fault, 9 with an interrupt
+ 1 entry at the beginning, before ksys_read+0x11: ksys_read
    runs: alone 1 at first, plain 1 at first, timer 1 at first, wakeup 1 at first, yield 1 at first, signal 1 at first; of them 0 with a context switch, 0 with a page fault, 0 with an interrupt
`,
  );
  const data = JSON.parse(await Deno.readTextFile(json));
  assert.equal(data.runs.length, CONDITIONS.length);
  assert.deepEqual(data.modes.pc.shares, [
    { name: "ksys_read", place: "fs/r.c:5", entries: 4, share: 1 },
  ]);
  const [first, second, ...others] = data.unstable;
  assert.deepEqual(others, []);
  assert.deepEqual(first, {
    ...{ pc: "0xffffffff81000031", symbol: "switch_fpu_return+0x5", line: "fpu.c:30" },
    ...{ runs: { wakeup: { added: 9, missing: 0 } }, warmUp: false },
    ...{ around: ["switched"], only: ["wakeup"] },
  });
  assert.deepEqual([second.warmUp, second.only, second.around], [true, null, []]);
});

Deno.test("quality refuses what it cannot do, and says why", async () => {
  const cases: readonly [readonly string[], number, RegExp][] = [
    [["fake/kcov", "raed"], 2, /"raed" is no system call of this kernel; did you mean "read"/],
    [["fake/nokcov", "read"], 2, /fake\/nokcov has no KCOV to trace with/],
    [["fake/kcov", "--programs", "read"], 2, /not both/],
    [["fake/kcov", "--buffer-words", "513"], 2, /--buffer-words 513: unique mode needs 512/],
    [["fake/kcov", "--repeat", "0", "read"], 2, /a whole number above 0/],
    [["fake/kcov", "--by", "line", "read"], 2, /function, inlined, file/],
    [["fake/*", "read"], 2, /quality takes one cell; "fake\/\*" names fake\//],
    [["fake/kcof", "read"], 4, /kcof/],
  ];
  const runs = () => [...Deno.readDirSync(project.out)].length;
  const before = runs();
  for (const [args, wanted, message] of cases) {
    const { code, out, err } = await project.run("quality", ...args);
    assert.equal(code, wanted, out + err);
    assert.match(err, message);
  }
  assert.equal(runs(), before);
});
