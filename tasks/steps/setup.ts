// SPDX-License-Identifier: MIT
/** Makes the machine ready for a plan: looks, says what is missing, installs it where it may. */
import type { CommandResult, Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type { Cell, RunSettings } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { type PackageManager, packageManagerOf } from "../core/matrix/package_manager.ts";
import { type Requirement, requirementsFor } from "../core/matrix/requirements.ts";
import { formatCommand } from "../core/text/shell.ts";
import { examine, type Finding } from "./doctor.ts";
import { withLock } from "./locks.ts";
import { withRetries } from "./retry.ts";
import { APT_ERROR } from "../core/source/transfer.ts";
import { fetchPrivateQuickjs } from "./quickjs.ts";

const INSTALL_VERB: Readonly<Record<PackageManager, readonly string[]>> = {
  apt: ["apt-get", "install", "--yes", "--no-install-recommends"],
  dnf: ["dnf", "install"],
  pacman: ["pacman", "-S"],
  zypper: ["zypper", "install"],
};

/** What is installed where something else is, and done without where nothing else is missing. */
const ALONGSIDE: readonly string[] = ["bwrap", "ccache"];

/** The one package that a release may lack and that needs no installation. */
const QUICKJS = "libquickjs";

/**
 * Gives the findings once nothing that blocks the run is missing.
 * @param settings `install` false refuses instead of installing (--no-install). `sandbox` "auto"
 *   takes bubblewrap along where something is installed anyway, and else goes on without, aloud; as
 *   does every run with ccache, in silence.
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
  const findings = await withLock(
    { path: `${paths.cache}/locks/setup`, what: "another run is setting this machine up" },
    host,
    async () => {
      let findings = await examine(requirements, paths, host);
      let missing = blocking(findings);
      const sources = await toInstallForCells(findings, install, host);
      if (missing.length + sources.length === 0) return findings;
      const manager = packageManagerOf(await host.fs.readTextIfAny("/etc/os-release") ?? "");
      const packaged = missing.filter((finding) => finding.requirement.packages !== null);
      if (
        !install || packaged.length < missing.length || (missing.length > 0 && manager !== "apt")
      ) {
        const why = install ? null : "no-install";
        throw await missingTools([...missing, ...sources], manager, why, host);
      }
      if (manager !== "apt") return findings;
      const sudo = await sudoWords(host);
      if (sudo === null) return await withoutRoot(missing, requirements, paths, host);
      const alongside = findings.filter(({ ok, requirement }) =>
        !ok && ALONGSIDE.includes(requirement.id)
      );
      const tools = missing.length === 0 ? [] : [...packaged, ...alongside];
      const wanted = new Set(tools.map((one) => one.requirement));
      if (wanted.size > 0) await installTools([...wanted], sudo, paths, host);
      if (sources.length > 0) {
        await installForCells(sources.map((one) => one.requirement), sudo, host);
      }
      findings = await examine(requirements, paths, host);
      missing = blocking(findings);
      if (missing.length > 0) throw await missingTools(missing, manager, null, host);
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
    host.log(
      "warn",
      "builds in the sandbox cannot reach CCACHE_REMOTE_STORAGE; --sandbox off lets them",
    );
  }
  return findings;
}

function blocking(findings: readonly Finding[]): Finding[] {
  return findings.filter((finding) => !finding.ok && finding.requirement.blocksRun);
}

/**
 * What some cells alone need and the system's apt is to install: kernel sources, and what a compiler
 * plugin is made with. Where nothing may be installed, the sources that it could: what no release has
 * is no reason to refuse the run.
 */
async function toInstallForCells(
  findings: readonly Finding[],
  install: boolean,
  host: Host,
): Promise<Finding[]> {
  const lacking = findings.filter(({ ok, requirement: { probe, packages, ofCells } }) =>
    !ok && (probe.kind === "source" || ofCells) && packages !== null
  );
  if (install) return lacking;
  const known = await Promise.all(lacking.map(async ({ requirement: { probe, packages } }) => {
    // Whatever else may be had takes its place.
    if (probe.kind !== "source" || probe.sources.length > 1) return false;
    return await isAvailable(packages!.apt, host);
  }));
  return lacking.filter((_, index) => known[index]);
}

/** Whether apt has a package for this release. */
async function isAvailable(name: string, host: Host): Promise<boolean> {
  const { stdout } = await host.run({ argv: ["apt-cache", "policy", name] });
  return /^ +Candidate: (?!\(none\))/m.test(stdout);
}

/** Words in front of a command of root's; null where this user may run none. */
async function sudoWords(host: Host): Promise<readonly string[] | null> {
  if (host.userId === 0) return [];
  const sudo = ["sudo", "-n"];
  const { code } = await host.run({ argv: [...sudo, "true"], uncontained: true });
  return code === 0 ? sudo : null;
}

/**
 * What needs no root: libquickjs comes into the cache. Kernel sources are left to the fetch stage.
 * @throws KmatrixError (infra, "missing-tool") with the command for whoever administers the machine.
 */
async function withoutRoot(
  missing: readonly Finding[],
  requirements: readonly Requirement[],
  paths: Paths,
  host: Host,
): Promise<Finding[]> {
  for (const { requirement: { probe } } of missing) {
    if (probe.kind !== "quickjs") continue;
    host.log("notice", "downloading libquickjs into the cache, for which no root is needed");
    try {
      await fetchPrivateQuickjs(probe.arch, paths, host);
    } catch (error) {
      if (!(error instanceof KmatrixError) || host.signal.aborted) throw error;
      host.log("warn", error.message);
    }
  }
  const findings = await examine(requirements, paths, host);
  const left = blocking(findings);
  if (left.length > 0) throw await missingTools(left, "apt", "no-root", host);
  return findings;
}

/** Why nothing was installed: --no-install, no rights, or null where it was tried or cannot be. */
type NotInstalled = "no-install" | "no-root" | null;

async function missingTools(
  missing: readonly Finding[],
  manager: PackageManager | null,
  why: NotInstalled,
  host: Host,
): Promise<KmatrixError> {
  const names = missing.map((finding) => finding.requirement.id).join(", ");
  const lines = missing.map(({ requirement, found }) =>
    `  ${requirement.id}: ${found} (${requirement.why})`
  );
  const managers = manager === null
    ? ["apt", "dnf", "pacman", "zypper"] as const
    : [manager] as const;
  for (const name of managers) {
    const wanted = packagesOf(missing.map((finding) => finding.requirement), name);
    const { packages, unknown, stale } = manager === "apt"
      ? await knownToApt(wanted, host)
      : { packages: wanted, unknown: [], stale: false };
    if (packages.length > 0) {
      const update = stale ? "apt-get update && " : "";
      const command = `${update}${formatCommand({ argv: [...INSTALL_VERB[name], ...packages] })}`;
      lines.push(
        why === "no-root"
          ? `This user has no root rights. For whoever has them here:\n${command}`
          : `To install: ${command}`,
      );
    }
    for (const one of unknown) lines.push(`This release has no package ${one}${insteadOf(one)}.`);
  }
  if (why === "no-install") {
    lines.push("(--no-install is set; without it, Debian and Ubuntu install these.)");
  }
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

/** What to do where a release does not have a package. */
function insteadOf(name: string): string {
  if (name === QUICKJS) return ": a run takes Debian 13's into its cache";
  return /^(clang|lld|llvm)-\d+$/.test(name) ? ": LLVM= takes another version" : "";
}

/** Packages that apt knows for this release; all, where its lists are not here yet. */
async function knownToApt(wanted: readonly string[], host: Host) {
  const known = await Promise.all(wanted.map((name) => isAvailable(name, host)));
  // Every release has it: what does not know it has no lists.
  const stale = !known.includes(true) && !(await isAvailable("make", host));
  return {
    packages: stale
      ? wanted.filter((name) => name !== QUICKJS)
      : wanted.filter((_, at) => known[at]),
    unknown: stale ? [] : wanted.filter((_, at) => !known[at]),
    stale,
  };
}

function packagesOf(requirements: readonly Requirement[], manager: PackageManager): string[] {
  return [...new Set(requirements.flatMap(({ packages }) => packages ? [packages[manager]] : []))];
}

/** @throws KmatrixError "infra" (install-failed) */
async function installTools(
  requirements: readonly Requirement[],
  sudo: readonly string[],
  paths: Paths,
  host: Host,
): Promise<void> {
  const wanted = packagesOf(requirements, "apt");
  const packages = await aptInstall(wanted, sudo, (name) => name === QUICKJS, host);
  if (packages.length === wanted.length) return;
  host.log(
    "notice",
    "this release has no libquickjs: downloading it into the cache, apart from the system's packages",
  );
  for (const { probe } of requirements) {
    if (probe.kind === "quickjs") await fetchPrivateQuickjs(probe.arch, paths, host);
  }
}

/** Without them only some cells are left out or fail, so what goes wrong is a warning. */
async function installForCells(
  requirements: readonly Requirement[],
  sudo: readonly string[],
  host: Host,
): Promise<void> {
  try {
    await aptInstall(packagesOf(requirements, "apt"), sudo, () => true, host);
  } catch (error) {
    if (!(error instanceof KmatrixError) || host.signal.aborted) throw error;
    host.log("warn", [error.message, error.detail].filter(Boolean).join("\n"));
  }
}

/**
 * @param mayLack Packages that are left out where this release does not have them; apt is to name
 *   whatever else it does not have.
 * @returns What was installed.
 * @throws KmatrixError "infra" (install-failed)
 */
async function aptInstall(
  wanted: readonly string[],
  sudo: readonly string[],
  mayLack: (name: string) => boolean,
  host: Host,
): Promise<readonly string[]> {
  const apt = (argv: readonly string[]) =>
    host.run({
      argv: [...sudo, ...argv],
      env: { DEBIAN_FRONTEND: "noninteractive" },
      reach: "downloads",
      // In a user namespace, sudo refuses.
      ...(sudo.length > 0 ? { uncontained: true } : {}),
    });
  let packages: readonly string[] = [];
  // The lists belong to the try: a mirror that apt-get update did not reach is no error to it.
  const downloaded = await withRetries("apt-get", host, async () => {
    const updated = await apt(["apt-get", "update"]);
    if (updated.code !== 0) return updated;
    const available = await Promise.all(wanted.map((name) => isAvailable(name, host)));
    packages = wanted.filter((name, index) => available[index] || !mayLack(name));
    if (packages.length === 0) return updated;
    return await apt([...INSTALL_VERB.apt, "--download-only", ...packages]);
  }, ({ code }) => code === APT_ERROR ? `code ${code}` : null);
  mustInstall(downloaded);
  if (packages.length > 0) {
    host.log("notice", `installing ${packages.join(" ")}`);
    mustInstall(await apt([...INSTALL_VERB.apt, ...packages]));
  }
  return packages;
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
