// SPDX-License-Identifier: MIT
/** What a comparison says in words, wherever it is shown: terminal, Markdown, page. Pure. */
import { counted } from "../text/counted.ts";
import type { Change, Figure, Item, RunComparison } from "./compare.ts";
import type { ComparedTime } from "./times.ts";

/** Kinds of change in the order in which people want to know of them, and how they are called. */
export const CHANGE_TITLES: readonly (readonly [Change, string])[] = [
  ["new-failure", "New failures"],
  ["flaky", "Flaky now"],
  ["fixed", "Fixed"],
  ["still-failing", "Still failing"],
  ["not-run", "Not run any more"],
  ["skipped", "Skipped now"],
  ["appeared", "Appeared"],
  ["vanished", "Vanished"],
];

/** An item, and others of its cell that changed alike for no cause of their own. */
export interface ItemGroup {
  readonly item: Item;
  readonly more: readonly Item[];
}

/** Many tests of a cell that changed alike for no cause of their own are one group. */
export function grouped(items: readonly Item[]): ItemGroup[] {
  const cells = new Set(items.map(({ cell }) => cell));
  const alone = (item: Item): ItemGroup => ({ item, more: [] });
  return [...cells].flatMap((cell) => {
    const these = items.filter((item) => item.cell === cell);
    const [first, ...more] = these.filter(({ failure }) => failure === null);
    const rest = these.filter(({ failure }) => failure !== null).map(alone);
    if (first === undefined) return rest;
    return [...rest, ...(more.length > 2 ? [{ item: first, more }] : [first, ...more].map(alone))];
  });
}

/** "+0.25 %"; "" where one of the two is not there. */
export function percentOf({ before, after }: Figure): string {
  if (!before || after === null) return "";
  const percent = 100 * (after - before) / before;
  return `${percent > 0 ? "+" : ""}${percent.toFixed(Math.abs(percent) < 1 ? 2 : 1)} %`;
}

/** "slower: 6.0 times as long" of a time that is another one. */
export function ratioText({ ratio }: Pick<ComparedTime, "ratio">): string {
  return ratio > 1
    ? `slower: ${ratio.toFixed(1)} times as long`
    : `faster: ${ratio.toFixed(2)} of it`;
}

/** A machine this much faster or slower is worth a word. */
const NOTABLE_FACTOR = 1.5;

/** What limits the comparison, for people. */
export function remarks({ noTimes, commonFactor, unclearTimes }: RunComparison): string[] {
  if (noTimes === "accelerator") return ["Times are not compared: one ran with KVM, one without."];
  const unclear = unclearTimes === 0 ? [] : [
    `${
      counted(unclearTimes, "duration")
    } not compared: the machine had more to do than its processors could.`,
  ];
  const factor = commonFactor ?? 1;
  if (unclear.length > 0 || Math.max(factor, 1 / factor) < NOTABLE_FACTOR) return unclear;
  const text = `Everything took ${factor.toFixed(1)} times as long: the machine was ` +
    `${factor > 1 ? "busier" : "less busy"}, or all of the kernel is ` +
    `${factor > 1 ? "slower" : "faster"}. Times are told beside that.`;
  return [text];
}

/** "3 still failing" of a comparison that has nothing else to tell; "" where nothing fails. */
export function stillFailing({ items }: Pick<RunComparison, "items">): string {
  const failing = items.filter(({ change }) => change === "still-failing").length;
  return failing === 0 ? "" : `${failing} still failing`;
}
