// SPDX-License-Identifier: MIT
/** The commands of a run, in its order, as lines for a shell; nothing is run or changed. */
import { counted } from "../core/text/counted.ts";
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import { cellFolder, moduleFolder } from "../core/model/paths.ts";
import type { KernelSpec, Plan, SourceSpec, Stage, Toolchain } from "../core/model/model.ts";
import { comesTo } from "../core/model/stage_table.ts";
import {
  clangOf,
  kernelTargets,
  makeArgv,
  type MakeRequest,
  moduleArgv,
  selftestArgv,
} from "../core/build/make.ts";
import { modulesFor, pluginCompileCommand, pluginSources } from "../core/build/dataflow_plugin.ts";
import { archOf } from "../core/arch/table.ts";
import { groupByBuild } from "../core/matrix/plan.ts";
import { qemuArgv } from "../core/boot/qemu.ts";
import { aptArgv, aptFiles, debianSourceTar } from "../core/source/debian.ts";
import { sourcesOf } from "../core/source/kernel_sources.ts";
import { formatCommand } from "../core/text/shell.ts";
import { bytecodeArgv, runtimeArgv } from "../stages/pack.ts";
import {
  aptFolder,
  packageFolder,
  packageHere,
  packageTar,
  suiteOf,
} from "../steps/debian_source.ts";
import type { PluginPlace } from "../steps/dataflow_plugin.ts";
import { lookForSource } from "../steps/look_for_source.ts";
import { kernelTree } from "../steps/kernel_tree.ts";
import { viewPath } from "../steps/tree_view.ts";
import { findQuickjs } from "../steps/quickjs.ts";
import { pluginOf, requestOf } from "../stages/configure.ts";
import { baseOf } from "../core/build/config_base.ts";
import { renderFragment } from "../core/kconfig/kconfig.ts";
import { C_SELFTEST_SOURCE } from "../../selftests/contract/c_programs.ts";

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
    const { path: source, commands, note } = await sourceCommands(kernel, paths, host);
    lines.push(`# ${cells.map((cell) => cell.id).join(", ")}`, `# source: ${note}`);
    if (reached("patch")) { for (const argv of commands) command(...argv); }
    const buildDir = `${paths.builds}/<key>`;
    const plugin = await pluginOf(cells[0]!, plan, paths, host);
    const request = makeRequest(source, buildDir, toolchain, plan, plugin);
    const make = (...targets: string[]) => command(...makeArgv(request, targets));
    const options = await requestOf(cells[0]!, plan.kconfigAdd, paths, host);
    if (reached("configure")) {
      for (const argv of pluginCommands(plugin, toolchain)) command(...argv);
      for (const step of baseOf(config)) {
        if (step.kind === "target") make(step.name);
        else command("cp", step.path, `${buildDir}/.config`);
      }
      const count = renderFragment(options).split("\n").filter((line) => /CONFIG_/.test(line));
      lines.push(
        `# ${counted(count.length, "option")} of ${config.fragments.join(" + ")} into .config`,
      );
      make("olddefconfig");
    }
    const asked = new Map(options.lines.map(({ option, value }) => [option, value]));
    const image = await archOf(toolchain).image(
      asked,
      (file) => host.fs.readTextIfAny(`${source}/${file}`),
    );
    if (reached("build")) {
      const modules = options.lines.some(({ option, value }) =>
        option === "CONFIG_MODULES" && value === "y"
      );
      make(...kernelTargets(image, modules));
      if (await bringsSelftest(kernel, host)) {
        make("headers");
        const output = `${buildDir}/kmatrix-selftests`;
        command(...selftestArgv(request, C_SELFTEST_SOURCE, output, []));
      }
      for (const name of modules ? await testModules(plugin, paths, host) : []) {
        const folder = `${buildDir}/${moduleFolder(name)}`;
        command("cp", "-r", `${paths.testModules}/${name}`, folder);
        command(...moduleArgv(request, folder));
      }
    }
    if (reached("pack")) {
      const quickjs = await findQuickjs(archOf(toolchain), paths, host) ??
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
        image: `${buildDir}/${image.file}`,
        initramfs: `${dir}/initramfs.cpio`,
        resultsFile: `${dir}/results.log`,
        machine: cell.machine,
        accel: plan.settings.accel === "kvm" ? "kvm" : "tcg",
      }));
    }
  }
  return lines;
}

