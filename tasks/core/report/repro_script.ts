// SPDX-License-Identifier: MIT
/**
 * `repro.sh`: a POSIX shell script that shows one failure again with make, QEMU and coreutils, for
 * people who do not have this tool. What it judges by is written into it: which test is to pass,
 * which is to skip, and which failed.
 */
import judgeText from "./repro_judge.sh" with { type: "text" };
import type {
  Accel,
  BootRecord,
  CellResult,
  DeclaredTest,
  Expectation,
  Machine,
  SourceIdentity,
  SourceSpec,
  Stage,
  TestOutcome,
  TreeIdentity,
} from "../model/model.ts";
import { isShownByMake, type ShownByMake } from "../model/stage_table.ts";
import { globMatcher } from "../model/cells.ts";
import { EXIT_FINISHED } from "../../../selftests/contract/frames.ts";
import { makeArgv, type MakeRequest } from "../build/make.ts";
import { qemuArgv, qemuExitCode } from "../boot/qemu.ts";
import { debianSourceTar } from "../source/debian.ts";
import { quoteWord } from "../text/shell.ts";
import { contentCommand, SOURCE_DIFF } from "../source/source_identity.ts";

/** What a test must come to for the cell to be as declared; "any" where the matrix excuses it. */
export interface ExpectedTest {
  readonly id: string;
  readonly want: "ok" | "skip" | "any";
}

export interface BootFacts {
  readonly machine: Machine;
  readonly accel: Accel;
  readonly timeoutSeconds: number;
  /** SHA-256 of the files; vmlinux lies beside the script or at `vmlinux`. */
  readonly digests: { readonly vmlinux: string; readonly initramfs: string };
  readonly vmlinux: string;
  readonly expected: readonly ExpectedTest[];
  /** Tests that were not as expected. */
  readonly failed: readonly string[];
  /** Tests during which the kernel complained; what they reported themselves does not count. */
  readonly complained: readonly string[];
  /** Failed results of the tree's own C programs, which the script does not judge. */
  readonly beyond: readonly string[];
  /** First lines of complaints that are known and allowed. */
  readonly allowed: readonly string[];
  /** The kernel complained at all. */
  readonly complaints: boolean;
  /** The guest came to its end. */
  readonly complete: boolean;
}

export interface ReproFacts {
  readonly cell: string;
  /** The stage that failed; "boot" and "parse" stand for the boot and its tests. */
  readonly stage: Stage;
  /** The messages of the verdict. */
  readonly recorded: readonly string[];
  readonly repeat: string;
  readonly source: SourceSpec;
  readonly version: string;
  /** What was judged; null where it could not be found out. */
  readonly identity: SourceIdentity | null;
  /** The diffs in series/ beside the script, in order, and the folders to take off their names. */
  readonly series: readonly { readonly name: string; readonly strip: number }[];
  /** They were applied with --fuzz. */
  readonly fuzz?: boolean;
  readonly make: Pick<MakeRequest, "toolchain" | "variables">;
  readonly targets: readonly string[];
  /** SHA-256 of .config beside the script; null where it did not come to one. */
  readonly config: string | null;
  /** What request.config beside the script asks, an option a line; of a failed gate. */
  readonly request: readonly string[];
  readonly boot: BootFacts | null;
}

/** Lines that begin a complaint of the kernel, as an extended regular expression of POSIX. */
export const COMPLAINT = [
  "(traps: )?PANIC: |Kernel panic - |kernel BUG at |BUG:? |WARNING: |UBSAN: |CFI failure at ",
  "(watchdog: )?BUG: |(Oops: )?general protection fault|Oops:? |(rcu: )?INFO: .*(stall|blocked)",
  "INFO: trying to register non-static key|(invalid opcode|divide error|int3|stack segment): ",
  "list_(add|del)|refcount_t: |usercopy: |kmemleak: [0-9]|(Memory cgroup o|O)ut of memory: ",
  "irq [0-9]+: nobody cared|.*invoked oom-killer:|.*detected hard LOCKUP|ODEBUG: |fortify: ",
  ".*: page allocation failure|unregister_netdevice: waiting for|VFS: Busy inodes|divide_error: ",
  "([a-z_]+: )?detected (buffer overflow|field-spanning)|unreferenced object 0x|INFO: .*can.t die",
  "Unable to handle kernel|Internal error: |Uhhuh\\. NMI received",
].join("|");

