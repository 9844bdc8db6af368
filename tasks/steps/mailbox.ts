// SPDX-License-Identifier: MIT
/** Patches on the disk: mails of mailboxes as files of their own, and compressed files as plain ones. */
import type { Host } from "../host/host.ts";
import type { SeriesPatch } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { bytesAsText, holdsDiff } from "../core/source/diff.ts";
import { sha256 } from "../core/text/digest.ts";
import { hasEndlessHeaders, isHtmlOnly, isMail, readHeaders } from "../core/source/mail.ts";
import type { Mail } from "../core/source/thread.ts";
import { gitScript, NO_REPOSITORY } from "./git.ts";

/** A mail as a file. */
export interface FiledMail extends Mail {
  readonly file: string;
}

/** More are an archive of a list, and no series. */
const MAX_MAILS = 3000;
/** No patch is as big; a compressed file may be. */
const MAX_BYTES = 128 << 20;

/** The beginnings of compressed files, and what writes them out. */
const COMPRESSED: readonly (readonly [string, string])[] = [
  ["\x1f\x8b", "gzip"],
  ["\xfd7zXZ\0", "xz"],
  ["BZh", "bzip2"],
  ["\x28\xb5\x2f\xfd", "zstd"],
];

/** @throws KmatrixError "usage" (no-such-patch) for the first that is no file. */
export async function checkPatches(
  patches: readonly SeriesPatch[],
  list: string,
  host: Host,
): Promise<void> {
  for (const { file } of patches) {
    const stat = await host.fs.stat(file);
    if (stat !== null && !stat.isDirectory) continue;
    const text = `${list} names a patch that is not there: ${file}`;
    throw new KmatrixError("usage", "no-such-patch", text);
  }
}

/** The first bytes of a file, one character each. */
export async function beginningOf(file: string, host: Host): Promise<string> {
  const parts = await host.fs.openParts(file);
  try {
    return bytesAsText(parts.read(0, Math.min(parts.size, 256 << 10)));
  } finally {
    parts.close();
  }
}

/**
 * The file itself, or what it holds where it is compressed.
 * @param out Where that goes.
 * @throws KmatrixError "usage" (bad-mail) where it is damaged or too big, (no-such-series) where it
 *   is a pipe or the like: nothing could read that again.
 */
export async function uncompressed(file: string, out: string, host: Host): Promise<string> {
  const path = await host.fs.realPath(file);
  if (path === null || (await host.fs.entry(path))?.kind === "other") {
    const text = `${file} is a pipe or device, which cannot be read a second time`;
    throw new KmatrixError("usage", "no-such-series", text, "Write it into a file first.");
  }
  const start = await beginningOf(file, host);
  const program = COMPRESSED.find(([magic]) => start.startsWith(magic))?.[1];
  if (program === undefined) return file;
  const script = `"$1" -dc < "$2" 2> "$3.log" | head -c ${MAX_BYTES + 1} > "$3"
[ -s "$3" ] && ! [ -s "$3.log" ]`;
  const { code } = await host.run({ argv: ["sh", "-c", script, "sh", program, file, out] });
  if (code !== 0) {
    const log = await host.fs.readTextIfAny(`${out}.log`) ?? "";
    const text = `${file} is compressed, and ${program} cannot read it`;
    throw new KmatrixError("usage", "bad-mail", text, log.trim());
  }
  const size = (await host.fs.stat(out))?.size ?? 0;
  if (size <= MAX_BYTES) return out;
  throw new KmatrixError("usage", "bad-mail", `${file} holds more than ${MAX_BYTES >> 20} MiB`);
}

/** Whether git am takes a file for mails. */
export async function isMailbox(file: string, host: Host): Promise<boolean> {
  return isMail(await beginningOf(file, host));
}

/** The diff of each mail $2…, into <mail>.diff; of one that git cannot read, nothing. */
const DIFFS = `message=$0
for mail; do
  git mailinfo -n "$message" "$mail.diff" < "$mail" > /dev/null 2>&1 || : > "$mail.diff"
done`;

