// SPDX-License-Identifier: MIT
/**
 * A whole project in a temporary folder over which the real tool runs in a second: a kernel tree of
 * two files, and a folder of programs in front of which there is nothing else on the PATH. make, sh
 * and coreutils are real; clang, ld.lld, the LLVM tools and QEMU are shell scripts.
 *
 * A switch is a file in `switches/`; the scripts look for it each time they start.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { declaredTests } from "../steps/declared_tests.ts";
import { flagsOf } from "../commands/command.ts";
import { COMMANDS } from "../commands/mod.ts";
import type { Feature } from "../core/model/model.ts";
import { mutedImports } from "./muted.ts";
import { record, type Recording, type Script, scripted } from "./recorder.ts";
import { tinyKernel } from "./tiny_elf.ts";

/** What can be made to go wrong, and by whom it is looked at. */
export type Switch =
  /** olddefconfig of the tree drops CONFIG_KCOV. */
  | "drop-option"
  /** kernel/kcov.c does not compile. */
  | "compile-error"
  /** The compiler is killed, as by a kernel that has run out of memory. */
  | "compiler-killed"
  /** kernel/fork.c compiles with a warning. */
  | "new-warning"
  /** The compiler never ends. */
  | "slow-compiler"
  /** The linker leaves the instrumentation out. */
  | "not-instrumented"
  /** The compiler knows no -fsanitize-coverage=trace-pc. */
  | "no-trace-pc";

/** What QEMU does with one cell. */
export interface FakeBoot {
  readonly recording: Pick<Recording, "console" | "results">;
  /** Exit code, or how it ends by something else. */
  readonly end: number | "killed" | "hangs" | "refuses" | { readonly floodMiB: number };
}

const MUTED_IMPORTS = "muted-imports.json";

/** Programs that the tool and kbuild take from the system; nothing else of it is on the PATH. */
const SYSTEM_PROGRAMS = [
  ...[
    "sh",
    "make",
    "env",
    "cpio",
    "tar",
    "touch",
    "find",
    "sort",
    "sha256sum",
    "head",
    "xz",
    "cat",
    "cp",
    "mv",
    "cmp",
    "git",
    "wc",
  ],
  ...["mkdir", "rm", "sed", "grep", "sleep", "dirname", "true", "id", "unshare", "setpriv"],
  ...["setsid", "du", "xargs"],
];
/** Taken where they are there: without it, nothing is confined. */
const OPTIONAL_PROGRAMS = ["bwrap"];

const CELLS: Readonly<Record<string, readonly Feature[]>> = {
  "fake/nokcov": [],
  "fake/kcov": ["kcov"],
  "fake/kcov/smp4": ["kcov", "smp"],
};

export class FakeProject {
  readonly dir: string;
  /** Variables of the user, beside those of every run. */
  environment: Readonly<Record<string, string>> = {};
  /** Whether the tool runs with ids in the place of all words of failures (muted.ts). */
  muted = false;

  private constructor(dir: string) {
    this.dir = dir;
  }

