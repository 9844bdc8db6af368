// SPDX-License-Identifier: MIT
/**
 * The recorded boots of tasks/testing/recordings/, one folder a situation: console.log and
 * results.log as QEMU left them, and situation.yaml with the verdict that is due.
 */
import { parse as parseYaml, stringify } from "yaml";
import { parseBootRecord } from "../core/boot/boot_record.ts";
import type { BootRecord, CellResult, DeclaredTest, Feature } from "../core/model/model.ts";
import { judgeBoot } from "../core/judge/boot_result.ts";
import { bootRecord, type Recording } from "./recorder.ts";
import { sampleTest } from "./samples.ts";

/** What the verdict on a recording comes down to. */
export interface Due {
  readonly cell: string;
  /** "sound", or kind, id and message of the failure. */
  readonly boot: string;
  /** Outcome or failure id of tests → how many have it. */
  readonly tests: Readonly<Record<string, number>>;
}

export interface Situation {
  readonly name: string;
  readonly recording: Recording;
  readonly record: BootRecord;
  readonly due: Due;
  /** What is due when boot.json is not there, where that is something else. */
  readonly alone: Due;
}

/** What a verdict comes down to. */
export function dueOf(result: CellResult): Due {
  const tests: Record<string, number> = {};
  for (const { outcome } of result.tests) {
    const word = outcome.kind === "failed" ? outcome.failure.id : outcome.kind;
    tests[word] = (tests[word] ?? 0) + 1;
  }
  const { boot } = result;
  return {
    cell: result.cell,
    boot: boot === null ? "sound" : `${boot.kind} ${boot.id}: ${boot.message}`,
    tests,
  };
}

const FOLDER = new URL("recordings/", import.meta.url);

/** Every situation, by name. */
export async function readSituations(): Promise<Situation[]> {
  const declared = await readDeclared();
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(FOLDER)) if (isDirectory) names.push(name);
  return await Promise.all(names.sort().map((name) => readSituation(name, declared)));
}

/** The tests that the guest declared when the boots were recorded; it declares more by now. */
async function readDeclared(): Promise<DeclaredTest[]> {
  const text = await Deno.readTextFile(new URL("declared.json", FOLDER));
  return (JSON.parse(text) as [string, Feature[]][]).map(([id, requires]) =>
    sampleTest(id, requires)
  );
}

async function readSituation(name: string, declared: readonly DeclaredTest[]): Promise<Situation> {
  const file = (path: string) => new URL(`${name}/${path}`, FOLDER);
  const header = parseYaml(await Deno.readTextFile(file("situation.yaml")));
  const { cell, features = [], filter = [], qemuExit, cause, limit, boot, tests } = header;
  const recording: Recording = {
    console: await Deno.readFile(file("console.log")),
    results: await Deno.readFile(file("results.log")),
    declared,
  };
  const end: BootRecord["end"] = limit === undefined
    ? { kind: "exited", code: qemuExit, ...(cause === undefined ? {} : { cause }) }
    : { kind: "limit", ...limit };
  const due: Due = { cell, boot, tests };
  return {
    name,
    recording,
    record: bootRecord(recording, { cell, features, filter, end }),
    due,
    alone: { ...due, ...header.alone },
  };
}

/**
 * Keeps a boot as a situation, with the verdict that it gets now: to be read before it is committed.
 * Tests that declared.json does not have yet are added to it.
 * @param dir Folder with console.log, results.log and boot.json.
 */
export async function keepSituation(
  name: string,
  situation: string,
  dir: string,
  declared: readonly DeclaredTest[],
): Promise<void> {
  const file = (path: string) => new URL(`${name}/${path}`, FOLDER);
  await Deno.mkdir(file("."), { recursive: true });
  for (const log of ["console.log", "results.log"]) {
    await Deno.copyFile(`${dir}/${log}`, file(log));
  }
  const kept = await readDeclared();
  const added = declared.filter(({ id }) => kept.every((one) => one.id !== id));
  const entries = [...kept, ...added].map(({ id, requires }) => JSON.stringify([id, requires]));
  const list = `[\n${entries.map((entry) => `  ${entry}`).join(",\n")}\n]\n`;
  await Deno.writeTextFile(new URL("declared.json", FOLDER), list);
  const record = parseBootRecord(await Deno.readTextFile(`${dir}/boot.json`), "boot.json");
  const recording = {
    console: await Deno.readFile(file("console.log")),
    results: await Deno.readFile(file("results.log")),
    declared: [...kept, ...added],
  };
  const due = dueOf(judgeBoot({ ...recording, record }));
  const alone = dueOf(judgeBoot({ ...recording, record: null }));
  const { cell, features, filter, end } = record;
  const header = {
    situation,
    cell,
    features,
    filter,
    ...endHeader(end),
    boot: due.boot,
    tests: due.tests,
    ...(JSON.stringify(alone) === JSON.stringify(due)
      ? {}
      : { alone: { boot: alone.boot, tests: alone.tests } }),
  };
  const text = `# SPDX-License-Identifier: MIT\n${stringify(header, { lineWidth: 0 })}`;
  await Deno.writeTextFile(file("situation.yaml"), text);
}

/** How QEMU ended, as situation.yaml says it. */
function endHeader(end: BootRecord["end"]): Record<string, unknown> {
  switch (end.kind) {
    case "exited":
      return { qemuExit: end.code, ...(end.cause === undefined ? {} : { cause: end.cause }) };
    case "limit":
      return { limit: { rung: end.rung, afterMs: end.afterMs } };
    case "not-started":
      throw new Error(`QEMU did not start: ${end.message}`);
  }
}
