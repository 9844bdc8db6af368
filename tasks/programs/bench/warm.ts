// SPDX-License-Identifier: MIT
/** What is there already: a boot, a matrix without changes. */
import { counted } from "../../core/text/counted.ts";
import $ from "dax";
import type { CellReport } from "../../core/model/model.ts";
import { parseBootRecord } from "../../core/boot/boot_record.ts";
import { type Comparison, countCompilers, median } from "./bench_table.ts";
import { type Bench, inTurn, kmatrix, plainQemu, readRun, say, time } from "./measure.ts";

/** How long its boot took; NaN where it did not boot. */
const bootMs = ({ facts }: CellReport) => facts.boot?.durationMs ?? NaN;

/** One cell, warm: to its verdict, beside QEMU alone. */
export async function boots({ cell, runs, dir }: Bench): Promise<Comparison[]> {
  say(`${counted(runs, "boot")} of ${cell.id}, each side`);
  const out = `${dir}/boots`;
  const matrix = kmatrix("matrix", cell.id, "--output-dir", out, "--quiet");
  await time(matrix);
  const whole: number[] = [];
  const judged = await inTurn(
    runs,
    async () => {
      whole.push((await time(matrix)).seconds);
      return bootMs((await readRun(out)).cells[0]!) / 1000;
    },
    async () => {
      const text = await Deno.readTextFile(`${out}/latest/${cell.id}/boot.json`);
      const record = parseBootRecord(text, "boot.json");
      return await plainQemu(record, cell, dir);
    },
  );
  const qemu = median(judged.theirs);
  return [
    {
      what: "boot to verdict, from QEMU's start",
      against: "plain QEMU, same files",
      unit: "s",
      ...judged,
      target: "at most 1.15 x; 2 s for linux-6.12/kcov",
    },
    {
      what: "boot to verdict, from deno task",
      against: "plain QEMU, same files",
      unit: "s",
      ours: whole,
      theirs: judged.theirs,
      target: `at most 0.6 s more (here ${(median(whole) - qemu).toFixed(2)} s)`,
    },
  ];
}

/** All cells with nothing changed: time, memory, compilers; and what `plan --status` takes. */
export async function warmMatrix({ runs, dir }: Bench): Promise<Comparison[]> {
  const log = `${dir}/execs`;
  const found: Comparison[] = [];
  say("a matrix in which nothing has changed");
  const matrix = kmatrix("matrix", "--output-dir", `${dir}/warm`, "--quiet");
  await time(matrix, { expect: [0, 3] });
  const { seconds } = await time(matrix, { expect: [0, 3] });
  const run = await readRun(`${dir}/warm`);
  const booted = run.cells.reduce((sum, cell) => sum + bootMs(cell), 0) /
    1000;
  const cells = `${counted(run.cells.length, "cell")}`;
  found.push({
    what: `${cells}, nothing changed`,
    against: "the sum of its boots",
    unit: "s",
    ours: [seconds],
    theirs: [booted],
    target: "",
  }, {
    what: `memory of the tool, ${cells}`,
    against: "",
    unit: "MiB",
    ours: [run.usage.peakMiB],
    theirs: [],
    target: "at most 200 MB",
  });
  const strace = await $.which("strace");
  if (strace === undefined) say("strace is missing: compilers of a no-change run are not counted");
  else {
    const trace = [strace, "--follow-forks", "--seccomp-bpf", "-e", "trace=execve", "-o", log];
    await time([...trace, ...matrix], { expect: [0, 3] });
    found.push({
      what: `compilers started, ${cells}, nothing changed`,
      against: "",
      unit: "processes",
      ours: [countCompilers(await Deno.readTextFile(log))],
      theirs: [],
      target: "0, counted by execve",
    });
  }
  const status = kmatrix("plan", "--status");
  const asked: number[] = [];
  for (let run = 0; run < runs; run++) asked.push((await time(status)).seconds);
  found.push({
    what: "plan --status, all cells",
    against: "",
    unit: "s",
    ours: asked,
    theirs: [],
    target: "at most 1.5 s",
  });
  return found;
}
