// SPDX-License-Identifier: MIT
/** `A..B` of git: the commits that B has and A has not. */
import { KmatrixError } from "../model/errors.ts";

/**
 * Both ends; an end that is left out is HEAD, as for git.
 * @throws KmatrixError "usage" (bad-range)
 */
export function splitRange(range: string): [from: string, to: string] {
  const wrong = (why: string) =>
    new KmatrixError("usage", "bad-range", `--range ${range}: ${why}`, "A..B is wanted.");
  if (range.includes("...")) throw wrong("three dots mean what two branches do not share");
  const parts = range.split("..");
  if (parts.length !== 2) throw wrong("no two ends with .. between them");
  const [from, to] = parts as [string, string];
  if (from === "" && to === "") throw wrong("both ends are missing");
  return [from || "HEAD", to || "HEAD"];
}
