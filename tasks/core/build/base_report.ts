// SPDX-License-Identifier: MIT
/**
 * What became of a real configuration: what was added for the guest, what does not build here, and
 * what it says and the kernel does not have, by cause. A few lines for people, and a whole text.
 */
import { counted } from "../text/counted.ts";
import type { Adjustment } from "../kconfig/base_adjust.ts";
import type { BaseFile } from "./base_file.ts";
import { type DropCause, type Explanation, formatExplanation } from "../kconfig/explanation.ts";
import { configLine, type FragmentLine, placeOf } from "../kconfig/fragment.ts";
import type { Dropped } from "../kconfig/kconfig.ts";
import { sameValue } from "../kconfig/values.ts";

export interface BaseStory {
  readonly title: string;
  /** null where it was made by targets. */
  readonly file: BaseFile | null;
  /** Of the kernel. */
  readonly version: string;
  /** Values of the base's .config, settled. */
  readonly given: ReadonlyMap<string, string>;
  readonly request: readonly FragmentLine[];
  readonly adjusted: readonly Adjustment[];
  /** Options that were modules. */
  readonly modules: readonly string[];
  /** What the base says and the final .config has not, with the reasons; null: nobody could be asked. */
  readonly lost: readonly Dropped[];
  readonly explanations: readonly Explanation[] | null;
  /** How many lines of the base were compared. */
  readonly compared: number;
}

/** The fragment with what the guest needs of any kernel. */
export const GUEST_FILE = "configs/guest.config";

/** The name of the whole text below a build folder, and below the folder of a cell. */
export const BASE_REPORT = "base-report.txt";

/** What each cause says of many options at once; in the order of how much there is to learn. */
const CAUSES: Readonly<Record<DropCause, string>> = {
  "no-such-option": "no such option in this kernel: renamed, gone, or of another version",
  probe: "the compiler or a program of this machine does not do it",
  depends: "a dependency does not hold",
  type: "not a value of the option's type",
  range: "out of the option's range",
  choice: "decided by its choice, of which one member is on",
  selected: "something selects it",
  prompt: "its prompt is hidden",
  unknown: "for no reason that the Kconfig parser sees",
  "no-prompt": "never taken from a .config: Kconfig computes it",
};

const NAMED = 4;

/** A few lines. */
export function baseNotices(story: BaseStory): string[] {
  const { title, file, version, adjusted, modules } = story;
  const notices: string[] = [];
  const added = addedForGuest(story);
  if (added.length > 0) {
    notices.push(
      `added to ${title} for the guest (${GUEST_FILE} says why): ${added.join(", ")}`,
    );
  }
  for (const { option, was, value, why } of adjusted) {
    notices.push(`${option}=${was} of ${title} became ${value}: ${why}`);
  }
  if (modules.length > 0) {
    notices.push(
      `${counted(modules.length, "option")} of ${title} are modules (=m) and off here: the guest ` +
        `loads no modules but ours. =y builds one in`,
    );
  }
  if (file !== null) {
    for (const line of file.notices) notices.push(`${title}: ${line}`);
    const from = file.madeFor?.version;
    if (from !== undefined && !sameRelease(from, version)) {
      notices.push(`${title} was written by ${from}, and this kernel is ${version}`);
    }
  }
  const groups = groupsOf(story);
  if (groups.length > 0) {
    const { length } = story.lost;
    const parts = groups.map(({ text, names }) => `\n  ${names.length} × ${text}: ${few(names)}`);
    notices.push(
      `of ${counted(story.compared, "setting")} of ${title}, ${length} ` +
        `${length === 1 ? "is" : "are"} not in the final .config ` +
        `(each with its reason in ${BASE_REPORT}):${parts.join("")}`,
    );
  }
  return notices;
}

/** Lines of the guest's fragment that the base did not have so. */
function addedForGuest({ request, given }: BaseStory): string[] {
  return request.filter(({ file, option, value }) => {
    const had = given.get(option);
    return file === GUEST_FILE && !(had === undefined ? value === "n" : sameValue(had, value));
  }).map(({ option, value }) => configLine(option, value).replace(/^# (\S+) .*/, "$1=n"));
}

/** "6.12" of "6.12.117", so that point releases are alike. */
function sameRelease(a: string, b: string): boolean {
  const release = (version: string) => /^\d+\.\d+/.exec(version)?.[0] ?? version;
  return release(a) === release(b);
}

interface Group {
  readonly text: string;
  readonly names: readonly string[];
}

/** What a lost option of the cause "depends" needs, where that was a module: drivers have hundreds. */
const OF_MODULES = "part of a module that is off";

function groupsOf({ lost, explanations, modules }: BaseStory): Group[] {
  if (lost.length === 0) return [];
  if (explanations === null) {
    const names = lost.map(({ request }) => request.option);
    return [{ text: "the Kconfig parser of this tree could not be asked why", names }];
  }
  const off = new Set(modules);
  const groups = new Map(Object.values(CAUSES).map((text): [string, string[]] => [text, []]));
  groups.set(OF_MODULES, []);
  for (const { option, cause, add } of explanations) {
    const isPart = cause === "depends" && add.some((line) => off.has(line.split("=")[0]!));
    groups.get(isPart ? OF_MODULES : CAUSES[cause])!.push(option);
  }
  return [...groups].flatMap(([text, names]) => names.length === 0 ? [] : [{ text, names }]);
}

function few(names: readonly string[]): string {
  const shown = names.slice(0, NAMED).join(", ");
  return names.length > NAMED ? `${shown}, and ${names.length - NAMED} more` : shown;
}

/** Everything, for a file. */
export function baseReport(story: BaseStory): string {
  const { title, version, given, request, modules, lost, explanations } = story;
  const replaced = request.flatMap(({ option, value, ...line }) => {
    const had = given.get(option);
    const same = had === undefined ? value === "n" : sameValue(had, value);
    if (same) return [];
    const was = had === undefined ? "not there" : configLine(option, had);
    return [
      `  ${configLine(option, value)}  (${placeOf({ option, value, ...line })}; was: ${was})`,
    ];
  });
  const details = explanations === null
    ? lost.map(({ request: { text }, found }) => `${text}\n  found: ${found ?? "absent"}`)
    : (Object.keys(CAUSES) as DropCause[]).flatMap((cause) =>
      explanations.filter((one) => one.cause === cause).map(formatExplanation)
    );
  return [
    `${title} on ${version}`,
    "",
    ...baseNotices(story),
    "",
    ...section("asked beyond the base, or against it", replaced),
    ...section("modules that are off", modules.map((name) => `  ${name}`)),
    ...section("not in the final .config", details),
  ].join("\n").trimEnd() + "\n";
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`── ${title}: ${lines.length}`, "", ...lines, ""];
}
