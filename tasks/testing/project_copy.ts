// SPDX-License-Identifier: MIT
/** A copy of the project that may be broken on purpose, and its command line. */
import { dirname, resolve } from "node:path";
import $ from "dax";
import { denoFileSystem } from "../host/deno_fs.ts";
import { callersFolder } from "../steps/caller.ts";

export { withTempDir } from "./temp_dir.ts";

export const ROOT = dirname(dirname(import.meta.dirname!));

const FOLDER = await callersFolder(ROOT, Deno.cwd(), (name) => Deno.env.get(name), denoFileSystem);

/** A path of the command line of a program beside the tool, made absolute. */
export const typedPath = (path: string): string => resolve(FOLDER, path);

/** The cache of the project, so that copies of it share sources and builds. */
export const CACHE = typedPath(Deno.env.get("KMATRIX_CACHE") || `${ROOT}/.cache`);

/** Copies tracked and new files into `dir`/project and gives its path. */
export async function copyProject(dir: string): Promise<string> {
  const root = `${dir}/project`;
  await Deno.mkdir(root);
  const list = await $`git ls-files --cached --others --exclude-standard`.cwd(ROOT).text();
  const files: string[] = [];
  for (const file of list.split("\n").filter(Boolean)) {
    // A file that was removed and not committed yet is still listed.
    if (await Deno.stat(`${ROOT}/${file}`).then(() => true, () => false)) files.push(file);
  }
  await $`tar --create --file ${dir}/project.tar ${files}`.cwd(ROOT).quiet();
  await $`tar --extract --file ${dir}/project.tar -C ${root}`.quiet();
  return root;
}

/** What `deno task matrix` gives to `deno run` before the entry point: some of it saves memory. */
export function taskFlags(): string[] {
  const { tasks } = JSON.parse(Deno.readTextFileSync(`${ROOT}/deno.json`));
  const [, flags] = /^deno run (.*) tasks\/main\.ts matrix$/.exec(tasks.matrix.command) ?? [];
  if (flags === undefined) throw new Error(`deno.json: what does "${tasks.matrix.command}" run?`);
  return flags.split(" ");
}

export interface Ran {
  readonly code: number;
  readonly out: string;
}

/** Runs one command of a checkout with the shared cache. */
export async function kmatrix(
  args: readonly string[],
  options: { root?: string; path?: string } = {},
): Promise<Ran> {
  const root = options.root ?? ROOT;
  const argv = [Deno.execPath(), "run", "--allow-all", `${root}/tasks/main.ts`, ...args];
  const result = await $`${argv}`.cwd(root).noThrow().captureCombined()
    .env("KMATRIX_CACHE", CACHE).env("INIT_CWD", "").env(
      "PATH",
      options.path ?? Deno.env.get("PATH") ?? "",
    );
  return { code: result.code, out: result.combined };
}
