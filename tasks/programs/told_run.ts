// SPDX-License-Identifier: MIT
/** One command of the tool as a child, whose events are told on by the program that runs it. */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { typedPath } from "../testing/project_copy.ts";
import { EXIT } from "../core/model/exit_codes.ts";
import type { EventStream } from "../host/event_stream.ts";
import type { Host } from "../host/host.ts";
import { eventOfLine, type RunEvent } from "../core/model/run_event.ts";

/** The program has these of its own. */
const NOT_TOLD_ON: ReadonlySet<RunEvent["event"]> = new Set(["run-started", "run-ended", "notice"]);

/**
 * Begins the stream of a program; a file of --events that cannot be opened ends it as a mistake of
 * the user.
 */
export function beginStream(
  stream: EventStream,
  program: string,
  path: string | undefined,
): void {
  try {
    stream.begin(program, path === undefined || path === "-" ? path : typedPath(path));
  } catch (error) {
    console.error(`kmatrix: --events ${path} cannot be written: ${(error as Error).message}`);
    Deno.exit(EXIT.usage);
  }
}

export interface ToldRun {
  /** The command, without --events. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** File that takes what it prints for people. */
  readonly log: string;
}

/**
 * Runs it to its end, and emits what it does: all but its own beginning and end, and its prose.
 * @returns Its exit code.
 */
export async function toldRun({ argv, cwd, env, log }: ToldRun, host: Host): Promise<number> {
  const words = [...argv, "--events", "-"];
  const child = await host.spawn({ argv: words, cwd, env, log, reach: "whole" });
  for await (const line of createInterface({ input: Readable.from(child.stdout) })) {
    const event = eventOfLine(line);
    if (event === null || NOT_TOLD_ON.has(event.event)) continue;
    host.emit(event);
  }
  return await child.exit;
}
