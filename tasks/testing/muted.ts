// SPDX-License-Identifier: MIT
/**
 * Takes the words away: failures say their ids, and notes and reasons one word each. Whoever decides
 * anything by a sentence decides otherwise then.
 */
import { FAILURE_KINDS } from "../core/model/failure_kinds.ts";

/** Texts for people that are no part of a failure. */
const NOTES: ReadonlySet<string> = new Set(["note", "why", "reason"]);

/** A copy of a value (a verdict, a report) without words; "" stays what it is. */
export function muted<T>(value: T): T {
  if (Array.isArray(value)) return value.map(muted) as T;
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([key, inner]) => {
    const isNote = NOTES.has(key) && typeof inner === "string" && inner !== "";
    return [key, isNote ? key : muted(inner)];
  });
  const copy = Object.fromEntries(fields);
  if (isFailure(value)) Object.assign(copy, { message: value.id, detail: "" });
  return copy;
}

function isFailure(value: object): value is { readonly id: string } {
  return "message" in value && "detail" in value && "id" in value && "kind" in value &&
    (FAILURE_KINDS as readonly unknown[]).includes(value.kind);
}

/** An import map with which the tool takes muted_errors.ts for core/model/errors.ts. */
export async function mutedImports(): Promise<string> {
  const file = (name: string) => new URL(name, import.meta.url).href;
  const errors = file("../core/model/errors.ts");
  const instead = file("muted_errors.ts");
  const config = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  return JSON.stringify({
    imports: { ...config.imports, [errors]: instead },
    scopes: { [instead]: { [errors]: errors } },
  });
}
