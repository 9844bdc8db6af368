// SPDX-License-Identifier: MIT
/** The part of `repro.sh` that boots under QEMU and judges what comes of it. */
import { EXIT_FINISHED } from "../../../selftests/contract/frames.ts";
import { archOf } from "../arch/table.ts";
import { qemuArgv } from "../boot/qemu.ts";
import { quoteWord } from "../text/shell.ts";
import type { BootFacts } from "./repro_facts.ts";
import { shellWord } from "./repro_places.ts";

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

/** What of a complaint's first line is the same in every boot: not its addresses and process ids. */
const firstWords = (title: string) =>
  title.replace(/ in [\w.]+$/, "").split(/0x|[\d]{2,}| CPU: ?\d| at /)[0]!.trimEnd();

const yesNo = (value: boolean) => value ? "yes" : "no";

/** The end of a script that boots. */
export function bootPart(boot: BootFacts): string[] {
  const { digests, image } = boot;
  const { qemu: archQemu } = archOf(boot.machine);
  const qemu = qemuArgv({
    image: "/@IMAGE@",
    initramfs: "/@INITRAMFS@",
    resultsFile: "/@RESULTS@",
    machine: boot.machine,
    accel: boot.accel,
  }).map((word, index) => index === 0 ? `"\${QEMU:-${archQemu.program}}"` : shellWord(word));
  return [
    "initramfs=$here/initramfs.cpio",
    `has_digest "$initramfs" ${digests.initramfs} || stop "$initramfs is not the recorded one"`,
    `image=$here/${image.name} recorded_image=${quoteWord(image.path)}`,
    `has_digest "$image" ${digests.image} || image=$recorded_image`,
    `if ! has_digest "$image" ${digests.image}; then`,
    `\techo "the recorded ${image.name} is gone or changed: building it in $build"`,
    "\tunpack || stop 'the source cannot be prepared'",
    '\tcompile > "$work/build.log" 2>&1 || stop "make failed, see $work/build.log"',
    `\timage=$build/${image.file}`,
    `\thas_digest "$image" ${digests.image} ||`,
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
      archQemu.exitCode(EXIT_FINISHED)
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
