// SPDX-License-Identifier: MIT
/**
 * Runs a workflow's jobs as GitHub does, on this machine: its steps in their order with the files and
 * variables that a step gets, expressions by GitHub's own evaluator, jobs of a matrix one after the
 * other, each on a "machine" of its own (workspace, home, temporary files). Actions that are not in a
 * checkout are done here by what their documentation says of them.
 */
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import { data, Evaluator, Lexer, Parser } from "@actions/expressions";
import $ from "dax";
import { parse } from "yaml";

type Values = Readonly<Record<string, unknown>>;

interface Step {
  readonly id?: string;
  readonly name?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly shell?: string;
  readonly with?: Values;
  readonly env?: Values;
}

interface Job {
  readonly needs?: string | readonly string[];
  readonly if?: string;
  readonly name?: string;
  readonly container?: Values;
  readonly strategy?: { readonly matrix: string };
  readonly outputs?: Values;
  readonly steps: readonly Step[];
  readonly "timeout-minutes"?: unknown;
}

export interface WorkflowOptions {
  /** Where machines, artifacts and caches are kept, absolute. */
  readonly dir: string;
  /** What actions/checkout finds, by repository; "" is that of the workflow. */
  readonly repositories: Readonly<Record<string, string>>;
  /** The PATH of steps. */
  readonly path: string;
  /** Further variables of steps, and what the machine has before its first step. */
  readonly env: Readonly<Record<string, string>>;
  prepare(home: string): Promise<void>;
  /** Of the event and its run. */
  readonly github: Readonly<Record<string, string>>;
}

/** What a step writes for its runner, a file each: GITHUB_OUTPUT and so on. */
const STEP_FILES = ["OUTPUT", "STEP_SUMMARY", "ENV", "PATH", "STATE"] as const;

export interface StepEnd {
  readonly job: string;
  readonly step: string;
  readonly code: number;
  /** Both streams, as the log has them. */
  readonly log: string;
  readonly seconds: number;
}

export interface JobEnd {
  readonly result: "success" | "failure" | "skipped";
  readonly outputs: Readonly<Record<string, string>>;
}

/** One machine: a job of its own. */
interface Machine {
  readonly workspace: string;
  readonly home: string;
  readonly temp: string;
  /** What steps have written to GITHUB_ENV and GITHUB_PATH, for those behind them. */
  readonly env: Record<string, string>;
  readonly path: string[];
}

export class WorkflowRun {
  readonly #options: WorkflowOptions;
  readonly jobs: Record<string, JobEnd> = {};
  readonly steps: StepEnd[] = [];
  /** What each job's page shows. */
  readonly summaries: Record<string, string> = {};
  #machines = 0;

  constructor(options: WorkflowOptions) {
    this.#options = options;
  }

