// SPDX-License-Identifier: MIT
/** `deno task dataflow` as a process of its own over the fake project. */
import assert from "node:assert/strict";
import { type DataflowRecord, encodeDataflow } from "../../selftests/contract/dataflow.ts";
import {
  DATAFLOW_ATTACHMENT,
  DATAFLOW_CALL_TEST,
  type DataflowFacts,
  packRing,
} from "../../selftests/contract/dataflow_call.ts";
import { declaredTests } from "../../selftests/main.ts";
import { assertWhole, readStream } from "../testing/event_lines.ts";
import { FakeProject } from "../testing/fake_project.ts";
import { record, scripted } from "../testing/recorder.ts";

const CELL = "fake/kcov";
const SEEK = 0xffffffff81000100n;
const INNER = 0xffffffff81000200n;
const EINVAL = BigInt.asUintN(64, -22n);

const of = (type: "entry" | "return", pc: bigint, values: readonly bigint[], index = 0) => ({
  ...{ type, pc, values, index, size: 8, address: 0n, number: 0 },
});
const RECORDS: readonly DataflowRecord[] = [
  { ...of("entry", SEEK, [5n, 0xbadadd85n]), size: 168, address: 0xffffc90000013f58n },
  of("entry", INNER, [5n]),
  { ...of("entry", INNER + 1n, [0x4dn], 1), size: 4 },
  of("return", INNER + 0x10n, [EINVAL]),
  of("return", SEEK + 0x10n, [EINVAL]),
].map((one, number) => ({ ...one, number }));

const frame = (name: string, line: number, start: bigint) => ({
  ...{ FunctionName: name, FileName: "fs/rw.c", Line: line },
  StartAddress: `0x${start.toString(16)}`,
});
const symbol = (pc: bigint, name: string, line: number, start: bigint) => ({
  Address: `0x${pc.toString(16)}`,
  Symbol: [frame(name, line, start)],
});
const SYMBOLS = [
  symbol(SEEK, "__x64_sys_lseek", 386, SEEK - 8n),
  symbol(SEEK + 0x10n, "__x64_sys_lseek", 388, SEEK - 8n),
  symbol(INNER, "ksys_lseek", 370, INNER - 8n),
  symbol(INNER + 1n, "ksys_lseek", 370, INNER - 8n),
  symbol(INNER + 0x10n, "ksys_lseek", 377, INNER - 8n),
];

/** What llvm-dwarfdump says of a unit; the first entry is all it says of all units. */
const UNIT = `0x0000000c: DW_TAG_compile_unit
              DW_AT_name\t("fs/rw.c")
              DW_AT_low_pc\t(0xffffffff81000000)
              DW_AT_high_pc\t(0xffffffff81001000)
`;
const INSIDE = `
0x00000020:   DW_TAG_subprogram
                DW_AT_low_pc\t(0xffffffff810000f8)
                DW_AT_high_pc\t(0xffffffff81000180)
                DW_AT_name\t("__x64_sys_lseek")
                DW_AT_prototyped\t(true)
                DW_AT_type\t(0x00000080 "long")

0x00000030:     DW_TAG_formal_parameter
                  DW_AT_name\t("regs")
                  DW_AT_type\t(0x00000090 "const pt_regs *")

0x00000040:   DW_TAG_subprogram
                DW_AT_low_pc\t(0xffffffff810001f8)
                DW_AT_high_pc\t(0xffffffff81000280)
                DW_AT_name\t("ksys_lseek")
                DW_AT_prototyped\t(true)
                DW_AT_type\t(0x00000080 "long")

0x00000050:     DW_TAG_formal_parameter
                  DW_AT_name\t("file")
                  DW_AT_type\t(0x00000080 "long")

0x00000060:     DW_TAG_formal_parameter
                  DW_AT_name\t("whence")
                  DW_AT_type\t(0x00000088 "unsigned int")

0x00000080:   DW_TAG_base_type
                DW_AT_name\t("long")
                DW_AT_encoding\t(DW_ATE_signed)
                DW_AT_byte_size\t(0x08)

0x00000088:   DW_TAG_base_type
                DW_AT_name\t("unsigned int")
                DW_AT_encoding\t(DW_ATE_unsigned)
                DW_AT_byte_size\t(0x04)

0x00000090:   DW_TAG_pointer_type
                DW_AT_type\t(0x00000098 "const pt_regs")

0x00000098:   DW_TAG_const_type
                DW_AT_type\t(0x000000a0 "pt_regs")

0x000000a0:   DW_TAG_structure_type
                DW_AT_name\t("pt_regs")
                DW_AT_byte_size\t(0xa8)

0x000000a8:     DW_TAG_member
                  DW_AT_name\t("di")
                  DW_AT_type\t(0x00000080 "long")
                  DW_AT_data_member_location\t(0x00)

0x000000b0:     DW_TAG_member
                  DW_AT_name\t("si")
                  DW_AT_type\t(0x00000080 "long")
                  DW_AT_data_member_location\t(0x08)
`;

