// SPDX-License-Identifier: MIT
/** Where a kernel's source may come from, and what is said where it cannot be had. */
import type { KernelSpec, SourceSpec } from "../model/plan.ts";
import { type Failure, KmatrixError } from "../model/errors.ts";
import type { SourceLack } from "../model/evidence.ts";

/** In the order in which they are tried. */
export function sourcesOf(
  { source, otherSources = [] }: Pick<KernelSpec, "source" | "otherSources">,
): readonly SourceSpec[] {
  return [source, ...otherSources];
}

/** A source as people call it. */
export function sourceName(source: SourceSpec): string {
  switch (source.kind) {
    case "debian":
      return source.suite === undefined ? source.package : `${source.package} of ${source.suite}`;
    case "tarball":
      return source.location;
    case "git":
      return `${source.ref} of ${source.repository}`;
    case "tree":
      return source.path;
    case "commits":
      return `${source.range} of ${source.repository}`;
  }
}

/** One source that cannot be had, through nobody's mistake: the next one of the list is tried. */
export function lackingSource(
  id: "source-missing" | "package-gone" | "download-failed",
  source: SourceSpec,
  why: SourceLack["why"],
  text: string,
  detail = "",
): KmatrixError {
  const lack = { source: sourceName(source), why, text };
  return new KmatrixError("infra", id, text, detail, { kind: "sources", lacks: [lack] });
}

/** Why the sources that a failure is about cannot be had; null for another failure. */
export function lacksOf({ evidence }: Pick<Failure, "evidence">): readonly SourceLack[] | null {
  return evidence?.kind === "sources" ? evidence.lacks : null;
}

/**
 * The failure of a kernel none of whose sources can be had.
 * @param failures One each source, in their order; at least one.
 */
export function withoutSource(
  kernel: string,
  failures: readonly [KmatrixError, ...KmatrixError[]],
): KmatrixError {
  const [first] = failures;
  const lacks = failures.flatMap((one) => lacksOf(one) ?? []);
  if (failures.length === 1) return first;
  const text = `none of the ${failures.length} sources of ${kernel} can be had: ` +
    lacks.map((one) => one.text).join("; ");
  const detail = failures.filter((one) => one.detail !== "").map((one) =>
    `${one.message}\n${one.detail}`
  ).join("\n");
  return new KmatrixError("infra", "no-source", text, detail, { kind: "sources", lacks });
}
