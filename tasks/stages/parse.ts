// SPDX-License-Identifier: MIT
/** Judges recorded boots: yesterday's files as well as those of a moment ago. */
import type { Host } from "../host/host.ts";
import type { BootRecord, CellResult, DeclaredTest } from "../model.ts";
import { KmatrixError } from "../errors.ts";
import { judgeBoot } from "../formats/verdict.ts";
import { RECORDINGS } from "../paths.ts";

/**
 * @param dir Folder with console.log and results.log; boot.json where it was kept too.
 * @throws KmatrixError "no-match" where the folder holds neither stream.
 */
export async function parse(
  dir: string,
  declared: readonly DeclaredTest[],
  host: Host,
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
  });
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
