// SPDX-License-Identifier: MIT
/** How a boot ended, from its recordings and from what the host saw of QEMU. */
import { type GuestSources, withSources } from "./guest_stack.ts";
import type { BootRecord } from "../model/model.ts";
import { type Failure, failure } from "../model/errors.ts";
import type { OutsideTests } from "../console/run_marks.ts";
import { type DecodedFrames, payloadOf } from "./frames.ts";
import { kernelLog } from "../console/kernel_log.ts";
import { countsBytes, rungText } from "../model/limits.ts";
import { endedWith } from "../boot/qemu.ts";
import { isStall } from "../console/complaint_kinds.ts";
import { splatDetail, type SplatSources } from "../console/splat_report.ts";
import { consoleLines, linesShown, type Splat, splatText } from "../console/splats.ts";
import { EXIT_FINISHED } from "../../../selftests/contract/frames.ts";

/** What is known of a boot when its end is looked for. */
export interface EndEvidence {
  readonly console: Uint8Array;
  readonly record: BootRecord | null;
  readonly decoded: DecodedFrames;
  /** The test that began and has no result. */
  readonly running: string | null;
  readonly splats: readonly Splat[];
  readonly sources: SplatSources;
  readonly guestSources: GuestSources;
}

/** Why a boot did not reach its proper end; null when it did. */
export function judgeEnding(
  { console, record, decoded, running, splats, sources, guestSources }: EndEvidence,
): Failure | null {
  const begin = payloadOf(decoded.frames, "B");
  const end = payloadOf(decoded.frames, "E");
  const tail = `last lines of the console:\n${lastLines(console)}`;
  const where = running !== null
    ? ` in test ${running}`
    : begin === null
    ? " before the guest's first report"
    : end === null
    ? " between two tests"
    : " after the last test";
  const hostEnd = record?.end;
  if (hostEnd?.kind === "not-started") {
    return failure("infra", "qemu-not-started", `QEMU did not start: ${hostEnd.message}`);
  }
  const runtime = payloadOf(decoded.frames, "X");
  if (runtime) {
    const text = `the guest runtime stopped${where}: ${runtime.message ?? "no message"}`;
    const stack = withSources(`${runtime.stack ?? ""}`.split("\n"), guestSources);
    return failure("test", "runtime-error", text, `${stack.join("\n")}\n${tail}`);
  }
  const wholeExit = hostEnd === undefined ||
    (hostEnd.kind === "exited" && endedWith(EXIT_FINISHED, hostEnd.code));
  if (end !== null && decoded.damage === null && wholeExit) return null;

  const panic = splats.find((splat) => splat.fatal);
  if (panic) return panicEnd(panic, splats, where, begin !== null, console, sources);
  const gone = machineGone(console, hostEnd);
  if (gone) return failure(gone.kind, gone.id, gone.text(where), tail);
  // No stall explains that much is printed.
  const capped = hostEnd?.kind === "limit" && countsBytes(hostEnd.rung);
  const outside: OutsideTests = begin === null
    ? "boot"
    : end === null
    ? "between tests"
    : "teardown";
  const during = running ?? outside;
  const stall = capped ? undefined : stallIn(splats, during);
  const why = stall ? `: ${splatText(stall)}` : "";
  const evidence = stall ? `${splatDetail(stall, sources)}\n${tail}` : tail;
  if (hostEnd?.kind === "limit") {
    const early = begin === null && stuckBeforeInit(console);
    return limitEnd(hostEnd, early, `${where}${why}`, evidence);
  }
  // Before the stream: whoever kills QEMU tears the frame that it is just writing.
  if (hostEnd?.kind === "exited" && hostEnd.code >= 128) {
    const text = `QEMU was killed by signal ${hostEnd.code - 128}${where}`;
    return failure("infra", "qemu-died", text, tail);
  }
  if (decoded.damage !== null) {
    return failure(
      "test",
      "stream-damaged",
      `the result stream is damaged: ${decoded.damage}`,
      tail,
    );
  }
  if (hostEnd?.kind === "exited" && hostEnd.code === 1 && begin === null && console.length === 0) {
    return failure("infra", "qemu-not-started", "QEMU refused its command line", tail);
  }
  if (end !== null) {
    return failure("infra", "qemu-died", `QEMU ended with code ${exitText(hostEnd)}${where}`, tail);
  }
  const text = `the guest ended${where}, without a last report${why}`;
  return failure("kernel", "ended-early", text, evidence);
}

