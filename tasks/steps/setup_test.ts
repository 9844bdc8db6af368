// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import type { KernelSpec, SandboxChoice } from "../core/model/model.ts";
import { pathsFor } from "../core/model/paths.ts";
import { rejectionOf } from "../testing/errors.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { sampleCell, sampleKernel } from "../testing/samples.ts";
import { ensureReady } from "./setup.ts";

const KERNEL = sampleKernel("k", { source: { kind: "tree", path: "/src" } });
const DEBIAN = 'ID=debian\nVERSION_ID="12"\n';
const FEDORA = "ID=fedora\n";

interface Machine {
  readonly osRelease: string;
  /** Programs that are not there. */
  readonly lacks: readonly string[];
  /** What a package brings once it is installed. */
  readonly brings?: Readonly<Record<string, string>>;
  readonly userId?: number;
  /** What `sudo -n` ends with; 127 where there is none. */
  readonly sudoCode?: number;
  /** The lists of packages are not here. */
  readonly noLists?: boolean;
  /** The way to libquickjs that needs no root. */
  readonly mirror?: "answers" | "silent";
  readonly freeBytes?: number;
  readonly memoryKiB?: number;
  /** Programs whose version is too old. */
  readonly old?: readonly string[];
  /** What its calls of apt-get end with, in turn; the last stays. */
  readonly aptCodes?: readonly number[];
  readonly sandbox?: SandboxChoice;
  readonly kernel?: KernelSpec;
  /** Packages that this release does not have. */
  readonly unknown?: readonly string[];
  /** Packages that cannot be installed. */
  readonly broken?: readonly string[];
}

async function onMachine(
  machine: Machine,
  body: (ready: (install?: boolean) => Promise<unknown>, host: FakeHost) => Promise<void>,
): Promise<void> {
  await withTempDir(async (dir) => {
    const lacks = new Set(machine.lacks);
    const real = new FakeHost().fs;
    const codes = [...machine.aptCodes ?? [0]];
    const host = new FakeHost({
      sandbox: () =>
        lacks.has("bwrap")
          ? { kind: "none", why: "bubblewrap is not installed" }
          : { kind: "bubblewrap" },
      fs: {
        which: (name) => Promise.resolve(lacks.has(name) ? null : `/usr/bin/${name}`),
        exists: (path) =>
          path.startsWith("/usr/src/")
            ? Promise.resolve(!lacks.has(path.split("/").at(-1)!.replace(".tar.xz", "")))
            : path.startsWith("/usr/")
            ? Promise.resolve(!lacks.has("libquickjs"))
            : real.exists(path),
        freeBytes: () => Promise.resolve(machine.freeBytes ?? 100e9),
        readTextIfAny: (path) =>
          path === "/etc/os-release"
            ? Promise.resolve(machine.osRelease)
            : path === "/proc/meminfo"
            ? Promise.resolve(`MemAvailable:   ${machine.memoryKiB ?? 8_000_000} kB\n`)
            : real.readTextIfAny(path),
      },
      userId: machine.userId ?? 0,
      answer: ({ argv, cwd }) => {
        const words = argv.filter((word) => word !== "sudo" && word !== "-n");
        if (argv[0] === "sudo" && words[0] === "true") return { code: machine.sudoCode ?? 0 };
        if (words[1] === "indextargets" && machine.mirror) {
          return { stdout: "http://mirror.example/debian/ Debian Debian\n" };
        }
        if (words.includes("download")) {
          if (machine.mirror !== "answers") return { code: 100, stderr: "E: no network\n" };
          writeFileSync(`${cwd}/libquickjs_1_amd64.deb`, "");
          return {};
        }
        if (words[0] === "dpkg-deb") {
          mkdirSync(words.at(-1)!, { recursive: true });
          lacks.delete("libquickjs");
          return {};
        }
        if (words[0] === "apt-cache") {
          const isUnknown = machine.noLists || machine.unknown?.includes(words[2]!);
          const candidate = isUnknown ? "(none)" : "1.0";
          return { stdout: `${words[2]}:\n  Candidate: ${candidate}\n` };
        }
        if (words[0] === "dpkg-query") {
          return { code: lacks.has(words.at(-1)!) ? 1 : 0, stdout: "1" };
        }
        if (words[1] === "install" && machine.broken?.some((name) => words.includes(name))) {
          return { code: 100, stderr: "E: no space\n" };
        }
        if (words[0] === "apt-get") {
          const code = codes.length > 1 ? codes.shift()! : codes[0]!;
          if (code !== 0) return { code, stderr: "E: no network\n" };
        }
        if (words[1] === "install" && !words.includes("--download-only")) {
          for (const name of words) lacks.delete(machine.brings?.[name] ?? name);
        }
        return { stdout: machine.old?.includes(argv[0]!) ? "version 1.0.0\n" : "version 99.0.0\n" };
      },
    });
    const paths = pathsFor("/project", dir, null);
    const { kernel = KERNEL } = machine;
    const cells = [sampleCell("k/c", { kernel })];
    await body(
      (install = true) =>
        ensureReady(cells, { install, sandbox: machine.sandbox ?? "off" }, paths, host),
      host,
    );
  });
}

