// SPDX-License-Identifier: MIT
/**
 * Which shard gets which builds. Each build has shards that it likes best, by a hash of its name, and
 * gets the first that has room; how much room there is follows from all costs in coarse steps. So one
 * more build, or one shard more, moves few of the others (consistent hashing with bounded loads:
 * Mirrokni, Thorup, Zadimoghaddam, 2018), where dealing the longest to the emptiest shard would deal
 * anew. What that leaves unbalanced is dealt so after all.
 */

/** What stays together: the cells of a build. */
export interface Parcel {
  /** Unique; the same on every machine. */
  readonly name: string;
  /** Seconds, above 0. */
  readonly cost: number;
}

/** Room grows in these steps, so that a little more cost usually leaves it as it is. */
const STEP = 1.02;
/** The least room beyond the lower bound: with none, every build would stand where it just fits. */
const LEAST_SLACK = 1.05;
/** The most room, in which the fullest shard is within 10 % of the best there can be. */
const MOST_SLACK = 1.09;

/** So few parcels are placed by trying, where placing each once does not do; and so many tries. */
const FEW = 64;
const MOST_TRIES = 20_000;

/**
 * The number, from 0, of the shard of each parcel.
 * @param count Of shards, 1 or more.
 */
export function assign(parcels: readonly Parcel[], count: number): number[] {
  const order = parcels.map((_, index) => index).sort((a, b) => byCost(parcels[a]!, parcels[b]!));
  const sorted = order.map((index) => parcels[index]!);
  const costs = sorted.map(({ cost }) => cost);
  const placed = withoutEmpty(costs, place(sorted, count), count);
  const result = new Array<number>(parcels.length);
  for (const [at, index] of order.entries()) result[index] = placed[at]!;
  return result;
}

function byCost(a: Parcel, b: Parcel): number {
  return b.cost - a.cost || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

/** No assignment has a shard of less than this. @param costs The longest first. */
export function lowerBound(costs: readonly number[], count: number): number {
  const sum = costs.reduce((total, cost) => total + cost, 0);
  // Of the first count + 1 two are together.
  const pair = costs.length > count ? costs[count - 1]! + costs[count]! : 0;
  return Math.max(sum / count, costs[0] ?? 0, pair);
}

/** @param parcels The longest first. */
function place(parcels: readonly Parcel[], count: number): number[] {
  const costs = parcels.map(({ cost }) => cost);
  const bound = lowerBound(costs, count);
  const dealt = improved(costs, longestFirst(costs, count), count);
  const worst = Math.max(...loadsOf(costs, dealt, count));
  const liked = parcels.map(({ name }) => preferences(name, count));
  const most = Math.max(bound * MOST_SLACK, worst);
  const least = Math.ceil(Math.log(bound * LEAST_SLACK) / Math.log(STEP));
  for (let step = least; STEP ** step <= most; step++) {
    const room = STEP ** step;
    const found = improved(costs, fill(costs, liked, room, count), count, room);
    if (Math.max(...loadsOf(costs, found, count)) <= room) return found;
    const searched = costs.length <= FEW ? search(costs, liked, room, count) : null;
    if (searched !== null) return searched;
  }
  return relabelled(dealt, liked);
}

/** Shards in the order in which a parcel likes them (rendezvous hashing). */
function preferences(name: string, count: number): number[] {
  const score = Array.from({ length: count }, (_, shard) => hash(`${name}\n${shard}`));
  return score.map((_, shard) => shard).sort((a, b) => score[b]! - score[a]! || a - b);
}

/** FNV-1a over UTF-16 units, with the last steps of MurmurHash3, by which near texts get far apart. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

/** Each parcel in the shard that it likes best of those with room, or else in the emptiest. */
function fill(
  costs: readonly number[],
  liked: readonly (readonly number[])[],
  room: number,
  count: number,
): number[] {
  const loads = new Array<number>(count).fill(0);
  return costs.map((cost, index) => {
    const shard = liked[index]!.find((one) => loads[one]! + cost <= room) ??
      loads.indexOf(Math.min(...loads));
    loads[shard]! += cost;
    return shard;
  });
}

/**
 * Each parcel in the shard that it likes best of those with room, going back where one has none; null
 * where that does not end well within the tries.
 */
function search(
  costs: readonly number[],
  liked: readonly (readonly number[])[],
  room: number,
  count: number,
): number[] | null {
  const loads = new Array<number>(count).fill(0);
  /** How far down its list each parcel is, as far as they are placed; -1 for the next one. */
  const at: number[] = [-1];
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const index = at.length - 1;
    if (index === costs.length) return costs.map((_, one) => liked[one]![at[one]!]!);
    const cost = costs[index]!;
    const before = at[index]!;
    if (before >= 0) loads[liked[index]![before]!]! -= cost;
    const next = liked[index]!.findIndex((shard, choice) =>
      choice > before && loads[shard]! + cost <= room
    );
    if (next < 0) {
      at.pop();
      if (at.length === 0) return null;
      continue;
    }
    at[index] = next;
    loads[liked[index]![next]!]! += cost;
    at.push(-1);
  }
  return null;
}

