// SPDX-License-Identifier: MIT
/** The file, or standard output, that `--events` names: a line an event, written as it happens. */
import { eventLine, headerLine, type RunEvent } from "../core/model/run_event.ts";

export interface EventFile {
  /** Each line is with the system when this returns: nothing is lost with the process. */
  write(event: RunEvent): void;
  close(): void;
}

/**
 * @param path "-" for standard output.
 * @param startedAtMs Since the epoch.
 * @throws Deno.errors where the file cannot be opened.
 */
export function openEventFile(path: string, startedAtMs: number): EventFile {
  const file = path === "-" ? Deno.stdout : Deno.openSync(path, {
    ...{ write: true, create: true, truncate: true },
  });
  const encoder = new TextEncoder();
  let seq = 0;
  const put = (line: string) => {
    let rest = encoder.encode(line);
    while (rest.length > 0) rest = rest.subarray(file.writeSync(rest));
  };
  put(headerLine(startedAtMs));
  return {
    write(event) {
      if (event.event === "notice" && event.level === "debug") return;
      put(eventLine(event, ++seq, Math.max(0, Date.now() - startedAtMs)));
    },
    close() {
      if (path !== "-") file.close();
    },
  };
}
