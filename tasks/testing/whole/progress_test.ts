// SPDX-License-Identifier: MIT
/** What a run shows while it goes on: on terminals of several widths, in a pipe, when it is broken off. */
import assert from "node:assert/strict";
import width from "string-width";
import type { FakeProject } from "../fake_project.ts";
import { assertValidJunit } from "../junit.ts";
import { MATRIX, until } from "../broken_worlds.ts";
import { Emulator, type PseudoTerminal, type Size } from "../pseudo_terminal.ts";
import { type Case, cases } from "./fake_cases.ts";

/** The lines of a frame: a stage with its time, and the run. */
const STAGE_LINE = /^(?:fetch|patch|configure|build|inspect|pack|boot|parse) .*\d:\d\d /;
const RUN_LINE = /^\d+:\d\d(?:, |$)/;
/** Where results begin. */
const TABLE = /^ +cell /;
const withoutTime = (line: string) => line.replace(/^\[ *[\d.]+s\] /, "").replace(/[\d.]+s\)/, "");

/** What stays of a run's progress: a line for each notice, failure and finished cell. */
const keptOf = (lines: readonly string[]) =>
  // How long a phase takes is a matter of what else the machine does.
  lines.filter((line) => line.startsWith("[") && !line.includes("slow boot:"));

/**
 * Every screen that a recording shows, one after each frame and one at the end. A write may come in
 * several pieces.
 */
async function screens({ text }: PseudoTerminal, size: Size): Promise<string[][]> {
  const emulator = new Emulator(size);
  const all: string[][] = [];
  const end = "\x1b[?2026l";
  for (const part of text.split(end)) {
    await emulator.write(part);
    // What stands between two frames is no whole screen.
    if (part.includes("\x1b[?2026h")) await emulator.write(end);
    all.push(emulator.lines());
  }
  emulator.dispose();
  return all;
}

async function inTerminal(
  project: FakeProject,
  size: Size,
  ...args: readonly string[]
): Promise<{ code: number; text: string; all: string[][] }> {
  const terminal = project.inTerminal(size, ...MATRIX, ...args);
  try {
    const code = await terminal.ended();
    // Before the tool writes anything, Deno clears where it would show a download.
    const text = terminal.text.slice(terminal.text.indexOf("[ "));
    return { code, text, all: await screens(terminal, size) };
  } finally {
    terminal.kill();
  }
}

/** Whether a process of the project has a handler for SIGINT (the mask SigCgt of proc(5)). */
async function listens(project: FakeProject): Promise<boolean> {
  for (const id of await project.processes()) {
    const status = await Deno.readTextFile(`/proc/${id}/status`).catch(() => "");
    const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
    if ((BigInt(`0x${mask}`) & 2n) !== 0n) return true;
  }
  return false;
}

