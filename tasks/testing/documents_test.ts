// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { CommanderError } from "commander";
import { makeProgram } from "../cli.ts";
import { type Command, flagsOf } from "../commands/command.ts";
import { COMMANDS } from "../commands/mod.ts";
import { brokenLinks, type Page, readPage } from "./documents.ts";
import { PAGES, ROOT } from "./document_files.ts";
import { shownCalls, simpleCommands } from "./shell_words.ts";

const around = {
  exists: (path: string) => existsSync(`${ROOT}${path}`),
  page: (path: string) => PAGES.get(path) ?? null,
};

Deno.test("links of the documentation lead to files and headings that are there", () => {
  const pages = [...PAGES.values()];
  assert.ok(pages.flatMap(({ targets }) => targets).length > 100);
  assert.deepEqual(pages.flatMap((page) => brokenLinks(page, around)), []);
  const lost = pages.map(({ path, lostLinks }) => [path, lostLinks] as const);
  assert.deepEqual(lost.filter(([, links]) => links.length > 0), []);
});

Deno.test("images of the documentation say in words what they show", () => {
  assert.deepEqual([...PAGES.values()].flatMap(({ silentImages }) => silentImages), []);
});

const SAMPLE = `# One & two: \`--a b\`, *three*
## Same
## Same
### \`promises.yaml\` — what's stated
<a id="by-hand"></a> <img src="pictures/x.png">

[fine](#one--two---a-b-three) [second](#same-1) [third](#same-2) [by hand](#by-hand)
[stated](#promisesyaml--whats-stated) [case](#Same) [there](other.md#there) [gone](gone.md)
[folder](../tasks/) [root](/README.md) [up](../../secret) [web](https://example.org/x#y)
![](pictures/y.png) [ref][one] [none][two] [file](file:///etc/passwd) [code](main.ts#L3)
\`[not](a-link.md)\` [blank](<a b.md>) [encoded](a%20b.md) [titled](other.md "a title")

[one]: other.md#not-there

| a | b |
| - | - |
| [in a table](nowhere.md) | \`x|y\` |
`;

Deno.test("brokenLinks() tells what leads nowhere from what does", () => {
  const other = readPage("docs/other.md", "## There\n");
  const files = new Set(["docs/other.md", "tasks", "README.md", "docs/main.ts", "docs/a b.md"]);
  const page = readPage("docs/page.md", SAMPLE);
  const broken = brokenLinks(page, {
    exists: (path) => path === page.path || files.has(path),
    page: (path) => path === other.path ? other : null,
  });
  assert.deepEqual(broken.map((line) => line.replace("docs/page.md: ", "").split(": ")[0]).sort(), [
    ...[
      "#Same",
      "#same-2",
      "../../secret",
      "file:///etc/passwd",
      "gone.md",
      "main.ts#L3",
      "nowhere.md",
    ],
    ...["other.md#not-there", "pictures/x.png", "pictures/y.png"],
  ]);
  assert.deepEqual(page.lostLinks, ["[none][two]"]);
  assert.deepEqual(page.silentImages.toSorted(), ["pictures/x.png", "pictures/y.png"]);
});

Deno.test("simpleCommands() reads the shell of documents", () => {
  const cases: readonly (readonly [string, readonly (readonly string[])[]])[] = [
    ["a b # c 'd", [["a", "b"]]],
    ['a \'b c\' "d \\" e" f\\ g', [["a", "b c", 'd \\" e', "f g"]]],
    ["ssh m dmesg | a --json - > x 2>&1 && b", [["ssh", "m", "dmesg"], ["a", "--json", "-"], [
      "b",
    ]]],
    ["x=1 a CONFIG_X='\"y z\"' 2> /dev/null", [["x=1", "a", 'CONFIG_X="y z"']]],
    ["cd l; (a); echo $(b c)", [["cd", "l"], ["a"], ["echo"], ["b", "c"]]],
    ["a v6.12..HEAD#x", [["a", "v6.12..HEAD#x"]]],
    ["", []],
  ];
  for (const [line, expected] of cases) assert.deepEqual(simpleCommands(line), expected, line);
});

Deno.test("shownCalls() finds the calls of a block, and leaves what came of them", () => {
  const tasks = (text: string) =>
    shownCalls({ text, isBlock: true }).map(({ task, words }) => [task, ...words].join(" "));
  assert.deepEqual(tasks("$ kmatrix plan\nkmatrix guest shell: x\n$ cd l && kmatrix"), [
    "plan",
    "",
  ]);
  assert.deepEqual(tasks("LLVM=1 npx --yes deno task matrix \\\n  a/b   # why"), ["matrix a/b"]);
  assert.deepEqual(tasks("sh -c 'npx --yes deno task matrix a\n  case x'"), ["matrix a case x"]);
  assert.deepEqual(tasks("make deno task\necho kmatrix matrix\n./kmatrix x"), []);
  const [span] = shownCalls({ text: "deno task NAME --help", isBlock: false });
  assert.deepEqual([span!.task, span!.isWhole], ["", false]);
});

interface Shown {
  readonly page: string;
  readonly task: string;
  readonly words: readonly string[];
  readonly line: string;
  readonly isWhole: boolean;
}

