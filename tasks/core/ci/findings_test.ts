// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Failure } from "../model/errors.ts";
import type { CellId, CellReport, SplatReport, Warning } from "../model/model.ts";
import { sampleCellReport, sampleRun } from "../../testing/samples.ts";
import { complaintPlace, type Finding, findingsOf, printedPlace } from "./findings.ts";

const splat = (other: Partial<SplatReport> = {}): SplatReport => ({
  ...{ id: "warning", title: "WARNING: in kcov_ioctl", during: "boot", alsoDuring: [], times: 1 },
  ...{ root: true, fingerprint: "1a2b", frames: [], allowed: null },
  ...other,
});
const frame = (place: string, ...source: string[]) => ({ place, source });
const cell = (id: string, other: Partial<CellReport> = {}) =>
  sampleCellReport({ cell: id as CellId, repeat: `again ${id}`, ...other });
const failed = (...failures: Failure[]) => ({ kind: "failed", failures }) as const;
const failure = (id: string, other: Partial<Failure> = {}): Failure => ({
  ...{ kind: "kernel", id, message: `m of ${id}`, detail: "" },
  ...other,
});
const warning = (text: string, target = "fs/select.o"): Warning => ({ target, text });
const base = (...cells: CellReport[]) => ({
  run: sampleRun(cells),
  name: "base",
  warnings: new Map<string, readonly string[]>(),
});
const brief = ({ level, title, message, cells, isNew }: Finding) =>
  [level, title, message, cells.join(" "), isNew].join(" | ");

Deno.test("printedPlace() reads what compilers, make and Kconfig print", () => {
  const cases: readonly [string, [string, number, number | null] | null][] = [
    ["/src/linux/fs/select.c:973:12: warning: stack frame size", [
      "/src/linux/fs/select.c",
      973,
      12,
    ]],
    ["kernel/fork.c:7: error: x", ["kernel/fork.c", 7, null]],
    ["./include/linux/kcov.h:3:1: note: y", ["./include/linux/kcov.h", 3, 1]],
    ["drivers/x/Kconfig:12: syntax error", ["drivers/x/Kconfig", 12, null]],
    ["In file included from a/b.c:2: ", ["a/b.c", 2, null]],
    ["rust/kernel/lib.rs:3:5: warning: unused", ["rust/kernel/lib.rs", 3, 5]],
    ["my file.c:3:5: warning: blank in its name", ["my file.c", 3, 5]],
    ["vmlinux.o: warning: objtool: f+0x1: unreachable", null],
    ["ld.lld: error: undefined symbol: kcov", null],
    ["x.c:0:1: error: no line", null],
    ["", null],
  ];
  for (const [line, due] of cases) {
    const found = printedPlace(line);
    assert.deepEqual(found && [found.file, found.line, found.column], due, line);
  }
});

Deno.test("complaintPlace() is the line that the kernel names, or that of the telling frame", () => {
  const cases: readonly [Partial<SplatReport>, string | null][] = [
    [{ title: "WARNING: at kernel/kcov.c:412 kcov_ioctl" }, "kernel/kcov.c:412"],
    [{ title: "kernel BUG at mm/slub.c:12!" }, "mm/slub.c:12"],
    [{ title: "UBSAN: shift-out-of-bounds in fs/x.c:12:3" }, "fs/x.c:12"],
    [
      { title: "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:9" },
      "kernel/locking/mutex.c:9",
    ],
    // Helpers of the report itself, and inline functions of headers, tell nothing.
    [{
      title: "BUG: KASAN: slab-out-of-bounds in kcov_ioctl",
      frames: [
        frame("dump_stack_lvl+0x1/0x2", "dump_stack_lvl lib/dump_stack.c:1"),
        frame("print_report+0x1/0x2", "print_report mm/kasan/report.c:1"),
        frame("kasan_report+0x1/0x2", "kasan_report mm/kasan/report.c:2"),
        frame(
          "kcov_ioctl+0x3/0x4",
          "get_user include/linux/uaccess.h:4",
          "kcov_ioctl_locked kernel/kcov.c:5",
          "kcov_ioctl kernel/kcov.c:9",
        ),
      ],
    }, "kernel/kcov.c:5"],
    [
      { frames: [frame("f+0x1/0x2 [usbcore]", "f drivers/usb/core/hub.c:7")] },
      "drivers/usb/core/hub.c:7",
    ],
    // A frame without a line, or without any source.
    [{ frames: [frame("f+0x1/0x2", "f fs/x.c:?"), frame("g+0x1/0x2", "g fs/y.c:2")] }, "fs/y.c:2"],
    [{ frames: [frame("f+0x1/0x2")] }, null],
    [
      { title: "BUG: at include/linux/x.h:1 f", frames: [frame("f+0x1/0x2", "f fs/x.c:2")] },
      "fs/x.c:2",
    ],
    [{}, null],
  ];
  for (const [given, due] of cases) {
    const found = complaintPlace(splat(given));
    assert.equal(found && `${found.file}:${found.line}`, due, JSON.stringify(given));
  }
});

