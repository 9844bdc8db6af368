// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Boot,
  type Build,
  buildSlots,
  expectedTimes,
  type Job,
  learnedBuildMs,
  remainingMs,
  remainingText,
  startable,
} from "./schedule.ts";

const boot = (expectedMs: number, cpus = 1): Boot => ({ kind: "boot", expectedMs, cpus });
const build = (expectedMs: number, ...boots: Boot[]): Build => ({
  kind: "build",
  expectedMs,
  boots,
});
const TWO = { cores: 2, oneByOne: false };

Deno.test("startable() takes what is built already first, then the longest build, one on few cores", () => {
  const [short, long, built] = [build(10), build(99), build(0)];
  assert.deepEqual(startable([short, long, built], [], TWO, 1), [built]);
  assert.deepEqual(startable([short, long], [], TWO, 1), [long]);
  assert.deepEqual(startable([short], [long], TWO, 1), []);
  assert.deepEqual(startable([short, long, built], [], { ...TWO, cores: 8 }, 2), [built, long]);
});

Deno.test("startable() boots beside a build with half of the cores, and with all of them at the end", () => {
  const [a, b, wide] = [boot(5), boot(5), boot(5, 2)];
  assert.deepEqual(startable([a, b], [build(50)], TWO, 1), [a]);
  assert.deepEqual(startable([b], [build(50), a], TWO, 1), []);
  assert.deepEqual(startable([a, b], [], TWO, 1), [a, b]);
  // More than its share, but it must boot some time; then alone.
  assert.deepEqual(startable([wide, a], [build(50)], TWO, 1), [wide]);
  assert.deepEqual(startable([a, wide, b], [], TWO, 1), [a, b]);
});

Deno.test("startable() lets builds that share wait for the one that compiles it, and then go at once", () => {
  const eight = { cores: 16, oneByOne: false };
  const of = (ms: number, name: string, leads: boolean) => ({
    ...build(ms),
    family: { name, leads },
  });
  const [first, second, third] = [of(10, "a", true), of(90, "a", false), of(50, "a", false)];
  const other = of(20, "b", true);
  assert.deepEqual(startable([second, first, other, third], [], eight, 4), [other, first]);
  assert.deepEqual(startable([second, third], [first], eight, 4), []);
  assert.deepEqual(startable([second, third], [other], eight, 4), [second, third]);
  // What is built already waits for nobody, and nobody for it.
  const built = { ...first, expectedMs: 0 };
  assert.deepEqual(startable([second, built], [], eight, 4), [built, second]);
  assert.deepEqual(startable([{ ...second, expectedMs: 0 }], [first], eight, 4).length, 1);
  // None is ever without end.
  assert.equal(remainingMs([second, first, third], [], eight, 4), 100);
});

Deno.test("startable() one by one boots what is built before it builds the next", () => {
  const one = { cores: 16, oneByOne: true };
  const [a, next] = [boot(5), build(9)];
  assert.deepEqual(startable([next, a], [], one, 1), [a]);
  assert.deepEqual(startable([next], [a], one, 1), []);
  assert.deepEqual(startable([next, build(3)], [], one, 1), [next]);
});

Deno.test("buildSlots() gives a build at least four cores where there are as many", () => {
  assert.deepEqual(buildSlots(TWO, 9), { slots: 1, jobs: 2 });
  assert.deepEqual(buildSlots({ ...TWO, cores: 16 }, 9), { slots: 4, jobs: 4 });
  assert.deepEqual(buildSlots({ ...TWO, cores: 16 }, 1), { slots: 1, jobs: 16 });
  assert.deepEqual(buildSlots({ cores: 16, oneByOne: true }, 9), { slots: 1, jobs: 16 });
});

Deno.test("remainingMs() overlaps boots with the next build, and counts what is running", () => {
  const first = build(100, boot(30));
  const second = build(60, boot(20), boot(20));
  // 100, then 60 with the first boot beside it, then two boots at once.
  assert.equal(remainingMs([second, first], [], TWO, 1), 180);
  assert.equal(remainingMs([second], [{ job: first, sinceMs: 70 }], TWO, 1), 110);
  // Late: it must be over any moment.
  assert.equal(remainingMs([second], [{ job: first, sinceMs: 7000 }], TWO, 1), 80);
  assert.equal(remainingMs([], [], TWO, 1), 0);
});

Deno.test("everything is started some time, nothing twice, and boots within their share", () => {
  const boots = fc.record({
    kind: fc.constant("boot" as const),
    expectedMs: fc.nat(50),
    cpus: fc.integer({ min: 1, max: 8 }),
  });
  const builds = fc.record({
    kind: fc.constant("build" as const),
    expectedMs: fc.nat(50),
    boots: fc.array(boots, { maxLength: 3 }),
  });
  const settings = fc.record({ cores: fc.integer({ min: 1, max: 8 }), oneByOne: fc.boolean() });
  fc.assert(fc.property(fc.array(builds, { maxLength: 6 }), settings, (list, budget) => {
    const { slots } = buildSlots(budget, list.length);
    const all = list.flatMap((one): Job[] => [one, ...one.boots]);
    let waiting: Job[] = [...list];
    let running: Job[] = [];
    const seen: Job[] = [];
    for (let step = 0; seen.length < all.length; step++) {
      assert.ok(step <= all.length, "it goes on");
      const starts = startable(waiting, running, budget, slots);
      waiting = waiting.filter((job) => !starts.includes(job));
      running = [...running, ...starts];
      seen.push(...starts);
      assert.ok(running.filter(({ kind }) => kind === "build").length <= slots);
      const guests = running.filter((job) => job.kind === "boot");
      const cpus = guests.reduce((sum, one) => sum + one.cpus, 0);
      assert.ok(guests.length < 2 || cpus <= budget.cores);
      const ended = running[0];
      running = running.slice(1);
      if (ended?.kind === "build") waiting.push(...ended.boots);
    }
    assert.equal(new Set(seen).size, all.length);
    const sum = all.reduce((ms, job) => ms + job.expectedMs, 0);
    const whole = remainingMs(list, [], budget, slots);
    assert.ok(whole <= sum);
    assert.ok(whole >= Math.max(0, ...all.map((job) => job.expectedMs)));
  }));
});

Deno.test("expectedTimes() goes by the cell's own history, else by the others', else by the objects", () => {
  const [own, other] = [{ buildMs: 5, bootMs: 1 }, { buildMs: 100, bootMs: 10 }];
  assert.deepEqual(expectedTimes(own, [other], 2), own);
  assert.deepEqual(expectedTimes(null, [own, other], 2), { buildMs: 52.5, bootMs: 5.5 });
  assert.equal(expectedTimes(null, [], 2).buildMs, 2 * expectedTimes(null, [], 4).buildMs);
});

Deno.test("learnedBuildMs() does not take an edited file for the whole build", () => {
  assert.equal(learnedBuildMs(null, 7), 7);
  assert.equal(learnedBuildMs(1000, 7), 800);
  assert.equal(learnedBuildMs(1000, 1700), 1700);
});

Deno.test("remainingText() says nothing of seconds", () => {
  assert.equal(remainingText(9_999), "");
  assert.equal(remainingText(64_000), "about 60 s left");
  assert.equal(remainingText(200_000), "about 3 min left");
});