  get #dir(): string {
    return this.#options.dir;
  }
  get artifacts(): string {
    return `${this.#dir}/artifacts`;
  }

  /** All jobs of a workflow that is called with these inputs. */
  async workflow(file: string, given: Values): Promise<void> {
    const { on, jobs } = parse(await Deno.readTextFile(file));
    const inputs = withDefaults(on.workflow_call.inputs, given, {});
    for (const [id, job] of Object.entries(jobs as Record<string, Job>)) {
      const needs = [job.needs ?? []].flat();
      // They stand in the order in which they can run.
      assert.ok(needs.every((one) => one in this.jobs), `${id} comes before what it needs`);
      await this.#job(id, job, inputs, needs);
    }
  }

  /** The steps of one job, which is no part of a called workflow. */
  async job(id: string, steps: readonly Step[]): Promise<void> {
    await this.#job(id, { steps }, {}, []);
  }

  async #job(id: string, job: Job, inputs: Values, needs: readonly string[]): Promise<void> {
    const all = Object.fromEntries(needs.map((one) => [one, this.jobs[one]!]));
    const contexts = { inputs, needs: all, github: this.#options.github };
    const worst = Object.values(all).some(({ result }) => result !== "success");
    if (!isTrue(job.if ?? "success()", contexts, worst)) {
      this.jobs[id] = { result: "skipped", outputs: {} };
      return;
    }
    const made = job.strategy ? evaluated(job.strategy.matrix, contexts) : { include: [{}] };
    let result: JobEnd["result"] = "success";
    let outputs: Record<string, string> = {};
    for (const matrix of (made as { include: Values[] }).include) {
      const machine = await this.#machine();
      const own = { ...contexts, matrix };
      const name = filled(job.name ?? id, own);
      // What a job asks of its machine has to be there, and of the right kind.
      assert.ok(
        job["timeout-minutes"] === undefined || Number(filled(job["timeout-minutes"], own)),
      );
      for (const value of Object.values(job.container ?? {})) filled(value, own);
      const steps: Record<string, { outputs: Record<string, string>; outcome: string }> = {};
      if (!await this.#steps(name, job.steps, machine, own, steps)) result = "failure";
      outputs = filledAll(job.outputs ?? {}, { ...own, steps });
    }
    this.jobs[id] = { result, outputs };
  }

  /** A new one; all of them have their folders at the same places, as machines of a service do. */
  async #machine(): Promise<Machine> {
    const root = `${this.#dir}/machine`;
    await Deno.mkdir(`${this.#dir}/former`, { recursive: true });
    await Deno.rename(root, `${this.#dir}/former/${this.#machines++}`).catch(() => {});
    const folders = { workspace: `${root}/work`, home: `${root}/home`, temp: `${root}/temp` };
    for (const folder of Object.values(folders)) await Deno.mkdir(folder, { recursive: true });
    await this.#options.prepare(folders.home);
    return { ...folders, env: {}, path: [] };
  }

  /** @returns Whether each of them did well. */
  async #steps(
    job: string,
    steps: readonly Step[],
    machine: Machine,
    outer: Values,
    known: Record<string, { outputs: Record<string, string>; outcome: string }>,
    action?: string,
  ): Promise<boolean> {
    let good = true;
    for (const [index, step] of steps.entries()) {
      const contexts = { ...outer, steps: known };
      if (!isTrue(step.if ?? "success()", contexts, !good)) continue;
      const name = filled(step.name ?? step.uses ?? step.id ?? `${index + 1}`, contexts);
      const outputs: Record<string, string> = {};
      const ok = step.uses
        ? await this.#use(job, step, machine, contexts, outputs)
        : await this.#run(job, name, step, machine, contexts, outputs, action);
      if (step.id) known[step.id] = { outputs, outcome: ok ? "success" : "failure" };
      good &&= ok;
    }
    return good;
  }

  async #run(
    job: string,
    name: string,
    step: Step,
    machine: Machine,
    contexts: Values,
    outputs: Record<string, string>,
    action?: string,
  ): Promise<boolean> {
    const { workspace, home, temp } = machine;
    const files = `${temp}/_runner_file_commands`;
    await Deno.mkdir(files, { recursive: true });
    for (const file of STEP_FILES) await Deno.writeTextFile(`${files}/${file}`, "");
    const script = `${temp}/step`;
    await Deno.writeTextFile(script, filled(step.run!, contexts));
    // docs.github.com, "jobs.<job_id>.steps[*].shell"; in a container the default is sh.
    const argv = step.shell === "bash"
      ? ["bash", "--noprofile", "--norc", "-eo", "pipefail", script]
      : ["sh", "-e", script];
    const { env, path, github } = this.#options;
    const names = Object.entries(github).map((
      [key, value],
    ) => [`GITHUB_${key.toUpperCase()}`, value]);
    const startedAt = performance.now();
    const { code, combined } = await $`${argv}`.cwd(workspace).noThrow().captureCombined()
      .clearEnv().env({
        ...env,
        ...machine.env,
        ...Object.fromEntries(names),
        ...Object.fromEntries(STEP_FILES.map((file) => [`GITHUB_${file}`, `${files}/${file}`])),
        ...{ CI: "true", GITHUB_ACTIONS: "true", HOME: home, RUNNER_TEMP: temp },
        ...{ PATH: [...machine.path, path].join(":"), GITHUB_WORKSPACE: workspace },
        ...(action ? { GITHUB_ACTION_PATH: action } : {}),
        ...filledAll(step.env ?? {}, contexts),
      });
    const written = (file: typeof STEP_FILES[number]) => Deno.readTextFile(`${files}/${file}`);
    Object.assign(outputs, readOutputs(await written("OUTPUT")));
    Object.assign(machine.env, readOutputs(await written("ENV")));
    machine.path.unshift(...(await written("PATH")).split("\n").filter(Boolean).reverse());
    this.summaries[job] = (this.summaries[job] ?? "") + await written("STEP_SUMMARY");
    const seconds = (performance.now() - startedAt) / 1000;
    this.steps.push({ job, step: name, code, log: combined, seconds });
    return code === 0;
  }

  async #use(
    job: string,
    { uses, with: given }: Step,
    machine: Machine,
    contexts: Values,
    outputs: Record<string, string>,
  ): Promise<boolean> {
    const { workspace } = machine;
    const values = filledAll(given ?? {}, contexts);
    if (uses!.startsWith("./")) {
      const action = `${workspace}/${uses!.slice(2)}`;
      const { inputs: declared, outputs: wanted, runs } = parse(
        await Deno.readTextFile(`${action}/action.yml`),
      );
      const inputs = withDefaults(declared, values, contexts);
      const steps = {};
      const own = { inputs, github: this.#options.github };
      const good = await this.#steps(job, runs.steps, machine, own, steps, action);
      const valued = Object.entries(wanted as Record<string, { value: string }>);
      const all = Object.fromEntries(valued.map(([name, { value }]) => [name, value]));
      Object.assign(outputs, filledAll(all, { ...own, steps }));
      return good;
    }
    switch (uses!.replace(/@.*/, "")) {
      case "actions/checkout":
        await this.#checkout(values, workspace);
        return true;
      case "actions/cache/restore":
      case "actions/cache/save":
        await this.#cache(uses!.includes("/save@"), values, machine);
        return true;
      case "actions/upload-artifact":
        return await this.#upload(values);
      case "actions/download-artifact":
        await this.#download(values, workspace);
        return true;
      default:
        throw new Error(`nobody knows ${uses}`);
    }
  }

  async #checkout(values: Readonly<Record<string, string>>, workspace: string): Promise<void> {
    assert.equal(values["persist-credentials"], "false");
    const source = this.#options.repositories[values.repository ?? ""];
    assert.ok(source, `${values.repository}`);
    await $`git clone --quiet ${source} ${workspace}/${values.path ?? "."}`.quiet();
    if (values.ref) await $`git checkout --quiet ${values.ref}`.cwd(`${workspace}/${values.path}`);
  }

  /** An exact key, else the newest one that begins so (actions/cache, "Cache key matching"). */
  async #cache(
    save: boolean,
    values: Readonly<Record<string, string>>,
    { workspace, home }: Machine,
  ): Promise<void> {
    const lines = (text = "") => text.split("\n").map((line) => line.trim()).filter(Boolean);
    const key = values.key!;
    // actions/toolkit, packages/cache: checkKey().
    assert.ok(key.length <= 512 && !key.includes(","), key);
    const store = `${this.#dir}/caches`;
    await Deno.mkdir(store, { recursive: true });
    const paths = lines(values.path).map((path) =>
      path.startsWith("~/") ? `${home}/${path.slice(2)}` : `${workspace}/${path}`
    );
    const kept = [...Deno.readDirSync(store)].map(({ name }) => name).sort();
    const found = kept.find((name) => name === key) ??
      lines(values["restore-keys"]).flatMap((prefix) =>
        kept.filter((name) => name.startsWith(prefix)).slice(-1)
      )[0];
    for (const [index, path] of paths.entries()) {
      if (save && found !== key) await copy(path, `${store}/${key}/${index}`);
      else if (!save && found) await copy(`${store}/${found}/${index}`, path);
    }
  }

  async #upload(values: Readonly<Record<string, string>>): Promise<boolean> {
    const { name = "artifact", path = "" } = values;
    // actions/toolkit, packages/artifact: path-and-artifact-name-validation.ts.
    assert.doesNotMatch(name, /["\\/:<>|*?\r\n]/);
    assert.ok(path !== "" && !path.includes("\n"), path);
    await copy(path, `${this.artifacts}/${name}`);
    return true;
  }

  /** Of a pattern, each artifact into a folder of its name. */
  async #download(values: Readonly<Record<string, string>>, workspace: string): Promise<void> {
    await Deno.mkdir(this.artifacts, { recursive: true });
    const [before = "", after = ""] = values.pattern!.split("*");
    for await (const { name } of Deno.readDir(this.artifacts)) {
      if (!name.startsWith(before) || !name.endsWith(after)) continue;
      await copy(`${this.artifacts}/${name}`, `${workspace}/${values.path}/${name}`);
    }
  }
}

