// SPDX-License-Identifier: MIT
/** `deno task bisect-config`: the fewest requested options with which a cell still fails. */
import { counted } from "../core/text/counted.ts";
import type { Cell, Feature, KernelConfig, SourceTree } from "../core/model/model.ts";
import { declaredTests } from "../steps/declared_tests.ts";
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import { BisectSession, type Step, type Subject } from "../run/bisect_session.ts";
import { symptomKey } from "../core/bisect/bisect.ts";
import { ddmin, type Verdict } from "../core/bisect/ddmin.ts";
import { sha256 } from "../core/text/digest.ts";
import { configLine, type FragmentLine, placeOf } from "../core/kconfig/fragment.ts";
import { OneCell } from "../run/one_cell.ts";
import { requestOf } from "../stages/configure.ts";
import { checkTests, type Context, makeRunDir, planOf } from "./context.ts";
import { defineCommand, type Words } from "./command.ts";
import { makeReady, onlyCell } from "./ready.ts";
import {
  BOOT,
  flag,
  group,
  JUDGING,
  KERNEL,
  MAKING,
  MATRIX,
  RUN_FOLDER,
  TEST,
  type Values,
  WATCHING,
} from "../cli/options.ts";

const OPTIONS = {
  ...JUDGING,
  ...group("Search", {
    all: flag("--all", "try without the lines of configs/guest.config and base.config too"),
  }),
  ...{ ...MATRIX, ...KERNEL, ...MAKING, ...BOOT, ...TEST, ...RUN_FOLDER, ...WATCHING },
};

export const bisectConfig = defineCommand({
  name: "bisect-config",
  group: "Search",
  help: "find the smallest set of a cell's config options with which it still fails",
  example: "deno task bisect-config linux-6.12-unique/kcov-unique-kasan --test 'kcov*'",
  arguments: "<cell>",
  options: OPTIONS,
  writes: () => "cache and runs",
  perform: searchOptions,
});

/** What most cells have; its lines are left alone unless --all is given. */
const COMMON_FRAGMENTS: readonly string[] = ["configs/guest.config", "configs/base.config"];

async function searchOptions(
  [name]: Words<"<cell>">,
  options: Values<typeof OPTIONS>,
  context: Context,
): Promise<readonly Failure[]> {
  const { paths, host } = context;
  const plan = await planOf([name], options, context);
  const cell = onlyCell(plan, name, context);
  await checkTests(options.test);
  const { lines } = await requestOf(cell, plan.kconfigAdd, paths, host);
  const tried = lines.filter(({ file }) => options.all || !COMMON_FRAGMENTS.includes(file));
  if (tried.length === 0) {
    const text = `${cell.id} asks for nothing beyond the base: --all tries its lines as well`;
    throw new KmatrixError("usage", "nothing-to-try", text);
  }
  await makeReady(plan, context);
  return await OneCell.run({ ...plan, kconfigAdd: [] }, paths, host, async (runner) => {
    const source = await runner.source(cell);
    const runDir = await makeRunDir(context);
    const session = new BisectSession(runner, {
      filter: options.test,
      confidence: options.confidence,
      maxBoots: options.maxBoots,
      dir: runDir,
    }, host);
    const kept = lines.filter((line) => !tried.includes(line));
    const search = new ConfigSearch(cell, source, runner, session, kept, tried, runDir, context);
    return await search.run();
  });
}

class ConfigSearch {
  readonly #cell: Cell;
  readonly #source: SourceTree;
  readonly #runner: OneCell;
  readonly #session: BisectSession;
  readonly #kept: readonly FragmentLine[];
  readonly #tried: readonly FragmentLine[];
  readonly #runDir: string;
  readonly #context: Context;
  /** Of the kernel with all options; null before it is configured. */
  #features: readonly Feature[] | null = null;
  #needed: readonly Feature[] = [];
  readonly #steps: (Step & { readonly options: readonly string[] })[] = [];

  constructor(
    cell: Cell,
    source: SourceTree,
    runner: OneCell,
    session: BisectSession,
    kept: readonly FragmentLine[],
    tried: readonly FragmentLine[],
    runDir: string,
    context: Context,
  ) {
    this.#cell = cell;
    this.#source = source;
    this.#runner = runner;
    this.#session = session;
    this.#kept = kept;
    this.#tried = tried;
    this.#runDir = runDir;
    this.#context = context;
  }

