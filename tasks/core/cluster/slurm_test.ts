// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  clusterIn,
  endedByMachinery,
  exitCodeIn,
  indexRanges,
  isOnNode,
  isOver,
  type JobArray,
  jobScript,
  needsAHand,
  newestAttempt,
  newestTasks,
  sbatchOptions,
  slurmWord,
  squeueWords,
  submittedIn,
  tasksIn,
} from "./slurm.ts";

const ARRAY: JobArray = {
  name: "kmatrix-20261129T090000-1a2b3c",
  indexes: [1, 2, 3, 4],
  ...{ cpus: 4, memoryMiB: 4608, minutes: 90, log: null, more: [] },
};

Deno.test("numbers of shards are written as ranges", () => {
  assert.equal(indexRanges([1, 2, 3, 4]), "1-4");
  assert.equal(indexRanges([7, 1, 3, 2, 5]), "1-3,5,7");
  assert.equal(indexRanges([9]), "9");
});

Deno.test("options of the user come behind those of the plan, for the last one holds", () => {
  const more = ["--mem=64G", "--partition=long"];
  const words = sbatchOptions({ ...ARRAY, more });
  assert.deepEqual(words.slice(-2), more);
  assert.ok(words.indexOf("--mem=4608M") < words.indexOf("--mem=64G"));
  assert.ok(words.includes("--array=1-4") && words.includes("--requeue"));
});

Deno.test("a percent sign of a folder is no pattern of sbatch", () => {
  const log = { folder: "/home/a/100%a", name: "shard-%a.log" };
  assert.ok(sbatchOptions({ ...ARRAY, log }).includes("--output=/home/a/100%%a/shard-%a.log"));
});

Deno.test("an option for sbatch is one word, in every way that people write it", () => {
  const read = {
    "--partition=long": "--partition=long",
    "--partition long": "--partition=long",
    "-p long": "-plong",
    "-plong": "-plong",
    "--exclusive": "--exclusive",
    '--constraint="avx2&ssd"': '--constraint="avx2&ssd"',
    "--gres=gpu:1": "--gres=gpu:1",
    "--comment=a b; rm -rf $HOME `x`": "--comment=a b; rm -rf $HOME `x`",
    "  --qos=night ": "--qos=night",
    "--nodelist=n[1-4,7]": "--nodelist=n[1-4,7]",
    "--account=équipe": "--account=équipe",
    "--begin=now+1hour": "--begin=now+1hour",
    "-t 2-0:00": "-t2-0:00",
    "--no-kill": "--no-kill",
  };
  for (const [text, word] of Object.entries(read)) assert.equal(slurmWord(text), word, text);
});

Deno.test("what is no option of sbatch, or is not the user's to give, is refused", () => {
  const refused = {
    "long": /no option of sbatch/,
    "": /no option of sbatch/,
    "partition=long": /no option of sbatch/,
    "/tmp/job.sh": /no option of sbatch/,
    "--": /no option of sbatch/,
    "--partition=": /has no value/,
    "--array=1-3": /gives --array itself/,
    "--arr=1-3": /gives --arr itself/,
    "-a 1-3": /gives -a itself/,
    "--test-only": /gives --test-only itself/,
    "--wrap=true": /gives --wrap itself/,
    "-W": /gives -W itself/,
    "--job-name=mine": /gives --job-name itself/,
    "-o /dev/null": /gives -o itself/,
    "--comment=a\n#SBATCH --uid=0": /control characters/,
  };
  for (const [text, message] of Object.entries(refused)) {
    assert.throws(() => slurmWord(text), { kind: "usage", id: "bad-slurm-arg", message }, text);
  }
});

/** Runs a job script as the node would. */
async function runScript(dir: string, script: string, env: Record<string, string>) {
  await Deno.writeTextFile(`${dir}/job.sh`, script);
  return await new Deno.Command("sh", { args: [`${dir}/job.sh`], cwd: "/", env }).output();
}

const KMATRIX = `#!/bin/sh
printf '%s\\n' "$@" > "$TOLD"
echo "$KCFLAGS in $PWD" >> "$TOLD"
exit 3
`;

