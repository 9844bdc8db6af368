// SPDX-License-Identifier: MIT
/** What BisectSession makes of boots that `deno task bisect` over the fake project cannot have. */
import assert from "node:assert/strict";
import { NO_ANSWERS } from "../testing/samples.ts";
import type { ReadyCell } from "./cell_stages.ts";
import type { CellResult } from "../core/model/model.ts";
import type { OneCell } from "./one_cell.ts";
import { BisectSession, type Subject } from "./bisect_session.ts";
import { rejectionOf } from "../testing/errors.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { tinyKernel } from "../testing/tiny_elf.ts";

const HUNTED = "kcov_c.tree.every_program_ends_by_itself";

/** A guest with the hunted test, which fails, or without any. */
function result(hasTest: boolean): CellResult {
  const failure = { kind: "test", id: "test-failed", message: "no", detail: "" } as const;
  const test = { id: HUNTED, outcome: { kind: "failed", failure } };
  const tests = (hasTest ? [test] : []) as unknown as CellResult["tests"];
  return {
    ...{ cell: "k/c", boot: null, tests, splats: [], promises: NO_ANSWERS },
    guest: { release: null, uptimeMs: 1 },
  };
}

/** A session over kernels whose guests have the test or not, in this order. */
async function withSession(
  kernels: readonly boolean[],
  body: (session: BisectSession, subjects: readonly Subject[]) => Promise<void>,
): Promise<void> {
  await withTempDir(async (dir) => {
    await Deno.writeTextFile(`${dir}/log`, "");
    const subjects = await Promise.all(kernels.map(async (hasTest, index): Promise<Subject> => {
      const vmlinux = `${dir}/${index}`;
      await Deno.writeFile(vmlinux, tinyKernel({ calls: { __sanitizer_cov_trace_pc: index } }));
      const kernel = {
        vmlinux,
        log: `${dir}/log`,
        modules: [],
        config: { buildDir: dir, source: { path: dir } },
      };
      const ready = { kernel, cell: { id: "k/c" }, hasTest } as unknown as ReadyCell;
      return { name: `${index}`, folder: `${index}`, ready: () => Promise.resolve(ready) };
    }));
    const runner = {
      boot: (ready: ReadyCell & { hasTest: boolean }) => Promise.resolve(result(ready.hasTest)),
      newWarnings: () => [],
    } as unknown as OneCell;
    const options = { filter: [HUNTED], confidence: 0.99, maxBoots: 30, dir: `${dir}/run` };
    await body(new BisectSession(runner, options, new FakeHost()), subjects);
  });
}

Deno.test("BisectSession skips a kernel whose guest has none of the tests, as of a tree without its C program", async () => {
  await withSession([true, false], async (session, [bad, without]) => {
    assert.equal((await session.judgeBad(bad!)).verdict.kind, "bad");
    assert.deepEqual((await session.judge(without!)).verdict, {
      kind: "skip",
      why: "3 of 3 boots unclear, the test did not run",
    });
  });
});

Deno.test("BisectSession hunts nothing where the bad end has none of the tests", async () => {
  await withSession([false], async (session, [bad]) => {
    const error = await rejectionOf(session.judgeBad(bad!));
    assert.match(String(error), /no test of k\/c matches kcov_c\./);
  });
});