/** The longest first, each to the emptiest shard (Graham's LPT: at most a third above the best). */
function longestFirst(costs: readonly number[], count: number): number[] {
  const loads = new Array<number>(count).fill(0);
  return costs.map((cost) => {
    const emptiest = loads.indexOf(Math.min(...loads));
    loads[emptiest]! += cost;
    return emptiest;
  });
}

/**
 * Moves parcels out of the fullest shard, or swaps them for shorter ones, as long as that helps and it
 * has more than `enough`.
 */
function improved(
  costs: readonly number[],
  dealt: readonly number[],
  count: number,
  enough = 0,
): number[] {
  const shards = [...dealt];
  const loads = loadsOf(costs, shards, count);
  for (let round = 0; round < costs.length; round++) {
    const fullest = loads.indexOf(Math.max(...loads));
    const better = improvement(costs, shards, loads, fullest);
    if (better === null || loads[fullest]! <= enough) break;
    for (const [parcel, shard] of better) {
      loads[shards[parcel]!]! -= costs[parcel]!;
      loads[shard]! += costs[parcel]!;
      shards[parcel] = shard;
    }
  }
  return shards;
}

/** A move or a swap after which both shards are below what the fullest has now. */
function improvement(
  costs: readonly number[],
  shards: readonly number[],
  loads: readonly number[],
  fullest: number,
): readonly (readonly [parcel: number, shard: number])[] | null {
  const most = loads[fullest]!;
  const own = costs.flatMap((_, index) => shards[index] === fullest ? [index] : []);
  for (const mine of own) {
    const emptiest = loads.indexOf(Math.min(...loads));
    if (loads[emptiest]! + costs[mine]! < most) return [[mine, emptiest]];
    for (const [other, cost] of costs.entries()) {
      const shard = shards[other]!;
      const gain = costs[mine]! - cost;
      if (shard !== fullest && gain > 0 && loads[shard]! + gain < most) {
        return [[mine, shard], [other, fullest]];
      }
    }
  }
  return null;
}

function loadsOf(costs: readonly number[], shards: readonly number[], count: number): number[] {
  const loads = new Array<number>(count).fill(0);
  for (const [index, cost] of costs.entries()) loads[shards[index]!]! += cost;
  return loads;
}

/** The same with other numbers: each shard that of its longest parcel's liking that is still free. */
function relabelled(dealt: readonly number[], liked: readonly (readonly number[])[]): number[] {
  const names = new Map<number, number>();
  for (const [index, shard] of dealt.entries()) {
    if (names.has(shard)) continue;
    const taken = new Set(names.values());
    names.set(shard, liked[index]!.find((one) => !taken.has(one))!);
  }
  return dealt.map((shard) => names.get(shard)!);
}

/** No shard without parcels while another has two: it gets the shortest of the fullest such one. */
function withoutEmpty(costs: readonly number[], dealt: readonly number[], count: number): number[] {
  const shards = [...dealt];
  for (let empty = 0; empty < count; empty++) {
    if (shards.includes(empty)) continue;
    const loads = loadsOf(costs, shards, count);
    const several = shards.filter((shard, index) => shards.indexOf(shard) !== index);
    const fullest = several.sort((a, b) => loads[b]! - loads[a]! || a - b)[0];
    if (fullest === undefined) break;
    shards[shards.lastIndexOf(fullest)] = empty;
  }
  return shards;
}
