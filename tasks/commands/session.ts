// SPDX-License-Identifier: MIT
/** `deno task repro` with --shell, --gdb or a command: boots that a person attends. */
import type { Arch } from "../core/arch/arch.ts";
import { archOf } from "../core/arch/table.ts";
import type { Host } from "../host/host.ts";
import type { Cell, Plan, Session } from "../core/model/model.ts";
import { type Failure, failure, KmatrixError } from "../core/model/errors.ts";
import { EXIT_COMMAND_FAILED, EXIT_FINISHED } from "../../selftests/contract/frames.ts";
import { buildConfinement, makeArgv, type MakeRequest } from "../core/build/make.ts";
import { whyNotRunnable } from "../core/inspect/elf.ts";
import { listensAt } from "../core/boot/listening_ports.ts";
import { endedWith, mayHaveRefused } from "../core/boot/qemu.ts";
import { formatCommand } from "../core/text/shell.ts";
import { findSplats, linesShown } from "../core/console/splats.ts";
import type { ReadyCell } from "../run/cell_stages.ts";
import { OneCell } from "../run/one_cell.ts";
import { cellFolder, RECORDINGS } from "../core/model/paths.ts";
import { type Context, makeRunDir } from "./context.ts";
import { makeReady } from "./ready.ts";

/** Of the options of `repro`; a port for gdb, or true for the usual one. */
export interface SessionValues {
  readonly shell: boolean;
  readonly gdb: number | true | undefined;
}

/**
 * What a debugger needs beyond a cell's own kernel. It is another build: full debug information
 * nearly doubles its size, and DEBUG_KERNEL changes what other options default to.
 */
const GDB_OPTIONS = ["CONFIG_DEBUG_KERNEL=y", "CONFIG_DEBUG_INFO_DWARF5=y", "CONFIG_GDB_SCRIPTS=y"];

/** The plan with the kernel that a debugger wants. */
export function planForGdb(plan: Plan): Plan {
  const { makeVariables } = plan.settings;
  // The last word on debug information, behind our own -gline-tables-only.
  const KCFLAGS = [makeVariables.KCFLAGS, "-g"].filter(Boolean).join(" ");
  return {
    ...plan,
    kconfigAdd: [...plan.kconfigAdd, ...GDB_OPTIONS],
    settings: { ...plan.settings, makeVariables: { ...makeVariables, KCFLAGS } },
  };
}

/** Boots the plan's only cell for a person, and gives what went wrong. */
export async function attendCommand(
  plan: Plan,
  command: readonly string[],
  options: SessionValues,
  context: Context,
): Promise<readonly Failure[]> {
  const { paths, host, absolute } = context;
  const gdbPort = options.gdb === true ? 1234 : options.gdb || undefined;
  if ([options.shell, gdbPort !== undefined, command.length > 0].filter(Boolean).length > 1) {
    throw new KmatrixError("usage", "bad-usage", "take one of --shell, --gdb and a command");
  }
  if (gdbPort !== undefined) await checkPort(gdbPort, host);
  const session = options.shell
    ? { kind: "shell" } as const
    : command.length > 0
    ? await sessionOf(command, archOf(plan.cells[0]!.machine), absolute, context)
    : undefined;
  const wanted = gdbPort === undefined ? plan : planForGdb(plan);
  const [cell] = wanted.cells as [Cell];
  await makeReady(wanted, context);
  const dir = `${await makeRunDir(context)}/${cellFolder(cell.id)}`;
  return await OneCell.run(wanted, paths, host, async (runner) => {
    const ready = await runner.ready(cell, await runner.source(cell));
    // What the kernel says without need would stand between what is typed.
    const quiet = session === undefined ? ready : {
      ...ready,
      cell: {
        ...cell,
        machine: { ...cell.machine, cmdline: `${cell.machine.cmdline} loglevel=5` },
      },
    };
    const gdb = gdbPort === undefined ? null : await gdbLine(ready, wanted, gdbPort, context);
    const code = await runner.attend(quiet, {
      dir,
      filter: wanted.settings.testFilter,
      session,
    }, {
      input: options.shell,
      gdbPort,
      ready: () => {
        if (gdb === null) return;
        context.terminal.print("QEMU waits for a debugger; in another terminal:\n");
        context.terminal.print(`  ${gdb}\n`);
        context.terminal.print("Quitting gdb or Ctrl-C here ends the guest.");
      },
    });
    if (host.signal.aborted) return [];
    if (mayHaveRefused(code)) {
      const text = `QEMU did not start (exit code ${code}); see its message above`;
      throw new KmatrixError("infra", "qemu-not-started", text);
    }
    if (gdb !== null || options.shell) return [];
    const what = session?.kind === "eval" ? evalText(command) : formatCommand({ argv: command });
    return await judge(code, what, dir, context);
  });
}

