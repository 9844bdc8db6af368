// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  candidates,
  type CommandFacts,
  completionScript,
  type Names,
  type Shell,
} from "./completion.ts";
import { denoFileSystem } from "../host/deno_fs.ts";

const COMMANDS: readonly CommandFacts[] = [
  {
    name: "repro",
    args: ["cell", "command"],
    options: [
      { names: ["--test"], value: "glob", choices: [] },
      { names: ["--accel"], value: "name", choices: ["auto", "kvm", "tcg"] },
      { names: ["-o", "--output-dir"], value: "dir", choices: [] },
      { names: ["--tree"], value: "dir", choices: [] },
      { names: ["--shell"], value: null, choices: [] },
    ],
  },
  { name: "replay", args: ["bundle"], options: [] },
  { name: "matrix", args: ["cells"], options: [] },
  { name: "explain", args: ["id"], options: [] },
];
const NAMES: Names = {
  cells: () => Promise.resolve(["a/kcov", "a/kcov/smp4", "b/kcov"]),
  tests: () => Promise.resolve(["kcov.pc.basic", "kcov.cmp.basic"]),
  ids: () => Promise.resolve(["option-dropped", "no-match", "3"]),
  tasks: () => Promise.resolve(["repro", "replay", "matrix", "test", "test:crash"]),
};

const CASES: readonly (readonly [words: string[], wanted: string[]])[] = [
  [[], ["repro", "replay", "matrix", "test", "test:crash"]],
  [["rep"], ["repro", "replay"]],
  [["test:"], ["test:crash"]],
  [["repro", ""], ["a/kcov", "a/kcov/smp4", "b/kcov"]],
  [["repro", "a/"], ["a/kcov", "a/kcov/smp4"]],
  [["repro", "--shell", "b"], ["b/kcov"]],
  [["repro", "--tree", "dir", "b"], ["b/kcov"]],
  [["repro", "a/kcov", "b"], []],
  [["matrix", "a/kcov", "b"], ["b/kcov"]],
  [["repro", "a/kcov", "--t"], ["--test", "--tree"]],
  [["repro", "a/kcov", "--test", "kcov.p"], ["kcov.pc.basic"]],
  [["repro", "a/kcov", "--accel", ""], ["auto", "kvm", "tcg"]],
  [["repro", "a/kcov", "-o", ""], []],
  [["repro", "a/kcov", "--", "--t"], []],
  [["replay", ""], []],
  [["explain", ""], ["option-dropped", "no-match", "3"]],
  [["explain", "opt"], ["option-dropped"]],
  [["unknown", ""], []],
];

Deno.test("candidates() knows commands, options, their values, cells and tests", async () => {
  for (const [words, wanted] of CASES) {
    assert.deepEqual(await candidates(words, COMMANDS, NAMES), wanted, words.join(" "));
  }
});

/** How each shell is made to complete `deno task`, a blank and its first argument; it prints what it offers. */
const COMPLETES: Readonly<Record<Shell, readonly string[]>> = {
  // As readline does, which ends words at colons.
  bash: [
    "--norc",
    "-c",
    `. ./script
COMP_LINE="deno task $0" COMP_POINT=\${#COMP_LINE} IFS=' '
COMP_WORDS=(\${COMP_LINE//:/ : }) COMP_CWORD=\$((\${#COMP_WORDS[@]} - 1))
_kmatrix_deno; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ],
  // Without an editor there is no completion system; the words are those that it would give.
  zsh: [
    "-fc",
    `compdef() { }; compadd() { shift; print -l -- $@ }; _files() { print -l files }; . ./script
words=(deno task \${=1}) CURRENT=$#words; _kmatrix_deno`,
    "zsh",
  ],
  fish: ["--no-config", "-c", 'source script; complete -C "deno task $argv[1]"'],
};

/** Typed behind `deno task`, what the tool is asked, what is offered of what it answers. */
const TYPED: readonly (readonly [string, string, readonly string[], readonly string[]])[] = [
  ["repro a/k", "repro a/k", ["a/kcov", "a/kcov/smp4"], ["a/kcov", "a/kcov/smp4"]],
  ["repro a/kcov --te", "repro a/kcov --te", ["--test"], ["--test"]],
  ["matrix --test kcov.p", "matrix --test kcov.p", ["kcov.pc.basic"], ["kcov.pc.basic"]],
  ["test:c", "test:c", ["test:crash"], ["test:crash"]],
];

for (const [shell, argv] of Object.entries(COMPLETES) as [Shell, readonly string[]][]) {
  const installed = await denoFileSystem.which(shell) !== null;
  const name = `completionScript() is ${shell} that offers what the tool offers`;
  Deno.test({ name, ignore: !installed }, async () => {
    const dir = await Deno.makeTempDir();
    try {
      await Deno.mkdir(`${dir}/tasks`);
      await Deno.writeTextFile(`${dir}/tasks/main.ts`, "");
      await Deno.writeTextFile(`${dir}/script`, completionScript(shell));
      // Notes its words, and answers what stands in a file.
      const tool = '#!/bin/sh\nprintf "%s " "$@" > asked\ncat answer\n';
      await Deno.writeTextFile(`${dir}/deno`, tool, { mode: 0o755 });
      for (const [typed, asked, answer, offered] of TYPED) {
        await Deno.writeTextFile(`${dir}/answer`, `${answer.join("\n")}\n`);
        const env = { PATH: `${dir}:${Deno.env.get("PATH")}`, HOME: dir };
        const { stdout, stderr } = await new Deno.Command(shell, {
          args: [...argv, typed],
          cwd: dir,
          env,
        }).output();
        const text = new TextDecoder();
        const found = text.decode(stdout).trim().split("\n");
        // readline has the part in front of the last colon already.
        const wanted = offered.map((one) => shell === "bash" ? one.replace(/^.*:/, "") : one);
        assert.deepEqual(found, wanted, `${typed}: ${text.decode(stderr)}`);
        assert.equal(
          await Deno.readTextFile(`${dir}/asked`),
          `task --quiet complete -- ${asked} `,
        );
      }
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });
}
