// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import type { Command } from "../host/host.ts";
import type { KernelBuild, KernelSpec } from "../core/model/model.ts";
import { pathsFor } from "../core/model/paths.ts";
import { rejectionOf } from "../testing/errors.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { Elf } from "../core/inspect/elf.ts";
import { tinyKernel, tinyModule } from "../testing/tiny_elf.ts";
import { inspect, RULES } from "./inspect.ts";

const PC = "__sanitizer_cov_trace_pc";
const CMP = "__sanitizer_cov_trace_cmp4";
const COMMENT = { name: ".comment", type: 1, flags: 0x30, content: Uint8Array.of(0) };
const FUNCTION = { name: "f", value: 0n, section: 3, size: 16 };

const compiled = (callback: string, calls: readonly null[]) =>
  tinyModule({ calls, callback, symbols: [FUNCTION], sections: [COMMENT] });
const CALLING = compiled(PC, [null]);
const COMPARING = compiled(CMP, [null]);
const PLAIN = compiled("c", []);
const BITCODE = Uint8Array.of(0x42, 0x43, 0xc0, 0xde, 0, 0, 0, 0);

/** A kernel of one object that calls the callback, and one that does not. */
const OBJECTS: Files = { "calls.o": CALLING, "plain.o": PLAIN };

type Files = Readonly<Record<string, Uint8Array<ArrayBuffer> | string>>;

/** The file that kbuild writes beside an object. */
const command = (name: string, flags: string) =>
  `savedcmd_${name} := clang -O2 ${flags} -c -o ${name} /src/x.c ; ./tools/objtool/objtool ${name}\n`;
const WITH = "-fsanitize-coverage=trace-pc";

interface Built {
  readonly spec: Pick<KernelSpec, "uninstrumented" | "incomplete" | "brought">;
  readonly files?: Files;
  /** The one that lists all objects, where no members are given. */
  readonly archive?: string;
  /** Of archives, by name. */
  readonly members?: Readonly<Record<string, readonly string[]>>;
  readonly modules?: readonly string[];
  readonly features?: readonly string[];
  readonly calls?: Readonly<Record<string, number>>;
  /** What the compiler says to be asked for the functions of an object. */
  readonly ir?: string;
}

/** What inspect() finds, and what it says beside it. */
function look({ spec, files = OBJECTS, members, modules = [], ir, ...other }: Built) {
  return withTempDir(async (dir) => {
    const { calls = { [PC]: 1000 }, features = ["kcov"], archive = "vmlinux.a" } = other;
    await Deno.writeTextFile(`${dir}/${archive}`, "");
    await Deno.writeFile(`${dir}/vmlinux`, tinyKernel({ calls }));
    for (const [name, content] of Object.entries(files)) {
      await Deno.mkdir(dirname(`${dir}/${name}`), { recursive: true });
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(`${dir}/${name}`, bytes);
    }
    const objects = Object.keys(files).filter((name) =>
      name.endsWith(".o") && !modules.some((module) => module.startsWith(name.slice(0, -2)))
    );
    const answer = ({ argv }: Command) => {
      if (argv[0]!.startsWith("llvm-ar")) {
        return { stdout: (members ?? { [archive]: objects })[argv[2]!]!.join("\n") };
      }
      if (argv[0] === "find") return { stdout: archive === "built-in.a" ? "./built-in.a\n" : "" };
      if (ir === undefined) return { code: 1 };
      Deno.writeTextFileSync(argv.at(-1)!, ir);
      return {};
    };
    const host = new FakeHost({ answer });
    const kernel = {
      config: {
        buildDir: dir,
        features,
        toolchain: { id: "clang", llvm: "1" },
        source: { path: "/src" },
      },
      vmlinux: `${dir}/vmlinux`,
      modules,
    } as unknown as KernelBuild;
    const inspection = await inspect(kernel, spec, pathsFor(dir, null, null), host);
    return { inspection, messages: host.messages, commands: host.commands };
  });
}

const OWN = { uninstrumented: ["plain.o"] };
const BROUGHT = { uninstrumented: [], incomplete: true, brought: true };
const EXCUSED = "define void @f() #0 {\n  ret void\n}\nattributes #0 = { nosanitize_coverage }\n";
const DUE = "define void @f() #0 {\n  ret void\n}\nattributes #0 = { nounwind }\n";

