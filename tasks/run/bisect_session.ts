// SPDX-License-Identifier: MIT
/**
 * Kernels that differ in one thing (a commit, a set of options), built and booted as often as it
 * takes to call each good or bad. Knows which images were judged already.
 */
import { counted } from "../core/text/counted.ts";
import type { Host } from "../host/host.ts";
import { type Failure, failureFrom, KmatrixError } from "../core/model/errors.ts";
import { toldPaths } from "../core/build/told_paths.ts";
import { isOfMaking } from "../core/model/failure_kinds.ts";
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
} from "../core/bisect/bisect.ts";
import { Elf } from "../core/inspect/elf.ts";
import { imageDigest } from "../core/boot/same_image.ts";
import type { Looks, ReadyCell } from "./cell_stages.ts";
import type { OneCell } from "./one_cell.ts";

export interface SessionOptions {
  /** Globs over test ids; empty for all. */
  readonly filter: readonly string[];
  /** How sure a good verdict is to be, below 1. */
  readonly confidence: number;
  /** Bound of the boots of one subject. */
  readonly maxBoots: number;
  /** Receives a folder for each subject. */
  readonly dir: string;
}

/** What is judged. */
export interface Subject {
  /** The commit, or whatever tells it from others. */
  readonly name: string;
  /** Part of the name of its folder. */
  readonly folder: string;
  /** Makes it ready to boot. @throws KmatrixError as OneCell.ready() does. */
  ready(looks: Looks): Promise<ReadyCell>;
}

/** One subject, judged. */
export interface Step {
  readonly name: string;
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
  readonly #runner: OneCell;
  readonly #options: SessionOptions;
  readonly #host: Host;
  readonly #judged = new Map<string, Step>();
  #target: Target | null = null;
  #bad: { readonly image: string | null; readonly boots: readonly Showing[] } | null = null;
  #steps = 0;

  constructor(runner: OneCell, options: SessionOptions, host: Host) {
    this.#runner = runner;
    this.#options = options;
    this.#host = host;
  }