/** A changelog may tell of what is gone. */
const TOLD: readonly Page[] = [...PAGES.values()].filter(({ path }) => path !== "CHANGELOG.md");
const SHOWN: readonly Shown[] = TOLD.flatMap(({ path, code }) =>
  code.flatMap(shownCalls).filter(({ task }) => task !== "")
    .map((call) => ({ page: path, ...call }))
);
const { tasks: TASKS } = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`)) as {
  tasks: Record<string, { command: string }>;
};
const commandOf = (name: string) => COMMANDS.find((command) => command.name === name);
const at = ({ page, line }: Shown) => `${page}: ${line}`;

Deno.test("command lines of the documentation name commands that are there", () => {
  assert.deepEqual(SHOWN.filter(({ task }) => !Object.hasOwn(TASKS, task)).map(at), []);
});

Deno.test("command lines of the documentation are understood", async () => {
  const whole = SHOWN.filter(({ task, isWhole }) => isWhole && commandOf(task));
  assert.ok(whole.length > 60, `${whole.length}`);
  for (const shown of whole) {
    const program = makeProgram(() => Promise.resolve());
    for (const command of [program, ...program.commands]) {
      command.configureOutput({ writeErr: () => {}, writeOut: () => {} });
    }
    try {
      await program.parseAsync([shown.task, ...shown.words], { from: "user" });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      assert.equal(error.exitCode, 0, `${at(shown)}: ${error.message}`);
    }
  }
});

/** Options of commander itself. */
const EVERYWHERE = ["-h", "--help"];

function optionsOf({ options }: Command): string[] {
  return [...Object.values(options).flatMap(flagsOf), ...EVERYWHERE];
}

const isOption = (word: string) => /^--?[a-z]/.test(word);
const nameOf = (word: string) => word.replace(/=.*/s, "").replace(/[,.;:]+$/, "");

Deno.test("words on a command name options that it has", () => {
  const parts = SHOWN.filter(({ isWhole }) => !isWhole);
  const wrong = parts.flatMap((shown) => {
    const command = commandOf(shown.task);
    if (command === undefined) return [];
    const end = shown.words.indexOf("--");
    const words = shown.words.slice(0, end < 0 ? undefined : end)
      .map((word) => word.replace(/^\[/, "").replace(/\]$/, ""));
    return words.filter(isOption).map(nameOf).filter((name) => !optionsOf(command).includes(name))
      .map((name) => `${at(shown)}: ${name}`);
  });
  assert.deepEqual(wrong, []);
  // `repro --gdb`: a command by its name alone, with an option.
  const short = TOLD.flatMap(({ path, code }) =>
    code.filter(({ isBlock }) => !isBlock).flatMap(({ text }) => {
      const [name, ...words] = text.split(/\s+/);
      const command = commandOf(name!);
      if (command === undefined || !isOption(words[0] ?? "")) return [];
      return words.filter(isOption).map(nameOf)
        .filter((word) => !optionsOf(command).includes(word))
        .map((word) => `${path}: ${text}: ${word}`);
    })
  );
  assert.deepEqual(short, []);
});

Deno.test("command lines of programs beside the tool have options that these have", async () => {
  const beside = SHOWN.filter(({ task }) => Object.hasOwn(TASKS, task) && !commandOf(task));
  const names = [...new Set(beside.map(({ task }) => task))];
  assert.ok(names.length >= 8, names.join(" "));
  for (const name of names) {
    const [, file, first] = /(tasks\/programs\/\S+\.ts)(?: (--fast))?$/.exec(TASKS[name]!.command)!;
    const options = beside.filter(({ task }) => task === name)
      .flatMap((shown) => shown.words.filter(isOption).map((word) => [at(shown), nameOf(word)]));
    if (options.length === 0) continue;
    const args = ["run", "--allow-all", "--no-check", file!, ...(first ? [first] : []), "--help"];
    const { stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
    const page = new TextDecoder().decode(stdout);
    for (const [where, option] of options) {
      assert.ok(page.split(/[\s,]+/).includes(option!), `${where}: ${option} of ${name}`);
    }
  }
});

Deno.test("each page of the documentation is in its index", () => {
  const index = PAGES.get("docs/README.md");
  assert.ok(index, "docs/README.md");
  const linked = new Set(index.targets.map((target) => `docs/${target.split("#")[0]}`));
  const pages = [...PAGES.keys()].filter((path) => path.startsWith("docs/") && path !== index.path);
  assert.deepEqual(pages.filter((path) => !linked.has(path)), []);
  assert.ok(PAGES.get("README.md")!.targets.includes("docs/README.md"));
});

Deno.test("files of this project that the documentation names are there", () => {
  const tops = /^(tasks|selftests|docs|configs|kernels|mutants|starter|LICENSES)\/[\w./-]+$/;
  const named = TOLD.flatMap(({ path, code }) =>
    code.filter(({ text }) => tops.test(text)).map(({ text }) => [path, text] as const)
  );
  assert.ok(named.length > 100, `${named.length}`);
  assert.deepEqual(named.filter(([, file]) => !around.exists(file.replace(/\/$/, ""))), []);
});

Deno.test("the README stays a page that is read in one go", () => {
  const lines = PAGES.get("README.md")!.text.trimEnd().split("\n").length;
  assert.ok(lines < 200, `${lines} lines`);
});