/** A file or folder with all in it; nothing where it is not there. */
async function copy(from: string, to: string): Promise<void> {
  if (await Deno.stat(from).then(() => false, () => true)) return;
  await Deno.mkdir(dirname(to), { recursive: true });
  await $`env cp -a ${from} ${to}`.quiet();
}

function withDefaults(
  declared: Readonly<Record<string, { readonly default?: unknown; readonly required?: boolean }>>,
  given: Values,
  contexts: Values,
): Values {
  const unknown = Object.keys(given).filter((name) => !(name in declared));
  assert.deepEqual(unknown, [], "inputs that nobody declares");
  return Object.fromEntries(
    Object.entries(declared).map(([name, one]) => {
      assert.ok(!one.required || name in given, `${name} is required`);
      return [name, name in given ? given[name] : filled(one.default ?? "", contexts)];
    }),
  );
}

/** `name=value` lines, and values of several lines behind `name<<END`. */
export function readOutputs(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  const lines = text.split("\n");
  while (lines.length > 0) {
    const line = lines.shift()!;
    const [, name, end] = /^([^=]+?)<<(.+)$/.exec(line) ?? [];
    if (name !== undefined) {
      const at = lines.indexOf(end!);
      assert.ok(at >= 0, `${name} has no end`);
      found[name] = lines.splice(0, at + 1).slice(0, -1).join("\n");
    } else if (line !== "") {
      const at = line.indexOf("=");
      assert.ok(at > 0, line);
      found[line.slice(0, at)] = line.slice(at + 1);
    }
  }
  return found;
}

