// SPDX-License-Identifier: MIT
/**
 * A git history of the fake kernel tree, and programs that make of each commit the kernel that its
 * kernel/kcov.c names: `image=<word>` decides what is linked and how that boots.
 */
import assert from "node:assert/strict";
import $ from "dax";
import { archOf } from "../core/arch/table.ts";
import { declaredTests } from "../steps/declared_tests.ts";
import type { FakeProject } from "./fake_project.ts";
import { type Act, FINISHED, record, scripted } from "./recorder.ts";
import { tinyKernel } from "./tiny_elf.ts";

const ARCH = archOf({});

/** What a commit is to its builder and to who boots it. */
export interface FakeCommit {
  readonly subject: string;
  /** Commits of one word build the same kernel. */
  readonly image: string;
  /** kernel/fork.c does not compile, for this reason: "broken" without one. */
  readonly broken?: boolean | string;
  /** Of the tree's Kconfig file; without it, the tree has none. */
  readonly kconfig?: string;
}

/** What QEMU does with kernels, by the first letters of their image. */
export interface FakeBehaviour {
  readonly image: string;
  /** For each boot in turn, and from the start again; of {@linkcode recordings}. */
  readonly boots: readonly string[];
}

const DECLARED = await declaredTests();

/** The test that a bug breaks, and one that fails now and then whatever is booted. */
export const [HUNTED, FLAKY] = DECLARED
  .filter((test) => test.requires.every((feature) => feature === "kcov"))
  .map((test) => test.id) as [string, string];

/** Programs of the system that git's shell scripts call. */
const GIT_PROGRAMS = [
  "uname",
  "basename",
  "expr",
  "tr",
  "tail",
  "cut",
  "ls",
];

/** Lets git, and programs that act by the images of a history, take the place of the project's. */
export async function installHistoryPrograms(
  project: FakeProject,
  behaviours: readonly FakeBehaviour[],
): Promise<void> {
  for (const name of GIT_PROGRAMS) {
    const found = (await $`sh -c ${`command -v ${name}`}`.text()).trim();
    await Deno.symlink(found, `${project.dir}/bin/${name}`).catch(() => {});
  }
  // The base of a brought tree, of which only the list of objects is taken.
  const base = `source: { tree: ${project.dir}/tree }\n`;
  await project.write("project/kernels/linux-6.12/kernel.yaml", base);
  await installPrograms(project, behaviours);
  const acts: Record<string, readonly [Act, Act]> = {
    fine: [{ do: "pass" }, { do: "pass" }],
    flaky: [{ do: "pass" }, { do: "fail", message: "now and then" }],
    broken: [{ do: "fail", message: "expected 1, found 0" }, { do: "pass" }],
    both: [{ do: "fail", message: "expected 1, found 0" }, { do: "fail", message: "again" }],
  };
  for (const [name, [hunted, flaky]] of Object.entries(acts)) {
    const tests = [HUNTED, FLAKY].map((id, index) => ({
      ...scripted(id, index === 0 ? hunted : flaky),
      declared: DECLARED.find((test) => test.id === id)!,
    }));
    const recording = record({ cell: "tree/kcov", features: ["kcov"], tests });
    await project.setBoot(name, { recording, end: FINISHED });
  }
  const panic = "Kernel panic - not syncing: VFS: Unable to mount root fs";
  const tests = [{ ...scripted(HUNTED, { do: "vanish" as const }, { console: [panic] }) }];
  await project.setBoot("panics", {
    recording: record({ cell: "tree/kcov", features: ["kcov"], tests }),
    end: 0,
  });
}

export interface FakeHistory {
  /** The checkout, in a folder named "tree". */
  readonly tree: string;
  readonly ids: readonly string[];
}

/** The kernels that the linker gives for these words. */
export async function writeImages(project: FakeProject, images: readonly string[]): Promise<void> {
  for (const image of images) {
    const content = new TextEncoder().encode(`image=${image}`);
    const kernel = tinyKernel({
      calls: { __sanitizer_cov_trace_pc: 1000 },
      sections: [{ name: ".rodata", type: 1, flags: 2, content }],
    });
    await project.write(`images/${image}`, kernel);
  }
}

/** A repository of its own with these commits; counts of boots start anew. */
export async function makeHistory(
  project: FakeProject,
  commits: readonly FakeCommit[],
): Promise<FakeHistory> {
  await Deno.remove(`${project.dir}/booted`, { recursive: true }).catch(() => {});
  await writeImages(project, commits.map((commit) => commit.image));
  const tree = `${project.dir}/${crypto.randomUUID().slice(0, 8)}/tree`;
  await Deno.mkdir(tree, { recursive: true });
  return { tree, ids: await makeCommits(project, tree, commits) };
}

