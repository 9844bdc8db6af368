// SPDX-License-Identifier: MIT
/**
 * Facts as the properties of JUnit, run.json and bundles: texts by name, for people and for viewers.
 * The only way there, and nothing leads back: whoever needs a figure reads the fact.
 */
import { counted } from "../text/counted.ts";
import { basename } from "node:path/posix";
import type {
  CellFacts,
  CellReport,
  Comparison,
  DataflowFigures,
  HeldAs,
  LeftOut,
  PromiseReport,
  SourceIdentity,
  SplatReport,
} from "../model/model.ts";
import { overBudgetText } from "../boot/boot_phases.ts";
import { deviationText, isBroken } from "../judge/promises.ts";
import { percent } from "./dedup_table.ts";
import { attemptsText } from "../judge/flakes.ts";
import { sandboxText } from "../build/sandbox.ts";
import { describeFuzz } from "../source/series.ts";
import { sourceName } from "../source/kernel_sources.ts";
import { filesText, shortId } from "../source/source_identity.ts";
import { timesText } from "../console/splat_report.ts";
import {
  type DedupFigures,
  type DedupMode,
  overflowRate,
  sparedOverflows,
} from "../../../selftests/contract/dedup.ts";

export type Properties = Readonly<Record<string, string>>;

/**
 * All properties of a cell, in the order of the flow; none for what it did not come to.
 * @param sources Those of its run.
 */
export function cellProperties(
  report: CellReport,
  sources: readonly SourceIdentity[],
): Properties {
  const { facts, leftOut, attempts, splats } = report;
  const { sandbox, kernel, fuzz, config, build, boot, promises, dedup, cPrograms } = facts;
  const source = sources.find((one) => one.kernel === kernel?.id);
  return {
    ...(sandbox && { "build.sandbox": sandboxText(sandbox) }),
    ...(kernel && { "kernel.version": kernel.version }),
    ...(source && sourceProperties(source)),
    ...(fuzz.length > 0 && { "patch.fuzz": fuzz.map(describeFuzz).join("\n") }),
    ...(config && { "build.key": config.key, "build.fragments": config.fragments.join(" ") }),
    ...(config?.base && { "build.base": config.base }),
    ...(build && { "build.warnings.listed": `${build.listedWarnings}` }),
    ...inspectedProperties(facts, leftOut),
    ...(boot && bootProperties(boot)),
    ...(attempts && { "boot.attempts": attemptsText(attempts) }),
    ...(promises && promiseProperties(promises)),
    ...(dedup && dedupProperties(dedup)),
    ...(cPrograms && cProgramProperties(cPrograms)),
    ...splatProperties(splats),
  };
}

/** Of a source that differs from what its version says: `source.*`. */
export function sourceProperties(source: SourceIdentity): Properties {
  const { spec, patches, tree, sha256, passedOver = [] } = source;
  const commits = spec.kind === "commits" ? spec : null;
  const git = tree?.git ?? null;
  const found: Record<string, string | null | undefined> = {
    "source.file": sha256 && sourceName(spec),
    "source.sha256": sha256,
    "source.passed-over": passedOver.map(({ text }) => text).join("; "),
    "source.tree": tree?.path,
    "source.commit": git?.commit ?? commits?.commits.at(-1)?.id,
    "source.describe": git?.describe,
    "source.branch": git?.branch,
    "source.diff": git?.diff?.sha256,
    "source.changed": git?.diff && filesText(git.diff),
    "source.content": tree?.content?.sha256,
    "source.range": commits &&
      `${commits.range} (${shortId(commits.base)}, ${counted(commits.commits.length, "commit")})`,
    "source.series": patches.length === 0
      ? null
      : patches.map(({ name, sha256 }) => `${name} ${shortId(sha256)}`).join(", "),
  };
  return Object.fromEntries(
    Object.entries(found).flatMap(([name, value]) => value ? [[name, value]] : []),
  );
}

const LEFT_OUT: Readonly<Record<keyof LeftOut, string>> = {
  byFlags: "inspect.left-out",
  byAttributes: "inspect.left-out.attributes",
  unexplained: "inspect.left-out.unexplained",
};

/** Of a kernel that has passed inspection: how it was built, and what was found in it. */
function inspectedProperties(
  { config, build, inspection }: CellFacts,
  leftOut: LeftOut | undefined,
): Properties {
  if (!config || !build || !inspection) return {};
  const { calls, textBytes, guardBytes, modules, dataflow } = inspection;
  const left = Object.entries(leftOut ?? {}) as [keyof LeftOut, readonly string[]][];
  return {
    "build.features": config.features.join(" "),
    "build.objects": `${build.objects}`,
    "build.compiled": build.compiled ? "yes" : "no (nothing changed)",
    ...(build.reasons.length > 0 && { "build.reason": build.reasons.join("; ") }),
    ...(build.start !== undefined && {
      "build.start": `a copy of ${build.start.name} (${build.start.key})`,
    }),
    ...ccacheProperties(build),
    ...(build.lateUse && build.lateUse.objects > 0 && {
      "build.late":
        `${build.lateUse.shared} of ${build.lateUse.objects} objects took what they share`,
    }),
    "inspect.text.bytes": `${textBytes}`,
    ...named(Object.entries(calls), (name) => `inspect.calls.${name}`),
    ...(dataflow && dataflowProperties(dataflow)),
    ...(guardBytes !== null && { "inspect.guard.bytes": `${guardBytes}` }),
    ...Object.fromEntries(
      left.filter(([, paths]) => paths.length > 0)
        .map(([how, paths]) => [LEFT_OUT[how], paths.join(" ")]),
    ),
    ...Object.fromEntries(modules.map(({ name, calls, guards, textBytes }) => {
      const all = Object.values(calls).reduce((sum, count) => sum + count, 0);
      const text = `${all} calls, ${guards} guards, ${textBytes} bytes of text`;
      return [`inspect.module.${basename(name)}`, text];
    })),
  };
}