  /** Makes a project in a new temporary folder. */
  static async create(): Promise<FakeProject> {
    const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "kmatrix-" }));
    const project = new FakeProject(dir);
    await project.#fill();
    return project;
  }

  /** Leaves nothing behind, not even what a failed test has left running. */
  async remove(): Promise<void> {
    for (const id of await this.processes()) Deno.kill(id, "SIGKILL");
    await Deno.remove(this.dir, { recursive: true });
  }

  get root(): string {
    return `${this.dir}/project`;
  }
  get out(): string {
    return `${this.dir}/out`;
  }
  get cache(): string {
    return `${this.dir}/cache`;
  }

  /** Writes everything, with all switches off and sound boots for every cell. */
  async #fill(): Promise<void> {
    for (const [path, text] of Object.entries(projectFiles(this.dir))) {
      await this.write(path, text);
    }
    const real = dirname(dirname(import.meta.dirname!));
    await Deno.symlink(`${real}/selftests`, `${this.root}/selftests`);
    await Deno.mkdir(`${this.root}/tasks/core`, { recursive: true });
    await Deno.symlink(`${real}/tasks/core/kconfig`, `${this.root}/tasks/core/kconfig`);
    await this.write(MUTED_IMPORTS, await mutedImports());
    for (const [name, text] of Object.entries(programs(this.dir))) {
      await this.write(`bin/${name}`, `#!/bin/sh\n${text}`);
      await Deno.chmod(`${this.dir}/bin/${name}`, 0o755);
    }
    const folders = (Deno.env.get("PATH") ?? "").split(":");
    for (const name of [...SYSTEM_PROGRAMS, ...OPTIONAL_PROGRAMS]) {
      const found = folders.map((folder) => `${folder}/${name}`).find(existsSync);
      if (!found && OPTIONAL_PROGRAMS.includes(name)) continue;
      assert.ok(found, `${name} is missing on this machine`);
      await Deno.symlink(found, `${this.dir}/bin/${name}`);
    }
    const quickjs = "cache/toolchain/quickjs/usr";
    await this.write(`${quickjs}/include/quickjs/quickjs.h`, "");
    await this.write(`${quickjs}/lib/x86_64-linux-gnu/quickjs/libquickjs.a`, "");
    await this.write("bin/vmlinux.kcov", tinyKernel({ calls: { __sanitizer_cov_trace_pc: 1000 } }));
    await this.write("bin/vmlinux.plain", tinyKernel({ calls: {} }));
    const line = `[    1.000000] ${"flood ".repeat(8)}\r\n`;
    await this.write("bin/mebibyte", line.repeat((1 << 20) / line.length));
    await Deno.mkdir(`${this.dir}/switches`);
    await Deno.mkdir(`${this.dir}/home`);
    await this.reset();
  }

  /** Switches off, boots sound, and no run yet; what was built, packed and probed stays. */
  async reset(): Promise<void> {
    for await (const { name } of Deno.readDir(`${this.dir}/switches`)) {
      await Deno.remove(`${this.dir}/switches/${name}`);
    }
    // Without a history, builds come in the order of the matrix.
    for (const path of [this.out, `${this.dir}/started`, `${this.cache}/job-times`]) {
      await Deno.remove(path, { recursive: true }).catch(() => {});
    }
    for (const cell of Object.keys(CELLS)) {
      await this.setBoot(cell, { recording: record(soundScript(cell)), end: 33 });
    }
  }

  async forgetBuilds(): Promise<void> {
    await Deno.remove(`${this.cache}/builds`, { recursive: true }).catch(() => {});
  }

  async write(path: string, content: string | Uint8Array): Promise<void> {
    const file = `${this.dir}/${path}`;
    await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    if (typeof content === "string") await Deno.writeTextFile(file, content);
    else await Deno.writeFile(file, content);
  }

  async turnOn(...names: readonly Switch[]): Promise<void> {
    for (const name of names) await this.write(`switches/${name}`, "");
  }

  /** Puts a program in the place of one of those in `bin/`; what is given back undoes it. */
  async replaceProgram(name: string, script: string): Promise<() => Promise<void>> {
    const file = `${this.dir}/bin/${name}`;
    await Deno.rename(file, `${file}.real`);
    await Deno.writeTextFile(file, `#!/bin/sh\n${script}`, { mode: 0o755 });
    return () => Deno.rename(`${file}.real`, file);
  }

  /** A program never ends where its words hold a text; started("stalled") tells that it began. */
  stallAt(name: string, words: string): Promise<() => Promise<void>> {
    return this.replaceProgram(
      name,
      `case " $* " in *"${words}"*) ${startedLine(this.dir, "stalled")} exec sleep 600;; esac\n` +
        `exec ${this.dir}/bin/${name}.real "$@"\n`,
    );
  }

  async turnOff(name: Switch): Promise<void> {
    await Deno.remove(`${this.dir}/switches/${name}`);
  }

  async setBoot(cell: string, { recording, end }: FakeBoot): Promise<void> {
    await this.write(`boots/${cell}/console`, recording.console);
    await this.write(`boots/${cell}/results`, recording.results);
    const flood = typeof end === "object" ? end.floodMiB : null;
    await this.write(`boots/${cell}/end`, flood === null ? `${end}` : "floods");
    await this.write(`boots/${cell}/flood`, `${flood ?? 0}`);
  }

  /** The recordings of a cell in which everything is as declared, with what a test wants changed. */
  soundBoot(cell: string, change: (script: Script) => Script = (script) => script): Recording {
    return record(change(soundScript(cell)));
  }

  /** How often a program has been started to do its work, not counting questions about itself. */
  async started(name: "clang" | "qemu" | "stalled"): Promise<number> {
    const text = await Deno.readTextFile(`${this.dir}/started/${name}`).catch(() => "");
    return text.split("\n").filter(Boolean).length;
  }

  /** The command that runs kmatrix over this project, as the leader of a process group. */
  command(args: readonly string[]): Deno.Command {
    const entry = `${import.meta.dirname}/fake_main.ts`;
    const words = this.muted ? [`--import-map=${this.dir}/${MUTED_IMPORTS}`] : [];
    const flags = ["--allow-all", "--no-check", ...words];
    const argv = [Deno.execPath(), "run", ...flags, entry, this.root, ...args];
    // Of the environment that the tests run in, nothing may reach make.
    const unset = ["LLVM", "CC", "O", "ARCH", "W", "V", "KCFLAGS", "MAKEFLAGS"];
    return new Deno.Command(`${this.dir}/bin/setsid`, {
      args: argv,
      cwd: this.root,
      env: {
        ...Object.fromEntries(unset.map((name) => [name, ""])),
        PATH: `${this.dir}/bin`,
        KMATRIX_CACHE: this.cache,
        HOME: `${this.dir}/home`,
        DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
        NO_COLOR: "1",
        ...this.environment,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }

  #runArguments(args: readonly string[]): string[] {
    // The fakes note what they do in folders that no sandbox lets them write.
    const sandbox = args.includes("--sandbox") ? "" : "off";
    // What stands behind "--" is for the guest.
    const at = args.includes("--") ? args.indexOf("--") : args.length;
    const known = COMMANDS.find(({ name }) => name === args[0])?.options ?? {};
    const own = Object.entries({ outputDir: this.out, accel: "tcg", sandbox })
      .filter(([name, value]) => name in known && value !== "")
      .flatMap(([name, value]) => [flagsOf(known[name]!).at(-1)!, value]);
    return [...args.slice(0, at), ...own, ...args.slice(at)];
  }

  /** Starts kmatrix. */
  spawn(...args: readonly string[]): Deno.ChildProcess {
    return this.command(this.#runArguments(args)).spawn();
  }

  /** Runs kmatrix to its end. */
  async run(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
    const { code, stdout, stderr } = await this.command(this.#runArguments(args)).output();
    const text = new TextDecoder();
    return { code, out: text.decode(stdout), err: text.decode(stderr) };
  }

  /** A file of the last run. */
  read(path: string): Promise<string> {
    return Deno.readTextFile(`${this.out}/latest/${path}`);
  }

  /** Ids of processes that have this project's PATH, dead ones left out. */
  async processes(): Promise<number[]> {
    const found: number[] = [];
    for await (const { name } of Deno.readDir("/proc")) {
      if (!/^\d+$/.test(name) || Number(name) === Deno.pid) continue;
      try {
        const environment = await Deno.readTextFile(`/proc/${name}/environ`);
        if (environment.includes(`${this.dir}/bin`)) found.push(Number(name));
      } catch {
        // Gone in the meantime, or not ours to read.
      }
    }
    return found;
  }
}

const DECLARED = await declaredTests();

/** Every declared test passes, or skips where the cell lacks what it needs. */
function soundScript(folder: string): Script {
  const cell = folder.replace(/\/attempt-\d+$/, "");
  const features = CELLS[cell]!;
  return {
    cell,
    features,
    // The tests of one fixture will do, and stay the same when others get more.
    filter: ["kcov.*"],
    tests: DECLARED.map((test) => {
      const lacking = test.requires.filter((feature) => !features.includes(feature));
      const act = lacking.length === 0
        ? { do: "pass" } as const
        : { do: "skip", reason: `no ${lacking.join(", ")}` } as const;
      return { ...scripted(test.id, act), declared: test };
    }),
  };
}

/** The project and the kernel tree, by path below the temporary folder. */
function projectFiles(dir: string): Record<string, string> {
  return {
    "project/matrix.yaml": `toolchains:
  clang-22: { llvm: "-22" }
machines:
  uni: { cpus: 1, memoryMiB: 256 }
  smp4: { cpus: 4, memoryMiB: 512 }
configs:
  nokcov: { fragments: [base] }
  kcov: { fragments: [base, kcov], requires: [trace-pc] }
product:
  - { kernels: [fake], configs: [nokcov] }
  - { kernels: [fake], configs: [kcov], machines: [uni, smp4] }
expect:
  fake/nokcov: skip
`,
    "project/kernels/fake/kernel.yaml": `source: { tree: ${dir}/tree }\n`,
    "project/configs/base.config": "CONFIG_PRINTK=y\n",
    "project/configs/kcov.config": "CONFIG_KCOV=y\n",
    "tree/kernel/fork.c": "int fork;\n",
    "tree/kernel/kcov.c": "int kcov;\n",
    "tree/Makefile": `VERSION = 6
PATCHLEVEL = 12
SUBLEVEL = 99

CC = clang$(LLVM)
LD = ld.lld$(LLVM)
OBJECTS = $(O)/kernel/fork.o $(O)/kernel/kcov.o

tinyconfig:
	@printf '%s\\n' CONFIG_64BIT=y '# CONFIG_PRINTK is not set' > $(O)/.config

# Leaves out what cannot be set, and touches what objects depend on only where something changed.
olddefconfig:
	@if [ -e ${dir}/switches/drop-option ]; then sed -i /KCOV/d $(O)/.config; fi
	@cmp -s $(O)/.config $(O)/auto.conf || cp $(O)/.config $(O)/auto.conf

scripts_gdb:
	@touch $(O)/vmlinux-gdb.py

vmlinux: $(O)/vmlinux

$(O)/vmlinux: $(OBJECTS)
	@set -e; echo '  LD      vmlinux'; $(LD) -o $@ $(OBJECTS)

$(O)/%.o: %.c $(O)/auto.conf
	@set -e; mkdir -p $(@D); echo '  CC      $*.o'; $(CC) -c -o $@ $(CURDIR)/$<; \\
	echo "deps: $(CURDIR)/$<" > $(@D)/.$(@F).cmd
`,
  };
}

/** A shell command that notes that a program was started. */
function startedLine(dir: string, name: string): string {
  return `{ mkdir -p ${dir}/started; echo "$*" >> ${dir}/started/${name}; } 2>/dev/null;`;
}

/** The programs that are not what they seem, by name; each without its first line. */
function programs(dir: string): Record<string, string> {
  const on = (name: Switch) => `[ -e ${dir}/switches/${name} ]`;
  const says = (text: string) => `echo "${text}"\n`;
  const started = (name: string) => `${startedLine(dir, name)}\n`;
  const out = 'prev=; for word; do [ "$prev" = -o ] && out=$word; prev=$word; done\n';
  const llvm = Object.fromEntries(
    ["ar", "nm", "objcopy", "readelf", "strip"].map((name) => [
      `llvm-${name}-22`,
      says("Debian LLVM version 22.1.8"),
    ]),
  );
  return {
    ...llvm,
    "flex": says("flex 2.6.4"),
    "bison": says("bison (GNU Bison) 3.8.2"),
    "bc": says("bc 1.07.1"),
    "df": says("Avail\\n99999999999999").replace("echo", "printf"),
    // Run as the guest's runtime, it compiles the selftests.
    "clang-22": `case "$0" in */root/init) echo bytecode > "$3"; exit;; esac
case " $* " in *" --version "*) echo "Debian clang version 22.1.8"; exit;; esac
${out}case "$out" in
  "" ) exit 0;; # -fsyntax-only
  /dev/null)
    case "$*" in *=trace-pc\\ *)
      if ${on("no-trace-pc")}; then echo "error: unsupported argument 'trace-pc'" >&2; exit 1; fi;;
    esac
    exit 0;;
  *symbol_dump) exit 1;;
esac
${started("clang")}if ${on("slow-compiler")}; then exec sleep 600; fi
if ${on("compiler-killed")}; then kill -9 $$; fi
case "$*" in *kernel/kcov.c*)
  if ${on("compile-error")}; then
    echo "${dir}/tree/kernel/kcov.c:3:9: error: use of undeclared identifier 'area'" >&2
    echo "1 error generated." >&2
    exit 1
  fi;;
*kernel/fork.c*)
  if ${on("new-warning")}; then
    echo "${dir}/tree/kernel/fork.c:7:1: warning: unused variable 'x' [-Wunused-variable]" >&2
  fi;;
esac
case "$out" in
  */root/init) cp "$0" "$out";;
  *) echo object > "$out";;
esac
`,
    "ld.lld-22":
      `case " $* " in *" --version "*) echo "Debian LLD 22.1.8 (compatible with GNU linkers)"; exit;; esac
${out}kind=plain
grep -q CONFIG_KCOV=y "$(dirname "$out")/.config" && kind=kcov
${on("not-instrumented")} && kind=plain
cp ${dir}/bin/vmlinux.$kind "$out"
`,
    "qemu-system-x86_64":
      `case " $* " in *" --version "*) echo "QEMU emulator version 7.2.22 (Debian)"; exit;; esac
${started("qemu")}for word; do case "$word" in
  file,id=results,path=*) results=\${word#*path=};;
esac; done
# out/<run>/<cell>/results.log
cell=\${results#${dir}/out/*/}
boot=${dir}/boots/\${cell%/results.log}
end=$(cat "$boot/end")
if [ "$end" = refuses ]; then
  echo "qemu-system-x86_64: -machine microvm: unsupported machine type" >&2
  exit 1
fi
cat "$boot/console"
cat "$boot/results" > "$results"
if [ "$end" = floods ]; then
  left=$(cat "$boot/flood")
  while [ "$left" -gt 0 ]; do cat ${dir}/bin/mebibyte; left=$((left - 1)); done
  end=33
fi
case "$end" in
  killed) kill -9 $$;;
  hangs) exec sleep 600;;
  *) exit "$end";;
esac
`,
  };
}