Deno.test("inspect() holds the objects of a kernel against the list of its tree", async () => {
  assert.equal((await look({ spec: OWN })).inspection.calls[PC], 1000);
  const silent = await rejectionOf(look({ spec: { uninstrumented: [] } }));
  assert.match(silent.message, /^plain\.o has code but no call of a callback/);
  const calling = await rejectionOf(look({ spec: { uninstrumented: ["plain.o", "calls.o"] } }));
  assert.match(calling.message, /^calls\.o calls callbacks, although the tree declares it/);
  assert.equal((await look({ spec: { uninstrumented: null } })).inspection.leftOut, null);
});

Deno.test("inspect() lets the patches to come of a series take objects out", async () => {
  const incomplete = true;
  await look({ spec: { uninstrumented: ["plain.o", "calls.o"], incomplete } });
  const silent = await rejectionOf(look({ spec: { uninstrumented: ["calls.o"], incomplete } }));
  assert.match(silent.message, /^plain\.o has code but no call of a callback/);
});

Deno.test("inspect() names what a stranger's tree leaves out, and fails nothing for it", async () => {
  const files = { ...OBJECTS, ".plain.o.cmd": command("plain.o", "") };
  const { inspection, messages } = await look({ spec: BROUGHT, files });
  assert.deepEqual(inspection.leftOut?.byFlags, ["plain.o"]);
  assert.match(messages.join("\n"), /^notice: uninstrumented beyond the base: 1 .*: plain\.o$/);
  const same = { ...BROUGHT, uninstrumented: ["pl*"] };
  assert.deepEqual((await look({ spec: same, files })).messages, []);
});

Deno.test("inspect() asks the compiler why an object with the flags has no call", async () => {
  const files = { ...OBJECTS, ".plain.o.cmd": command("plain.o", WITH) };
  const excused = await look({ spec: BROUGHT, files, ir: EXCUSED });
  assert.deepEqual(excused.inspection.leftOut?.byAttributes, ["plain.o"]);
  const asked = excused.commands.find((argv) => argv.includes("-emit-llvm"));
  assert.deepEqual(asked?.slice(0, 4), ["env", "clang", "-O2", WITH]);

  for (const spec of [BROUGHT, OWN, { uninstrumented: null }]) {
    const silent = await rejectionOf(look({ spec, files, ir: DUE }));
    assert.match(silent.message, /^plain\.o was compiled with .* no call .* in f\(\)$/);
  }
  const unknown = await look({ spec: BROUGHT, files });
  assert.deepEqual(unknown.inspection.leftOut?.unexplained, ["plain.o"]);
});

Deno.test("inspect() wants no call in an object that was compiled without the flags", async () => {
  const files = { ...OBJECTS, ".calls.o.cmd": command("calls.o", "") };
  for (const spec of [BROUGHT, OWN, { uninstrumented: null }]) {
    const calling = await rejectionOf(look({ spec, files }));
    assert.match(
      calling.message,
      /^calls\.o has 1 call that .*=trace-pc brings, and was compiled/,
    );
  }
  const compares = { "x.o": COMPARING, ".x.o.cmd": command("x.o", WITH) };
  const features = ["kcov", "cmp"];
  const calls = { [PC]: 1000, [CMP]: 1000 };
  const unasked = await rejectionOf(
    look({ spec: BROUGHT, files: compares, features, calls, ir: EXCUSED }),
  );
  assert.match(unasked.message, /^x\.o has 1 call that .*=trace-cmp brings/);
});

Deno.test("inspect() wants comparisons told of by all objects of our own", async () => {
  const files = { "calls.o": CALLING, ".calls.o.cmd": command("calls.o", WITH) };
  const features = ["kcov", "cmp"];
  const calls = { [PC]: 1000, [CMP]: 1000 };
  const own = await rejectionOf(look({ spec: { uninstrumented: [] }, files, features, calls }));
  assert.match(own.message, /^calls\.o was compiled without -fsanitize-coverage=trace-cmp$/);
  await look({ spec: BROUGHT, files, features, calls });
});

