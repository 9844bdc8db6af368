// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { RunEvent } from "../core/model/run_event.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { FakeSlurm } from "../testing/fake_slurm.ts";
import { runOnSlurm, type SlurmResult, type SlurmRun } from "./slurm_run.ts";

interface World {
  readonly slurm: FakeSlurm;
  readonly host: FakeHost;
  readonly run: SlurmRun;
  /** Does something after so many seconds. */
  at(seconds: number, body: () => unknown): void;
  interrupt(): void;
}

/** Two shards on a Slurm that a test plays. */
async function world(body: (world: World) => Promise<void>): Promise<void> {
  await withTempDir(async (folder) => {
    const slurm = new FakeSlurm(folder);
    const abort = new AbortController();
    // Whether or not this machine has Slurm.
    const fs = { which: () => Promise.resolve(null) };
    const host = new FakeHost({ answer: slurm.answer, signal: abort.signal, fs });
    const shards = [1, 2].map((index) => ({
      ...{ index, name: `shard-0${index}`, cells: [`fake/${index}`] },
    }));
    const array = {
      ...{ name: "kmatrix-x", indexes: [1, 2], cpus: 4, memoryMiB: 4608, minutes: 30 },
      ...{ log: null, more: [] },
    };
    await body({
      ...{ slurm, host, run: { array, shards, script: `${folder}/job.sh`, folder } },
      at: (seconds, act) => host.clock.after(seconds * 1000, () => void act()),
      interrupt: () => abort.abort(),
    });
  });
}

const endsOf = (results: readonly SlurmResult[]) =>
  results.map(({ end }) => end.kind === "ended" ? end.code : `lost ${end.state}`);
const liveJobs = ({ slurm }: World) =>
  [...slurm.jobs.values()].filter(({ state }) => ["PENDING", "RUNNING"].includes(state)).length;
const started: RunEvent = {
  ...{ event: "stage-started", stage: "build", cells: ["fake/1"], remainingMs: 1000, key: "k" },
};
const red = (cell: string): RunEvent => ({
  ...{ event: "cell-ended", cell, verdict: "failed" },
  failure: { kind: "test", id: "test-failed", message: "expected 0 PCs, found 7" },
});

/** Both shards run and end with these codes, the first after 20 s, the other after 30. */
function bothRun({ slurm, at }: World, codes: readonly [number, number]): void {
  at(5, () => [1, 2].forEach((index) => slurm.set(index, "RUNNING")));
  for (const [index, code] of codes.entries()) {
    at(20 + index * 10, async () => {
      await slurm.write(`shard-0${index + 1}`, "10-0", [started], code);
      slurm.set(index + 1, code === 0 ? "COMPLETED" : "FAILED");
    });
  }
}

Deno.test("shards run as one array; codes, folders and what they say come back", () =>
  world(async (world) => {
    bothRun(world, [0, 3]);
    const results = await runOnSlurm(world.run, world.host);
    assert.deepEqual(endsOf(results), [0, 3]);
    assert.ok(results.every(({ run }) => run?.endsWith("/10-0/run")), `${results[0]!.run}`);
    assert.equal(world.host.commands.filter(([program]) => program === "sbatch").length, 1);
    assert.equal(world.host.commands.filter(([program]) => program === "scancel").length, 0);
    const told = world.host.messages.join("\n");
    assert.match(told, /shard-01 \(job 10_1\) waits: Priority/);
    assert.match(told, /shard-02 \(job 10_2\) is on node1 \(RUNNING\)/);
    assert.match(told, /shard-02 \(job 10_2\) has ended with code 3/);
    const kinds = world.host.events.map(({ event }) => event);
    assert.ok(kinds.indexOf("stage-started") < kinds.lastIndexOf("stage-ended"), "all is closed");
  }));

for (
  const [state, why] of [
    ["CANCELLED", /it was cancelled \(CANCELLED\)/],
    ["TIMEOUT", /its time was over \(TIMEOUT\)/],
    ["OUT_OF_MEMORY", /it needed more memory/],
    ["FAILED", /its script has failed/],
    ["COMPLETED", /its script has ended/],
  ] as const
) {
  Deno.test(`a shard that ends as ${state} without a code is lost, and not tried again`, () =>
    world(async (world) => {
      bothRun(world, [0, 0]);
      world.at(12, () => world.slurm.set(2, state));
      world.at(30, () => world.slurm.set(2, state));
      const { slurm } = world;
      const write = slurm.write.bind(slurm);
      slurm.write = (shard, attempt, events, code) =>
        write(shard, attempt, events, shard === "shard-02" ? null : code);
      const results = await runOnSlurm(world.run, world.host);
      assert.deepEqual(endsOf(results), [0, `lost ${state}`]);
      assert.match(world.host.messages.join("\n"), why);
      assert.equal(slurm.submissions, 1);
    }));
}

Deno.test("a code that comes late, as through NFS, is waited for", () =>
  world(async (world) => {
    const { slurm, at, host } = world;
    bothRun(world, [0, 0]);
    at(8, async () => {
      await slurm.write("shard-02", "10-0", [started], null);
      slurm.set(2, "COMPLETED");
    });
    assert.deepEqual(endsOf(await runOnSlurm(world.run, host)), [0, 0]);
  }));

