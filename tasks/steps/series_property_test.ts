// SPDX-License-Identifier: MIT
/**
 * For random small histories, the mails of `git format-patch`, a folder with a series file and
 * `--range` all give the tree that git's own checkout has, to the byte and with modes.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { checkoutOf, gitIn, Intake, type Listing, MAKEFILE, mustGitIn } from "../testing/git_am.ts";
import { withTempDir } from "../testing/temp_dir.ts";

const bytesOf = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Lines that look like something else in a mail or diff. */
const LINES = [
  ...["int x;", "", "\tret = f(x);  ", "}", "-- ", "---", "--- a/x", "+++ b/x", "@@ -1 +1 @@"],
  ...["From me", ">From you", "diff --git a/x b/x", "Index: x", "na\xefve", "\xc3\xa9\xff", "x\r"],
];
const text = fc.tuple(
  fc.array(fc.constantFrom(...LINES), { maxLength: 30 }),
  fc.constantFrom("\n", "\r\n"),
  fc.boolean(),
).map(([lines, end, last]) => bytesOf(lines.join(end) + (last ? end : "")));
const content = fc.oneof(
  { weight: 5, arbitrary: text },
  { weight: 1, arbitrary: fc.constant(new Uint8Array()) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 300 }) },
);
const NAMES = [
  ...["a.c", "dir/b.c", "dir/sub/c.h", "with blank.txt", "-dash", "\u00e9.txt", "d/.gitignore"],
  ...["d/ignored.o", 'quo"te', "a.c/below", "dir"],
];
const name = fc.constantFrom(...NAMES);

type Change =
  | {
    readonly kind: "write";
    readonly name: string;
    readonly content: Uint8Array;
    readonly executable: boolean;
  }
  /** One line more in the middle of what is there. */
  | { readonly kind: "edit"; readonly name: string; readonly at: number }
  | { readonly kind: "remove" | "chmod"; readonly name: string }
  | { readonly kind: "rename" | "copy"; readonly name: string; readonly to: string }
  | { readonly kind: "link"; readonly name: string; readonly to: string };

const change = (links: boolean): fc.Arbitrary<Change> =>
  fc.oneof(
    fc.record({ kind: fc.constant("write" as const), name, content, executable: fc.boolean() }),
    fc.record({ kind: fc.constant("edit" as const), name, at: fc.nat(30) }),
    fc.record({ kind: fc.constantFrom("remove" as const, "chmod" as const), name }),
    fc.record({ kind: fc.constantFrom("rename" as const, "copy" as const), name, to: name }),
    ...(links
      ? [
        fc.record({
          kind: fc.constant("link" as const),
          name,
          to: fc.constantFrom("a.c", "/x", ".."),
        }),
      ]
      : []),
  );

const message = fc.constantFrom(
  "plain",
  "a\u00e4 \u65e5\u672c: subject that is no ASCII and is long enough to be folded over two lines",
  "subject\n\n    --- a/a.c\n    +++ b/a.c\n    @@ -1 +1 @@\n    -int x;\n    +int y;\n\nSigned-off-by: A",
  "[tag] subject: x\n\nFrom: somebody else <e@example.org>\n\n> quoted\n-- \nno signature",
);

interface Step {
  readonly changes: readonly Change[];
  readonly message: string;
  /** Comes by a merge of a branch of its own. */
  readonly merged: boolean;
}

const history = (links: boolean) =>
  fc.record({
    base: fc.array(
      fc.record({ kind: fc.constant("write" as const), name, content, executable: fc.boolean() }),
      { minLength: 2, maxLength: 8 },
    ),
    steps: fc.array(
      fc.record({
        changes: fc.array(change(links), { minLength: 1, maxLength: 3 }),
        message,
        merged: links ? fc.boolean() : fc.constant(false),
      }),
      { minLength: 1, maxLength: 4 },
    ),
    attributes: fc.constantFrom("", "* text=auto eol=crlf\n", "*.c ident export-subst\n* text\n"),
  });

interface File {
  readonly content: Uint8Array;
  readonly mode: "100644" | "100755" | "120000";
}
type Tree = Map<string, File>;

/** Puts a file in its place, and what is in its way out of it. */
function put(tree: Tree, name: string, file: File): void {
  for (const other of [...tree.keys()]) {
    if (other.startsWith(`${name}/`) || name.startsWith(`${other}/`)) tree.delete(other);
  }
  tree.set(name, file);
}

function perform(tree: Tree, change: Change): void {
  const there = tree.get(change.name);
  switch (change.kind) {
    case "write":
      return put(tree, change.name, {
        content: change.content,
        mode: change.executable ? "100755" : "100644",
      });
    case "link":
      return put(tree, change.name, { content: bytesOf(change.to), mode: "120000" });
  }
  if (!there) return;
  switch (change.kind) {
    case "edit": {
      const lines = String.fromCharCode(...there.content).split("\n");
      lines.splice(change.at % (lines.length + 1), 0, "one more");
      return void tree.set(change.name, { ...there, content: bytesOf(lines.join("\n")) });
    }
    case "remove":
      return void tree.delete(change.name);
    case "chmod":
      if (there.mode === "120000") return;
      return void tree.set(change.name, {
        ...there,
        mode: there.mode === "100755" ? "100644" : "100755",
      });
    case "rename":
      // To itself: nothing changes, and the order of a map's entries would.
      if (change.to === change.name) return;
      tree.delete(change.name);
      return put(tree, change.to, there);
    case "copy":
      return put(tree, change.to, there);
  }
}

