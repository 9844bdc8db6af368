// SPDX-License-Identifier: MIT
/**
 * apt with sources, state and cache of our own in a folder, for one suite of Debian. Of the system's
 * apt it takes the mirror, and changes nothing; it needs no root.
 */
import type { CommandResult, Host } from "../host/host.ts";
import {
  aptArgv,
  aptArgvOfMachine,
  aptFiles,
  aptFolders,
  aptSources,
  KEYRINGS,
  otherVersions,
  type PackageRecord,
  packageRecord,
  stemOf,
} from "../core/source/debian.ts";
import { APT_ERROR } from "../core/source/transfer.ts";
import { withRetries } from "./retry.ts";

export interface AptSuite {
  /** As {@linkcode debianMirror} gives it. */
  readonly mirror: string;
  readonly suite: string;
  /** Debian's name of the architecture that packages are for; the machine's own without it. */
  readonly architecture?: string;
}

export class PrivateApt {
  readonly #dir: string;
  /** null for the sources that the machine's own apt has. */
  readonly #of: AptSuite | null;
  readonly #host: Host;

  private constructor(dir: string, of: AptSuite | null, host: Host) {
    this.#dir = dir;
    this.#of = of;
    this.#host = host;
  }

  static async at(dir: string, of: AptSuite, host: Host): Promise<PrivateApt> {
    const files = aptFiles(dir);
    for (const folder of aptFolders(files)) await host.fs.makeDir(folder);
    await host.fs.writeText(`${dir}/state/status`, "");
    const there = await Promise.all(KEYRINGS.map(host.fs.exists));
    const keyring = KEYRINGS.find((_, index) => there[index]) ?? KEYRINGS[0];
    await host.fs.writeText(files.sources, aptSources(of.mirror, of.suite, keyring));
    return new PrivateApt(dir, of, host);
  }

  /**
   * Reads the machine's own index as it is, which only root may renew, and downloads to a folder of
   * ours.
   */
  static async ofMachine(dir: string, host: Host): Promise<PrivateApt> {
    await host.fs.makeDir(dir);
    return new PrivateApt(dir, null, host);
  }

  /** Reads the suite's index anew. */
  update(): Promise<CommandResult> {
    return this.#tried(`reading the index of ${this.#of?.suite}`, ["update"]);
  }

  /** What the index says of a package; null where it has none. */
  async record(name: string): Promise<PackageRecord | null> {
    const { code, stdout } = await this.#run("apt-cache", ["show", "--no-all-versions", name]);
    return code === 0 ? packageRecord(stdout) : null;
  }

  /** The newest of the packages whose names differ by their version alone; null for none. */
  async newestLike(name: string): Promise<string | null> {
    const { stdout } = await this.#run("apt-cache", ["pkgnames", stemOf(name)]);
    for (const one of otherVersions(name, stdout.split("\n"))) {
      // Names that others only depend on are listed too.
      if (await this.record(one) !== null) return one;
    }
    return null;
  }

  /** Downloads a package into the folder. @returns Its file; null where it did not come. */
  async download(
    name: string,
  ): Promise<{ readonly file: string | null; readonly result: CommandResult }> {
    const isPackage = (file: string) => file.startsWith(`${name}_`) && file.endsWith(".deb");
    for (const left of (await this.#host.fs.list(this.#dir)).filter(isPackage)) {
      await this.#host.fs.remove(`${this.#dir}/${left}`);
    }
    const result = await this.#tried(`the download of ${name}`, ["download", name]);
    const file = (await this.#host.fs.list(this.#dir)).find(isPackage);
    return { file: result.code === 0 && file ? `${this.#dir}/${file}` : null, result };
  }

  #tried(what: string, words: readonly string[]): Promise<CommandResult> {
    return withRetries(
      what,
      this.#host,
      () => this.#run("apt-get", words),
      ({ code }) => code === APT_ERROR ? `apt-get's code ${code}` : null,
    );
  }

  #run(program: "apt-get" | "apt-cache", words: readonly string[]): Promise<CommandResult> {
    const argv = this.#of === null
      ? aptArgvOfMachine(program, words)
      : aptArgv(program, aptFiles(this.#dir), this.#of.architecture ?? null, words);
    return this.#host.run({ argv, cwd: this.#dir, reach: "downloads" });
  }
}

/** The mirror that this machine's apt uses for Debian itself, not for its security updates. */
export async function debianMirror(host: Host): Promise<string | null> {
  const argv = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(LABEL)"];
  const { stdout } = await host.run({ argv, reach: "downloads" });
  // The disc that a machine was installed from stands in its list as well.
  return /^(?!cdrom:)(\S+) Debian Debian$/m.exec(stdout)?.[1] ?? null;
}
