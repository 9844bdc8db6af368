// SPDX-License-Identifier: MIT
/** What the plugin of KCOV dataflow takes of a machine: of those cells alone that require it. */
import assert from "node:assert/strict";
import { pathsFor } from "../core/model/paths.ts";
import { requirementsFor } from "../core/matrix/requirements.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { sampleCell, sampleConfig, sampleKernel } from "../testing/samples.ts";
import { examine } from "./doctor.ts";
import { ensureReady } from "./setup.ts";

const KERNEL = sampleKernel("k", { source: { kind: "tree", path: "/src" } });
const PLAIN = sampleCell("k/kcov", { kernel: KERNEL });
const TRACED = sampleCell("k/dataflow", {
  kernel: KERNEL,
  config: sampleConfig("dataflow", { requires: ["dataflow"] }),
});
const HEADER = "/usr/lib/llvm-22/include/llvm/Passes/PassBuilder.h";
const OWN = ["g++", "llvm-22 headers", "clang-22: dataflow"];

/** A Debian with all but these; installs what it is told. */
function machine(dir: string, lacks: readonly string[], versions: readonly string[] = []) {
  const gone = new Set(lacks);
  const brings: Readonly<Record<string, string>> = { "llvm-22-dev": HEADER };
  const real = new FakeHost().fs;
  const host = new FakeHost({
    fs: {
      which: (name) => Promise.resolve(gone.has(name) ? null : `/usr/bin/${name}`),
      // What a package brings makes programs be asked again.
      stat: (path) =>
        path.startsWith("/usr/") || path.startsWith("/var/lib/dpkg")
          ? Promise.resolve({ size: gone.size, mtimeMs: 1, isDirectory: false })
          : real.stat(path),
      exists: (path) =>
        path.startsWith("/usr/") ? Promise.resolve(!gone.has(path)) : real.exists(path),
      freeBytes: () => Promise.resolve(100e9),
      readTextIfAny: (path) =>
        path === "/etc/os-release"
          ? Promise.resolve("ID=debian\n")
          : path === "/proc/meminfo"
          ? Promise.resolve("MemAvailable: 8000000 kB\n")
          : real.readTextIfAny(path),
    },
    answer: ({ argv }) => {
      if (argv.includes("--includedir")) return { stdout: "/usr/lib/llvm-22/include\n" };
      if (argv[0] === "apt-cache") return { stdout: `${argv[2]}:\n  Candidate: 1.0\n` };
      if (argv[1] === "install" && !argv.includes("--download-only")) {
        for (const name of argv) gone.delete(brings[name] ?? name);
      }
      const [llvm = "99.0.0"] = versions;
      return { stdout: `version ${argv[0] === "llvm-config-22" ? llvm : "99.0.0"}\n` };
    },
  });
  return { host, paths: pathsFor("/project", dir, null) };
}

const installs = ({ commands }: FakeHost) =>
  commands.filter((argv) => argv.includes("install") && !argv.includes("--download-only"))
    .map((argv) => argv.slice(4).join(" "));

Deno.test("requirementsFor() asks for the plugin's tools where a cell needs them alone", () => {
  const ids = (...cells: Parameters<typeof requirementsFor>[0]) =>
    requirementsFor(cells).map(({ id }) => id);
  assert.deepEqual(ids(PLAIN, TRACED).filter((id) => !ids(PLAIN).includes(id)), OWN);
  const own = requirementsFor([TRACED]).filter(({ id }) => OWN.includes(id));
  assert.deepEqual(own.map(({ packages }) => packages?.apt), ["g++", "llvm-22-dev", undefined]);
  assert.deepEqual(own.map(({ blocksRun }) => blocksRun), [false, false, false]);
  assert.match(own[2]!.why, /^required by dataflow$/);
});

Deno.test("ensureReady() installs g++ and LLVM's headers for such a cell, and for no other", () =>
  withTempDir(async (dir) => {
    const { host, paths } = machine(dir, ["g++", HEADER]);
    const settings = { install: true, sandbox: "off" } as const;
    await ensureReady([PLAIN], settings, paths, host);
    assert.deepEqual(installs(host), []);
    assert.ok(!host.commands.flat().some((word) => word.startsWith("llvm-config")));
    const findings = await ensureReady([PLAIN, TRACED], settings, paths, host);
    assert.deepEqual(installs(host), ["g++ llvm-22-dev"]);
    assert.deepEqual(
      findings.filter(({ requirement: { id } }) => OWN.includes(id)).map(({ ok }) => ok),
      [true, true, true],
    );
  }));

Deno.test("ensureReady() lets the other cells go on where nothing may be installed", () =>
  withTempDir(async (dir) => {
    const { host, paths } = machine(dir, ["g++", HEADER]);
    await ensureReady([TRACED], { install: false, sandbox: "off" }, paths, host);
    assert.deepEqual(installs(host), []);
  }));

Deno.test("doctor finds each of them, and a version that does not fit", () =>
  withTempDir(async (dir) => {
    const found = async (lacks: readonly string[], ...versions: string[]) => {
      const { host, paths } = machine(`${dir}/${lacks.length}${versions}`, lacks, versions);
      const own = requirementsFor([TRACED]).filter(({ id }) => OWN.includes(id));
      return (await examine(own, paths, host)).map(({ ok, found }) =>
        `${ok ? "ok" : "no"} ${found}`
      );
    };
    assert.deepEqual(await found([]), [
      "ok 99.0.0",
      "ok /usr/lib/llvm-22/include",
      "ok compiled before the first configuration",
    ]);
    const lacking = await found(["g++", HEADER]);
    assert.deepEqual(lacking.slice(0, 2), ["no missing", `no there is no ${HEADER}`]);
    assert.match(
      lacking[2]!,
      /^no the dataflow plugin of clang-22 cannot be compiled: there is no/,
    );
    assert.match((await found(["llvm-config-22"]))[1]!, /^no llvm-config-22 is missing$/);
    assert.match((await found([], "98.0.0"))[2]!, /^no .* has headers of LLVM 98\.0\.0$/);
  }));
