// SPDX-License-Identifier: MIT
/**
 * Deals a plan to shards, alike on every machine: by what lies in the repository, or by a plan that is
 * handed over, and never by what this machine remembers of earlier runs.
 */
import { basename } from "node:path/posix";
import type { Host } from "../host/host.ts";
import type { FragmentLine } from "../core/kconfig/fragment.ts";
import { KmatrixError } from "../core/model/errors.ts";
import type {
  KernelSpec,
  Plan,
  RunReport,
  Shard,
  ShardRecord,
  SourceSpec,
} from "../core/model/model.ts";
import type { Paths } from "../core/model/paths.ts";
import { groupByBuild } from "../core/matrix/plan.ts";
import { baseOf } from "../core/build/config_base.ts";
import { estimatedSeconds } from "../core/shards/estimate.ts";
import { recordedCosts } from "../core/shards/recorded.ts";
import {
  type BuildCost,
  cellsByShard,
  dealBuilds,
  PLAN_SCHEMA,
  plannedShard,
  type ShardCount,
  type ShardPlan,
  shardPlanShape,
} from "../core/shards/shard_plan.ts";
import { counted } from "../core/text/counted.ts";
import { sha256 } from "../core/text/digest.ts";
import { givenJson } from "../core/text/shape.ts";
import { ownSelftests } from "../steps/layers.ts";
import { requestOf } from "../stages/configure.ts";

/**
 * @param words Behind `matrix`, by which a shard chooses from the same cells.
 * @param recorded A run whose times are taken in the place of estimates. Who has not got it comes to
 *   another plan, so this one has to be handed over.
 * @throws KmatrixError "too-many-shards"
 */
export async function planShards(
  plan: Plan,
  wanted: ShardCount,
  words: readonly string[],
  paths: Paths,
  host: Host,
  recorded: RunReport | null = null,
): Promise<ShardPlan> {
  const groups = groupByBuild(plan.cells);
  const asked = await linesByConfig(plan, paths, host);
  const estimated = groups.map((cells): BuildCost => ({
    cells,
    seconds: estimatedSeconds(cells, asked.get(cells[0]!.config.id) ?? []),
  }));
  const builds = recorded === null ? estimated : recordedCosts(estimated, recorded);
  const dealt = dealBuilds(builds, wanted);
  const shards = Array.from({ length: dealt.of }, (_, shard) =>
    plannedShard(
      shard + 1,
      dealt.of,
      builds.filter((_, build) => dealt.shards[build] === shard),
    ));
  const cells = plan.cells.map(({ id }) => id);
  const digest = await digestOf(plan, asked, cellsByShard({ cells, shards }), paths, host);
  const longestFirst = shards.toSorted((a, b) =>
    b.estimatedSeconds - a.estimatedSeconds || a.index - b.index
  );
  return { schema: PLAN_SCHEMA, digest, cells, shards: longestFirst, arguments: words };
}

/**
 * One shard of a plan.
 * @param given Of --plan; null to deal the plan here.
 * @throws KmatrixError "empty-shard"; "foreign-plan" where the plan that is given is of other cells,
 *   or of a repository that was another.
 */
export async function takeShard(
  plan: Plan,
  { part, of }: Shard,
  given: { readonly file: string; readonly plan: ShardPlan } | null,
  paths: Paths,
  host: Host,
): Promise<Plan> {
  const dealt = given === null
    ? await planShards(plan, of, [], paths, host)
    : await checked(given, plan, of, paths, host);
  const shards = cellsByShard(dealt);
  const ids = shards[part - 1];
  if (ids === undefined) {
    const text = `shard ${part}/${of} has no cells: there is no more than ${
      counted(shards.length, "build")
    }`;
    throw new KmatrixError("no-match", "empty-shard", text);
  }
  const own = new Set<string>(ids);
  const cells = plan.cells.filter(({ id }) => own.has(id));
  const shard: ShardRecord = {
    ...{ index: part, of: shards.length, plan: dealt.digest },
    tool: await toolDigest(paths, host),
    host: (await host.fs.readTextIfAny(HOST_NAME))?.trim() || "unnamed",
    cores: plan.settings.jobs,
    cells: dealt.cells,
    shards,
  };
  const kernels = new Set(cells.map(({ kernel }) => kernel.id));
  const mustHave = (plan.mustHave ?? []).filter((id) => kernels.has(id));
  return { ...plan, cells, mustHave, shard };
}

/** @param named As the user gave it. @throws KmatrixError "usage" (bad-plan). */
export async function readShardPlan(named: string, path: string, host: Host): Promise<ShardPlan> {
  const hint = "Give what `plan --shards n` prints without --format; lines for GitHub, pipelines " +
    "of GitLab and scripts of Slurm have no digest of the plan.";
  if (await host.fs.kind(path) === "folder") {
    throw new KmatrixError("usage", "bad-plan", `--plan ${named}: it is a folder`, hint);
  }
  const text = await host.fs.readTextIfAny(path);
  if (text === null) {
    throw new KmatrixError("usage", "bad-plan", `--plan ${named}: there is no such file`, hint);
  }
  return givenJson(shardPlanShape, text, { file: named, id: "bad-plan", hint });
}

