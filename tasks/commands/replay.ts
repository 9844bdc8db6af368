// SPDX-License-Identifier: MIT
/** `deno task replay`: boots what another machine has packed, and compares the verdicts. */
import type { Arch } from "../core/arch/arch.ts";
import { archOf } from "../core/arch/table.ts";
import type { Host } from "../host/host.ts";
import type { Accel, CellVerdict } from "../core/model/model.ts";
import { type Failure, failure, KmatrixError } from "../core/model/errors.ts";
import {
  bootedFile,
  type BundleManifest,
  MANIFEST,
  parseManifest,
  verdictDifferences,
} from "../core/report/bundle.ts";
import { limitsFor } from "../core/model/limits.ts";
import { formatCommand } from "../core/text/shell.ts";
import { sourceLines } from "../core/source/source_identity.ts";
import { failureText } from "../core/report/summary.ts";
import { judgeOneBoot } from "../core/judge/verdict.ts";
import { cellFolder } from "../core/model/paths.ts";
import { boot, type BootInput } from "../stages/boot.ts";
import { loadPromises } from "../steps/promise_files.ts";
import { tellBootJudged, tellCellEnded, tellSplats } from "../run/telling.ts";
import { chooseAccel } from "../steps/accel.ts";
import { parse } from "../stages/parse.ts";
import { type Context, fillRunDir } from "./context.ts";
import { defineCommand, type Words } from "./command.ts";
import { BOOT, RUN_FOLDER, type Values, WATCHING } from "../cli/options.ts";
import { fileDigest } from "../steps/file_digest.ts";

const OPTIONS = { ...BOOT, ...RUN_FOLDER, ...WATCHING };
type ReplayValues = Values<typeof OPTIONS>;

export const replay = defineCommand({
  name: "replay",
  group: "Runs",
  help: "boot a bundle and compare its verdict with the recorded one (exit 3 if they differ)",
  example: "deno task replay linux-6.12-kcov.tar.xz",
  arguments: "<bundle>",
  options: OPTIONS,
  writes: () => "cache and runs",
  perform: bootBundle,
});

async function bootBundle(
  [bundle]: Words<"<bundle>">,
  options: ReplayValues,
  context: Context,
): Promise<readonly Failure[]> {
  const { host, paths, terminal, absolute } = context;
  // Before out/latest, through which it may be named, leads to the run of this replay.
  const found = await host.fs.realPath(absolute(bundle)) ?? absolute(bundle);
  const [runDir, { files, manifest }] = await fillRunDir(
    async (dir) => {
      const files = await unpack(found, `${dir}/bundle`, context);
      const manifest = parseManifest(await host.fs.readText(`${files}/${MANIFEST}`), bundle);
      await needQemu(archOf(manifest.machine), host);
      await checkDigests(manifest, files, found, context);
      return { files, manifest };
    },
    context,
  );
  host.emit({ event: "cells-planned", cells: [manifest.cell], builds: 0 });
  host.log("info", `boot ${manifest.cell}`);
  const dir = `${runDir}/${cellFolder(manifest.cell)}`;
  const { features, filter, slowness, base } = manifest;
  const { qemuArgs = [], ...machine } = manifest.machine;
  if (qemuArgs.length > 0) {
    // They can name any file to be read or written.
    const text = "QEMU arguments of the bundle are left out, which may change the verdict";
    host.log("warn", `${text}: ${formatCommand({ argv: qemuArgs })}`);
  }
  const guest = {
    vmlinux: `${files}/vmlinux`,
    image: `${files}/${bootedFile(manifest)}`,
    modules: [],
    calls: [],
    selftests: [],
    initramfs: {
      path: `${files}/initramfs.cpio`,
      digest: "",
      sourceMap: null,
      tests: manifest.declared,
    },
    packed: `${files}/initramfs.cpio`,
    machine,
  };
  const accel = await accelOf(manifest, options, guest, context);
  const timeout = options.timeout ?? manifest.timeoutSeconds;
  const limits = limitsFor(accel, features, timeout, null, slowness);
  const told = { cell: manifest.cell, features, slowness, filter, base };
  const input = { ...guest, ...told, accel, limits, dir };
  const record = await boot(input, host);
  if (host.signal.aborted) return [];
  const promises = await loadPromises(paths, host);
  const result = await parse(dir, manifest.declared, host, { allow: manifest.allow, promises });
  const { verdict } = judgeOneBoot(manifest.expect, result, record.durationMs);
  tellSplats(manifest.cell, dir, result, host);
  tellBootJudged(manifest.cell, dir, verdict, host);
  tellCellEnded(manifest.cell, verdict, host);
  const differences = verdictDifferences(manifest.verdict, verdict);
  const { identity } = manifest.source;
  for (const line of identity === null ? [] : sourceLines(identity)) {
    terminal.print(`built of  ${line}`);
  }
  terminal.print(`recorded  ${word(manifest.verdict)} (${manifest.accel})`);
  terminal.print(`now       ${word(verdict)} (${accel})`);
  const failures = verdict.kind === "failed" ? verdict.failures : [];
  for (const one of failures) terminal.print(failureText(one, terminal.style));
  if (!options.quiet) terminal.print(`\nresults: ${dir}`);
  if (differences.length === 0) {
    terminal.print(terminal.style.good("the same verdict"));
    return [];
  }
  for (const line of differences) terminal.print(terminal.style.bad(line));
  const message = `${manifest.cell}: the verdict differs from the recorded one`;
  terminal.print(terminal.style.bad(message));
  return [failure("test", "replay-differs", message, differences.join("\n"))];
}

