// SPDX-License-Identifier: MIT
/**
 * Commits of one tree, built and booted as often as it takes to call each good or bad. Knows which
 * images were judged already; of git it knows no more than to check a commit out.
 */
import type { Host } from "./host/host.ts";
import type { Cell } from "./model.ts";
import { type Failure, failureFrom, KmatrixError } from "./errors.ts";
import {
  BAD_FAILURES,
  bootsForGood,
  chooseTarget,
  isBuildFailure,
  judgeFailedBuild,
  judgeStep,
  knowsBadEnd,
  type Showing,
  showingOf,
  showingOfFailure,
  type StepVerdict,
  symptomKey,
  type Target,
} from "./formats/bisect.ts";
import { Elf } from "./formats/elf.ts";
import { imageDigest } from "./formats/image.ts";
import type { OneCell, ReadyCell } from "./one_cell.ts";
import type { Worktree } from "./stages/worktree.ts";

export interface SessionOptions {
  /** Globs over test ids; empty for all. */
  readonly filter: readonly string[];
  /** How sure a good verdict is to be, below 1. */
  readonly confidence: number;
  /** Bound of the boots of one commit. */
  readonly maxBoots: number;
  /** Receives a folder for each commit. */
  readonly dir: string;
}

/** One commit, judged. */
export interface Step {
  readonly commit: string;
  readonly verdict: StepVerdict;
  readonly boots: number;
  /** Digest of what is loaded of kernel and modules; null where it did not build. */
  readonly image: string | null;
  /** Folder with what was recorded, below the run's; of an earlier step where the image is the same. */
  readonly evidence: string;
  readonly durationMs: number;
}

type Built =
  | {
    readonly kind: "built";
    readonly ready: ReadyCell;
    readonly image: string;
    readonly uninspected: Failure | null;
  }
  | { readonly kind: "failed"; readonly failure: Failure };

export class BisectSession {
  readonly #cell: Cell;
  readonly #runner: OneCell;
  readonly #tree: Worktree;
  readonly #options: SessionOptions;
  readonly #host: Host;
  readonly #judged = new Map<string, Step>();
  #target: Target | null = null;
  #steps = 0;

  constructor(
    cell: Cell,
    runner: OneCell,
    tree: Worktree,
    options: SessionOptions,
    host: Host,
  ) {
    this.#cell = cell;
    this.#runner = runner;
    this.#tree = tree;
    this.#options = options;
    this.#host = host;
  }

