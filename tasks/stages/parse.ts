// SPDX-License-Identifier: MIT
/** Judges recorded boots: yesterday's files as well as those of a moment ago. */
import type { FileKind, Host } from "../host/host.ts";
import type { AllowedSplat, CellResult, DeclaredTest, PromiseBook } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { parseBootRecord } from "../core/boot/boot_record.ts";
import { NO_SOURCES, type SplatSources } from "../core/console/splat_report.ts";
import { findSplats } from "../core/console/splats.ts";
import type { StackFrame } from "../core/console/stack_frame.ts";
import { differencesText } from "../core/judge/promises.ts";
import { guestSourcesShape } from "../core/judge/guest_stack.ts";
import { judgeBoot, RECORDING_BYTES } from "../core/judge/boot_result.ts";
import { RECORDINGS } from "../core/model/paths.ts";
import { cachedJson } from "../core/text/shape.ts";

/** Optional extras; a verdict needs only the recordings. */
export interface ParseOptions {
  readonly allow?: readonly AllowedSplat[];
  /** What is stated of kernels; nothing by default, and then answers are only recorded. */
  readonly promises?: PromiseBook;
  /** Asked for source lines where there is a stack. */
  readonly symbolize?: (frames: readonly StackFrame[]) => Promise<SplatSources>;
}

/**
 * @param dir Folder with console.log and results.log; boot.json where it was kept too.
 * @throws KmatrixError "no-match" where the folder holds neither stream, "usage" for what is no file, and
 *   for a boot.json that is none.
 */
export async function parse(
  dir: string,
  declared: readonly DeclaredTest[],
  host: Host,
  options: ParseOptions = {},
): Promise<CellResult> {
  const console = await beginningOf(`${dir}/${RECORDINGS.console}`, host);
  const results = await beginningOf(`${dir}/${RECORDINGS.results}`, host);
  if (console === null && results === null) {
    throw new KmatrixError(
      "no-match",
      "nothing-recorded",
      `${dir} holds neither ${RECORDINGS.console} nor ${RECORDINGS.results}`,
    );
  }
  const recordFile = `${dir}/${RECORDINGS.record}`;
  const record = await textOf(recordFile, host);
  const result = judgeBoot({
    console: console?.bytes ?? new Uint8Array(),
    results: results?.bytes ?? new Uint8Array(),
    sizes: { console: console?.size ?? 0, results: results?.size ?? 0 },
    record: record === null ? null : parseBootRecord(record, recordFile),
    declared,
    allow: options.allow ?? [],
    promises: options.promises ?? [],
    sources: await sourcesOf(console?.bytes ?? null, options, host),
    guestSources: cachedJson(
      guestSourcesShape,
      await textOf(`${dir}/${RECORDINGS.stacks}`, host),
    ) ?? {},
  });
  const differences = differencesText(result.promises);
  if (differences !== null) host.log("notice", `${result.cell}: ${differences}`);
  return result;
}

/** As much of a recording as is judged, and the size of all of it; null where there is none. */
async function beginningOf(
  path: string,
  host: Host,
): Promise<{ bytes: Uint8Array; size: number } | null> {
  const kind = await host.fs.kind(path);
  if (kind === null) return null;
  // A pipe would be waited for.
  if (kind !== "file") throw notAFile(path, kind);
  const file = await host.fs.openParts(path);
  try {
    return { bytes: file.read(0, RECORDING_BYTES), size: file.size };
  } finally {
    file.close();
  }
}

function notAFile(path: string, kind: FileKind): KmatrixError {
  return new KmatrixError("usage", "bad-recording", `${path} is a ${kind}, not a file`);
}

/** A small file of a recording; null where there is none. */
async function textOf(path: string, host: Host): Promise<string | null> {
  const kind = await host.fs.kind(path);
  if (kind === null) return null;
  if (kind !== "file") throw notAFile(path, kind);
  return await host.fs.readText(path);
}

/** Source lines of every stack on the console; none, with a notice, where they cannot be had. */
async function sourcesOf(
  console: Uint8Array | null,
  { symbolize }: ParseOptions,
  host: Host,
): Promise<SplatSources> {
  if (console === null || symbolize === undefined) return NO_SOURCES;
  const splats = findSplats(console);
  const frames = splats.flatMap((splat) => splat.frames);
  if (frames.length === 0) return NO_SOURCES;
  try {
    return await symbolize(frames);
  } catch (error) {
    host.log("notice", `stacks without source lines: ${(error as Error).message}`);
    return NO_SOURCES;
  }
}
