// SPDX-License-Identifier: MIT
/** Completion of `kmatrix` as people have it: in each shell, interactive, typed at a terminal. */
import assert from "node:assert/strict";
import { completionScript, type Shell } from "../cli/completion.ts";
import { denoFileSystem } from "../host/deno_fs.ts";
import { PseudoTerminal } from "./pseudo_terminal.ts";
import { withTempDir } from "./temp_dir.ts";

/** How each shell is started without a user's own files, and takes the script. */
const SHELLS: Readonly<Record<Shell, readonly [argv: readonly string[], first: string]>> = {
  bash: [["bash", "--noprofile", "--norc", "-i"], "unset HISTFILE; . ./script"],
  zsh: [["zsh", "-f", "-i"], "fpath=($PWD/fn $fpath); autoload -U compinit; compinit -u -D"],
  fish: [["fish", "--no-config", "-i"], "source script"],
};

/** Typed in front of the tab key, what the tool answers, the words that the program then gets. */
const TYPED: readonly (readonly [typed: string, answer: string, words: readonly string[]])[] = [
  ["kmatrix rep", "repro", ["repro"]],
  ["kmatrix repro a/k", "a/kcov", ["repro", "a/kcov"]],
  ["kmatrix repro 'a/k", "a/kcov", ["repro", "a/kcov"]],
  ["kmatrix repro a/kcov@cl", "a/kcov@clang-22", ["repro", "a/kcov@clang-22"]],
  ["kmatrix explain option-d", "option-dropped", ["explain", "option-dropped"]],
  ["kmatrix matrix --test kcov.p", "kcov.pc.basic", ["matrix", "--test", "kcov.pc.basic"]],
  ["true; kmatrix repro b+v6.12..H", "b+v6.12..HEAD/kcov", ["repro", "b+v6.12..HEAD/kcov"]],
  ["./kmatrix repro a/k", "a/kcov", ["repro", "a/kcov"]],
  ["~/kmatrix repro a/k", "a/kcov", ["repro", "a/kcov"]],
  ["it\\'s\\ here/kmatrix repro a/k", "a/kcov", ["repro", "a/kcov"]],
];

/** Notes what it is asked, and what it is to do. */
const PROGRAM = `#!/bin/sh
[ "$1" = complete ] || { printf '%s\\n' "$@" > "$HOME/did"; exit; }
printf '%s\\n' "$@" > "$HOME/asked"
cat "$HOME/answer"
`;

async function fileOf(path: string, what: string): Promise<string> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const text = await Deno.readTextFile(path).catch(() => "");
    if (text.endsWith("\n")) return text;
    if (Date.now() > deadline) throw new Error(`no ${path}: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

for (const [shell, [argv, first]] of Object.entries(SHELLS) as [Shell, typeof SHELLS[Shell]][]) {
  const ignore = await denoFileSystem.which(shell) === null;
  Deno.test(
    { name: `an interactive ${shell} completes kmatrix by what it answers`, ignore },
    () =>
      withTempDir(async (dir) => {
        await Deno.mkdir(`${dir}/fn`);
        await Deno.mkdir(`${dir}/it's here`);
        await Deno.writeTextFile(`${dir}/script`, completionScript(shell, "kmatrix"));
        await Deno.writeTextFile(`${dir}/fn/_kmatrix`, completionScript(shell, "kmatrix"));
        for (const place of [".", "it's here"]) {
          await Deno.writeTextFile(`${dir}/${place}/kmatrix`, PROGRAM, { mode: 0o755 });
        }
        const env = { PATH: `${dir}:${Deno.env.get("PATH")}`, HOME: dir };
        const terminal = new PseudoTerminal(argv, { columns: 120, rows: 30 }, { cwd: dir, env });
        try {
          await terminal.type(`${first}; echo > "$HOME/ready"\r`);
          await fileOf(`${dir}/ready`, terminal.text);
          for (const [typed, answer, words] of TYPED) {
            await Deno.writeTextFile(`${dir}/answer`, `${answer}\n`);
            for (const name of ["did", "asked"]) {
              await Deno.remove(`${dir}/${name}`).catch(() => {});
            }
            await terminal.type(`${typed}\t`);
            const asked = await fileOf(`${dir}/asked`, `${typed}: ${terminal.text}`);
            const partly = words.slice(0, -1).map((word) => `${word}\n`).join("");
            assert.ok(asked.startsWith(`complete\n--\n${partly}`), `${typed}: ${asked}`);
            await new Promise((resolve) => setTimeout(resolve, 200));
            await terminal.type("\r");
            const did = await fileOf(`${dir}/did`, `${typed}: ${terminal.text}`);
            assert.deepEqual(did.trim().split("\n"), words, `${typed}: ${terminal.text}`);
          }
        } finally {
          terminal.kill();
          await terminal.ended();
        }
      }),
  );
}
