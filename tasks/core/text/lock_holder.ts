// SPDX-License-Identifier: MIT
/** Who holds a lock, as it says so in a file beside the lock, and as people read it. */
import * as v from "valibot";
import { cachedJson, count, ms, objectOf, type Shape } from "./shape.ts";
import { plainLine } from "./plain_text.ts";

export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** The PID namespace that the number is of, as /proc names it; "" where it is not known. */
  readonly namespace: string;
  /** Where it runs, absolute. */
  readonly folder: string;
  /** Words of its command line, without the program's. */
  readonly command: string;
  /** Since when it holds the lock, in ms since the epoch. */
  readonly sinceMs: number;
}

const lockHolderShape: Shape<LockHolder> = objectOf<LockHolder>()({
  pid: count,
  host: v.string(),
  namespace: v.string(),
  folder: v.string(),
  command: v.string(),
  sinceMs: ms,
});

/** null for anything that is no such file. */
export function parseLockHolder(text: string | null): LockHolder | null {
  return cachedJson(lockHolderShape, text);
}

const COMMAND_SHOWN = 100;

/** `process 4711 in /home/u/linux (matrix linux-6.12/kcov), since 12:03:20 UTC (201 s)` */
export function lockHolderText(
  holder: LockHolder,
  own: Pick<LockHolder, "pid" | "host" | "namespace">,
  nowMs: number,
): string {
  const seconds = Math.max(0, Math.round((nowMs - holder.sinceMs) / 1000));
  const since = new Date(holder.sinceMs);
  const at = Number.isNaN(since.getTime())
    ? ""
    : `, since ${since.toISOString().slice(11, 19)} UTC`;
  const when = `${at} (${seconds} s)`;
  const here = holder.host === own.host;
  if (here && holder.namespace === own.namespace && holder.pid === own.pid) {
    return `this run${when}`;
  }
  const where = !here
    ? ` on ${holder.host}`
    : holder.namespace !== own.namespace
    ? " of another container"
    : "";
  const words = holder.command.length > COMMAND_SHOWN
    ? `${holder.command.slice(0, COMMAND_SHOWN)}…`
    : holder.command;
  const command = words === "" ? "" : ` (${words})`;
  return plainLine(`process ${holder.pid}${where} in ${holder.folder}${command}${when}`);
}

/** All holders in a row; "it" where nobody says that it is. */
export function lockHoldersText(
  holders: readonly LockHolder[],
  own: Pick<LockHolder, "pid" | "host" | "namespace">,
  nowMs: number,
): string {
  if (holders.length === 0) return "it";
  const texts = holders.map((one) => lockHolderText(one, own, nowMs));
  const more = texts.length > 3 ? ` and ${texts.length - 3} more` : "";
  return texts.slice(0, 3).join("; ") + more;
}
