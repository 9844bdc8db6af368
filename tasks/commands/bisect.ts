// SPDX-License-Identifier: MIT
/** `deno task bisect`: the commit that made a cell fail. docs/bisect.md says how it decides. */
import type { Cell, Matrix } from "../core/model/model.ts";
import { type Failure, KmatrixError } from "../core/model/errors.ts";
import { BisectSession, type Step, type Subject } from "../run/bisect_session.ts";
import { chanceOfWrongGood, type GitAnswer, stepTable, symptomKey } from "../core/bisect/bisect.ts";
import { splitCellId } from "../core/model/cells.ts";
import { resolveCell, withBroughtKernel } from "../core/matrix/matrix.ts";
import { kernelLock, withLock } from "../steps/locks.ts";
import { OneCell } from "../run/one_cell.ts";
import { loadMatrix, makePlan } from "../run/project.ts";
import { bring } from "../steps/bring.ts";
import { type CommitFacts, type Worktree, worktree, worktreeName } from "../steps/worktree.ts";
import { checkTests, type Context, makeRunDir, matrixFile, settingsOf } from "./context.ts";
import { defineCommand, type Words } from "./command.ts";
import { makeReady } from "./ready.ts";
import {
  BOOT,
  group,
  JUDGING,
  MAKING,
  MATRIX,
  required,
  RUN_FOLDER,
  TEST,
  text,
  type Values,
  WATCHING,
} from "../cli/options.ts";

const OPTIONS = {
  ...group("Search", {
    tree: text(
      "--tree <dir>",
      "the git checkout that has the commits --good and --bad (default: the one you are in)",
    ),
    good: required("--good <commit>", "a commit of --tree without the failure"),
    bad: required("--bad <commit>", "a commit of --tree with the failure"),
  }),
  ...JUDGING,
  ...{ ...MATRIX, ...MAKING, ...BOOT, ...TEST, ...RUN_FOLDER, ...WATCHING },
};

export const bisect = defineCommand({
  name: "bisect",
  group: "Search",
  help:
    "find the commit of --tree that made a cell fail; flakes and broken builds do not mislead it",
  example: "deno task bisect linux/kcov --tree ../linux --good v6.12 --bad HEAD --test 'kcov.*'",
  arguments: "<cell>",
  isOfTree: true,
  options: OPTIONS,
  writes: () => "cache and runs",
  perform: searchCommits,
});

type RowStep = Step & CommitFacts;
type SubjectOf = (commit: string, name: string) => Subject;

async function searchCommits(
  [cellName]: Words<"<cell>">,
  options: Values<typeof OPTIONS>,
  context: Context,
): Promise<readonly Failure[]> {
  const { paths, host } = context;
  const tree = treeOf(options, context);
  await checkTests(options.test);
  const matrix = await loadMatrix(matrixFile(options, context), paths, host);
  const [whole, cell] = await cellOfTree(cellName, tree, matrix, context);
  const plan = makePlan({ ...whole, cells: [cell] }, { globs: [] }, settingsOf(options), host);
  await makeReady(plan, context);
  return await withLock(kernelLock(await worktreeName(tree), paths), host, async () => {
    const git = await worktree(tree, paths, host);
    const [good, bad] = [
      await git.commit(options.good, "--good"),
      await git.commit(options.bad, "--bad"),
    ];
    await checkEnds(good, bad, git);
    const runDir = await makeRunDir(context);
    return await OneCell.run(plan, paths, host, async (runner) => {
      const session = new BisectSession(runner, {
        filter: options.test,
        confidence: options.confidence,
        maxBoots: options.maxBoots,
        dir: runDir,
      }, host);
      const subject = (commit: string, name: string): Subject => ({
        name,
        folder: commit.slice(0, 12),
        ready: async (looks) => {
          host.log("info", `commit ${commit.slice(0, 12)}`);
          await git.checkout(commit);
          return await runner.ready(cell, await git.source(cell.kernel.id), looks);
        },
      });
      const search = new Search(session, git, subject, runDir, context);
      return await search.run(good, bad);
    });
  });
}

/** Absolute. @throws KmatrixError "usage" where none is named and the caller is in none. */
function treeOf({ tree }: Values<typeof OPTIONS>, { absolute, caller }: Context): string {
  if (tree !== undefined) return absolute(tree).replace(/\/+$/, "");
  const text = `bisect needs the git checkout of a kernel: ${caller.folder} is in none`;
  throw new KmatrixError("usage", "bad-usage", text, "Change to one, or name it: --tree <dir>.");
}

/** What git says of the two, before any of them is built. */
async function checkEnds(good: string, bad: string, git: Worktree): Promise<void> {
  if (good === bad) {
    const text = `--good and --bad are the same commit, ${good}`;
    throw new KmatrixError("usage", "same-commit", text);
  }
  if (!(await git.isAncestor(bad, good))) return;
  const text = `--bad ${bad.slice(0, 12)} comes before --good ${good.slice(0, 12)}`;
  const hint = "bisect searches for the commit that broke the cell: the good one is the older one.";
  throw new KmatrixError("usage", "ends-swapped", text, hint);
}

