// SPDX-License-Identifier: MIT
/** The declarations of the tests that were packed last, for recordings that are judged without them. */
import * as v from "valibot";
import type { DeclaredTest } from "../core/model/model.ts";
import type { Paths } from "../core/model/paths.ts";
import type { Host } from "../host/host.ts";
import { declaredTestShape } from "../core/report/bundle.ts";
import { cachedJson } from "../core/text/shape.ts";

const fileOf = ({ guests }: Paths) => `${guests}/declared.json`;

export async function rememberTests(
  tests: readonly DeclaredTest[],
  paths: Paths,
  { fs }: Host,
): Promise<void> {
  const text = `${JSON.stringify(tests)}\n`;
  if (await fs.readTextIfAny(fileOf(paths)) !== text) await fs.writeText(fileOf(paths), text);
}

/** Null where none were packed yet, or the file is damaged. */
export async function recallTests(
  paths: Paths,
  { fs }: Host,
): Promise<readonly DeclaredTest[] | null> {
  return cachedJson(v.array(declaredTestShape), await fs.readTextIfAny(fileOf(paths)));
}
