// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { toJsonSchema } from "@valibot/to-json-schema";
import { dataflowCallShape, dataflowShape } from "./report.ts";

const SCHEMA = new URL("../../../docs/dataflow.schema.json", import.meta.url);

Deno.test("docs/dataflow.schema.json is the schema of what --json writes", async () => {
  const schema = {
    title: "kmatrix dataflow --json",
    ...toJsonSchema(dataflowShape, { definitions: { call: dataflowCallShape } }),
  };
  const text = `${JSON.stringify(schema, null, 2)}\n`;
  if (Deno.env.get("UPDATE_SCHEMA")) await Deno.writeTextFile(SCHEMA, text);
  assert.equal(await Deno.readTextFile(SCHEMA), text);
});
