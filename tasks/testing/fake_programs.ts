// SPDX-License-Identifier: MIT
/**
 * The programs of a fake project (fake_project.ts): what is taken from the system, and the shell
 * scripts in the place of clang, ld.lld, the LLVM tools and QEMU. A switch is a file in `switches/`;
 * the scripts look for it each time they start.
 */
import { archOf } from "../core/arch/table.ts";
import { FINISHED } from "./recorder.ts";

const { qemu: QEMU } = archOf({});

/** What can be made to go wrong, and by whom it is looked at. */
export type Switch =
  /** olddefconfig of the tree drops CONFIG_KCOV. */
  | "drop-option"
  /** The tree's Kconfig does not parse, by the words of Kconfig's parser. */
  | "bad-kconfig"
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

/** Programs that the tool and kbuild take from the system; nothing else of it is on the PATH. */
export const SYSTEM_PROGRAMS = [
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
    "nice",
  ],
  ...["mkdir", "rm", "sed", "grep", "sleep", "dirname", "true", "id", "unshare", "setpriv"],
  ...["setsid", "du", "xargs", "cut", "rmdir", "chmod"],
];
/** Taken where they are there: without it, nothing is confined. */
export const OPTIONAL_PROGRAMS = ["bwrap"];

/** A shell command that notes that a program was started. */
export function startedLine(dir: string, name: string): string {
  return `{ mkdir -p ${dir}/started; echo "$*" >> ${dir}/started/${name}; } 2>/dev/null;`;
}

/** The programs that are not what they seem, by name; each without its first line. */
export function fakePrograms(dir: string): Record<string, string> {
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
    ...compilers(dir),
    ...emulator(dir),
  };
}

const says = (text: string) => `echo "${text}"\n`;
/** Sets $out to what stands behind -o. */
const out = 'prev=; for word; do [ "$prev" = -o ] && out=$word; prev=$word; done\n';

function compilers(dir: string): Record<string, string> {
  const on = (name: Switch) => `[ -e ${dir}/switches/${name} ]`;
  return {
    // Run as the guest's runtime, it compiles the selftests.
    "clang-22": `case "$0" in */root/init) echo bytecode > "$3"; exit;; esac
case " $* " in *" --version "*) echo "Debian clang version 22.1.8"; exit;; esac
${out}input=; for word; do case "$word" in */kernel/*.c) input=$word;; esac; done
case "$out" in
  "" ) exit 0;; # -fsyntax-only
  /dev/null)
    case "$*" in *=trace-pc\\ *)
      if ${on("no-trace-pc")}; then echo "error: unsupported argument 'trace-pc'" >&2; exit 1; fi;;
    esac
    exit 0;;
  *symbol_dump) exit 1;;
esac
${startedLine(dir, "clang")}
if ${on("slow-compiler")}; then exec sleep 600; fi
if ${on("compiler-killed")}; then kill -9 $$; fi
case "$*" in *kernel/kcov.c*)
  if ${on("compile-error")}; then
    echo "$input:3:9: error: use of undeclared identifier 'area'" >&2
    echo "1 error generated." >&2
    exit 1
  fi;;
*kernel/fork.c*)
  if ${on("new-warning")}; then
    echo "$input:7:1: warning: unused variable 'x' [-Wunused-variable]" >&2
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
  };
}

function emulator(dir: string): Record<string, string> {
  return {
    [QEMU.program]:
      `case " $* " in *" --version "*) echo "QEMU emulator version 7.2.22 (Debian)"; exit;; esac
${startedLine(dir, "qemu")}
for word; do case "$word" in
  file,id=results,path=*) results=\${word#*path=};;
esac; done
# <runs>/<run>/<cell>/results.log: the longest end of the path that is a cell.
cell=\${results%/results.log}
while [ ! -e "${dir}/boots/$cell/end" ]; do
  case "$cell" in */*) cell=\${cell#*/};; *) echo "no boot for $results" >&2; exit 1;; esac
done
boot=${dir}/boots/$cell
end=$(cat "$boot/end")
if [ "$end" = refuses ]; then
  echo "${QEMU.program}: -machine ${QEMU.machineType}: unsupported machine type" >&2
  exit 1
fi
cat "$boot/console"
cat "$boot/results" > "$results"
if [ "$end" = floods ]; then
  left=$(cat "$boot/flood")
  while [ "$left" -gt 0 ]; do cat ${dir}/bin/mebibyte; left=$((left - 1)); done
  end=${FINISHED}
fi
case "$end" in
  killed) kill -9 $$;;
  hangs) exec sleep 600;;
  *) exit "$end";;
esac
`,
  };
}