Deno.test("inspect() reads response files, copies and libraries of a build", async () => {
  const files: Files = {
    "calls.o": CALLING,
    ".calls.o.cmd": command("calls.o", "@flags.rsp"),
    "flags.rsp": `-O1 ${WITH}\n`,
    "copy.pi.o": PLAIN,
    ".copy.pi.o.cmd": "savedcmd_copy.pi.o := llvm-objcopy --prefix-symbols=p copy.o copy.pi.o\n",
    "copy.o": PLAIN,
    ".copy.o.cmd": command("copy.o", ""),
    "lib/l.o": PLAIN,
    "lib/.l.o.cmd": command("lib/l.o", ""),
    ".vmlinux.o.cmd": "savedcmd_vmlinux.o := ld.lld -r -o vmlinux.o --whole-archive vmlinux.a " +
      "--no-whole-archive --start-group lib/lib.a --end-group\n",
  };
  const members = { "vmlinux.a": ["calls.o", "copy.pi.o"], "lib/lib.a": ["lib/l.o"] };
  const { inspection } = await look({ spec: BROUGHT, files, members });
  assert.deepEqual(inspection.leftOut?.byFlags, ["copy.pi.o", "lib/l.o"]);
});

Deno.test("inspect() follows nothing out of the build folder, nor in circles", async () => {
  const files: Files = {
    "a.o": CALLING,
    ".a.o.cmd": "savedcmd_a.o := ld.lld -r -o a.o ../../outside.o\n",
    "b.o": CALLING,
    ".b.o.cmd": "savedcmd_b.o := ld.lld -r -o b.o c.o\n",
    "c.o": CALLING,
    ".c.o.cmd": "savedcmd_c.o := ld.lld -r -o c.o b.o\n",
    "d.o": CALLING,
    ".d.o.cmd": command("d.o", `@/dev/zero @../x ${WITH}`),
  };
  const { inspection } = await look({ spec: BROUGHT, files });
  assert.equal(inspection.calls[PC], 1000);
});

Deno.test("inspect() judges a module by what it was linked from", async () => {
  const module = (flags: string): Built => ({
    spec: BROUGHT,
    modules: ["drivers/m.ko"],
    members: { "vmlinux.a": [] },
    files: {
      "drivers/m.ko": PLAIN,
      "drivers/.m.ko.cmd":
        "savedcmd_drivers/m.ko := ld.lld -r -o drivers/m.ko drivers/m.o drivers/m.mod.o\n",
      "drivers/m.mod.o": PLAIN,
      "drivers/.m.mod.o.cmd": command("drivers/m.mod.o", ""),
      "drivers/m.o": PLAIN,
      "drivers/.m.o.cmd": "savedcmd_drivers/m.o := ld.lld -r -o drivers/m.o @drivers/m.mod\n",
      "drivers/m.mod": "drivers/one.o\ndrivers/two.o\n",
      "drivers/one.o": PLAIN,
      "drivers/.one.o.cmd": command("drivers/one.o", flags),
      "drivers/two.o": PLAIN,
      // Of a module of its own, kbuild names what lies beside it (from 6.13 on).
      "drivers/.two.o.cmd": "savedcmd_two.o := clang -c -o two.o two.c\n",
    },
  });
  // Nothing but __init code, as in a stranger's 7.3.
  const { inspection } = await look({ ...module(WITH), ir: EXCUSED });
  assert.deepEqual(inspection.leftOut?.byAttributes, ["drivers/one.o"]);
  const silent = await rejectionOf(look({ ...module(WITH), ir: DUE }));
  assert.match(silent.message, /^drivers\/one\.o was compiled with -fsanitize-coverage/);
  // Where nothing is known of it, a call is due as ever.
  const { files: _, ...unknown } = module("");
  const due = await rejectionOf(look({ ...unknown, files: { "drivers/m.ko": PLAIN } }));
  assert.match(due.message, /^drivers\/m\.ko calls __sanitizer_cov_trace_pc 0 times; at least 1/);
});

Deno.test("inspect() takes objects of link-time optimisation by their commands", async () => {
  const files = { "lto.o": BITCODE, ".lto.o.cmd": command("lto.o", WITH) };
  await look({ spec: { uninstrumented: [] }, files });
  const out = { "lto.o": BITCODE, ".lto.o.cmd": command("lto.o", "") };
  const { inspection } = await look({ spec: BROUGHT, files: out });
  assert.deepEqual(inspection.leftOut?.byFlags, ["lto.o"]);
  await rejectionOf(look({ spec: { uninstrumented: [] }, files: out }));
});

Deno.test("inspect() wants few calls of a kernel that instruments chosen folders", async () => {
  const files = { ...OBJECTS, "include/config/auto.conf": "CONFIG_KCOV=y\n" };
  const calls = { [PC]: 5 };
  await look({ spec: BROUGHT, files, calls });
  const all = { ...files, "include/config/auto.conf": "CONFIG_KCOV_INSTRUMENT_ALL=y\n" };
  await rejectionOf(look({ spec: BROUGHT, files: all, calls }));
});

