// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import $ from "dax";
import { COMMANDS } from "./mod.ts";
import { commandsPage, type Program } from "./reference.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** Tasks of deno.json that are programs of their own, with what they print of themselves. */
async function programs(): Promise<Program[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`)) as {
    tasks: Record<string, { command: string }>;
  };
  const found = Object.entries(tasks).flatMap(([name, { command }]) => {
    const words = /^deno run --allow-all (tasks\/programs\/.*)$/.exec(command)?.[1]?.split(" ");
    return words === undefined ? [] : [{ name, words }];
  });
  return await Promise.all(found.map(async ({ name, words }) => {
    const args = ["run", "--allow-all", "--no-check", ...words, "--help"];
    const { code, stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
    assert.equal(code, 0, name);
    return { name, help: new TextDecoder().decode(stdout) };
  }));
}

Deno.test("docs/commands.md has each command with each option; UPDATE_DOCS=1 writes it", async () => {
  // `complete` is what shells call.
  const commands = COMMANDS.filter(({ name }) => name !== "complete");
  const page = commandsPage(commands, await programs());
  const text = await $`${Deno.execPath()} fmt --config ${ROOT}/deno.json --ext md -`
    .stdinText(page).text();
  const file = `${ROOT}/docs/commands.md`;
  if (Deno.env.get("UPDATE_DOCS")) await Deno.writeTextFile(file, `${text}\n`);
  assert.equal((await Deno.readTextFile(file)).trimEnd(), text.trimEnd());
});
