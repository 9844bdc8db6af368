// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Explanation } from "../kconfig/explanation.ts";
import type { FragmentLine } from "../kconfig/fragment.ts";
import { baseNotices, baseReport, type BaseStory, GUEST_FILE } from "./base_report.ts";

const line = (option: string, value = "y", file = "b.config"): FragmentLine => ({
  ...{ option, value, file, line: 7, text: `${option}=${value}` },
});

function lostFor(cause: Explanation["cause"], count: number, more: Partial<Explanation> = {}) {
  return Array.from({ length: count }, (_, n): Explanation => ({
    ...{ option: `CONFIG_${cause.toUpperCase()}_${n}`, cause, summary: `${cause} ${n}` },
    ...{ details: ["  because"], add: [], advice: [], instead: [], ...more },
  }));
}

function story(
  explanations: readonly Explanation[] | null,
  more: Partial<BaseStory> = {},
): BaseStory {
  const lost = (explanations ?? lostFor("depends", 2)).map(({ option }) => ({
    request: line(option),
    found: undefined,
  }));
  return {
    ...{ title: "b.config", file: null, version: "6.12.9", given: new Map(), request: [] },
    ...{ adjusted: [], modules: [], compared: 3000, lost, explanations, ...more },
  };
}

Deno.test("baseNotices() counts what is lost by cause and names a few of hundreds", () => {
  const all = [...lostFor("depends", 300), ...lostFor("no-such-option", 5), ...lostFor("range", 1)];
  const [notice, ...others] = baseNotices(story(all));
  assert.deepEqual(others, []);
  const lines = notice!.split("\n");
  assert.match(lines[0]!, /^of 3000 settings of b\.config, 306 are not in the final \.config/);
  assert.equal(lines.length, 4);
  assert.match(lines[1]!, /^ {2}5 × no such option in this kernel: .*_0, .*_3, and 1 more$/);
  assert.match(lines[2]!, /^ {2}300 × a dependency does not hold: .*, and 296 more$/);
  assert.equal(lines[3], "  1 × out of the option's range: CONFIG_RANGE_0");
});

Deno.test("baseNotices() keeps what belongs to modules apart from what is lost by itself", () => {
  const part = lostFor("depends", 2, { add: ["CONFIG_DRIVER=y"] });
  const notices = baseNotices(
    story([...part, ...lostFor("prompt", 1)], { modules: ["CONFIG_DRIVER"] }),
  );
  assert.match(notices[0]!, /^1 option of b\.config are modules|^1 option/);
  assert.match(notices[1]!, /\n {2}2 × part of a module that is off: /);
  assert.doesNotMatch(notices[1]!, /a dependency does not hold/);
});

Deno.test("baseNotices() names each option that was added for the guest, and no other request", () => {
  const request = [
    line("CONFIG_TTY", "y", GUEST_FILE),
    line("CONFIG_HAD", "y", GUEST_FILE),
    line("CONFIG_LOCKED", "n", GUEST_FILE),
    line("CONFIG_ABSENT", "n", GUEST_FILE),
    line("CONFIG_KCOV", "y", "configs/kcov.config"),
  ];
  const given = new Map([["CONFIG_HAD", "y"], ["CONFIG_LOCKED", "y"]]);
  assert.deepEqual(baseNotices(story([], { request, given })), [
    `added to b.config for the guest (${GUEST_FILE} says why): CONFIG_TTY=y, CONFIG_LOCKED=n`,
  ]);
});

Deno.test("baseNotices() compares releases, not point releases", () => {
  const of = (version: string) =>
    baseNotices(story([], { file: { lines: [], notices: [], madeFor: { arch: "a", version } } }));
  assert.deepEqual(of("6.12.0-rc1"), []);
  assert.deepEqual(of("6.1.0"), ["b.config was written by 6.1.0, and this kernel is 6.12.9"]);
});

Deno.test("baseReport() has each reason, also where nobody could be asked for it", () => {
  const all = baseReport(story(lostFor("depends", 50)));
  assert.equal(all.match(/^depends \d+$/gm)?.length, 50);
  const mute = baseReport(story(null));
  assert.match(mute, /the Kconfig parser of this tree could not be asked why/);
  assert.equal(mute.match(/^ {2}found: absent$/gm)?.length, 2);
});
