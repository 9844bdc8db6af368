// SPDX-License-Identifier: MIT
/** Two repositories, that of kmatrix as it is now and that of a user, for tests of CI services. */
import $ from "dax";
import { FakeProject } from "./fake_project.ts";
import { copyProject } from "./project_copy.ts";
import { FINISHED } from "./recorder.ts";

const MATRIX = `toolchains:
  clang-22: { llvm: "-22" }
machines:
  uni: { cpus: 1, memoryMiB: 256 }
  smp4: { cpus: 4, memoryMiB: 512 }
configs:
  nokcov: { fragments: [base] }
  plain: { fragments: [base, more] }
  kcov: { fragments: [base, kcov], requires: [trace-pc] }
product:
  - { kernels: [fake], configs: [nokcov, plain] }
  - { kernels: [fake], configs: [kcov], machines: [uni, smp4] }
expect:
  fake/nokcov: skip
  fake/plain: skip
`;

/** A branch, a file and a message as a stranger may call them. */
export const EVIL_BRANCH = "$(touch${IFS}pwned);`touch${IFS}pwned`";
export const EVIL_FILE = "::error::x $(touch pwned) %0A.config";

/** A repository of a user's, one of kmatrix, and machines that have both of them. */
export class Hub {
  readonly project: FakeProject;
  readonly dir: string;
  commit = "";

  private constructor(project: FakeProject) {
    this.project = project;
    this.dir = `${project.dir}/hub`;
  }

  static async create(): Promise<Hub> {
    const hub = new Hub(await FakeProject.create());
    await hub.#fill();
    return hub;
  }

  async #fill(): Promise<void> {
    const { project, dir } = this;
    await Deno.mkdir(`${dir}/bin`, { recursive: true });
    const tool = await copyProject(dir);
    this.commit = await commit(tool, "kmatrix");
    const files: Record<string, string> = {
      "matrix.yaml": MATRIX,
      "kernels/fake/kernel.yaml": `source: { tree: ${project.dir}/tree }\n`,
      "configs/guest.config": "CONFIG_PRINTK=y\n",
      "configs/base.config": "CONFIG_PRINTK=y\n",
      "configs/more.config": "CONFIG_64BIT=y\n",
      "configs/kcov.config": "CONFIG_KCOV=y\n",
      [EVIL_FILE]: "",
    };
    for (const [path, text] of Object.entries(files)) await project.write(`hub/user/${path}`, text);
    await commit(`${dir}/user`, "$(touch pwned)");
    await $`git checkout --quiet -b ${EVIL_BRANCH}`.cwd(`${dir}/user`).quiet();
    for (const name of ["bash", "readlink", "chmod"]) {
      await Deno.symlink(await $.which(name) ?? name, `${dir}/bin/${name}`);
    }
    const programs: Record<string, string> = {
      // Of what npx and apt-get are given, only what a fresh container is given may come.
      "npx": `[ "$1 $2" = "--yes deno" ] || exit 9; shift 2; exec ${Deno.execPath()} "$@"`,
      "apt-get": `echo "$@" >> ${dir}/apt-get`,
      "zstd": "exit 0",
    };
    for (const [name, text] of Object.entries(programs)) {
      await Deno.writeTextFile(`${dir}/bin/${name}`, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    }
    const plain = project.soundBoot("fake/nokcov", (script) => ({ ...script, cell: "fake/plain" }));
    await project.setBoot("fake/plain", { recording: plain, end: FINISHED });
  }

  /**
   * A repository that is a kernel tree with a matrix, checked out as a pull request's: its HEAD merges
   * two commits, which change `kernel/fork.c`.
   */
  async kernelRepository(): Promise<string> {
    const { project, dir } = this;
    const tree = `${dir}/linux`;
    await $`env cp -a ${project.dir}/tree ${tree}`.quiet();
    await $`env cp -a ${dir}/user/configs ${dir}/user/kernels ${tree}/`.quiet();
    const template = "template:\n  kernel: fake\n  configs: [nokcov, plain, kcov]\n";
    await Deno.writeTextFile(`${tree}/matrix.yaml`, MATRIX + template);
    // By their Kconfig files, trees are given the cells that they have the options of.
    const options = ["64BIT", "PRINTK", "PVH", "KCOV"].map((name) => `config ${name}\n\tbool\n`);
    await Deno.writeTextFile(`${tree}/kernel/Kconfig`, options.join(""));
    await commit(tree, "base");
    const git = (...words: string[]) =>
      $`git -c user.name=a -c user.email=a@b ${words}`.cwd(tree).quiet();
    await git("checkout", "--quiet", "-b", "topic");
    for (const text of ["int fork; int more;\n", "int fork; int more; int most;\n"]) {
      await Deno.writeTextFile(`${tree}/kernel/fork.c`, text);
      await git("commit", "--quiet", "--all", "--message", "change");
    }
    await git("checkout", "--quiet", "main");
    await git("merge", "--quiet", "--no-ff", "--message", "merge", "topic");
    for (const [config, like] of [["nokcov", "nokcov"], ["plain", "nokcov"], ["kcov", "kcov"]]) {
      const cell = `source+HEAD-1..HEAD/${config}`;
      const recording = project.soundBoot(`fake/${like}`, (script) => ({ ...script, cell }));
      await project.setBoot(cell, { recording, end: FINISHED });
    }
    return tree;
  }

  /** The PATH of a job. */
  get path(): string {
    return `${this.dir}/bin:${this.project.dir}/bin`;
  }

  /** What a new machine has in its cache, in the place of a download. */
  async prepare(cache: string): Promise<void> {
    await Deno.mkdir(cache, { recursive: true });
    await $`env cp -a ${this.project.cache}/toolchain ${cache}/`.quiet();
  }
}

export const DENO_DIR = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;

/** Makes a folder a repository with all that is in it; gives the commit. */
export async function commit(folder: string, message: string): Promise<string> {
  const git = (...words: string[]) =>
    $`git -c user.name=a -c user.email=a@b -c init.defaultBranch=main ${words}`.cwd(folder);
  await git("init", "--quiet");
  await git("add", "--all");
  await git("commit", "--quiet", "--message", message);
  return (await git("rev-parse", "HEAD").text()).trim();
}

/** Without what tells machines and moments apart. */
export function plainJunit(xml: string): string {
  return xml.replaceAll(/ time="[\d.]+"/g, "").replaceAll(/ timestamp="[^"]+"/g, "")
    .replaceAll(/ *<property name="boot.over-budget".*\n/g, "")
    .replaceAll(/("(?:boot\.ms|boot\.phase\.\w+|build\.stalled\w*)" value=)"[^"]+"/g, '$1"…"')
    .replaceAll(/ --shard[= ]\S+/g, "");
}

export const filesNamed = async (dir: string, name: string) =>
  (await $`find ${dir} -name ${name}`.text()).split("\n").filter(Boolean);
