// SPDX-License-Identifier: MIT
/** `deno task parse --console FILE`: judges a kernel log of anybody's. */
import type { AllowedSplat, Toolchain } from "../core/model/model.ts";
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import {
  consoleJson,
  type ConsoleReport,
  consoleRun,
  consoleText,
  fits,
  reportConsole,
} from "../core/report/console_report.ts";
import { holdsKernelLines } from "../core/console/kernel_log.ts";
import { NO_SOURCES } from "../core/console/splat_report.ts";
import { findSplats } from "../core/console/splats.ts";
import { loadMatrix } from "../run/project.ts";
import { reportCopies, write } from "../stages/report.ts";
import { readConsole, STDIN } from "../steps/read_console.ts";
import { kernelFit, symbolizeFrames } from "../steps/symbolize.ts";
import { type Context, copiesOf, matrixFile } from "./context.ts";
import type { RunValues } from "../cli/options.ts";

/** Of the options of `parse`. */
export type ConsoleValues = Pick<RunValues, "matrix" | "junit" | "json"> & {
  readonly vmlinux?: string | undefined;
};

export async function parseConsoleCommand(
  name: string,
  options: ConsoleValues,
  context: Context,
): Promise<readonly Failure[]> {
  const { host, absolute, terminal, paths } = context;
  const startedAt = host.now();
  const { splats: allow, toolchains } = await loadMatrix(matrixFile(options, context), paths, host);
  const report = await judge(name, options, { allow, toolchain: toolchains[0]! }, context);
  if (options.json !== undefined && options.json !== STDIN) {
    await write(absolute(options.json), consoleJson(report), host);
  }
  const run = consoleRun(report, new Date(startedAt).toISOString(), host.now() - startedAt);
  await reportCopies(run, { ...copiesOf(options, context), json: null }, host);
  terminal.print(
    options.json === STDIN ? consoleJson(report).trimEnd() : consoleText(report, terminal.style),
  );
  return report.failures;
}

interface Known {
  readonly allow: readonly AllowedSplat[];
  readonly toolchain: Toolchain;
}

async function judge(
  name: string,
  options: ConsoleValues,
  { allow, toolchain }: Known,
  { host, absolute }: Context,
): Promise<ConsoleReport> {
  const console = await readConsole(name === STDIN ? STDIN : absolute(name), host);
  try {
    const splats = findSplats(console);
    if (splats.length === 0 && !holdsKernelLines(console)) {
      throw new KmatrixError(
        "no-match",
        "no-kernel-log",
        `${name} holds no line that a kernel wrote`,
        "No line begins with a time, caller or priority, none is the first line of a kernel, and " +
          "none is a complaint. Is it another file?",
      );
    }
    if (options.vmlinux === undefined) {
      return reportConsole(name, splats, allow, NO_SOURCES, null);
    }
    const vmlinux = absolute(options.vmlinux);
    const frames = splats.flatMap((splat) => splat.frames);
    const fit = await kernelFit(frames, vmlinux, host);
    const known = { ...fit, fits: fits(fit) };
    if (!known.fits && frames.length > 0) {
      const text = `${options.vmlinux} is not the kernel of this log: ${fit.fitting} of ` +
        `${fit.compared} functions have the same size; no source lines are shown`;
      host.log("warn", text);
    }
    const sources = known.fits
      ? await symbolizeFrames(frames, { vmlinux, modules: [] }, toolchain, "", host)
      : NO_SOURCES;
    return reportConsole(name, splats, allow, sources, known);
  } finally {
    console.close();
  }
}