cases("progress", "nothing built", [
  ...[160, 80, 20].map((columns): Case => [
    `of ${columns} columns: a frame while it runs, a line for each cell, and nothing else stays`,
    async (project: FakeProject) => {
      const plain = await project.run(...MATRIX, "-j", "1");
      await project.reset();
      await project.forgetBuilds();
      const { code, text, all } = await inTerminal(
        project,
        { columns, rows: 24 },
        ...["-j", "1"],
      );
      assert.equal(code, 0, text);
      const framed = all.filter((lines) => lines.some((line) => STAGE_LINE.test(line)));
      assert.ok(framed.length > 0, `${framed.length} of ${all.length} screens have a frame`);
      for (const lines of framed) {
        // The frame is whole: its stages, and the line of the run, which is the last of all.
        const frame = lines.slice(lines.findIndex((line) => STAGE_LINE.test(line)));
        assert.match(frame.at(-1)!, RUN_LINE, lines.join("\n"));
        assert.ok(frame.every((line) => width(line) < columns), frame.join("\n"));
      }
      const end = all.at(-1)!;
      assert.ok(!end.some((line) => STAGE_LINE.test(line) || RUN_LINE.test(line)));
      // What stays is what a pipe gets, but for the beginnings of stages.
      const stays = keptOf(end.slice(0, end.findIndex((line) => TABLE.test(line))));
      const piped = keptOf(plain.err.split("\n")).filter((line) =>
        !/^(?!pass)\w+ fake\//.test(withoutTime(line))
      );
      assert.deepEqual(stays.map(withoutTime), piped.map(withoutTime));
      assert.equal(stays.filter((line) => / pass fake\//.test(line)).length, 3);
    },
  ]),

  ["in a pipe: lines, no control sequence, each stage and each cell", async (project) => {
    const { code, out, err } = await project.run(...MATRIX);
    assert.equal(code, 0, err);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(out + err, /[\x00-\x09\x0b-\x1f]/);
    for (const cell of ["fake/nokcov", "fake/kcov", "fake/kcov/smp4"]) {
      assert.match(err, new RegExp(`s\\] pass ${cell} \\(\\d+ ok, `));
      assert.match(err, new RegExp(`s\\] boot ${cell}`));
    }
    const silent = await project.run(...MATRIX, "--progress", "none");
    assert.doesNotMatch(silent.err, /pass fake|boot fake|build fake/);
    assert.equal((await project.run(...MATRIX, "--progress", "fancy")).code, 2);
  }],

  ["a failure is there with its cause while other cells still run", async (project) => {
    const sound = project.soundBoot("fake/nokcov");
    await project.setBoot("fake/nokcov", { recording: sound, end: 35 });
    await project.setBoot("fake/kcov", { recording: project.soundBoot("fake/kcov"), end: "hangs" });
    const size = { columns: 120, rows: 24 };
    const terminal = project.inTerminal(size, ...MATRIX, "-j", "1", "fake/nokcov", "fake/kcov");
    try {
      await until(
        "the failure is told",
        120_000,
        () => Promise.resolve(/FAIL fake\/nokcov: .+ \[[a-z-]+\]/.test(terminal.text)),
      );
      await until("the other boots", 120_000, async () => await project.started("qemu") >= 2);
      await until(
        "its frame is there",
        120_000,
        async () => (await screens(terminal, size)).at(-1)!.some((line) => /^boot /.test(line)),
      );
      assert.match(
        (await screens(terminal, size)).at(-1)!.at(-1)!,
        /, 1 of 2 cells done, 1 failed/,
      );
      await terminal.type("\x03");
      assert.equal(await terminal.ended(), 130);
    } finally {
      terminal.kill();
    }
  }],

  ["TERM=dumb, NO_COLOR and --progress plain are obeyed", async (project) => {
    const size = { columns: 80, rows: 24 };
    const plain = await inTerminal(project, size, "--progress", "plain");
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(plain.text, /\x1b/);
    assert.match(plain.text, /boot fake\/kcov/);
    const before = project.environment;
    try {
      project.environment = { TERM: "dumb" };
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch((await inTerminal(project, size)).text, /\x1b/);
      // Without colours the frame is drawn all the same.
      project.environment = { NO_COLOR: "1" };
      const sober = await inTerminal(project, size);
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(sober.text, /\x1b\[[\d;]*m/);
      // deno-lint-ignore no-control-regex
      assert.match(sober.text, /\x1b\[\?2026l/);
      project.environment = { NO_COLOR: "" };
      // deno-lint-ignore no-control-regex
      assert.match((await inTerminal(project, size)).text, /\x1b\[32mpass fake\/kcov/);
    } finally {
      project.environment = before;
    }
  }],

  ["Ctrl-C ends it, the screen is left in order, and the report is valid", async (project) => {
    await project.turnOn("slow-compiler");
    const size = { columns: 100, rows: 24 };
    const terminal = project.inTerminal(size, ...MATRIX);
    try {
      await until("clang runs", 120_000, async () => await project.started("clang") >= 1);
      await terminal.type("\x03");
      assert.equal(await terminal.ended(), 130);
      const end = (await screens(terminal, size)).at(-1)!;
      assert.ok(end.some((line) => /! interrupted: .*once more leaves at once$/.test(line)));
      assert.ok(!end.some((line) => STAGE_LINE.test(line)), end.join("\n"));
      assert.ok(end.some((line) => /3 cells: 0 passed/.test(line)));
      await assertValidJunit(await project.read("junit.xml"));
    } finally {
      terminal.kill();
    }
  }],

  ["Ctrl-C twice leaves at once whatever is still waited for", async (project) => {
    // Another run names its folder for as long as it likes; that nothing breaks off.
    await Deno.mkdir(project.out, { recursive: true });
    const held = await Deno.open(`${project.out}/.lock`, { write: true, create: true });
    await held.lock(true);
    const size = { columns: 100, rows: 24 };
    const terminal = project.inTerminal(size, ...MATRIX);
    try {
      await until("it listens to Ctrl-C", 120_000, () => listens(project));
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await terminal.type("\x03");
      await until("it was told", 60_000, () => Promise.resolve(/interrupted:/.test(terminal.text)));
      await new Promise((resolve) => setTimeout(resolve, 700));
      assert.notDeepEqual(await project.processes(), [], "it still waits");
      await terminal.type("\x03");
      const before = performance.now();
      assert.equal(await terminal.ended(), 130);
      assert.ok(performance.now() - before < 20_000);
      await until("nothing is left", 20_000, async () => (await project.processes()).length === 0);
    } finally {
      held.close();
      terminal.kill();
    }
  }],

  ["a terminal made narrower and wider while it runs keeps each line once", async (project) => {
    await project.setBoot("fake/kcov", { recording: project.soundBoot("fake/kcov"), end: "hangs" });
    const sizes = [{ columns: 100, rows: 24 }, { columns: 24, rows: 24 }, {
      columns: 90,
      rows: 24,
    }];
    const terminal = project.inTerminal(sizes[0]!, ...MATRIX, "-j", "1");
    const emulator = new Emulator(sizes[0]!);
    try {
      let read = 0;
      const follow = async () => {
        for (const { bytes } of terminal.pieces.slice(read)) await emulator.write(bytes);
        read = terminal.pieces.length;
      };
      await until("a cell hangs", 120_000, async () => await project.started("qemu") >= 2);
      for (const size of sizes.slice(1)) {
        await new Promise((resolve) => setTimeout(resolve, 400));
        await follow();
        emulator.resize(size);
        await terminal.resize(size);
      }
      await new Promise((resolve) => setTimeout(resolve, 400));
      await terminal.type("\x03");
      assert.equal(await terminal.ended(), 130);
      await follow();
      const lines = emulator.lines();
      assert.equal(lines.filter((line) => /pass fake\/nokcov/.test(line)).length, 1);
      assert.ok(
        !lines.some((line) => STAGE_LINE.test(line) || RUN_LINE.test(line)),
        lines.join("\n"),
      );
    } finally {
      terminal.kill();
      emulator.dispose();
    }
  }],
]);