/** A repository of that history; gives its first and last commit, none where nothing changes. */
async function makeRepository(
  dir: string,
  { base, steps, attributes }: {
    base: readonly Change[];
    steps: readonly Step[];
    attributes: string;
  },
): Promise<[base: string, head: string] | null> {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  const line = (words: string) => parts.push(encoder.encode(`${words}\n`));
  const data = (bytes: Uint8Array) => {
    line(`data ${bytes.length}`);
    parts.push(bytes, encoder.encode("\n"));
  };
  let marks = 0;
  const commit = (tree: Tree, message: string, parents: readonly number[]): number => {
    line("commit refs/heads/main");
    line(`mark :${++marks}`);
    line(`committer A <a@example.org> ${1_700_000_000 + marks} +0000`);
    data(encoder.encode(message));
    for (const [index, parent] of parents.entries()) {
      line(`${index === 0 ? "from" : "merge"} :${parent}`);
    }
    line("deleteall");
    for (const [name, file] of tree) {
      line(`M ${file.mode} inline "${name.replaceAll('"', '\\"')}"`);
      data(file.content);
    }
    return marks;
  };
  const tree: Tree = new Map();
  const write = (name: string, text: string) =>
    tree.set(name, { content: encoder.encode(text), mode: "100644" });
  write("Makefile", MAKEFILE);
  write("kernel/fork.c", "int fork;\n");
  if (attributes !== "") write(".gitattributes", attributes);
  for (const change of base) perform(tree, change);
  const first = commit(tree, "base", []);
  let last = first;
  for (const { changes, message, merged } of steps) {
    const before = new Map(tree);
    for (const change of changes) perform(tree, change);
    if (JSON.stringify([...before]) === JSON.stringify([...tree])) continue;
    const side = commit(tree, message, [last]);
    if (!merged) last = side;
    else {
      // What neither side has comes with the merge itself.
      write("evil", message);
      last = commit(tree, "merge", [last, side]);
    }
  }
  if (last === first) return null;
  await Deno.mkdir(dir);
  await mustGitIn(dir, "init", "--quiet", "--template=", "--initial-branch=main");
  await Deno.mkdir(`${dir}/.git/info`, { recursive: true });
  // For git's own checkout of what is due.
  await Deno.writeTextFile(`${dir}/.git/info/attributes`, "* -text -ident -export-subst\n");
  const stream = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
  const imported = await gitIn(
    dir,
    ["fast-import", "--quiet", "--export-marks=.git/marks"],
    stream,
  );
  assert.equal(imported.code, 0, imported.stderr);
  await mustGitIn(dir, "checkout", "--quiet", "--force", "--detach", "main");
  const ids = new Map(
    (await Deno.readTextFile(`${dir}/.git/marks`)).trim().split("\n")
      .map((one) => one.split(" ") as [string, string]),
  );
  return [ids.get(`:${first}`)!, ids.get(`:${last}`)!];
}

/** How often each property is tried; more where somebody asks for it. */
const RUNS = Number(Deno.env.get("KMATRIX_SERIES_RUNS") ?? 6);

function check(
  links: boolean,
  ask: (
    repository: string,
    base: string,
    head: string,
    dir: string,
  ) => Promise<readonly (readonly [string, Listing])[]>,
) {
  return fc.assert(
    fc.asyncProperty(history(links), async (one) => {
      await withTempDir(async (dir) => {
        const repository = `${dir}/repository`;
        const made = await makeRepository(repository, one);
        if (made === null) return;
        const [base, head] = made;
        const due = await checkoutOf(repository, head, `${dir}/due`);
        for (const [what, found] of await ask(repository, base, head, dir)) {
          assert.deepEqual(found, due, what);
        }
      });
    }),
    { numRuns: RUNS },
  );
}

Deno.test("any history comes in the same by mails and by a folder with a series file", async () => {
  await check(false, async (repository, base, head, dir) => {
    const tree = `${dir}/base`;
    await mustGitIn(repository, "worktree", "add", "--quiet", "--detach", tree, base);
    const range = `${base}..${head}`;
    const { stdoutBytes } = await gitIn(repository, [
      "format-patch",
      "--stdout",
      "--binary",
      range,
    ]);
    // Commits that change nothing are mails without a diff, and no series.
    if (!new TextDecoder().decode(stdoutBytes).includes("\ndiff --git ")) return [];
    await Deno.writeFile(`${dir}/mails.mbox`, stdoutBytes);
    await mustGitIn(repository, "format-patch", "--quiet", "-C", "-o", `${dir}/queue`, range);
    const names = [...Deno.readDirSync(`${dir}/queue`)].map(({ name }) => name).sort();
    await Deno.writeTextFile(`${dir}/queue/series`, `${names.join("\n")}\n`);
    // In one cache: the second finds the tree of the first, which is the same kernel to it.
    const intake = new Intake(dir);
    return [
      ["mbox", await intake.listing({ tree, series: `${dir}/mails.mbox` })],
      ["folder", await intake.listing({ tree, series: `${dir}/queue` })],
    ];
  });
});

Deno.test("any history is the tree of its last commit with --range, merges and links included", async () => {
  await check(true, async (repository, base, head, dir) => {
    const intake = new Intake(dir);
    await mustGitIn(repository, "branch", "--force", "wanted", `${head}^`);
    const before = (await mustGitIn(repository, "rev-parse", "wanted")).trim();
    if (before !== base) await intake.treeOf({ tree: repository, range: `${base}..wanted` });
    await mustGitIn(repository, "branch", "--force", "wanted", head);
    return [["range", await intake.listing({ tree: repository, range: `${base}..wanted` })]];
  });
});
