// SPDX-License-Identifier: MIT
/** Judges recorded boots: yesterday's files as well as those of a moment ago. */
import type { Host } from "../host/host.ts";
import type { AllowedSplat, BootRecord, CellResult, DeclaredTest } from "../model.ts";
import { KmatrixError } from "../errors.ts";
import { NO_SOURCES, type SplatSources } from "../formats/splat_report.ts";
import { findSplats } from "../formats/splats.ts";
import type { StackFrame } from "../formats/stack_trace.ts";
import { CONSOLE_BYTES, judgeBoot } from "../formats/verdict.ts";
import { RECORDINGS } from "../paths.ts";

/** What is known besides the recordings, of which none needs it for a verdict. */
export interface ParseOptions {
  readonly allow?: readonly AllowedSplat[];
  /** Asked for source lines where there is a stack. */
  readonly symbolize?: (frames: readonly StackFrame[]) => Promise<SplatSources>;
}

/**
 * @param dir Folder with console.log and results.log; boot.json where it was kept too.
 * @throws KmatrixError "no-match" where the folder holds neither stream.
 */
export async function parse(
  dir: string,
  declared: readonly DeclaredTest[],
  host: Host,
  options: ParseOptions = {},
): Promise<CellResult> {
  const bytes = async (name: string) =>
    await host.fs.exists(`${dir}/${name}`) ? await host.fs.readBytes(`${dir}/${name}`) : null;
  const console = await bytes(RECORDINGS.console);
  const results = await bytes(RECORDINGS.results);
  if (console === null && results === null) {
    throw new KmatrixError(
      "no-match",
      "nothing-recorded",
      `${dir} holds neither ${RECORDINGS.console} nor ${RECORDINGS.results}`,
    );
  }
  return judgeBoot({
    console: console ?? new Uint8Array(),
    results: results ?? new Uint8Array(),
    record: readRecord(await host.fs.readTextIfAny(`${dir}/${RECORDINGS.record}`), dir),
    declared,
    allow: options.allow ?? [],
    sources: await sourcesOf(console, options, host),
  });
}

/** Source lines of every stack on the console; none, with a notice, where they cannot be had. */
async function sourcesOf(
  console: Uint8Array | null,
  { symbolize }: ParseOptions,
  host: Host,
): Promise<SplatSources> {
  if (console === null || symbolize === undefined) return NO_SOURCES;
  const splats = findSplats(new TextDecoder().decode(console.subarray(0, CONSOLE_BYTES)));
  const frames = splats.flatMap((splat) => splat.frames);
  if (frames.length === 0) return NO_SOURCES;
  try {
    return await symbolize(frames);
  } catch (error) {
    host.log("notice", `stacks without source lines: ${(error as Error).message}`);
    return NO_SOURCES;
  }
}

function readRecord(text: string | null, dir: string): BootRecord | null {
  if (text === null) return null;
  try {
    const record = JSON.parse(text) as BootRecord;
    if (typeof record.cell === "string" && typeof record.end?.kind === "string") return record;
  } catch {
    // Falls through to the error below.
  }
  throw new KmatrixError(
    "usage",
    "bad-boot-json",
    `${dir}/${RECORDINGS.record} is damaged`,
    "Remove it to judge the two streams alone.",
  );
}
