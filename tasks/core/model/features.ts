// SPDX-License-Identifier: MIT
/** Which features a cell has, by what each source of the table selftests/contract/features.ts tells. */
import type { Machine } from "./model.ts";
import { type Feature, FEATURES, promiseOf } from "../../../selftests/contract/features.ts";

/** @param config Values of the final .config by option. */
export function optionFeatures(config: ReadonlyMap<string, string>): Feature[] {
  return FEATURES.filter((feature) => {
    const promise = promiseOf(feature);
    return promise.by === "option" && config.get(promise.option) === promise.value;
  });
}

/**
 * Features of the interface that no option tells, for each ioctl that the header defines.
 * @param header The text of include/uapi/linux/kcov.h; "" for none.
 */
export function ioctlFeatures(header: string): Feature[] {
  const defined = new Set(
    [...header.matchAll(/^[ \t]*#[ \t]*define[ \t]+(\w+)/gm)].map(([, name]) => name),
  );
  return FEATURES.filter((feature) => {
    const promise = promiseOf(feature);
    return promise.by === "header" && defined.has(promise.ioctl);
  });
}

export function machineFeatures({ cpus }: Pick<Machine, "cpus">): Feature[] {
  return FEATURES.filter((feature) => {
    const promise = promiseOf(feature);
    return promise.by === "machine" && cpus >= promise.cpus;
  });
}

/** Features of a tree that brings programs for the guest. They are known once they are built. */
export const TREE_FEATURES: readonly Feature[] = FEATURES.filter((feature) =>
  promiseOf(feature).by === "tree"
);
