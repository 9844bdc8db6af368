// SPDX-License-Identifier: MIT
/**
 * sbatch, squeue and scancel for a fake project: jobs are processes of this machine, what is known of
 * one are files of `slurm/jobs/<array>_<shard>/`, which a test may change.
 */
import { dirname } from "node:path/posix";
import type { FakeProject } from "./fake_project.ts";

/** Runs the job script of a shard, once it is not held: `slurm-start <array> <shard> <restart>`. */
const START = `job=$DIR/slurm/jobs/$1_$2
export SLURM_ARRAY_JOB_ID=$1 SLURM_ARRAY_TASK_ID=$2 SLURM_RESTART_COUNT=$3 SLURM_CPUS_PER_TASK=2
echo $$ > $job/pid
echo RUNNING > $job/state
sh "$(cat $job/script)" >> "$(cat $job/log)" 2>&1
code=$?
[ "$(cat $job/state)" = RUNNING ] || exit 0
if [ $code = 0 ]; then echo COMPLETED > $job/state; else echo FAILED > $job/state; fi
`;

const SBATCH = `mkdir -p $DIR/slurm/jobs
if [ -e $DIR/slurm/refuses ]; then echo "sbatch: error: Invalid account" >&2; exit 1; fi
array=$(cat $DIR/slurm/next 2> /dev/null || echo 41)
echo $((array + 1)) > $DIR/slurm/next
echo "$*" >> $DIR/slurm/submitted
for word; do
  case "$word" in
    --array=*) ranges=\${word#--array=};;
    --job-name=*) name=\${word#--job-name=};;
    --output=*) log=\${word#--output=};;
  esac
done
IFS=,
for range in $ranges; do
  shard=\${range%-*}
  while [ $shard -le \${range#*-} ]; do
    job=$DIR/slurm/jobs/\${array}_$shard
    mkdir -p $job
    echo "$name" > $job/name
    echo "$word" > $job/script
    echo "\${log%%%a*}$shard\${log##*%a}" > $job/log
    echo PENDING > $job/state
    if [ -e $DIR/slurm/instead-$shard ]; then cp $DIR/slurm/instead-$shard $job/state
    else setsid $DIR/bin/slurm-start $array $shard 0 > /dev/null 2>&1 < /dev/null &
    fi
    shard=$((shard + 1))
  done
done
echo $array
`;

const EACH_JOB = `for word; do case "$word" in --name=*) name=\${word#--name=};; esac; done
for job in $DIR/slurm/jobs/*; do
  [ -e $job/name ] && [ "$(cat $job/name)" = "$name" ] || continue
  state=$(cat $job/state)
  id=\${job##*/}
`;

const SQUEUE =
  `if [ -e $DIR/slurm/away ]; then echo "squeue: error: Socket timed out" >&2; exit 1; fi
${EACH_JOB}
  case "$*:$state" in
    *--states=all*:*|*:PENDING|*:RUNNING) echo "\${id%_*}|\${id#*_}|$state|node1|None";;
  esac
done
exit 0
`;

const SCANCEL = `echo "$*" >> $DIR/slurm/cancelled
${EACH_JOB}
  case $state in PENDING|RUNNING)
    echo CANCELLED > $job/state
    [ -e $job/pid ] && kill -TERM -$(cat $job/pid) 2> /dev/null
  esac
done
exit 0
`;

/** Gives a project Slurm's commands, and the tool. */
export async function withSlurm(project: FakeProject): Promise<void> {
  const programs = { "slurm-start": START, sbatch: SBATCH, squeue: SQUEUE, scancel: SCANCEL };
  for (const [name, text] of Object.entries(programs)) {
    await project.write(`bin/${name}`, `#!/bin/sh\nDIR=${project.dir}\n${text}`);
    await Deno.chmod(`${project.dir}/bin/${name}`, 0o755);
  }
  await withTool(project);
}

/** Puts the tool itself where a launcher of the project looks for it. */
export async function withTool(project: FakeProject): Promise<void> {
  const real = dirname(dirname(import.meta.dirname!));
  await project.write(
    "project/tasks/main.ts",
    `import { main } from "${real}/tasks/main.ts";\nDeno.exit(await main(Deno.args, "${project.root}"));\n`,
  );
  for (const name of ["deno.json", "deno.lock"]) {
    await Deno.symlink(`${real}/${name}`, `${project.root}/${name}`).catch(() => {});
  }
}