const installs = (host: FakeHost) =>
  host.commands.filter((argv) => argv.includes("install") && !argv.includes("--download-only"))
    .map((argv) => argv.join(" "));

Deno.test("ensureReady() runs nothing but questions where nothing is missing", async () => {
  await onMachine({ osRelease: DEBIAN, lacks: [] }, async (ready, host) => {
    await ready();
    const asks = (argv: readonly string[]) =>
      argv.includes("--version") || argv.includes("/dev/null");
    assert.deepEqual(host.commands.filter((argv) => !asks(argv)), []);
  });
});

Deno.test("ensureReady() installs on Debian what is missing, after saying which", async () => {
  const brings = { "qemu-system-x86": "qemu-system-x86_64", "lld-22": "ld.lld-22" };
  const lacks = ["flex", "qemu-system-x86_64", "ld.lld-22"];
  await onMachine({ osRelease: DEBIAN, lacks, brings }, async (ready, host) => {
    await ready();
    assert.deepEqual(installs(host), [
      "apt-get install --yes --no-install-recommends lld-22 flex qemu-system-x86",
    ]);
    assert.ok(host.messages.includes("notice: installing lld-22 flex qemu-system-x86"));
  });
});

Deno.test("ensureReady() brings bubblewrap along, and goes on without it only for --sandbox auto", async () => {
  const sandbox = "auto";
  const machine = { osRelease: DEBIAN, brings: { bubblewrap: "bwrap" } };
  await onMachine({ ...machine, lacks: ["bwrap"], sandbox }, async (ready, host) => {
    await ready();
    assert.deepEqual(installs(host), []);
    assert.match(host.messages.at(-1)!, /^warn: builds run without a sandbox \(bubblewrap is not/);
  });
  await onMachine({ ...machine, lacks: ["bwrap", "bc"], sandbox }, async (ready, host) => {
    await ready();
    assert.match(installs(host)[0]!, / bc bubblewrap$/);
    assert.doesNotMatch(host.messages.join("\n"), /without a sandbox/);
  });
  await onMachine({ ...machine, lacks: ["bwrap"], sandbox: "require" }, async (ready, host) => {
    assert.match((await rejectionOf(ready(false))).message, /missing on this machine: bwrap$/);
    await ready();
    assert.match(installs(host)[0]!, / bubblewrap$/);
  });
});

Deno.test("ensureReady() uses sudo where it is not root", async () => {
  await onMachine({ osRelease: DEBIAN, lacks: ["bc"], userId: 1000 }, async (ready, host) => {
    await ready();
    assert.match(installs(host)[0]!, /^sudo -n apt-get install .* bc$/);
  });
});

Deno.test("ensureReady() refuses with --no-install, and names packages and command", async () => {
  await onMachine({ osRelease: DEBIAN, lacks: ["flex", "bison"] }, async (ready, host) => {
    const error = await rejectionOf(ready(false));
    assert.deepEqual([error.kind, error.id], ["infra", "missing-tool"]);
    assert.equal(error.message, "missing on this machine: flex, bison");
    assert.match(error.detail, /flex: missing \(Kconfig's lexer\)/);
    assert.match(error.detail, /^To install: apt-get install .* flex bison$/m);
    assert.match(error.detail, /--no-install is set/);
    assert.deepEqual(installs(host), []);
  });
});

Deno.test("ensureReady() names the packages of other systems, and installs nothing there", async () => {
  await onMachine({ osRelease: FEDORA, lacks: ["qemu-system-x86_64"] }, async (ready, host) => {
    const error = await rejectionOf(ready());
    assert.match(error.detail, /^To install: dnf install qemu-system-x86-core$/m);
    assert.doesNotMatch(error.detail, /apt-get|pacman/);
    assert.deepEqual(installs(host), []);
  });
  await onMachine({ osRelease: "ID=nixos\n", lacks: ["bc"] }, async (ready) => {
    const { detail } = await rejectionOf(ready());
    for (const manager of ["apt-get", "dnf", "pacman", "zypper"]) {
      assert.match(detail, new RegExp(`^To install: ${manager} .*bc$`, "m"));
    }
  });
});

Deno.test("ensureReady() says that an installation failed, and why", async () => {
  await onMachine({ osRelease: DEBIAN, lacks: ["bc"], aptCodes: [100] }, async (ready, host) => {
    const error = await rejectionOf(ready());
    assert.deepEqual([error.kind, error.id], ["infra", "install-failed"]);
    assert.match(error.message, /^apt-get update ended with code 100$/);
    assert.match(error.detail, /E: no network/);
    assert.equal(host.commands.filter((argv) => argv.includes("update")).length, 3);
  });
});

Deno.test("ensureReady() fetches lists and packages again where apt-get failed, and says so", async () => {
  // The first download fails, then the second update.
  const flaky = { osRelease: DEBIAN, lacks: ["bc"], aptCodes: [0, 100, 100, 0] };
  await onMachine(flaky, async (ready, host) => {
    const startMs = host.now();
    await ready();
    const apt = host.commands.filter(([name]) => name === "apt-get").map((argv) =>
      argv.filter((word) => /^(update|install|--download-only)$/.test(word)).join(" ")
    );
    const download = "install --download-only";
    assert.deepEqual(apt, ["update", download, "update", "update", download, "install"]);
    assert.equal(host.now() - startMs, 5000);
    assert.match(
      host.messages[0]!,
      /^warn: apt-get failed \(code 100\); try 2 of 3 begins in 1 s$/,
    );
  });
});

Deno.test("ensureReady() does not repeat what sudo refuses", async () => {
  const refused = { osRelease: DEBIAN, lacks: ["bc"], userId: 1000, aptCodes: [1] };
  await onMachine(refused, async (ready, host) => {
    assert.equal((await rejectionOf(ready())).id, "install-failed");
    assert.deepEqual(host.messages, []);
  });
});

Deno.test("ensureReady() does not believe an installation that brought nothing", async () => {
  const brings = { flex: "another thing" };
  await onMachine({ osRelease: DEBIAN, lacks: ["flex"], brings }, async (ready) => {
    assert.match((await rejectionOf(ready())).message, /^missing on this machine: flex$/);
  });
});

Deno.test("ensureReady() refuses a program that is too old", async () => {
  await onMachine({ osRelease: FEDORA, lacks: [], old: ["make"] }, async (ready) => {
    assert.match((await rejectionOf(ready())).detail, /make: 1\.0\.0, needs 4\.0/);
  });
});

Deno.test("ensureReady() says when there is too little room, and what it takes", async () => {
  await onMachine({ osRelease: DEBIAN, lacks: [], freeBytes: 1e9 }, async (ready, host) => {
    const error = await rejectionOf(ready());
    assert.deepEqual([error.kind, error.id], ["infra", "too-little-room"]);
    assert.equal(error.message, "too little disk for this plan");
    assert.match(error.detail, /disk: 0\.9 GiB free, 1\.9 GiB from an empty cache/);
    assert.deepEqual(installs(host), []);
  });
  await onMachine({ osRelease: DEBIAN, lacks: [], memoryKiB: 500_000 }, async (ready) => {
    assert.equal((await rejectionOf(ready())).message, "too little memory for this plan");
  });
});

const SOURCE = "linux-source-6.12";
const PACKAGED = sampleKernel("k", { source: { kind: "debian", package: SOURCE } });

Deno.test("ensureReady() installs kernel sources behind the tools", async () => {
  const machine = { osRelease: DEBIAN, kernel: PACKAGED };
  await onMachine({ ...machine, lacks: [SOURCE] }, async (ready, host) => {
    await ready();
    assert.deepEqual(installs(host), [
      `apt-get install --yes --no-install-recommends ${SOURCE}`,
    ]);
  });
  await onMachine({ ...machine, lacks: [SOURCE, "flex"] }, async (ready, host) => {
    await ready();
    assert.deepEqual(installs(host).map((line) => line.split(" ").at(-1)), ["flex", SOURCE]);
  });
});

Deno.test("ensureReady() goes on where a kernel's source cannot be installed", async () => {
  const machine = { kernel: PACKAGED, lacks: [SOURCE] };
  await onMachine({ ...machine, osRelease: DEBIAN, unknown: [SOURCE] }, async (ready, host) => {
    await ready();
    assert.deepEqual(installs(host), []);
    await ready(false);
  });
  await onMachine({ ...machine, osRelease: DEBIAN, broken: [SOURCE] }, async (ready, host) => {
    await ready();
    assert.match(
      host.messages.join("\n"),
      /^warn: apt-get install .*linux-source-6\.12 ended with/m,
    );
  });
  await onMachine({ ...machine, osRelease: DEBIAN, aptCodes: [100] }, async (ready) => {
    await ready();
  });
  await onMachine({ ...machine, osRelease: FEDORA, unknown: [SOURCE] }, async (ready, host) => {
    await ready();
    assert.deepEqual(installs(host), []);
  });
});

Deno.test("ensureReady() refuses a source that it could install where it may not", async () => {
  const machine = { osRelease: DEBIAN, lacks: [SOURCE] };
  await onMachine({ ...machine, kernel: PACKAGED }, async (ready) => {
    const error = await rejectionOf(ready(false));
    assert.equal(error.id, "missing-tool");
    assert.match(error.detail, /To install: apt-get install .*linux-source-6\.12$/m);
  });
  const kernel = { ...PACKAGED, otherSources: [{ kind: "tree", path: "/usr/src/gone" }] as const };
  await onMachine({ ...machine, kernel }, async (ready) => {
    await ready(false);
  });
});

Deno.test("ensureReady() leaves a package of a suite to the fetch stage", async () => {
  const source = { kind: "debian", package: SOURCE, suite: "sid" } as const;
  const kernel = { ...PACKAGED, source };
  await onMachine({ osRelease: DEBIAN, lacks: [SOURCE], kernel }, async (ready, host) => {
    await ready();
    assert.deepEqual(host.commands.filter((argv) => argv.includes("update")), []);
  });
});

/** A user without root on Debian 12, which has no libquickjs. */
const NOBODY = { osRelease: DEBIAN, userId: 1000, unknown: ["libquickjs"] };

for (const sudoCode of [127, 1]) {
  Deno.test(`ensureReady() takes libquickjs into the cache where sudo ends with ${sudoCode}`, async () => {
    const machine = { ...NOBODY, sudoCode, lacks: ["libquickjs"], mirror: "answers" } as const;
    await onMachine(machine, async (ready, host) => {
      await ready();
      assert.deepEqual(installs(host), []);
      assert.ok(
        host.messages.join().includes("libquickjs into the cache, for which no root is needed"),
      );
      assert.deepEqual(host.commands.filter(([name]) => name === "sudo"), [
        ["sudo", "-n", "true"],
      ]);
    });
  });
}

Deno.test("ensureReady() gives a user without root one command to hand on, right for the release", async () => {
  const lacks = ["flex", "qemu-system-x86_64", "libquickjs"];
  const machine = { ...NOBODY, sudoCode: 1, lacks, mirror: "answers" } as const;
  const install = "apt-get install --yes --no-install-recommends flex qemu-system-x86";
  await onMachine(machine, async (ready) => {
    const error = await rejectionOf(ready());
    assert.deepEqual([error.kind, error.id], ["infra", "missing-tool"]);
    assert.equal(error.message, "missing on this machine: flex, qemu-system-x86_64");
    const detail = error.detail.split("\n");
    assert.equal(detail.at(-2), "This user has no root rights. For whoever has them here:");
    assert.equal(detail.at(-1), install);
  });
  // Nobody has read the lists of packages yet, so it is not known what the release has.
  await onMachine({ ...machine, noLists: true }, async (ready) => {
    const { detail } = await rejectionOf(ready());
    assert.equal(detail.split("\n").at(-1), `apt-get update && ${install}`);
  });
  await onMachine({ ...machine, mirror: "silent" }, async (ready, host) => {
    const { message, detail } = await rejectionOf(ready());
    assert.match(message, /flex, qemu-system-x86_64, libquickjs$/);
    assert.ok(detail.split("\n").includes(install), detail);
    assert.match(host.messages.join("\n"), /^warn: libquickjs could not be downloaded/m);
  });
});

Deno.test("ensureReady() says what a release has no package of", async () => {
  const lacks = ["clang-22", "flex"];
  const machine = { ...NOBODY, unknown: ["clang-22", "libquickjs"], sudoCode: 1, lacks };
  await onMachine(machine, async (ready) => {
    const { detail } = await rejectionOf(ready());
    assert.match(detail, /^apt-get install .* flex$/m);
    assert.doesNotMatch(detail, /^apt-get install .*(clang|quickjs)/m);
    assert.match(detail, /^This release has no package clang-22: LLVM= takes another version\.$/m);
  });
  const quickjs = { osRelease: DEBIAN, unknown: ["libquickjs"], lacks: ["libquickjs", "flex"] };
  await onMachine(quickjs, async (ready) => {
    const { detail } = await rejectionOf(ready(false));
    assert.match(detail, /^To install: apt-get install .*recommends flex$/m);
    assert.match(detail, /^This release has no package libquickjs: a run takes Debian 13's/m);
  });
});

Deno.test("ensureReady() leaves the download of a kernel's source to the fetch stage without root", async () => {
  const machine = { ...NOBODY, sudoCode: 1, lacks: [SOURCE], kernel: PACKAGED };
  await onMachine(machine, async (ready, host) => {
    await ready();
    assert.deepEqual(installs(host), []);
    assert.deepEqual(host.commands.filter((argv) => argv.includes("update")), []);
  });
});
