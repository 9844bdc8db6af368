// SPDX-License-Identifier: MIT
/** `deno task doctor`: what the cells need of this machine. */
import { type Failure, failure } from "../core/model/errors.ts";
import { requirementsFor } from "../core/matrix/requirements.ts";
import { examine } from "../steps/doctor.ts";
import { type Context, planOf } from "./context.ts";
import { defineCommand } from "./command.ts";
import { KERNEL, MATRIX, SANDBOX, SHARD, type Values, WATCHING } from "../cli/options.ts";
import { tableLines } from "../core/text/columns.ts";

const OPTIONS = { ...MATRIX, ...SHARD, ...KERNEL, ...SANDBOX, ...WATCHING };
/** As long as each other, in a list without a finding that is missing too. */
const [OK, MISSING] = ["ok     ", "MISSING"];
type DoctorValues = Values<typeof OPTIONS>;

export const doctor = defineCommand({
  name: "doctor",
  group: "Machine",
  help: "list what the cells need of this machine, and what was found",
  example: "deno task doctor",
  arguments: "[cells...]",
  options: OPTIONS,
  writes: () => "cache",
  perform: examinePlan,
});

async function examinePlan(
  globs: readonly string[],
  options: DoctorValues,
  context: Context,
): Promise<readonly Failure[]> {
  const { terminal, paths, host } = context;
  const plan = await planOf(globs, options, context);
  const wanted = requirementsFor(plan.cells, options.sandbox);
  const findings = await examine(wanted, paths, host, true);
  const lines = tableLines(
    findings.map(({ requirement: { id, why }, ok, found }) => [ok ? OK : MISSING, id, found, why]),
    { widest: 48 },
  );
  for (const [index, line] of lines.entries()) {
    terminal.print(findings[index]!.ok ? line : terminal.style.bad(line));
  }
  return findings.filter((one) => !one.ok).map(({ requirement, found }) =>
    failure("infra", "missing-tool", `${requirement.id}: ${found}`)
  );
}
