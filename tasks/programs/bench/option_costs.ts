// SPDX-License-Identifier: MIT
/** `deno task bench --option-costs`: what each line of a cell's fragments costs, in objects. */
import $ from "dax";
import { makeArgv, type MakeRequest } from "../../core/build/make.ts";
import type { FragmentLine } from "../../core/kconfig/fragment.ts";
import {
  type OptionCost,
  optionTable,
  plannedObjects,
  turnedRound,
  withLine,
} from "./option_cost_table.ts";
import { host } from "./measure.ts";

/**
 * Turns every line round in a copy of a build folder, and counts what make would compile; nothing is
 * compiled.
 * @param make Of the cell, which must be built.
 * @param place An empty folder for the copy.
 * @returns A table for people.
 */
export async function optionCosts(
  make: MakeRequest,
  lines: readonly FragmentLine[],
  place: string,
): Promise<string> {
  await $`env cp --archive --reflink=auto ${make.buildDir}/. ${place}`.quiet();
  // Host tools stay: what make runs while it plans needs them.
  const kept = ["-not", "-path", "./tools/*", "-not", "-path", "./scripts/*"];
  const made = ["(", "-name", "*.o", "-o", "-name", "*.a", "-o", "-name", ".*.cmd", ")"];
  await $`${["find", ".", ...made, ...kept, "-delete"]}`.cwd(place).quiet();
  await Deno.remove(`${place}/vmlinux`);
  const request = { ...make, buildDir: place, jobs: 1 };
  const dotConfig = await Deno.readTextFile(`${place}/.config`);
  const count = async () => {
    host.signal.throwIfAborted();
    await $`${makeArgv(request, ["olddefconfig", "syncconfig"])}`.quiet();
    // It ends with an error where it comes to what is not there, which is behind all objects.
    const plan = await $`${makeArgv(request, ["-n", "vmlinux"])}`.noThrow().captureCombined(true)
      .quiet();
    return plannedObjects(plan.combined);
  };
  const objects = await count();
  const costs: OptionCost[] = [];
  for (const { option, value, text } of lines) {
    const turned = turnedRound({ option, value });
    if (turned === null) continue;
    await Deno.writeTextFile(`${place}/.config`, withLine(dotConfig, option, turned));
    const turnedObjects = await count();
    const became = await Deno.readTextFile(`${place}/.config`);
    const holds = turned.endsWith("=y")
      ? became.includes(`${turned}\n`)
      : !became.includes(`\n${option}=y\n`);
    costs.push({ line: text, objects: holds ? turnedObjects : null });
    console.error(`bench: ${text}: ${holds ? turnedObjects : "fixed"}`);
  }
  return optionTable(costs, objects);
}
