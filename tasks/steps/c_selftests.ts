// SPDX-License-Identifier: MIT
/** Builds the C programs of a tree's own KCOV selftest, where it has one, to run beside our tests. */
import { basename } from "node:path/posix";
import type { Host } from "../host/host.ts";
import type { KernelConfig } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { isBuildFailureId, isOfConduct } from "../core/model/build_failures.ts";
import { collectWarnings } from "../core/build/build_log.ts";
import { toldPaths } from "../core/build/told_paths.ts";
import { Elf } from "../core/inspect/elf.ts";
import type { Confinement } from "../core/build/sandbox.ts";
import { buildConfinement, makeArgv, type MakeRequest, selftestArgv } from "../core/build/make.ts";
import { C_SELFTEST_SOURCE } from "../../selftests/contract/c_programs.ts";
import { checkInside, type Job, perform, readLog, runMake } from "./make_job.ts";

/** Below the build folder. */
const FOLDER = "kmatrix-selftests";

export interface CSelftests {
  /** Static programs, absolute paths; none where the tree has no such selftest. */
  readonly programs: readonly string[];
  /** False: nothing had changed and no compiler was started. */
  readonly compiled: boolean;
}

/**
 * The kernel's headers for userspace, and with them what the selftest's own Makefile calls its
 * programs. All of it is written below the build folder. The log is one of its own: a warning in a
 * test program is no warning of the kernel.
 * @throws KmatrixError "build" with id selftest-build-error; "infra" where the machine broke it.
 */
export async function buildSelftests(
  config: KernelConfig,
  request: MakeRequest,
  content: readonly string[],
  host: Host,
): Promise<CSelftests> {
  const { buildDir, source } = config;
  if (!(await host.fs.exists(`${source.path}/${C_SELFTEST_SOURCE}/Makefile`))) {
    return { programs: [], compiled: false };
  }
  const log = `${buildDir}/${FOLDER}.log`;
  const output = `${buildDir}/${FOLDER}`;
  const confine = buildConfinement(request);
  const job: Job = {
    stamp: `${FOLDER}.json`,
    content,
    argv: selftestArgv(request, C_SELFTEST_SOURCE, output, []),
    cache: null,
    confine,
    source,
    prepare: async () => {
      await host.fs.remove(log);
      await host.fs.remove(output);
      await host.fs.makeDir(output);
      await runMake(
        { argv: makeArgv(request, ["headers"]), cache: null, confine, source },
        log,
        host,
      );
    },
    products: async () => {
      const names = await programsOf(request, output, confine, host);
      const programs = names.map((name) => `${FOLDER}/${name}`);
      await checkInside(buildDir, [`${FOLDER}.log`, ...programs], host);
      for (const name of programs) await checkStatic(`${buildDir}/${name}`, host);
      return programs;
    },
  };
  const { products, compiled } = await blamed(() => perform(job, buildDir, log, host));
  if (compiled) {
    for (const { text } of await readLog(log, host, collectWarnings)) {
      host.log("notice", `${C_SELFTEST_SOURCE}: ${toldPaths(text, source)}`);
    }
  }
  return { programs: products.map((name) => `${buildDir}/${name}`), compiled };
}

/** The names that lib.mk's emit_tests gives and that make has left: scripts stay in the source. */
async function programsOf(
  request: MakeRequest,
  output: string,
  confine: Confinement,
  host: Host,
): Promise<string[]> {
  const argv = selftestArgv(request, C_SELFTEST_SOURCE, output, ["--silent", "emit_tests"]);
  const result = await host.run({ argv, confine });
  const names = result.stdout.split("\n").map((line) => line.slice(line.indexOf(":") + 1).trim());
  const built = await host.fs.list(output);
  const programs = [...new Set(names)].filter((name) => built.includes(name));
  if (result.code === 0 && programs.length > 0) return programs;
  const text = "its Makefile builds no program (TEST_GEN_PROGS)";
  throw new KmatrixError("build", "make-error", text, result.stderr, {
    kind: "file",
    name: `${C_SELFTEST_SOURCE}/Makefile`,
  });
}

/** The guest has no dynamic linker. */
async function checkStatic(program: string, host: Host): Promise<void> {
  const { sections } = new Elf(await host.fs.readBytes(program), program);
  if (!sections.some(({ name }) => name === ".interp")) return;
  const text = `${program} is not linked statically: its Makefile drops USERLDFLAGS=-static`;
  const name = basename(program);
  throw new KmatrixError("build", "selftest-build-error", text, "", { kind: "file", name });
}

/** What is wrong with the selftest is not wrong with the kernel; what no build may do keeps its id. */
async function blamed<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof KmatrixError) || error.kind !== "build") throw error;
    const text = `${C_SELFTEST_SOURCE} does not build: ${error.message}`;
    const { id, detail, evidence } = error;
    const named = isBuildFailureId(id) && isOfConduct(id) ? id : "selftest-build-error";
    throw new KmatrixError("build", named, text, detail, evidence);
  }
}
