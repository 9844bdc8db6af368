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

/**
 * Whether a mail says what it says in HTML alone.
 * @param mail One character a byte.
 */
export function isHtmlOnly(mail: string): boolean {
  const types = [...mail.matchAll(/^content-type:[ \t]*(text\/[\w.+-]+)/gim)]
    .map(([, type]) => type!.toLowerCase());
  return types.length > 0 && types.every((type) => type === "text/html");
}

/**
 * Whether a mail has no text within {@linkcode HEADER_BYTES}; `git mailinfo` takes the square of a
 * subject's length.
 * @param mail One character a byte.
 */
export function hasEndlessHeaders(mail: string): boolean {
  return mail.length > HEADER_BYTES && headerRange(mail.slice(0, HEADER_BYTES)).endless;
}

function headerRange(text: string): { start: number; end: number; endless: boolean } {
  const start = /^(?:\xef\xbb\xbf)?(?:\r?\n)*(?:From .*\n)?/.exec(text)![0].length;
  const end = /\r?\n\r?\n/.exec(text.slice(start));
  if (end === null) return { start, end: text.length, endless: true };
  return { start, end: start + end.index + end[0].length, endless: false };
}

/** Headers of a mail with their empty line; not the `From ` line of an mbox. */
export function headerPart(bytes: Uint8Array): Uint8Array {
  const { start, end } = headerRange(bytesAsText(bytes.subarray(0, HEADER_BYTES)));
  return bytes.subarray(start, end);
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
