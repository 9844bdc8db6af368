// SPDX-License-Identifier: MIT
/**
 * The rules of docs/architecture.md, by name: rooms and their floors, what is pure, who may call what.
 * Types count like values: who knows a type knows the room that it is from. Tests import what they
 * like.
 */
// Deno.lint: the syntax tree of a file, by which functions are measured.
/// <reference lib="deno.unstable" />
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import { ARCH_NAMES } from "../core/arch/table.ts";

const ROOT = new URL("../../", import.meta.url);

/** Lowest first. A room imports itself and rooms of lower floors; rooms of one floor stay apart. */
const FLOORS: readonly (readonly string[])[] = [
  ["selftests/runtime", "selftests/contract"],
  ["selftests/harness"],
  ["selftests/kcov"],
  ["selftests/kcov/tests"],
  ["selftests/crash", "selftests/session"],
  ["selftests"],
  ["tasks/core/kconfig", "tasks/core/arch"],
  ["tasks/core/model"],
  ["tasks/core/text"],
  ["tasks/core/source", "tasks/core/build", "tasks/core/late"],
  ["tasks/core/inspect"],
  ["tasks/core/matrix", "tasks/core/boot"],
  ["tasks/core/console"],
  ["tasks/core/judge"],
  ["tasks/core/dataflow"],
  ["tasks/core/report"],
  ["tasks/core/shards"],
  ["tasks/core/bisect", "tasks/core/compare", "tasks/core/cluster"],
  ["tasks/core/page"],
  ["tasks/core/ci"],
  ["tasks/page"],
  ["tasks/host"],
  ["tasks/steps"],
  ["tasks/stages"],
  ["tasks/run"],
  ["tasks/cli"],
  ["tasks/commands"],
  ["tasks"],
  ["tasks/testing"],
  ["tasks/testing/whole"],
  ["tasks/programs"],
  ["tasks/programs/bench"],
];

interface Source {
  /** Below the project's root. */
  readonly name: string;
  readonly room: string;
  readonly text: string;
  readonly imports: readonly string[];
}

async function* filesBelow(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(`${folder}/`, ROOT))) {
    if (isDirectory) yield* filesBelow(`${folder}/${name}`);
    else yield `${folder}/${name}`;
  }
}

async function readSources(): Promise<Source[]> {
  const sources: Source[] = [];
  for (const top of ["tasks", "selftests"]) {
    for await (const name of filesBelow(top)) {
      if (!/\.tsx?$/.test(name) || name.endsWith("_test.ts")) continue;
      const url = new URL(name, ROOT);
      const text = await Deno.readTextFile(url);
      const from = /\b(?:from|import) "(\.[^"]+)"|\bimport\("(\.[^"]+)"\)/g;
      const imports = [...text.matchAll(from)].map(([, a, b]) =>
        new URL((a ?? b)!, url).href.slice(ROOT.href.length)
      );
      sources.push({ name, room: dirname(name), text, imports });
    }
  }
  assert.ok(sources.length > 150, `${sources.length} files`);
  return sources;
}

const SOURCES = await readSources();
const floorOf = (room: string) => FLOORS.findIndex((rooms) => rooms.includes(room));
/** Code without comments. */
const code = (text: string) => text.replace(/\/\*[^]*?\*\/|^ *\/\/.*$/gm, "");
const inRoom = (name: string, ...rooms: readonly string[]) =>
  rooms.some((room) => name.startsWith(`${room}/`));

/** Imports that break the rule of floors, of one file, as text. */
export function upwardImports({ name, room, imports }: Source): string[] {
  return imports.map((one) => [one, dirname(one)] as const)
    .filter(([, other]) => other !== room && floorOf(other) >= floorOf(room))
    .map(([one]) => `${name} imports ${one}`);
}

Deno.test("every file lies in a room that has a floor, and every room with a floor has files", () => {
  const rooms = new Set(SOURCES.map(({ room }) => room));
  assert.deepEqual([...rooms].filter((room) => floorOf(room) < 0), []);
  assert.deepEqual(FLOORS.flat().filter((room) => !rooms.has(room)), []);
});

Deno.test("docs/architecture.md tells of every room what lives there", async () => {
  const docs = await Deno.readTextFile(new URL("docs/architecture.md", ROOT));
  const told = new Set([...docs.matchAll(/^- `([\w/]+)\/`:/gm)].map(([, room]) => room));
  assert.deepEqual([...told].sort(), FLOORS.flat().sort());
});