  async run(): Promise<readonly Failure[]> {
    const { host, terminal } = this.#context;
    const whole = await this.#session.judgeBad({
      ...await this.#subject(this.#tried),
      name: `${this.#cell.id} with all its options`,
    });
    await this.#note(whole, this.#tried);
    this.#needed = await this.#neededFeatures();
    const names = this.#session.target.symptoms.map(symptomKey);
    host.log("info", `searching for ${names.join("; ")}`);
    const minimal = await ddmin(this.#tried, (subset) => this.#test(subset));
    terminal.print(`${this.#cell.id} fails with ${names.slice(0, 5).join("; ")}`);
    terminal.print(
      `with ${minimal.length} of ${this.#tried.length} options` +
        (this.#kept.length > 0
          ? `, on top of ${this.#kept.length} of ${COMMON_FRAGMENTS.join(" and ")}`
          : ""),
    );
    for (const line of minimal) {
      const why = minimal.length > 1 || this.#tried.length > 1
        ? this.#without(minimal, line)
        : "the only one";
      terminal.print(`  ${configLine(line.option, line.value)}  (${placeOf(line)}; ${why})`);
    }
    if (minimal.length === 0) terminal.print("  (none: it fails without any of them)");
    terminal.print(`logs and boots: ${this.#runDir}`);
    return [];
  }

  /** What was found without one of the options; each was tried, or the list were not minimal. */
  #without(minimal: readonly FragmentLine[], line: FragmentLine): string {
    const rest = textOf(minimal.filter((other) => other !== line));
    const step = this.#steps.find(({ options }) => options.join("\n") === rest.join("\n"));
    if (!step) return "needed";
    return `without it: ${step.verdict.kind === "good" ? "does not fail, " : ""}${
      step.verdict.why.split("\n")[0]
    }`;
  }

  async #test(subset: readonly FragmentLine[]): Promise<Verdict> {
    const step = await this.#session.judge(await this.#subject(subset));
    await this.#note(step, subset);
    switch (step.verdict.kind) {
      case "bad":
        return "fails";
      case "good":
        return "passes";
      case "skip":
        return "unresolved";
    }
  }

  async #subject(subset: readonly FragmentLine[]): Promise<Subject> {
    // One build folder for all subsets: make compiles what an option reaches, and nothing else.
    const folder = `config-${(await sha256(`${this.#source.path} ${this.#cell.id}`)).slice(0, 12)}`;
    const lines = [...this.#kept, ...subset];
    const config = { ...this.#cell.config, request: { lines, folder } };
    const number = subset.length === this.#tried.length ? "all" : `${subset.length}`;
    return {
      name: subset.length === 0 ? "without any of them" : `with ${textOf(subset).join(" ")}`,
      folder: `${number}-options`,
      ready: async (looks) => {
        this.#context.host.log("info", `with ${textOf(subset).join(" ") || "no option"}`);
        const cell = { ...this.#cell, config };
        const onConfigured = (made: KernelConfig) => this.#checkFeatures(made);
        return await this.#runner.ready(cell, this.#source, { ...looks, onConfigured });
      },
    };
  }

  /** Minutes are not spent on a kernel for which the hunted tests would only skip. */
  #checkFeatures({ features }: KernelConfig): void {
    this.#features ??= features;
    const lacking = this.#needed.find((feature) => !features.includes(feature));
    if (lacking === undefined) return;
    const text = `what is searched for needs a kernel with ${lacking}`;
    throw new KmatrixError("config", "hunted-test-skips", text);
  }

  /** The features of the whole set that each of the hunted tests requires. */
  async #neededFeatures(): Promise<readonly Feature[]> {
    const tests = await declaredTests();
    const required = this.#session.target.symptoms.map(({ where }) =>
      tests.find(({ id }) => id === where)?.requires ?? []
    );
    return (this.#features ?? []).filter((one) => required.every((all) => all.includes(one)));
  }

  async #note(step: Step, subset: readonly FragmentLine[]): Promise<void> {
    const { host } = this.#context;
    this.#steps.push({ ...step, options: textOf(subset) });
    const word = { good: "passes", bad: "fails", skip: "unresolved" }[step.verdict.kind];
    const of = `with ${subset.length} of ${this.#tried.length} options`;
    const boots = step.boots === 0 ? "" : ` (${counted(step.boots, "boot")})`;
    host.log("info", `${word} ${of}: ${step.verdict.why.split("\n")[0]}${boots}`);
    const json = `${JSON.stringify({ steps: this.#steps }, null, 2)}\n`;
    await host.fs.writeText(`${this.#runDir}/bisect-config.json`, json);
  }
}

function textOf(lines: readonly FragmentLine[]): string[] {
  return lines.map(({ option, value }) => configLine(option, value));
}