/** What a boot was judged by. */
export interface JudgedBoot {
  readonly record: Pick<BootRecord, "features">;
  readonly result: Pick<CellResult, "tests">;
  readonly declared: readonly DeclaredTest[];
  readonly expect: Expectation;
}

/** What each test of a boot must come to, in its order. */
export function expectedTests({ record, result, declared, expect }: JudgedBoot): ExpectedTest[] {
  const excused = expect.kind === "fail" && expect.tests.length > 0
    ? globMatcher(expect.tests)
    : () => false;
  return result.tests.flatMap(({ id }) => {
    const requires = declared.find((test) => test.id === id)?.requires;
    if (requires === undefined) return [];
    const lacking = requires.some((feature) => !record.features.includes(feature));
    return [{ id, want: excused(id) ? "any" : lacking ? "skip" : "ok" }];
  });
}

/** Ids of the tests that failed by what they reported, and of those that the kernel spoiled. */
export function failedTests(
  boot: JudgedBoot,
): Pick<BootFacts, "failed" | "complained" | "beyond"> {
  const wants = new Map(expectedTests(boot).map(({ id, want }) => [id, want]));
  const ids = (wanted: (outcome: TestOutcome) => boolean) =>
    boot.result.tests.filter(({ id, outcome }) =>
      ["ok", "skip"].includes(wants.get(id) ?? "") && wanted(outcome)
    ).map(({ id }) => id);
  const spoiled = (outcome: TestOutcome) =>
    outcome.kind === "failed" && !outcome.endedBoot && outcome.failure.complaint !== undefined;
  return {
    failed: ids((outcome) =>
      (outcome.kind === "failed" && !spoiled(outcome)) || outcome.kind === "not-run"
    ),
    complained: ids(spoiled),
    beyond: boot.result.tests.filter(({ id, outcome }) =>
      !wants.has(id) && outcome.kind === "failed"
    ).map(({ id }) => id),
  };
}

/** The script, executable as `sh repro.sh`. */
export function reproScript(facts: ReproFacts): string {
  const body = facts.boot !== null
    ? [...buildFunction(facts), ...bootPart(facts.boot)]
    : [...buildFunction(facts), ...buildPart(facts)];
  const used = (name: string) => body.some((line) => new RegExp(`\\b${name}(?: |$)`).test(line));
  const functions = Object.entries(FUNCTIONS).flatMap(([name, lines]) => used(name) ? lines : []);
  return [...head(facts, functions), ...body].join("\n") + "\n";
}

/** What the script takes of its caller: places, and the way to a source elsewhere. */
const CALLERS = ["HOME", "TMPDIR", "LD_LIBRARY_PATH", "QEMU", "http_proxy", "https_proxy"] as const;

const comment = (text: string) => `# ${text.replace(/\s+/g, " ")}`.trimEnd();

/** Functions of repro_judge.sh by their names, each with its comment, which begins a paragraph. */
const JUDGE = Object.fromEntries(
  judgeText.trimEnd().split("\n\n").slice(1).map((text) => [
    /^(\w+)\(\)/m.exec(text)![1]!,
    ["", ...text.split("\n")],
  ]),
);

const FUNCTIONS: Readonly<Record<string, readonly string[]>> = {
  stop: ['stop() { echo "$*" >&2; exit 2; }'],
  has_digest: [
    "has_digest() { # file, sha256",
    '\t[ -f "$1" ] && [ "$(sha256sum < "$1" | cut -c 1-64)" = "$2" ]',
    "}",
  ],
  ...JUDGE,
};

