// SPDX-License-Identifier: MIT
/** Failures of the machine, and of kernels that are made: source, patches, options, build, inspection. */
import type { IdFacts } from "./id_facts.ts";

export const IDS_OF_MAKING: Readonly<Record<string, IdFacts>> = {
  "missing-tool": {
    kinds: ["infra"],
    means: "a program or file of the machine is missing",
    todo: "install what the message names; `doctor` lists everything",
  },
  "too-little-room": {
    kinds: ["infra"],
    means: "there is too little disk or memory for the run",
    todo: "make room, or take fewer cells or cores",
  },
  "no-file-locks": {
    kinds: ["infra"],
    means: "the file system of the cache knows no locks, or a link in it leads nowhere",
    todo: "move the cache to another one by `KMATRIX_CACHE`, or remove the link",
  },
  "install-failed": {
    kinds: ["infra"],
    means: "installing packages failed",
    todo: "read apt's own words below, or install them by hand",
  },
  "kvm-broken": {
    kinds: ["infra"],
    means: "KVM was asked for and does not work here",
    todo: "leave it out, or run with `--accel tcg`",
  },
  "no-mirror": {
    kinds: ["infra"],
    means: "apt has no mirror that a package could be taken from",
    todo: "add one to apt's sources",
  },
  "package-gone": {
    kinds: ["infra"],
    means: "the package index has no such package",
    todo: "update the index, or name another source of the kernel",
  },
  "no-source": {
    kinds: ["infra"],
    means: "none of a kernel's sources can be had here",
    todo: "read the reason of each; add a source that this machine can reach",
  },
  "source-missing": {
    kinds: ["infra"],
    means: "a kernel's source is not where it should be",
    todo: "put it there, or mend `kernel.yaml`",
  },
  "download-failed": {
    kinds: ["infra"],
    means: "a download failed after three tries",
    todo: "look at the network and the address; try again",
  },
  "wrong-sha256": {
    kinds: ["infra"],
    means: "a downloaded file is another one than it should be",
    todo: "look where it comes from; mend the sum only if you trust it",
  },
  "git-failed": { kinds: ["infra"], means: "git failed", todo: "read git's own words below" },
  "unpack-failed": {
    kinds: ["infra"],
    means: "an archive cannot be unpacked",
    todo: "remove it from the cache and try again",
  },
  "does-not-apply": {
    kinds: ["patch"],
    means: "a patch does not apply to this tree",
    todo: "rebase it, or apply it to the kernel that it was made for (`--kernel`)",
  },
  "no-such-target": {
    kinds: ["config"],
    means: "the tree has no such `*_defconfig` or `.config` target",
    todo: "name one of those that the message lists",
  },
  "option-dropped": {
    kinds: ["config"],
    means: "an option that was asked for is not in the final `.config`",
    todo: 'do what the message says under "To fix", or take the request out',
  },
  "toolchain-lacks-feature": {
    kinds: ["config"],
    means: "the compiler cannot do what the config requires",
    todo: "use a newer clang (`LLVM=-22`), or another config",
  },
  "no-llvm-headers": {
    kinds: ["infra"],
    means: "g++ or LLVM's headers are missing, by which the dataflow plugin is compiled",
    todo: "install them (Debian: `g++` and `llvm-22-dev`), or leave those cells out",
  },
  "other-llvm": {
    kinds: ["infra"],
    means: "LLVM's headers are of another version than the compiler, which loads no such plugin",
    todo: "install the headers of the compiler's version, or name another toolchain (`LLVM=`)",
  },
  "plugin-compile-error": {
    kinds: ["config"],
    means: "the dataflow plugin does not compile with the headers of this LLVM",
    todo: "read g++'s words below; it is tried with the versions that docs/dataflow.md names",
  },
  "plugin-not-loaded": {
    kinds: ["config"],
    means: "the compiler does not load the dataflow plugin, or the plugin adds no call",
    todo: "read the compiler's words below; take clang and its headers from one place",
  },
  "make-config-failed": {
    kinds: ["config"],
    means: "make makes no configuration of this tree",
    todo: "mend the Kconfig line that the message names",
  },
  "compile-error": {
    kinds: ["build"],
    means: "a file does not compile",
    todo: "mend the line that the message names; the log's end stands below",
  },
  "link-error": {
    kinds: ["build"],
    means: "the kernel does not link",
    todo: "read the linker's first error, which the message quotes",
  },
  "modpost-error": {
    kinds: ["build"],
    means: "modpost refuses a module",
    todo: "export the symbol, or select what defines it",
  },
  "make-error": {
    kinds: ["build"],
    means: "make failed without a compiler's or linker's error",
    todo: "read the end of the log",
  },
  "no-product": {
    kinds: ["build"],
    means: "make succeeded, and a file that it was to make is not there",
    todo: "look at the log; a Makefile may swallow an error",
  },
  "new-warning": {
    kinds: ["build"],
    means: "a warning that the matrix does not list",
    todo: "mend the code, or list the warning with a reason (docs/matrix.md)",
  },
  "selftest-build-error": {
    kinds: ["build"],
    means: "the tree's own KCOV selftest in C does not build",
    todo: "mend it, or its Makefile",
  },
  "sandbox-denied": {
    kinds: ["build"],
    means: "a Makefile did what the sandbox forbids",
    todo: "see docs/confinement.md; `--sandbox off` for a tree that you trust",
  },
  "points-outside": {
    kinds: ["build"],
    means: "a file of the build folder is a link that leads out of it",
    todo: "look what has made the link",
  },
  "log-cap": {
    kinds: ["build"],
    means: "make printed more than is kept, so that nobody knows its warnings",
    todo: "make the build quieter",
  },
  "sandbox-broken": {
    kinds: ["infra"],
    means: "bubblewrap failed",
    todo: "read its words below; `--sandbox off` does without",
  },
  "no-sandbox": {
    kinds: ["infra"],
    means: "a sandbox is required and cannot be had",
    todo: "install bubblewrap, or use `--sandbox auto`",
  },
  "source-changed": {
    kinds: ["infra"],
    means: "an unpacked tree of the cache was changed by hand",
    todo: "remove it from the cache, or give your copy by `--tree`",
  },
  "compiler-killed": {
    kinds: ["infra"],
    means: "the system killed the compiler, mostly for want of memory",
    todo: "use fewer jobs (`-j`), or more memory",
  },
  "compiler-crashed": {
    kinds: ["infra"],
    means: "the compiler itself crashed",
    todo: "try another version of it; report it to its authors",
  },
  "disk-full": {
    kinds: ["infra"],
    means: "the disk is full",
    todo: "make room (`cache prune`), or move the cache by `KMATRIX_CACHE`",
  },
  "no-permission": {
    kinds: ["infra"],
    means: "the system does not let this user read or write a file or folder",
    todo: "look at its owner and mode (`ls -ld`), or name another place",
  },
  "is-a-folder": {
    kinds: ["usage"],
    means: "a folder was named where a file is read",
    todo: "name the file in it",
  },
  "out-of-memory": {
    kinds: ["infra"],
    means: "a program found no memory",
    todo: "use fewer jobs (`-j`), or more memory",
  },
  "not-as-asked": {
    kinds: ["inspect"],
    means: "the kernel is not instrumented as its configuration promises",
    todo: "look at the objects below: flags, Makefiles, attributes",
  },
  "nothing-late": {
    kinds: ["no-match"],
    means: "a cell that is to be compared is not instrumented late",
    todo: "name a cell with KCOV; install ccache, and `opt` of the compiler's version",
  },
  "variant-differs": {
    kinds: ["inspect"],
    means: "an object that was instrumented late is not the one that clang makes in one step",
    todo: "use `--late-instrumentation off`, and report it with the object's name",
  },
  "no-elf": {
    kinds: ["inspect"],
    means: "what make built is no ELF file of this architecture",
    todo: "look at the toolchain and `ARCH`",
  },
  "no-object-list": {
    kinds: ["infra"],
    means: "the objects of a build cannot be listed",
    todo: "build again with an empty build folder",
  },
  "runtime-build-failed": {
    kinds: ["infra"],
    means: "the guest's runtime does not compile",
    todo: "read the compiler's words below",
  },
  "cpio-failed": {
    kinds: ["infra"],
    means: "the guest's initramfs cannot be packed",
    todo: "read cpio's words below",
  },
  "not-removable": {
    kinds: ["infra"],
    means: "a folder of the cache cannot be removed",
    todo: "remove it by hand, with the rights that it needs",
  },
  "unreadable": {
    kinds: ["infra"],
    means: "a file of the run cannot be read",
    todo: "look at its permissions",
  },
  "bundle-failed": {
    kinds: ["infra"],
    means: "the bundle cannot be packed",
    todo: "read the words of tar below",
  },
  "symbolizer-failed": {
    kinds: ["infra"],
    means: "llvm-symbolizer or llvm-dwarfdump failed, so that lines or types are missing",
    todo: "look at the toolchain; the verdict is the same",
  },
  "report-unwritten": {
    kinds: ["infra"],
    means: "the report cannot be written",
    todo: "make room, or look at the permissions of the run's folder",
  },
  "job-refused": {
    kinds: ["usage"],
    means: "Slurm does not take the jobs of `--on slurm`",
    todo: "read its words below; `--slurm-arg` gives it a partition, an account, less memory",
  },
  "scheduler-away": {
    kinds: ["infra"],
    means: "Slurm's scheduler does not answer, and nothing was submitted",
    todo: "ask it yourself (`scontrol ping`), and run again",
  },
  "shard-lost": {
    kinds: ["infra"],
    means: "the job of a shard has ended without a result: cancelled, out of time or memory",
    todo: "read the end of its log below, and docs/slurm.md; run again",
  },
  "shard-missing": {
    kinds: ["infra"],
    means: "a shard of the plan is not among those that are merged; its cells are not run",
    todo: "look at its job, run that again, and merge all of them",
  },
  "shard-doubled": {
    kinds: ["infra"],
    means: "a shard is there twice; the one that was named first is taken",
    todo: "merge one run of each shard: of a job that ran again, the last one",
  },
  "shard-torn": {
    kinds: ["infra"],
    means: "what is merged holds no whole run: none at all, a cut one, or one that was ended",
    todo: "look at the job and at how its run was uploaded; run it again",
  },
  "shard-foreign": {
    kinds: ["infra"],
    means: "a run is of another plan, of another version of kmatrix, or no shard",
    todo: "merge shards of one plan: the same commit, cells, options and number of shards",
  },
  "shards-differ": {
    kinds: ["infra"],
    means: "shards have judged different sources of one kernel",
    todo: "pin the source, or run the shards again at one time",
  },
};
