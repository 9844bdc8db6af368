// SPDX-License-Identifier: MIT
/**
 * A whole project in a temporary folder over which the real tool runs in a second: a kernel tree of
 * two files, and a folder of programs in front of which there is nothing else on the PATH. make, sh
 * and coreutils are real; clang, ld.lld, the LLVM tools and QEMU are shell scripts (fake_programs.ts).
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname } from "node:path/posix";
import { archOf } from "../core/arch/table.ts";
import { declaredTests } from "../steps/declared_tests.ts";
import { flagsOf } from "../commands/command.ts";
import { COMMANDS } from "../commands/mod.ts";
import type { Feature } from "../core/model/model.ts";
import {
  fakePrograms,
  OPTIONAL_PROGRAMS,
  startedLine,
  type Switch,
  SYSTEM_PROGRAMS,
} from "./fake_programs.ts";
import { projectFiles } from "./fake_tree.ts";
import { mutedImports } from "./muted.ts";
import { FINISHED, record, type Recording, type Script, scripted } from "./recorder.ts";
import { PseudoTerminal, type Size } from "./pseudo_terminal.ts";
import { tinyKernel } from "./tiny_elf.ts";

const ARCH = archOf({});

/** What QEMU does with one cell. */
export interface FakeBoot {
  readonly recording: Pick<Recording, "console" | "results">;
  /** Exit code, or how it ends by something else. */
  readonly end: number | "killed" | "hangs" | "refuses" | { readonly floodMiB: number };
}

const MUTED_IMPORTS = "muted-imports.json";

const CELLS: Readonly<Record<string, readonly Feature[]>> = {
  "fake/nokcov": [],
  "fake/kcov": ["kcov"],
  "fake/kcov/smp4": ["kcov", "smp"],
};

export class FakeProject {
  readonly dir: string;
  /** Variables of the user, beside those of every run. */
  environment: Readonly<Record<string, string>> = {};
  /** Where the tool is started; the project's folder for null. */
  folder: string | null = null;
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
    for (const [name, text] of Object.entries(fakePrograms(this.dir))) {
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
    await this.write(`${quickjs}/lib/${ARCH.debian.libraries}/quickjs/libquickjs.a`, "");
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
      await this.setBoot(cell, { recording: record(soundScript(cell)), end: FINISHED });
    }
  }

  async forgetBuilds(): Promise<void> {
    await Deno.remove(`${this.cache}/builds`, { recursive: true }).catch(() => {});
  }

  async write(path: string, content: string | Uint8Array): Promise<void> {
    const file = `${this.dir}/${path}`;
    await Deno.mkdir(dirname(file), { recursive: true });
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

  /** The words that run kmatrix over this project. */
  #argv(args: readonly string[]): string[] {
    const entry = `${import.meta.dirname}/fake_main.ts`;
    const words = this.muted ? [`--import-map=${this.dir}/${MUTED_IMPORTS}`] : [];
    const flags = ["--allow-all", "--no-check", ...words];
    return [Deno.execPath(), "run", ...flags, entry, this.root, ...args];
  }

  get #env(): Record<string, string> {
    // Of the environment that the tests run in, nothing may reach make.
    const unset = ["LLVM", "CC", "O", "ARCH", "W", "V", "KCFLAGS", "MAKEFLAGS", "INIT_CWD"]
      // Tests may run in a CI themselves.
      .concat("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITLAB_CI");
    return {
      ...Object.fromEntries(unset.map((name) => [name, ""])),
      PATH: `${this.dir}/bin`,
      KMATRIX_CACHE: this.cache,
      HOME: `${this.dir}/home`,
      DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
      NO_COLOR: "1",
      ...this.environment,
    };
  }

  /** Starts kmatrix under a terminal of that size. */
  inTerminal(size: Size, ...args: readonly string[]): PseudoTerminal {
    const argv = this.#argv(this.#runArguments(args));
    return new PseudoTerminal(argv, size, { cwd: this.folder ?? this.root, env: this.#env });
  }

  /** The command that runs kmatrix over this project, as the leader of a process group. */
  command(args: readonly string[]): Deno.Command {
    return new Deno.Command(`${this.dir}/bin/setsid`, {
      args: this.#argv(args),
      cwd: this.folder ?? this.root,
      env: this.#env,
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

  /** Folder of the newest run, whatever command made it. */
  async newestRun(): Promise<string> {
    const names = (await Array.fromAsync(Deno.readDir(this.out))).map(({ name }) => name)
      .filter((name) => /^\d{8}T/.test(name));
    const number = (name: string) => Number(name.split("-")[1] ?? 1);
    const stamp = (name: string) => name.split("-")[0]!;
    names.sort((a, b) =>
      stamp(a) === stamp(b) ? number(a) - number(b) : stamp(a) < stamp(b) ? -1 : 1
    );
    return `${this.out}/${names.at(-1)}`;
  }

  /** A file of the newest run. */
  async read(path: string): Promise<string> {
    return await Deno.readTextFile(`${await this.newestRun()}/${path}`);
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
