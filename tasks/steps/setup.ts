// SPDX-License-Identifier: MIT
/** Makes the machine ready for a plan: looks, says what is missing, installs it where it may. */
import type { CommandResult, Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type { Cell, RunSettings } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import {
  type PackageManager,
  packageManagerOf,
  type Requirement,
  requirementsFor,
} from "../core/matrix/requirements.ts";
import { formatCommand } from "../core/text/shell.ts";
import { examine, type Finding } from "./doctor.ts";
import { withRetries } from "./retry.ts";
import { APT_ERROR } from "../core/source/transfer.ts";
import { fetchPrivateQuickjs } from "./quickjs.ts";

const INSTALL_VERB: Readonly<Record<PackageManager, readonly string[]>> = {
  apt: ["apt-get", "install", "--yes", "--no-install-recommends"],
  dnf: ["dnf", "install"],
  pacman: ["pacman", "-S"],
  zypper: ["zypper", "install"],
};

/**
 * Gives the findings once nothing that blocks the run is missing.
 * @param settings `install` false refuses instead of installing (--no-install). `sandbox` "auto"
 *   takes bubblewrap along where something is installed anyway, and else goes on without, aloud.
 * @throws KmatrixError (infra, "missing-tool") naming each missing thing and its package.
 */
export async function ensureReady(
  cells: readonly Cell[],
  settings: Pick<RunSettings, "install" | "sandbox">,
  paths: Paths,
  host: Host,
): Promise<Finding[]> {
  const { install, sandbox } = settings;
  const requirements = requirementsFor(cells, sandbox);
  const findings = await host.fs.locked(
    `${paths.cache}/locks/setup`,
    () => host.log("info", "another run is setting this machine up; waiting for it"),
    async () => {
      let findings = await examine(requirements, paths, host);
      let missing = blocking(findings);
      if (missing.length === 0) return findings;
      const manager = packageManagerOf(await host.fs.readTextIfAny("/etc/os-release") ?? "");
      const packaged = missing.filter((finding) => finding.requirement.packages !== null);
      if (!install || manager !== "apt" || packaged.length < missing.length) {
        throw missingTools(missing, manager, install);
      }
      const alongside = findings.filter((one) => !one.ok && one.requirement.id === "bwrap");
      const wanted = new Set([...packaged, ...alongside].map((one) => one.requirement));
      await installWithApt([...wanted], paths, host);
      findings = await examine(requirements, paths, host);
      missing = blocking(findings);
      if (missing.length > 0) throw missingTools(missing, manager, install);
      return findings;
    },
  );
  const lacking = findings.find((one) => !one.ok && one.requirement.id === "bwrap");
  if (lacking) {
    const advice = lacking.found.includes("not installed") ? "; install bubblewrap" : "";
    host.log(
      "warn",
      `builds run without a sandbox (${lacking.found}): the kernel's Makefiles can read and write ` +
        `what you can${advice}, or say --sandbox off`,
    );
  }
  if (sandbox !== "off" && !lacking && host.env("CCACHE_REMOTE_STORAGE")) {
    host.log("warn", "CCACHE_REMOTE_STORAGE is out of reach in the sandbox: see --sandbox off");
  }
  return findings;
}

function blocking(findings: readonly Finding[]): Finding[] {
  return findings.filter((finding) => !finding.ok && finding.requirement.blocksRun);
}

function missingTools(
  missing: readonly Finding[],
  manager: PackageManager | null,
  install: boolean,
): KmatrixError {
  const names = missing.map((finding) => finding.requirement.id).join(", ");
  const lines = missing.map(({ requirement, found }) =>
    `  ${requirement.id}: ${found} (${requirement.why})`
  );
  const managers = manager === null
    ? ["apt", "dnf", "pacman", "zypper"] as const
    : [manager] as const;
  for (const name of managers) {
    const packages = packagesOf(missing.map((finding) => finding.requirement), name);
    if (packages.length > 0) {
      lines.push(`To install: ${formatCommand({ argv: [...INSTALL_VERB[name], ...packages] })}`);
    }
  }
  if (!install) lines.push("(--no-install is set; without it, Debian and Ubuntu install these.)");
  const onlyPlace = missing.every(({ requirement }) =>
    requirement.probe.kind === "disk" || requirement.probe.kind === "memory"
  );
  return new KmatrixError(
    "infra",
    onlyPlace ? "too-little-room" : "missing-tool",
    onlyPlace ? `too little ${names} for this plan` : `missing on this machine: ${names}`,
    lines.join("\n"),
  );
}

function packagesOf(requirements: readonly Requirement[], manager: PackageManager): string[] {
  return [...new Set(requirements.flatMap(({ packages }) => packages ? [packages[manager]] : []))];
}

async function installWithApt(
  requirements: readonly Requirement[],
  paths: Paths,
  host: Host,
): Promise<void> {
  const isRoot = (await host.run({ argv: ["id", "-u"] })).stdout.trim() === "0";
  const sudo = isRoot ? [] : ["sudo", "-n"];
  const apt = (argv: readonly string[]) =>
    host.run({
      argv: [...sudo, ...argv],
      env: { DEBIAN_FRONTEND: "noninteractive" },
      reach: "downloads",
    });
  const wanted = packagesOf(requirements, "apt");
  let packages: string[] = [];
  // The lists belong to the try: a mirror that apt-get update did not reach is no error to it.
  const downloaded = await withRetries("apt-get", host, async () => {
    const updated = await apt(["apt-get", "update"]);
    if (updated.code !== 0) return updated;
    packages = await installable(wanted, host);
    if (packages.length === 0) return updated;
    return await apt([...INSTALL_VERB.apt, "--download-only", ...packages]);
  }, ({ code }) => code === APT_ERROR ? `code ${code}` : null);
  mustInstall(downloaded);
  if (packages.length > 0) {
    host.log("notice", `installing ${packages.join(" ")}`);
    mustInstall(await apt([...INSTALL_VERB.apt, ...packages]));
  }
  if (packages.length < wanted.length) {
    host.log("notice", "this release has no libquickjs: taking it into the cache, apart from apt");
    for (const { probe } of requirements) {
      if (probe.kind === "quickjs") await fetchPrivateQuickjs(probe.arch, paths, host);
    }
  }
}

/** All but libquickjs where this release lacks it: apt is to name whatever else it does not have. */
async function installable(wanted: readonly string[], host: Host): Promise<string[]> {
  const available = await Promise.all(wanted.map(async (name) => {
    const { stdout } = await host.run({ argv: ["apt-cache", "policy", name] });
    return /^ +Candidate: (?!\(none\))/m.test(stdout);
  }));
  return wanted.filter((name, index) => available[index] || name !== "libquickjs");
}

function mustInstall({ argv, code, stderr }: CommandResult): void {
  if (code === 0) return;
  throw new KmatrixError(
    "infra",
    "install-failed",
    `${formatCommand({ argv })} ended with code ${code}`,
    stderr.split("\n").slice(-15).join("\n"),
  );
}
