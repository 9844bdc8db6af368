// SPDX-License-Identifier: MIT
/** Ends of programs that reach other machines: which of them may be another at the next try. */

/** Exit codes of curl that the network is behind, with what they say (curl(1), EXIT CODES). */
const CURL_NETWORK: Readonly<Record<number, string>> = {
  5: "the proxy's name is not resolved",
  6: "the host's name is not resolved",
  7: "no connection",
  16: "trouble in HTTP/2",
  18: "only a part arrived",
  28: "timed out",
  35: "no TLS connection",
  52: "no answer",
  55: "sending failed",
  56: "receiving failed",
  92: "trouble in an HTTP/2 stream",
};
/** --fail makes this of a status from 400 on. */
const CURL_HTTP_ERROR = 22;
/** Statuses that pass; those of curl's own --retry. */
const PASSING_STATUSES: readonly number[] = [408, 429, 500, 502, 503, 504, 522, 524];

/**
 * What of the network made curl fail; null where another try would end alike.
 * @param status The HTTP status, as `--write-out %{http_code}` prints it; 0 for none.
 */
export function curlNetworkTrouble(code: number, status: number): string | null {
  if (code === CURL_HTTP_ERROR) {
    return PASSING_STATUSES.includes(status) ? `HTTP status ${status}` : null;
  }
  return CURL_NETWORK[code] ?? null;
}

/** apt-get(8) ends so for whatever error it meets, that of the network among them. */
export const APT_ERROR = 100;

/** git ends so for whatever is fatal, a lost connection among that. */
export const GIT_FATAL = 128;
/** git-ls-remote(1), --exit-code: the remote answers, and has no such ref. */
export const GIT_NO_SUCH_REF = 2;

/** Whether git reaches another machine for this repository of a kernel.yaml: whatever is no path. */
export function isRemoteRepository(repository: string): boolean {
  return !/^(\/|file:)/i.test(repository);
}
