// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import $ from "dax";
import { denoHost } from "../host/deno_host.ts";
import { pathsFor } from "../core/model/paths.ts";
import type { KernelSpec } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { bring, type BringRequest } from "./bring.ts";

const host = denoHost({ emit: () => {}, signal: new AbortController().signal });

const KERNEL: KernelSpec = {
  id: "linux-6.12",
  dir: "/kernels/linux-6.12",
  source: { kind: "debian", package: "linux-source-6.12" },
  series: [{ file: "/kernels/linux-6.12/patches/0001-own.patch" }],
  uninstrumented: ["kernel/kcov.o"],
};

/** The kernel whose cells one of --tree gets. */
const TEMPLATE: KernelSpec = { ...KERNEL, id: "ours", uninstrumented: ["kernel/kcov.o", "ours.o"] };

/** A git repository of three commits, the last two of which change a file each. */
async function withRepository(
  body: (tree: string, ask: (request: BringRequest) => Promise<KernelSpec>) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const tree = `${dir}/my tree`;
    await Deno.mkdir(tree);
    const git = (...args: string[]) =>
      $`git -c user.name=t -c user.email=t@example.org ${args}`.cwd(tree).quiet();
    await git("init", "--quiet");
    for (const [index, name] of ["Makefile", "a.c", "b.c"].entries()) {
      await Deno.writeTextFile(`${tree}/${name}`, `line ${index} \u00e9\n`);
      await git("add", name);
      await git("commit", "--quiet", "-m", `add ${name}`);
    }
    const paths = pathsFor(dir, `${dir}/cache`, null);
    const known = { kernels: [KERNEL, TEMPLATE], template: { kernel: TEMPLATE.id, configs: [] } };
    await body(tree, (request) => bring(request, known, paths, host));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("bring() makes a kernel with an id of its own of a tree", async () => {
  await withRepository(async (tree, ask) => {
    const kernel = await ask({ tree });
    assert.equal(kernel.id, "my-tree");
    assert.deepEqual(kernel.source, { kind: "tree", path: tree });
    assert.deepEqual(kernel.series, []);
    assert.deepEqual(kernel.uninstrumented, TEMPLATE.uninstrumented);
  });
});

Deno.test("bring() puts a plain diff on top of the default kernel and its series", async () => {
  await withRepository(async (tree, ask) => {
    const file = `${tree}/../one.diff`;
    await Deno.writeTextFile(file, "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n");
    const kernel = await ask({ series: file });
    assert.equal(kernel.id, "linux-6.12+one");
    assert.deepEqual(kernel.series, [...KERNEL.series, { file }]);
    assert.deepEqual(kernel.uninstrumented, KERNEL.uninstrumented);
  });
});

Deno.test("bring() takes the mails of an mbox in the order of their subjects", async () => {
  await withRepository(async (tree, ask) => {
    const format = $`git format-patch --stdout --numbered HEAD~2..HEAD`.cwd(tree).quiet();
    const mails = (await format.text()).split(/^(?=From [0-9a-f]{40} )/m);
    assert.equal(mails.length, 2);
    const file = `${tree}/../two.mbox`;
    await Deno.writeTextFile(file, mails.reverse().join(""));
    const kernel = await ask({ tree, series: file });
    assert.equal(kernel.id, "my-tree+two");
    const texts = await Promise.all(kernel.series.map(({ file }) => Deno.readTextFile(file)));
    assert.match(texts[0]!, /^\+\+\+ b\/a\.c/m);
    assert.match(texts[1]!, /^\+\+\+ b\/b\.c/m);
    assert.match(texts[1]!, /line 2 \u00e9/);
  });
});

Deno.test("bring() takes the thread of the posted dataflow series, without its cover letter", async () => {
  await withRepository(async (_tree, ask) => {
    const url = new URL("../testing/series/dataflow-posted.mbox", import.meta.url);
    const kernel = await ask({ series: fileURLToPath(url) });
    assert.equal(kernel.id, "linux-6.12+dataflow-posted");
    const files = kernel.series.slice(KERNEL.series.length).map(({ file }) => file);
    const texts = await Promise.all(files.map((file) => Deno.readTextFile(file)));
    const touched = texts.map((text) => /^\+\+\+ b\/(\S+)/m.exec(text)?.[1]);
    assert.deepEqual(touched, [
      ...["include/linux/kcov.h", "tools/objtool/check.c", "arch/x86/mm/Makefile"],
      "lib/Kconfig.debug",
    ]);
  });
});

Deno.test("bring() takes a folder with a series file", async () => {
  await withRepository(async (tree, ask) => {
    const dir = `${tree}/../queue`;
    await Deno.mkdir(dir);
    for (const name of ["a.patch", "b.patch"]) await Deno.writeTextFile(`${dir}/${name}`, "");
    await Deno.writeTextFile(`${dir}/series`, "# ours\nb.patch\na.patch # second\n");
    const kernel = await ask({ tree, series: dir });
    assert.deepEqual(kernel.series, [{ file: `${dir}/b.patch` }, { file: `${dir}/a.patch` }]);
  });
});

Deno.test("bring() takes a range of the tree as commits", async () => {
  await withRepository(async (tree, ask) => {
    const kernel = await ask({ tree, range: "HEAD~2..HEAD" });
    const first = (await $`git rev-parse HEAD~2`.cwd(tree).text()).trim();
    assert.ok(kernel.source.kind === "commits");
    assert.equal(kernel.source.base, first);
    assert.deepEqual(kernel.source.commits.map(({ subject }) => subject), ["add a.c", "add b.c"]);
    assert.deepEqual(kernel.series, []);
    assert.equal(await $`git status --porcelain`.cwd(tree).text(), "");
  });
});

Deno.test("bring() refuses what does not go together or does not exist", async () => {
  await withRepository(async (tree, ask) => {
    const cases: readonly [BringRequest, RegExp][] = [
      [{ range: "A..B" }, /--range needs --tree/],
      [{ tree, kernel: "linux-6.12" }, /take one/],
      [{ series: `${tree}/nothing` }, /no such file or folder/],
      [{ series: tree }, /neither a file "series"/],
      [{ series: `${tree}/a.c`, kernel: "linux-6.21" }, /did you mean "linux-6.12"\?/],
      [{ tree, range: "nonsense" }, /no two ends with \.\. between them/],
      [{ tree, range: "nonsense..HEAD" }, /"nonsense" is no commit/],
      [{ tree: `${tree}/none` }, /no kernel source tree/],
    ];
    for (const [request, message] of cases) {
      await assert.rejects(ask(request), (error: KmatrixError) => {
        assert.equal(error.kind, "usage");
        assert.match(error.message, message);
        return true;
      });
    }
  });
});

Deno.test("bring() needs no default kernel for a tree, and names the choices for a series", async () => {
  await withRepository(async (tree) => {
    const paths = pathsFor(tree, `${tree}/cache`, null);
    const other = { ...TEMPLATE, id: "mine" };
    const known = { kernels: [other], template: { kernel: "mine", configs: [] } };
    const kernel = await bring({ tree }, known, paths, host);
    assert.equal(kernel.id, "my-tree");
    assert.deepEqual(kernel.uninstrumented, other.uninstrumented);
    assert.equal(
      (await bring(
        { tree },
        { kernels: [], template: { kernel: null, configs: ["x"] } },
        paths,
        host,
      )).uninstrumented,
      null,
    );
    await assert.rejects(
      bring({ series: `${tree}/a.c` }, known, paths, host),
      (error: KmatrixError) => {
        assert.deepEqual([error.kind, error.id], ["usage", "no-such-kernel"]);
        assert.match(error.message, /goes on top of linux-6\.12, which this project does not have/);
        assert.match(error.detail, /--kernel: mine/);
        return true;
      },
    );
  });
});
