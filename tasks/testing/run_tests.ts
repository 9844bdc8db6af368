// SPDX-License-Identifier: MIT
/**
 * `deno task test`: format, lint, types, the fast tiers, then the real tier (real clang, kernel and
 * QEMU, installing what is missing). `--fast` leaves the real tier out; that is `deno task ok`.
 * Ends with one line that counts what ran.
 */
import $ from "dax";
import { XMLParser } from "fast-xml-parser";

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
const REAL = ["tasks/testing/real_tier.ts"];

let passed = 0;
let failed = 0;

for (const { name, argv } of CHECKS) {
  const { code } = await $`${argv}`.noThrow();
  console.log(`${name}: ${code === 0 ? "ok" : "FAILED"}`);
  if (code === 0) passed++;
  else failed++;
}
await runTests(FAST);
if (!Deno.args.includes("--fast")) await runTests(REAL);
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);

/** Runs test files and adds their counts; a run that broke off counts as one failure more. */
async function runTests(paths: readonly string[]): Promise<void> {
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  try {
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
  } finally {
    await Deno.remove(report);
  }
}

function readCounts(xml: string): { tests: number; failures: number } {
  if (xml.trim() === "") return { tests: 0, failures: 0 };
  const parsed = new XMLParser({ ignoreAttributes: false }).parse(xml);
  const number = (name: string) => Number(parsed.testsuites?.[`@_${name}`] ?? 0);
  return { tests: number("tests"), failures: number("failures") + number("errors") };
}
