// SPDX-License-Identifier: MIT
/**
 * What a build may see of this machine. A kernel's Makefiles are programs of whoever wrote the
 * series, so they run under bubblewrap (bwrap(1)): without a network, over a read-only view of the
 * system, with homes and temporary files out of sight.
 */
import { basename, dirname } from "node:path/posix";
import type { SandboxUse } from "../model/model.ts";

/** What one command may touch, by absolute paths. */
export interface Confinement {
  readonly writable: readonly string[];
  /** Shown even where it lies in a hidden place. */
  readonly readable: readonly string[];
  /** Programs whose installation must be readable with them, such as a compiler and its headers. */
  readonly programs: readonly string[];
}

/** The folder of a program's installation: /a/llvm for /a/llvm/bin/clang; its own where it has none. */
export function installationOf(program: string, home: string | undefined): string {
  const folder = dirname(program);
  const outer = basename(folder) === "bin" ? dirname(folder) : folder;
  // ~/bin/clang must not bring the whole home with it.
  const whole = [home?.replace(/\/+$/, ""), "/root", "/"].includes(outer) ||
    /^\/home(\/[^/]+)?$/.test(outer);
  return whole ? folder : outer;
}

/** The text of the property `build.sandbox`. */
export function sandboxText(use: SandboxUse): string {
  return use.kind === "bubblewrap" ? "bubblewrap" : `none (${use.why})`;
}

/** Folders that a confined command finds empty, where they exist. */
export interface Hidden {
  /** Nothing can be made there: a write that is silently lost would hide what a Makefile tries. */
  readonly readOnly: readonly string[];
  /** A fresh folder of its own, gone with the command: compilers and make put files there. */
  readonly scratch: readonly string[];
}

/** Folders that hold people's files, sockets of services, or files of other programs. */
export function hiddenFolders(home: string | undefined): Hidden {
  const homes = ["/home", "/root"];
  const odd = home !== undefined && /^\/[^/]+/.test(home) &&
    !/^\/(usr|bin|lib\w*|etc)\b/.test(home);
  if (odd && !homes.some((one) => isBelow(home, one))) homes.push(home.replace(/\/+$/, ""));
  return { readOnly: [...homes, "/run"], scratch: ["/tmp", "/var/tmp"] };
}

/** Whether a path is a folder or lies in it. */
export function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** Where make keeps what a target prints until it is done: a target without end must end too. */
const SCRATCH_BYTES = 512 << 20;

/**
 * What a confined command finds in its environment: no home, and no folder for temporary files but
 * its own.
 * @param passed What it would find without a sandbox (core/model/environment.ts).
 * @param home An empty folder.
 */
export function sandboxEnvironment(
  passed: Readonly<Record<string, string>>,
  home: string,
): Record<string, string> {
  const { TMPDIR: _, ...kept } = passed;
  return { ...kept, HOME: home };
}

/**
 * The words in front of a confined command. The environment is set for bubblewrap as well: it is the
 * first process in there, and what it was started with stands in its /proc.
 * @param hidden Those of {@linkcode hiddenFolders} that exist, links resolved.
 */
export function sandboxArgv(
  confinement: Pick<Confinement, "writable" | "readable">,
  hidden: Hidden,
  environment: Readonly<Record<string, string>>,
): string[] {
  const { writable, readable } = confinement;
  const all = [...hidden.readOnly, ...hidden.scratch];
  // What is not hidden is readable anyway.
  const shown = readable.filter((path) => all.some((folder) => isBelow(path, folder)));
  const mounts: readonly (readonly [path: string, words: readonly string[]])[] = [
    ...hidden.readOnly.map((folder) => [folder, ["--tmpfs", folder]] as const),
    ...hidden.scratch.map((folder) =>
      [folder, ["--size", `${SCRATCH_BYTES}`, "--tmpfs", folder]] as const
    ),
    ...shown.map((path) => [path, ["--ro-bind-try", path, path]] as const),
    ...writable.map((path) => [path, ["--bind", path, path]] as const),
  ];
  return [
    ...["env", "-i", ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)],
    "bwrap",
    "--unshare-all",
    "--die-with-parent",
    "--new-session",
    ...["--ro-bind", "/", "/"],
    ...["--dev", "/dev"],
    ...["--proc", "/proc"],
    // An outer folder first, or it would cover the inner one.
    ...mounts.toSorted(([a], [b]) => a.length - b.length).flatMap(([, words]) => words),
    // Last, for mount points are made in these.
    ...hidden.readOnly.flatMap((folder) => ["--remount-ro", folder]),
    "--",
  ];
}

/** What programs print of an act that the sandbox does not allow; each is rare outside of one. */
const DENIALS: readonly RegExp[] = [
  /Read-only file system/,
  /Network is unreachable|Could not resolve host|Temporary failure in name resolution/,
  /Name or service not known|network is unreachable/,
];

/** Whether a line of a confined build's log tells that the sandbox was in the way. */
export function tellsDenial(line: string): boolean {
  if (DENIALS.some((pattern) => pattern.test(line))) return true;
  // A file of a hidden folder is not there at all.
  return /(?:^|['"\s:=])\/(?:home|root|run)\/\S*.*No such file or directory/.test(line);
}

/** What a build may not do, for the message of a failure. */
export const SANDBOX_RULES = "no network, no home, only the build folder is writable";
