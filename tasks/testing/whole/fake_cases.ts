// SPDX-License-Identifier: MIT
/** What the tests of the whole tool share: a fake project for each file, and how its cases begin. */
import { STAGES } from "../../core/model/model.ts";
import { MATRIX } from "../broken_worlds.ts";
import { FakeProject } from "../fake_project.ts";
import { junitCases } from "../junit.ts";
import { FINISHED, scripted } from "../recorder.ts";

export const KCOV = [...MATRIX, "fake/kcov"];
export const BASIC = "kcov.mode_trace_pc.kcov_basic_syscall_coverage";

/** What each stage of a cell came to, in order. */
export async function stagesOf(project: FakeProject, cell: string): Promise<string[]> {
  return junitCases(await project.read("junit.xml"))[cell]!.filter(({ name }) =>
    name.startsWith("stage ")
  )
    .map(({ name, state }) => `${name.replace("stage ", "")} ${state}`);
}

/** The stages of a cell that passes up to `failed`, fails there, and is blocked behind it. */
export function failedAt(failed: string, state: string): string[] {
  const at = STAGES.findIndex((stage) => stage === failed);
  return STAGES.map((stage, index) => {
    if (index === at) return `${stage} ${state}`;
    return `${stage} ${index < at ? "passed" : `skipped: blocked by ${failed}`}`;
  });
}
export const ALL_PASSED = STAGES.map((stage) => `${stage} passed`);

export async function testStates(
  project: FakeProject,
  cell: string,
): Promise<Record<string, string>> {
  const cases = junitCases(await project.read("junit.xml"))[cell]!;
  return Object.fromEntries(
    cases.filter(({ name }) => !name.startsWith("stage ")).map(({ name, state }) => [name, state]),
  );
}

export async function setTest(
  project: FakeProject,
  cell: string,
  ...[act, more]: [Parameters<typeof scripted>[1]?, Parameters<typeof scripted>[2]?]
): Promise<ReturnType<FakeProject["soundBoot"]>> {
  const recording = project.soundBoot(cell, (script) => ({
    ...script,
    tests: script.tests.map((test) =>
      test.declared.id === BASIC ? { ...scripted(BASIC, act, more), declared: test.declared } : test
    ),
  }));
  await project.setBoot(cell, { recording, end: FINISHED });
  return recording;
}

/** One for all tests: what was probed and packed once stays so. */
let project: FakeProject;
Deno.test.beforeAll(async () => {
  project = await FakeProject.create();
});
Deno.test.afterAll(() => project.remove());

export type Case = [name: string, body: (project: FakeProject) => Promise<void>, ignore?: boolean];

/** A test for each case, which begins with all switches off, and with nothing built if it says so. */
export function cases(
  subject: string,
  start: "nothing built" | "built",
  list: readonly Case[],
): void {
  for (const [name, body, ignore = false] of list) {
    Deno.test({
      name: `${subject}: ${name}`,
      ignore,
      async fn() {
        await project.reset();
        if (start === "nothing built") await project.forgetBuilds();
        await body(project);
      },
    });
  }
}

export const BROKEN = { do: "fail", message: "expected 0 PCs, found 7" } as const;