/** A plan that is given, held against what this machine has of it. */
async function checked(
  { file, plan: given }: { readonly file: string; readonly plan: ShardPlan },
  plan: Plan,
  of: number,
  paths: Paths,
  host: Host,
): Promise<ShardPlan> {
  const hint =
    "Give each shard the options and cells that `plan --shards` had (`arguments` of the " +
    "plan), on the same state of the repository.";
  const foreign = (text: string) => new KmatrixError("usage", "foreign-plan", text, hint);
  if (given.shards.length !== of) {
    throw foreign(`${file} has ${given.shards.length} shards, and --shard asks for one of ${of}`);
  }
  const here = new Set<string>(plan.cells.map(({ id }) => id));
  const there = new Set(given.cells);
  const odd = [...here].filter((id) => !there.has(id)).map((id) => `${id} is not in it`)
    .concat([...there].filter((id) => !here.has(id)).map((id) => `${id} of it is not chosen here`));
  if (odd.length > 0) throw foreign(`${file} is of other cells: ${odd.slice(0, 3).join("; ")}`);
  const asked = await linesByConfig(plan, paths, host);
  const digest = await digestOf(plan, asked, cellsByShard(given), paths, host);
  if (digest !== given.digest) {
    throw foreign(
      `${file} was made of another matrix, config, series or list than there is here, or with ` +
        "other options",
    );
  }
  return given;
}

/** What each config asks for, by its id; null where its fragments are wrong, as its cells will say. */
type AskedLines = ReadonlyMap<string, readonly FragmentLine[] | null>;

async function linesByConfig(plan: Plan, paths: Paths, host: Host): Promise<AskedLines> {
  const asked = new Map<string, readonly FragmentLine[] | null>();
  for (const cell of plan.cells) {
    if (asked.has(cell.config.id)) continue;
    const request = requestOf(cell, plan.kconfigAdd, paths, host);
    asked.set(cell.config.id, await request.then(({ lines }) => lines, () => null));
  }
  return asked;
}

/** Of all that decides about the plan's results, but for the machine that they come from. */
async function digestOf(
  plan: Plan,
  lines: AskedLines,
  shards: readonly (readonly string[])[],
  paths: Paths,
  host: Host,
): Promise<string> {
  const { matrix, cells, kconfigAdd, settings } = plan;
  const { V: _verbosity, ...makeVariables } = settings.makeVariables;
  const asked = cells.map((cell) => ({
    ...{ id: cell.id, toolchain: cell.toolchain, machine: cell.machine, expect: cell.expect },
    ...{ config: cell.config.id, requires: cell.config.requires },
  }));
  const kernels = [...new Map(cells.map(({ kernel }) => [kernel.id, kernel])).values()];
  const configs = [...new Map(cells.map(({ config }) => [config.id, config])).values()];
  const facts = {
    ...{ schema: PLAN_SCHEMA, asked, shards, kconfigAdd, makeVariables },
    dataflowForm: settings.dataflowForm,
    tests: settings.testFilter,
    variables: settings.keyedVariables,
    kernels: await Promise.all(kernels.map((kernel) => kernelFacts(kernel, host))),
    configs: await Promise.all(configs.map(async (config) => ({
      id: config.id,
      lines: lines.get(config.id)?.map(({ option, value }) => `${option}=${value}`) ?? null,
      base: await Promise.all(
        baseOf(config).map((step) =>
          step.kind === "target" ? step.name : contentOf(step.path, host)
        ),
      ),
    }))),
    lists: { warnings: matrix.warnings, splats: matrix.splats, promises: matrix.promises },
    selftests: await Promise.all(
      ((await ownSelftests(paths, host))?.files ?? []).map(async (file) => [
        basename(file),
        await contentOf(file, host),
      ]),
    ),
  };
  return await sha256(JSON.stringify(facts));
}

/** Without the folders in which one machine has it. */
async function kernelFacts(kernel: KernelSpec, host: Host) {
  const { id, source, otherSources = [], series, fuzz, base, uninstrumented } = kernel;
  return {
    ...{ id, fuzz, base, uninstrumented },
    sources: [source, ...otherSources].map(placeless),
    series: await Promise.all(
      series.map(async ({ file, strip }) => ({ strip, content: await contentOf(file, host) })),
    ),
  };
}

function placeless(source: SourceSpec): unknown {
  switch (source.kind) {
    case "tree":
      return { kind: source.kind };
    case "tarball":
      return { kind: source.kind, sha256: source.sha256 };
    case "commits":
      return { kind: source.kind, base: source.base, commits: source.commits };
    case "git":
    case "debian":
      return source;
  }
}

/** SHA-256 of a file; null for one that cannot be read, which its cells say themselves. */
async function contentOf(file: string, host: Host): Promise<string | null> {
  return await host.fs.readBytes(file).then(sha256, () => null);
}

/** As uname(2) gives it; of a container its own. */
const HOST_NAME = "/proc/sys/kernel/hostname";

/** Folders of the tool whose files decide about results. */
const TOOL_FOLDERS: readonly string[] = ["tasks", "selftests"];

/** Of the tool itself, a change that is not committed included: shards of two tools are no one run. */
async function toolDigest({ root }: Paths, host: Host): Promise<string> {
  const contents: string[] = [];
  const look = async (path: string): Promise<void> => {
    if (path.endsWith("_test.ts")) return;
    if (await host.fs.kind(path) !== "folder") {
      contents.push(`${path.slice(root.length)} ${await contentOf(path, host)}`);
      return;
    }
    for (const name of await host.fs.list(path)) await look(`${path}/${name}`);
  };
  for (const folder of TOOL_FOLDERS) await look(`${root}/${folder}`);
  return (await sha256(contents.join("\n"))).slice(0, 16);
}
