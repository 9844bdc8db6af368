// SPDX-License-Identifier: MIT
/** What a bundle says of itself, and how two verdicts on one bundle compare. */
import type {
  Accel,
  AllowedSplat,
  CellVerdict,
  DeclaredTest,
  Expectation,
  Feature,
  Machine,
  SourceSpec,
} from "../model.ts";
import { KmatrixError } from "../errors.ts";

export const MANIFEST = "bundle.json";
export const BUNDLE_FORMAT = 2;

export interface BundleManifest {
  readonly format: typeof BUNDLE_FORMAT;
  readonly cell: string;
  readonly machine: Machine;
  readonly accel: Accel;
  readonly features: readonly Feature[];
  readonly filter: readonly string[];
  readonly timeoutSeconds: number | null;
  readonly expect: Expectation;
  /** Splats that were allowed. */
  readonly allow: readonly AllowedSplat[];
  /** The tests of the guest in it, which may be older than those of this tool. */
  readonly declared: readonly DeclaredTest[];
  readonly source: { readonly spec: SourceSpec; readonly version: string };
  /** Programs that built and booted it, with what they say of their version. */
  readonly tools: Readonly<Record<string, string>>;
  /** QEMU's command line as it was. */
  readonly qemu: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  readonly verdict: CellVerdict;
  /** SHA-256 by name of file. */
  readonly digests: Readonly<Record<string, string>>;
}

/** Names that folders are made of, as in matrix.yaml. */
const CELL = /^[A-Za-z0-9][\w.+-]*(?:[/@][A-Za-z0-9][\w.+-]*){1,3}$/;
/** Behind a comma QEMU takes options of a machine, of which some name files to be written. */
const MACHINE_TYPE = /^[\w.-]+$/;

/**
 * What of a manifest decides more than what is booted: a bundle may come from anybody. null for
 * nothing.
 */
function oddity({ cell, machine }: Pick<BundleManifest, "cell" | "machine">): string | null {
  if (!CELL.test(cell)) return `${JSON.stringify(cell)} is no cell id`;
  const { cpus, memoryMiB, type, cmdline } = machine;
  const numbers = [cpus, memoryMiB].every((one) => Number.isInteger(one) && one > 0);
  if (numbers && MACHINE_TYPE.test(type) && typeof cmdline === "string") return null;
  return `its machine is none: ${JSON.stringify({ cpus, memoryMiB, type, cmdline })}`;
}

/**
 * @throws KmatrixError "usage" for what is no manifest, or one of another version, and for one that
 *   reaches beyond its own boot.
 */
export function parseManifest(text: string, where: string): BundleManifest {
  let value: Partial<BundleManifest> | null = null;
  try {
    value = JSON.parse(text);
  } catch {
    // Said below.
  }
  const whole = value !== null && typeof value === "object" && typeof value.cell === "string" &&
    typeof value.machine === "object" && Array.isArray(value.declared) &&
    typeof value.verdict?.kind === "string" && typeof value.digests === "object";
  if (!whole) {
    throw new KmatrixError("usage", "bad-bundle", `${where}: ${MANIFEST} is damaged`);
  }
  if (value?.format !== BUNDLE_FORMAT) {
    const text = `${where}: format ${value?.format}; this version reads ${BUNDLE_FORMAT}`;
    throw new KmatrixError("usage", "bad-bundle", text);
  }
  const manifest = value as BundleManifest;
  const odd = oddity(manifest);
  if (odd !== null) throw new KmatrixError("usage", "bad-bundle", `${where}: ${odd}`);
  return manifest;
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
