// SPDX-License-Identifier: MIT
/** Mails with patches: which texts are mails, and what their headers say. */
import PostalMime from "postal-mime";
import { bytesAsText } from "./diff.ts";

/** What tells of a mail's place in a thread. */
export interface MailHeaders {
  /** Decoded; "" where there is none. */
  readonly subject: string;
  /** The sender's address in lower case; "" where there is none. */
  readonly from: string;
  /** Message ids with their angle brackets; null where there is none. */
  readonly messageId: string | null;
  /** Of In-Reply-To and References, the closest last. */
  readonly answers: readonly string[];
}

/** Headers beyond this are nobody's. */
const HEADER_BYTES = 256 << 10;

/**
 * Whether `git am` takes a text for mails (detect_patch_format of its builtin/am.c): a `From ` line,
 * or nothing but headers down to the first empty line.
 * @param whole The beginning is enough; one character a byte.
 */
export function isMail(whole: string): boolean {
  const text = whole.slice(0, HEADER_BYTES);
  const start = /^(?:\xef\xbb\xbf)?(?:\r?\n)*/.exec(text)![0].length;
  if (text.startsWith("From ", start) || text.startsWith("From: ", start)) return true;
  let at = start;
  for (let first = true;; first = false) {
    const end = text.indexOf("\n", at);
    const line = text.slice(at, end < 0 ? undefined : end).replace(/\r$/, "");
    if (line === "") return !first;
    if (!/^[!-9;-~]+:/.test(line) && (first || !/^[ \t]/.test(line))) return false;
    // Headers to the end, or as far as anybody's go.
    if (end < 0) return true;
    at = end + 1;
  }
}

/** Headers of a mail with their empty line; not the `From ` line of an mbox. */
export function headerPart(bytes: Uint8Array): Uint8Array {
  const text = bytesAsText(bytes.subarray(0, HEADER_BYTES));
  const start = /^(?:\xef\xbb\xbf)?(?:\r?\n)*(?:From .*\n)?/.exec(text)![0].length;
  const end = /\r?\n\r?\n/.exec(text.slice(start));
  return bytes.subarray(start, end ? start + end.index + end[0].length : text.length);
}

export async function readHeaders(mail: Uint8Array): Promise<MailHeaders> {
  const parsed = await new PostalMime().parse(headerPart(mail));
  const header = (name: string) => parsed.headers.find(({ key }) => key === name)?.value ?? "";
  const ids = (text: string) => text.match(/<[^<>\s]+>/g) ?? [];
  const from = parsed.from?.address ?? header("from");
  return {
    subject: (parsed.subject ?? "").replace(/\s+/g, " ").trim(),
    from: from.toLowerCase(),
    messageId: ids(header("message-id"))[0] ?? null,
    answers: [...ids(header("references")), ...ids(header("in-reply-to")).slice(0, 1)],
  };
}
