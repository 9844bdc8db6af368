// SPDX-License-Identifier: MIT
/** `deno task verify-variants`: are objects that were instrumented late those of plain clang? */
import { counted } from "../core/text/counted.ts";
import type { Cell, Plan } from "../core/model/model.ts";
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import { OneCell } from "../run/one_cell.ts";
import { buildStart } from "../steps/build_start.ts";
import { isLate } from "../steps/late_instrumentation.ts";
import { compareBuilds, compareSample, type VariantProof } from "../steps/variant_proof.ts";
import {
  group,
  KERNEL,
  MAKING,
  MATRIX,
  positive,
  read,
  text,
  type Values,
  WATCHING,
} from "../cli/options.ts";
import { defineCommand } from "./command.ts";
import { type Context, planOf } from "./context.ts";
import { makeReady } from "./ready.ts";

const OPTIONS = {
  ...group("Comparison", {
    sample: read(
      "--sample <n>",
      "compile n objects of each build again instead of building all of it plainly",
      positive,
    ),
    seed: text("--seed <word>", "take the sample that this word took before"),
  }),
  ...{ ...MATRIX, ...KERNEL, ...MAKING },
  ...group("Output", {
    json: text("--json <file>", "write what was compared to this file"),
  }),
  ...WATCHING,
};
type VerifyValues = Values<typeof OPTIONS>;

export const verifyVariants = defineCommand({
  name: "verify-variants",
  group: "Search",
  help: "compare late instrumentation with what plain clang makes, object by object",
  example: "deno task verify-variants linux-6.12-unique/kcov-unique",
  arguments: "<cells...>",
  options: OPTIONS,
  writes: () => "cache",
  perform: verify,
});

/** What came of one build, which cells can share. */
interface Verified {
  readonly cells: readonly string[];
  readonly proof: VariantProof;
}

async function verify(
  globs: readonly string[],
  options: VerifyValues,
  context: Context,
): Promise<readonly Failure[]> {
  const { host, terminal, absolute } = context;
  const plan = await planOf(globs, options, context);
  if (plan.settings.lateInstrumentation === "off") {
    const text =
      "verify-variants compares late instrumentation, which --late-instrumentation off " +
      "turns off";
    throw new KmatrixError("usage", "bad-usage", text);
  }
  await makeReady(plan, context);
  const seed = options.seed ?? crypto.randomUUID().slice(0, 8);
  const found: Verified[] = [];
  for (const cells of Map.groupBy(plan.cells, buildOf).values()) {
    const [cell] = cells as [Cell];
    const proof = await proofOf(cell, plan, options.sample, seed, context);
    const one = { cells: cells.map(({ id }) => id), proof };
    for (const line of proofLines(one)) terminal.print(line);
    found.push(one);
  }
  if (options.sample !== undefined) terminal.print(`the same sample again: --seed ${seed}`);
  if (options.json !== undefined) {
    await host.fs.writeText(
      absolute(options.json),
      `${JSON.stringify({ seed, builds: found }, null, 2)}\n`,
    );
  }
  const failures = found.flatMap(failuresOf);
  for (const { message } of failures) terminal.print(`FAILED ${message}`);
  return failures;
}

/** Cells of one kernel and config share a build. */
function buildOf({ kernel, config, toolchain }: Cell): string {
  return `${kernel.id}/${config.id}/${toolchain.id}`;
}

/** Both builds are of one source, and are held until they are compared. */
async function proofOf(
  cell: Cell,
  plan: Plan,
  sample: number | undefined,
  seed: string,
  { paths, host }: Context,
): Promise<VariantProof> {
  return await OneCell.run(plan, paths, host, async (runner) => {
    const source = await runner.source(cell);
    const { kernel: late } = await runner.ready(cell, source);
    if (!await isLate(late.config.buildDir, host)) {
      const text = `${cell.id}: nothing of it is instrumented late`;
      const why = "It has no KCOV, or there is no ccache, or no `opt` of the compiler's version.";
      throw new KmatrixError("no-match", "nothing-late", text, why);
    }
    if (sample !== undefined) return await compareSample(late, sample, seed, host);
    const settings = { ...plan.settings, lateInstrumentation: "off" as const };
    const compared = async (other: OneCell) => {
      const { kernel: plain } = await other.ready(cell, source);
      // A copy is no witness for a copy.
      const isCopy = await buildStart(plain.config.buildDir, host) !== null;
      return isCopy ? null : await compareBuilds(late, plain, host);
    };
    const plainly = (freshBuild: boolean) =>
      OneCell.run({ ...plan, settings: { ...settings, freshBuild } }, paths, host, compared);
    return await plainly(plan.settings.freshBuild ?? false) ?? (await plainly(true))!;
  });
}

function proofLines({ cells, proof }: Verified): string[] {
  const { compared, sameBytes, byBuildId, different, alone, vmlinux } = proof;
  const equal = compared - different.length;
  const image = vmlinux === null
    ? ""
    : `; vmlinux ${vmlinux.parts.length === 0 ? "identical" : "DIFFERENT"}, ` +
      `${vmlinux.textBytes} bytes of text`;
  return [
    `${cells.join(" ")}: ${counted(compared, "object")} compared, ${equal} identical ` +
    `(${sameBytes} byte for byte${
      byBuildId.length === 0 ? "" : `, ${byBuildId.length} but for vmlinux' build ID`
    }), ${different.length} different${image}`,
    ...different.map(({ path, parts }) => `  ${path}: ${parts.join(", ")}`),
    ...alone.flat().map((path) => `  ${path}: of one build alone`),
    ...(vmlinux?.parts ?? []).map((part) => `  vmlinux: ${part}`),
  ];
}

/** Nothing that was compared is no proof either. */
function failuresOf({ cells, proof }: Verified): Failure[] {
  const { compared, different, alone, vmlinux } = proof;
  const wrong = different.length + alone.flat().length + (vmlinux?.parts.length ?? 0);
  const text = wrong > 0
    ? `${counted(wrong, "part")} of the build not as plain clang makes them`
    : compared === 0 || vmlinux?.textBytes === 0
    ? "nothing to compare"
    : null;
  if (text === null) return [];
  return [new KmatrixError("inspect", "variant-differs", `${cells[0]}: ${text}`).toFailure()];
}
