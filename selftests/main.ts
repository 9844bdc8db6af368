// SPDX-License-Identifier: MIT

/**
 * All selftests. On the host: the list of declared tests. In the guest, where the global `sys`
 * exists, the entry point of PID 1.
 */

import type { TraceRequest } from "./contract/quality.ts";
import type { DeclaredTest } from "./contract/fixtures.ts";
import { EXIT_COMMAND_FAILED, EXIT_FINISHED } from "./contract/frames.ts";
import { endMachine, guestPlatform, mountFilesystems, readCell } from "./harness/guest_platform.ts";
import { type AnyFixture, collectTests, Fixture, type RunnableTest } from "./harness/fixtures.ts";
import { runTests } from "./harness/runner.ts";
import { fixtures as crashFixtures } from "./crash/mod.ts";
import { coverTests } from "./kcov/cover.ts";
import { dataflowCallTests } from "./kcov/dataflow_call.ts";
import { prepareModules } from "./kcov/modules.ts";
import { qualityTests } from "./kcov/quality.ts";
import { fixtures as kcovFixtures } from "./kcov/tests/mod.ts";
import { fixtures as ownFixtures } from "./own.ts";
import { kernelSymbols } from "./kcov/symbols.ts";
import { runSession } from "./session/session.ts";

/** Every fixture of ours, in the order in which it runs; those of a project of one's own follow. */
const fixtures = [...kcovFixtures, ...crashFixtures];

/** What a boot runs: the selftests, or what `deno task cover`, `dataflow` or `quality` asks for. */
function testsOf(
  request: TraceRequest | undefined,
  own: readonly AnyFixture[],
): readonly RunnableTest[] {
  if (request?.kind === "quality") return qualityTests(request);
  if (request?.kind === "dataflow") return dataflowCallTests(request);
  const tests = collectTests([...fixtures, ...own]);
  return request === undefined ? tests : coverTests(request, tests);
}

/** What a file of one's own has as `fixtures`; null where that is no list of them. */
export function fixturesOf(exported: unknown): readonly AnyFixture[] | null {
  const { fixtures } = (exported ?? {}) as { readonly fixtures?: unknown };
  const isList = Array.isArray(fixtures) && fixtures.every((one) => one instanceof Fixture);
  return isList ? fixtures : null;
}

/**
 * Every test the guest knows, in the order in which it runs them.
 * @param own Fixtures of a project of one's own.
 */
export function declaredTests(
  cover?: TraceRequest,
  own: readonly AnyFixture[] = ownFixtures,
): DeclaredTest[] {
  return testsOf(cover, own).map(({ id, fixture, variant, test, requires, timeoutMs, file }) => ({
    ...{ id, fixture, variant, test, requires, timeoutMs, file },
  }));
}

/** Reads something once for all children; the test that needs it says why it cannot have it. */
function prepare(read: () => unknown): void {
  try {
    read();
  } catch {
    // Not every kernel has it.
  }
}

if (globalThis.sys !== undefined) {
  mountFilesystems();
  prepare(kernelSymbols);
  const cell = readCell();
  if (cell.session) endMachine(runSession(cell.session) ? EXIT_FINISHED : EXIT_COMMAND_FAILED);
  prepare(prepareModules);
  runTests(testsOf(cell.cover, ownFixtures), cell, guestPlatform());
  endMachine(EXIT_FINISHED);
}
