// SPDX-License-Identifier: MIT
/** apt and dpkg of a machine, for a FakeHost: what is installed, and what mirrors and suites have. */
import { mkdirSync, writeFileSync } from "node:fs";
import type { Command, CommandResult, FileSystem } from "../host/host.ts";
import { FakeHost } from "./fake_host.ts";

export interface FakeMachine {
  readonly osRelease?: string;
  /** Programs of apt and dpkg are not there. */
  readonly noApt?: boolean;
  /** As `apt-get indextargets` has it; null for a machine whose apt knows none. */
  readonly mirror?: string | null;
  /** No mirror answers. */
  readonly offline?: boolean;
  /** The index can be read, and the package does not come. */
  readonly brokenDownload?: boolean;
  /** Packages with their versions: installed ones, those of the system's index, those of a suite. */
  readonly installed?: Readonly<Record<string, string>>;
  readonly system?: Readonly<Record<string, string>>;
  readonly suites?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Packages without a kernel source in them. */
  readonly empty?: readonly string[];
  readonly freeBytes?: number;
  /** Root without it. */
  readonly userId?: number;
  /** Ends of the names of Debian's keyrings. */
  readonly keyrings?: readonly string[];
}

const MIRROR = "http://mirror.example/debian/";
const DEBIAN = 'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n';

const stanza = (name: string, version: string) =>
  `Package: ${name}\nVersion: ${version}\nSize: 1048577\nSHA256: ${"ab".repeat(32)}\n` +
  `Description: sources\n Version: not this one\n\nPackage: ${name}\nVersion: 0.1\n`;

/** A host with apt; `commands` has what was called. */
export function machineWithApt(machine: FakeMachine, fs: Partial<FileSystem> = {}): FakeHost {
  const real = new FakeHost().fs;
  const { noApt = false, installed = {}, keyrings = [".gpg"] } = machine;
  const tars = Object.keys(installed).map((name) => `/usr/src/${name}.tar.xz`);
  return new FakeHost({
    userId: machine.userId ?? 0,
    fs: {
      which: (name) => Promise.resolve(noApt ? null : `/usr/bin/${name}`),
      exists: (path) =>
        path.startsWith("/usr/src/")
          ? Promise.resolve(tars.includes(path))
          : path.startsWith("/usr/share/keyrings/")
          ? Promise.resolve(keyrings.some((end) => path.endsWith(end)))
          : real.exists(path),
      freeBytes: () => Promise.resolve(machine.freeBytes ?? 100e9),
      readTextIfAny: (path) =>
        path === "/etc/os-release"
          ? Promise.resolve(machine.osRelease ?? DEBIAN)
          : real.readTextIfAny(path),
      ...fs,
    },
    answer: (command) => noApt ? { code: 127 } : answer(machine, command),
  });
}

function answer(machine: FakeMachine, { argv, cwd }: Command): Partial<CommandResult> {
  const { installed = {}, system = {}, suites = {}, mirror = MIRROR, offline = false } = machine;
  const [program] = argv;
  const words = argv.slice(1).filter((word, index, all) =>
    word !== "-o" && all[index - 1] !== "-o"
  );
  const name = words.at(-1)!;
  const list = argv.find((word) => word.startsWith("Dir::Etc::sourcelist="))?.split("=")[1];
  // An apt call without sources of its own sees the system's.
  const index = list === undefined
    ? system
    : suites[Deno.readTextFileSync(list).trim().split(" ").at(-2)!] ?? {};
  switch (`${program} ${words[0]}`) {
    case "dpkg-query --show":
      return name in installed ? { stdout: installed[name]! } : { code: 1 };
    case "apt-get indextargets":
      return {
        stdout: "cdrom:[Debian 13 _Trixie_]/ Debian Debian\ncdrom:[x]/ Debian Debian\n" +
          "http://other.example/ Other Other\nhttp://security.example/ Debian " +
          `Debian-Security\n${mirror === null ? "" : `${mirror} Debian Debian\n`}`,
      };
    case "apt-get update":
      return offline
        ? { code: 100, stderr: "E: Failed to fetch InRelease\n" }
        : { stdout: "Get:1\n" };
    case "apt-cache show":
      return name in index ? { stdout: stanza(name, index[name]!) } : { code: 100 };
    case "apt-cache pkgnames":
      return {
        // Names that others depend on are listed as well.
        stdout: [...Object.keys(index), `${name}99.9`].filter((one) => one.startsWith(name))
          .join("\n"),
      };
    case "apt-get download":
      if (offline || machine.brokenDownload || !(name in index)) {
        return { code: 100, stderr: "E: Failed to fetch\n" };
      }
      writeFileSync(`${cwd}/${name}_${index[name]}_all.deb`, "deb");
      return {};
    case "dpkg-deb --extract": {
      const deb = words[1]!.split("/").at(-1)!.split("_")[0]!;
      mkdirSync(`${name}/usr/src`, { recursive: true });
      if (machine.empty?.includes(deb)) return {};
      writeFileSync(`${name}/usr/src/${deb}.tar.xz`, `tar of ${deb}`);
      return {};
    }
    default:
      return {};
  }
}
