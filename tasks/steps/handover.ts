// SPDX-License-Identifier: MIT
/**
 * What a failing cell leaves for others: repro.sh with all that it needs beside it, and, on demand,
 * the same as one archive that boots anywhere (docs/repro.md).
 */
import { basename } from "node:path/posix";
import type { Host } from "../host/host.ts";
import { fileDigest } from "./file_digest.ts";
import type {
  AllowedSplat,
  BootRecord,
  CellReport,
  CellResult,
  CellVerdict,
  DeclaredTest,
  Expectation,
  KernelBuild,
  KernelSpec,
  Machine,
  SeriesPatch,
  SourceIdentity,
  Stage,
  Toolchain,
} from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import type { PluginPlace } from "./dataflow_plugin.ts";
import { extractDiffs } from "./diffs.ts";
import { llvmConfigOf } from "../core/build/dataflow_plugin.ts";
import { BUNDLE_FORMAT, type BundleManifest, IMAGE, MANIFEST } from "../core/report/bundle.ts";
import { limitsFor } from "../core/model/limits.ts";
import { plainLine } from "../core/text/plain_text.ts";
import { cellProperties } from "../core/report/properties.ts";
import { patchName } from "../core/source/series.ts";
import {
  type BootFacts,
  expectedTests,
  failedTests,
  type ReproFacts,
} from "../core/report/repro_facts.ts";
import { SCRIPT_FILE } from "../core/report/repro_build.ts";
import { reproScript } from "../core/report/repro_script.ts";
import { SOURCE_DIFF } from "../core/source/source_identity.ts";
import { notRunText } from "../core/report/summary.ts";

/** What is known of a cell that failed, as far as it came. */
export interface HandoverInput {
  readonly report: CellReport;
  readonly stage: Stage;
  readonly kernel: KernelSpec;
  /** The source's version; "" where it was not found out. */
  readonly version: string;
  /** What was judged; null where it could not be found out. */
  readonly source: SourceIdentity | null;
  readonly runDir: string;
  readonly toolchain: Toolchain;
  readonly makeVariables: Readonly<Record<string, string>>;
  /** The compiler plugin of a kernel that is built with one. */
  readonly plugin: PluginPlace | null;
  readonly targets: readonly string[];
  /** The .config that it was built with; null where it did not come to one. */
  readonly dotConfig: string | null;
  /** What was asked of the .config, an option a line. */
  readonly request: readonly string[];
  /** Targets that the request goes on top of; or the .config before its last `olddefconfig`. */
  readonly base: readonly string[] | { readonly file: string };
  readonly boot: {
    readonly kernel: KernelBuild;
    readonly machine: Machine;
    readonly record: BootRecord;
    readonly result: CellResult;
    /** Of this boot alone. */
    readonly verdict: CellVerdict;
    readonly declared: readonly DeclaredTest[];
    readonly expect: Expectation;
    readonly allow: readonly AllowedSplat[];
    readonly timeoutSeconds: number | null;
  } | null;
  /** Folder of the cell; the recordings and initramfs.cpio are there after a boot. */
  readonly dir: string;
}

