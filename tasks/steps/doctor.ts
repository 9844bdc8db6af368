// SPDX-License-Identifier: MIT
/** Looks for everything a plan needs; every command that needs it runs this first. */
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import { type Requirement, versionAtLeast } from "../core/matrix/requirements.ts";
import { lookForSource } from "./look_for_source.ts";
import { llvmHeaders, pluginLack, pluginPlace } from "./dataflow_plugin.ts";
import { findQuickjs } from "./quickjs.ts";
import { probeProgram } from "./probe_cache.ts";

export interface Finding {
  readonly requirement: Requirement;
  readonly ok: boolean;
  /** A version, "works", a path or a size, as found; what is wrong where it is not ok. */
  readonly found: string;
}

/**
 * One finding for each requirement, in the same order.
 * @param ask Whether mirrors are asked for a source that is not here; without that, one that can be
 *   downloaded is no more than not here.
 */
export function examine(
  requirements: readonly Requirement[],
  paths: Paths,
  host: Host,
  ask = false,
): Promise<Finding[]> {
  return Promise.all(requirements.map(async (requirement) => ({
    requirement,
    ...await probe(requirement, ask, paths, host),
  })));
}

async function probe(
  { probe }: Requirement,
  ask: boolean,
  paths: Paths,
  host: Host,
): Promise<{ ok: boolean; found: string }> {
  switch (probe.kind) {
    case "version": {
      const result = await probeProgram(probe.argv, paths.cache, host);
      if (result.code === 127) return { ok: false, found: "missing" };
      const version = probe.pattern.exec(result.stdout + result.stderr)?.[1];
      if (result.code !== 0 || version === undefined) {
        return { ok: false, found: `does not run (exit ${result.code})` };
      }
      const enough = probe.minimum === null || versionAtLeast(version, probe.minimum);
      return { ok: enough, found: enough ? version : `${version}, needs ${probe.minimum}` };
    }
    case "compile": {
      const result = await probeProgram(probe.argv, paths.cache, host);
      if (result.code === 0) return { ok: true, found: "works" };
      const reason = result.stderr.split("\n").find((line) => line.includes("error"));
      return { ok: false, found: reason?.trim().slice(0, 120) ?? `exit ${result.code}` };
    }
    case "file": {
      for (const path of probe.paths) {
        if (await host.fs.exists(path)) return { ok: true, found: path };
      }
      return { ok: false, found: "missing" };
    }
    case "quickjs": {
      const found = await findQuickjs(probe.arch, paths, host);
      return found ? { ok: true, found: found.library } : { ok: false, found: "missing" };
    }
    case "llvm-headers":
      return await llvmHeaders(probe.toolchain, paths, host);
    case "plugin": {
      const lack = await pluginLack(probe.toolchain, paths, host);
      if (lack !== null) return { ok: false, found: lack.text };
      const { file } = await pluginPlace(probe.toolchain, paths, host);
      const found = await host.fs.exists(file) ? file : "compiled before the first configuration";
      return { ok: true, found };
    }
    case "source": {
      const { source, isHere, text } = await lookForSource(probe.sources, ask, paths, host);
      return { ok: isHere || (ask && source !== null), found: text };
    }
    case "sandbox": {
      const use = await host.sandbox();
      if (use.kind === "bubblewrap") return { ok: true, found: "works" };
      return { ok: false, found: use.why };
    }
    case "disk": {
      await host.fs.makeDir(paths.cache);
      const free = await host.fs.freeBytes(paths.cache);
      // What earlier runs left in the cache is space that this run need not take again.
      const enough = free >= probe.bytes || await host.fs.exists(paths.builds);
      return { ok: enough, found: `${gib(free)} free, ${gib(probe.bytes)} from an empty cache` };
    }
    case "memory": {
      const text = await host.fs.readTextIfAny("/proc/meminfo") ?? "";
      const available = Number(/^MemAvailable: +(\d+) kB/m.exec(text)?.[1] ?? NaN) * 1024;
      const ok = !(available < probe.bytes);
      return { ok, found: `${gib(available)} available, needs ${gib(probe.bytes)}` };
    }
  }
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
