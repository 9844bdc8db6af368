// SPDX-License-Identifier: MIT
/**
 * `repro.sh`: a POSIX shell script that shows one failure again with make, QEMU and coreutils, for
 * people who do not have this tool. What it judges by is written into it: which test is to pass,
 * which is to skip, and which failed.
 */
import judgeText from "./repro_judge.sh" with { type: "text" };
import { bootPart } from "./repro_boot.ts";
import { buildFunction, buildPart } from "./repro_build.ts";
import type { ReproFacts } from "./repro_facts.ts";

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
const CALLERS = [
  "HOME",
  "TMPDIR",
  "LD_LIBRARY_PATH",
  "QEMU",
  "KERNEL_DEB",
  "http_proxy",
  "https_proxy",
] as const;

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
