// SPDX-License-Identifier: MIT
/**
 * The recorded boots of tasks/testing/recordings/, one folder a situation: console.log and
 * results.log as QEMU left them, and situation.yaml with the verdict that is due.
 */
import { parse as parseYaml } from "yaml";
import type { BootRecord, DeclaredTest, Feature } from "../model.ts";
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
  const { cell, features = [], filter = [], qemuExit, boot, tests } = header;
  const recording: Recording = {
    console: await Deno.readFile(file("console.log")),
    results: await Deno.readFile(file("results.log")),
    declared,
  };
  const end = { kind: "exited", code: qemuExit } as const;
  const due: Due = { cell, boot, tests };
  return {
    name,
    recording,
    record: bootRecord(recording, { cell, features, filter, end }),
    due,
    alone: { ...due, ...header.alone },
  };
}
