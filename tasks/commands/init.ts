// SPDX-License-Identifier: MIT
/** `kmatrix init`: a folder with a matrix, a fragment and a guest test of one's own. */
import { dirname } from "node:path/posix";
import { pathToFileURL } from "node:url";
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import type { Context } from "./context.ts";
import { defineCommand, type Words } from "./command.ts";

export const init = defineCommand({
  name: "init",
  group: "Machine",
  help: "write a matrix, a fragment and a guest test of your own into a folder (default: here)",
  example: "deno task init ../my-matrix",
  arguments: "[folder]",
  options: {},
  writes: () => "nothing",
  perform: writeStarter,
});

/** Below starter/ of the project, and below the new folder. */
const FILES = ["matrix.yaml", "configs/mine.config", "selftests/mine.ts"];
/** For editors: where imports of `kmatrix/` lead. */
const DENO_JSON = "deno.json";

async function writeStarter(
  [word = "."]: Words<"[folder]">,
  _options: Readonly<Record<never, never>>,
  { paths, host, absolute, terminal, calledAs }: Context,
): Promise<readonly Failure[]> {
  const folder = absolute(word);
  const bad = (text: string, advice: string) =>
    new KmatrixError("usage", "not-writable", text, advice);
  const kind = await host.fs.kind(folder);
  if (kind !== null && kind !== "folder") {
    throw bad(`${word} is a ${kind}`, "Name a folder; it is made where there is none.");
  }
  // All or nothing: whoever has one of them has begun already.
  for (const file of [...FILES, DENO_JSON]) {
    if (!(await host.fs.exists(`${folder}/${file}`))) continue;
    const advice = "Nothing was written. Remove it, or name another folder.";
    throw bad(`${folder}/${file} is there already`, advice);
  }
  const url = (path: string) => pathToFileURL(`${paths.root}/${path}`).href;
  const texts = await Promise.all(FILES.map(async (file) => {
    const text = await host.fs.readText(`${paths.root}/starter/${file}`);
    // Read by the YAML language server, which most editors have.
    const schema = `# yaml-language-server: $schema=${url("kmatrix.schema.json")}\n`;
    return file === "matrix.yaml" ? text.replace(/^# SPDX.*\n/, (line) => line + schema) : text;
  }));
  for (const [index, file] of FILES.entries()) {
    await host.fs.makeDir(dirname(`${folder}/${file}`));
    await host.fs.writeText(`${folder}/${file}`, texts[index]!);
  }
  const imports = { "kmatrix/": `${url("selftests")}/` };
  await host.fs.writeText(`${folder}/${DENO_JSON}`, `${JSON.stringify({ imports }, null, 2)}\n`);
  for (const file of [...FILES, DENO_JSON]) terminal.print(`${folder}/${file}`);
  const command = [...calledAs.argv, "matrix", "--matrix", `${folder}/matrix.yaml`].join(" ");
  terminal.print(`run it: ${command}`);
  return [];
}
