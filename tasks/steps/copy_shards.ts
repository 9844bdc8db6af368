// SPDX-License-Identifier: MIT
/** Puts what shards have left into the folder of one run. */
import type { Host } from "../host/host.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { type FoundShard, RUN_FILES } from "./shard_runs.ts";

const SCRIPT = "repro.sh";

/**
 * Copies everything but the reports of each shard. A file that several shards have is that of the
 * first; links are left where they are, as they may lead anywhere.
 * @throws KmatrixError "interrupted"; and what a full disk throws.
 */
export async function copyShards(
  shards: readonly FoundShard[],
  runDir: string,
  host: Host,
): Promise<void> {
  const scripts: string[] = [];
  const taken = new Set<string>();
  for (const { folder } of shards) {
    const copy = async (below: string): Promise<void> => {
      for (const name of await host.fs.list(`${folder}${below}`)) {
        if (host.signal.aborted) throw interrupted();
        const path = `${below}/${name}`;
        if (below === "" && RUN_FILES.includes(name)) continue;
        const kind = (await host.fs.entry(`${folder}${path}`))?.kind;
        if (kind === "folder") {
          await host.fs.makeDir(`${runDir}${path}`);
          await copy(path);
        }
        if (kind !== "file" || taken.has(path)) continue;
        taken.add(path);
        await host.fs.copy(`${folder}${path}`, `${runDir}${path}`);
        if (name === SCRIPT) scripts.push(`${runDir}${path}`);
      }
    };
    await copy("");
  }
  // An artifact has lost what was executable in it.
  for (let at = 0; at < scripts.length; at += 100) {
    await host.run({ argv: ["chmod", "a+x", "--", ...scripts.slice(at, at + 100)] });
  }
}

function interrupted(): KmatrixError {
  return new KmatrixError("interrupted", "interrupted", "the merge was interrupted");
}