  /** What is hunted. @throws Error before {@linkcode judgeBad}. */
  get target(): Target {
    if (!this.#target) throw new Error("the bad end is not judged yet");
    return this.#target;
  }

  /** Clean boots that make a subject good; 0 where the build alone tells. */
  get bootsForGood(): number {
    const { confidence, maxBoots } = this.#options;
    return isBuildFailure(this.target) ? 0 : bootsForGood(this.target, confidence, maxBoots);
  }

  /**
   * Finds out what is wrong with the bad end, and how often.
   * @throws KmatrixError "usage" where it is not bad.
   */
  async judgeBad(bad: Subject): Promise<Step> {
    const { maxBoots, filter } = this.#options;
    const startedAt = this.#host.now();
    const dir = this.#nextDir(bad);
    const built = await this.#build(bad, dir);
    if (built.kind === "failed") {
      if (filter.length > 0) {
        const text = `${bad.name} does not build: ${built.failure.message}`;
        const hint = "Without --test, the failure of the build itself is searched for.";
        throw ends("bad-does-not-build", text, hint);
      }
      this.#bad = { image: null, boots: [showingOfFailure(built.failure)] };
    } else {
      const boots: Showing[] = [];
      while (!knowsBadEnd(boots, maxBoots)) boots.push(await this.#boot(built, dir, boots.length));
      this.#bad = { image: built.image, boots };
    }
    const { boots } = this.#bad;
    const target = chooseTarget(boots, []);
    if (!target) {
      const text = `${bad.name} shows no failure in ${counted(boots.length, "boot")}`;
      throw ends("bad-is-good", text, warningHint(built, this.#runner));
    }
    // A build fails always.
    const always = { seen: BAD_FAILURES, boots: BAD_FAILURES };
    this.#target = built.kind === "failed" ? { ...target, ...always } : target;
    return this.#record({
      ...this.#stepOf(bad, dir, built, startedAt),
      verdict: { kind: "bad", why: `${target.seen} of ${boots.length} boots failed` },
      boots: built.kind === "failed" ? 0 : boots.length,
    });
  }

  /**
   * Makes sure that the good end has nothing of what is wrong with the bad one; what fails at both
   * is not hunted.
   * @throws KmatrixError "usage" where it is not good, or nothing can be said.
   */
  async judgeGood(good: Subject, badName: string): Promise<Step> {
    const { maxBoots, confidence } = this.#options;
    const { image, boots: badBoots } = this.#bad!;
    const first = this.target;
    const startedAt = this.#host.now();
    const dir = this.#nextDir(good);
    const built = await this.#build(good, dir);
    if (built.kind === "failed") {
      const text = `${good.name} does not build, so nothing can be said of it: `;
      throw ends("good-does-not-build", text + built.failure.message);
    }
    if (image === built.image) {
      throw ends("same-image", `${good.name} and ${badName} build the same kernel`);
    }
    const boots: Showing[] = [];
    for (;;) {
      const target = chooseTarget(badBoots, boots);
      if (!target) {
        const names = first.symptoms.map(symptomKey).join("; ");
        const hint = "What fails at both ends cannot be bisected between them.";
        throw ends("good-is-bad", `${good.name} fails as ${badName} does: ${names}`, hint);
      }
      if (image !== null) this.#target = target;
      const wanted = isBuildFailure(target) ? 0 : bootsForGood(target, confidence, maxBoots);
      if (boots.length >= wanted) break;
      boots.push(await this.#boot(built, dir, boots.length));
    }
    const verdict = judgeStep(this.target, boots, this.bootsForGood);
    if (verdict?.kind !== "good") {
      const why = verdict?.why ?? "its boots say nothing of what fails at the bad end";
      throw ends("good-is-unclear", `${good.name} cannot be called good: ${why}`);
    }
    const step = this.#stepOf(good, dir, built, startedAt);
    return this.#record({ ...step, verdict, boots: boots.length });
  }

  /** Judges what lies between the ends. @throws KmatrixError "infra" or "interrupted". */
  async judge(subject: Subject): Promise<Step> {
    const startedAt = this.#host.now();
    const dir = this.#nextDir(subject);
    const built = await this.#build(subject, dir);
    const step = this.#stepOf(subject, dir, built, startedAt);
    if (built.kind === "failed") {
      return this.#record({
        ...step,
        verdict: judgeFailedBuild(this.target, built.failure),
        boots: 0,
      });
    }
    const same = this.#judged.get(built.image);
    if (same) {
      const why = `the same kernel as ${same.name}`;
      const verdict = { kind: same.verdict.kind, why };
      return {
        ...same,
        name: subject.name,
        verdict,
        boots: 0,
        durationMs: this.#host.now() - startedAt,
      };
    }
    const boots: Showing[] = [];
    for (;;) {
      const verdict = judgeStep(this.target, boots, this.bootsForGood);
      const done = verdict ??
        (boots.length < this.#options.maxBoots + 2
          ? null
          : { kind: "skip" as const, why: `nothing certain in ${counted(boots.length, "boot")}` });
      if (done) return this.#record({ ...step, verdict: done, boots: boots.length });
      boots.push(await this.#boot(built, dir, boots.length));
    }
  }

  #nextDir({ folder }: Subject): string {
    return `steps/${`${++this.#steps}`.padStart(2, "0")}-${folder}`;
  }

  #stepOf({ name }: Subject, evidence: string, built: Built, startedAt: number) {
    const image = built.kind === "built" ? built.image : null;
    return { name, image, evidence, startedAt };
  }

  #record(
    { startedAt, ...step }: Omit<Step, "durationMs"> & { startedAt: number },
  ): Step {
    const done: Step = { ...step, durationMs: this.#host.now() - startedAt };
    if (done.image !== null) this.#judged.set(done.image, done);
    return done;
  }

  /** A failure of the machine is thrown; whatever the commit is to blame for is an answer. */
  async #build(subject: Subject, evidence: string): Promise<Built> {
    let uninspected: Failure | null = null;
    try {
      const ready = await subject.ready({
        onUninspected: (failure) => {
          uninspected = failure.toFailure();
        },
      });
      const { log, config } = ready.kernel;
      const text = toldPaths(await this.#host.fs.readText(log), config.source);
      await this.#keep(evidence, "build.log", text);
      return { kind: "built", ready, image: await this.#imageOf(ready), uninspected };
    } catch (error) {
      const failure = failureFrom(error);
      if (!isOfMaking(failure.kind)) throw error;
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
    // Later, a kernel may be without the test: that says nothing of it.
    if (result.tests.length === 0 && this.#bad === null) {
      const text = `no test of ${ready.cell.id} matches ${filter.join(" ")}`;
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

/** What fails a cell of `matrix` before its boot. */
function warningHint(built: Built, runner: OneCell): string {
  const warnings = built.kind === "built" ? runner.newWarnings(built.ready) : [];
  if (warnings.length === 0) return "";
  return "Its build has warnings that the matrix does not list, and those are not hunted here; " +
    `deno task series shows which patch brings them. The first: ${warnings[0]!.text}`;
}

function ends(id: string, message: string, hint = ""): KmatrixError {
  return new KmatrixError("usage", id, message, hint);
}
