// SPDX-License-Identifier: MIT
/** Tries again what the network has broken. */
import type { CommandResult, Host } from "../host/host.ts";

/** Before the second try and the third. */
const BACK_OFF_MS = [1_000, 4_000] as const;

/**
 * The result of the last try: the first that succeeds, that another try cannot better, or the third.
 * Each further try is said before its wait. Interrupted, there is no further try.
 * @param what What is tried, as people read it: "the download of https://…".
 * @param trouble What of the network was in the way of a failed try; null for any other failure.
 */
export async function withRetries(
  what: string,
  host: Pick<Host, "log" | "sleep" | "signal">,
  attempt: () => Promise<CommandResult>,
  trouble: (result: CommandResult) => string | null | Promise<string | null>,
): Promise<CommandResult> {
  const tries = BACK_OFF_MS.length + 1;
  for (let done = 1;; done++) {
    const result = await attempt();
    if (result.code === 0 || done === tries) return result;
    const cause = await trouble(result);
    if (cause === null || host.signal.aborted) return result;
    const waitMs = BACK_OFF_MS[done - 1]!;
    host.log(
      "warn",
      `${what} failed (${cause}); try ${done + 1} of ${tries} begins in ${waitMs / 1000} s`,
    );
    await host.sleep(waitMs);
    if (host.signal.aborted) return result;
  }
}