function head(
  { cell, stage, recorded, repeat }: ReproFacts,
  functions: readonly string[],
): string[] {
  return [
    "#!/bin/sh",
    comment(`${cell} failed in ${stage}. This shows it again without kmatrix: with make, QEMU and`),
    "# coreutils. It writes to a folder of its own and to nothing else.",
    "#",
    "#   sh repro.sh [folder]     the folder is made and kept; a temporary one by default",
    "#",
    "# Exit codes: 1 it fails, 0 it does not fail, 2 it could not be tried.",
    comment(`With kmatrix: ${repeat}`),
    "# Nothing else of the caller's environment decides; without it, make and QEMU read many variables.",
    '[ -n "${KMATRIX_REPRO:-}" ] || exec env -i KMATRIX_REPRO=1 PATH="$PATH" LC_ALL=C \\',
    `\t${CALLERS.map((name) => `\${${name}:+"${name}=$${name}"}`).join(" ")} sh "$0" "$@"`,
    "set -u",
    'here=$(CDPATH="" cd -- "$(dirname -- "$0")" && pwd) || exit 2',
    'work=${1:-$(mktemp -d "${TMPDIR:-/tmp}/repro.XXXXXX")} || exit 2',
    'mkdir -p "$work" && work=$(CDPATH="" cd -- "$work" && pwd) || exit 2',
    ...functions,
    "",
    "echo 'recorded:'",
    "cat << 'END'",
    ...recorded.slice(0, 20).map((line) => `  ${line.replace(/\s+/g, " ")}`),
    ...(recorded.length > 20 ? [`  and ${recorded.length - 20} more`] : []),
    "END",
  ];
}

/** Words of make with the script's own folders in them. */
function makeLine(facts: ReproFacts, targets: readonly string[]): string {
  const argv = makeArgv({
    source: { path: "/@WORK@/source", digest: "" },
    buildDir: "/@WORK@/build",
    ...facts.make,
    jobs: 0,
  }, targets);
  return argv.map((word) => word === "-j0" ? '-j"$(nproc)"' : shellWord(word)).join(" \\\n\t\t");
}

