// SPDX-License-Identifier: MIT
/** Shards of one plan become the run that one machine would have made. */
import {
  type CellReport,
  RUN_FORMAT,
  type RunReport,
  type ShardRecord,
  type SourceIdentity,
  type Stage,
  STAGES,
} from "../model/model.ts";
import { splitCellId } from "../model/cells.ts";
import { type Failure, failure } from "../model/errors.ts";
import { unusedOf } from "../console/allow_list.ts";
import { NO_FACTS } from "../report/cell_facts.ts";
import { tableLines } from "../text/columns.ts";
import { counted } from "../text/counted.ts";

/** A shard's run, and where it is from, as it was named. */
export interface ShardRun {
  readonly from: string;
  readonly run: RunReport & { readonly shard: ShardRecord };
}

export interface Merged {
  readonly run: RunReport;
  /** Those that are in it, by their index. */
  readonly used: readonly ShardRun[];
}

/** What a run says of which no kernel's source could be had. */
export function nothingJudged(): Failure {
  const text = "nothing was judged: every kernel is left out, as its source cannot be had";
  return failure("infra", "no-source", text);
}

const shortly = (digest: string) => digest.slice(0, 8);
const named = ({ index, of }: ShardRecord) => `shard ${index}/${of}`;
const MOST_NAMED = 10;