/** All commits by one git process; gives their ids. */
async function makeCommits(
  project: FakeProject,
  tree: string,
  commits: readonly FakeCommit[],
): Promise<string[]> {
  const data = (text: string) => `data ${new TextEncoder().encode(text).length}\n${text}\n`;
  const file = (path: string, text: string) => `M 644 inline ${path}\n${data(text)}`;
  const makefile = await Deno.readTextFile(`${project.dir}/tree/Makefile`);
  const stream = commits.map(({ subject, image, broken, kconfig }, index) =>
    [
      "commit refs/heads/main\n",
      `mark :${index + 1}\n`,
      `committer A <a@example.org> ${1_700_000_000 + index} +0000\n`,
      data(subject),
      file("Makefile", makefile),
      file("kernel/kcov.c", `int kcov; /* image=${image} */\n`),
      file(
        "kernel/fork.c",
        broken ? `#error ${broken === true ? "broken" : broken}\n` : "int fork;\n",
      ),
      file("note", `${index}\n`),
      kconfig === undefined ? "" : file("Kconfig", kconfig),
    ].join("")
  ).join("");
  await $`git init --quiet --initial-branch=main`.cwd(tree);
  await $`git fast-import --quiet --export-marks=${tree}/.git/marks`.cwd(tree).stdinText(stream);
  await $`git reset --quiet --hard`.cwd(tree);
  const marks = await Deno.readTextFile(`${tree}/.git/marks`);
  const ids = new Map(marks.trim().split("\n").map((line) => line.split(" ") as [string, string]));
  return commits.map((_, index) => ids.get(`:${index + 1}`)!);
}

async function installPrograms(
  project: FakeProject,
  behaviours: readonly FakeBehaviour[],
): Promise<void> {
  const { dir } = project;
  const prepend = async (name: string, text: string) => {
    const file = `${dir}/bin/${name}`;
    const old = await Deno.readTextFile(file);
    assert.ok(old.startsWith("#!/bin/sh\n"));
    await Deno.writeTextFile(file, `#!/bin/sh\n${text}${old.slice("#!/bin/sh\n".length)}`);
  };
  await prepend(
    "clang-22",
    `case "$*" in *kernel/fork.c*) if grep -q '#error' kernel/fork.c; then
  echo "$PWD/kernel/fork.c:1:2: error: $(sed 's/#error //' kernel/fork.c)" >&2; exit 1; fi;;
esac
`,
  );
  await prepend(
    "ld.lld-22",
    `out=; prev=; for word; do [ "$prev" = -o ] && out=$word; prev=$word; done
if [ -n "$out" ] && [ -e kernel/kcov.c ]; then
  cp "${dir}/images/$(sed -n 's/.*image=\\([a-z0-9-]*\\).*/\\1/p' kernel/kcov.c)" "$out"; exit
fi
`,
  );
  const cases = behaviours.map(({ image, boots }) => `${image}*) set -- ${boots.join(" ")};;`).join(
    "\n  ",
  );
  await prepend(
    ARCH.qemu.program,
    `case " $* " in *" --version "*) ;; *)
  for word; do case "$word" in
    file,id=results,path=*) results=\${word#*path=};;
    */vmlinux) image=$(grep -ao 'image=[a-z0-9-]*' "$word"); image=\${image#image=};;
  esac; done
  mkdir -p ${dir}/booted
  case "$image" in
  ${cases}
  esac
  turn=$(cat "${dir}/booted/$image" 2> /dev/null || echo 0)
  echo $((turn + 1)) > "${dir}/booted/$image"
  shift $((turn % $#))
  cat "${dir}/boots/$1/console"
  cat "${dir}/boots/$1/results" > "$results"
  exit "$(cat "${dir}/boots/$1/end")";;
esac
`,
  );
}

/** How often each image was booted. */
export async function bootsOf(project: FakeProject): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for await (const { name } of Deno.readDir(`${project.dir}/booted`)) {
    found[name] = Number(await Deno.readTextFile(`${project.dir}/booted/${name}`));
  }
  return found;
}

/** Everything of a repository that could have been written to: files with times, refs, state. */
export async function stateOf(tree: string): Promise<string> {
  const list = await $`find . -type f -printf ${"%P %s %T@\\n"}`.cwd(tree).text();
  const status = await $`git status --porcelain --branch`.cwd(tree)
    .env("GIT_OPTIONAL_LOCKS", "0").text();
  return `${status}${list.split("\n").sort().join("\n")}`;
}
