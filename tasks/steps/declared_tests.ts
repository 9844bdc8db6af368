// SPDX-License-Identifier: MIT
/**
 * The selftests as the host sees them, loaded when a command needs them: a mistake in one of them stops
 * no other command.
 */
import { fileURLToPath, pathToFileURL } from "node:url";
import { stripVTControlCharacters } from "node:util";
import type { DeclaredTest, TraceRequest } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import type { OwnSelftests } from "./layers.ts";

const SELFTESTS = new URL("../../selftests/", import.meta.url).href;
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Those of a project of one's own. */
let own: OwnSelftests | null = null;

/** Called once, before any test is asked for. */
export function useOwnSelftests(found: OwnSelftests | null): void {
  own = found;
}

/** What each file of one's own exports, by its name. */
async function ownModules(): Promise<[file: string, exported: unknown][]> {
  const modules: [string, unknown][] = [];
  for (const file of own?.files ?? []) modules.push([file, await import(toFileUrl(file))]);
  return modules;
}

const toFileUrl = (file: string) => pathToFileURL(file).href;

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
    const { declaredTests, fixturesOf } = await import("../../selftests/main.ts");
    const fixtures = (await ownModules()).flatMap(([file, exported]) => {
      const found = fixturesOf(exported);
      if (found !== null) return found;
      const text = `${shownFile(file)} exports no fixtures, a list of what fixture() makes`;
      throw new KmatrixError("usage", "selftests-do-not-load", text);
    });
    return declaredTests(cover, fixtures);
  } catch (error) {
    throw error instanceof KmatrixError ? error : loadError(error);
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
  const roots = [SELFTESTS, ...(own === null ? [] : [toFileUrl(`${own.folder}/`)])];
  const ours = [...places].filter(([, url]) => roots.some((root) => url!.startsWith(root)));
  // The mistake is the file's own where nothing else is on the way to it.
  const found = ours.find(([, url]) => url !== DECLARING) ?? ours[0];
  if (found === undefined) return null;
  const [, url, line, column] = found;
  return `${shownFile(fileURLToPath(url!))}:${line}:${column}`;
}

/** From the folder of the matrix, or from the project's. */
function shownFile(file: string): string {
  const folder = own === null ? null : `${own.folder}/`;
  if (folder !== null && file.startsWith(folder)) return `selftests/${file.slice(folder.length)}`;
  return file.slice(ROOT.length);
}
