// SPDX-License-Identifier: MIT
/** Cell ids and the globs over them. */
import { globMatches } from "../../../selftests/contract/glob.ts";
import type { CellId, ConfigSpec, KernelSpec, Machine, Matrix, Toolchain } from "./model.ts";

/**
 * `<kernel>/<config>[@<toolchain>][/<machine>]`; the first toolchain and the first machine of the
 * matrix are the defaults and are not written.
 */
export function cellId(
  matrix: Pick<Matrix, "toolchains" | "machines">,
  kernel: Pick<KernelSpec, "id">,
  config: Pick<ConfigSpec, "id">,
  toolchain: Pick<Toolchain, "id">,
  machine: Pick<Machine, "id">,
): CellId {
  const at = toolchain.id === matrix.toolchains[0]?.id ? "" : `@${toolchain.id}`;
  const on = machine.id === matrix.machines[0]?.id ? "" : `/${machine.id}`;
  return `${kernel.id}/${config.id}${at}${on}` as CellId;
}

/** The parts of a cell id; undefined where it is no cell id. */
export function splitCellId(
  id: string,
): { kernel: string; config: string; toolchain?: string; machine?: string } | undefined {
  const match = /^([^/@*]+)\/([^/@*]+)(?:@([^/@*]+))?(?:\/([^/@*]+))?$/.exec(id);
  if (!match) return undefined;
  return {
    kernel: match[1]!,
    config: match[2]!,
    ...(match[3] === undefined ? {} : { toolchain: match[3] }),
    ...(match[4] === undefined ? {} : { machine: match[4] }),
  };
}

/**
 * Whether a text of somebody else's may be the id of a cell: it names a folder below the run's and
 * nothing else, and a terminal shows it as it is.
 */
export function isCellId(text: string): boolean {
  return text.split("/").every((part) =>
    /^[^\p{C}\p{Zl}\p{Zp}]+$/u.test(part) && !/^\.{1,2}$/.test(part)
  );
}

/** A matcher over whole ids in which `*` also crosses `/`; `!` in front of a glob refuses. */
export function globMatcher(globs: readonly string[]): (id: string) => boolean {
  const wanted = globs.filter((glob) => !glob.startsWith("!"));
  const refused = globs.filter((glob) => glob.startsWith("!")).map((glob) => glob.slice(1));
  return (id) =>
    (wanted.length === 0 || wanted.some((glob) => globMatches(glob, id))) &&
    !refused.some((glob) => globMatches(glob, id));
}
