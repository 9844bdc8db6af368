// SPDX-License-Identifier: MIT
/** Tier 1: each shape of complaint, in each form in which people have kernel logs. */
import assert from "node:assert/strict";
import { findSplats } from "../core/console/splats.ts";
import { plainName } from "../core/console/stack_frame.ts";
import { COMPLAINTS, type ConsoleSample, HARMLESS } from "./console_samples.ts";

type Form = (lines: readonly string[]) => string;

/** A time for the line of a number, a millisecond apart. */
const time = (index: number) => (12 + index / 1000).toFixed(6).padStart(12);
const each = (prefix: (index: number) => string): Form => (lines) =>
  lines.map((line, index) => `${prefix(index)}${line}\n`).join("");
const escaped = (line: string) =>
  line.replace(/[\\\t]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);

/** What printk, dmesg and loggers put in front of a line. */
const FORMS: Readonly<Record<string, Form>> = {
  "no time (printk.time=0)": each(() => ""),
  "time": each((index) => `[${time(index)}] `),
  "time and caller": each((index) => `[${time(index)}][  T812] `),
  "caller alone": each(() => "[  T812] "),
  "short caller alone": each(() => "[  C1] "),
  "CRLF and colours": (lines) =>
    lines.map((line, index) => `\x1b[32m[${time(index)}] \x1b[0m\x1b[31m${line}\x1b[0m\r\n`).join(
      "",
    ),
  "priorities": each((index) => `<4>[${time(index)}] `),
  "dmesg -T": each((index) => `[Sat Nov 28 16:29:${String(index % 60).padStart(2, "0")} 2026] `),
  "dmesg, with records of three lines": each((index) =>
    index % 3 === 0 ? `[${time(index)}] ` : " ".repeat(15)
  ),
  "dmesg -T, with records of three lines": each((index) =>
    index % 3 === 0 ? "[Sat Nov 28 16:29:53 2026] " : " ".repeat(27)
  ),
  "dmesg with callers": each((index) => `[${time(index)}] [    T812] `),
  "dmesg -x": each((index) => `kern  :warn  : [${time(index)}] `),
  "dmesg -d": each((index) => `[${time(index)} <    0.001000>] `),
  "dmesg --time-format iso": each(() => "2026-11-28T16:29:53,123456+00:00 "),
  "/dev/kmsg": (lines) =>
    lines.map((line, index) =>
      `4,${300 + index},${12_000_000 + 1000 * index},-;${escaped(line)}\n SUBSYSTEM=wheel\n`
    ).join(""),
  "/dev/kmsg with callers": (lines) =>
    lines.map((line, index) =>
      `4,${300 + index},${12_000_000 + 1000 * index},-,caller=T812;${escaped(line)}\n`
    ).join(""),
  "netconsole, extended": each((index) =>
    `6.12.40,4,${300 + index},${12_000_000 + 1000 * index},-;`
  ),
  "syslog": each((index) => `Nov 28 16:29:53 guest kernel: [${time(index)}] `),
  "syslog without the kernel's time": each(() => "Nov 28 16:29:53 guest kernel: "),
  "syslog with ISO times": each(() => "2026-11-28T16:29:53.123456+00:00 guest kernel: "),
  "journalctl": each(() => "Nov 28 16:29:53 guest kernel: "),
  "journalctl -o short-monotonic": each((index) => `[${time(index)}] guest kernel: `),
  "journalctl -o short-iso": each(() => "2026-11-28T16:29:53+0000 guest kernel: "),
  "kernel: alone": each(() => "kernel: "),
  "a logger of consoles": each((index) => `2026-11-28T16:29:53.1234567Z [${time(index)}] `),
  "quoted in a mail": each((index) => `> [${time(index)}] `),
  "quoted in a mail, without times": each(() => "> "),
  "indented, without times": each(() => "    "),
  "a time in every second line": each((index) => index % 2 === 0 ? `[${time(index)}] ` : ""),
  "a time in every other second line": each((index) => index % 2 === 1 ? `[${time(index)}] ` : ""),
  "a time in the first lines alone": each((index) => index < 5 ? `[${time(index)}] ` : ""),
  "a serial line that loses characters": each((index) =>
    `[${time(index)}] `.slice(index % 3 === 0 ? 7 : 0)
  ),
  "RFC 5424": each((index) => `<4>1 2026-11-28T16:29:53.003Z guest kernel - - - [${time(index)}] `),
  "a test lab": each((index) => `2026-11-28T16:29:53.123456  <4>[${time(index)}] `),
  "Android": each((index) => `[${time(index)}] c1    812 `),
  "Android of one vendor": each((index) => `[${time(index)}] (1)[812:probe]`),
  "Android of another": each((index) => `[${time(index)}]  [1:          probe:  812] `),
  "time switched on late": (lines) =>
    [
      "Linux version 6.12.40 (kmatrix@kmatrix) #7 SMP\nCommand line: console=ttyS0\n",
      ...lines.map((line) => `${line}\n`),
      "[   99.000000] wheel: times are on\n",
    ].join(""),
  "printk.time=0 and a program that prints times": (lines) =>
    [
      "Linux version 6.12.40 (kmatrix@kmatrix) #7 SMP\nCommand line: printk.time=0\n",
      "[   11.000000] cloud-init[756]: running\n",
      ...lines.map((line) => `${line}\n`),
      "[   99.000000] cloud-init[756]: finished\n",
    ].join(""),
  "firmware and lines of programs between": (lines) =>
    [
      "SeaBIOS (version 1.16.3)\nBooting from ROM..\n",
      "[    0.000000] Linux version 6.12.40 (kmatrix@kmatrix) #7 SMP\n",
      ...lines.map((line, index) =>
        `[${time(index)}] ${line}\n${index % 3 === 1 ? "executing program 0:\n" : ""}`
      ),
    ].join(""),
  "another task that prints, told apart by callers": (lines) =>
    lines.map((line, index) =>
      `[${time(index)}][  T812] ${line}\n[${time(index)}][   T77] wheel: note ${index}\n`
    ).join(""),
  "another task that prints, and no callers": (lines) =>
    lines.map((line, index) => `[${time(index)}] ${line}\n[${time(index)}] wheel: note ${index}\n`)
      .join(""),
  "printed twice, by dmesg on the console": (lines) => {
    const once = each((index) => `[${time(index)}] `)(lines);
    return once + once;
  },
};

