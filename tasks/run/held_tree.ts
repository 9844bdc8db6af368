// SPDX-License-Identifier: MIT
/**
 * A kernel's source while it is read: many runs share a tree, and one that has another series writes it
 * when no other reads it.
 */
import type { Held, Host } from "../host/host.ts";
import type { KernelSpec, SourceArchive, SourceTree } from "../core/model/model.ts";
import type { Paths } from "../core/model/paths.ts";
import { isLaid, patch } from "../stages/patch.ts";
import { hold, kernelLock, makeAlone } from "../steps/locks.ts";
import { holdView } from "../steps/tree_view.ts";

export interface HeldTree extends Held {
  readonly source: SourceTree;
}

/** @throws KmatrixError as patch() does. */
export async function holdTree(
  archive: SourceArchive,
  kernel: KernelSpec,
  paths: Paths,
  host: Host,
): Promise<HeldTree> {
  const lock = kernelLock(kernel.id, paths);
  const isMade = () => isLaid(archive, kernel, paths, host);
  const make = () => patch(archive, kernel, paths, host);
  const view = await holdView(archive, paths, host);
  try {
    for (let written: SourceTree | null = null;;) {
      const held = await hold({ ...lock, shared: true }, host);
      try {
        if (await isMade()) {
          // What was written here has been told of.
          const source = written ?? await make();
          return {
            source,
            release() {
              held.release();
              view?.release();
            },
          };
        }
      } catch (error) {
        held.release();
        throw error;
      }
      held.release();
      // Until it is shared again, another run may have written another series.
      written = await makeAlone(lock, isMade, make, host);
    }
  } catch (error) {
    view?.release();
    throw error;
  }
}
