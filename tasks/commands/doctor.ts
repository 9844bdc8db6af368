// SPDX-License-Identifier: MIT
/** `deno task doctor`: what the cells need of this machine. */
import { type Failure, failure } from "../core/model/errors.ts";
import { requirementsFor } from "../core/matrix/requirements.ts";
import { examine, type Finding } from "../steps/doctor.ts";
import { type Context, planOf } from "./context.ts";
import { defineCommand } from "./command.ts";
import { KERNEL, MATRIX, SANDBOX, SHARD, type Values, WATCHING } from "../cli/options.ts";
import { tableLines } from "../core/text/columns.ts";

const OPTIONS = { ...MATRIX, ...SHARD, ...KERNEL, ...SANDBOX, ...WATCHING };
/** As long as each other, in a list without a finding that is missing too. */
const [OK, MISSING, NONE] = ["ok     ", "MISSING", "none   "];
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
  const lacks = ({ ok, requirement }: Finding) => !ok && !requirement.isOptional;
  const lines = tableLines(
    findings.map((one) => {
      const { requirement: { id, why }, ok, found } = one;
      return [ok ? OK : lacks(one) ? MISSING : NONE, id, found, why];
    }),
    { widest: 48 },
  );
  for (const [index, line] of lines.entries()) {
    terminal.print(lacks(findings[index]!) ? terminal.style.bad(line) : line);
  }
  return findings.filter(lacks).map(({ requirement, found }) =>
    failure("infra", "missing-tool", `${requirement.id}: ${found}`)
  );
}
