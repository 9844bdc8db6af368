// SPDX-License-Identifier: MIT
/** Late instrumentation of a kernel with KCOV dataflow, whose plugin has a turn in what is shared. */
import assert from "node:assert/strict";
import { PLUGIN_FILE } from "../core/build/dataflow_plugin.ts";
import { Elf } from "../core/inspect/elf.ts";
import { differenceOf } from "../core/inspect/object_difference.ts";
import { CAN_TEST_PLUGIN, changedPlugin, pluginPath } from "../testing/dataflow_programs.ts";
import { CAN_COMPILE, type Compiled, Tree } from "../testing/late_tree.ts";
import { withTempDir } from "../testing/temp_dir.ts";

const PC = ["-fsanitize-coverage=trace-pc"];

/** What kbuild adds for a file that is instrumented for dataflow (Makefile.kcov-dataflow). */
function withPlugin(plugin: string, fields = 32): string[] {
  return [
    ...[`-fpass-plugin=${plugin}`, "-mllvm", "-kcov-dataflow-args", "-mllvm", "-kcov-dataflow-ret"],
    ...[...(fields === 0 ? [] : ["-g"]), "-mllvm", `-kcov-dataflow-fields=${fields}`, ...PC],
  ];
}

const SUBJECT = `struct pair { int first; long second; const char *name; };
struct empty { };
struct two { long left; long right; };
long beyond(struct pair *);
static __attribute__((noinline)) long dead(long a, long unused, struct pair *p)
{
	return a > 3 ? a * p->second : p->first;
}
long run(long a, struct empty none, struct pair *p, _Bool flag)
{
	return flag ? dead(a, 7, p) : beyond(p);
}
struct two both(struct two in, struct pair by_value)
{
	struct two out = { in.right + by_value.first, in.left };
	return out;
}
__attribute__((no_sanitize("coverage"))) int quiet(int a) { return a > 5 ? 1 : 2; }
int tail(struct pair *p) { return (int)beyond(p); }
`;

/** Puts a plugin into a folder of its own, as the cache has it; without notes where null. */
async function keep(tree: Tree, name: string, from: string, notes: string | null): Promise<string> {
  const file = `${tree.dir}/${name}/${PLUGIN_FILE}`;
  await Deno.mkdir(`${tree.dir}/${name}`);
  await Deno.copyFile(from, file);
  await Deno.writeTextFile(`${file}.sha256`, `a digest\n${notes ?? ""}\n`);
  return file;
}

/** A tree of a kernel with dataflow, and the path of the plugin. */
function testDataflow(name: string, body: (tree: Tree, plugin: string) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !CAN_TEST_PLUGIN || !CAN_COMPILE,
    fn: () =>
      withTempDir(async (dir) => {
        const tree = await Tree.make(dir);
        await tree.write("kernel/subject.c", SUBJECT);
        const plugin = await keep(tree, "plugin", await pluginPath(), "ours");
        tree.kernel = { dotConfig: "CONFIG_KCOV=y\nCONFIG_KCOV_DATAFLOW_ARGS=y\n", plugin };
        for (const variant of VARIANTS) await tree.configure(variant);
        await body(tree, plugin);
      }),
  });
}

const VARIANTS = ["chosen", "all", "values", "unique"];

/** The same code, relocations, symbols and notes; debug information may be written in another way. */
function assertSameObject(late: Compiled, plain: Compiled, what: string): void {
  assert.deepEqual([late.code, late.stderr], [0, plain.stderr], what);
  assert.deepEqual(late.depends, plain.depends, what);
  const [one, other] = [late, plain].map(({ object }) => new Elf(object!, what)) as [Elf, Elf];
  assert.deepEqual(differenceOf(one, other), [], what);
}

testDataflow(
  "files with the plugin's calls and those without share one compilation, and get clang's objects",
  async (tree, plugin) => {
    const flags = [
      ["chosen", PC],
      ["all", withPlugin(plugin)],
      ["all", withPlugin(plugin, 1)],
      ["unique", ["-fsanitize-coverage=trace-pc-guard,trace-cmp"]],
      ["unique", [...withPlugin(plugin), "-g"].map((word) => word.replace("-pc", "-pc-guard"))],
    ] as const;
    for (const [at, [variant, words]] of flags.entries()) {
      for (const file of ["kernel/subject.c", "kernel/a.c"]) {
        const late = await tree.compile(variant, file, { flags: words });
        assertSameObject(late, await tree.plain(variant, file, words), `${at}: ${file}`);
        assert.deepEqual(await tree.use(variant), { objects: 1, shared: at === 0 ? 0 : 1 }, file);
      }
    }
  },
);

