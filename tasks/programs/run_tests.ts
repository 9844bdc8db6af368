// SPDX-License-Identifier: MIT
/**
 * `deno task test`: installs what the matrix needs, then format, lint, types, ShellCheck where it is
 * installed, the fast tiers and the real tier (real clang, kernel and QEMU). `--fast` is `deno task ok`: it installs nothing and leaves
 * the real tier out. Results are kept as JUnit XML in out/test/; the last line counts what ran.
 */
import { Command } from "@commander-js/extra-typings";
import $ from "dax";
import { XMLParser } from "fast-xml-parser";
import { exitCodeOfCommander } from "../core/model/exit_codes.ts";
import { ROOT } from "../testing/project_copy.ts";

interface Step {
  readonly name: string;
  readonly argv: readonly string[];
}

const CHECKS: readonly Step[] = [
  { name: "format", argv: ["deno", "fmt", "--check", "--quiet"] },
  { name: "lint", argv: ["deno", "lint", "--quiet"] },
  { name: "types", argv: ["deno", "check", "--quiet"] },
];

const FAST = ["tasks", "selftests"];
/** Not named *_test.ts, so that only this runner starts it. */
const REAL = ["tasks/programs/real_tier.ts"];

const isFast = Deno.args[0] === "--fast";
new Command(isFast ? "ok" : "test")
  .usage("   (as `deno task " + (isFast ? "ok" : "test") + "`)")
  .description(
    isFast
      ? "Checks format, lint and types and runs the fast tests; installs nothing and boots nothing."
      : "Installs what the cells need, then does what `deno task ok` does, then builds and boots " +
        "real kernels. It takes long where nothing is built yet.",
  )
  .addHelpText(
    "after",
    "\nEach step ends with a line `<step>: ok` or `FAILED`, the last line counts all. Results are kept" +
      " as JUnit\nXML in out/test/. Exit codes: 0 all passed, 1 something failed." +
      " One file: `deno test --allow-all FILE`.\n\n" +
      `Example: deno task ${isFast ? "ok" : "test"}\n`,
  )
  .allowExcessArguments(false)
  .exitOverride((error) => Deno.exit(exitCodeOfCommander(error)))
  .parse(isFast ? Deno.args.slice(1) : Deno.args, { from: "user" });

let passed = 0;
let failed = 0;

// The fast tiers take make, cpio and others as they are: on a new machine they are not there yet.
if (!isFast) {
  const fetch = ["fetch", "*", "--quiet", "--output-dir", `${ROOT}/out/test/setup`];
  await run("setup", ["deno", "run", "--allow-all", `${ROOT}/tasks/main.ts`, ...fetch]);
}
for (const { name, argv } of CHECKS) await run(name, argv);
if (await $.commandExists("shellcheck")) {
  const scripts = await $`git -C ${ROOT} ls-files -- *.sh .ci/run`.lines();
  await run("shell", ["shellcheck", ...scripts.map((name) => `${ROOT}/${name}`)]);
} else console.log("shell: left out, for ShellCheck is not installed");
await runTests("fast", FAST);
if (!isFast) await runTests("real", REAL);
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);

async function run(name: string, argv: readonly string[]): Promise<void> {
  const { code } = await $`${argv}`.noThrow();
  console.log(`${name}: ${code === 0 ? "ok" : "FAILED"}`);
  if (code === 0) passed++;
  else failed++;
}

/** Runs test files and adds their counts; a run that broke off counts as one failure more. */
async function runTests(name: string, paths: readonly string[]): Promise<void> {
  const report = `${ROOT}/out/test/${name}.xml`;
  await Deno.mkdir(`${ROOT}/out/test`, { recursive: true });
  // Nothing of an earlier run may be counted.
  await Deno.writeTextFile(report, "");
  const argv = ["deno", "test", "--allow-all", "--no-check", `--junit-path=${report}`, ...paths];
  const { code } = await $`${argv}`.noThrow();
  const counts = readCounts(await Deno.readTextFile(report));
  passed += counts.tests - counts.failures;
  failed += counts.failures;
  if (code !== 0 && counts.failures === 0) failed++;
  if (counts.tests === 0) {
    console.log(`no test ran in ${paths.join(" ")}`);
    failed++;
  }
}

function readCounts(xml: string): { tests: number; failures: number } {
  if (xml.trim() === "") return { tests: 0, failures: 0 };
  const parsed = new XMLParser({ ignoreAttributes: false }).parse(xml);
  const number = (name: string) => Number(parsed.testsuites?.[`@_${name}`] ?? 0);
  return { tests: number("tests"), failures: number("failures") + number("errors") };
}
