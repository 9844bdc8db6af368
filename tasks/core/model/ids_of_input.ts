// SPDX-License-Identifier: MIT
/** Failures of what the user gives: command line, project, series, trees, ends of a bisect. */
import type { IdFacts } from "./id_facts.ts";

export const IDS_OF_INPUT: Readonly<Record<string, IdFacts>> = {
  "bad-usage": {
    kinds: ["usage"],
    means: "the command line asks for what does not go together, or what this command does not do",
    todo: "change it as the message says; `--help` of the command lists its options",
  },
  "bad-environment": {
    kinds: ["usage"],
    means: "a variable of the environment has a value that cannot be used",
    todo: "set or unset the variable that the message names",
  },
  "bad-path": {
    kinds: ["usage"],
    means: "the cache lies at a path that kbuild does not take",
    todo: "move it by `KMATRIX_CACHE` to a path without blanks and quotes",
  },
  "not-writable": {
    kinds: ["usage"],
    means: "a cache, an output folder or a file cannot be written",
    todo:
      "choose another place (`KMATRIX_CACHE`, `--output-dir`, `--junit`), or change its permissions",
  },
  "no-home": {
    kinds: ["usage"],
    means: "there is no home folder to keep runs and cache in",
    todo: "set `HOME`, or name both by `KMATRIX_CACHE` and `--output-dir`",
  },
  "nothing-here": {
    kinds: ["usage"],
    means: "the folder is in no kernel tree, and no cells are named",
    todo: "go into a kernel tree, or name cells or `--tree`",
  },
  "bad-prefix": {
    kinds: ["usage"],
    means: "`install` cannot use this prefix",
    todo: "name another folder by `--prefix`",
  },
  "not-ours": {
    kinds: ["usage"],
    means: "a file in the way of `install` or `uninstall` is not the launcher's",
    todo: "look at the file; move it away if it is not needed",
  },
  "not-installed": {
    kinds: ["no-match"],
    means: "there is no launcher to remove",
    todo: "nothing, or name the `--prefix` that it was installed with",
  },
  "bad-call": {
    kinds: ["usage"],
    means: "the system call of `cover`, `dataflow` or `quality` is not written as one",
    todo: "write it as the example in docs/cover.md",
  },
  "no-matrix": {
    kinds: ["usage"],
    means: "there is no matrix file of that name",
    todo: "name one by `--matrix`, or go where it is",
  },
  "bad-project": {
    kinds: ["usage"],
    means: "a file of the project is missing or cannot be used",
    todo: "mend the file that the message names",
  },
  "bad-yaml": {
    kinds: ["usage"],
    means: "a YAML file is not written as it must be",
    todo: "mend the line that the message names",
  },
  "bad-series": {
    kinds: ["usage"],
    means: "a kernel's `series` file is not written as it must be",
    todo: "mend the line that the message names",
  },
  "bad-mutant": {
    kinds: ["usage"],
    means: "a file of `mutants/` is not written as it must be",
    todo: "mend the line that the message names",
  },
  "no-such-cell": {
    kinds: ["no-match"],
    means: "no cell of the matrix matches",
    todo: "look at `matrix --list`; the message has the nearest ids",
  },
  "no-such-test": {
    kinds: ["no-match"],
    means: "no test of the guest matches",
    todo: "look at `tests`; a glob matches the whole id",
  },
  "bad-run-archive": {
    kinds: ["usage"],
    means: "what should be a run is neither the folder nor an archive of one",
    todo: "name a folder of `out/`, a bundle, or what CI has kept of a run",
  },
  "nothing-in-common": {
    kinds: ["usage"],
    means: "two runs have no cell in common",
    todo: "compare runs of the same cells",
  },
  "no-such-id": {
    kinds: ["no-match"],
    means: "no failure has that id",
    todo: "look at `explain` without one: it lists all",
  },
  "empty-shard": {
    kinds: ["no-match"],
    means: "this part of the matrix has no cell",
    todo: "use fewer shards than there are builds",
  },
  "too-many-shards": {
    kinds: ["usage"],
    means: "a plan is asked for more shards than CI makes jobs of",
    todo: "ask for 256 or fewer, or for `auto`",
  },
  "bad-plan": {
    kinds: ["usage"],
    means: "the file that `--plan` names is no plan of shards",
    todo: "give what `plan --shards n` has printed",
  },
  "foreign-plan": {
    kinds: ["usage"],
    means: "the plan of shards is of other cells, options or files than there are here",
    todo: "use the same state of the repository and the options of the plan (`arguments`)",
  },
  "bad-slurm-arg": {
    kinds: ["usage"],
    means: "what `--slurm-arg` gives is no option of sbatch, or one that kmatrix gives itself",
    todo: "write it as sbatch takes it: `--slurm-arg=--partition=long`",
  },
  "bad-ccache-storage": {
    kinds: ["usage"],
    means:
      "ccache cannot read an address of `CCACHE_REMOTE_STORAGE`, and would fail each compilation",
    todo: "mend the address: `file:`, `http:`, `redis:` or `redis+unix:` (ccache(1))",
  },
  "nothing-ran": {
    kinds: ["no-match"],
    means: "no test was left to run in a cell",
    todo: "choose tests that the cell has the features for (`tests` tells them)",
  },
  "no-run": {
    kinds: ["no-match"],
    means: "the folder holds no run",
    todo: "name a folder of `out/`, or run `matrix` first",
  },
  "nothing-recorded": {
    kinds: ["no-match"],
    means: "the folder holds neither `console.log` nor `results.log`",
    todo: "name the folder of a boot: `out/latest/<cell>`",
  },
  "no-kernel-log": {
    kinds: ["no-match"],
    means: "the text holds no line of a kernel log",
    todo: "name the file that holds the console or `dmesg`",
  },
  "bad-console": {
    kinds: ["usage"],
    means: "the console log cannot be read",
    todo: "look whether it is a file of text, or packed as docs/console.md says",
  },
  "bad-vmlinux": {
    kinds: ["usage"],
    means: "the vmlinux cannot be used for source lines",
    todo: "name the vmlinux of that boot, with debug information",
  },
  "cell-twice": {
    kinds: ["usage"],
    means: "two recordings are of the same cell",
    todo: "judge them one at a time",
  },
  "bad-recording": {
    kinds: ["usage"],
    means: "what should be a file of a recorded boot is none",
    todo: "give the folder that a boot has left: console.log and results.log are files there",
  },
  "bad-boot-json": {
    kinds: ["usage"],
    means: "a `boot.json` has another shape",
    todo: "judge without it, or boot again; the message names the place",
  },
  "bad-run-json": {
    kinds: ["usage"],
    means: "a `run.json` has another shape, or is of another version",
    todo: "make the report with the version that has run it, or run again",
  },
  "bad-bundle": {
    kinds: ["usage"],
    means: "the archive is no bundle, is damaged, or is of another version",
    todo: "get it again, or pack it again by `--bundle`",
  },
  "selftests-do-not-load": {
    kinds: ["usage"],
    means: "a file of the selftests does not load",
    todo: "mend the line that the message names",
  },
  "selftests-do-not-bundle": {
    kinds: ["usage"],
    means: "esbuild cannot bundle the selftests",
    todo: "mend the line that the message names",
  },
  "no-such-kernel": {
    kinds: ["usage"],
    means: "no kernel of the matrix has that id",
    todo: "name one of those that the message lists",
  },
  "no-such-series": {
    kinds: ["usage"],
    means: "there is no such file or folder of patches",
    todo: "look at the path",
  },
  "no-series-file": {
    kinds: ["usage"],
    means: "a folder of patches has no `series` file and no numbered patches",
    todo: "name the files in order in a file `series`",
  },
  "no-patch": {
    kinds: ["usage"],
    means: "the file holds no patch",
    todo: "give a diff, a mail of `git format-patch`, or a folder of them",
  },
  "bad-mail": {
    kinds: ["usage"],
    means: "a mail of the series cannot be read as a patch",
    todo: "get it as plain text (`git format-patch`, `b4 am`)",
  },
  "no-such-patch": {
    kinds: ["usage"],
    means: "a patch that a `series` file names is not there",
    todo: "add it, or take its line out",
  },
  "patches-missing": {
    kinds: ["usage"],
    means: "the series says that it has more patches than were found",
    todo: "get all of it, or accept what is there by `--partial`",
  },
  "empty-series": {
    kinds: ["usage"],
    means: "the series holds no patch",
    todo: "look whether it is the right one",
  },
  "no-git-tree": {
    kinds: ["usage"],
    means: "the folder is no git repository",
    todo: "name one by `--tree`",
  },
  "no-such-commit": {
    kinds: ["usage"],
    means: "git knows no such commit",
    todo: "fetch it, or look at the spelling",
  },
  "bad-range": {
    kinds: ["usage"],
    means: "a range has no commits, or is not written A..B",
    todo: "write the older end first",
  },
  "dubious-ownership": {
    kinds: ["usage"],
    means: "git refuses a repository of another user",
    todo: "add it to git's `safe.directory`",
  },
  "partial-clone": {
    kinds: ["usage"],
    means: "objects of the commit are not in this partial clone",
    todo: "fetch them: `git fetch --refetch`",
  },
  "no-kernel-tree": {
    kinds: ["usage"],
    means: "the folder is no Linux source tree",
    todo: "name its top folder, with Kbuild, Kconfig and Makefile",
  },
  "tree-not-whole": {
    kinds: ["usage"],
    means: "parts of the tree are not there: a sparse checkout, or a package of headers",
    todo: "check all of it out: `git sparse-checkout disable`",
  },
  "tree-has-crlf": {
    kinds: ["usage"],
    means: "files of the tree have CR LF line ends, which kbuild cannot read",
    todo: "check it out with `core.autocrlf=false`",
  },
  "no-kernel-package": {
    kinds: ["usage"],
    means: "the Debian package holds no kernel source",
    todo: "name a package `linux-source-<version>`",
  },
  "bad-fragment": {
    kinds: ["usage"],
    means: "a line of a fragment or of `--kconfig-add` is no Kconfig line",
    todo: "mend the line: `CONFIG_X=y`, `# CONFIG_X is not set`",
  },
  "contradiction": {
    kinds: ["usage"],
    means: "two fragments say different things about one option",
    todo: "take one of the two lines out",
  },
  "bad-base": {
    kinds: ["usage"],
    means: "a file of `base:` or `--config` is missing, no `.config`, or of another architecture",
    todo: "name a `.config` of this architecture",
  },
  "port-in-use": {
    kinds: ["usage"],
    means: "another program listens at the port of `--gdb`",
    todo: "name another port: `--gdb 1235`",
  },
  "unused-expectation": {
    kinds: ["usage"],
    means: "an expectation of the matrix fits nothing that ran",
    todo: "take it out, or mend its globs",
  },
  "unused-splat": {
    kinds: ["usage"],
    means: "an entry of `splats.yaml` fits no complaint",
    todo: "take it out: what it allowed does not come any more",
  },
  "unused-warning": {
    kinds: ["usage"],
    means: "a warning that the matrix lists does not come",
    todo: "take it out",
  },
  "nothing-to-try": {
    kinds: ["usage"],
    means: "`bisect-config` has no option to try",
    todo: "name a config with fragments of its own",
  },
  "same-commit": {
    kinds: ["usage"],
    means: "both ends of the bisect are one commit",
    todo: "name two",
  },
  "ends-swapped": {
    kinds: ["usage"],
    means: "the good end comes after the bad one",
    todo: "swap them",
  },
  "bisect-refused": {
    kinds: ["usage"],
    means: "git refuses the bisect, for example as the merge base is bad",
    todo: "name ends of one line of history",
  },
  "bisect-undecided": {
    kinds: ["no-match"],
    means: "what is left cannot be told apart: commits that do not build, or do not boot",
    todo: "look at the commits that the message lists",
  },
  "bad-is-good": {
    kinds: ["usage"],
    means: "the bad end shows no failure",
    todo: "look whether it fails: `repro` with the same options; name a test by `--test`",
  },
  "good-is-bad": {
    kinds: ["usage"],
    means: "the good end fails as the bad one does",
    todo: "name an older commit",
  },
  "good-is-unclear": {
    kinds: ["usage"],
    means: "the good end fails now and then, or of something else",
    todo: "name another commit, or more boots (`--max-boots`)",
  },
  "same-image": {
    kinds: ["usage"],
    means: "both ends make the same kernel",
    todo: "look whether the change is in this config at all",
  },
  "good-does-not-build": {
    kinds: ["usage"],
    means: "the good end does not build",
    todo: "name another commit",
  },
  "bad-does-not-build": {
    kinds: ["usage"],
    means: "the bad end does not build, and a test was asked for",
    todo: "leave `--test` out to hunt the build failure",
  },
  "hunted-test-skips": {
    kinds: ["config"],
    means: "a test that is hunted skips without the options that were left out",
    todo: "name it with a feature that stays",
  },
};