/** What a mail without it holds no diff in. */
const MAY_HOLD_DIFF =
  /^(?:diff |--- |Index: |Content-Transfer-Encoding:[ \t]*(?:base64|quoted-printable))/im;

/** First lines of mails in an mbox. */
const FROM_LINE = /^From .*\d:\d.*\d{4}.*$/gm;

/**
 * Splits mailboxes, maildirs and single mails into a file for each mail.
 * @param dir A folder for them; it exists.
 * @throws KmatrixError "usage" (bad-mail)
 */
export async function fileMails(
  mailboxes: readonly string[],
  dir: string,
  host: Host,
): Promise<FiledMail[]> {
  let count = 0;
  for (const file of mailboxes) count += await countMails(file, host);
  if (count > MAX_MAILS) throw tooMany(mailboxes, count);
  const argv = ["git", "mailsplit", "-b", "--keep-cr", "-d6", `-o${dir}`, "--", ...mailboxes];
  const split = await gitScript(argv, host, { env: NO_REPOSITORY });
  if (split.code !== 0) {
    const text = `${mailboxes.join(", ")}: git cannot split it into mails`;
    throw new KmatrixError("usage", "bad-mail", text, split.stderr.trim());
  }
  const files = (await host.fs.list(dir)).map((name) => `${dir}/${name}`);
  if (files.length > MAX_MAILS) throw tooMany(mailboxes, files.length);
  const mails = await Promise.all(files.map((file, index) => {
    const name = `${mailboxes.join(", ")}: ${
      files.length === 1 ? "the mail" : `mail ${index + 1}`
    }`;
    return readMail(file, name, host);
  }));
  const holding = files.filter((_, index) => mails[index]!.holdsDiff);
  const diffs = ["sh", "-c", DIFFS, `${dir}/message`, ...holding];
  const made = await gitScript(diffs, host, { env: NO_REPOSITORY });
  if (made.code !== 0) {
    throw new KmatrixError("infra", "git-failed", "mails cannot be read", made.stderr.trim());
  }
  await host.fs.remove(`${dir}/message`);
  return await Promise.all(mails.map((mail) => mail.holdsDiff ? looked(mail, host) : mail));
}

function tooMany(mailboxes: readonly string[], count: number): KmatrixError {
  const text = `${mailboxes.join(", ")} holds ${count} mails, too many for a series`;
  return new KmatrixError("usage", "bad-mail", text, "Give it the mails of one thread.");
}

/** At most so many mails are in a file; a folder's are counted when they are split. */
async function countMails(file: string, host: Host): Promise<number> {
  const stat = await host.fs.stat(file);
  if (stat === null || stat.isDirectory) return 0;
  return bytesAsText(await host.fs.readBytes(file)).match(FROM_LINE)?.length ?? 0;
}

/** The mail, now that its diff is known. */
async function looked(mail: FiledMail, host: Host): Promise<FiledMail> {
  const diff = bytesAsText(await host.fs.readBytes(`${mail.file}.diff`));
  await host.fs.remove(`${mail.file}.diff`);
  return { ...mail, holdsDiff: holdsDiff(diff) };
}

/** @param name For people. */
async function readMail(file: string, name: string, host: Host): Promise<FiledMail> {
  const bytes = await host.fs.readBytes(file);
  const text = bytesAsText(bytes);
  if (hasEndlessHeaders(text)) {
    const first = text.slice(0, 200);
    throw new KmatrixError("usage", "bad-mail", `${name} has headers without an end`, first);
  }
  try {
    const headers = await readHeaders(bytes);
    const html = isHtmlOnly(text);
    return {
      ...headers,
      file,
      holdsDiff: MAY_HOLD_DIFF.test(text),
      html,
      digest: await sha256(bytes),
    };
  } catch (error) {
    const text = `${name} cannot be read: ${(error as Error).message}`;
    throw new KmatrixError("usage", "bad-mail", text, bytesAsText(bytes.subarray(0, 200)));
  }
}