Deno.test("codes with which no run of kmatrix ends are no result", () =>
  world(async (world) => {
    bothRun(world, [127, 137]);
    const results = await runOnSlurm(world.run, world.host);
    assert.deepEqual(endsOf(results), ["lost FAILED", "lost FAILED"]);
    assert.match(world.host.messages.join("\n"), /kmatrix has ended with code 137/);
  }));

Deno.test("queued again by Slurm: the next attempt counts, and what was red before is told", () =>
  world(async (world) => {
    const { slurm, at, host } = world;
    bothRun(world, [0, 0]);
    at(10, async () => {
      await slurm.write("shard-01", "10-0", [started, red("fake/1")], 143);
      slurm.set(1, "PENDING", { node: "", reason: "BeginTime" });
    });
    at(18, () => slurm.set(1, "RUNNING", { node: "node2" }));
    const write = slurm.write.bind(slurm);
    slurm.write = (shard, attempt, events, code) =>
      write(shard, shard === "shard-01" && code === 0 ? "10-1" : attempt, events, code);
    const [first] = await runOnSlurm(world.run, host);
    assert.deepEqual(first!.end, { kind: "ended", code: 0 });
    assert.ok(first!.run!.endsWith("/10-1/run"));
    const events = host.events.flatMap((one) =>
      one.event === "stage-ended"
        ? [one.outcome]
        : one.event === "shard-changed"
        ? [one.change]
        : []
    );
    const requeued = events.indexOf("interrupted");
    assert.ok(requeued >= 0 && events.indexOf("waiting", 3) > requeued, events.join(" "));
    assert.deepEqual(first!.found.map(({ cell, id }) => [cell, id]), [["fake/1", "test-failed"]]);
  }));

Deno.test("ended by the machinery for good, a shard is submitted once more, and again", () =>
  world(async (world) => {
    const { slurm, at, host } = world;
    bothRun(world, [0, 0]);
    at(6, () => slurm.set(2, "NODE_FAIL"));
    at(16, () => slurm.set(2, "PREEMPTED"));
    const write = slurm.write.bind(slurm);
    slurm.write = (shard, attempt, events, code) =>
      write(shard, shard === "shard-02" ? "12-0" : attempt, events, code);
    const results = await runOnSlurm(world.run, host);
    assert.deepEqual(endsOf(results), [0, 0]);
    assert.equal(slurm.submissions, 3);
    const arrays = host.commands.filter(([program]) => program === "sbatch")
      .map((words) => words.find((word) => word.startsWith("--array=")));
    assert.deepEqual(arrays, ["--array=1-2", "--array=2", "--array=2"]);
    assert.match(host.messages.join("\n"), /was ended by NODE_FAIL: it is submitted once more/);
  }));

Deno.test("nodes that always fail are not tried for ever", () =>
  world(async (world) => {
    const { slurm, host } = world;
    bothRun(world, [0, 0]);
    for (let second = 6; second < 200; second += 3) {
      world.at(second, () => slurm.set(2, "NODE_FAIL"));
    }
    const results = await runOnSlurm(world.run, host);
    assert.deepEqual(endsOf(results), [0, "lost NODE_FAIL"]);
    assert.equal(slurm.submissions, 3);
  }));

Deno.test("a scheduler that goes away and comes back costs nothing", () =>
  world(async (world) => {
    bothRun(world, [0, 0]);
    world.at(7, () => world.slurm.isAway = true);
    world.at(25, () => world.slurm.isAway = false);
    assert.deepEqual(endsOf(await runOnSlurm(world.run, world.host)), [0, 0]);
    const told = world.host.messages.join("\n");
    assert.equal(told.match(/Slurm does not answer/g)?.length, 1);
    assert.match(told, /Slurm answers again/);
  }));

Deno.test("a scheduler that stays away: shards end by their files, and a silent one is given up", () =>
  world(async (world) => {
    const { slurm, host } = world;
    bothRun(world, [0, 0]);
    world.at(7, () => slurm.isAway = true);
    const write = slurm.write.bind(slurm);
    slurm.write = async (shard, ...more) => {
      if (shard === "shard-01") await write(shard, ...more);
    };
    const results = await runOnSlurm(world.run, host);
    assert.deepEqual(endsOf(results), [0, "lost "]);
    assert.match(host.messages.join("\n"), /neither Slurm nor the shard has said anything/);
    assert.match(host.messages.at(-1)!, /could not be cancelled.*scancel --name=kmatrix-x/);
  }));

Deno.test("jobs that Slurm has forgotten are lost", () =>
  world(async (world) => {
    bothRun(world, [0, 0]);
    world.at(9, () => world.slurm.jobs.clear());
    world.slurm.write = () => Promise.resolve();
    world.slurm.set = () => {};
    const results = await runOnSlurm(world.run, world.host);
    assert.deepEqual(endsOf(results), ["lost ", "lost "]);
    assert.match(world.host.messages.join("\n"), /do its nodes see that folder\?/);
  }));

