// SPDX-License-Identifier: MIT
/**
 * ccache's storage on servers, tried before a build: an address that ccache cannot read fails every
 * compilation, and a server that does not answer costs each of them its timeout (10 s unless set).
 */
import { remoteAnswer } from "../core/build/ccache_log.ts";
import {
  NO_REMOTE,
  type RemoteStorage,
  servers,
  withoutPasswords,
  withoutServer,
} from "../core/build/ccache_remote.ts";
import { KmatrixError } from "../core/model/errors.ts";
import type { Paths } from "../core/model/paths.ts";
import type { CommandResult, Host } from "../host/host.ts";

/** A look for two entries, and putting them there; more is not worth it for most files of a kernel. */
const SLOW_MS = 4_000;
const PROBE_MS = 120_000;

/** What a server did when it was tried, by its address; each is tried once in a run. */
const tried = new WeakMap<Host, Map<string, Promise<string | null>>>();

/**
 * The storage without servers that do not answer, or so slowly that compiling is quicker. Each that is
 * left out is said once in a run.
 * @param compiler Its name on the PATH.
 * @throws KmatrixError "usage" (bad-ccache-storage) for an address that ccache cannot read.
 */
export async function answering(
  remote: RemoteStorage,
  compiler: string,
  paths: Paths,
  host: Host,
): Promise<RemoteStorage> {
  let rest = remote;
  for (const server of servers(remote)) {
    const known = tried.get(host) ?? new Map<string, Promise<string | null>>();
    tried.set(host, known);
    const asked = known.get(server) ?? troubleWith(server, compiler, paths, host);
    const isFirst = !known.has(server);
    known.set(server, asked);
    const trouble = await asked;
    if (trouble === null) continue;
    rest = withoutServer(rest, server);
    const shown = withoutPasswords(server);
    if (isFirst) {
      host.log("warn", `CCACHE_REMOTE_STORAGE: ${shown} ${trouble}; builds go without it`);
    }
  }
  return rest.value === "" ? { ...NO_REMOTE, leftOut: rest.leftOut } : rest;
}

/** Why a server is of no use; null where it is of use. */
async function troubleWith(
  server: string,
  compiler: string,
  paths: Paths,
  host: Host,
): Promise<string | null> {
  const dir = `${paths.cache}/toolchain/ccache-probe-${crypto.randomUUID()}`;
  try {
    const log = `${dir}/log`;
    const { code, stderr, durationMs } = await compile(server, compiler, dir, log, host);
    if (code !== 0) {
      // It may be the compiler, or ccache as such.
      const alone = await compile("", compiler, dir, log, host);
      if (alone.code !== 0 || host.signal.aborted) return null;
      throw unreadable(server, stderr);
    }
    const { answered, failed } = remoteAnswer(await host.fs.readTextIfAny(log) ?? "");
    if (failed && !answered) return "does not answer";
    const seconds = (durationMs / 1000).toFixed(1);
    return durationMs < SLOW_MS ? null : `is slow (${seconds} s for one small file)`;
  } finally {
    await host.fs.remove(dir);
  }
}

/** A small file with a header, through ccache with an empty folder and this storage alone. */
async function compile(
  server: string,
  compiler: string,
  dir: string,
  log: string,
  host: Host,
): Promise<CommandResult> {
  await host.fs.writeText(`${dir}/probe.h`, "#define PROBE 1\n");
  await host.fs.writeText(`${dir}/probe.c`, '#include "probe.h"\nint probe = PROBE;\n');
  const words = ["-c", "-MD", "-MF", "probe.d", "-o", "probe.o", "probe.c"];
  return await host.run({
    argv: ["ccache", compiler, ...words],
    cwd: dir,
    env: {
      CCACHE_DIR: `${dir}/objects`,
      CCACHE_TEMPDIR: `${dir}/tmp`,
      CCACHE_REMOTE_STORAGE: server,
      CCACHE_SECONDARY_STORAGE: server,
      CCACHE_DEPEND: "1",
      CCACHE_STATSLOG: log,
    },
    timeoutMs: PROBE_MS,
  });
}

function unreadable(server: string, stderr: string): KmatrixError {
  const shown = withoutPasswords(server);
  const said = withoutPasswords(stderr.trim().split("\n")[0] ?? "");
  const text = `CCACHE_REMOTE_STORAGE: ccache cannot read ${shown}`;
  const hint =
    'It takes file:, http:, redis: and redis+unix: addresses (ccache(1), "Remote storage").';
  return new KmatrixError("usage", "bad-ccache-storage", text, `${said}\n${hint}`);
}