testDataflow(
  "lines are all that a file without the plugin has of debug information",
  async (tree) => {
    await tree.compile("chosen", "kernel/subject.c", { flags: PC });
    assert.equal((await tree.use("chosen"))?.objects, 1);
    const { stdout } = await new Deno.Command("llvm-dwarfdump-22", {
      args: ["--debug-info", "--debug-line", `${tree.build("chosen")}/kernel/subject.o`],
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert.match(text, /DW_TAG_compile_unit/);
    assert.match(text, /is_stmt/);
    assert.doesNotMatch(text, /DW_TAG_(?:formal_parameter|structure_type|base_type)/);
  },
);

testDataflow(
  "what is not known to come out the same is compiled by clang alone",
  async (tree, plugin) => {
    const ours = withPlugin(plugin);
    const other = `${tree.dir}/other.so`;
    await Deno.copyFile(plugin, other);
    const flags = {
      "without debug information the plugin knows less": withPlugin(plugin, 0),
      "another plugin": withPlugin(other),
      "another form": [...ours, "-mllvm", "-kcov-dataflow-form=posted-pc"],
      "what it tells": [...ours, "-mllvm", "-kcov-dataflow-stats"],
      "lines alone": [...ours, "-gline-tables-only"],
      "no debug information": [...PC, "-g0"],
      "KCFLAGS that ask for less than it reads like": [
        ...[...ours.filter((word) => word !== "-g"), "-gline-tables-only", "-gdwarf-aranges"],
      ],
      "options without the plugin": ours.filter((word) => !word.startsWith("-fpass")).concat(PC),
    };
    for (const [what, words] of Object.entries(flags)) {
      const late = await tree.compile("all", "kernel/subject.c", { flags: words });
      assert.equal((await tree.use("all"))?.objects ?? 0, 0, what);
      const plain = await tree.plain("all", "kernel/subject.c", words);
      assert.deepEqual([late.code, late.stderr], [plain.code, plain.stderr], what);
      assert.deepEqual(late.object, plain.object, what);
    }
  },
);

testDataflow(
  "another plugin takes what was shared, as far as it makes the same notes",
  async (tree) => {
    const ours = await pluginPath();
    const fewer = await changedPlugin((text) =>
      text.replace("if (!Return) continue;", 'if (!Return || F.getName() == "run") continue;')
    );
    const steps = [
      ["the first", ours, "one", { objects: 1, shared: 0 }],
      ["another one", fewer, "one", { objects: 1, shared: 1 }],
      ["other notes", ours, "other", { objects: 1, shared: 0 }],
      ["without notes", fewer, null, undefined],
    ] as const;
    const objects = new Map<string, Uint8Array>();
    for (const [what, from, notes, expected] of steps) {
      const file = await keep(tree, what.replaceAll(" ", "-"), from, notes);
      tree.kernel = { ...tree.kernel, plugin: file };
      const flags = withPlugin(file);
      const late = await tree.compile("all", "kernel/subject.c", { flags });
      assert.deepEqual(await tree.use("all"), expected, what);
      assertSameObject(late, await tree.plain("all", "kernel/subject.c", flags), what);
      objects.set(what, late.object!);
      // Files without its calls are instrumented late in either case.
      const other = await tree.compile("all", "kernel/a.c", { flags: PC });
      assertSameObject(other, await tree.plain("all", "kernel/a.c", PC), what);
    }
    assert.notDeepEqual(objects.get("the first"), objects.get("another one"));
  },
);

testDataflow("an error of the plugin is told as clang tells it", async (tree, plugin) => {
  const flags = [...withPlugin(plugin, 65)];
  const late = await tree.compile("all", "kernel/subject.c", { flags });
  const plain = await tree.plain("all", "kernel/subject.c", flags);
  assert.equal(plain.code, 1);
  assert.match(plain.stderr, /at most 64 members/);
  assert.deepEqual([late.code, late.stderr, late.object], [1, plain.stderr, null]);
});

testDataflow("published forms share as kernels without dataflow do", async (tree) => {
  tree.kernel = { ...tree.kernel, compiler: "/cache/plugins/ab/posted/clang-22" };
  const late = await tree.compile("chosen", "kernel/a.c", { flags: PC });
  const plain = await tree.plain("chosen", "kernel/a.c", PC);
  // Debug information included.
  assert.deepEqual(late.object, plain.object);
  assert.equal((await tree.use("chosen"))?.objects, 1);
});

testDataflow(
  "a link that a build has left is taken away, and not followed",
  async (tree, plugin) => {
    const elsewhere = `${tree.dir}/home`;
    await Deno.mkdir(`${elsewhere}/plugin.so`, { recursive: true });
    await Deno.writeTextFile(`${elsewhere}/plugin.so/file`, "mine");
    const folder = `${tree.build("all")}/kmatrix-late`;
    await Deno.remove(folder, { recursive: true }).catch(() => {});
    await Deno.symlink(elsewhere, folder);
    await tree.env("all");
    assert.equal(await Deno.readTextFile(`${elsewhere}/plugin.so/file`), "mine");
    assert.deepEqual([...Deno.readDirSync(elsewhere)].map(({ name }) => name), ["plugin.so"]);
    assert.equal(await Deno.readLink(`${folder}/plugin.so`), plugin);
  },
);
