// SPDX-License-Identifier: MIT
/** Failures of boots, tests and promises, and of the tool itself. */
import type { IdFacts } from "./id_facts.ts";

export const IDS_OF_BOOTS: Readonly<Record<string, IdFacts>> = {
  "qemu-not-started": {
    kinds: ["infra"],
    means: "QEMU refused its command line, or is not there",
    todo: "read its words; `doctor` looks for it",
  },
  "qemu-died": {
    kinds: ["infra"],
    means: "somebody's signal ended QEMU, or it ended as no guest ends it",
    todo: "look whether the system was short of memory; boot again",
  },
  "recording-damaged": {
    kinds: ["infra"],
    means: "a recording has another size than when the boot ended",
    todo: "boot again; do not edit recordings",
  },
  "runtime-error": {
    kinds: ["test"],
    means: "the guest's script stopped with an exception",
    todo: "mend the selftests where the stack says",
  },
  "stream-damaged": {
    kinds: ["test"],
    means: "the guest's results are torn, out of order or fail their checksum",
    todo: "look what writes to the results' port; boot again",
  },
  "bad-ktap": {
    kinds: ["test"],
    means: "the results do not add up",
    todo: "mend the harness; the message says which line",
  },
  "unknown-test": {
    kinds: ["test"],
    means: "the guest reports a test that nobody declared",
    todo: "declare it",
  },
  "unknown-promise": {
    kinds: ["test"],
    means: "the guest answers a promise that nobody declared",
    todo: "add it to selftests/contract/promises.ts",
  },
  "short-plan": {
    kinds: ["test"],
    means: "the guest reported fewer tests than it announced",
    todo: "look why it stopped; the tests that are missing are listed",
  },
  "ended-early": {
    kinds: ["kernel"],
    means: "the guest ended without its last report",
    todo: "read the end of the console",
  },
  "guest-powered-off": {
    kinds: ["test", "kernel"],
    means: "the guest was switched off, or halted, before its end",
    todo: "read the end of the console: who asked for it?",
  },
  "guest-restarted": {
    kinds: ["test"],
    means: "the guest restarted before its end",
    todo: "read the end of the console: who asked for it?",
  },
  "guest-reset": {
    kinds: ["kernel"],
    means: "the machine was reset and nobody asked for it, as by a triple fault",
    todo: "look at the last lines of the console, and boot with `--gdb`",
  },
  "panic": {
    kinds: ["kernel"],
    means: "the kernel panicked",
    todo: "read the complaint that it follows from; `repro` boots it again",
  },
  "panic-before-init": {
    kinds: ["kernel"],
    means: "the kernel panicked before its init began to work",
    todo: "read the complaint; an initcall is a common cause",
  },
  "init-exited": {
    kinds: ["kernel"],
    means: "PID 1 ended by itself, and the kernel with it",
    todo: "read what the guest said last",
  },
  "no-output": {
    kinds: ["kernel"],
    means: "QEMU runs, and nothing came from the guest",
    todo: "look whether the kernel has the console's driver, and is made for this machine",
  },
  "early-boot": {
    kinds: ["kernel"],
    means: "the kernel came up and never started its init",
    todo: "read the function that the message blames: a loop in an initcall?",
  },
  "init-not-reached": {
    kinds: ["kernel"],
    means: "init was started, or is hidden by `quiet`, and never reported",
    todo: "read the end of the console",
  },
  "guest-silent": {
    kinds: ["kernel"],
    means: "the guest stopped reporting, even its heartbeat",
    todo: "read the test and the function that the message names",
  },
  "boot-limit": {
    kinds: ["kernel"],
    means: "the whole boot took longer than its limit",
    todo: "look what took so long; `--timeout` sets the limit",
  },
  "console-cap": {
    kinds: ["kernel"],
    means: "the console printed more than is kept",
    todo: "look what the kernel repeats",
  },
  "results-cap": {
    kinds: ["kernel"],
    means: "the guest reported more than is kept",
    todo: "look which test prints so much",
  },
  "console-cut": {
    kinds: ["kernel"],
    means: "the console lacks the guest's last line, and perhaps a complaint",
    todo: "boot again; a busy machine may lose lines",
  },
  "test-failed": {
    kinds: ["test"],
    means: "a test says `not ok`",
    todo: "read what it expected, at the line shown; `repro --test` runs it alone",
  },
  "test-time-limit": {
    kinds: ["test"],
    means: "a test was killed at its time limit",
    todo: "look where it waits; `timeoutMs` of the test sets the limit",
  },
  "undeclared-skip": {
    kinds: ["test"],
    means: "a test skipped although the cell has everything that it requires",
    todo: "mend the test, or declare what it requires",
  },
  "missing-skip": {
    kinds: ["test"],
    means: "a test passed although the cell lacks what it requires",
    todo: "take the requirement out of its declaration",
  },
  "not-run": {
    kinds: ["test"],
    means: "the boot was sound and tests have no result",
    todo: "look at the harness; the tests are listed",
  },
  "unexpected-pass": {
    kinds: ["test"],
    means: "what the matrix expects to fail has passed",
    todo: "take the expectation out of the matrix",
  },
  "promise-broken": {
    kinds: ["promise"],
    means: "a kernel answers otherwise than its `promises.yaml` states",
    todo: "mend the kernel, or state the new answer with a reason",
  },
  "promise-unstated": {
    kinds: ["promise"],
    means: "a test asked what `promises.yaml` of the kernel does not state",
    todo: "state the answer: `deno task promises` records it",
  },
  "flaky": {
    kinds: ["test"],
    means: "a cell failed in some boots and passed in others",
    todo: "repeat it (`--until-fail`); `--allow-flaky` lets it pass",
  },
  "c-test-failed": {
    kinds: ["test"],
    means: "a test of the tree's C program failed",
    todo: "read its words; the message says what our test did",
  },
  "c-differs": {
    kinds: ["test"],
    means: "a C test and ours disagree about the same kernel",
    todo: "look which of the two is wrong",
  },
  "c-crashed": {
    kinds: ["test"],
    means: "the tree's C program died, or ended with a code that its results do not explain",
    todo: "read its words below",
  },
  "c-time-limit": {
    kinds: ["test"],
    means: "the tree's C program was killed at its limit",
    todo: "look where it waits",
  },
  "c-bad-tap": {
    kinds: ["test"],
    means: "the TAP of the tree's C program does not add up",
    todo: "mend the program",
  },
  "command-failed": {
    kinds: ["test"],
    means: "the command that `repro` ran in the guest failed",
    todo: "read its words above",
  },
  "new-failures": {
    kinds: ["test"],
    means: "`compare` found failures that the first run does not have",
    todo: "read the list of new failures; `repro` boots one again",
  },
  "replay-differs": {
    kinds: ["test"],
    means: "a bundle shows another verdict here than on the machine that packed it",
    todo: "compare the two lists: machine, accelerator, chance",
  },
  "interrupted": {
    kinds: ["interrupted"],
    means: "Ctrl-C or SIGTERM ended the run",
    todo: "run it again; what was judged stands in the report",
  },
  "bug": {
    kinds: ["bug"],
    means: "kmatrix itself is wrong",
    todo: "report it with the stack below and the command line",
  },
};
