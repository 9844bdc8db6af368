// SPDX-License-Identifier: MIT
/** `base:` of a config in matrix.yaml: what its fragments go on top of. */
import type { BaseStep } from "../model/model.ts";
import { nearest } from "../text/nearest.ts";
import type { YamlValue } from "../text/yaml_reader.ts";
import { FULL_TARGETS, isFragmentTarget } from "../build/config_base.ts";
import { pathOf, type Place } from "./yaml_path.ts";

const EXAMPLES = "such as defconfig, kvm_guest.config or ./my.config";

/**
 * One step, or a list of them in their order. What has a `/`, or begins with `~` or `$`, is a file,
 * and comes first; all else is a target of the tree, whose names only the tree tells. In front of
 * targets that only change some options (`kvm_guest.config`) goes `defconfig`.
 * @throws KmatrixError (usage) with line and column.
 */
export function parseBase(value: YamlValue, place: Place): readonly BaseStep[] {
  const items = value.isList ? value.list() : [value];
  if (items.length === 0) throw value.error(`${value.path} is an empty list: ${EXAMPLES}`);
  const steps = items.map((item) => parseStep(item, place));
  for (const [index, step] of steps.entries()) {
    const item = items[index]!;
    if (index === 0) continue;
    if (step.kind === "file") {
      throw item.error(`${step.written} would replace what stands before it: a file comes first`);
    }
    if (!isFragmentTarget(step.name)) {
      throw item.error(
        `${step.name} would replace what stands before it: behind the first, only targets that ` +
          "end in .config",
      );
    }
    if (steps.slice(0, index).some((one) => one.kind === "target" && one.name === step.name)) {
      throw item.error(`${step.name} stands here twice`);
    }
  }
  const [first] = steps;
  const isWhole = first!.kind === "file" || !isFragmentTarget(first!.name);
  return isWhole ? steps : [{ kind: "target", name: "defconfig" }, ...steps];
}

function parseStep(item: YamlValue, place: Place): BaseStep {
  const written = item.string();
  if (/\/|^[~$]/.test(written)) {
    const { path, unset } = pathOf(item, place);
    return { kind: "file", path, written, ...unset };
  }
  const isTarget = FULL_TARGETS.includes(written) ||
    /^[\w.+-]+(?:_defconfig|\.config)$/.test(written);
  if (isTarget && !written.startsWith(".")) return { kind: "target", name: written };
  if (written === ".config") throw item.error("a file is written with its folder: ./.config");
  const asked = /^(?:[a-z]*(?:menu|old|[gnqx])config|syncconfig|config)$/.test(written)
    ? ": it asks questions"
    : written === "randconfig"
    ? ": it is another one each time"
    : /^local\w+config$/.test(written)
    ? ": it goes by the modules of this machine"
    : nearest(written, FULL_TARGETS);
  throw item.error(
    `${JSON.stringify(written)} is no base, ${EXAMPLES} (a file with its folder)${asked}`,
  );
}
