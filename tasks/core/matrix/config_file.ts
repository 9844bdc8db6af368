// SPDX-License-Identifier: MIT
/** `--config FILE`: a matrix in which every kernel is built with the user's own .config. */
import { basename } from "node:path/posix";
import type { BaseStep, Cell, ConfigSpec, Matrix } from "../model/model.ts";
import { cellId } from "../model/cells.ts";

/** What instrumentation is asked for on top of the file; more comes by --kconfig-add. */
const FRAGMENTS: Pick<ConfigSpec, "fragments" | "requires"> = {
  fragments: ["kcov"],
  requires: ["trace-pc"],
};

/** A legal id from a file's name: "my-syzbot" of "my syzbot.config.gz", "config" of ".config". */
export function configIdOf(path: string, taken: readonly string[]): string {
  const name = basename(path).replace(/(?:\.gz)?$/, "").replace(/(.)\.(?:config|txt)$/, "$1");
  const legal = name.replace(/[^A-Za-z0-9._+-]+/g, "-").replace(/^[^A-Za-z0-9]+|-+$/g, "") ||
    "config";
  for (let n = 2, id = legal;; id = `${legal}-${n++}`) if (!taken.includes(id)) return id;
}

/**
 * The matrix with one config, on top of a file: a cell for each of its kernels on the default toolchain
 * and machine, and for a brought kernel.
 */
export function withConfigFile(
  matrix: Matrix,
  file: Extract<BaseStep, { kind: "file" }>,
): Matrix {
  const id = configIdOf(file.path, matrix.configs.map((config) => config.id));
  const config: ConfigSpec = { id, base: [file], given: true, ...FRAGMENTS };
  const kernels = new Map(matrix.cells.map(({ kernel }) => [kernel.id, kernel]));
  const [toolchain, machine] = [matrix.toolchains[0]!, matrix.machines[0]!];
  const cells = [...kernels.values()].map((kernel): Cell => ({
    id: cellId(matrix, kernel, config, toolchain, machine),
    ...{ kernel, config, toolchain, machine, expect: { kind: "pass" } },
  }));
  const template = { kernel: null, configs: [id] };
  return { ...matrix, configs: [config], cells, template };
}
