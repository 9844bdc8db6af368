// SPDX-License-Identifier: MIT
/** Starts the jobs of a run as core/matrix/schedule.ts says, each when its turn comes. */
import {
  type Budget,
  buildSlots,
  type Job,
  remainingMs,
  startable,
} from "../core/matrix/schedule.ts";

interface Waiting {
  readonly job: Job;
  readonly start: () => void;
}

export class Schedule {
  readonly #budget: Budget;
  readonly #builds: number;
  readonly #now: () => number;
  readonly #announced = new Set<Job>();
  #waiting: Waiting[] = [];
  readonly #running = new Map<Job, number>();

  /** @param builds How many there will be. @param now Milliseconds. */
  constructor(budget: Budget, builds: number, now: () => number) {
    this.#budget = budget;
    this.#builds = builds;
    this.#now = now;
  }

  /** What each build gets of `make -j`. */
  get jobs(): number {
    return buildSlots(this.#budget, this.#builds).jobs;
  }

  /** A job that will come, but cannot start yet; only {@linkcode remainingMs} knows of it. */
  announce(job: Job): void {
    this.#announced.add(job);
  }

  /** It has come, or will not. */
  withdraw(job: Job): void {
    this.#announced.delete(job);
  }

  /** Resolves as the body does, which begins when there is room for it. */
  async run<T>(job: Job, body: () => Promise<T>): Promise<T> {
    const turn = Promise.withResolvers<void>();
    this.#waiting.push({ job, start: turn.resolve });
    this.#startSoon();
    await turn.promise;
    try {
      return await body();
    } finally {
      this.#running.delete(job);
      this.#startSoon();
    }
  }

  get remainingMs(): number {
    const running = [...this.#running].map(([job, since]) => ({
      job,
      sinceMs: this.#now() - since,
    }));
    const waiting = [...this.#waiting.map(({ job }) => job), ...this.#announced];
    return remainingMs(waiting, running, ...this.#limits);
  }

  get #limits(): [Budget, number] {
    return [this.#budget, buildSlots(this.#budget, this.#builds).slots];
  }

  /** Not at once: of what comes in together the longest is first, and a build's boots come in behind it. */
  #startSoon(): void {
    setTimeout(() => this.#startWhatCan());
  }

  #startWhatCan(): void {
    const jobs = this.#waiting.map(({ job }) => job);
    const starts = startable(jobs, [...this.#running.keys()], ...this.#limits);
    for (const job of starts) {
      const found = this.#waiting.find((one) => one.job === job)!;
      this.#waiting = this.#waiting.filter((one) => one !== found);
      this.#running.set(job, this.#now());
      found.start();
    }
  }
}