Deno.test("what a job waits for is said once, again after ten minutes, and aloud where it is for ever", () =>
  world(async (world) => {
    const { slurm, at, host } = world;
    at(1, () => slurm.set(2, "PENDING", { node: "", reason: "BadConstraints" }));
    at(1500, async () => {
      for (const index of [1, 2]) {
        await slurm.write(`shard-0${index}`, "10-0", [], 0);
        slurm.set(index, "COMPLETED");
      }
    });
    await runOnSlurm(world.run, host);
    const waits = host.messages.filter((one) => one.includes(" waits"));
    assert.equal(waits.filter((one) => /shard-01 .* waits: Priority/.test(one)).length, 3);
    const aloud = waits.filter((one) => /^warn: shard-02 .*no waiting brings: BadCon/.test(one));
    assert.ok(aloud.length >= 2, waits.join("\n"));
  }));

Deno.test("interrupted, it cancels its jobs and says so of its shards", () =>
  world(async (world) => {
    const { slurm, at, host } = world;
    bothRun(world, [0, 0]);
    at(12, () => world.interrupt());
    const results = await runOnSlurm(world.run, host);
    assert.deepEqual(endsOf(results), ["lost ", "lost "]);
    assert.deepEqual([...slurm.jobs.values()].map(({ state }) => state), [
      ...["CANCELLED", "CANCELLED"],
    ]);
    assert.deepEqual(host.commands.findLast(([program]) => program === "scancel"), [
      ...["scancel", "--name=kmatrix-x"],
    ]);
  }));

Deno.test("a job that Slurm queues again although its shard has ended is cancelled at the end", () =>
  world(async (world) => {
    bothRun(world, [0, 0]);
    world.at(30, () => world.slurm.set(1, "PENDING", { node: "", reason: "BeginTime" }));
    assert.deepEqual(endsOf(await runOnSlurm(world.run, world.host)), [0, 0]);
    assert.equal(liveJobs(world), 0);
    assert.equal(world.slurm.jobs.get(1)!.state, "CANCELLED");
  }));

Deno.test("a submission whose answer is lost is not made twice", () =>
  world(async (world) => {
    world.slurm.troubles.push({ code: 1, stderr: "Socket timed out", taken: true });
    bothRun(world, [0, 0]);
    assert.deepEqual(endsOf(await runOnSlurm(world.run, world.host)), [0, 0]);
    assert.equal(world.slurm.submissions, 1);
  }));

Deno.test("a scheduler that is away for a moment is asked again, one that refuses is not", () =>
  world(async (world) => {
    const { slurm, host, run } = world;
    slurm.isAway = true;
    world.at(10, () => {
      slurm.isAway = false;
      world.at(5, () => [1, 2].forEach((index) => slurm.set(index, "RUNNING")));
      world.at(20, async () => {
        for (const index of [1, 2]) await slurm.write(`shard-0${index}`, "10-0", [], 0);
      });
    });
    assert.deepEqual(endsOf(await runOnSlurm(run, host)), [0, 0]);
    const refusal = { code: 1, stderr: "sbatch: error: Invalid partition name specified" };
    slurm.troubles.push(refusal, refusal);
    await assert.rejects(runOnSlurm(run, host), {
      ...{ kind: "usage", id: "job-refused", detail: /Invalid partition name specified/ },
    });
  }));

Deno.test("away for good, wrong options and no Slurm at all each have their answer", async () => {
  const thrown = async (trouble: (slurm: FakeSlurm) => void, expected: object) =>
    await world(async ({ slurm, host, run }) => {
      trouble(slurm);
      await assert.rejects(runOnSlurm(run, host), expected);
      assert.equal(slurm.jobs.size, 0);
    });
  await thrown((slurm) => slurm.isAway = true, { kind: "infra", id: "scheduler-away" });
  await thrown(
    ({ troubles }) => troubles.push({ code: 255, stderr: "sbatch: unrecognized option" }),
    { kind: "usage", id: "job-refused" },
  );
  await thrown(({ troubles }) => troubles.push({ code: 127 }), {
    ...{ kind: "infra", id: "missing-tool", message: /^sbatch is not on the PATH/ },
  });
});

Deno.test("what people set for their own squeue does not hide jobs", () =>
  world(async (world) => {
    const { host, slurm, run } = world;
    const environment = { SQUEUE_STATES: "RUNNING", SCANCEL_INTERACTIVE: "1", SBATCH_ACCOUNT: "a" };
    const seen: (Readonly<Record<string, string>> | undefined)[] = [];
    const asked = host.run.bind(host);
    Object.assign(host, {
      environment: () => environment,
      run: (command: Parameters<typeof asked>[0]) => {
        seen.push(command.env);
        return asked(command);
      },
    });
    bothRun(world, [0, 0]);
    await runOnSlurm(run, host);
    assert.ok(seen.length > 3 && slurm.submissions === 1);
    for (const env of seen) {
      assert.deepEqual([env?.["SQUEUE_STATES"], env?.["SCANCEL_INTERACTIVE"]], ["", ""]);
      assert.ok(!("SBATCH_ACCOUNT" in env!), "what chooses an account stays");
    }
  }));