/** An expression's value, as JSON has it. */
function evaluated(text: string, contexts: Values, failed = false): unknown {
  const source = text.trim().replace(/^\$\{\{([^]*)\}\}$/, "$1").trim();
  const status = (name: string, value: boolean) => ({
    ...{ name, minArgs: 0, maxArgs: 0 },
    call: () => new data.BooleanData(value),
  });
  const functions = [
    ...[status("always", true), status("success", !failed), status("failure", failed)],
    status("cancelled", false),
  ];
  const names = Object.keys(contexts);
  const parser = new Parser(new Lexer(source).lex().tokens, names, functions);
  const context: data.Dictionary = JSON.parse(JSON.stringify(contexts), data.reviver);
  const known = new Map(functions.map((one) => [one.name, one]));
  const value = new Evaluator(parser.parse(), context, known).evaluate();
  return JSON.parse(JSON.stringify(value, data.replacer));
}

const STATUS = /\b(?:always|success|failure|cancelled)\(\)/;

function isTrue(condition: string, contexts: Values, failed: boolean): boolean {
  const bare = condition.replace(/^\$\{\{([^]*)\}\}$/, "$1");
  // A condition that asks for no status asks for success.
  if (!STATUS.test(bare) && failed) return false;
  return Boolean(evaluated(bare, contexts, failed));
}

/** A text with its expressions replaced; what is one expression as a whole is its value's text. */
function filled(value: unknown, contexts: Values): string {
  return `${value}`.replace(/\$\{\{(.*?)\}\}/g, (_, source) => {
    const found = evaluated(source, contexts);
    return found === null ? "" : typeof found === "object" ? JSON.stringify(found) : `${found}`;
  });
}

function filledAll(values: Values, contexts: Values): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, filled(value, contexts)]),
  );
}