/** The first of some ids, and how many more there are. */
function some(ids: readonly string[]): string {
  const more = ids.length - MOST_NAMED;
  return ids.slice(0, MOST_NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/**
 * Merges what there is. Everything that keeps it from being the whole run is a failure of it, of kind
 * infra: a shard that is missing, there twice, torn, or of something else.
 * @param found In the order in which they were named; without `due`, one or more.
 * @param unread Why something that was named is none of them.
 * @param repeat The command that does a cell again.
 * @param due The record of any shard of the plan that they are to be of; else it is that of most.
 */
export function mergeShards(
  found: readonly ShardRun[],
  unread: readonly Failure[],
  repeat: (cell: string) => string,
  due?: ShardRecord,
): Merged {
  const plan = due?.plan ?? mostCommon(found, ({ run }) => run.shard.plan);
  const tool = due?.tool ?? mostCommon(
    found.filter(({ run }) => run.shard.plan === plan),
    ({ run }) => run.shard.tool,
  );
  const failures = [...unread];
  const own = found.filter((one) => {
    const why = foreign(one, plan, tool);
    if (why !== null) failures.push(why);
    return why === null;
  });
  const used: ShardRun[] = [];
  for (const one of own) {
    const twice = used.find(({ run }) => run.shard.index === one.run.shard.index);
    const why = twice === undefined ? torn(one) : doubled(twice, one);
    if (why !== null) failures.push(why.failure);
    if (why === null || why.isUsed) used.push(one);
  }
  used.sort((a, b) => a.run.shard.index - b.run.shard.index);
  const record = due ?? own[0]!.run.shard;
  failures.push(...missing(record, used));
  return { run: whole(record, used, failures, repeat), used };
}

/** What most of them have, and of as many the first. */
function mostCommon<T>(all: readonly T[], of: (one: T) => string): string {
  const counts = new Map<string, number>();
  for (const one of all) counts.set(of(one), (counts.get(of(one)) ?? 0) + 1);
  return [...counts].reduce((best, one) => one[1] > best[1] ? one : best)[0];
}

function foreign({ from, run: { shard } }: ShardRun, plan: string, tool: string): Failure | null {
  const what = shard.plan !== plan
    ? `is of another plan than the others (${shortly(shard.plan)}, not ${shortly(plan)})`
    : shard.tool !== tool
    ? `was made by another version of kmatrix than the others (${shard.tool}, not ${tool})`
    : null;
  if (what === null) return null;
  const hint =
    "Its cells are not taken. A plan is of one state of matrix, configs, series and options.";
  return failure("infra", "shard-foreign", `${from}: ${named(shard)} ${what}`, hint);
}

function doubled(first: ShardRun, other: ShardRun) {
  const text = `${named(other.run.shard)} is there twice: ${first.from} and ${other.from}`;
  const hint = `The cells are those of ${first.from}; name each shard once.`;
  return { failure: failure("infra", "shard-doubled", text, hint), isUsed: false };
}

/** What shows that a shard is not all of what it was to be. */
function torn({ from, run }: ShardRun): { failure: Failure; isUsed: boolean } | null {
  const { shard, cells, interrupted } = run;
  const said = (text: string, isUsed: boolean, detail = "") => ({
    failure: failure("infra", "shard-torn", `${from}: ${named(shard)} ${text}`, detail),
    isUsed,
  });
  const due = shard.shards[shard.index - 1] ?? [];
  const has = cells.map(({ cell }) => cell as string);
  if (has.length !== due.length || has.some((id) => !due.includes(id))) {
    return said("holds other cells than its plan says", false, `its plan says: ${some(due)}`);
  }
  const left = cells.filter(({ stages }) =>
    stages.some(({ outcome }) =>
      outcome.kind === "pending" || (outcome.kind === "blocked" && outcome.by === "interrupt")
    )
  ).map(({ cell }) => cell);
  if (left.length === 0) return null;
  const ended = interrupted === null ? "ended in the middle" : `was ended by ${interrupted}`;
  return said(`${ended}: ${counted(left.length, "cell")} not done`, true, some(left));
}

function missing(record: ShardRecord, used: readonly ShardRun[]): Failure[] {
  const there = new Set(used.map(({ run }) => run.shard.index));
  return record.shards.flatMap((cells, index): Failure[] => {
    if (there.has(index + 1)) return [];
    const text = `${named({ ...record, index: index + 1 })} is missing: ` +
      `${counted(cells.length, "cell")} not run`;
    const hint =
      "Look at the job of that shard; each shard's run has to be in a folder or archive of " +
      "its own.";
    return [failure("infra", "shard-missing", text, `${some(cells)}\n${hint}`)];
  });
}

function whole(
  { plan, tool, of, cells: ids }: ShardRecord,
  used: readonly ShardRun[],
  failures: Failure[],
  repeat: (cell: string) => string,
): RunReport {
  const runs = used.map(({ run }) => run);
  const reports = new Map(
    runs.flatMap(({ cells }) => cells).map((one) => [one.cell as string, one]),
  );
  const stages = STAGES.filter((stage) =>
    reports.size === 0 ||
    [...reports.values()].some((report) => report.stages.some((one) => one.stage === stage))
  );
  const cells = ids.map((id) => reports.get(id) ?? notRun(id, stages, repeat(id)));
  const starts = runs.map(({ startedAt }) => Date.parse(startedAt));
  const start = Math.min(...starts);
  const ends = runs.map(({ durationMs }, index) => starts[index]! + durationMs);
  const accels = new Set(runs.map(({ accel }) => accel).filter((accel) => accel !== null));
  const { sources, differ } = mergeSources(used, ids);
  return {
    format: RUN_FORMAT,
    startedAt: new Date(runs.length === 0 ? 0 : start).toISOString(),
    durationMs: runs.length === 0 ? 0 : Math.max(...ends) - start,
    accel: accels.size === 1 ? [...accels][0]! : null,
    cells,
    interrupted: null,
    failures: [...failures, ...differ, ...ofWholeRun(used, cells)],
    sources,
    usage: mergeUsage(runs),
    merged: {
      ...{ plan, tool, of },
      shards: used.map(({ from, run: { shard, accel, startedAt, durationMs, cells } }) => ({
        ...{ index: shard.index, from, host: shard.host, cores: shard.cores },
        ...{ accel, startedAt, durationMs, cells: cells.length },
      })),
    },
  };
}

/** A cell whose shard has not come. */
function notRun(cell: string, stages: readonly Stage[], repeat: string): CellReport {
  return {
    cell: cell as CellReport["cell"],
    stages: stages.map((stage) => ({
      ...{ stage, outcome: { kind: "pending" } as const, durationMs: 0, note: "" },
    })),
    ...{ tests: [], splats: [], facts: NO_FACTS, consoleTail: "", repeat },
    verdict: { kind: "unfinished", why: "not run: its shard is missing" },
  };
}

/** Failures of the run itself: those of each shard once, and what only the whole of them tells. */
function ofWholeRun(used: readonly ShardRun[], cells: readonly CellReport[]): Failure[] {
  const own = new Map<string, { readonly failure: Failure; readonly of: ShardRun[] }>();
  for (const one of used) {
    for (const failure of one.run.failures) {
      const key = JSON.stringify([failure.id, failure.message]);
      own.set(key, { failure, of: [...own.get(key)?.of ?? [], one] });
    }
  }
  const lists = used.flatMap(({ run: { lists } }) => lists === undefined ? [] : [lists]);
  const leftOut = cells.every(({ verdict }) => verdict.kind === "left-out");
  return [
    ...[...own.values()].map(({ failure, of }) => {
      if (of.length === used.length) return failure;
      const where = `in ${of.map(({ from, run }) => `${named(run.shard)} (${from})`).join(", ")}`;
      return { ...failure, detail: [failure.detail, where].filter(Boolean).join("\n") };
    }),
    ...(leftOut ? [nothingJudged()] : []),
    ...(lists.length === used.length ? unusedOf(lists) : []),
  ];
}

/** What tells the content of two sources apart; the digest of a tree has its times, too. */
function contentOf({ version, sha256, patches, tree }: SourceIdentity): string {
  const { git = null, content = null } = tree ?? {};
  return JSON.stringify([version, sha256, patches, git?.commit, git?.diff?.sha256, content]);
}

/** A source each kernel; where shards have judged different ones, the first, and that it is so. */
function mergeSources(used: readonly ShardRun[], ids: readonly string[]) {
  const sources = new Map<string, { readonly source: SourceIdentity; readonly of: ShardRun }>();
  const differ: Failure[] = [];
  for (const one of used) {
    for (const source of one.run.sources) {
      const first = sources.get(source.kernel);
      if (first === undefined) sources.set(source.kernel, { source, of: one });
      else if (contentOf(first.source) !== contentOf(source)) {
        const text = `${source.kernel} is not the same source in ${named(first.of.run.shard)} ` +
          `(${first.source.version}) and ${named(one.run.shard)} (${source.version})`;
        const hint = "Pin it: a sha256, a commit, or one download for all.";
        differ.push(failure("infra", "shards-differ", text, hint));
      }
    }
  }
  // In the order in which one run would have come to them.
  const order = (one: SourceIdentity) =>
    ids.findIndex((id) => splitCellId(id)?.kernel === one.kernel);
  const inOrder = [...sources.values()].map(({ source }) => source)
    .sort((a, b) => order(a) - order(b));
  return { sources: inOrder, differ };
}

function mergeUsage(runs: readonly RunReport[]): RunReport["usage"] {
  const programsMs: Record<string, number> = {};
  for (const { usage } of runs) {
    for (const [name, ms] of Object.entries(usage.programsMs)) {
      programsMs[name] = (programsMs[name] ?? 0) + ms;
    }
  }
  return { programsMs, peakMiB: Math.max(0, ...runs.map(({ usage }) => usage.peakMiB)) };
}

/** What a merged run is made of, for people: a line for each shard; none for another run. */
export function mergedLines({ merged, cells }: RunReport): string[] {
  if (merged === undefined) return [];
  const { shards, of, plan } = merged;
  const rows = shards.map(({ index, host, cores, accel, cells, durationMs, from }) => [
    `shard ${index}/${of}`,
    counted(cells, "cell"),
    `${(durationMs / 1000).toFixed(1)}s`,
    `${host} (${counted(cores, "core")}, ${accel ?? "nothing booted"})`,
    from,
  ]);
  const hosts = new Set(shards.map(({ host, cores }) => `${host} ${cores}`));
  const accels = new Set(shards.flatMap(({ accel }) => accel ?? []));
  const apart = [
    ...(hosts.size > 1 ? [`${hosts.size} machines`] : []),
    ...(accels.size > 1 ? [[...accels].sort().join(" and ")] : []),
  ];
  return [
    `merged: ${shards.length} of ${counted(of, "shard")} of plan ${shortly(plan)}, ` +
    counted(cells.length, "cell"),
    ...tableLines(rows).map((line) => `  ${line}`),
    ...(apart.length > 0
      ? [`  of ${apart.join(", ")}: times of cells in different shards do not compare`]
      : []),
  ];
}
