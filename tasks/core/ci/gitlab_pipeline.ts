// SPDX-License-Identifier: MIT
/** A plan of shards as a child pipeline of GitLab (docs.gitlab.com/ci/yaml). Pure. */
import { stringify } from "yaml";
import type { PlannedShard, ShardPlan } from "../shards/shard_plan.ts";

/** Below the project's folder: runs of shards, the merged run, what is kept from job to job. */
const [SHARDS, MERGED, CACHE] = ["kmatrix-shards", "kmatrix-merged", "kmatrix-cache"];
/** Where a job has kmatrix itself. */
const TOOL = "/opt/kmatrix";

/** Of the cache, what pays from run to run. */
const KEPT = [
  ...["ccache", "ccache-brought", "ccache-shared", "job-times", "toolchain"],
  ...["sources/downloads", "sources/linux-source-*"],
];

/** What a job does before its own command. */
const BEFORE = [
  "apt-get update",
  "apt-get install --yes --no-install-recommends ca-certificates git nodejs npm",
  `git clone --quiet "$KMATRIX_REPOSITORY" ${TOOL}`,
  `git -C ${TOOL} checkout --quiet --detach "$KMATRIX_COMMIT"`,
  // The job's token is in that address, and Makefiles read the tree; the runner puts it back.
  "git remote remove origin",
  // What jobs leave in the tree is no change of it.
  `printf '/%s\\n' ${SHARDS} ${MERGED} ${CACHE} >> .git/info/exclude`,
];

/** A value in which nothing is a variable: words may hold a dollar sign. */
const literal = (value: string) => ({ value, expand: false });

function shardJob({ index, of, name, minutes }: PlannedShard, words: readonly string[]) {
  return {
    stage: "shards",
    timeout: `${minutes} minutes`,
    variables: {
      KM_COMMAND: "matrix",
      KM_SHARD: `${index}/${of}`,
      KM_CELLS: literal(words.join("\n")),
      RUNNER_TEMP: `$CI_PROJECT_DIR/${SHARDS}/${name}`,
      KMATRIX_CACHE: `$CI_PROJECT_DIR/${CACHE}`,
    },
    script: [`${TOOL}/.ci/action`],
    cache: {
      key: `kmatrix-1-${name}`,
      when: "always",
      paths: KEPT.map((folder) => `${CACHE}/${folder}/`),
    },
    artifacts: {
      name: `kmatrix-${name}`,
      when: "always",
      expire_in: "30 days",
      paths: [`${SHARDS}/${name}/`],
      // Beside it is `latest`, a link to it.
      reports: { junit: `${SHARDS}/${name}/kmatrix-out/2*/junit.xml` },
    },
  };
}

/**
 * A job a shard, each with its JUnit as the report that merge requests show, and one that merges
 * them, whatever became of them.
 * @param words Behind `matrix`: cells and options that choose what is tested.
 */
export function gitlabPipeline({ shards, digest }: ShardPlan, words: readonly string[]): string {
  const jobs = shards.map((shard) => [shard.name, shardJob(shard, words)]);
  return `# kmatrix ${digest}\n${
    stringify({
      workflow: { rules: [{ when: "always" }] },
      default: { image: "debian:trixie", before_script: BEFORE },
      stages: ["shards", "merge"],
      ...Object.fromEntries(jobs),
      // Jobs of a later stage get the artifacts of all earlier ones.
      "kmatrix-merge": {
        stage: "merge",
        when: "always",
        variables: {
          KM_COMMAND: "merge",
          KM_RUNS: SHARDS,
          RUNNER_TEMP: `$CI_PROJECT_DIR/${MERGED}`,
          KMATRIX_CACHE: `$CI_PROJECT_DIR/${CACHE}`,
        },
        script: [`${TOOL}/.ci/action`],
        artifacts: {
          name: "kmatrix-run",
          when: "always",
          expire_in: "30 days",
          paths: [`${MERGED}/`],
        },
      },
    }, { lineWidth: 0 })
  }`;
}