Deno.test("a room imports itself and rooms below it, types included", () => {
  assert.deepEqual(SOURCES.flatMap(upwardImports), []);
});

Deno.test("no file imports itself by way of others, types included", () => {
  const imports = new Map(SOURCES.map(({ name, imports }) => [name, imports]));
  const state = new Map<string, "open" | "done">();
  const circles: string[] = [];
  const visit = (name: string, path: readonly string[]) => {
    if (state.get(name) === "done") return;
    if (state.get(name) === "open") {
      circles.push([...path.slice(path.indexOf(name)), name].join(" → "));
      return;
    }
    state.set(name, "open");
    for (const one of imports.get(name) ?? []) visit(one, [...path, name]);
    state.set(name, "done");
  };
  for (const { name } of SOURCES) visit(name, []);
  assert.deepEqual(circles, []);
});

/** Who may know more of selftests/ than the contract, and what. */
const BEYOND_THE_CONTRACT: Readonly<Record<string, (imported: string) => boolean>> = {
  // By import() alone, once a command needs it: a mistake in a selftest stops nobody else.
  "tasks/steps/declared_tests.ts": (imported) => imported === "selftests/main.ts",
  // Recordings for tests are made by the guest's own runner.
  "tasks/testing/recorder.ts": (imported) => inRoom(imported, "selftests/harness"),
};

Deno.test("of selftests/, the tool imports the contract alone, types included", () => {
  const wrong = SOURCES.filter(({ name }) => inRoom(name, "tasks")).flatMap(({ name, imports }) =>
    imports.filter((one) => inRoom(one, "selftests") && !inRoom(one, "selftests/contract"))
      .filter((one) => !BEYOND_THE_CONTRACT[name]?.(one)).map((one) => `${name} imports ${one}`)
  );
  assert.deepEqual(wrong, []);
  const loader = SOURCES.find(({ name }) => name === "tasks/steps/declared_tests.ts")!;
  assert.doesNotMatch(code(loader.text), /from "[^"]*selftests\/(?!contract\/)/);
});

Deno.test("no stage imports another stage", () => {
  const wrong = SOURCES.filter(({ room }) => room === "tasks/stages").flatMap(({ name, imports }) =>
    imports.filter((one) => inRoom(one, "tasks/stages")).map((one) => `${name} imports ${one}`)
  );
  assert.deepEqual(wrong, []);
});

Deno.test("the core knows no machine: no Deno, no clock, no files, no processes", () => {
  const core = SOURCES.filter(({ room }) => inRoom(`${room}/`, "tasks/core"));
  for (const { name, text } of core) {
    assert.doesNotMatch(
      code(text),
      /\bDeno\.|\bDate\.now\b|\bnew Date\(\)|\bperformance\.|\bfetch\(|\bprocess\./,
      name,
    );
    assert.doesNotMatch(text, /from "(dax|zx|node:(fs|child_process|os|process)[^"]*)"/, name);
  }
});

Deno.test("stages, steps and runs reach the machine through their host alone", () => {
  for (const { name, text, imports } of SOURCES) {
    if (!inRoom(name, "tasks/stages", "tasks/steps", "tasks/run")) continue;
    assert.doesNotMatch(code(text), /\bDeno\.|\bDate\.now\b|\bperformance\./, name);
    assert.doesNotMatch(text, /from "(dax|zx)"/, name);
    assert.ok(!imports.includes("tasks/host/deno_host.ts"), name);
  }
});

Deno.test("one file takes cells through their stages", () => {
  const callers = SOURCES.filter(({ name, imports }) =>
    // Who lists commands without running them goes a way of its own, and so does who measures.
    inRoom(name, "tasks/run", "tasks/commands") && imports.includes("tasks/stages/inspect.ts")
  );
  assert.deepEqual(callers.map(({ name }) => name), ["tasks/run/cell_stages.ts"]);
});

