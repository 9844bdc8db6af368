// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import $ from "dax";
import { COMMANDS } from "./mod.ts";
import { commandsPage } from "./reference.ts";
import { FEATURES } from "../../selftests/contract/features.ts";
import { COMPILER_FEATURES } from "../core/model/model.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

Deno.test("docs/commands.md has each command with each option; UPDATE_DOCS=1 writes it", async () => {
  // `complete` is what shells call.
  const page = commandsPage(COMMANDS.filter(({ name }) => name !== "complete"));
  const text = await $`${Deno.execPath()} fmt --config ${ROOT}/deno.json --ext md -`
    .stdinText(page).text();
  const file = `${ROOT}/docs/commands.md`;
  if (Deno.env.get("UPDATE_DOCS")) await Deno.writeTextFile(file, `${text}\n`);
  assert.equal((await Deno.readTextFile(file)).trimEnd(), text.trimEnd());
});

/** Names that the tool reads from the environment, as its source has them. */
async function variables(): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const { path, text } of sources()) {
    if (/(\/testing\/|\/programs\/|_test\.ts$)/.test(path)) continue;
    for (const [, name] of text.matchAll(/\benv(?:\.get)?\("([A-Z][A-Z0-9_]+)"\)/g)) {
      found.add(name!);
    }
  }
  return found;
}

async function* sources(folder = `${ROOT}tasks`): AsyncGenerator<{ path: string; text: string }> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sources(path);
    else if (name.endsWith(".ts")) yield { path, text: await Deno.readTextFile(path) };
  }
}

async function docs(): Promise<string> {
  const pages = ["README.md"];
  for await (const { name } of Deno.readDir(`${ROOT}docs`)) {
    if (name.endsWith(".md")) pages.push(`docs/${name}`);
  }
  const texts = await Promise.all(pages.map((page) => Deno.readTextFile(`${ROOT}${page}`)));
  return texts.join("\n");
}

Deno.test("every variable that the tool reads, and every feature, is documented", async () => {
  const text = await docs();
  const names = await variables();
  assert.ok(names.size >= 5, [...names].join(" "));
  const wanted = [...names, ...FEATURES, ...COMPILER_FEATURES];
  assert.deepEqual(wanted.filter((name) => !new RegExp(`\`[^\`\n]*\\b${name}\\b`).test(text)), []);
});