/** Before minutes of building. */
async function checkPort(port: number, { fs }: Host): Promise<void> {
  if (port > 65_535) {
    throw new KmatrixError("usage", "bad-usage", `--gdb ${port}: a TCP port is 1 to 65535`);
  }
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    if (!listensAt(port, await fs.readTextIfAny(table) ?? "")) continue;
    const text = `--gdb ${port}: another program listens on this port of 127.0.0.1`;
    const hint = "An earlier gdb session may still run. Choose another port: --gdb PORT";
    throw new KmatrixError("usage", "port-in-use", text, hint);
  }
}

/** A host's file is a static binary to run, anything else JavaScript. */
async function sessionOf(
  command: readonly string[],
  arch: Arch,
  absolute: (path: string) => string,
  { host }: Context,
): Promise<Session> {
  const path = absolute(command[0]!);
  const stat = await host.fs.stat(path);
  // No JavaScript begins with "./" or is nothing but an absolute path.
  const isPath = /^(\.{1,2}\/|\/[\w.-]+\/)[\w./+@-]*$/.test(command[0]!);
  if (isPath && (stat === null || stat.isDirectory)) {
    const text = `${path}: ${
      stat === null ? "there is no such program" : "it is a folder, not a program"
    }`;
    throw new KmatrixError("usage", "bad-usage", text);
  }
  if (stat === null || stat.isDirectory) return { kind: "eval", source: command.join(" ") };
  const file = await host.fs.openParts(path);
  try {
    const why = whyNotRunnable(file, arch);
    if (why !== null) {
      throw new KmatrixError("usage", "bad-usage", `${path} is no program for the guest: ${why}`);
    }
  } finally {
    file.close();
  }
  return { kind: "program", argv: [path, ...command.slice(1)] };
}

/** Makes the kernel's gdb scripts where they are not there yet; gives the line to type. */
async function gdbLine(
  { kernel }: ReadyCell,
  plan: Plan,
  port: number,
  { host }: Context,
): Promise<string> {
  const { source, buildDir, toolchain, plugin, compiler } = kernel.config;
  const { jobs, makeVariables } = plan.settings;
  if (!(await host.fs.exists(`${buildDir}/vmlinux-gdb.py`))) {
    const made = { source, buildDir, toolchain, plugin, compiler };
    const request: MakeRequest = { ...made, jobs, variables: makeVariables };
    const argv = makeArgv(request, ["scripts_gdb"]);
    const { code, stderr } = await host.run({ argv, confine: buildConfinement(request) });
    if (code !== 0) {
      const text = "make scripts_gdb failed";
      throw new KmatrixError("build", "make-error", text, stderr.split("\n").slice(-15).join("\n"));
    }
  }
  return formatCommand({
    argv: [
      "gdb",
      ...["-iex", `add-auto-load-safe-path ${buildDir}`, "-iex", `directory ${source.path}`],
      ...["-ex", `target remote 127.0.0.1:${port}`, `${buildDir}/vmlinux`],
    ],
  });
}

/** One who meant a program of the PATH has written a word, and no path. */
function evalText(command: readonly string[]): string {
  const text = formatCommand({ argv: command });
  if (!/^[\w.+-]+$/.test(command[0]!)) return text;
  return `${text} (taken as JavaScript: there is no file ${
    command[0]
  }; give a program by its path)`;
}

/** What became of a command: its own failure, the kernel's complaints, an early end. */
async function judge(
  code: number,
  what: string,
  dir: string,
  { host, terminal }: Context,
): Promise<Failure[]> {
  const text = await host.fs.readTextIfAny(`${dir}/${RECORDINGS.console}`) ?? "";
  const failures: Failure[] = findSplats(text).filter(({ root }) => root).map((splat) =>
    failure(
      "kernel",
      `splat-${splat.id}`,
      `the kernel complained: ${splat.title}`,
      linesShown(splat.lines).join("\n"),
    )
  );
  if (endedWith(EXIT_COMMAND_FAILED, code)) {
    const message = `failed in the guest: ${what}`;
    failures.push(failure("test", "command-failed", message));
  } else if (!endedWith(EXIT_FINISHED, code) && failures.length === 0) {
    const message = `the guest ended before the command did (QEMU's exit code ${code})`;
    failures.push(failure("kernel", "ended-early", message));
  }
  for (const { message } of failures) terminal.error(message);
  return failures;
}
