// SPDX-License-Identifier: MIT
/** `kmatrix --version`: what a report of a problem should name. */
import { archOf } from "../core/arch/table.ts";
import { clangOf } from "../core/build/make.ts";
import type { Failure } from "../core/model/errors.ts";
import type { Host } from "../host/host.ts";
import { loadMatrix } from "../run/project.ts";
import { git } from "../steps/git.ts";
import { type Context, matrixFile } from "./context.ts";
import { defineCommand } from "./command.ts";

export const version = defineCommand({
  name: "version",
  group: "Machine",
  help: "print the versions of kmatrix, Deno, clang and QEMU (the same as --version)",
  example: "deno task version",
  arguments: "",
  options: {},
  writes: () => "nothing",
  perform: (_words, _options, context) => tell(context),
});

async function tell(context: Context): Promise<readonly Failure[]> {
  const { terminal, host } = context;
  terminal.print(`kmatrix ${await ownVersion(context)}`);
  terminal.print(`Deno ${Deno.version.deno}`);
  for (const program of [await compiler(context), archOf({}).qemu.program]) {
    terminal.print(`${program}: ${await firstLine([program, "--version"], host)}`);
  }
  return [];
}

/** The commit of the checkout, for there are no releases. */
async function ownVersion({ paths: { root }, host }: Context): Promise<string> {
  const argv = ["-C", root, "log", "-1", "--format=%h of %cs", "--"];
  const commit = await git(argv, host, { safe: [root] }).then(
    ({ code, stdout }) => code === 0 ? stdout.trim() : "",
    () => "",
  );
  return `${commit || "(no git checkout)"}, ${root}`;
}

/** That of the first toolchain, or of the environment; a broken matrix is of no interest here. */
async function compiler(context: Context): Promise<string> {
  const matrix = await loadMatrix(matrixFile({}, context), context.paths, context.host)
    .catch(() => null);
  return matrix === null ? "clang" : clangOf(matrix.toolchains[0]!);
}

async function firstLine(argv: readonly string[], host: Host): Promise<string> {
  const { code, stdout } = await host.run({ argv });
  const line = stdout.split("\n")[0]!.trim();
  if (code === 127) return "not installed";
  return code === 0 && line !== "" ? line : `does not run (exit ${code})`;
}
