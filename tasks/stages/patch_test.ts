// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import $ from "dax";
import { denoHost } from "../host/deno_host.ts";
import { pathsFor } from "../core/model/paths.ts";
import type { KernelSpec, SourceArchive } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { patch } from "./patch.ts";

const host = denoHost({ emit: () => {}, signal: new AbortController().signal });

const BASE: Readonly<Record<string, string>> = {
  "Makefile": "all:\n",
  "a.c": "one\ntwo\nthree\n",
  "b.c": "four\nfive\nsix\n",
  "scripts/run.sh": "#!/bin/sh\nexit 0\n",
};

const TWO = `--- a/a.c
+++ b/a.c
@@ -1,3 +1,3 @@
 one
-two
+TWO
 three
`;
const NEW = `--- /dev/null
+++ b/new/c.c
@@ -0,0 +1 @@
+seven
--- a/scripts/run.sh
+++ b/scripts/run.sh
@@ -1,2 +1,2 @@
 #!/bin/sh
-exit 0
+exit 1
`;
const BAD = `--- a/b.c
+++ b/b.c
@@ -1,3 +1,3 @@
 four
-FIVE
+5
 six
`;

/** Runs a body over a small tree and gives it a way to patch it with some texts as the series. */
async function withTree(
  body: (
    apply: (...texts: string[]) => Promise<string>,
    tree: string,
    sources: string,
    /** What the tree holds is new. */
    change: () => void,
  ) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const tree = `${dir}/tree`;
    for (const [name, text] of Object.entries(BASE)) {
      await Deno.mkdir(dirname(`${tree}/${name}`), { recursive: true });
      await Deno.writeTextFile(`${tree}/${name}`, text);
    }
    await Deno.chmod(`${tree}/scripts/run.sh`, 0o755);
    const paths = pathsFor(dir, `${dir}/cache`, null);
    await Deno.mkdir(paths.sources, { recursive: true });
    const source = { kind: "tree", path: tree } as const;
    let version = 1;
    const archive = (): SourceArchive => ({
      kernelId: "k",
      spec: source,
      version: "1",
      digest: `base-${version}`,
      archive: null,
      tree,
    });
    const apply = async (...texts: string[]) => {
      const series = await Promise.all(texts.map(async (text, index) => {
        await Deno.writeTextFile(`${dir}/${index}.patch`, text);
        return { file: `${dir}/${index}.patch` };
      }));
      const kernel: KernelSpec = { id: "k", dir, source, series, uninstrumented: null };
      return (await patch(archive(), kernel, paths, host)).path;
    };
    await body(apply, tree, paths.sources, () => version++);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function mtimes(dir: string): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const name of Object.keys(BASE)) {
    found[name] = (await Deno.stat(`${dir}/${name}`)).mtime!.getTime();
  }
  return found;
}

Deno.test("patch() builds from the tree itself when there is no series", async () => {
  await withTree(async (apply, tree) => assert.equal(await apply(), tree));
});

Deno.test("patch() patches a tree of its own and leaves the user's as it was", async () => {
  await withTree(async (apply, tree) => {
    const before = await mtimes(tree);
    const path = await apply(TWO, NEW);
    assert.equal(await Deno.readTextFile(`${path}/a.c`), "one\nTWO\nthree\n");
    assert.equal(await Deno.readTextFile(`${path}/new/c.c`), "seven\n");
    assert.equal((await Deno.stat(`${path}/scripts/run.sh`)).mode! & 0o777, 0o755);
    assert.equal(await Deno.readTextFile(`${tree}/a.c`), BASE["a.c"]);
    assert.deepEqual(await mtimes(tree), before);
  });
});

Deno.test("patch() rewrites only the files that a changed series changes", async () => {
  await withTree(async (apply) => {
    const path = await apply(TWO, NEW);
    const before = await mtimes(path);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(await apply(TWO), path);
    const after = await mtimes(path);
    assert.equal(after["a.c"], before["a.c"]);
    assert.equal(after["Makefile"], before["Makefile"]);
    assert.notEqual(after["scripts/run.sh"], before["scripts/run.sh"]);
    assert.equal(await Deno.readTextFile(`${path}/scripts/run.sh`), BASE["scripts/run.sh"]);
    await assert.rejects(Deno.stat(`${path}/new/c.c`), Deno.errors.NotFound);
  });
});

Deno.test("patch() makes a file new that its owner has put back with an old time, and no other", async () => {
  await withTree(async (apply, tree, _sources, change) => {
    const file = `${tree}/b.c`;
    for (const name of Object.keys(BASE)) await Deno.utime(`${tree}/${name}`, 1000, 1000);
    const path = await apply(TWO);
    const first = await mtimes(path);
    assert.equal(first["b.c"], 1_000_000);
    await Deno.writeTextFile(file, "edited\n");
    change();
    await apply(TWO);
    const edited = await mtimes(path);
    await Deno.writeTextFile(file, BASE["b.c"]!);
    await Deno.utime(file, 1000, 1000);
    change();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await apply(TWO);
    const after = await mtimes(path);
    assert.equal(await Deno.readTextFile(`${path}/b.c`), BASE["b.c"]);
    assert.ok(after["b.c"]! > edited["b.c"]!, "newer than what was made of it");
    assert.equal(after["Makefile"], 1_000_000);
    assert.equal((await Deno.stat(file)).mtime!.getTime(), 1_000_000, "the tree is not written");
    // Neither size nor time tell.
    await Deno.writeTextFile(`${tree}/Makefile`, BASE["Makefile"]!.toUpperCase());
    await Deno.utime(`${tree}/Makefile`, 1000, 1000);
    change();
    await apply(TWO);
    assert.ok((await mtimes(path))["Makefile"]! > 1_000_000, "of the same size and time");
  });
});