/** `inspect.dataflow.*`, as the plugin notes it in objects of kernel and modules. */
function dataflowProperties(figures: DataflowFigures): Properties {
  const { objects, functions, args, lost, rets, tables, tableBytes } = figures;
  return {
    "inspect.dataflow.functions": `${functions} in ${counted(objects, "object")}`,
    "inspect.dataflow.args": `${args + lost}`,
    "inspect.dataflow.unknown": `${lost}`,
    "inspect.dataflow.rets": `${rets}`,
    "inspect.dataflow.tables": `${tables}`,
    "inspect.dataflow.table.bytes": `${tableBytes}`,
  };
}

function ccacheProperties({ cacheUse }: NonNullable<CellFacts["build"]>): Properties {
  if (!cacheUse || cacheUse.calls === 0) return {};
  const { hits, calls, remoteHits, remoteFailures = 0 } = cacheUse;
  const remote = remoteHits === 0 ? "" : `, ${remoteHits} of them from remote storage`;
  const failed = remoteFailures === 0 ? "" : `; remote storage failed in ${remoteFailures}`;
  return { "build.ccache": `${hits} of ${calls} calls were hits${remote}${failed}` };
}

/** `boot.phase.*` in ms, and `boot.over-budget` where there is something to say. */
function bootProperties(
  { accel, durationMs, phasesMs, overBudget, release }: NonNullable<CellFacts["boot"]>,
): Properties {
  return {
    "boot.accel": accel,
    "boot.ms": `${durationMs}`,
    ...named(Object.entries(phasesMs), (phase) => `boot.phase.${phase}`),
    ...(overBudget.length > 0 && { "boot.over-budget": overBudget.map(overBudgetText).join("; ") }),
    ...(release && { "guest.release": release }),
  };
}

/** `promises.*`: whose, how many are kept, and each that is not, by name. */
function promiseProperties(report: PromiseReport): Properties {
  const { against, answers, deviations, notAsked } = report;
  if (answers.length === 0) return {};
  const other = new Set(deviations.map(({ promise }) => promise));
  const list = (wanted: boolean) =>
    deviations.filter((one) => isBroken(one, against?.as) === wanted).map(deviationText).join("; ");
  const [broken, differences] = [list(true), list(false)];
  return {
    ...(against && {
      "promises.of": `kernels/${against.id}${HELD_AS[against.as]}`,
      "promises.kept": `${answers.length - other.size}`,
      "promises.not-asked": `${notAsked.length}`,
    }),
    ...(broken && { "promises.broken": broken }),
    ...(differences && { "promises.differences": differences }),
  };
}

const HELD_AS: Readonly<Record<HeldAs, string>> = {
  own: "",
  base: " (below its series)",
  nearest: " (the nearest version)",
};

function dedupProperties(figures: DedupFigures): Properties {
  const of = (name: string, mode: DedupMode) => ({
    [`dedup.${name}.overflows`]: `${mode.overflows}`,
    [`dedup.${name}.overflow.rate`]: percent(overflowRate(figures, mode)),
    [`dedup.${name}.pcs.kept`]: `${mode.kept}`,
    [`dedup.${name}.pcs.lost`]: `${mode.lost}`,
    [`dedup.${name}.call.ns`]: mode.nsPerCall.toFixed(0),
  });
  return {
    "dedup.programs": `${figures.programs}`,
    "dedup.buffer.words": `${figures.words}`,
    "dedup.bitmap.words": `${figures.bitmapWords}`,
    ...of("pc", figures.pc),
    ...of("unique", figures.unique),
    "dedup.overflows.spared": percent(sparedOverflows(figures)),
  };
}

function cProgramProperties({ same, differing, onlyC, onlyOurs }: Comparison): Properties {
  const lists = { "c.differing": differing, "c.only.in.c": onlyC, "c.only.in.ours": onlyOurs };
  return {
    "c.same": `${same.length}`,
    ...Object.fromEntries(
      Object.entries(lists).filter(([, list]) => list.length > 0)
        .map(([name, list]) => [name, list.join(" ")]),
    ),
  };
}

/** `splat.<fingerprint>`, with when, how often, what and why it may be. */
function splatProperties(splats: readonly SplatReport[]): Properties {
  const texts = new Map<string, string>();
  for (const { fingerprint, during, alsoDuring, times, title, root, allowed } of splats) {
    if (!root || texts.has(fingerprint)) continue;
    const more = alsoDuring.length === 0 ? "" : ` and ${alsoDuring.length} more`;
    const notes = [timesText(times), allowed && `allowed by ${allowed.place}: ${allowed.reason}`];
    const said = notes.filter(Boolean).join("; ");
    texts.set(fingerprint, `${during}${more}: ${title}${said === "" ? "" : ` (${said})`}`);
  }
  return named([...texts], (print) => `splat.${print}`);
}

function named(
  values: readonly (readonly [name: string, value: string | number])[],
  nameOf: (name: string) => string,
): Properties {
  return Object.fromEntries(values.map(([name, value]) => [nameOf(name), `${value}`]));
}
