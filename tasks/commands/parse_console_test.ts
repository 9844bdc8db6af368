// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Failure } from "../core/model/errors.ts";
import { exitCodeOfAll } from "../core/model/failure_kinds.ts";
import { PLAIN } from "../core/report/summary.ts";
import { pathsFor } from "../core/model/paths.ts";
import { rejectionOf } from "../testing/errors.ts";
import { DENO_TASK } from "../cli/called_as.ts";
import { EventReaders } from "../host/event_readers.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { assertValidJunit } from "../testing/junit.ts";
import { tinyKernel } from "../testing/tiny_elf.ts";
import { type ConsoleValues, parseConsoleCommand } from "./parse_console.ts";

const OOPS = `[    7.000000] BUG: kernel NULL pointer dereference, address: 0000000000000018
[    7.000000] RIP: 0010:basket_put+0x12/0x20
[    7.000000] Call Trace:
[    7.000000]  basket_release+0x10/0x20
[    7.000000] ---[ end trace 0000000000000000 ]---
`;
const kernel = (size: number) =>
  tinyKernel({
    calls: {},
    symbols: [
      { name: "basket_put", value: 0xffffffff81000000n, section: 3, size },
      { name: "basket_release", value: 0xffffffff81000040n, section: 3, size },
    ],
  });

interface Outcome {
  readonly failures: readonly Failure[];
  readonly printed: string;
  readonly messages: readonly string[];
  read(name: string): Promise<string>;
}

/** Judges a log in a project of its own. */
async function parsed(
  log: string,
  options: ConsoleValues,
  look: (outcome: Outcome) => Promise<void> | void,
  vmlinux: Uint8Array = kernel(0x1d),
): Promise<void> {
  await withTempDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/log`, log);
    await Deno.writeFile(`${dir}/vmlinux`, vmlinux);
    await Deno.writeTextFile(
      `${dir}/matrix.yaml`,
      "toolchains: { clang-22: { llvm: '-22' } }\nmachines: { uni: { cpus: 1, memoryMiB: 64 } }\n" +
        "configs: { base: { fragments: [base] } }\nproduct: [{ kernels: [k], configs: [base] }]\n",
    );
    await Deno.mkdir(`${dir}/kernels/k`, { recursive: true });
    await Deno.writeTextFile(
      `${dir}/kernels/k/kernel.yaml`,
      "source: { debian: linux-source-6.12 }\n",
    );
    await Deno.mkdir(`${dir}/configs`);
    await Deno.writeTextFile(`${dir}/configs/base.config`, "");
    const host = new FakeHost({
      answer: ({ argv }) => ({
        stdout: JSON.stringify(
          argv.filter((word) => word.startsWith("0x")).map((Address) => ({
            Address,
            Symbol: [{ FunctionName: "f", FileName: "drivers/misc/basket.c", Line: 7 }],
          })),
        ),
      }),
    });
    let printed = "";
    const terminal = {
      ...{ style: PLAIN, width: 160, show: () => {}, error: () => {}, command: () => {} },
      print: (text: string) => void (printed += `${text}\n`),
    };
    const failures = await parseConsoleCommand(
      "log",
      options,
      {
        ...{
          host,
          terminal,
          readers: new EventReaders(),
          paths: pathsFor(dir, null, null),
          interruptedBy: () => null,
        },
        absolute: (path) => `${dir}/${path}`,
        caller: { folder: dir, tree: null, matrix: null, inProject: true },
        calledAs: DENO_TASK,
        command: "parse",
      },
    );
    const read = (name: string) => Deno.readTextFile(`${dir}/${name}`);
    await look({ failures, printed, messages: host.messages, read });
  });
}

Deno.test("parse --console ends with 3 for a complaint, and with 0 for a log without", async () => {
  await parsed(OOPS, {}, ({ failures, printed }) => {
    assert.equal(exitCodeOfAll(failures), 3);
    assert.match(printed, /^page-fault: BUG: kernel NULL .*\n {2}in basket_put, fingerprint/);
  });
  await parsed("[    1.000000] all is well\n", {}, ({ failures, printed }) => {
    assert.equal(exitCodeOfAll(failures), 0);
    assert.equal(printed, "log: no complaint of the kernel\n");
  });
});

Deno.test("parse --console ends with 4 for a file in which no kernel has written", async () => {
  for (const text of ["", "some words\nand others\n", "\x00\xff\x01"]) {
    const error = await rejectionOf(parsed(text, {}, () => {}));
    assert.deepEqual([error.kind, error.id], ["no-match", "no-kernel-log"]);
  }
});

Deno.test("parse --console --vmlinux shows source lines of the kernel that the log is of", async () => {
  await parsed(OOPS, { vmlinux: "vmlinux", json: "-" }, ({ printed, messages }) => {
    const { vmlinux, complaints } = JSON.parse(printed);
    assert.deepEqual([vmlinux.compared, vmlinux.fitting, vmlinux.fits], [2, 2, true]);
    assert.deepEqual(complaints[0].blamed.source, ["basket_put drivers/misc/basket.c:7"]);
    assert.deepEqual(messages, []);
  });
});

Deno.test("parse --console --vmlinux says that a kernel is another one, and guesses no lines", async () => {
  await parsed(OOPS, { vmlinux: "vmlinux", json: "-" }, ({ printed, messages }) => {
    const { vmlinux, complaints } = JSON.parse(printed);
    assert.deepEqual([vmlinux.compared, vmlinux.fitting, vmlinux.fits], [2, 0, false]);
    assert.deepEqual(complaints[0].blamed.source, []);
    assert.match(messages[0]!, /^warn: vmlinux is not the kernel of this log: 0 of 2 functions/);
  }, kernel(0x300));
});

Deno.test("parse --console --vmlinux refuses what is no vmlinux", async () => {
  for (
    const [vmlinux, message] of [["log", /no 64-bit/], ["none", /there is no file/], [
      ".",
      /is a folder/,
    ]] as const
  ) {
    const error = await rejectionOf(parsed(OOPS, { vmlinux }, () => {}));
    assert.deepEqual([error.kind, error.id], ["usage", "bad-vmlinux"]);
    assert.match(error.message, message);
  }
});

Deno.test("parse --console writes JSON and JUnit", async () => {
  await parsed(OOPS, { json: "a.json", junit: "a.xml" }, async ({ printed, read }) => {
    assert.match(printed, /1 complaint\n$/);
    assert.equal(JSON.parse(await read("a.json")).complaints.length, 1);
    await assertValidJunit(await read("a.xml"));
  });
});
