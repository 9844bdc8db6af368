// SPDX-License-Identifier: MIT
/** The matrix of KCOV dataflow, and that the default one has nothing of it. */
import assert from "node:assert/strict";
import { mergeFragments } from "../core/kconfig/kconfig.ts";
import { parseFragment } from "../core/kconfig/fragment.ts";
import { parseMatrix } from "../core/matrix/matrix.ts";
import { requirementsFor } from "../core/matrix/requirements.ts";
import { optionFeatures } from "../core/model/features.ts";
import type { Cell, Matrix } from "../core/model/model.ts";
import { decidesPresence } from "../../selftests/contract/features.ts";
import { declaredTests } from "../steps/declared_tests.ts";
import { ROOT } from "./project_copy.ts";
import { sampleKernel } from "./samples.ts";

const FRAGMENTS = [...Deno.readDirSync(`${ROOT}/configs`)]
  .map(({ name }) => name.replace(/\.config$/, ""));

/** A matrix file, whichever kernels it names. */
function matrixOf(name: string): Matrix {
  const file = `${ROOT}/${name}`;
  const text = Deno.readTextFileSync(file);
  const kernels = [...new Set(text.match(/\blinux-\d[\w.-]*/g))].map((id) => sampleKernel(id));
  const around = { kernels, fragments: FRAGMENTS, today: "2026-01-01", tests: null };
  return parseMatrix(file, text, around);
}

const cellsOf = (name: string): readonly Cell[] => matrixOf(name).cells;

/** What the fragments of a cell ask for, by option. @throws ContradictionError */
function requestOf({ config }: Pick<Cell, "config">): ReadonlyMap<string, string> {
  const texts = ["guest", ...config.fragments].map((name) => {
    const file = `configs/${name}.config`;
    return parseFragment(Deno.readTextFileSync(`${ROOT}/${file}`), file);
  });
  const { lines } = mergeFragments(texts, []);
  return new Map(lines.map(({ option, value }) => [option, value]));
}

const TRACED = cellsOf("matrix-dataflow.yaml");
const OPTION = "CONFIG_KCOV_DATAFLOW";

Deno.test("matrix-dataflow.yaml has its cells, each with what dataflow takes", () => {
  const [kernel, unique] = ["linux-6.12-dataflow", "linux-6.12-unique-dataflow"];
  assert.deepEqual(TRACED.map(({ id }) => id as string).sort(), [
    `${kernel}/dataflow`,
    `${kernel}/dataflow-all`,
    `${kernel}/dataflow-all-kasan`,
    `${kernel}/dataflow-values`,
    `${kernel}/dataflow/smp4`,
    `${unique}/dataflow-unique-cmp`,
  ]);
  for (const cell of TRACED) {
    assert.ok(cell.config.requires.includes("dataflow"), cell.id);
    const asked = requestOf(cell);
    assert.deepEqual(
      [asked.get(`${OPTION}_ARGS`), asked.get(`${OPTION}_RET`)],
      ["y", "y"],
      cell.id,
    );
    // Without a file of the kernel there is nothing to inspect, without modules no test module.
    assert.ok(asked.has(`${OPTION}_FILES`) !== asked.has(`${OPTION}_INSTRUMENT_ALL`), cell.id);
    assert.equal(asked.get("CONFIG_MODULES"), "y");
  }
});

Deno.test("the cells with chosen files choose the same ones", () => {
  const files = TRACED.map((cell) => requestOf(cell).get(`${OPTION}_FILES`))
    .filter((value) => value !== undefined);
  assert.equal(new Set(files).size, 1);
  assert.match(files[0]!, /^"(?:[\w/]+\.o ?)+"$/);
});

Deno.test("matrix.yaml asks nothing of dataflow, nor of the machine for it", () => {
  const cells = cellsOf("matrix.yaml");
  assert.ok(cells.length > 5);
  for (const cell of cells) {
    assert.ok(!cell.config.requires.includes("dataflow"), cell.id);
    assert.deepEqual([...requestOf(cell).keys()].filter((name) => name.startsWith(OPTION)), []);
  }
  const ids = (some: readonly Cell[]) => requirementsFor(some).map(({ id }) => id);
  assert.ok(
    !ids(cells).some((id) => /^g\+\+$|headers$|dataflow/.test(id) && id !== "libelf headers"),
  );
  assert.ok(ids(TRACED).includes("g++"));
});

const POSTED = `${ROOT}/tasks/testing/series/dataflow-posted.mbox`;

Deno.test("a posted series has a config of its own, and the tests that hold for all kernels", async () => {
  const config = matrixOf("matrix-dataflow.yaml").configs.find(({ id }) =>
    id === "dataflow-posted"
  )!;
  assert.ok(config.requires.includes("dataflow"));
  const asked = requestOf({ config });
  const added = Deno.readTextFileSync(POSTED).split("\n").filter((line) => line.startsWith("+"));
  const defined = added.flatMap((line) => /^\+config (\w+)/.exec(line)?.[1] ?? []);
  const own = [...asked].filter(([name]) => name.startsWith(OPTION));
  assert.deepEqual(own.filter(([, value]) => value !== "y"), []);
  assert.deepEqual(
    own.filter(([name]) => !defined.includes(name.slice("CONFIG_".length))),
    [],
    "options that the series does not define",
  );
  assert.ok(!defined.includes("KCOV_DATAFLOW"), "by this option our own tests know our own series");
  const features = optionFeatures(asked);
  const present = (await declaredTests()).filter(({ requires }) =>
    requires.some((feature) => feature.startsWith("dataflow")) &&
    requires.every((feature) => features.includes(feature) || !decidesPresence(feature))
  );
  assert.deepEqual(
    [...new Set(present.map(({ id }) => id.split(".")[0]))],
    ["dataflow_interface"],
  );
  assert.ok(present.length >= 4);
});
