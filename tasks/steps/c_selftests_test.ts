// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { KmatrixError } from "../core/model/errors.ts";
import type { Command, CommandResult } from "../host/host.ts";
import type { KernelConfig } from "../core/model/model.ts";
import type { MakeRequest } from "../core/build/make.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { CLANG } from "../testing/samples.ts";
import { tinyElf } from "../testing/tiny_elf.ts";
import { declaredTests } from "../../selftests/main.ts";
import { C_SELFTEST_SOURCE, referenceTests } from "../../selftests/contract/c_programs.ts";
import { buildSelftests } from "./c_selftests.ts";

const SECTION = { type: 1, flags: 2, content: new Uint8Array(8) };
const STATIC = tinyElf([{ ...SECTION, name: ".text" }]);
const DYNAMIC = tinyElf([{ ...SECTION, name: ".interp" }]);

interface Tree {
  /** What the compiler leaves; null for an error of it. */
  readonly program?: Uint8Array | null;
  readonly emitted?: string;
}

/** A tree with a selftest and a make that knows its three targets. */
class Selftest {
  readonly dir: string;
  readonly made: string[] = [];
  tree: Tree = {};
  readonly host: FakeHost;

  constructor(dir: string) {
    this.dir = dir;
    this.host = new FakeHost({ answer: (command) => this.#make(command) });
  }

  async addFolder(): Promise<void> {
    await Deno.mkdir(`${this.dir}/src/${C_SELFTEST_SOURCE}`, { recursive: true });
    await Deno.writeTextFile(`${this.dir}/src/${C_SELFTEST_SOURCE}/Makefile`, "");
  }

  #make({ argv, log }: Command): Partial<CommandResult> {
    // What looks for half-made objects finds none.
    if (argv[0] === "find") return {};
    assert.equal(argv[0], "make");
    const { program = STATIC, emitted = "kcov:kcov_test\nkcov:run.sh\n" } = this.tree;
    if (argv.includes("emit_tests")) return { stdout: emitted };
    const output = argv.find((word) => word.startsWith("OUTPUT="))?.slice(7);
    this.made.push(output === undefined ? argv.at(-1)! : "programs");
    if (output === undefined) return {};
    const say = (text: string) => Deno.writeTextFileSync(log!, text, { append: true });
    say("  CC       kcov_test\n");
    if (program === null) {
      say("kcov_test.c:7:10: error: use of undeclared identifier 'SYS_read'\n");
      say("make: *** [../lib.mk:222: kcov_test] Error 1\n");
      return { code: 2 };
    }
    say("kcov_test.c:9:1: warning: unused variable 'x' [-Wunused-variable]\n");
    Deno.writeFileSync(`${output}/kcov_test`, program);
    Deno.writeFileSync(`${output}/helper`, program);
    return {};
  }

  build(digest = "d", tree: Tree = {}) {
    this.tree = tree;
    const source = { kernelId: "k", version: "1", digest, path: `${this.dir}/src` };
    const buildDir = `${this.dir}/build`;
    Deno.mkdirSync(buildDir, { recursive: true });
    const config = { source, buildDir } as KernelConfig;
    const request: MakeRequest = { source, buildDir, toolchain: CLANG, jobs: 1, variables: {} };
    return buildSelftests(config, request, [digest], this.host);
  }
}

Deno.test("buildSelftests() costs nothing where the tree has no such selftest", async () => {
  await withTempDir(async (dir) => {
    const selftest = new Selftest(dir);
    assert.deepEqual(await selftest.build(), { programs: [], compiled: false });
    assert.deepEqual(selftest.made, []);
  });
});

Deno.test("buildSelftests() makes headers and programs once for the same source", async () => {
  await withTempDir(async (dir) => {
    const selftest = new Selftest(dir);
    await selftest.addFolder();
    const programs = [`${dir}/build/kmatrix-selftests/kcov_test`];
    assert.deepEqual(await selftest.build(), { programs, compiled: true });
    assert.deepEqual(selftest.made, ["headers", "programs"]);
    assert.match(selftest.host.messages.join(), /warning: unused variable/, "told, and no failure");
    assert.deepEqual(await selftest.build(), { programs, compiled: false });
    assert.deepEqual(selftest.made.length, 2);
    assert.deepEqual(await selftest.build("other"), { programs, compiled: true });
    assert.deepEqual(selftest.made.length, 4);
    const names: string[] = [];
    for await (const { name } of Deno.readDir(`${dir}/src/${C_SELFTEST_SOURCE}`)) names.push(name);
    assert.deepEqual(names, ["Makefile"], "nothing is written to the source");
  });
});

Deno.test("buildSelftests() says what does not build, and blames the selftest", async () => {
  await withTempDir(async (dir) => {
    const selftest = new Selftest(dir);
    await selftest.addFolder();
    const fails = (tree: Tree, message: RegExp) =>
      assert.rejects(selftest.build("d", tree), (error) => {
        assert.ok(error instanceof KmatrixError);
        assert.deepEqual([error.kind, error.id], ["build", "selftest-build-error"]);
        assert.match(error.message, message);
        return true;
      });
    await fails(
      { program: null },
      /^tools\/testing\/selftests\/kcov does not build: kcov_test\.c:7:10: error: use of/,
    );
    await fails({ program: DYNAMIC }, /kcov_test is not linked statically/);
    await fails({ emitted: "kcov:run.sh\n" }, /its Makefile builds no program/);
    assert.deepEqual((await selftest.build()).compiled, true, "nothing of it was kept");
  });
});

Deno.test("the C program of the test series has the names of our port", async () => {
  const url = new URL("../testing/series/c-selftest.patch", import.meta.url);
  const patch = await Deno.readTextFile(url);
  const found = (pattern: RegExp) => [...patch.matchAll(pattern)].map(([, a, b]) => [a!, b!]);
  const tests = found(/^\+TEST_F\((\w+), (\w+)\)/gm);
  const names = found(/^\+FIXTURE_VARIANT_ADD\((\w+), (\w+)\)/gm).flatMap(([fixture, variant]) =>
    tests.filter(([of]) => of === fixture).map(([, test]) => `${fixture}.${variant}.${test}`)
  );
  assert.deepEqual(names, referenceTests(declaredTests()).map(({ id }) => id));
});
