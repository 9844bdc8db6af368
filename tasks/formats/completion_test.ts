// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  candidates,
  type CommandFacts,
  completionScript,
  type Names,
  SHELLS,
} from "./completion.ts";

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
];
const NAMES: Names = {
  cells: () => Promise.resolve(["a/kcov", "a/kcov/smp4", "b/kcov"]),
  tests: () => Promise.resolve(["kcov.pc.basic", "kcov.cmp.basic"]),
};

const CASES: readonly (readonly [words: string[], wanted: string[]])[] = [
  [[], ["repro", "replay", "matrix"]],
  [["rep"], ["repro", "replay"]],
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
  [["unknown", ""], []],
];

Deno.test("candidates() knows commands, options, their values, cells and tests", async () => {
  for (const [words, wanted] of CASES) {
    assert.deepEqual(await candidates(words, COMMANDS, NAMES), wanted, words.join(" "));
  }
});

Deno.test("completionScript() is bash that offers what the tool offers", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${dir}/tasks`);
    await Deno.writeTextFile(`${dir}/tasks/main.ts`, "");
    // The tool says which words it was asked about.
    await Deno.writeTextFile(`${dir}/deno`, '#!/bin/sh\nprintf "%s\\n" "$@"\n');
    await Deno.chmod(`${dir}/deno`, 0o755);
    await Deno.writeTextFile(
      `${dir}/run.bash`,
      `${completionScript("bash")}
COMP_WORDS=(deno task repro "a/b c" --te) COMP_CWORD=4
_kmatrix_deno
printf '<%s>' "\${COMPREPLY[@]}"
`,
    );
    const { stdout, success } = await new Deno.Command("bash", {
      args: ["run.bash"],
      cwd: dir,
      env: { PATH: `${dir}:${Deno.env.get("PATH")}` },
    }).output();
    assert.ok(success);
    const asked = ["task", "--quiet", "complete", "--", "repro", "a/b c", "--te"];
    assert.equal(new TextDecoder().decode(stdout), asked.map((word) => `<${word}>`).join(""));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("completionScript() has one for each shell", () => {
  for (const shell of SHELLS) {
    assert.match(completionScript(shell), /deno task --quiet complete --/);
  }
});