/** Writes repro.sh, the series and the .config beside the recordings. */
export async function leaveScript(input: HandoverInput, host: Host): Promise<void> {
  const { dir, report } = input;
  const series = await copySeries(input, host);
  const diff = input.source?.tree?.git?.diff?.file;
  if (diff) await host.fs.copy(`${input.runDir}/${diff}`, `${dir}/${SOURCE_DIFF}`);
  let config: string | null = null;
  if (input.dotConfig !== null) {
    await host.fs.copy(input.dotConfig, `${dir}/.config`);
    config = await fileSha256(`${dir}/.config`, host);
  } else {
    if ("file" in input.base) await host.fs.copy(input.base.file, `${dir}/request.config`);
    else await host.fs.writeText(`${dir}/request.config`, `${input.request.join("\n")}\n`);
  }
  const { verdict } = report;
  const failures = verdict.kind === "failed" || verdict.kind === "flaky" ? verdict.failures : [];
  const told = failures.map(({ message }) => plainLine(message));
  const unrun = report.tests.filter(({ outcome }) => outcome.kind === "not-run").length;
  const facts: ReproFacts = {
    cell: report.cell,
    stage: input.stage,
    recorded: unrun === 0 ? told : [...told, notRunText(unrun)],
    repeat: report.repeat,
    source: input.source?.spec ?? input.kernel.source,
    version: input.version,
    identity: input.source,
    series,
    fuzz: input.kernel.fuzz ?? false,
    make: { toolchain: input.toolchain, variables: input.makeVariables },
    plugin: await copyPlugin(input, host),
    targets: input.targets,
    config,
    request: input.request,
    base: "file" in input.base ? "whole" : input.base,
    boot: input.boot === null ? null : {
      machine: input.boot.machine,
      accel: input.boot.record.accel,
      timeoutSeconds: Math.ceil(limitsOf(input.boot).bootMs / 1000),
      digests: {
        image: await fileSha256(input.boot.kernel.image, host),
        initramfs: await fileSha256(`${dir}/initramfs.cpio`, host),
      },
      image: imageOf(input.boot.kernel),
      expected: expectedTests(input.boot),
      ...failedTests(input.boot),
      allowed: input.boot.result.splats.flatMap(({ title, allowed }) => allowed ? [title] : []),
      complaints: input.boot.result.splats.some(({ allowed }) => !allowed),
      complete: input.boot.result.guest.uptimeMs !== null,
    },
  };
  await host.fs.writeText(`${dir}/repro.sh`, reproScript(facts));
}

/** What QEMU loads: its place, where kbuild leaves it, and its name beside the script. */
function imageOf({ image, config }: KernelBuild): BootFacts["image"] {
  const { file } = config.image;
  return { path: image, file, name: file === "vmlinux" ? file : IMAGE };
}

function limitsOf(boot: NonNullable<HandoverInput["boot"]>) {
  return limitsFor(
    boot.record.accel,
    boot.record.features,
    boot.timeoutSeconds,
    null,
    boot.record.slowness,
  );
}

/** The source of the compiler plugin as plugin/<name>, where the kernel is built with one. */
async function copyPlugin(
  { plugin, toolchain, dir }: HandoverInput,
  host: Host,
): Promise<ReproFacts["plugin"]> {
  await host.fs.remove(`${dir}/plugin`);
  if (plugin === null) return null;
  await host.fs.makeDir(`${dir}/plugin`);
  const files: Record<string, string> = {};
  for (const name of plugin.source.names) {
    await host.fs.copy(`${plugin.source.folder}/${name}`, `${dir}/plugin/${name}`);
    files[name] = await fileSha256(`${dir}/plugin/${name}`, host);
  }
  const told = { llvmConfig: llvmConfigOf(toolchain), files };
  if (plugin.script === undefined) return told;
  const file = `${dir}/plugin/${SCRIPT_FILE}`;
  await host.fs.writeText(file, plugin.script.text);
  return { ...told, script: { name: plugin.script.name, sha256: await fileSha256(file, host) } };
}

/** The patches as series/NNNN-<name>, so that their names tell the order. */
async function copySeries(
  { kernel, dir }: HandoverInput,
  host: Host,
): Promise<ReproFacts["series"]> {
  await host.fs.remove(`${dir}/series`);
  if (kernel.series.length === 0) return [];
  await host.fs.makeDir(`${dir}/series`);
  const made = `${dir}/series.partial`;
  await host.fs.makeDir(made);
  try {
    const copied: { name: string; strip: number }[] = [];
    for (const [index, { file, patch, strip }] of (await diffsOf(kernel, made, host)).entries()) {
      const base = patchName(patch).replace(/^\d{4}-/, "").replace(/[^\w.-]/g, "_");
      const name = `${`${index + 1}`.padStart(4, "0")}-${base}`;
      await host.fs.copy(file, `${dir}/series/${name}`);
      copied.push({ name, strip });
    }
    return copied;
  } finally {
    await host.fs.remove(made);
  }
}

/** Of mails their diffs; a series that cannot be read is handed on as it is. */
async function diffsOf(
  { series }: KernelSpec,
  dir: string,
  host: Host,
): Promise<readonly { file: string; patch: SeriesPatch; strip: number }[]> {
  try {
    return await extractDiffs(series, dir, host);
  } catch (error) {
    if (!(error instanceof KmatrixError) || error.kind !== "patch") throw error;
    return series.map((patch) => ({ file: patch.file, patch, strip: patch.strip ?? 1 }));
  }
}