  /** What is hunted. @throws Error before {@linkcode judgeEnds}. */
  get target(): Target {
    if (!this.#target) throw new Error("the ends are not judged yet");
    return this.#target;
  }

  /** Clean boots that make a commit good; 0 where the build alone tells. */
  get bootsForGood(): number {
    const { confidence, maxBoots } = this.#options;
    return isBuildFailure(this.target) ? 0 : bootsForGood(this.target, confidence, maxBoots);
  }

  /**
   * Finds out what is wrong with the bad end and how often, and that the good end has none of it.
   * @throws KmatrixError "usage" where the ends are not as the user says.
   */
  async judgeEnds(good: string, bad: string): Promise<[good: Step, bad: Step]> {
    const { maxBoots, filter, confidence } = this.#options;
    const startedAt = this.#host.now();
    const badDir = this.#nextDir(bad);
    const badBuilt = await this.#build(bad, badDir);
    const badBoots: Showing[] = [];
    if (badBuilt.kind === "failed") {
      if (filter.length > 0) {
        throw ends(
          "bad-does-not-build",
          `--bad ${bad} does not build: ${badBuilt.failure.message}`,
          [
            "Without --test, the failure of the build itself is searched for.",
          ],
        );
      }
      badBoots.push(showingOfFailure(badBuilt.failure));
    } else {
      while (!knowsBadEnd(badBoots, maxBoots)) {
        badBoots.push(await this.#boot(badBuilt, badDir, badBoots.length));
      }
    }
    const first = chooseTarget(badBoots, []);
    if (!first) {
      throw ends("bad-is-good", `--bad ${bad} shows no failure in ${badBoots.length} boots`);
    }
    this.#target = badBuilt.kind === "failed"
      ? { ...first, seen: BAD_FAILURES, boots: BAD_FAILURES }
      : first;
    const badStep = this.#record({
      ...this.#stepOf(bad, badDir, badBuilt, startedAt),
      verdict: { kind: "bad", why: `${first.seen} of ${badBoots.length} boots failed` },
      boots: badBuilt.kind === "failed" ? 0 : badBoots.length,
    });

    const goodStartedAt = this.#host.now();
    const goodDir = this.#nextDir(good);
    const goodBuilt = await this.#build(good, goodDir);
    if (goodBuilt.kind === "failed") {
      const text = `--good ${good} does not build, so nothing can be said of it: ` +
        goodBuilt.failure.message;
      throw ends("good-does-not-build", text);
    }
    if (badBuilt.kind === "built" && badBuilt.image === goodBuilt.image) {
      throw ends("same-image", `--good ${good} and --bad ${bad} build the same kernel`);
    }
    const goodBoots: Showing[] = [];
    for (;;) {
      const target = chooseTarget(badBoots, goodBoots);
      if (!target) {
        const names = first.symptoms.map(symptomKey).join("; ");
        throw ends("good-is-bad", `--good ${good} fails as --bad ${bad} does: ${names}`, [
          "What fails at both ends cannot be bisected between them.",
        ]);
      }
      if (badBuilt.kind === "built") this.#target = target;
      const wanted = isBuildFailure(target) ? 0 : bootsForGood(target, confidence, maxBoots);
      if (goodBoots.length >= wanted) break;
      goodBoots.push(await this.#boot(goodBuilt, goodDir, goodBoots.length));
    }
    const verdict = judgeStep(this.target, goodBoots, this.bootsForGood);
    if (verdict?.kind !== "good") {
      const why = verdict?.why ?? "its boots say nothing of what fails at the bad end";
      throw ends("good-is-unclear", `--good ${good} cannot be called good: ${why}`);
    }
    const goodStep = this.#record({
      ...this.#stepOf(good, goodDir, goodBuilt, goodStartedAt),
      verdict,
      boots: goodBoots.length,
    });
    return [goodStep, badStep];
  }

  /** Judges what lies between the ends. @throws KmatrixError "infra" or "interrupted". */
  async judge(commit: string): Promise<Step> {
    const startedAt = this.#host.now();
    const dir = this.#nextDir(commit);
    const built = await this.#build(commit, dir);
    const step = this.#stepOf(commit, dir, built, startedAt);
    if (built.kind === "failed") {
      return this.#record({
        ...step,
        verdict: judgeFailedBuild(this.target, built.failure),
        boots: 0,
      });
    }
    const same = this.#judged.get(built.image);
    if (same) {
      const why = `the same kernel as ${same.commit.slice(0, 12)}`;
      const verdict = { kind: same.verdict.kind, why };
      return { ...same, commit, verdict, boots: 0, durationMs: this.#host.now() - startedAt };
    }
    const boots: Showing[] = [];
    for (;;) {
      const verdict = judgeStep(this.target, boots, this.bootsForGood);
      const done = verdict ??
        (boots.length < this.#options.maxBoots + 2
          ? null
          : { kind: "skip" as const, why: `nothing certain in ${boots.length} boots` });
      if (done) return this.#record({ ...step, verdict: done, boots: boots.length });
      boots.push(await this.#boot(built, dir, boots.length));
    }
  }

  #nextDir(commit: string): string {
    return `steps/${`${++this.#steps}`.padStart(2, "0")}-${commit.slice(0, 12)}`;
  }

  #stepOf(commit: string, evidence: string, built: Built, startedAt: number) {
    const image = built.kind === "built" ? built.image : null;
    return { commit, image, evidence, startedAt };
  }

  #record(
    { startedAt, ...step }: Omit<Step, "durationMs"> & { startedAt: number },
  ): Step {
    const done: Step = { ...step, durationMs: this.#host.now() - startedAt };
    if (done.image !== null) this.#judged.set(done.image, done);
    return done;
  }

  /** A failure of the machine is thrown; whatever the commit is to blame for is an answer. */
  async #build(commit: string, evidence: string): Promise<Built> {
    this.#host.log("info", `commit ${commit.slice(0, 12)}`);
    await this.#tree.checkout(commit);
    const source = await this.#tree.source(this.#cell.kernel.id);
    let uninspected: Failure | null = null;
    try {
      const ready = await this.#runner.ready(this.#cell, source, (failure) => {
        uninspected = failure.toFailure();
      });
      await this.#keep(evidence, "build.log", await this.#host.fs.readText(ready.kernel.log));
      return { kind: "built", ready, image: await this.#imageOf(ready), uninspected };
    } catch (error) {
      const failure = failureFrom(error);
      if (!["patch", "config", "build", "inspect"].includes(failure.kind)) throw error;
      await this.#keep(evidence, "failure.txt", `${failure.message}\n${failure.detail}\n`);
      return { kind: "failed", failure };
    }
  }

  async #keep(evidence: string, name: string, text: string): Promise<void> {
    await this.#host.fs.writeText(`${this.#options.dir}/${evidence}/${name}`, text);
  }

  async #imageOf({ kernel }: ReadyCell): Promise<string> {
    const files = kernel.modules.map((name) => `${kernel.config.buildDir}/${name}`);
    const digests: string[] = [];
    for (const path of [kernel.vmlinux, ...files]) {
      const parts = await this.#host.fs.openParts(path);
      try {
        digests.push(await imageDigest(new Elf(parts, path)));
      } finally {
        parts.close();
      }
    }
    return digests.join(" ");
  }

  async #boot(
    { ready, uninspected }: Extract<Built, { kind: "built" }>,
    evidence: string,
    index: number,
  ): Promise<Showing> {
    const dir = `${this.#options.dir}/${evidence}`;
    const { filter } = this.#options;
    const result = await this.#runner.boot(ready, { dir: `${dir}/boot-${index + 1}`, filter });
    if (result.tests.length === 0) {
      const text = `no test of ${this.#cell.id} matches ${filter.join(" ")}`;
      throw new KmatrixError("no-match", "no-such-test", text);
    }
    // Killed QEMUs say nothing of a commit.
    if (result.boot?.kind === "infra") {
      throw new KmatrixError("infra", result.boot.id, result.boot.message, result.boot.detail);
    }
    const showing = showingOf(result);
    if (!uninspected) return showing;
    const [symptom] = showingOfFailure(uninspected).symptoms;
    return { ...showing, symptoms: [...showing.symptoms, { ...symptom!, where: "inspect" }] };
  }
}

function ends(id: string, message: string, detail: readonly string[] = []): KmatrixError {
  return new KmatrixError("usage", id, message, detail.join("\n"));
}