Deno.test("findingsOf() tells each thing once, with all cells that show it", () => {
  const complaint = { fingerprint: "1a2b", title: "WARNING: at kernel/kcov.c:412 f", times: 1 };
  const warned = failure("splat", { complaint, subject: { tests: ["t"] } });
  const again = { ...warned, subject: { tests: ["u"] } };
  const broken = failure("compile-error", {
    kind: "build",
    evidence: { kind: "output", line: "fs/select.c:3:9: error: y" },
  });
  const splats = [splat({ title: complaint.title })];
  const run = sampleRun([
    cell("k/a", { verdict: failed(warned, again), splats }),
    cell("k/b", { verdict: failed(warned), splats }),
    cell("k/c", { verdict: failed(broken) }),
    cell("k/d", { verdict: { kind: "unfinished", why: "blocked by interrupt" } }),
    cell("k/e", {
      verdict: { kind: "left-out", failures: [failure("source-absent", { kind: "infra" })] },
    }),
    cell("k/f", {
      splats: [splat({
        allowed: {
          ...{ pattern: "x", cells: ["*"], reason: "known", link: "", expires: "2099-01-01" },
          place: "splats.yaml:1",
        },
      })],
    }),
    cell("k/g", { verdict: { kind: "flaky", failures: [failure("flaky")], allowed: false } }),
    cell("k/h", { verdict: { kind: "flaky", failures: [failure("flaky")], allowed: true } }),
  ], { failures: [failure("disk-full", { kind: "infra" })] });
  const same = warning("fs/select.c:9:1: warning: unused variable 'x' [-Wunused]");
  const found = findingsOf(run, new Map([["k/a", [same]], ["k/b", [same]]]), null);
  assert.deepEqual(found.map(brief), [
    "error | disk-full | m of disk-full |  | ",
    "error | splat | WARNING: at kernel/kcov.c:412 f | k/a k/b | ",
    "warning | compiler warning | unused variable 'x' [-Wunused] | k/a k/b | ",
    "error | compile-error | m of compile-error | k/c | ",
    "error | unfinished | no verdict: blocked by interrupt | k/d | ",
    "notice | source-absent | left out: m of source-absent | k/e | ",
    "notice | warning | WARNING: in kcov_ioctl (allowed: known) | k/f | ",
    "error | flaky | m of flaky | k/g | ",
  ]);
  assert.deepEqual(found.map(({ place }) => place && `${place.file}:${place.line}`), [
    ...[null, "kernel/kcov.c:412", "fs/select.c:9", "fs/select.c:3", null, null, null, null],
  ]);
  assert.equal(found[1]!.repeat, "again k/a");
});

Deno.test("findingsOf() knows what is new beside a base run", () => {
  const complaint = { fingerprint: "1a2b", title: "BUG: x", times: 1 };
  const old = failure("splat", { complaint });
  const other = failure("splat", { complaint: { ...complaint, fingerprint: "9" } });
  const run = sampleRun([
    cell("k/a", { verdict: failed(old, other) }),
    // Not a cell of the base: all of it is as it was nowhere before.
    cell("k/z", { verdict: failed(failure("panic")) }),
  ]);
  const warnings = new Map([["k/a", [
    warning("fs/x.c:10:2: warning: was on line 7 [-W]"),
    warning("fs/x.c:11:2: warning: never seen [-W]"),
  ]]]);
  const before = {
    ...base(cell("k/a", { verdict: failed(old) })),
    warnings: new Map([["k/a", ["fs/x.c: warning: was on line 7 [-W]"]]]),
  };
  assert.deepEqual(findingsOf(run, warnings, before).map(({ isNew }) => isNew), [
    ...[false, true, false, true, null],
  ]);
  // New in one of two cells is new.
  const both = sampleRun([
    cell("k/a", { verdict: failed(old) }),
    cell("k/b", { verdict: failed(old) }),
  ]);
  const half = base(cell("k/a", { verdict: failed(old) }), cell("k/b"));
  assert.deepEqual(findingsOf(both, new Map(), half).map(({ isNew }) => isNew), [true]);
});