async function fileSha256(file: string, host: Host): Promise<string> {
  const { sha256, trouble } = await fileDigest(file, host);
  if (trouble === null) return sha256;
  throw new KmatrixError("infra", "unreadable", `cannot read ${file}: ${trouble}`);
}

/**
 * Packs a cell that has booted, with the script that leaveScript() wrote, into one archive.
 * @param tools Programs that built and booted it, with their versions.
 * @returns The archive's path.
 */
export async function leaveBundle(
  input: HandoverInput,
  tools: Readonly<Record<string, string>>,
  host: Host,
): Promise<string> {
  const { dir, report, boot } = input;
  if (boot === null) throw new Error(`${report.cell} has not booted`);
  const root = `${dir}/bundle.partial`;
  const name = `${report.cell.replaceAll(/[/@]/g, "-")}.tar.xz`;
  const folder = name.replace(/\.tar\.xz$/, "");
  await host.fs.remove(root);
  try {
    await host.fs.makeDir(`${root}/${folder}/modules`);
    const put = (from: string, to: string) => host.fs.copy(from, `${root}/${folder}/${to}`);
    await put(boot.kernel.vmlinux, "vmlinux");
    const image = imageOf(boot.kernel);
    if (image.name !== "vmlinux") await put(image.path, image.name);
    for (const module of boot.kernel.modules) {
      const file = `${boot.kernel.config.buildDir}/${module}`;
      await put(file, `modules/${basename(module)}`);
    }
    const recorded = ["console.log", "results.log", "boot.json"];
    const files = ["initramfs.cpio", ".config", "repro.sh", "build.log", SOURCE_DIFF, ...recorded];
    for (const file of files) {
      if (await host.fs.exists(`${dir}/${file}`)) await put(`${dir}/${file}`, file);
    }
    for (const inner of ["series", "plugin"]) {
      const names = await host.fs.list(`${dir}/${inner}`);
      if (names.length > 0) await host.fs.makeDir(`${root}/${folder}/${inner}`);
      for (const file of names) await put(`${dir}/${inner}/${file}`, `${inner}/${file}`);
    }
    const manifest: BundleManifest = {
      format: BUNDLE_FORMAT,
      cell: report.cell,
      machine: boot.machine,
      accel: boot.record.accel,
      ...(boot.record.slowness === undefined ? {} : { slowness: boot.record.slowness }),
      features: boot.record.features,
      filter: boot.record.filter,
      ...(boot.record.base === undefined ? {} : { base: boot.record.base }),
      timeoutSeconds: boot.timeoutSeconds,
      expect: boot.expect,
      allow: boot.allow,
      declared: boot.declared,
      source: {
        spec: input.source?.spec ?? input.kernel.source,
        version: input.version,
        identity: input.source,
      },
      tools,
      qemu: boot.record.argv,
      properties: cellProperties(report, input.source ? [input.source] : []),
      verdict: boot.verdict,
      digests: {
        vmlinux: await fileSha256(`${root}/${folder}/vmlinux`, host),
        ...(image.name === "vmlinux" ? {} : {
          [image.name]: await fileSha256(`${root}/${folder}/${image.name}`, host),
        }),
        "initramfs.cpio": await fileSha256(`${root}/${folder}/initramfs.cpio`, host),
      },
    };
    await host.fs.writeText(
      `${root}/${folder}/${MANIFEST}`,
      `${JSON.stringify(manifest, null, 2)}\n`,
    );
    const tar = ["tar", "--create", "--use-compress-program=xz -1 -T0", "--sort=name"];
    const owners = ["--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"];
    const partial = `${root}/${name}`;
    const argv = [...tar, ...owners, "-f", partial, "-C", root, folder];
    const result = await host.run({ argv });
    if (result.code !== 0) {
      throw new KmatrixError("infra", "bundle-failed", `tar failed for ${name}`, result.stderr);
    }
    await host.fs.rename(partial, `${dir}/${name}`);
    return `${dir}/${name}`;
  } finally {
    await host.fs.remove(root);
  }
}