function makeRequest(
  source: string,
  buildDir: string,
  toolchain: Toolchain,
  { settings }: Plan,
  plugin: PluginPlace | null,
): MakeRequest {
  return {
    source: { path: source, digest: "" },
    buildDir,
    toolchain,
    jobs: settings.jobs,
    variables: settings.makeVariables,
    plugin: plugin?.file,
    compiler: plugin?.script?.file,
  };
}

function pluginCommands(
  plugin: PluginPlace | null,
  toolchain: Toolchain,
): readonly (readonly string[])[] {
  if (plugin === null) return [];
  const { source: { folder, names }, file } = plugin;
  return [pluginCompileCommand(toolchain, folder, pluginSources(names).compiled, file)];
}

async function testModules(
  plugin: PluginPlace | null,
  paths: Paths,
  host: Host,
): Promise<string[]> {
  return modulesFor(await host.fs.list(paths.testModules), plugin?.file);
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

interface SourceCommands {
  readonly path: string;
  readonly commands: readonly (readonly string[])[];
  /** Which source it is, for people. */
  readonly note: string;
}

/** How the tree of a kernel is made, and where. */
async function sourceCommands(
  kernel: KernelSpec,
  paths: Paths,
  host: Host,
): Promise<SourceCommands> {
  const { id, series } = kernel;
  const look = await lookForSource(sourcesOf(kernel), false, paths, host);
  // What is missing now may be installed before the run comes to it.
  const source = look.source ?? kernel.source;
  const view = source.kind === "tree" ? await viewIfAny(source.path, paths, host) : null;
  const base = source.kind === "tree" ? view ?? source.path : `${paths.sources}/base-<source>`;
  const own = series.length > 0 || source.kind === "commits";
  const path = own ? `${paths.sources}/${id}` : base;
  const note = look.source === null ? `not here: ${look.text}` : look.text;
  const apply = series.map((
    { file, strip = 1 },
  ) => ["git", "-C", path, "apply", `-p${strip}`, "--", file]);
  if (source.kind === "commits") {
    const { id: head } = source.commits.at(-1)!;
    const checkout = ["git", `--work-tree=${path}`, "read-tree", "--reset", "-u", head];
    return { path, commands: [checkout, ...apply], note };
  }
  const { archive, commands } = await archiveCommands(source, look.isHere, paths, host);
  const unpack = ["tar", "--extract", "-f", archive, "-C", base, "--strip-components=1"];
  return {
    path,
    commands: [
      ...commands,
      ...(source.kind === "tree" ? [] : [unpack]),
      ...(source.kind === "tree" && view !== null ? [["cp", "--archive", source.path, view]] : []),
      ...(own ? [["cp", "--archive", base, path]] : []),
      ...apply,
    ],
    note,
  };
}

/** The copy that is built in the place of a tree; null where the tree itself is, or is none. */
async function viewIfAny(tree: string, paths: Paths, host: Host): Promise<string | null> {
  const found = await kernelTree(tree, host).catch(() => null);
  return found?.obstacle ? await viewPath(found.path, paths) : null;
}

/** The tar of a source, and how it comes here. */
async function archiveCommands(
  source: SourceSpec,
  isHere: boolean,
  paths: Paths,
  host: Host,
): Promise<{ readonly archive: string; readonly commands: readonly (readonly string[])[] }> {
  if (source.kind !== "debian") return { archive: "<archive>", commands: [] };
  const { package: name } = source;
  const installed = debianSourceTar(name);
  if (isHere || source.suite === undefined) {
    const archive = (await packageHere(source, paths, host))?.archive ?? installed;
    return { archive, commands: [] };
  }
  const suite = await suiteOf(source, host) ?? `<${source.suite}>`;
  const files = aptFiles(aptFolder(suite, paths));
  const folder = packageFolder(name, suite, paths);
  const archive = packageTar(name, suite, paths);
  return {
    archive,
    commands: [
      aptArgv("apt-get", files, null, ["update"]),
      aptArgv("apt-get", files, null, ["download", name]),
      ["dpkg-deb", "--extract", `${files.dir}/${name}_<version>_all.deb`, `${folder}/deb`],
      ["mv", `${folder}/deb${installed}`, archive],
    ],
  };
}
