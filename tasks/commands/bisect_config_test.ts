// SPDX-License-Identifier: MIT
/** `deno task bisect-config` as a process of its own over the fake project. */
import assert from "node:assert/strict";
import { assertWhole, readStream } from "../testing/event_lines.ts";
import { FakeProject } from "../testing/fake_project.ts";
import {
  bootsOf,
  FLAKY,
  HUNTED,
  installHistoryPrograms,
  writeImages,
} from "../testing/fake_history.ts";

const TESTS = ["--test", HUNTED, "--test", FLAKY];

/** The linker gives the bad kernel where .config has these two, and another for each other subset. */
const LINKER = (dir: string) =>
  `#!/bin/sh
case " $* " in *" --version "*) echo "Debian LLD 22.1.8 (compatible with GNU linkers)"; exit;; esac
prev=; for word; do [ "$prev" = -o ] && out=$word; prev=$word; done
config="$(dirname "$out")/.config"
has() { grep -q "^CONFIG_$1=y" "$config"; }
image=good; has CAUSE && has KCOV && image=bad
for option in OTHER MORE CAUSE; do has $option && image=$image-$option; done
cp "${dir}/images/$(echo $image | tr A-Z a-z)" "$out"
`;

let project: FakeProject;
Deno.test.beforeAll(async () => {
  project = await FakeProject.create();
  await installHistoryPrograms(project, [
    { image: "good", boots: ["fine", "fine", "flaky"] },
    { image: "bad", boots: ["broken", "broken", "both"] },
  ]);
  await project.write("bin/ld.lld-22", LINKER(project.dir));
  const words = ["", "-other"].flatMap((a) => ["", "-more"].map((b) => a + b))
    .flatMap((rest) => [`good${rest}`, `good${rest}-cause`, `bad${rest}-cause`]);
  await writeImages(project, words);
  await project.write(
    "project/configs/extra.config",
    "CONFIG_OTHER=y\nCONFIG_CAUSE=y\n# CONFIG_ODD is not set\nCONFIG_MORE=y\n",
  );
  const matrix = await Deno.readTextFile(`${project.root}/matrix.yaml`);
  await project.write(
    "project/matrix.yaml",
    matrix.replace("configs:\n", "configs:\n  extra: { fragments: [base, kcov, extra] }\n"),
  );
});
Deno.test.afterAll(() => project.remove());

Deno.test("bisect-config finds the options it takes, whatever a flaky test does", async () => {
  const file = `${project.dir}/events`;
  const args = ["bisect-config", "fake/extra", ...TESTS, "--events", file];
  const { code, out, err } = await project.run(...args);
  assert.equal(code, 0, out + err);
  const lines = await readStream(await Deno.readTextFile(file));
  assertWhole(lines, { command: "bisect-config", cells: ["fake/extra"], code });
  assert.match(
    out,
    new RegExp(
      `^fake/extra fails with ${HUNTED} test-failed
with 2 of 5 options, on top of 1 of configs/guest.config and configs/base.config
  CONFIG_KCOV=y  \\(configs/kcov.config:1; without it: what is searched for needs a kernel with kcov\\)
  CONFIG_CAUSE=y  \\(configs/extra.config:2; without it: does not fail, clean in 3 boots\\)$`,
      "m",
    ),
  );
  assert.match(err, /fails with 5 of 5 options: \d of \d boots failed \(\d boots\)/);
  // Every kernel was booted in one go: 3 boots for one that fails or is clean.
  for (const [image, boots] of Object.entries(await bootsOf(project))) {
    assert.ok(boots <= 3, `${image}: ${boots} boots`);
  }
});

Deno.test("bisect-config says so where the failure is gone, or nothing can be left out", async () => {
  await Deno.remove(`${project.dir}/booted`, { recursive: true }).catch(() => {});
  const gone = await project.run("bisect-config", "fake/kcov", ...TESTS, "--max-boots", "2");
  assert.equal(gone.code, 2, gone.out + gone.err);
  assert.match(gone.err, /^kmatrix: fake\/kcov with all its options shows no failure in 2 boots/m);
  const misspelt = await project.run("bisect-config", "fake/extra", "--test", "kcov.no_such");
  assert.equal(misspelt.code, 4, misspelt.out + misspelt.err);
  assert.match(misspelt.err, /no test matches "kcov\.no_such"/);
  const nothing = await project.run("bisect-config", "fake/nokcov");
  assert.equal(nothing.code, 2, nothing.out + nothing.err);
  assert.match(nothing.err, /asks for nothing beyond the base/);
});
