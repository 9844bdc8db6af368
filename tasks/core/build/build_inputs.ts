// SPDX-License-Identifier: MIT
/** What a build was made from, kept in its folder, and what is different about the next one. */
import type { BuildInputs } from "../model/model.ts";
import * as v from "valibot";
import { cachedJson, objectOf, type Shape, strings } from "../text/shape.ts";

/** The name of the file below the build folder. */
export const INPUTS_FILE = "kmatrix-inputs.json";

/** The name of the file that says when and why it was compiled last. */
export const WHY_FILE = "kmatrix-why.json";

export interface BuildReason {
  /** ISO 8601, in UTC. */
  readonly at: string;
  /** As explainChanges() gives them; none where nothing was known to be different. */
  readonly reasons: readonly string[];
  readonly first: boolean;
}

const buildReasonShape: Shape<BuildReason> = objectOf<BuildReason>()({
  at: v.string(),
  reasons: strings,
  first: v.boolean(),
});

/** null for anything that is no such file. */
export function parseBuildReason(text: string | null): BuildReason | null {
  return cachedJson(buildReasonShape, text);
}

/** "built 2026-01-02 03:04: requested options: + CONFIG_X=y" */
export function formatBuildReason({ at, reasons, first }: BuildReason): string {
  const why = first
    ? "for the first time"
    : reasons.join("; ") || "it was changed since, or the build was interrupted";
  return `built ${at.slice(0, 16).replace("T", " ")} UTC: ${why}`;
}

/** Builds of which one takes the place of the other when the project changes. */
export function isSameBuild(a: BuildInputs, b: BuildInputs): boolean {
  return a.kernel === b.kernel && a.config === b.config && a.toolchain === b.toolchain;
}

/**
 * How much two builds have in common, from 0 for nothing to 1 for all: of the options that either
 * asks for, the share that both do, where they begin with the same base.
 */
export function likeness(a: BuildInputs, b: BuildInputs): number {
  if (a.base !== b.base) return 0;
  const [mine, other] = [a, b].map(({ fragment }) => new Set(fragment.split("\n").filter(Boolean)));
  const all = mine!.union(other!).size;
  return all === 0 ? 1 : mine!.intersection(other!).size / all;
}

const texts = v.record(v.string(), v.string());

const buildInputsShape: Shape<BuildInputs> = objectOf<BuildInputs>()({
  kernel: v.string(),
  config: v.string(),
  toolchain: v.string(),
  source: objectOf<BuildInputs["source"]>()({
    path: v.string(),
    version: v.string(),
    digest: v.string(),
    patches: v.array(v.looseObject({ name: v.string(), digest: v.string() })),
  }),
  base: v.exactOptional(v.string()),
  fragment: v.string(),
  compiler: v.string(),
  toolchainFiles: v.exactOptional(texts),
  variables: texts,
  late: v.exactOptional(v.literal("off")),
  plugin: v.exactOptional(v.string()),
  form: v.exactOptional(v.string()),
});

/** null for anything that is no such file. */
export function parseBuildInputs(text: string | null): BuildInputs | null {
  return cachedJson(buildInputsShape, text);
}

const SHOWN = 3;

/** A line for each kind of input that is different; none where a build would give the same. */
export function explainChanges(before: BuildInputs, after: BuildInputs): string[] {
  const reasons: string[] = [];
  if (before.source.path !== after.source.path) {
    reasons.push(`the source lies elsewhere: ${before.source.path} → ${after.source.path}`);
  }
  reasons.push(...sourceChanges(before.source, after.source));
  if (before.base !== after.base) {
    reasons.push(`the base: ${before.base ?? "tinyconfig"} → ${after.base ?? "tinyconfig"}`);
  }
  const asked = (text: string) =>
    text.split("\n").filter((line) => /CONFIG_/.test(line)).join("\n");
  const options = lineChanges(asked(before.fragment), asked(after.fragment));
  if (options.length > 0) reasons.push(`requested options: ${shorten(options)}`);
  const compiler = lineChanges(before.compiler, after.compiler);
  // Another version is made of other files anyway.
  const toolchain = compiler.length > 0 ? compiler : toolchainChanges(before, after);
  if (toolchain.length > 0) reasons.push(`the toolchain: ${shorten(toolchain)}`);
  if (before.plugin !== after.plugin) {
    reasons.push(`the dataflow plugin: ${before.plugin ?? "none"} → ${after.plugin ?? "none"}`);
  }
  if (before.form !== after.form) {
    reasons.push(`the dataflow form: ${before.form ?? "none"} → ${after.form ?? "none"}`);
  }
  const names = new Set([...Object.keys(before.variables), ...Object.keys(after.variables)]);
  for (const name of [...names].sort()) {
    const [was, is] = [before.variables[name] ?? "", after.variables[name] ?? ""];
    if (was !== is) reasons.push(`${name}: "${was}" → "${is}"`);
  }
  return reasons;
}

/**
 * Files of compiler and linker that are not the ones that a build was made by; none where that is
 * not known.
 */
export function toolchainChanges(
  { toolchainFiles: was }: Pick<BuildInputs, "toolchainFiles">,
  { toolchainFiles: is }: Pick<BuildInputs, "toolchainFiles">,
): string[] {
  if (!was || !is) return [];
  return [
    ...Object.keys(is).flatMap((path) =>
      was[path] === undefined
        ? [`+ ${path}`]
        : was[path] === is[path]
        ? []
        : [`${path} has changed`]
    ),
    ...Object.keys(was).filter((path) => is[path] === undefined).map((path) => `- ${path}`),
  ];
}

function sourceChanges(before: BuildInputs["source"], after: BuildInputs["source"]): string[] {
  if (before.digest === after.digest) return [];
  const version = before.version === after.version
    ? []
    : [`version ${before.version} → ${after.version}`];
  const known = new Map(before.patches.map((patch) => [patch.name, patch.digest]));
  const names = new Set(after.patches.map((patch) => patch.name));
  const patches = [
    ...after.patches.flatMap(({ name, digest }) =>
      !known.has(name) ? [`+ ${name}`] : known.get(name) === digest ? [] : [`${name} has changed`]
    ),
    ...[...known.keys()].filter((name) => !names.has(name)).map((name) => `- ${name}`),
  ];
  const order = version.length + patches.length === 0 && before.patches.length > 0 &&
      before.patches.some(({ name }, index) => after.patches[index]?.name !== name)
    ? ["another order"]
    : [];
  return [
    ...version,
    ...(patches.length + order.length > 0
      ? [`the series: ${shorten([...patches, ...order])}`]
      : version.length > 0
      ? []
      : ["files of the source"]),
  ];
}

/** Lines that only one of two texts has, marked with - and +. */
function lineChanges(before: string, after: string): string[] {
  const [was, is] = [before, after].map((text) => text.split("\n").filter(Boolean)) as [
    string[],
    string[],
  ];
  return [
    ...was.filter((line) => !is.includes(line)).map((line) => `- ${line}`),
    ...is.filter((line) => !was.includes(line)).map((line) => `+ ${line}`),
  ];
}

function shorten(items: readonly string[]): string {
  const more = items.length > SHOWN ? `, and ${items.length - SHOWN} more` : "";
  return items.slice(0, SHOWN).join(", ") + more;
}
