// SPDX-License-Identifier: MIT
/** What a bundle says of itself, and how two verdicts on one bundle compare. */
import * as v from "valibot";
import { ARCH_NAMES } from "../arch/table.ts";
import {
  type Accel,
  type AllowedSplat,
  type CellVerdict,
  type DeclaredTest,
  type Expectation,
  type Feature,
  FEATURES,
  type Machine,
  type SourceIdentity,
  type SourceSpec,
} from "../model/model.ts";
import { KmatrixError } from "../model/errors.ts";
import { allowedSplatShape, verdictShape } from "./run_report.ts";
import { sourceIdentityShape, sourceSpecShape } from "../source/source_identity.ts";
import { count, givenJson, ms, objectOf, readJson, type Shape, strings } from "../text/shape.ts";

export const MANIFEST = "bundle.json";
export const BUNDLE_FORMAT = 2;

export interface BundleManifest {
  readonly format: typeof BUNDLE_FORMAT;
  readonly cell: string;
  readonly machine: Machine;
  readonly accel: Accel;
  /** As of the boot's record. */
  readonly slowness?: number;
  readonly features: readonly Feature[];
  readonly filter: readonly string[];
  /** As {@linkcode BootRecord.base}. */
  readonly base?: string;
  readonly timeoutSeconds: number | null;
  readonly expect: Expectation;
  /** Splats that were allowed. */
  readonly allow: readonly AllowedSplat[];
  /** The tests of the guest in it, which may be older than those of this tool. */
  readonly declared: readonly DeclaredTest[];
  readonly source: {
    readonly spec: SourceSpec;
    readonly version: string;
    /** null where it could not be found out. */
    readonly identity: SourceIdentity | null;
  };
  /** Programs that built and booted it, with what they say of their version. */
  readonly tools: Readonly<Record<string, string>>;
  /** QEMU's command line as it was. */
  readonly qemu: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  readonly verdict: CellVerdict;
  /** SHA-256 by name of file. */
  readonly digests: Readonly<Record<string, string>>;
}

/** What QEMU loads of a bundle where it is not vmlinux itself. */
export const IMAGE = "bzImage";

/** The file of a bundle that QEMU loads. */
export function bootedFile({ digests }: Pick<BundleManifest, "digests">): string {
  return IMAGE in digests ? IMAGE : "vmlinux";
}

/** Names that folders are made of, as in matrix.yaml. */
const CELL = /^[A-Za-z0-9][\w.+-]*(?:[/@][A-Za-z0-9][\w.+-]*){1,3}$/;
/** Behind a comma QEMU takes options of a machine, of which some name files to be written. */
const MACHINE_TYPE = /^[\w.-]+$/;
/** Of a file in the bundle: a name with a way out of it would be read elsewhere. */
const FILE_NAME = /^[\w+-][\w.+-]*$/;

const expectationShape: Shape<Expectation> = v.variant("kind", [
  v.looseObject({ kind: v.literal("pass") }),
  v.looseObject({ kind: v.literal("skip") }),
  v.looseObject({
    kind: v.literal("fail"),
    tests: strings,
    reason: v.string(),
    link: v.string(),
    expires: v.string(),
    place: v.exactOptional(v.string()),
  }),
]);

const positive = v.pipe(count, v.minValue(1));
const pattern = (regex: RegExp, what: string) => v.pipe(v.string(), v.regex(regex, what));

const machineShape: Shape<Machine> = objectOf<Machine>()({
  id: v.string(),
  cpus: positive,
  memoryMiB: positive,
  type: pattern(MACHINE_TYPE, "no type of a machine"),
  cmdline: v.string(),
  arch: v.exactOptional(v.picklist(ARCH_NAMES)),
  fixed: v.exactOptional(v.array(v.picklist(["type", "memory"]))),
  qemuArgs: v.exactOptional(strings),
});

export const declaredTestShape: Shape<DeclaredTest> = objectOf<DeclaredTest>()({
  id: v.string(),
  fixture: v.string(),
  variant: v.string(),
  test: v.string(),
  requires: v.array(v.picklist(FEATURES)),
  timeoutMs: ms,
  file: v.string(),
});

/** Like a machine type, what else of a manifest decides more than what is booted is held narrow. */
const manifestShape: Shape<BundleManifest> = objectOf<BundleManifest>()({
  format: v.literal(BUNDLE_FORMAT),
  cell: pattern(CELL, "no cell id"),
  machine: machineShape,
  accel: v.picklist(["kvm", "tcg"]),
  slowness: v.exactOptional(v.pipe(v.number(), v.minValue(1), v.maxValue(1000))),
  features: v.array(v.picklist(FEATURES)),
  filter: strings,
  base: v.exactOptional(v.string()),
  timeoutSeconds: v.nullable(positive),
  expect: expectationShape,
  allow: v.array(allowedSplatShape),
  declared: v.array(declaredTestShape),
  source: v.looseObject({
    spec: sourceSpecShape,
    version: v.string(),
    identity: v.nullable(sourceIdentityShape),
  }),
  tools: v.record(v.string(), v.string()),
  qemu: strings,
  properties: v.record(v.string(), v.string()),
  verdict: verdictShape,
  digests: v.pipe(
    v.record(pattern(FILE_NAME, "no name of a file"), pattern(/^[0-9a-f]{64}$/, "no SHA-256")),
    v.check(
      (digests) => ["vmlinux", "initramfs.cpio"].every((name) => name in digests),
      "not the digests of vmlinux and initramfs.cpio",
    ),
  ),
});

const anyFormat = v.looseObject({ format: v.optional(v.unknown()), cell: v.string() });

/**
 * A bundle may come from anybody.
 * @throws KmatrixError "usage" for what is no manifest, or one of another version, and for one that
 *   reaches beyond its own boot.
 */
export function parseManifest(text: string, where: string): BundleManifest {
  const any = readJson(anyFormat, text);
  if (any.kind === "read" && any.value.format !== BUNDLE_FORMAT) {
    const format = JSON.stringify(any.value.format) ?? "none";
    const text = `${where}: its format is ${format}, and this version reads ${BUNDLE_FORMAT}`;
    const hint = "Pack it again with this version, or replay it with the one that has packed it.";
    throw new KmatrixError("usage", "bad-bundle", text, hint);
  }
  return givenJson(manifestShape, text, {
    file: `${where}: ${MANIFEST}`,
    id: "bad-bundle",
    hint: "The bundle is damaged, or was changed by hand.",
  });
}

/** What of a verdict is the same in every boot: what failed and by which id, not how it was said. */
function telling(verdict: CellVerdict): string[] {
  if (verdict.kind !== "failed") return [verdict.kind];
  return verdict.failures.flatMap(({ id, subject }) => {
    const tests = (subject?.tests ?? []).map((test) => `${test}: ${id}`);
    return tests.length === 0 || subject?.stage ? [id, ...tests] : tests;
  }).sort();
}

/** What one verdict has and the other has not, a line each; none where they are the same. */
export function verdictDifferences(recorded: CellVerdict, found: CellVerdict): string[] {
  const [before, now] = [telling(recorded), telling(found)];
  return [
    ...before.filter((line) => !now.includes(line)).map((line) => `recorded only: ${line}`),
    ...now.filter((line) => !before.includes(line)).map((line) => `now only: ${line}`),
  ];
}