/** What is wrong with what was found in a console; nothing where all is right. */
function problemsOf(sample: ConsoleSample, console: string): string[] {
  const splats = findSplats(console);
  const [splat, ...others] = splats.filter(({ root }) => root);
  const panics = splats.filter(({ root }) => !root).length;
  const top = splat?.blamed;
  const found = [
    [splat?.id, splat?.title].join(" "),
    ...others.map(({ title }) => title),
    `in ${top ? plainName(top.function) : null}, ${panics} panics`,
  ].join("; ");
  const due = `${sample.id} ${sample.title}; in ${sample.inside}, ${sample.panics ?? 0} panics`;
  return found === due ? [] : [`${sample.name}: found ${found}`, `due ${due}`];
}

Deno.test("there are as many shapes of complaints and harmless lines as are asked for", () => {
  assert.ok(COMPLAINTS.length >= 60, `${COMPLAINTS.length}`);
  assert.ok(HARMLESS.length >= 20, `${HARMLESS.length}`);
  assert.equal(new Set(COMPLAINTS.map(({ name }) => name)).size, COMPLAINTS.length);
});

const noise = ["wheel: 36 spokes", "usb 1-1: new high-speed USB device number 2 using xhci_hcd"];

for (const [form, prefix] of Object.entries(FORMS)) {
  Deno.test(`findSplats() finds each complaint once, and its place: ${form}`, () => {
    const problems = COMPLAINTS.flatMap((sample) =>
      problemsOf(sample, prefix([...noise, ...sample.lines, ...noise]))
    );
    assert.deepEqual(problems, []);
  });

  Deno.test(`findSplats() finds nothing in harmless lines: ${form}`, () => {
    const problems = HARMLESS.flatMap(([name, ...lines]) =>
      findSplats(prefix([...noise, ...lines, ...noise])).map(({ title }) => `${name}: ${title}`)
    );
    assert.deepEqual(problems, []);
  });
}

Deno.test("findSplats() tells two complaints at once apart, line by line, where callers are named", () => {
  const other = COMPLAINTS.find(({ name }) => name === "UBSAN")!;
  const problems = COMPLAINTS.filter((sample) => sample !== other).flatMap((sample) => {
    const lines = Array.from({ length: 400 }, (_, index) => index).flatMap((index) => [
      ...sample.lines.slice(index, index + 1).map((line) => `[${time(index)}][  T812] ${line}`),
      ...other.lines.slice(index, index + 1).map((line) => `[${time(index)}][   T77] ${line}`),
    ]);
    const found = findSplats(lines.join("\n")).filter(({ root }) => root)
      .map(({ title, blamed }) => `${title} in ${blamed?.function ?? null}`);
    const due = [sample, other].map(({ title, inside }) => `${title} in ${inside}`);
    return found.sort().join("; ") === due.sort().join("; ") ? [] : [sample.name, ...found];
  });
  assert.deepEqual(problems, []);
});

Deno.test("findSplats() goes on with a report behind another one in its middle, without callers", () => {
  const other = COMPLAINTS.find(({ name }) => name === "UBSAN")!;
  const problems = COMPLAINTS.flatMap((sample) => {
    const at = sample.lines.findIndex((line) => /^(CPU: \d|RIP: |Call Trace:)/.test(line));
    // Of these nobody can tell to which a stack belongs, or they have none.
    if (at < 0 || sample.inside === null || sample === other) return [];
    const lines = [...sample.lines.slice(0, at), ...other.lines, ...sample.lines.slice(at)];
    const found = findSplats(lines.join("\n")).filter(({ root }) => root)
      .map(({ title, blamed }) => `${title} in ${blamed?.function ?? null}`);
    const due = [sample, other].map(({ title, inside }) => `${title} in ${inside}`);
    return found.sort().join("; ") === due.sort().join("; ") ? [] : [sample.name, ...found];
  });
  assert.deepEqual(problems, []);
});
