// SPDX-License-Identifier: MIT
/** Reads matrix.yaml and what lies beside it from the disk, and makes a plan of them. */
import type { Host } from "./host/host.ts";
import type { KernelSpec, Matrix, Plan, RunSettings } from "./model.ts";
import type { RunOptions } from "./cli.ts";
import type { Paths } from "./paths.ts";
import { KmatrixError } from "./errors.ts";
import { parseKernelSpec } from "./formats/kernel_spec.ts";
import { parseMatrix } from "./formats/matrix.ts";
import { selectCells, shardCells } from "./formats/plan.ts";

/** @throws KmatrixError "usage" for anything wrong in the matrix or in a kernel.yaml. */
export async function loadMatrix(file: string, paths: Paths, host: Host): Promise<Matrix> {
  const text = await host.fs.readTextIfAny(file);
  if (text === null) {
    throw new KmatrixError("usage", "no-matrix", `there is no matrix file ${file}`);
  }
  const fragments = (await host.fs.list(`${paths.root}/configs`))
    .filter((name) => name.endsWith(".config")).map((name) => name.replace(/\.config$/, ""));
  return parseMatrix(file, text, {
    kernels: await loadKernels(paths, host),
    fragments,
    today: new Date(host.now()).toISOString().slice(0, 10),
    llvm: host.env("LLVM"),
    cc: host.env("CC"),
  });
}

async function loadKernels(paths: Paths, host: Host): Promise<KernelSpec[]> {
  const kernels: KernelSpec[] = [];
  for (const id of await host.fs.list(`${paths.root}/kernels`)) {
    const dir = `${paths.root}/kernels/${id}`;
    const text = await host.fs.readTextIfAny(`${dir}/kernel.yaml`);
    if (text === null) continue;
    const series = await host.fs.readTextIfAny(`${dir}/patches/series`);
    const list = await host.fs.readTextIfAny(`${dir}/uninstrumented.list`);
    kernels.push(parseKernelSpec(id, dir, `kernels/${id}/kernel.yaml`, text, series, list));
  }
  return kernels;
}

/** What a run with these options will do. @throws KmatrixError "no-match" or "usage". */
export function makePlan(
  matrix: Matrix,
  globs: readonly string[],
  options: RunOptions,
  host: Host,
): Plan {
  const chosen = selectCells(matrix, globs);
  const cells = options.shard ? shardCells(chosen, options.shard.part, options.shard.of) : chosen;
  if (cells.length === 0) {
    throw new KmatrixError(
      "no-match",
      "empty-shard",
      "this shard has no cells: there are fewer builds",
    );
  }
  return { matrix, cells, kconfigAdd: options.kconfigAdd, settings: settingsOf(options, host) };
}

/** Variables of the environment that make would take from its command line, and that we pass on. */
const MAKE_VARIABLES = ["W", "V", "KCFLAGS"];

function settingsOf(options: RunOptions, host: Host): RunSettings {
  const arch = host.env("ARCH");
  if (arch !== undefined && !["x86", "x86_64"].includes(arch)) {
    throw new KmatrixError("usage", "bad-environment", `ARCH=${arch}: only x86_64 is supported`);
  }
  return {
    jobs: options.jobs ?? navigator.hardwareConcurrency,
    accel: options.kvm ? options.accel : "tcg",
    failFast: options.failFast,
    install: options.install,
    timeoutSeconds: options.timeout ?? null,
    testFilter: options.filter,
    makeVariables: Object.fromEntries(
      MAKE_VARIABLES.flatMap((name) => {
        const value = host.env(name);
        return value ? [[name, value]] : [];
      }),
    ),
  };
}
