// SPDX-License-Identifier: MIT
/** Finds libquickjs, or brings it through an apt state of our own where the release lacks it. */
import type { Arch } from "../core/arch/arch.ts";
import type { CommandResult, Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import { APT_ERROR } from "../core/source/transfer.ts";
import { withRetries } from "./retry.ts";
import { KmatrixError } from "../core/model/errors.ts";

export interface Quickjs {
  /** Folder that holds quickjs.h. */
  readonly include: string;
  /** The static library. */
  readonly library: string;
}

/** Debian and Fedora, then the private copy. */
export async function findQuickjs(
  { debian }: Arch,
  paths: Paths,
  host: Host,
): Promise<Quickjs | null> {
  const places: readonly Quickjs[] = [
    {
      include: "/usr/include/quickjs",
      library: `/usr/lib/${debian.libraries}/quickjs/libquickjs.a`,
    },
    { include: "/usr/include/quickjs", library: "/usr/lib/quickjs/libquickjs.a" },
    { include: "/usr/include/quickjs", library: "/usr/lib64/quickjs/libquickjs.a" },
    {
      include: `${paths.quickjs}/usr/include/quickjs`,
      library: `${paths.quickjs}/usr/lib/${debian.libraries}/quickjs/libquickjs.a`,
    },
  ];
  for (const place of places) {
    const both = [place.library, `${place.include}/quickjs.h`];
    if ((await Promise.all(both.map(host.fs.exists))).every(Boolean)) return place;
  }
  return null;
}

/** The Debian release that has the package; its static library links with older glibcs too. */
const SUITE = "trixie";

/**
 * Downloads libquickjs and unpacks it into the cache. State, cache and sources of this apt call are
 * ours alone: the system's apt configuration is read for the mirror and never changed.
 */
export async function fetchPrivateQuickjs(
  { debian }: Arch,
  paths: Paths,
  host: Host,
): Promise<void> {
  const dir = `${paths.cache}/toolchain/apt`;
  for (const name of ["state/lists/partial", "cache/archives/partial", "empty"]) {
    await host.fs.makeDir(`${dir}/${name}`);
  }
  await host.fs.writeText(`${dir}/state/status`, "");
  const mirror = await debianMirror(host);
  await host.fs.writeText(
    `${dir}/sources.list`,
    `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror} ${SUITE} main\n`,
  );
  const apt = (verb: readonly string[]) => [
    "apt-get",
    ...[
      `Dir::State=${dir}/state`,
      `Dir::State::status=${dir}/state/status`,
      `Dir::Cache=${dir}/cache`,
      `Dir::Etc::sourcelist=${dir}/sources.list`,
      `Dir::Etc::sourceparts=${dir}/empty`,
      "Acquire::Languages=none",
      `APT::Architecture=${debian.packages}`,
      // The unprivileged user of apt may not be able to write below the project's folder.
      "APT::Sandbox::User=",
    ].flatMap((option) => ["-o", option]),
    ...verb,
  ];
  const run = (argv: readonly string[]) => host.run({ argv, cwd: dir, reach: "downloads" });
  const must = ({ argv, code, stderr }: CommandResult) => {
    if (code === 0) return;
    throw new KmatrixError(
      "infra",
      "download-failed",
      `libquickjs could not be downloaded: ${argv[0]} ended with code ${code}`,
      stderr,
    );
  };
  const downloaded = await withRetries("the download of libquickjs", host, async () => {
    const updated = await run(apt(["update"]));
    return updated.code === 0 ? await run(apt(["download", "libquickjs"])) : updated;
  }, ({ code }) => code === APT_ERROR ? `apt-get's code ${code}` : null);
  must(downloaded);
  const deb = (await host.fs.list(dir)).find((name) => /^libquickjs_.*\.deb$/.test(name));
  if (deb === undefined) {
    throw new KmatrixError("infra", "download-failed", "apt-get left no libquickjs package behind");
  }
  const partial = `${paths.quickjs}.partial`;
  await host.fs.remove(partial);
  must(await run(["dpkg-deb", "--extract", `${dir}/${deb}`, partial]));
  await host.fs.remove(paths.quickjs);
  await host.fs.rename(partial, paths.quickjs);
  await host.fs.remove(dir);
}

/** The mirror that this machine's apt uses for Debian itself, not for its security updates. */
async function debianMirror(host: Host): Promise<string> {
  const argv = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(LABEL)"];
  const { stdout } = await host.run({ argv, reach: "downloads" });
  const line = stdout.split("\n").find((line) => / Debian Debian$/.test(line));
  if (line === undefined) {
    throw new KmatrixError(
      "infra",
      "no-mirror",
      "libquickjs is not packaged here, and apt knows no Debian mirror to take it from",
      "Install QuickJS's static library and header (see docs/guest.md), then run again.",
    );
  }
  return line.split(" ")[0]!;
}