/** A kernel that stopped for good, blamed on what led to it. */
function panicEnd(
  panic: Splat,
  splats: readonly Splat[],
  where: string,
  reported: boolean,
  console: Uint8Array,
  sources: SplatSources,
): Failure {
  const root = rootOf(panic, splats);
  const title = splatText(root);
  const id = panicId(panic, root, reported, console);
  const more = root === panic ? [] : linesShown(panic.lines);
  const detail = [splatDetail(root, sources), ...more].join("\n");
  return {
    ...failure("kernel", id, `the kernel panicked${where}: ${title}`, detail),
    complaint: { fingerprint: root.fingerprint, title, times: 1 },
  };
}

/** A guest that the host has stopped. @param early It never started its init. */
function limitEnd(
  { rung, afterMs, limitMs }: Extract<BootRecord["end"], { kind: "limit" }>,
  early: boolean,
  where: string,
  evidence: string,
): Failure {
  const stuck = early && rung === "init-not-reached";
  const words = stuck ? "the kernel came up and never started its init" : rungText(rung);
  const limit = limitMs ? ` (limit ${seconds(limitMs)})` : "";
  const text = `${words}${where}; stopped after ${seconds(afterMs)}${limit}`;
  return failure("kernel", stuck ? "early-boot" : rung, text, evidence);
}

/** What a panic is the consequence of: the complaint before it, or nothing but itself. */
function rootOf(panic: Splat, splats: readonly Splat[]): Splat {
  const before = splats.slice(0, splats.indexOf(panic)).findLast((splat) => splat.root);
  return panic.root || before === undefined ? panic : before;
}

/**
 * A PID 1 that ends takes the kernel with it, whoever ended it. The kernel's own initcalls run as
 * PID 1, too: no init has ended where none was started, or where an oops killed the task.
 */
function panicId(panic: Splat, root: Splat, reported: boolean, console: Uint8Array): string {
  const killed = panic.title.includes("Attempted to kill init!");
  if (killed && root === panic && (reported || !stuckBeforeInit(console))) return "init-exited";
  return reported ? "panic" : "panic-before-init";
}

/** What the kernel itself said of why it does not go on: the last such complaint of that time. */
function stallIn(splats: readonly Splat[], during: string): Splat | undefined {
  return splats.findLast((splat) => splat.root && splat.during === during && isStall(splat.id));
}

interface Gone {
  readonly kind: "kernel" | "test" | "infra";
  readonly id: string;
  /** @param where In the boot: " in test x". */
  readonly text: (where: string) => string;
}

/** Last words of kernel/reboot.c. */
const LAST_WORDS: readonly (Gone & { readonly match: RegExp })[] = [
  {
    kind: "test",
    id: "guest-powered-off",
    text: (where) => `the guest was switched off${where}`,
    match: /^reboot: (Power down|System halted|Power off not available: System halted instead)$/,
  },
  {
    kind: "test",
    id: "guest-restarted",
    text: (where) => `the guest was restarted${where}`,
    match: /^reboot: Restarting system( with command .*)?$/,
  },
];

/** The guest took its machine away, by its kernel's last words or by what QEMU saw of it. */
function machineGone(console: Uint8Array, end: BootRecord["end"] | undefined): Gone | null {
  for (const { kernel, text } of kernelLog(console)) {
    const said = kernel && LAST_WORDS.find(({ match }) => match.test(text));
    if (said) return said;
  }
  const cause = end?.kind === "exited" ? end.cause : undefined;
  switch (cause) {
    case undefined:
      return null;
    case "power-off":
      return {
        kind: "kernel",
        id: "guest-powered-off",
        text: (where) => `the machine was switched off${where}, without a word from the kernel`,
      };
    case "reset":
      return {
        kind: "kernel",
        id: "guest-reset",
        text: (where) =>
          `the machine was reset${where}, without a word from the kernel (as by a triple fault)`,
      };
    case "terminated":
      return {
        kind: "infra",
        id: "qemu-died",
        text: (where) => `QEMU was ended by a signal${where}`,
      };
  }
}

function exitText(end: BootRecord["end"] | undefined): string {
  return end?.kind === "exited" ? `${end.code}` : "unknown";
}

/** The kernel prints its first lines, and one more when it starts init (init/main.c), unless quiet. */
function stuckBeforeInit(console: Uint8Array): boolean {
  let began = false;
  for (const { text } of kernelLog(console)) {
    if (/^Run \S+ as init process/.test(text)) return false;
    began ||= text.startsWith("Linux version ");
  }
  return began;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Of a console, where its last lines are looked for. */
const END_BYTES = 32 << 10;
const LINE_SHOWN = 1000;

/** The end of a console, for people; "(none)" for one without a word. */
export function lastLines(console: Uint8Array): string {
  const lines = consoleLines(console.subarray(-END_BYTES)).filter((line) => line.trim() !== "");
  if (lines.length === 0) return "(none)";
  return lines.slice(-12).map((line) => line.slice(0, LINE_SHOWN)).join("\n");
}