/** The cell of the tree: of the name, config, toolchain and machine count. */
async function cellOfTree(
  name: string,
  tree: string,
  matrix: Matrix,
  { paths, host }: Context,
): Promise<[Matrix, Cell]> {
  const kernel = await bring({ tree }, matrix, paths, host);
  const whole = withBroughtKernel(matrix, kernel);
  const parts = splitCellId(name);
  const known = parts && whole.kernels.some((one) => one.id === parts.kernel);
  const id = known ? `${kernel.id}${name.slice(parts.kernel.length)}` : name;
  const cell = resolveCell(whole, id);
  if (typeof cell === "string") throw new KmatrixError("no-match", "no-such-cell", cell);
  return [whole, cell];
}

class Search {
  readonly #session: BisectSession;
  readonly #git: Worktree;
  readonly #subject: SubjectOf;
  readonly #runDir: string;
  readonly #context: Context;
  readonly #steps: RowStep[] = [];

  constructor(
    session: BisectSession,
    git: Worktree,
    subject: SubjectOf,
    runDir: string,
    context: Context,
  ) {
    this.#session = session;
    this.#git = git;
    this.#subject = subject;
    this.#runDir = runDir;
    this.#context = context;
  }

  async run(good: string, bad: string): Promise<readonly Failure[]> {
    const { log } = this.#context.host;
    const badName = `--bad ${bad.slice(0, 12)}`;
    await this.#note(bad, await this.#session.judgeBad(this.#subject(bad, badName)));
    const goodEnd = this.#subject(good, `--good ${good.slice(0, 12)}`);
    await this.#note(good, await this.#session.judgeGood(goodEnd, badName));
    const { target, bootsForGood } = this.#session;
    log("info", `searching for ${target.symptoms.map(symptomKey).join("; ")}`);
    log("info", `a commit is good after ${bootsForGood} clean boots`);
    let answer = await this.#git.bisect("start", bad, good);
    await this.#keepLog();
    while (answer.kind === "next") {
      const commit = await this.#git.head();
      const step = await this.#session.judge(this.#subject(commit, commit.slice(0, 12)));
      await this.#note(commit, step);
      answer = await this.#git.bisect(step.verdict.kind);
      await this.#keepLog();
    }
    return await this.#report(answer);
  }

  async #note(commit: string, step: Step): Promise<void> {
    const row = { ...step, ...await this.#git.facts(commit) };
    this.#steps.push(row);
    this.#context.host.log("info", stepTable([row]));
    const json = `${JSON.stringify({ steps: this.#steps }, null, 2)}\n`;
    await this.#context.host.fs.writeText(`${this.#runDir}/bisect.json`, json);
  }

  async #keepLog(): Promise<void> {
    const text = await this.#git.log();
    await this.#context.host.fs.writeText(`${this.#runDir}/bisect.log`, text);
  }

  async #report(answer: Exclude<GitAnswer, { kind: "next" }>): Promise<readonly Failure[]> {
    const { terminal } = this.#context;
    terminal.print(stepTable(this.#steps));
    terminal.print("");
    const log = `log: ${this.#runDir}/bisect.log (for git bisect replay)`;
    switch (answer.kind) {
      case "found": {
        for (const line of await this.#foundLines(answer.commit)) terminal.print(line);
        terminal.print(log);
        return [];
      }
      case "undecided": {
        terminal.print(log);
        const names = await Promise.all(answer.candidates.map((one) => this.#git.facts(one)));
        const list = names.map(({ commit, subject }) => `${commit.slice(0, 12)} ${subject}`);
        const text = `only skipped commits are left: one of ${list.length} is the first bad one`;
        throw new KmatrixError("no-match", "bisect-undecided", text, list.join("\n"));
      }
      case "refused":
        throw new KmatrixError("usage", "bisect-refused", "git bisect cannot go on", answer.text);
    }
  }

  async #foundLines(commit: string): Promise<string[]> {
    const { fs } = this.#context.host;
    const { subject, author, date } = await this.#git.facts(commit);
    const { target, bootsForGood } = this.#session;
    const bad = this.#steps.find((step) => step.commit === commit);
    const parent = await this.#git.parent(commit);
    const goodSteps = this.#steps.filter((step) => step.verdict.kind === "good");
    const good = goodSteps.find((step) => step.commit === parent) ?? goodSteps.at(-1);
    const lines = [
      `${commit} is the first bad commit`,
      `  ${subject} (${author}, ${date})`,
      `fails with ${target.symptoms.slice(0, 5).map(symptomKey).join("; ")}` +
      (target.symptoms.length > 5 ? ` and ${target.symptoms.length - 5} more` : ""),
      `  at the bad end in ${target.seen} of ${target.boots} boots; a commit was called good after ` +
      `${bootsForGood} clean boots` +
      (bootsForGood > 0
        ? `, which a bad one passes with a chance of at most ${
          (100 * chanceOfWrongGood(target, bootsForGood)).toFixed(1)
        } %`
        : ""),
    ];
    for (const [side, step] of [["bad", bad], ["good", good]] as const) {
      if (!step) continue;
      await fs.link(step.evidence, `${this.#runDir}/${side}`);
      lines.push(`${side} side: ${this.#runDir}/${side} (${step.commit.slice(0, 12)})`);
    }
    return lines;
  }
}
