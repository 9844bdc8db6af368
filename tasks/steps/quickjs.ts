// SPDX-License-Identifier: MIT
/** Finds libquickjs, or brings it through an apt state of our own where the release lacks it. */
import type { Arch } from "../core/arch/arch.ts";
import type { CommandResult, Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { debianMirror, PrivateApt } from "./private_apt.ts";

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
 * Downloads libquickjs and unpacks it into the cache, through an apt state of our own.
 * @throws KmatrixError "infra": no-mirror, download-failed.
 */
export async function fetchPrivateQuickjs(
  { debian }: Arch,
  paths: Paths,
  host: Host,
): Promise<void> {
  const failed = ({ argv, code, stderr }: CommandResult) => {
    const text = `libquickjs could not be downloaded: ${argv[0]} ended with code ${code}`;
    return new KmatrixError("infra", "download-failed", text, stderr);
  };
  const mirror = await debianMirror(host);
  if (mirror === null) {
    throw new KmatrixError(
      "infra",
      "no-mirror",
      "libquickjs is not packaged here, and apt knows no Debian mirror to take it from",
      "Install QuickJS's static library and header (see docs/guest.md), then run again.",
    );
  }
  const dir = `${paths.cache}/toolchain/apt`;
  const of = { mirror, suite: SUITE, architecture: debian.packages };
  const apt = await PrivateApt.at(dir, of, host);
  const updated = await apt.update();
  if (updated.code !== 0) throw failed(updated);
  const { file, result } = await apt.download("libquickjs");
  if (file === null) throw failed(result);
  const partial = `${paths.quickjs}.partial`;
  await host.fs.remove(partial);
  const extracted = await host.run({ argv: ["dpkg-deb", "--extract", file, partial] });
  if (extracted.code !== 0) throw failed(extracted);
  await host.fs.remove(paths.quickjs);
  await host.fs.rename(partial, paths.quickjs);
  await host.fs.remove(dir);
}
