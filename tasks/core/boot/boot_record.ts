// SPDX-License-Identifier: MIT
/** boot.json: what the host saw of a boot, beside its two recordings. */
import * as v from "valibot";
import { type BootRecord, FEATURES } from "../model/model.ts";
import { count, givenJson, ms, objectOf, type Shape, strings } from "../text/shape.ts";

const RUNGS = [
  "no-output",
  "init-not-reached",
  "guest-silent",
  "boot-limit",
  "console-cap",
  "results-cap",
] as const;

const bootEnd = v.variant("kind", [
  v.looseObject({
    kind: v.literal("exited"),
    code: v.number(),
    cause: v.exactOptional(v.picklist(["power-off", "reset", "terminated"])),
  }),
  v.looseObject({
    kind: v.literal("limit"),
    rung: v.picklist(RUNGS),
    afterMs: ms,
    limitMs: v.exactOptional(v.nullable(ms)),
  }),
  v.looseObject({ kind: v.literal("not-started"), message: v.string() }),
]);

export const bootRecordShape: Shape<BootRecord> = objectOf<BootRecord>()({
  cell: v.pipe(v.string(), v.nonEmpty()),
  accel: v.picklist(["kvm", "tcg"]),
  argv: strings,
  end: bootEnd,
  durationMs: ms,
  firstByteMs: v.exactOptional(v.looseObject({
    console: v.exactOptional(ms),
    results: v.exactOptional(ms),
    test: v.exactOptional(ms),
  })),
  lastByteMs: v.exactOptional(ms),
  stalledMs: v.exactOptional(v.looseObject({
    console: v.exactOptional(ms),
    results: v.exactOptional(ms),
    test: v.exactOptional(ms),
    last: v.exactOptional(ms),
    end: v.exactOptional(ms),
  })),
  slowness: v.exactOptional(v.number()),
  features: v.array(v.picklist(FEATURES)),
  filter: strings,
  base: v.exactOptional(v.string()),
  bytes: v.looseObject({ console: count, results: count }),
  silentMs: v.exactOptional(ms),
  kernel: v.exactOptional(v.looseObject({
    vmlinux: v.string(),
    modules: strings,
    bytes: count,
    mtimeMs: ms,
  })),
});

/**
 * @param file Its path.
 * @throws KmatrixError "bad-boot-json" for anything else.
 */
export function parseBootRecord(text: string, file: string): BootRecord {
  return givenJson(bootRecordShape, text, {
    file,
    id: "bad-boot-json",
    hint: "Remove it to judge console.log and results.log alone.",
  });
}