const ARGS = "__sanitizer_cov_trace_args";
const RET = "__sanitizer_cov_trace_ret";
const DATAFLOW_CONFIG = "CONFIG_KCOV=y\nCONFIG_KCOV_DATAFLOW_ARGS=y\nCONFIG_KCOV_DATAFLOW_RET=y\n";
const PLUGIN = `${WITH} -fpass-plugin=/p.so -mllvm -kcov-dataflow-args -mllvm -kcov-dataflow-ret`;

/** An object that tells of so many arguments by calls of its code, and notes what it is told. */
function tracing(args: number, note: string): Uint8Array<ArrayBuffer> {
  const content = new TextEncoder().encode(`\0${note}\0`);
  const calls = { ...COMMENT, content };
  const bytes = tinyModule({
    ...{ calls: Array.from({ length: args }, () => null), callback: ARGS, symbols: [FUNCTION] },
    sections: [calls],
  });
  // tinyModule() has no opcodes, and each call has its operand eight bytes in.
  const code = new Elf(bytes, "x").sections[3]!.offset;
  for (let at = 0; at < args; at++) bytes[code + 12 * at + 7] = 0xe8;
  return bytes;
}

const noteOf = (args: number) =>
  `kcov-dataflow 1: functions=1 args=${args} lost=0 rets=0 tables=1 fields=4`;

Deno.test("inspect() counts dataflow's calls, and holds each object against the plugin's word", async () => {
  const built = (args: number, noted: number, more: Files = {}): Built => ({
    spec: { uninstrumented: null },
    calls: { [PC]: 1000, [ARGS]: 2, [RET]: 1 },
    files: {
      "calls.o": CALLING,
      "include/config/auto.conf": DATAFLOW_CONFIG,
      "fs/traced.o": tracing(args, noteOf(noted)),
      "fs/.traced.o.cmd": command("fs/traced.o", PLUGIN),
      ...more,
    },
    ir: EXCUSED,
  });
  const { inspection } = await look(built(2, 2));
  assert.deepEqual(inspection.calls, { [PC]: 1000, [ARGS]: 2, [RET]: 1 });
  assert.deepEqual(inspection.dataflow, {
    ...{ objects: 1, functions: 1, args: 2, lost: 0, rets: 0, tables: 1, tableBytes: 64 },
  });
  const fewer = await rejectionOf(look(built(2, 3)));
  assert.equal(fewer.id, "not-as-asked");
  assert.match(fewer.message, /^fs\/traced\.o calls \S+_args 2 times, and the plugin .* added 3$/);
  const declared = { ...built(2, 2), spec: { uninstrumented: ["fs/traced.o"] } };
  assert.match((await rejectionOf(look(declared))).message, /2 calls for dataflow, although the/);
  const plain = built(2, 2, { "fs/.traced.o.cmd": command("fs/traced.o", WITH) });
  assert.match((await rejectionOf(look(plain))).message, /its compiler was not told to add that$/);
  const none = { ...built(2, 2), calls: { [PC]: 1000, [ARGS]: 0, [RET]: 1 } };
  assert.match(
    (await rejectionOf(look(none))).message,
    /^vmlinux calls \S+_args 0 times; at least 1/,
  );
});

Deno.test("inspect() wants no call for dataflow in a kernel without it, and has no figures of it", async () => {
  const plain = await look({ spec: OWN });
  assert.equal("dataflow" in plain.inspection, false);
  const traced = { spec: OWN, calls: { [PC]: 1000, [RET]: 3 } };
  assert.match(
    (await rejectionOf(look(traced))).message,
    /^vmlinux calls __sanitizer_cov_trace_ret 3 times, but must not at all$/,
  );
});

Deno.test("inspect() finds the objects of a tree from before 6.1, or says that there are none", async () => {
  await rejectionOf(look({ spec: { uninstrumented: [] }, archive: "built-in.a" }));
  await look({ spec: OWN, archive: "built-in.a" });
  const none = await rejectionOf(look({ spec: OWN, archive: "other.a" }));
  assert.match(none.message, / has no archive of the objects that vmlinux is linked from$/);
  await look({ spec: { uninstrumented: null }, archive: "other.a" });
});

Deno.test("the code that decides what an inspection finds is where it is looked for", async () => {
  for (const name of RULES) {
    assert.ok((await Deno.stat(new URL(`../${name}`, import.meta.url))).isFile, name);
  }
});