Deno.test("the job script runs its shard in a folder of the attempt, and leaves its code", async () => {
  const dir = await Deno.makeTempDir({ prefix: "kmatrix-it's 100% $(x) " });
  try {
    await Deno.writeTextFile(`${dir}/kmatrix`, KMATRIX, { mode: 0o755 });
    const script = jobScript({
      array: ARRAY,
      ...{ of: 12, digest: "ab12", kmatrix: [`${dir}/kmatrix`], folder: dir },
      words: ["linux-6.12/*", "--kconfig-add", "CONFIG_X='a b'"],
      variables: { KCFLAGS: "-O1 -DA='\"$b\"'" },
      shards: `${dir}/shards`,
    });
    const env = { SLURM_ARRAY_TASK_ID: "7", SLURM_ARRAY_JOB_ID: "41", TOLD: `${dir}/told` };
    assert.equal((await runScript(dir, script, env)).code, 3);
    const attempt = `${dir}/shards/shard-07/41-0`;
    assert.equal(exitCodeIn(await Deno.readTextFile(`${attempt}/exit-code`)), 3);
    const told = (await Deno.readTextFile(`${dir}/told`)).trimEnd().split("\n");
    assert.deepEqual(told, [
      ...["matrix", "linux-6.12/*", "--kconfig-add", "CONFIG_X='a b'", "--shard", "7/12"],
      ...["--jobs", "4", "--output-dir", attempt, "--events", `${attempt}/events.jsonl`],
      ...["--progress", "plain", `-O1 -DA='"$b"' in ${dir}`],
    ]);
    const again = { ...env, SLURM_RESTART_COUNT: "2", SLURM_CPUS_PER_TASK: "8" };
    await runScript(dir, script, again);
    assert.ok((await Deno.readTextFile(`${dir}/told`)).includes("--jobs\n8\n"));
    const names = await Array.fromAsync(Deno.readDir(`${dir}/shards/shard-07`), ({ name }) => name);
    assert.equal(newestAttempt(names), "41-2");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("told to end, the job script still leaves the code of its run", async () => {
  const dir = await Deno.makeTempDir({ prefix: "kmatrix-" });
  try {
    const slow = `#!/bin/sh\ntrap 'exit 143' TERM\necho up > "${dir}/up"\nsleep 60 & wait\n`;
    await Deno.writeTextFile(`${dir}/kmatrix`, slow, { mode: 0o755 });
    const script = jobScript({
      array: ARRAY,
      ...{ of: 2, digest: "ab", kmatrix: [`${dir}/kmatrix`], words: [], folder: null },
      ...{ variables: {}, shards: `${dir}/shards` },
    });
    await Deno.writeTextFile(`${dir}/job.sh`, script);
    const env = { SLURM_ARRAY_TASK_ID: "1", SLURM_ARRAY_JOB_ID: "4" };
    const child = new Deno.Command("setsid", { args: ["sh", `${dir}/job.sh`], env }).spawn();
    while (!(await Deno.stat(`${dir}/up`).catch(() => null))) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // As Slurm does: every process of the job.
    Deno.kill(-child.pid, "SIGTERM");
    assert.equal((await child.status).code, 143);
    assert.equal(await Deno.readTextFile(`${dir}/shards/shard-01/4-0/exit-code`), "143\n");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("an exit file that is not whole has no code", () => {
  assert.equal(exitCodeIn("0\n"), 0);
  for (const text of [null, "", "0", "\n", "0\n0\n", "ok\n", "-1\n", " 0\n", "1e1\n"]) {
    assert.equal(exitCodeIn(text), null, JSON.stringify(text));
  }
});

Deno.test("the newest attempt is that of the last submission, by numbers and not by letters", () => {
  assert.equal(newestAttempt(["9-1", "10-0", "9-12", "latest", "10-0.partial"]), "10-0");
  assert.equal(newestAttempt(["9-2", "9-10"]), "9-10");
  assert.equal(newestAttempt([".nfs0001", "x"]), null);
});

Deno.test("sbatch says the job's number, and the cluster where it was told one", () => {
  assert.deepEqual(submittedIn("123\n"), { job: 123, cluster: null });
  assert.deepEqual(submittedIn("123;big-one\n"), { job: 123, cluster: "big-one" });
  // A site's plugin may greet.
  assert.deepEqual(submittedIn("Welcome to the lab\n77\n"), { job: 77, cluster: null });
  for (const text of ["", "Submitted batch job 12\n", "sbatch: Verify job submission ...\n"]) {
    assert.equal(submittedIn(text), null, text);
  }
});

Deno.test("lines of squeue are jobs; reasons may hold anything", () => {
  const lines = [
    "CLUSTER: big",
    "12|1|RUNNING|node1|None",
    "12|2|PENDING||Resources",
    "12|3|PENDING||(Nodes required for job are DOWN, DRAINED | reserved)",
    "12|N/A|PENDING||Priority",
    "13|2|COMPLETED|node[1-2]|None",
    "",
  ];
  const tasks = tasksIn(lines.join("\n"));
  assert.deepEqual(tasks.map(({ job, index, state }) => [job, index, state]), [
    [12, 1, "RUNNING"],
    [12, 2, "PENDING"],
    [12, 3, "PENDING"],
    [13, 2, "COMPLETED"],
  ]);
  assert.equal(tasks[2]!.reason, "(Nodes required for job are DOWN, DRAINED | reserved)");
  assert.equal(newestTasks(tasks).get(2)!.job, 13);
});

/** squeue(1), "JOB STATE CODES", of Slurm 22.05 and 24.11. */
const STATES = [
  ...["BOOT_FAIL", "CANCELLED", "COMPLETED", "CONFIGURING", "COMPLETING", "DEADLINE", "FAILED"],
  ...["NODE_FAIL", "OUT_OF_MEMORY", "PENDING", "PREEMPTED", "RUNNING", "RESV_DEL_HOLD"],
  ...["REQUEUE_FED", "REQUEUE_HOLD", "REQUEUED", "RESIZING", "REVOKED", "SIGNALING"],
  ...["SPECIAL_EXIT", "STAGE_OUT", "STOPPED", "SUSPENDED", "TIMEOUT"],
];

Deno.test("every state of a job is over, on a node, or waits; the machinery ends three of them", () => {
  assert.deepEqual(STATES.filter(endedByMachinery), ["BOOT_FAIL", "NODE_FAIL", "PREEMPTED"]);
  assert.deepEqual(STATES.filter((state) => isOver(state) && isOnNode(state)), []);
  const waits = STATES.filter((state) => !isOver(state) && !isOnNode(state));
  assert.deepEqual(waits, [
    ...["PENDING", "RESV_DEL_HOLD", "REQUEUE_FED", "REQUEUE_HOLD", "REQUEUED", "SPECIAL_EXIT"],
  ]);
  assert.equal(isOver("A_STATE_OF_2030"), false);
  assert.equal(isOver("toString"), false);
});

Deno.test("what waiting does not bring is told from what it does", () => {
  const task = { job: 1, index: 1, state: "PENDING", node: "" };
  for (const reason of ["JobHeldUser", "BadConstraints", "PartitionTimeLimit", "InvalidAccount"]) {
    assert.ok(needsAHand({ ...task, reason }), reason);
  }
  for (const reason of ["Resources", "Priority", "BeginTime", "ReqNodeNotAvail", "None", ""]) {
    assert.ok(!needsAHand({ ...task, reason }), reason);
  }
  assert.ok(needsAHand({ ...task, state: "REQUEUE_HOLD", reason: "None" }));
});

Deno.test("another cluster of the user's is asked as well", () => {
  assert.equal(clusterIn(["--partition=a", "--clusters=big"]), "big");
  assert.equal(clusterIn(["-Msmall", "-Mbig"]), "big");
  assert.equal(clusterIn(["--partition=a"]), null);
  assert.ok(squeueWords("n", "big", "all").includes("--clusters=big"));
  assert.ok(!squeueWords("n", null, "live").includes("--states=all"));
});
