// SPDX-License-Identifier: MIT
/**
 * Answers of programs about themselves, remembered: asking clang for its version costs little, but
 * a run with nothing to do should start no compiler at all.
 */
import { type ProbeAnswer, probeAnswerShape } from "./cache_files.ts";
import { cachedJson } from "../core/text/shape.ts";
import type { Host } from "../host/host.ts";
import { sha256 } from "../core/text/digest.ts";

/**
 * Runs a short, harmless command (a version, a compile of an empty file), or gives what it said
 * last time. The answer is kept for as long as the program file and the package database are the
 * same, as a header may come and go with a package.
 */
export async function probeProgram(
  argv: readonly string[],
  cacheDir: string,
  host: Host,
): Promise<ProbeAnswer> {
  const program = await host.fs.which(argv[0]!);
  if (program === null) return { code: 127, stdout: "", stderr: `${argv[0]}: not found` };
  const stamps = await Promise.all(
    [program, "/var/lib/dpkg/status", "/var/lib/rpm", "/var/lib/pacman/local"].map(
      async (path) => await host.fs.stat(path),
    ),
  );
  const key = await sha256(JSON.stringify([argv, program, stamps]));
  const file = `${cacheDir}/probes/${key.slice(0, 32)}.json`;
  const known = cachedJson(probeAnswerShape, await host.fs.readTextIfAny(file));
  if (known !== null) return known;
  const { code, stdout, stderr, timedOut } = await host.run({ argv, timeoutMs: 60_000 });
  const answer = { code, stdout: stdout.slice(0, 4000), stderr: stderr.slice(0, 4000) };
  // What was broken off, hung or was killed has not answered.
  const answered = !host.signal.aborted && !timedOut && code <= 128;
  if (answered) await host.fs.writeText(file, JSON.stringify(answer));
  return answer;
}
