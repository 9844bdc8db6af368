// SPDX-License-Identifier: MIT
/** What a shard that runs on another machine leaves in its folder: attempts, events, an exit code. */
import { GrowingLines, ShardStream, type TimeLeft } from "../core/cluster/shard_streams.ts";
import type { FoundWrong } from "../core/cluster/shard_streams.ts";
import { EVENTS_FILE, EXIT_FILE, exitCodeIn, newestAttempt } from "../core/cluster/slurm.ts";
import type { SeenFiles } from "../core/cluster/told_jobs.ts";
import type { Host } from "../host/host.ts";

interface Following {
  readonly attempt: string;
  readonly stream: ShardStream;
  readonly lines: GrowingLines;
}

export class ShardFolder {
  readonly #folder: string;
  readonly #name: string;
  readonly #left: TimeLeft;
  readonly #host: Host;
  #following: Following | null = null;
  readonly #found: FoundWrong[] = [];

  /** @param left Shared by the shards of a run. */
  constructor(folder: string, name: string, left: TimeLeft, host: Host) {
    this.#folder = folder;
    this.#name = name;
    this.#left = left;
    this.#host = host;
  }

  /** What attempts before the newest have found wrong. */
  get foundBefore(): readonly FoundWrong[] {
    return this.#found;
  }

  /** Tells on what is new of the newest attempt. */
  async look(): Promise<SeenFiles & { readonly grown: boolean }> {
    const attempt = newestAttempt(await this.#host.fs.list(this.#folder));
    if (attempt === null) return { attempt, code: null, grown: false };
    if (this.#following?.attempt !== attempt) {
      await this.close();
      this.#found.push(...this.#following?.stream.found ?? []);
      const stream = new ShardStream(this.#name, this.#left);
      this.#following = { attempt, stream, lines: new GrowingLines() };
    }
    const folder = `${this.#folder}/${attempt}`;
    // Written last: what is read behind it is whole.
    const code = exitCodeIn(await this.#host.fs.readTextIfAny(`${folder}/${EXIT_FILE}`));
    return { attempt, code, grown: await this.#readOn(this.#following!) };
  }

  /** The newest attempt is read no further. */
  async close(): Promise<void> {
    if (this.#following === null) return;
    await this.#readOn(this.#following);
    for (const event of this.#following.stream.close()) this.#host.emit(event);
  }

  /** Folder of the newest attempt's run; null where it has made none. */
  async run(): Promise<string | null> {
    const attempt = newestAttempt(await this.#host.fs.list(this.#folder));
    if (attempt === null) return null;
    const folder = await this.#host.fs.realPath(`${this.#folder}/${attempt}/latest`);
    return folder !== null && await this.#host.fs.exists(`${folder}/run.json`) ? folder : null;
  }

  async #readOn({ attempt, stream, lines }: Following): Promise<boolean> {
    const path = `${this.#folder}/${attempt}/${EVENTS_FILE}`;
    const { size } = await this.#host.fs.stat(path) ?? { size: 0 };
    if (size <= lines.seen) return false;
    const parts = await this.#host.fs.openParts(path);
    try {
      const bytes = parts.read(lines.seen, parts.size - lines.seen);
      for (const line of lines.add(bytes)) {
        for (const event of stream.read(line, this.#host.now())) this.#host.emit(event);
      }
    } finally {
      parts.close();
    }
    return true;
  }
}