/** A word in which the script's variables stand. */
function shellWord(word: string): string {
  if (!word.includes("@")) return quoteWord(word);
  const quoted = word.replace(/[\\"$`]/g, "\\$&")
    .replaceAll("/@WORK@/source", "$source").replaceAll("/@WORK@/build", "$build")
    .replaceAll("/@VMLINUX@", "$vmlinux").replaceAll("/@INITRAMFS@", "$initramfs")
    .replaceAll("/@RESULTS@", "$work/results.log");
  return `"${quoted}"`;
}

/** Ends the script: what was judged is not to be had any more. */
const movedOn = (what: string) =>
  `stop ${quoteWord(`${what}: it has moved on since this was recorded`)}`;

/** A commit of a repository on this machine as files, whatever attributes say of them. */
function checkout(repository: string, commit: string): string[] {
  const fetch = `fetch --quiet --depth=1 ${quoteWord(repository)} ${commit}`;
  return [
    '\tgit init --quiet "$source" &&',
    `\t\techo '* -text -ident -filter' > "$source/.git/info/attributes" &&`,
    `\t\tgit -C "$source" ${fetch} ||`,
    `\t\t${movedOn(`${repository} does not have commit ${commit}`)}`,
    '\tgit -C "$source" checkout --quiet FETCH_HEAD || return 1',
  ];
}

/** How the source is had as it was judged; the last line of a function. */
function sourceLines({ source: spec, version, identity }: ReproFacts): string[] {
  const unpack = (archive: string) =>
    `\ttar --extract -f ${archive} -C "$source" --strip-components=1 --no-same-owner || return 1`;
  switch (spec.kind) {
    case "debian": {
      const tar = quoteWord(debianSourceTar(spec.package));
      const query = `dpkg-query --show --showformat='\${Version}' ${spec.package}`;
      return [
        `\t[ -f ${tar} ] || stop 'install ${spec.package}'`,
        `\t[ "$(${query} 2> /dev/null)" = ${quoteWord(version)} ] ||`,
        `\t\t${movedOn(`${spec.package} is not version ${version}`)}`,
        unpack(tar),
      ];
    }
    case "tarball": {
      const remote = /^https?:/.test(spec.location);
      const archive = remote ? '"$work/source.tar"' : quoteWord(spec.location);
      const word = quoteWord(spec.location);
      return [
        ...(remote ? [`\tcurl --fail --location --output ${archive} ${word} || return 1`] : []),
        `\thas_digest ${archive} ${spec.sha256} || stop ${archive}' has another sha256'`,
        unpack(archive),
      ];
    }
    case "git":
      return [
        '\tgit init --quiet "$source" &&',
        `\t\tgit -C "$source" fetch --depth=1 ${quoteWord(spec.repository)} ${
          quoteWord(spec.ref)
        } || return 1`,
        ...(identity === null ? [] : [
          `\t[ "$(git -C "$source" rev-parse 'FETCH_HEAD^{commit}')" = ${identity.digest} ] ||`,
          `\t\t${movedOn(`${spec.ref} of ${spec.repository} is not ${identity.digest}`)}`,
        ]),
        '\tgit -C "$source" checkout --quiet FETCH_HEAD || return 1',
      ];
    case "commits":
      return [
        `\t# the last commit of ${spec.range}`,
        ...checkout(spec.repository, spec.commits.at(-1)?.id ?? spec.base),
      ];
    case "tree":
      return treeLines(spec.path, identity?.tree ?? null);
  }
}

/** A local tree as it was, from git's objects or where its files are still the same. */
function treeLines(named: string, tree: TreeIdentity | null): string[] {
  const path = tree?.path ?? named;
  const word = quoteWord(path);
  if (tree?.content) {
    const { sha256, follow } = tree.content;
    return [
      `\t[ "$(cd ${word} && ${contentCommand(follow)})" = ${sha256} ] ||`,
      `\t\t${movedOn(`the files of ${path} are others`)}`,
      `\tcp -R${follow ? "L" : ""} ${word}/. "$source" || return 1`,
    ];
  }
  if (tree?.git) {
    const { commit, diff } = tree.git;
    return [
      ...checkout(path, commit),
      ...(diff === null ? [] : [
        `\thas_digest "$here/${SOURCE_DIFF}" ${diff.sha256} ||`,
        `\t\tstop "$here/${SOURCE_DIFF} is not the recorded one"`,
        `\t(cd "$source" && git apply --whitespace=nowarn "$here/${SOURCE_DIFF}") || return 1`,
      ]),
    ];
  }
  return [
    "\techo 'notice: nobody knows whether the tree is as it was'",
    `\tcp -R ${word}/. "$source" || return 1`,
  ];
}

/** One patch, whatever the settings of git are and whichever repository is around the folder. */
function takeFunction(fuzz: boolean): string[] {
  const apply = "git apply --whitespace=nowarn";
  return [
    "take() { # -p and a number, a diff",
    '\t(cd "$source" && export GIT_DIR=/dev/null GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 &&',
    fuzz ? `\t\t{ ${apply} "$1" "$2" || ${apply} -C1 "$1" "$2"; })` : `\t\t${apply} "$1" "$2")`,
    "}",
  ];
}

function buildFunction(facts: ReproFacts): string[] {
  return [
    "",
    "source=$work/source build=$work/build",
    ...(facts.series.length === 0 ? [] : takeFunction(facts.fuzz ?? false)),
    "unpack() {",
    '\tmkdir -p "$source" "$build"',
    ...sourceLines(facts),
    ...facts.series.map(({ name, strip }) =>
      `\ttake -p${strip} "$here/series/${name}" || return 1`
    ),
    "}",
    ...(facts.config === null ? [] : [
      "compile() {",
      `\thas_digest "$here/.config" ${facts.config} || stop '.config is not the recorded one'`,
      '\tcp "$here/.config" "$build/.config" &&',
      `\t${makeLine(facts, ["olddefconfig"])} &&`,
      `\t${makeLine(facts, facts.targets)}`,
      "}",
    ]),
    "",
  ];
}

/** The end of a script whose cell never booted. */
function buildPart(facts: ReproFacts): string[] {
  const { stage } = facts;
  if (!isShownByMake(stage)) {
    throw new Error(`no script shows a failure of ${stage} without a boot`);
  }
  return BUILD_PARTS[stage](facts);
}

const BUILD_PARTS: Readonly<Record<ShownByMake, (facts: ReproFacts) => string[]>> = {
  patch: () => [
    'if unpack; then echo "passed: the series applies"; exit 0; fi',
    'echo "FAILED: the series does not apply"',
    "exit 1",
  ],
  configure: (facts) => facts.config === null ? configPart(facts) : compilePart(LOOK_INSIDE),
  build: (facts) =>
    facts.config === null ? configPart(facts) : compilePart([
      '[ "$(grep -c "warning: " "$work/build.log")" = 0 ] || {',
      '\techo "FAILED: it builds with warnings; the recorded ones stand above"',
      "\texit 1",
      "}",
      'echo "passed: it builds"',
    ]),
  inspect: (facts) => facts.config === null ? configPart(facts) : compilePart(LOOK_INSIDE),
};

const LOOK_INSIDE = [
  'echo "it builds; what was recorded is to be looked for in $build/vmlinux"',
  "exit 1",
];

/** Makes the .config, and holds it against what was asked. */
function configPart(facts: ReproFacts): string[] {
  return [
    "unpack || stop 'the source cannot be prepared'",
    `${makeLine(facts, ["tinyconfig"])} || stop 'make tinyconfig failed'`,
    'cat "$here/request.config" >> "$build/.config"',
    `${makeLine(facts, ["olddefconfig"])} || stop 'make olddefconfig failed'`,
    "failed=0",
    "while read -r line; do",
    "\tcase $line in",
    "\t*' is not set' | *=n)",
    "\t\toption=${line#\\# } option=${option%% *} option=${option%%=*}",
    '\t\tgrep -q "^$option=" "$build/.config" || continue',
    "\t\t;;",
    '\t*) grep -qxF "$line" "$build/.config" && continue ;;',
    "\tesac",
    '\techo "not in the final .config: $line"',
    "\tfailed=1",
    "done << 'END'",
    ...facts.request,
    "END",
    '[ $failed = 0 ] && echo "passed: every request is in the .config"',
    "exit $failed",
  ];
}

/** @param ending What is done once it has compiled. */
function compilePart(ending: readonly string[]): string[] {
  return [
    "unpack || stop 'the source cannot be prepared'",
    'if ! compile > "$work/build.log" 2>&1; then',
    '\tgrep -E "error:|Error [0-9]|undefined symbol" "$work/build.log" | head -n 20',
    '\techo "FAILED: make failed, see $work/build.log"',
    "\texit 1",
    "fi",
    'grep -E "warning: " "$work/build.log" | head -n 20',
    ...ending,
  ];
}

/** What of a complaint's first line is the same in every boot: not its addresses and process ids. */
const firstWords = (title: string) =>
  title.replace(/ in [\w.]+$/, "").split(/0x|[\d]{2,}| CPU: ?\d| at /)[0]!.trimEnd();

const yesNo = (value: boolean) => value ? "yes" : "no";

/** The end of a script that boots. */
function bootPart(boot: BootFacts): string[] {
  const { digests } = boot;
  const qemu = qemuArgv({
    vmlinux: "/@VMLINUX@",
    initramfs: "/@INITRAMFS@",
    resultsFile: "/@RESULTS@",
    machine: boot.machine,
    accel: boot.accel,
  }).map((word, index) => index === 0 ? '"${QEMU:-qemu-system-x86_64}"' : shellWord(word));
  return [
    "initramfs=$here/initramfs.cpio",
    `has_digest "$initramfs" ${digests.initramfs} || stop "$initramfs is not the recorded one"`,
    `vmlinux=$here/vmlinux recorded_vmlinux=${quoteWord(boot.vmlinux)}`,
    `has_digest "$vmlinux" ${digests.vmlinux} || vmlinux=$recorded_vmlinux`,
    `if ! has_digest "$vmlinux" ${digests.vmlinux}; then`,
    '\techo "the recorded vmlinux is gone or changed: building it in $build"',
    "\tunpack || stop 'the source cannot be prepared'",
    '\tcompile > "$work/build.log" 2>&1 || stop "make failed, see $work/build.log"',
    "\tvmlinux=$build/vmlinux",
    `\thas_digest "$vmlinux" ${digests.vmlinux} ||`,
    "\t\techo 'notice: the kernel is not the recorded one byte for byte: another compiler?'",
    "fi",
    "",
    `rm -f "$work/results.log"`,
    `timeout --signal=KILL ${boot.timeoutSeconds} \\`,
    `\t${qemu.join(" \\\n\t")} \\`,
    '\t< /dev/null > "$work/console.log" 2> "$work/qemu.log"',
    "code=$?",
    '[ $code != 127 ] || stop "QEMU is not installed"',
    '[ -s "$work/console.log" ] || [ -s "$work/results.log" ] || {',
    '\tcat "$work/qemu.log" >&2; [ $code = 137 ] || stop "QEMU did not start: code $code"',
    "}",
    "",
    "# What each test must come to: ok, skip, or any.",
    "cat > \"$work/expected.txt\" << 'END'",
    ...boot.expected.map(({ id, want }) => `${want} ${id}`),
    "END",
    "judge_tests",
    `list_complaints ${quoteWord(COMPLAINT)} ${linesWord(new Set(boot.allowed.map(firstWords)))}`,
    `if came_to_end "$code" ${
      qemuExitCode(EXIT_FINISHED)
    }; then complete=yes; else complete=no; fi`,
    "",
    "cat > \"$work/recorded.txt\" << 'END'",
    ...boot.failed,
    "END",
    ...(boot.complained.length === 0 ? [] : [
      "# What these reported says little: the kernel complained meanwhile.",
      `drop_complained ${linesWord(new Set(boot.complained))}`,
    ]),
    `complaints=no; [ ! -s "$work/complaints.txt" ] || complaints=yes`,
    'echo "console, results: $work"',
    ...ending(boot),
  ];
}

/** Lines as one word of the shell. */
const linesWord = (lines: Iterable<string>) => quoteWord([...lines].join("\n"));

function ending(boot: BootFacts): string[] {
  if (boot.beyond.length > 0 && boot.failed.length === 0) {
    return [
      "# These are told by the output of another program, which stands in ktap.txt.",
      ...boot.beyond.map((id) => `echo ${quoteWord(`not judged here: ${id}`)}`),
      'grep -a "not ok" "$work/ktap.txt"',
      'echo "the guest came to its end: $complete; the kernel complained: $complaints"',
      "exit 1",
    ];
  }
  return [
    'if [ "$complete" = yes ] && [ "$complaints" = no ] && [ ! -s "$work/failed.txt" ]; then',
    '\techo "passed: the recorded failure does not show"',
    "\texit 0",
    "fi",
    `if [ "$complete" = ${yesNo(boot.complete)} ] && [ "$complaints" = ${
      yesNo(boot.complaints)
    } ] &&`,
    '\tcmp -s "$work/failed.txt" "$work/recorded.txt"; then',
    '\techo "FAILED, as recorded"',
    "else",
    '\techo "FAILED, in another way than recorded"',
    "fi",
    "exit 1",
  ];
}
