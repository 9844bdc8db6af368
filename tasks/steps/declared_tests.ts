// SPDX-License-Identifier: MIT
/**
 * The selftests as the host sees them, loaded when a command needs them: a mistake in one of them stops
 * no other command.
 */
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import type { DeclaredTest, TraceRequest } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";

const SELFTESTS = new URL("../../selftests/", import.meta.url).href;
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Rejects declarations; the mistake is in its caller. */
const DECLARING = `${SELFTESTS}harness/fixtures.ts`;

/**
 * Every test the guest knows, in the order in which it runs them; with a request of `cover`, the tests
 * of such a boot.
 * @throws KmatrixError "selftests-do-not-load" (usage) with file, line and column: a syntax error, an
 *   import of nothing, an id declared twice.
 */
export async function declaredTests(cover?: TraceRequest): Promise<DeclaredTest[]> {
  try {
    return (await import("../../selftests/main.ts")).declaredTests(cover);
  } catch (error) {
    throw loadError(error);
  }
}

/** The same; null where they do not load, for commands that go on without. */
export async function declaredTestsIfAny(): Promise<DeclaredTest[] | null> {
  return await declaredTests().catch(() => null);
}

/** What a module that does not load throws, as the mistake of its author. */
export function loadError(error: unknown): KmatrixError {
  const message = stripVTControlCharacters(error instanceof Error ? error.message : String(error));
  const place = placeOf(error);
  const what = message.split("\n")[0]!.replace(/^(Uncaught )?\w*Error: /, "");
  return new KmatrixError(
    "usage",
    "selftests-do-not-load",
    `the selftests do not load: ${place === null ? "" : `${place}: `}${what}`,
    // The source line with its mark; the place is said.
    message.split("\n").slice(1).filter((line) => !/^ +at /.test(line)).join("\n"),
  );
}

/** `selftests/kcov/tests/kcov.ts:12:3`: the innermost place that is a selftest's. */
function placeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  // A declaration that is rejected later keeps where it was made as its cause.
  const { stack = "" } = error.cause instanceof Error ? error.cause : error;
  const places = stripVTControlCharacters(stack).matchAll(/(file:\/\/\/[^\s()]+?):(\d+):(\d+)/g);
  const ours = [...places].filter(([, url]) => url!.startsWith(SELFTESTS));
  // The mistake is the file's own where nothing else is on the way to it.
  const found = ours.find(([, url]) => url !== DECLARING) ?? ours[0];
  if (found === undefined) return null;
  const [, url, line, column] = found;
  return `${fileURLToPath(url!).slice(ROOT.length)}:${line}:${column}`;
}