const TREE = `lseek(5, 0, whence=77) = -22 EINVAL on fake/kcov: 2 calls, 5 records

__x64_sys_lseek(const struct pt_regs *regs=0xffffc90000013f58) = -22 EINVAL  fs/rw.c:386
    regs: di=5, si=?
  ksys_lseek(long file=5, unsigned int whence=77) = -22 EINVAL  fs/rw.c:370  <- EINVAL is born here, returned in fs/rw.c:377
`;

let project: FakeProject;
const OPTIONS = ["--kconfig-add", "CONFIG_KCOV_DATAFLOW=y"];
const CALL = ["--", "lseek", "5", "0", "whence=77"];

async function setRing(ring: BigUint64Array, words = ring.length): Promise<void> {
  const facts: DataflowFacts = { result: -22, words, ring: words + 1000, displacement: 0 };
  const attaches = { [DATAFLOW_ATTACHMENT]: facts, ...Object.fromEntries(packRing(ring)) };
  const [test] = declaredTests({ kind: "dataflow", number: 8, args: [] });
  assert.equal(test?.id, DATAFLOW_CALL_TEST);
  const tests = [{ ...scripted(test.id, { do: "pass" }, { attaches }), declared: test }];
  const features = ["kcov", "dataflow"] as const;
  const recording = record({ cell: CELL, features, filter: [DATAFLOW_CALL_TEST], tests });
  await project.setBoot(CELL, { recording, end: 33 });
}
const wordsOf = (records: readonly DataflowRecord[]) =>
  records.reduce((sum, { values }) => sum + 3 + values.length, 1);
const ringOf = (records: readonly DataflowRecord[]) => encodeDataflow(records, wordsOf(records));

async function program(name: string, text: string): Promise<void> {
  await project.write(`bin/${name}`, `#!/bin/sh\n${text}`);
  await Deno.chmod(`${project.dir}/bin/${name}`, 0o755);
}

Deno.test.beforeAll(async () => {
  project = await FakeProject.create();
  await project.write("tree/arch/x86/entry/syscalls/syscall_64.tbl", "8 common lseek sys_lseek\n");
  await project.write(
    "tree/include/linux/syscalls.h",
    "asmlinkage long sys_lseek(unsigned int fd, off_t offset, unsigned int whence);\n",
  );
  await project.write("tree/include/uapi/asm-generic/errno-base.h", "#define\tEINVAL\t\t22\n");
  await program("llvm-symbolizer-22", `echo '${JSON.stringify(SYMBOLS)}'\n`);
  await project.write("unit", UNIT);
  await project.write("inside", INSIDE);
  await program(
    "llvm-dwarfdump-22",
    `cat ${project.dir}/unit
case "$*" in *--debug-info=0xc\\ *) cat ${project.dir}/inside;; esac
`,
  );
});
Deno.test.beforeEach(() => setRing(ringOf(RECORDS)));
Deno.test.afterAll(() => project.remove());

