// SPDX-License-Identifier: MIT
/** Rule 1 of docs/architecture.md: verbs do, nouns know. */
import assert from "node:assert/strict";

const TASKS = new URL(".", import.meta.url);

async function filesOf(folder: string): Promise<URL[]> {
  const files = await filesIn(folder);
  assert.ok(files.length > 5, folder);
  return files;
}

async function filesIn(folder: string): Promise<URL[]> {
  const dir = new URL(`${folder}/`, TASKS);
  const files: URL[] = [];
  for await (const { name } of Deno.readDir(dir)) {
    if (name.endsWith(".ts") && !name.endsWith("_test.ts")) files.push(new URL(name, dir));
  }
  assert.notEqual(files.length, 0, folder);
  return files;
}

interface Import {
  readonly file: URL;
  /** Types leave nothing behind when the program runs. */
  readonly typesOnly: boolean;
}

/** What a file imports of this project. */
function importsOf(file: URL, text: string): Import[] {
  const from = /^(?:import|export)( type)?\b[^;]*?\bfrom "(\.[^"]+)"/gm;
  return [...text.matchAll(from)].map(([, type, name]) => ({
    file: new URL(name!, file),
    typesOnly: type !== undefined,
  }));
}

const below = (file: URL, folder: string) =>
  file.href.startsWith(new URL(`${folder}/`, TASKS).href);
const nameOf = (file: URL) => file.href.slice(new URL("..", TASKS).href.length);

/** Code without comments. */
const code = (text: string) => text.replace(/\/\*[^]*?\*\/|^ *\/\/.*$/gm, "");

Deno.test("nouns know nothing of hosts, stages, Deno or the clock, nor does what they import", async () => {
  const seen = new Map<string, URL>((await filesOf("formats")).map((file) => [file.href, file]));
  for (const file of seen.values()) {
    const text = await Deno.readTextFile(file);
    assert.doesNotMatch(
      code(text),
      /\bDeno\.|\bDate\.now\b|\bnew Date\(\)|\bperformance\.|\bfetch\(|\bprocess\./,
      nameOf(file),
    );
    assert.doesNotMatch(
      text,
      /from "(dax|zx|node:(fs|child_process|os|process)[^"]*)"/,
      nameOf(file),
    );
    for (const { file: imported, typesOnly } of importsOf(file, text)) {
      assert.ok(
        !["host", "stages", "ui"].some((folder) => below(imported, folder)),
        `${nameOf(file)} imports ${nameOf(imported)}`,
      );
      if (!typesOnly) seen.set(imported.href, imported);
    }
  }
});

Deno.test("a verb never imports another verb", async () => {
  for (const file of await filesOf("stages")) {
    for (const { file: imported } of importsOf(file, await Deno.readTextFile(file))) {
      assert.ok(!below(imported, "stages"), `${nameOf(file)} imports ${nameOf(imported)}`);
    }
  }
});

Deno.test("stages reach the machine through their host alone", async () => {
  for (const file of await filesOf("stages")) {
    const text = await Deno.readTextFile(file);
    assert.doesNotMatch(code(text), /\bDeno\.|\bDate\.now\b|\bperformance\./, nameOf(file));
    assert.doesNotMatch(text, /from "(dax|zx)"/, nameOf(file));
    for (const { file: imported } of importsOf(file, text)) {
      assert.notEqual(nameOf(imported), "tasks/host/deno_host.ts", nameOf(file));
    }
  }
});

Deno.test("the command line stays in its own rooms: nothing that it calls knows of it", async () => {
  const folders = [".", "bench", "commands", "formats", "host", "stages", "testing", "ui"];
  const found: string[] = [];
  for (const folder of folders) {
    for (const file of await filesIn(folder)) {
      for (const { file: imported } of importsOf(file, await Deno.readTextFile(file))) {
        if (nameOf(imported) === "tasks/cli.ts") found.push(`${nameOf(file)} imports cli.ts`);
        if (!below(imported, "commands") || below(file, "commands")) continue;
        // The fake project tells the commands where to write.
        if (nameOf(file) === "tasks/testing/fake_project.ts") continue;
        found.push(`${nameOf(file)} imports commands`);
      }
    }
  }
  assert.deepEqual([...new Set(found)].sort(), [
    "tasks/cli.ts imports commands",
    "tasks/main.ts imports cli.ts",
    "tasks/main.ts imports commands",
  ]);
});

Deno.test("one file takes cells through their stages", async () => {
  const files = [...await filesOf("."), ...await filesOf("commands")];
  const callers: string[] = [];
  for (const file of files) {
    const imports = importsOf(file, await Deno.readTextFile(file)).map((one) => nameOf(one.file));
    // Whoever inspects or measures goes a way of its own.
    if (imports.some((name) => /^tasks\/stages\/(inspect|boot_times)\.ts$/.test(name))) {
      callers.push(nameOf(file));
    }
  }
  assert.deepEqual(callers, ["tasks/cell_stages.ts"]);
});