function word(verdict: CellVerdict): string {
  if (verdict.kind !== "failed") return verdict.kind;
  const { length } = verdict.failures;
  return `${length} ${length === 1 ? "failure" : "failures"}`;
}

/** The folder that holds the manifest. */
async function unpack(bundle: string, to: string, { host }: Context): Promise<string> {
  const stat = await host.fs.stat(bundle);
  if (stat === null) {
    throw new KmatrixError("usage", "bad-bundle", `${bundle}: there is no such bundle`);
  }
  if (stat.isDirectory) {
    await mustHoldManifest(bundle, bundle, host);
    return bundle;
  }
  await host.fs.makeDir(to);
  const argv = ["tar", "--extract", "-f", bundle, "-C", to, "--no-same-owner"];
  const result = await host.run({ argv });
  const [folder, ...others] = await host.fs.list(to);
  if (result.code !== 0 || folder === undefined || others.length > 0) {
    const text = `${bundle} (${stat.size} bytes) is no bundle, or it is damaged`;
    throw new KmatrixError("usage", "bad-bundle", text, result.stderr.trim());
  }
  await mustHoldManifest(`${to}/${folder}`, bundle, host);
  return `${to}/${folder}`;
}

async function mustHoldManifest(folder: string, bundle: string, host: Host): Promise<void> {
  if (await host.fs.exists(`${folder}/${MANIFEST}`)) return;
  const hint = "A bundle is what --bundle leaves in the folder of a failing cell, <cell>.tar.xz, " +
    "or the folder that it unpacks to.";
  throw new KmatrixError("usage", "bad-bundle", `${bundle} holds no ${MANIFEST}`, hint);
}

async function checkDigests(
  { digests }: BundleManifest,
  files: string,
  bundle: string,
  { host }: Context,
): Promise<void> {
  for (const [name, wanted] of Object.entries(digests)) {
    const { sha256 } = await fileDigest(`${files}/${name}`, host);
    if (sha256 === wanted) continue;
    const found = sha256 ?? "no such file";
    const text = `${bundle}: its ${name} is not the file that was packed`;
    throw new KmatrixError("infra", "wrong-sha256", text, `wanted ${wanted}\nfound  ${found}`);
  }
}

/** @throws KmatrixError "infra" (missing-tool) where this machine lacks the QEMU of an architecture. */
async function needQemu({ qemu: { program, packages } }: Arch, host: Host): Promise<void> {
  if (await host.fs.which(program) !== null) return;
  const text = `missing on this machine: ${program}, which boots the bundle`;
  throw new KmatrixError("infra", "missing-tool", text, `Debian's package: ${packages.apt}`);
}

/** The recorded accelerator where nothing else is asked for and it works. */
function accelOf(
  manifest: BundleManifest,
  options: ReplayValues,
  guest: Omit<BootInput, "cell" | "accel" | "features" | "filter" | "limits" | "dir">,
  { host, paths }: Context,
): Promise<Accel> {
  const arch = archOf(manifest.machine);
  const asked = options.kvm ? options.accel : "tcg";
  const choice = asked === "auto" && manifest.accel === "tcg" ? "tcg" : asked;
  return chooseAccel(choice, arch, (probe) => boot({ ...guest, ...probe }, host), paths, host);
}
