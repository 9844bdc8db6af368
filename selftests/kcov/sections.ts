// SPDX-License-Identifier: MIT

/** The test module that runs sections of remote coverage (selftests/modules/kmatrix_remote). */

import { assertEquals, fail, hex } from "../harness/asserts.ts";
import type { Batch, Step } from "../harness/batch.ts";
import { type Process, spawn } from "../harness/child.ts";
import type { TestContext } from "../harness/fixtures.ts";
import { cString, guest, sharedMemory, SYS } from "../harness/guest.ts";
import { type Kcov, KCOV_TRACE_PC, openMapped, type RemoteArgument, usb } from "./kcov.ts";
import { type LoadedModule, loadWithFile } from "./modules.ts";

/** The number that selftests/modules/kmatrix_remote/section.h chose. */
export const REMOTE_CHOSEN = 0x52454d54;

/** Where a section runs that ends before the call returns. */
export type SectionContext = "worker" | "thread" | "softirq";

/** Functions of the module that a section in this context runs through, besides those of its walk. */
export const BODY: Readonly<Record<SectionContext, string>> = {
  worker: "remote_in_worker",
  thread: "remote_in_thread",
  softirq: "remote_in_softirq",
};

/** What a hard interrupt runs through. */
export const HARDIRQ_BODY = "remote_in_hardirq";

/** The line for one section (selftests/modules/kmatrix_remote/file.c). */
export function sectionLine(
  where: SectionContext | "hardirq" | "hold",
  handle: bigint,
  number: number,
  repeat = 1,
): string {
  return `${where} ${handle.toString(16)} ${number} ${repeat}`;
}

/** The loaded module. */
export class Sections {
  readonly #fd: number;
  readonly functionOf: LoadedModule["functionOf"];

  constructor({ file, functionOf }: LoadedModule) {
    this.#fd = file;
    this.functionOf = functionOf;
  }

  /** Does what a line says, in this process. Throws a SysError. */
  run(line: string): void {
    const written = guest().call(SYS.write, this.#fd, line, line.length);
    assertEquals(written, line.length, `bytes written of "${line}"`);
  }

  /** The same in a process of its own, which collects nothing and owns nothing; line by line. */
  runElsewhere(...lines: readonly string[]): void {
    spawn(() => {
      for (const line of lines) this.run(line);
      return true;
    }).join();
  }

  /** Appends the writing of a line; the result is the number of bytes. */
  lineIn(batch: Batch, line: string): Step {
    const text = cString(line);
    return batch.syscall(SYS.write, [this.#fd, text, line.length]);
  }

  /** Functions of the entries, in the order of their first. Fails for an entry that is not ours. */
  functionsOf(pcs: readonly bigint[]): Set<string> {
    return new Set(pcs.map((pc) => {
      const name = this.functionOf(pc);
      if (name === "") fail(`entry ${hex(pc)} is in none of the module's functions`);
      return name;
    }));
  }

  /** What one section of this process's own device leaves: its PCs, in order. */
  pcsOf(t: TestContext, where: SectionContext, number: number, repeat = 1): bigint[] {
    const device = openMapped(t, 64 * 1024);
    const handle = usb(0xfffffff0);
    device.enableRemote({ traceMode: KCOV_TRACE_PC, areaWords: 32 * 1024, handles: [handle] });
    this.runElsewhere(sectionLine(where, handle, number, repeat));
    device.disable();
    const pcs = device.pcs(Number(device.buffer[0]!));
    device.unmap();
    device.close();
    return pcs;
  }
}

/** Loads the module until the end of the test; SKIP on a kernel without modules. */
export function loadSections(t: TestContext): Sections {
  return new Sections(loadWithFile(t, "kmatrix_remote"));
}

/** A process that owns handles until it is told to let go. */
export class Owner {
  readonly #flags = new BigUint64Array(sharedMemory(16));
  readonly #process: Process<boolean>;

  /** The device is one that this process has mapped: the trace can be read here. */
  constructor(device: Kcov, argument: RemoteArgument, end: "disable" | "exit" = "disable") {
    this.#process = spawn(() => {
      device.enableRemote(argument);
      this.#flags[0] = 1n;
      this.#wait(1);
      if (end === "disable") device.disable();
      return true;
    });
    this.#wait(0);
  }

  /** Returns when nothing more can arrive. */
  letGo(): void {
    this.#flags[1] = 1n;
    this.#process.join();
  }

  #wait(flag: number): void {
    const deadlineMs = guest().nowMs() + 20_000;
    while (this.#flags[flag] === 0n) {
      if (guest().nowMs() > deadlineMs) throw new Error("the other process did not answer");
      guest().call(SYS.schedYield);
    }
  }
}
