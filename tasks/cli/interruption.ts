// SPDX-License-Identifier: MIT
/** Ctrl-C and SIGTERM: the first ends what runs, and the report is written; the next leaves at once. */

export type SignalName = "SIGINT" | "SIGTERM";

export interface Interruption {
  /** Which came first; null for none. */
  readonly name: SignalName | null;
  /** Aborted by the first. */
  readonly signal: AbortSignal;
}

/** What a signal can make of this process. */
export interface Reactions {
  /** Milliseconds on a clock that only goes forward. */
  now(): number;
  /** A text for people. */
  tell(text: string): void;
  /** Ends the process. What it has written is whole, and its children end with it. */
  leave(name: SignalName): void;
}

/** One Ctrl-C may come twice: from the terminal, and passed on by npx or `deno task`. */
const SAME_SIGNAL_MS = 500;

/** Takes both signals from now on. @param listen Of Deno, but in tests. */
export function watchSignals(
  { now, tell, leave }: Reactions,
  listen: (name: SignalName, body: () => void) => void = Deno.addSignalListener,
): Interruption {
  const abort = new AbortController();
  const state = { name: null as SignalName | null, signal: abort.signal };
  let firstMs = 0;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    listen(name, () => {
      if (state.name !== null) {
        if (now() - firstMs >= SAME_SIGNAL_MS) leave(name);
        return;
      }
      state.name = name;
      firstMs = now();
      tell("interrupted: ending what runs and writing the report; once more leaves at once");
      abort.abort();
    });
  }
  return state;
}
