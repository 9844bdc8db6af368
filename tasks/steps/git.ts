// SPDX-License-Identifier: MIT
/** Every git command of this tool, in the environment of core/source/git.ts. */
import type { CommandResult, Host } from "../host/host.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { gitEnvironment, type GitUse } from "../core/source/git.ts";

export interface GitOptions extends GitUse {
  /** Further variables, e.g. GIT_DIR. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * For commands that need no repository: that of the caller's folder, with its settings and its way of
 * leaving out what is not below that folder, is none of their business.
 */
export const NO_REPOSITORY = { GIT_DIR: "/dev/null" } as const;

/** @throws KmatrixError "infra" (missing-tool); any other end is the caller's to judge. */
export async function git(
  argv: readonly string[],
  host: Host,
  { env = {}, ...use }: GitOptions = {},
): Promise<CommandResult> {
  return await gitScript(["git", ...argv], host, { env, ...use });
}

/** The same for a command that calls git. */
export async function gitScript(
  argv: readonly string[],
  host: Host,
  { env = {}, ...use }: GitOptions = {},
): Promise<CommandResult> {
  const result = await host.run({
    argv,
    env: { ...gitEnvironment(use), ...env },
    ...(use.remote ? { reach: "downloads" } : {}),
  });
  if (result.code === 127) {
    throw new KmatrixError("infra", "missing-tool", "git is missing: series and commits need it");
  }
  return result;
}

/** @returns What git prints. @throws KmatrixError "infra" (git-failed, missing-tool) */
export async function mustGit(
  argv: readonly string[],
  what: string,
  host: Host,
  options: GitOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await git(argv, host, options);
  if (code === 0) return stdout;
  throw new KmatrixError("infra", "git-failed", `${what}: git failed`, stderr.trim());
}
