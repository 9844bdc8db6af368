// SPDX-License-Identifier: MIT
/** Late instrumentation of a kernel with KCOV dataflow, whose plugin has a turn in what is shared. */
import assert from "node:assert/strict";
import { PLUGIN_NOTES } from "../core/build/dataflow_plugin.ts";
import { Elf } from "../core/inspect/elf.ts";
import { differenceOf } from "../core/inspect/object_difference.ts";
import { CAN_TEST_PLUGIN, pluginPath } from "../testing/dataflow_programs.ts";
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

/** A tree of a kernel with dataflow, and the path of the plugin. */
function testDataflow(name: string, body: (tree: Tree, plugin: string) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !CAN_TEST_PLUGIN || !CAN_COMPILE,
    fn: () =>
      withTempDir(async (dir) => {
        const tree = await Tree.make(dir);
        await tree.write("kernel/subject.c", SUBJECT);
        const plugin = await pluginPath();
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
  async (tree, plugin) => {
    /** The file of a plugin in a folder of its own. */
    const variantOf = async (name: string, notes: string | null, more = ""): Promise<string> => {
      const folder = `${tree.dir}/${name}`;
      await Deno.mkdir(folder);
      if (notes !== null) await Deno.writeTextFile(`${folder}/${PLUGIN_NOTES}`, notes);
      await Deno.copyFile(plugin, `${folder}/plugin.so`);
      await Deno.writeTextFile(`${folder}/plugin.so`, more, { append: true });
      return `${folder}/plugin.so`;
    };
    const steps = [
      ["the first", "one", "", 0],
      ["another one", "one", "more", 1],
      ["other notes", "other", "more", 0],
      ["nothing told of notes", null, "more", 0],
      ["the same file elsewhere", null, "more", 1],
      ["another file", null, "others", 0],
    ] as const;
    for (const [what, notes, more, shared] of steps) {
      const file = await variantOf(what.replaceAll(" ", "-"), notes, more);
      tree.kernel = { ...tree.kernel, plugin: file };
      for (const [at, flags] of [withPlugin(file), PC].entries()) {
        const late = await tree.compile("all", "kernel/subject.c", { flags });
        assertSameObject(late, await tree.plain("all", "kernel/subject.c", flags), what);
        // The object without calls is ccache's from the second plugin on.
        const use = await tree.use("all");
        if (at === 0) assert.deepEqual(use, { objects: 1, shared }, what);
      }
    }
  },
);