/** Words of one architecture. */
const ARCHITECTURE_WORDS = new RegExp(
  [
    // Of x86-64: names, folders, packages, images.
    ...["x86", "amd64", "i386", "\\b[bz]Image\\b"],
    // QEMU: programs, machines, devices, the console, what the exit device makes of 0x10.
    ...["qemu-system-", "qemu-x86", "\\bmicrovm\\b", "\\bq35\\b", "\\bisa-debug", "\\bttyS0\\b"],
    ...["\\bend ?[:=] ?33\\b", "\\bexpect: \\[33\\]"],
    // Command line and options of the kernel.
    ...["\\breboot=t\\b", "lapic", "IOPL"],
    // Registers, calls and relocations.
    ...["\\bR(?:IP|SP|AX|DI)\\b", "\\bEIP\\b", "EFLAGS:", "\\b0xe8\\b", "\\bR_X86", "ENDBR"],
    // Functions on stacks.
    ...["\\bx64_", "sysenter", "sysvec", "\\bel[01][th]?_", "__irq_svc"],
  ].join("|"),
);
const ARCH_ROOM = "tasks/core/arch";
/** Files of tasks/ that may have such words, each with the reason. */
const KNOW_AN_ARCHITECTURE: Readonly<Record<string, string>> = {
  "tasks/core/console/complaints.ts":
    "one table of titles, whose order decides between those of all architectures",
  "tasks/testing/console_samples.ts": "samples: kernel logs as they are",
  "tasks/testing/tiny_elf.ts": "makes files for x86-64, which tests hold its facts against",
};

Deno.test("facts of an architecture stand in core/arch/ alone", async () => {
  const files = SOURCES.filter(({ name, room }) => inRoom(name, "tasks") && room !== ARCH_ROOM)
    .map(({ name, text }) => ({ name, text: code(text) }));
  for await (const name of filesBelow("tasks")) {
    if (!name.endsWith(".sh")) continue;
    const text = await Deno.readTextFile(new URL(name, ROOT));
    files.push({ name, text: text.replace(/^\s*#.*$/gm, "") });
  }
  const knowing = files.filter(({ text }) => ARCHITECTURE_WORDS.test(text)).map(({ name }) => name);
  assert.deepEqual(knowing.sort(), Object.keys(KNOW_AN_ARCHITECTURE).sort());
});

Deno.test("an architecture is known by its name in the table alone", () => {
  const files = SOURCES.filter(({ room }) => room === ARCH_ROOM);
  for (const name of ARCH_NAMES) {
    const file = `${ARCH_ROOM}/${name}.ts`;
    const users = SOURCES.filter(({ imports }) => imports.includes(file)).map(({ name }) => name);
    const besides = Object.keys(KNOW_AN_ARCHITECTURE);
    assert.deepEqual(users.filter((one) => !besides.includes(one)), [`${ARCH_ROOM}/table.ts`]);
    assert.ok(files.some((one) => one.name === file), `${file} has the facts of ${name}`);
  }
});

const MAX_FILE_LINES = 400;
const MAX_FUNCTION_LINES = 80;

/** Files that may be longer, each with the reason. Tests may, too: most of it is cases. */
const LONG_FILES: Readonly<Record<string, string>> = {
  "tasks/testing/console_samples.ts": "samples: kernel logs as they are, with their titles",
};
/** Functions that may be longer: "file name", each with the reason. */
const LONG_FUNCTIONS: Readonly<Record<string, string>> = {};

/** Lines of each function of a file, its own inner ones included, longest first. */
function functionLengths({ name, text }: Pick<Source, "name" | "text">): [string, number][] {
  const found: [string, number][] = [];
  const see = ({ range: [from, to] }: { range: [number, number] }) => {
    const body = text.slice(from, to);
    const head = body.split("\n", 1)[0]!;
    found.push([`${name}: ${head}`, body.split("\n").length]);
  };
  const visitors = {
    FunctionDeclaration: see,
    FunctionExpression: see,
    ArrowFunctionExpression: see,
  };
  const rules = { lengths: { create: () => visitors } };
  Deno.lint.runPlugin({ name: "lengths", rules }, name, text);
  return found.sort(([, a], [, b]) => b - a);
}

Deno.test("no file of tasks/ has more than 400 lines, but tests and what says why", async () => {
  const long: string[] = [];
  for await (const name of filesBelow("tasks")) {
    if (!/\.(?:tsx?|c|h|sh)$/.test(name) || name.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(new URL(name, ROOT));
    if (text.trimEnd().split("\n").length > MAX_FILE_LINES) long.push(name);
  }
  assert.deepEqual(long.sort(), Object.keys(LONG_FILES).sort());
});

Deno.test("no function of tasks/ has more than 80 lines, but what says why", () => {
  const lengths = SOURCES.filter(({ name }) => inRoom(name, "tasks")).flatMap(functionLengths);
  assert.ok(lengths.length > 2000, `${lengths.length} functions`);
  const long = lengths.filter(([, lines]) => lines > MAX_FUNCTION_LINES);
  assert.deepEqual(long.map(([name]) => name).sort(), Object.keys(LONG_FUNCTIONS).sort());
});