Deno.test("dataflow prints the calls with names, types and values, and where an error was born", async () => {
  const [file, json] = [`${project.dir}/events`, `${project.dir}/tree.json`];
  const { code, out, err } = await project.run(
    ...["dataflow", CELL, ...OPTIONS, "--events", file, "--json", json, ...CALL],
  );
  assert.equal(code, 0, `${out}${err}`);
  const run = await project.newestRun();
  assert.equal(out, `${TREE}\npage: ${run}/report.html\n`);
  assertWhole(await readStream(await Deno.readTextFile(file)), {
    ...{ command: "dataflow", cells: [CELL], code },
  });
  const written = await Deno.readTextFile(json);
  assert.equal(written, await project.read(`${CELL}/dataflow.json`));
  const [root] = JSON.parse(written).calls;
  assert.deepEqual(root.arguments[0].fields[1], {
    name: "si",
    type: "long",
    value: "?",
    raw: null,
  });
  assert.equal(root.calls[0].arguments[1].raw, "0x4d");
  assert.equal(root.calls[0].bornHere, true);
  const page = await project.read("report.html");
  assert.match(page, /ksys_lseek/);
  assert.match(page, /dataflow\\?\.json|dataflow\.json/);
  assert.doesNotMatch(await project.read("run.json"), /words\.0/);
  // The page is made again of what lies in the folder.
  const again = await project.run("report", run);
  assert.equal(again.code, 0, again.err);
  assert.equal(await project.read("report.html"), page);
});

Deno.test("dataflow shows as much as it is asked for", async () => {
  const shown = async (...words: readonly string[]) => {
    const { code, out, err } = await project.run("dataflow", CELL, ...OPTIONS, ...words, ...CALL);
    assert.equal(code, 0, `${out}${err}`);
    return out.split("\n").slice(2, -3).join("\n");
  };
  assert.match(await shown("--no-fields"), /^__x64_sys_lseek.*386\n {2}ksys_lseek/);
  assert.match(await shown("--depth", "1"), /\n {2}… 1 call, EINVAL is born in one$/);
  const inner = await shown("--function", "ksys_*");
  assert.match(inner, /^in __x64_sys_lseek:\nksys_lseek\(/);
  assert.match(await shown("--function", "vfs_*"), /^\(no call of vfs_\* is recorded\)$/);
});

Deno.test("dataflow says what is missing: a full buffer, a cut record, numbers that are not there", async () => {
  const notes = async () => {
    const { code, out, err } = await project.run("dataflow", CELL, ...OPTIONS, ...CALL);
    assert.equal(code, 0, `${out}${err}`);
    return out.split("\n").filter((line) => /^note: |missing/.test(line)).join("\n");
  };
  assert.equal(await notes(), "");
  const ring = ringOf(RECORDS);
  ring[0] = BigInt(ring.length - 2);
  await setRing(ring.slice(0, -1), ring.length - 1);
  assert.match(
    await notes(),
    /^note: the record at word \d+ .* goes on behind the last word.*: what follows is left out$/,
  );
  await setRing(ringOf(RECORDS.filter((_, at) => at !== 2)));
  assert.match(await notes(), /note: 1 record is missing, by their numbers/);
  await setRing(ringOf(RECORDS.slice(0, 3)));
  const found = await notes();
  assert.match(found, /no return is recorded/);
  assert.match(found, /no recorded function returned EINVAL/);
});

Deno.test("dataflow refuses what it cannot do, and says why", async () => {
  const cases: readonly [readonly string[], number, RegExp][] = [
    [[CELL, ...OPTIONS], 2, /dataflow needs a system call to trace/],
    [["fake/*", ...OPTIONS, ...CALL], 2, /dataflow takes one cell; "fake\/\*" names fake\//],
    [[CELL, ...CALL], 2, /fake\/kcov has no KCOV dataflow to trace with \(CONFIG_KCOV_DATAFLOW\)/],
    [[CELL, ...OPTIONS, "--", "lseke", "5"], 2, /"lseke" is no system call of this kernel; did/],
    [
      [CELL, ...OPTIONS, "--", "lseek", "whense=1"],
      2,
      /lseek has no argument "whense"; did you mean/,
    ],
    [
      [CELL, ...OPTIONS, "--", "lseek", "fdd"],
      2,
      /"fdd" is a text, but argument 1 of lseek is a number/,
    ],
    [["fake/kcof", ...OPTIONS, ...CALL], 4, /kcof/],
  ];
  const runs = () => [...Deno.readDirSync(project.out)].length;
  const before = runs();
  const compiled = await project.started("clang");
  for (const [args, wanted, message] of cases) {
    const { code, out, err } = await project.run("dataflow", ...args);
    assert.equal(code, wanted, out + err);
    assert.match(err, message);
  }
  assert.equal(runs(), before);
  assert.equal(await project.started("clang"), compiled, "nothing is compiled for it");
});
