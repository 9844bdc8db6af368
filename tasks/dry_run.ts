// SPDX-License-Identifier: MIT
/** The commands of a run, in its order, as lines for a shell; nothing is run or changed. */
import type { Host } from "./host/host.ts";
import type { Paths } from "./paths.ts";
import { cellFolder, moduleFolder } from "./paths.ts";
import type { KernelSpec, Plan, Stage } from "./model.ts";
import { comesTo } from "./stage_table.ts";
import { clangOf, makeArgv, type MakeRequest, moduleArgv, selftestArgv } from "./formats/make.ts";
import { groupByBuild } from "./formats/plan.ts";
import { qemuArgv } from "./formats/qemu.ts";
import { debianSourceTar } from "./formats/requirements.ts";
import { formatCommand } from "./formats/shell.ts";
import { bytecodeArgv, runtimeArgv } from "./stages/pack.ts";
import { findQuickjs } from "./host/quickjs.ts";
import { buildTargets } from "./stages/build.ts";
import { requestOf } from "./stages/configure.ts";
import { renderFragment } from "./formats/kconfig.ts";
import { C_SELFTEST_SOURCE } from "../selftests/kcov/c_programs.ts";

/**
 * Folders that depend on what is found at run time stand as <source> and <key>.
 * @throws what reading the fragments throws.
 */
export async function dryRun(
  plan: Plan,
  until: Stage,
  paths: Paths,
  host: Host,
): Promise<string[]> {
  const lines: string[] = [];
  const reached = (stage: Stage) => comesTo(stage, until);
  const command = (...argv: string[]) => lines.push(formatCommand({ argv }));
  for (const cells of groupByBuild(plan.cells)) {
    const { kernel, config, toolchain } = cells[0]!;
    const ofCommits = kernel.source.kind === "commits";
    const own = kernel.series.length > 0 || ofCommits;
    const base = kernel.source.kind === "tree"
      ? kernel.source.path
      : `${paths.sources}/base-<source>`;
    const source = own ? `${paths.sources}/${kernel.id}` : base;
    lines.push(`# ${cells.map((cell) => cell.id).join(", ")}`);
    if (reached("patch") && kernel.source.kind === "commits") {
      const { commits } = kernel.source;
      command("git", `--work-tree=${source}`, "read-tree", "--reset", "-u", commits.at(-1)!.id);
    } else if (reached("patch") && kernel.source.kind !== "tree") {
      const archive = kernel.source.kind === "debian"
        ? debianSourceTar(kernel.source.package)
        : "<archive>";
      command("tar", "--extract", "-f", archive, "-C", base, "--strip-components=1");
    }
    if (reached("patch") && own) {
      if (!ofCommits) command("cp", "--archive", base, source);
      for (const { file, strip = 1 } of kernel.series) {
        command("git", "-C", source, "apply", `-p${strip}`, "--", file);
      }
    }
    const buildDir = `${paths.builds}/<key>`;
    const request: MakeRequest = {
      source: { path: source, digest: "" },
      buildDir,
      toolchain,
      jobs: plan.settings.jobs,
      variables: plan.settings.makeVariables,
    };
    const make = (...targets: string[]) => command(...makeArgv(request, targets));
    const options = await requestOf(cells[0]!, plan.kconfigAdd, paths, host);
    if (reached("configure")) {
      make("tinyconfig");
      const count = renderFragment(options).split("\n").filter((line) => /CONFIG_/.test(line));
      lines.push(`# ${count.length} options of ${config.fragments.join(" + ")} into .config`);
      make("olddefconfig");
    }
    if (reached("build")) {
      const modules = options.lines.some(({ option, value }) =>
        option === "CONFIG_MODULES" && value === "y"
      );
      make(...buildTargets({ features: modules ? ["modules"] : [] }));
      if (await bringsSelftest(kernel, host)) {
        make("headers");
        const output = `${buildDir}/kmatrix-selftests`;
        command(...selftestArgv(request, C_SELFTEST_SOURCE, output, []));
      }
      for (const name of modules ? await host.fs.list(paths.testModules) : []) {
        const folder = `${buildDir}/${moduleFolder(name)}`;
        command("cp", "-r", `${paths.testModules}/${name}`, folder);
        command(...moduleArgv(request, folder));
      }
    }
    if (reached("pack")) {
      const quickjs = await findQuickjs(paths, host) ??
        { include: "<quickjs>", library: "<quickjs>/libquickjs.a" };
      const source = `${paths.root}/selftests/runtime/init.c`;
      const dir = `${paths.guests}/<digest>`;
      const init = `${dir}/root/init`;
      command(...runtimeArgv(clangOf(toolchain), quickjs, source, init));
      command(...bytecodeArgv(init, `${dir}/tests.js`, `${dir}/root/kmatrix/tests.qjs`));
    }
    if (!reached("boot")) continue;
    for (const cell of cells) {
      const dir = `${paths.out}/<run>/${cellFolder(cell.id)}`;
      command(...qemuArgv({
        vmlinux: `${buildDir}/vmlinux`,
        initramfs: `${dir}/initramfs.cpio`,
        resultsFile: `${dir}/results.log`,
        machine: cell.machine,
        accel: plan.settings.accel === "kvm" ? "kvm" : "tcg",
      }));
    }
  }
  return lines;
}

/** Whether a kernel has a KCOV selftest in C, as far as that can be seen before it is unpacked. */
async function bringsSelftest({ source, series }: KernelSpec, host: Host): Promise<boolean> {
  const makefile = `${C_SELFTEST_SOURCE}/Makefile`;
  if (source.kind === "tree" && await host.fs.exists(`${source.path}/${makefile}`)) return true;
  for (const { file } of series) {
    if ((await host.fs.readText(file)).includes(`+++ b/${makefile}`)) return true;
  }
  return false;
}
