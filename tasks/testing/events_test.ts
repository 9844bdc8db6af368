// SPDX-License-Identifier: MIT
/** `--events`: the stream of a whole run, held against its schema and against the run's own report. */
import assert from "node:assert/strict";
import { assertWhole, only, readStream } from "./event_lines.ts";
import { FakeProject } from "./fake_project.ts";

Deno.test("--events tells of a run what its report says", async () => {
  const project = await FakeProject.create();
  try {
    const file = `${project.dir}/events.ndjson`;
    const args = ["matrix", "--test", "kcov.*", "--events", file];
    const { code, out } = await project.run(...args);
    assert.equal(code, 0, out);
    const lines = await readStream(await Deno.readTextFile(file));
    const report = JSON.parse(await project.read("run.json"));
    const cells = report.cells.map((one: { cell: string }) => one.cell);
    assertWhole(lines, { command: "matrix", cells, code });
    // Stages are shared; every cell has each of its own once.
    for (const { cell, stages, tests } of report.cells) {
      const ended = only(lines, "stage-ended").filter(({ cells }) => cells.includes(cell));
      assert.deepEqual(
        ended.map(({ stage, outcome }) => [stage, outcome]),
        stages.map((one: { stage: string }) => [one.stage, "passed"]),
      );
      const verdict = report.cells.find((one: { cell: string }) => one.cell === cell).verdict.kind;
      const told = only(lines, "cell-ended").filter((one) => one.cell === cell);
      assert.deepEqual(told.map((one) => [one.verdict, one.failure]), [[verdict, null]]);
      const ran = only(lines, "test-ended").filter((one) => one.cell === cell);
      assert.equal(new Set(ran.map(({ test }) => test)).size, ran.length);
      assert.deepEqual(
        ran.map(({ test }) => test).toSorted(),
        tests.map(({ id }: { id: string }) => id).toSorted(),
      );
    }
    const compiled = only(lines, "kernel-built").map(({ key }) => key);
    assert.deepEqual(
      new Set(only(lines, "objects-compiled").map(({ key }) => key)),
      new Set(compiled),
    );

    // Standard output holds nothing else, and what failed is told with its cause.
    await project.setBoot("fake/kcov", { recording: project.soundBoot("fake/kcov"), end: 35 });
    const second = await project.run("matrix", "fake/kcov", "--events", "-");
    const events = await readStream(second.out);
    assert.match(second.err, /1 cell: 0 passed/);
    const end = only(events, "cell-ended");
    assert.deepEqual(end.map(({ cell, verdict }) => [cell, verdict]), [["fake/kcov", "failed"]]);
    assert.ok(end[0]!.failure!.id.length > 0);
    const [run] = only(events, "run-ended");
    assert.equal(run!.exitCode, second.code);
    assert.notEqual(second.code, 0);

    const bad = await project.run("matrix", "fake/kcov", "--events", `${project.dir}/no/such/file`);
    assert.equal(bad.code, 2, bad.err);
    assert.match(bad.err, /--events/);
  } finally {
    await project.remove();
  }
});
