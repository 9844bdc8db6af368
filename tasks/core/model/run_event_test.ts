// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { toJsonSchema } from "@valibot/to-json-schema";
import { eventLine, eventLineShape, eventOfLine, headerLine, runEventShape } from "./run_event.ts";

const DOCS = new URL("../../../docs/", import.meta.url);

Deno.test("docs/events.schema.json is the schema of a line", async () => {
  const file = new URL("events.schema.json", DOCS);
  const schema = {
    title: "A line of kmatrix --events",
    ...toJsonSchema(eventLineShape),
  };
  if (Deno.env.get("UPDATE_SCHEMA")) {
    await Deno.writeTextFile(file, `${JSON.stringify(schema, null, 2)}\n`);
  }
  assert.deepEqual(JSON.parse(await Deno.readTextFile(file)), schema);
});

Deno.test("docs/events.md has a section of every event, with each of its fields", async () => {
  const docs = await Deno.readTextFile(new URL("events.md", DOCS));
  const rows = new Map(
    [...docs.matchAll(/^\| `([\w-]+)` +\| (.*?) +\|/gm)].map(([, name, fields]) => [
      name!,
      [...fields!.matchAll(/`(\w+)`/g)].map(([, field]) => field!),
    ]),
  );
  const due = runEventShape.options.map(({ entries }) => {
    const { event, ...fields } = entries;
    return [event.literal, Object.keys(fields)] as const;
  });
  assert.deepEqual([...rows], due);
});

Deno.test("a stream begins with its schema, and each line is one JSON text", () => {
  assert.deepEqual(JSON.parse(headerLine(0)), {
    ...{ schema: "kmatrix-events", version: 1, startedAt: "1970-01-01T00:00:00.000Z" },
  });
  const line = eventLine({ event: "notice", level: "info", text: "a\nb" }, 3, 12);
  assert.equal(line.indexOf("\n"), line.length - 1);
  assert.deepEqual(JSON.parse(line), {
    ...{ seq: 3, ms: 12, event: "notice", level: "info", text: "a\nb" },
  });
});

Deno.test("a line of events has nothing that a CI service obeys, and is read as it was", () => {
  const marked = "#\u200d#[error]x #\ufeff\u00ad#vso[b]";
  for (const text of ["##[error]x", "###[group]a ##vso[b]", marked, "::error::x\n::add-mask::y"]) {
    const event = { event: "notice", level: "info", text } as const;
    const line = eventLine(event, 1, 2);
    assert.doesNotMatch(line.replaceAll(/\p{Cf}/gu, ""), /##|^\s*::/m);
    assert.deepEqual(eventOfLine(line), event);
  }
});
