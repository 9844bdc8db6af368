// SPDX-License-Identifier: MIT
/** Tells what became of a real base, and leaves the whole of it beside the build. */
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type { Adjustment } from "../core/kconfig/base_adjust.ts";
import { BASE_REPORT, baseNotices, baseReport, type BaseStory } from "../core/build/base_report.ts";
import { findDropped } from "../core/kconfig/kconfig.ts";
import { configLine, type FragmentLine } from "../core/kconfig/fragment.ts";
import { askParser } from "./config_gate.ts";
import type { ConfigRequest } from "./base_config.ts";

/** What is known once the .config is made. */
export interface BaseOutcome {
  /** Values of the base's .config before our own lines. */
  readonly given: ReadonlyMap<string, string>;
  /** Values of the final .config. */
  readonly values: ReadonlyMap<string, string>;
  readonly adjusted: readonly Adjustment[];
  readonly modules: readonly string[];
}

/** @returns A few lines for people; the rest is in {@linkcode BASE_REPORT}. */
export async function tellBase(
  { make, base, request, version }: ConfigRequest,
  { given, values, adjusted, modules }: BaseOutcome,
  paths: Paths,
  host: Host,
): Promise<readonly string[]> {
  // What we have changed ourselves is told as such.
  const ours = new Set([
    ...request.lines.map(({ option }) => option),
    ...adjusted.map(({ option }) => option),
    ...modules,
  ]);
  const said = (base.file?.lines ?? linesOf(given, base.title))
    .filter(({ option, value }) => !ours.has(option) && value !== "m");
  const lost = findDropped({ lines: said, notices: [] }, values);
  const answer = lost.length === 0
    ? null
    : await askParser(make, request, { title: base.title, values: given }, lost, paths, host);
  const story: BaseStory = {
    ...{ title: base.title, file: base.file, version, given, request: request.lines },
    ...{ adjusted, modules, lost, compared: said.length },
    explanations: answer?.kind === "explained" ? answer.explanations : null,
  };
  await host.fs.writeText(`${make.buildDir}/${BASE_REPORT}`, baseReport(story));
  return baseNotices(story);
}

/** What targets have made, as if somebody had written it. */
function linesOf(values: ReadonlyMap<string, string>, title: string): FragmentLine[] {
  return [...values].map(([option, value], index) => ({
    ...{ option, value, file: title, line: index + 1, text: configLine(option, value) },
  }));
}
