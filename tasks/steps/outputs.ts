// SPDX-License-Identifier: MIT
/** Where a run writes, looked at before it begins: a file that cannot be written is said at once. */
import { dirname } from "node:path/posix";
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import { KmatrixError } from "../core/model/errors.ts";

/** One place that the user, or a default, names. */
export interface Output {
  /** What names it, for messages: `--junit`, `KMATRIX_CACHE`. */
  readonly name: string;
  /** The value as it was given; "" is refused. */
  readonly given: string;
  /** Absolute. */
  readonly path: string;
  readonly kind: "file" | "folder";
  /** What names another place; `name` itself without it. */
  readonly movedBy?: string;
  /** The command says itself where it has written. */
  readonly told?: boolean;
}

/** What a command writes beside the files that its options name. */
export type Writes = "nothing" | "cache" | "cache and runs";

/** What a command is to write, paths as they were given. */
export interface Outputs {
  readonly writes: Writes;
  readonly outputDir?: string | undefined;
  readonly junit?: string | undefined;
  readonly json?: string | undefined;
  readonly markdown?: string | undefined;
  readonly html?: string | undefined;
  readonly events?: string | undefined;
}

/**
 * Every place that a command is to write.
 * @param names The variables that name the folders; the option --output-dir without the second.
 */
export function outputsOf(
  { writes, outputDir, junit, json, markdown, html, events }: Outputs,
  paths: Paths,
  names: { readonly cache: string; readonly out?: string | undefined },
  absolute: (path: string) => string,
): Output[] {
  const file = (name: string, given: string | undefined): Output[] =>
    given === undefined ? [] : [{ name, given, path: absolute(given), kind: "file" }];
  return [
    ...(writes === "nothing" ? [] : [{
      ...{ name: names.cache, given: paths.cache, path: paths.cache, kind: "folder" as const },
      movedBy: names.cache === "O" ? "O" : "KMATRIX_CACHE",
    }]),
    ...(writes === "cache and runs" || outputDir === ""
      ? [{
        name: outputDir === undefined ? names.out ?? "--output-dir" : "--output-dir",
        given: outputDir ?? paths.out,
        path: paths.out,
        kind: "folder" as const,
        movedBy: "--output-dir",
        told: true,
      }]
      : []),
    ...file("--junit", junit),
    ...file("--json", json),
    ...file("--markdown", markdown),
    ...file("--html", html),
    ...file("--events", events === "-" ? undefined : events),
  ];
}

/**
 * Looks whether each place can be written, by a file that is removed again. Makes nothing that stays; a
 * folder that the run will make elsewhere is announced.
 * @param inside Folders, absolute, below which missing parent folders may be made.
 * @throws KmatrixError "usage" (not-writable) for a place of another kind, one whose parent folder is
 *   missing elsewhere, one that two options share, and one that the system does not let us write.
 */
export async function checkOutputs(
  outputs: readonly Output[],
  inside: readonly string[],
  host: Host,
): Promise<void> {
  const taken = new Map<string, Output>();
  const toMake: Output[] = [];
  for (const output of outputs) {
    const other = taken.get(output.path);
    if (other) throw unwritable(output, `is the same as ${other.name}`, "Give each its own.");
    taken.set(output.path, output);
    if (await checkOutput(output, inside, host) === "new folder elsewhere") toMake.push(output);
  }
  // Only now is it known that the run begins.
  for (const { name, path } of toMake) host.log("notice", `${name}: makes the folder ${path}`);
}

async function checkOutput(
  output: Output,
  inside: readonly string[],
  host: Host,
): Promise<"new folder elsewhere" | "usual"> {
  const { name, given, path, kind } = output;
  if (given === "") {
    throw new KmatrixError("usage", "not-writable", `${name}: the path is empty`);
  }
  const found = await host.fs.kind(path);
  if (found !== null && found !== kind) {
    throw unwritable(output, `is a ${found}, and a ${kind} is wanted`, another(output));
  }
  if (found === "folder") {
    await probe(output, path, host);
    return "usual";
  }
  const parent = await existingAncestor(path, host);
  const parentKind = await host.fs.kind(parent);
  if (parentKind !== "folder") {
    const text = `lies below ${parent}, which is a ${parentKind}`;
    throw unwritable(output, text, another(output));
  }
  const near = inside.some((folder) => path === folder || path.startsWith(`${folder}/`));
  if (parent !== dirname(path) && !near) {
    throw unwritable(
      output,
      `lies in ${dirname(path)}, a folder that does not exist`,
      `Mend the path, or \`mkdir -p ${dirname(path)}\`.`,
    );
  }
  await probe(output, parent, host);
  return found === null && kind === "folder" && !near && !output.told
    ? "new folder elsewhere"
    : "usual";
}

/** The innermost of the folders above a path that is there, whatever it is. */
async function existingAncestor(path: string, host: Host): Promise<string> {
  const parent = dirname(path);
  if (parent === path || await host.fs.kind(parent) !== null) return parent;
  return await existingAncestor(parent, host);
}

/** Permissions tell little: root has them all, and a file system may be mounted read-only. */
async function probe(output: Output, folder: string, host: Host): Promise<void> {
  const file = `${folder}/.kmatrix-${crypto.randomUUID()}`;
  try {
    await host.fs.writeText(file, "");
    await host.fs.remove(file);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw unwritable(output, "cannot be written", `${why}\n${another(output)}`);
  }
}

function another({ name, movedBy = name }: Output): string {
  return `Name another place by ${movedBy}.`;
}

function unwritable({ name, path }: Output, what: string, hint: string): KmatrixError {
  return new KmatrixError("usage", "not-writable", `${name}: ${path} ${what}`, hint);
}
