// SPDX-License-Identifier: MIT
/**
 * How children are started so that none can outlive this process, however either of them dies.
 *
 * Each child becomes the first process of a PID namespace of its own (unshare, util-linux), and the
 * kernel kills the namespace's holder when this process goes (setpriv --pdeathsig), even by SIGKILL.
 * Without the right to make a namespace, the process tree is killed one by one (host/deno_host.ts),
 * which needs this process to be alive.
 */

/**
 * The exit code by which the wrapper says "0". dax 0.49 reports a child that a signal killed with
 * code 0, so a plain 0 has to mean that the wrapper itself was killed.
 */
export const WRAPPED_OK = 200;

/**
 * Of one file: make keeps what a target prints in one (--output-sync), and a target without end would
 * fill the disk with it. No file of a kernel build is as large.
 */
const FILE_BYTES = 4 * 2 ** 30;

const NAMESPACE_ARGV = [
  ["setpriv", "--pdeathsig", "KILL", "--"],
  ["unshare", "--pid", "--fork", "--kill-child", "--"],
] as const;

const USER_NAMESPACE_ARGV = [
  ["setpriv", "--pdeathsig", "KILL", "--"],
  ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--"],
] as const;

/** What to try in turn; the first whose probe succeeds is used. */
export const CONTAINMENTS: Readonly<Record<"namespace" | "user-namespace" | "none", string[]>> = {
  "namespace": NAMESPACE_ARGV.flat(),
  "user-namespace": USER_NAMESPACE_ARGV.flat(),
  "none": [],
};

/**
 * The words in front of a command that gives way. Where the kernel shares the processor out between
 * sessions (sched(7), "The autogroup feature"), nice counts among the processes of one session alone; so
 * it gets a session of its own, inside of a sandbox that has one, and the session the niceness.
 */
export const GIVING_WAY: readonly string[] = [
  ...["setsid", "sh", "-c"],
  '{ echo 10 >/proc/self/autogroup; } 2>/dev/null; exec nice -n 10 "$@"',
  "sh",
];

/**
 * The argv that runs `argv` inside a containment and tells its status in a way dax passes on.
 * @param streams Whether standard error joins standard output, or the log that it goes to.
 */
export function wrappedArgv(
  containment: readonly string[],
  argv: readonly string[],
  streams: { joined?: boolean | undefined; stderr?: string | undefined },
): string[] {
  // A holder that is killed before its child has asked to die with it leaves an orphan: the child
  // looks for it. /proc is that of the namespace outside, so the parent can be seen.
  const orphaned = containment.length === 0
    ? ""
    : "read -r a b c p d </proc/self/stat; n=; read -r n 2>/dev/null </proc/$p/comm; " +
      '[ "${n:-unshare}" = unshare ] || exit 137; ';
  // A shell in between turns "killed by signal n" into 128 + n and reaps what a build leaves behind.
  const status = `s=$?; [ $s -eq 0 ] && exit ${WRAPPED_OK}; exit $s`;
  if (streams.stderr !== undefined) {
    return [
      ...containment,
      "sh",
      "-c",
      `${orphaned}exec 2>>"$0"; "$@"; ${status}`,
      streams.stderr,
      ...argv,
    ];
  }
  const joined = streams.joined
    ? `ulimit -f ${FILE_BYTES / 512} 2>/dev/null || :; exec 2>&1; `
    : "";
  return [...containment, "sh", "-c", `${orphaned}${joined}"$@"; ${status}`, "sh", ...argv];
}

/** The child's own exit code from what dax says of the wrapper; 137 for a killed wrapper. */
export function unwrapCode(code: number): number {
  if (code === 0) return 137;
  return code === WRAPPED_OK ? 0 : code;
}