Deno.test("patch() names patch, file and hunk, and leaves nothing behind, when one does not apply", async () => {
  await withTree(async (apply, _tree, sources) => {
    const path = await apply(TWO);
    const names = [...Deno.readDirSync(sources)].map((entry) => entry.name).sort();
    await assert.rejects(apply(TWO, BAD), (error: KmatrixError) => {
      assert.equal(error.kind, "patch");
      assert.match(
        error.message,
        /^1\.patch does not apply: b\.c: hunk 1 \(line 1\) does not match$/,
      );
      assert.match(error.detail, /-FIVE/);
      return true;
    });
    assert.deepEqual([...Deno.readDirSync(sources)].map((entry) => entry.name).sort(), names);
    assert.equal(await Deno.readTextFile(`${path}/a.c`), "one\nTWO\nthree\n");
  });
});

Deno.test("patch() refuses a series that names files outside of the tree, or links to them", async () => {
  await withTree(async (apply, tree) => {
    const outside = `${tree}/../victim`;
    await Deno.writeTextFile(outside, "one\n");
    const climbing = "--- a/../../victim\n+++ b/../../victim\n@@ -1 +1 @@\n-one\n+two\n";
    const absolute = `--- a/${outside}\n+++ b/${outside}\n@@ -1 +1 @@\n-one\n+two\n`;
    const linking =
      "diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n" +
      "+/etc/passwd\n\\ No newline at end of file\n";
    for (
      const [text, message] of [
        [climbing, /0\.patch names \.\.\/\.\.\/victim, which is outside of the tree/],
        [absolute, /0\.patch names \/.*victim, which is outside of the tree/],
        [linking, /0\.patch makes a symbolic link of x/],
      ] as const
    ) {
      await assert.rejects(apply(text), (error: KmatrixError) => {
        assert.equal(error.id, "does-not-apply");
        assert.match(error.message, message);
        assert.equal(error.evidence?.kind, "patch");
        return true;
      });
    }
    assert.equal(await Deno.readTextFile(outside), "one\n");
  });
});

Deno.test("patch() takes over nothing that somebody has changed in its tree", async () => {
  await withTree(async (apply) => {
    const path = await apply(TWO);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await Deno.writeTextFile(`${path}/b.c`, "mine\n");
    await assert.rejects(apply(TWO, NEW), (error: KmatrixError) => {
      assert.equal(error.id, "source-changed");
      assert.match(error.message, /: b\.c$/);
      return true;
    });
    assert.equal(await Deno.readTextFile(`${path}/b.c`), "mine\n");
  });
});

Deno.test("patch() takes nothing of a tree for old whose kernel was a range of commits since", async () => {
  await withTree(async (apply, tree, sources) => {
    for (const name of Object.keys(BASE)) await Deno.utime(`${tree}/${name}`, 1000, 1000);
    const path = await apply(TWO);
    assert.equal((await mtimes(path))["b.c"], 1_000_000);
    const repository = `${tree}/../repository`;
    await $`cp -R ${tree} ${repository}`;
    await Deno.writeTextFile(`${repository}/b.c`, "of a commit\n");
    const git = (...args: string[]) =>
      $`git -c user.name=t -c user.email=t@example.org ${args}`.cwd(repository).quiet();
    await git("init", "--quiet");
    await git("add", ".");
    await git("commit", "--quiet", "-m", "b");
    const digest = (await git("rev-parse", "HEAD^{tree}")).stdout.trim();
    const id = (await git("rev-parse", "HEAD")).stdout.trim();
    const spec = { kind: "commits", repository, range: "a..b", base: id, commits: [] } as const;
    const kernel: KernelSpec = {
      id: "k",
      dir: tree,
      source: spec,
      series: [],
      uninstrumented: null,
    };
    const archive: SourceArchive = {
      ...{ kernelId: "k", spec, version: "1", digest, archive: null, tree: null },
    };
    const paths = { ...pathsFor(tree, `${sources}/..`, null), sources };
    const laid = (await patch(archive, kernel, paths, host)).path;
    assert.equal(laid, path);
    assert.equal(await Deno.readTextFile(`${path}/b.c`), "of a commit\n");
    await apply(TWO);
    assert.equal(await Deno.readTextFile(`${path}/b.c`), BASE["b.c"]);
    assert.ok((await mtimes(path))["b.c"]! > 1_000_000, "older than what was made of the commit");
  });
});

Deno.test("patch() is the same in a folder of somebody's repository", async () => {
  await withTree(async (apply) => {
    const here = Deno.cwd();
    // A folder of this project's own checkout, or of whatever it lies in.
    Deno.chdir(new URL(".", import.meta.url));
    try {
      const path = await apply(TWO, NEW);
      assert.equal(await Deno.readTextFile(`${path}/a.c`), "one\nTWO\nthree\n");
    } finally {
      Deno.chdir(here);
    }
  });
});
