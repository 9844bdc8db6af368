// SPDX-License-Identifier: MIT
/**
 * The table of docs/series.md: for each shape in which people have patches, what `git am` really
 * does with it here, and what kmatrix does.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import $ from "dax";
import { KmatrixError } from "../core/model/errors.ts";
import {
  checkoutOf,
  commitAll,
  gitAm,
  gitIn,
  Intake,
  type Listing,
  MAKEFILE,
  mustGitIn,
  writeFiles,
} from "../testing/git_am.ts";
import { withTempDir } from "../testing/temp_dir.ts";

const numbered = (from: number, to: number, change: Readonly<Record<number, string>> = {}) =>
  Array.from(
    { length: to - from + 1 },
    (_, index) => change[from + index] ?? `line ${from + index}`,
  )
    .join("\n") + "\n";

const BASE = {
  "Makefile": MAKEFILE,
  "kernel/fork.c": numbered(1, 40),
  "kernel/crlf.c": numbered(1, 9).replaceAll("\n", "\r\n"),
  "kernel/latin.c": Uint8Array.from(`/* na\xefve */\n${numbered(1, 9)}`, (c) => c.charCodeAt(0)),
  "kernel/twice.c": `first:\n${numbered(1, 5)}\nsecond:\n${numbered(1, 5)}`,
  "scripts/run.sh": "#!/bin/sh\n",
  "lib/gone.c": numbered(1, 20),
};

/** Commits on top of the base, each of which starts from the base but for one to three. */
interface World {
  readonly repository: string;
  readonly ids: Readonly<Record<string, string>>;
  /** One commit as a mail, or several. */
  readonly mail: (range: string, ...options: string[]) => Promise<string>;
  readonly diff: (range: string, ...options: string[]) => Promise<string>;
  /** A folder for the input. */
  readonly dir: string;
}

interface Case {
  /** As in the table. */
  readonly name: string;
  readonly input: (
    world: World,
  ) => Promise<string | Uint8Array | Readonly<Record<string, string | Uint8Array>>>;
  /** Whether git am takes it. */
  readonly am: boolean;
  /** The commit whose tree is due, or what is said. */
  readonly ours: string | RegExp;
  /** What is said although it is taken. */
  readonly says?: RegExp;
  readonly options?: { readonly fuzz?: true; readonly partial?: true };
  /** Where git am takes it and kmatrix does otherwise: what and why, as in the table. */
  readonly otherwise?: string;
}

const crlf = (text: string) => text.replaceAll("\n", "\r\n");
const base64 = (text: string) =>
  btoa(String.fromCharCode(...new TextEncoder().encode(text))).replace(/.{76}/g, "$&\n") + "\n";
const headersOf = (mail: string) => mail.slice(0, mail.indexOf("\n\n"));
const bodyOf = (mail: string) => mail.slice(mail.indexOf("\n\n") + 2);
const unnumbered = (mail: string) =>
  mail.replaceAll(/^Subject: \[PATCH[^\]]*\]/gm, "Subject: [PATCH]");
const withHeaders = (mail: string, ...headers: string[]) =>
  mail.replace(/\nSubject: /, `\n${headers.join("\n")}\nSubject: `);
const mailsOf = (mbox: string) => mbox.split(/^(?=From [0-9a-f]{40} )/m);
/** The patches of a mailbox without its cover letter. */
const withoutCover = (mbox: string) => mailsOf(mbox).slice(1).join("");
const utf16 = (text: string) =>
  new Uint8Array(Uint16Array.from(`\ufeff${text}`, (one) => one.charCodeAt(0)).buffer);
const DIFF_OF_30 = `--- a/kernel/fork.c
+++ b/kernel/fork.c
@@ -29,3 +29,3 @@
 line 29
-line 30
+line 99
 line 31
`;
const REPLY = `From 1111111111111111111111111111111111111111 Mon Sep 17 00:00:00 2001
From: R <r@example.org>
Date: Tue, 2 Jan 2024 00:00:00 +0000
Subject: Re: [PATCH 2/3] two
In-Reply-To: <x@example.org>

> diff --git a/kernel/fork.c b/kernel/fork.c

Simpler?

${DIFF_OF_30}`;

const CASES: readonly Case[] = [
  {
    name: "mbox of git format-patch",
    input: ({ mail }) => mail("base..three"),
    am: true,
    ours: "three",
  },
  {
    name: "CR LF mails, as some programs save them",
    input: async ({ mail }) => crlf(await mail("base..three")),
    am: true,
    ours: "three",
    says: /taken as LF/,
  },
  {
    name: "one mail without a From line (.eml)",
    input: async ({ mail }) => (await mail("base..one")).replace(/^From .*\n/, ""),
    am: true,
    ours: "one",
  },
  {
    name: "one mail of three without a From line",
    input: async ({ mail }) => mailsOf(await mail("base..three"))[0]!.replace(/^From .*\n/, ""),
    am: true,
    ours: "one",
    says: /2\/3, 3\/3 .* missing; taking the others/,
  },
  {
    name: "one mail with Return-Path and Received headers",
    input: async ({ mail }) =>
      "Return-Path: <a@example.org>\nReceived: from a by b;\n\tMon, 1 Jan 2024 00:00:00 +0000\n" +
      (await mail("base..one")).replace(/^From .*\n/, ""),
    am: true,
    ours: "one",
  },
  {
    name: "HTML mail",
    input: async ({ mail }) =>
      withHeaders(await mail("base..empty"), "Content-Type: text/html; charset=utf-8"),
    am: true,
    ours: /a mail is HTML only, which changes a diff: \[PATCH\] empty/,
    otherwise: "refused: HTML writes <, > and & of a diff otherwise",
  },
  {
    name: "git diff with a byte order mark",
    input: async ({ diff }) => `\ufeff${await diff("base..empty")}`,
    am: false,
    ours: "empty",
  },
  {
    name: "git diff in UTF-16, as PowerShell redirects it",
    input: async ({ diff }) => utf16(await diff("base..one")),
    am: false,
    ours: /is UTF-16/,
  },
  {
    name: "git diff in the colours of a terminal",
    input: ({ diff }) => diff("base..one", "--color=always"),
    am: false,
    ours: /holds the colours of a terminal/,
  },
  {
    name: "absolute path of another machine",
    input: () => Promise.resolve("--- /dev/null\n+++ /home/u/x.c\n@@ -0,0 +1 @@\n+x\n"),
    am: false,
    ours: /names \/home\/u\/x\.c, an absolute path/,
  },
  {
    name: "new empty file",
    input: ({ mail }) => mail("base..empty"),
    am: true,
    ours: "empty",
  },
  { name: "mode alone", input: ({ mail }) => mail("base..mode"), am: true, ours: "mode" },
  {
    name: "rename and copy",
    input: ({ mail }) => mail("base..move", "-C", "-M"),
    am: true,
    ours: "move",
  },
  { name: "deleted files", input: ({ mail }) => mail("base..gone"), am: true, ours: "gone" },
  { name: "binary patch", input: ({ mail }) => mail("base..binary"), am: true, ours: "binary" },
  {
    name: "binary file named without its content",
    input: ({ mail }) => mail("base..binary", "--no-binary"),
    am: false,
    ours: /tells of a change without its content: Binary files/,
  },
  {
    name: "content in Latin-1",
    input: async ({ repository }) =>
      (await gitIn(repository, ["format-patch", "--stdout", "base..latin"])).stdoutBytes,
    am: true,
    ours: "latin",
  },
  {
    name: "quoted-printable, encoded subject",
    input: async ({ mail }) => {
      const text = await mail("base..one");
      const headers = headersOf(text).replace(
        /Subject: .*/,
        "Subject: =?iso-8859-1?q?=5BPATCH=5D_na=EFve?=",
      );
      const body = bodyOf(text).replaceAll("=", "=3D").replaceAll(/ $/gm, "=20");
      return `${headers}\nContent-Type: text/plain; charset=utf-8\n` +
        `Content-Transfer-Encoding: quoted-printable\n\n${body}`;
    },
    am: true,
    ours: "one",
  },
  {
    name: "base64",
    input: async ({ mail }) => {
      const text = await mail("base..one");
      return `${headersOf(text)}\nContent-Type: text/plain; charset=utf-8\n` +
        `Content-Transfer-Encoding: base64\n\n${base64(bodyOf(text))}`;
    },
    am: true,
    ours: "one",
  },
  {
    name: "base64 of CR LF, as some servers make it",
    input: async ({ mail }) => {
      const text = await mail("base..one");
      return `${headersOf(text)}\nContent-Type: text/plain; charset=utf-8\n` +
        `Content-Transfer-Encoding: base64\n\n${base64(crlf(bodyOf(text)))}`;
    },
    am: false,
    ours: "one",
    says: /its lines end with CR LF, its headers too: taken as LF/,
  },
  {
    name: "the patch as an attachment",
    input: ({ mail }) => mail("base..one", "--attach"),
    am: true,
    ours: "one",
  },
  {
    name: "format=flowed, blanks stuffed",
    input: async ({ mail }) => {
      const text = await mail("base..one");
      const type = "Content-Type: text/plain; charset=utf-8; format=flowed";
      return `${headersOf(text)}\n${type}\n\n${bodyOf(text).replaceAll(/^ /gm, "  ")}`;
    },
    am: true,
    ours: "one",
  },
  {
    name: "lines wrapped by the mail program",
    input: async ({ mail }) => (await mail("base..one")).replace("\n line 3\n", "\n line\n3\n"),
    am: false,
    ours: /line 12 of the diff is damaged/,
  },
  {
    name: "file with CR LF in it, in a mail with LF",
    input: ({ mail }) => mail("base..returns"),
    am: false,
    ours: "returns",
  },
  {
    name: "diff in the commit message, indented",
    input: async ({ mail }) =>
      (await mail("base..one")).replace(
        "\n---\n",
        `\n${bodyOf(REPLY).replaceAll(/^/gm, "    ")}\n---\n`,
      ),
    am: true,
    ours: "one",
  },
  {
    name: "diff in the commit message, not indented",
    input: async ({ mail }) =>
      (await mail("base..one")).replace("\n---\n", `\n${bodyOf(REPLY)}\nSigned-off-by: A\n---\n`),
    am: true,
    ours: /holds a diff before its "---" or diffstat \(line \d+\) and another after it/,
    otherwise: "refused: the example would be applied too",
  },
  {
    name: "scissors, text above them",
    input: async ({ mail }) => {
      const text = await mail("base..one");
      return `${headersOf(text)}\n\nHi,\n\n-- >8 --\n${bodyOf(text)}`;
    },
    am: true,
    ours: "one",
  },
  {
    name: "notes and a range-diff behind ---",
    input: async ({ mail }) =>
      (await mail("base..one")).replace(
        "\n---\n",
        "\n---\nv2: better\n\n1:  aaaaaaa ! 1:  bbbbbbb one\n    @@ kernel/fork.c\n    - line\n\n",
      ),
    am: true,
    ours: "one",
  },
  {
    name: "git show, a diff in its message",
    input: async ({ repository }) => await mustGitIn(repository, "show", "shown"),
    am: false,
    ours: "one",
  },
  {
    name: "diff in the notes behind the separator, not indented",
    input: async ({ mail }) =>
      (await mail("base..one")).replace(/^---\n/m, `---\nSince v1:\n\n${DIFF_OF_30}\n`),
    am: true,
    ours: /holds a diff before its "---" or diffstat \(line \d+\) and another after it/,
    otherwise: "refused: the example would be applied too",
  },
  {
    name: "words in the commit message that look like headers of a diff",
    input: async ({ mail }) =>
      (await mail("base..one")).replace(
        /^---\n/m,
        "--- before\n+++ after\n\ndiff --cc is a form.\n\nOnly in theory: it works.\n---\n",
      ),
    am: true,
    ours: "one",
  },
  {
    name: "git log -p of several commits",
    input: async ({ repository }) => await mustGitIn(repository, "log", "-p", "base..three"),
    am: false,
    ours: /holds 3 commits as git log prints them/,
  },
  {
    name: "git show of a merge",
    input: async ({ repository }) => await mustGitIn(repository, "show", "merged"),
    am: false,
    ours: /tells of a change without its content: diff --cc/,
  },
  { name: "git diff", input: ({ diff }) => diff("base..three"), am: false, ours: "three" },
  {
    name: "git diff, CR LF",
    input: async ({ diff }) => crlf(await diff("base..one")),
    am: false,
    ours: "one",
    says: /taken as LF/,
  },
  {
    name: "git diff with mnemonic prefixes",
    input: ({ diff }) => diff("base..one", "--src-prefix=i/", "--dst-prefix=w/"),
    am: false,
    ours: "one",
  },
  {
    name: "git diff --no-prefix",
    input: ({ diff }) => diff("base..one", "--no-prefix"),
    am: false,
    ours: "one",
    says: /names without a\/ and b\//,
  },
  {
    name: "mail with --no-prefix",
    input: ({ mail }) => mail("base..three", "--no-prefix"),
    am: false,
    ours: "three",
    says: /names without a\/ and b\//,
  },
  {
    name: "diff -ruN old new",
    input: ({ repository, dir }) => plainDiff(repository, dir, "-ruN", "moved"),
    am: false,
    ours: "moved",
  },
  {
    name: "diff -ru, a new file left out",
    input: ({ repository, dir }) => plainDiff(repository, dir, "-ru", "moved"),
    am: false,
    ours: /tells of a change without its content: Only in/,
  },
  {
    name: "quilt patch with Index: lines",
    input: async ({ diff }) =>
      "A fix\n\n" +
      (await diff("base..one")).replace(
        /^diff --git.*\nindex .*\n/m,
        "Index: linux/kernel/fork.c\n===\n",
      )
        .replace("--- a/", "--- linux.orig/").replace("+++ b/", "+++ linux/"),
    am: false,
    ours: "one",
  },
  {
    name: "patch with DEP-3 headers",
    input: async ({ diff }) =>
      `Description: a fix\n more\nAuthor: A <a@example.org>\n\n${await diff("base..one")}`,
    am: false,
    ours: "one",
  },
  {
    name: "hg export",
    input: async ({ diff }) =>
      `# HG changeset patch\n# User A <a@example.org>\n# Date 0 0\none\n\n${await diff(
        "base..one",
      )}`,
    am: true,
    ours: "one",
  },
  {
    name: "no context (-U0)",
    input: ({ mail }) => mail("base..one", "-U0"),
    am: false,
    ours: /hunk 1 \(line 5\) does not match/,
  },
  {
    name: "other lines than it says",
    input: async ({ mail }) =>
      (await mail("base..one")).replace("@@ -2,7 +2,7 @@", "@@ -9,7 +9,7 @@"),
    am: true,
    ours: "one",
    says: /1 hunk applies at other lines, up to 7 away/,
  },
  {
    name: "context that only GNU patch's fuzz takes",
    input: async ({ mail }) => (await mail("base..one")).replace("\n line 2\n", "\n line two\n"),
    am: false,
    ours: /kernel\/fork\.c: hunk 1 \(line 2\) does not match/,
  },
  {
    name: "the same with --fuzz",
    input: async ({ mail }) => (await mail("base..one")).replace("\n line 2\n", "\n line two\n"),
    am: false,
    options: { fuzz: true },
    ours: "one",
    says: /warn: .*kernel\/fork\.c: hunk 1 \(line \d+\) applied with fuzz: \d lines/,
  },
  {
    name: "already applied",
    input: async ({ mail }) => {
      const mails = await mail("base..one");
      return mails + mails.replace(/^From \S+/, "From " + "2".repeat(40));
    },
    am: false,
    ours: /kernel\/fork\.c: the source has this change already/,
  },
  {
    name: "file that is not there",
    input: async ({ mail }) => (await mail("base..one")).replaceAll("fork.c", "spoon.c"),
    am: false,
    ours: /kernel\/spoon\.c: the file does not exist/,
  },
  {
    name: "new file that is there already",
    input: async ({ mail }) =>
      (await mail("base..empty")).replaceAll("include/empty.h", "kernel/fork.c"),
    am: false,
    ours: /kernel\/fork\.c: the file exists already/,
  },
  {
    name: "new file where a folder is",
    input: async ({ mail }) => (await mail("base..empty")).replaceAll("include/empty.h", "kernel"),
    am: false,
    ours: /does not apply: /,
  },
  {
    name: "new file below a file",
    input: async ({ mail }) =>
      (await mail("base..empty")).replaceAll("include/empty.h", "kernel/fork.c/empty.h"),
    am: false,
    ours: /does not apply: /,
  },
  {
    name: "symbolic link",
    input: ({ mail }) => mail("base..link"),
    am: true,
    ours: /makes a symbolic link of kernel\/link\.c; a series may only hold plain files/,
    otherwise: "refused: a link may lead out of the tree",
  },
  {
    name: "submodule",
    input: ({ mail }) => mail("base..module"),
    am: true,
    ours: /makes a submodule of sub; a series may only hold plain files/,
    otherwise: "refused: its content is not in the patch",
  },
  {
    name: "path out of the tree",
    input: async ({ mail }) =>
      (await mail("base..empty")).replaceAll("include/empty.h", "../empty.h"),
    am: false,
    ours: /names \.\.\/empty\.h, which is outside of the tree/,
  },
  {
    name: "path into .git",
    input: async ({ mail }) =>
      (await mail("base..empty")).replaceAll("include/empty.h", ".git/hooks/x"),
    am: false,
    ours: /names \.git\/hooks\/x, which belongs to git/,
  },
  {
    name: "thread: a reply that holds a diff",
    input: async ({ mail }) => await mail("base..three") + REPLY,
    am: true,
    ours: "three",
    says: /left out, a reply that holds a diff: Re: \[PATCH 2\/3\]/,
    otherwise: "applies without the reply, and says so",
  },
  {
    name: "thread: v1 and v2",
    input: async ({ mail }) => await mail("base..one") + await mail("base..three", "-v2"),
    am: false,
    ours: "three",
    says: /left out, v2 of "one" \(3 patches\) is newer: v1 of "one"/,
  },
  {
    name: "thread: sent again",
    input: async ({ mail }) =>
      await mail("base..three") +
      await mail("base..three", "--rfc", "--subject-prefix=RESEND PATCH"),
    am: false,
    ours: "three",
    says: /left out, v1 of "one" \(3 patches, sent again\) is newer/,
  },
  {
    name: "thread: cover letter, mails out of order",
    input: async ({ mail }) =>
      mailsOf(await mail("base..three", "--cover-letter")).reverse().join(""),
    am: false,
    ours: "three",
  },
  {
    name: "thread: a mail twice (Message-Id)",
    input: async ({ mail }) => {
      const mails = mailsOf(await mail("base..three", "--thread"));
      return [...mails, mails[1]!.replace("\n\n", "\nList-Id: other\n\n")].join("");
    },
    am: false,
    ours: "three",
    says: /taken once, the same mail is there twice/,
  },
  {
    name: "thread: 2/3 is missing",
    input: async ({ mail }) => {
      const mails = mailsOf(await mail("base..three"));
      return mails[0]! + mails[2]!;
    },
    am: false,
    ours: /2\/3 of v1 of "one" \(3 patches\) is missing/,
  },
  {
    name: "thread: 3/3 is missing",
    input: async ({ mail }) => mailsOf(await mail("base..three")).slice(0, 2).join(""),
    am: true,
    ours: /3\/3 of v1 of "one" \(3 patches\) is missing/,
    otherwise: "refused: half of a series is taken only with `--partial`",
  },
  {
    name: "the same with --partial",
    input: async ({ mail }) => mailsOf(await mail("base..three")).slice(0, 2).join(""),
    am: true,
    options: { partial: true },
    ours: "two",
    says: /3\/3 .* is missing; taking the others/,
  },
  {
    name: "patches without numbers, one after the other",
    input: async ({ mail }) => unnumbered(await mail("base..three")),
    am: true,
    ours: "three",
  },
  {
    name: "two series in one mbox",
    input: async ({ mail }) =>
      await mail("base..two") +
      withHeaders(await mail("two..three"), "Message-Id: <z@example.org>"),
    am: true,
    ours: "three",
    says: /several series or patches, one after the other/,
  },
  {
    name: "mails without any patch",
    input: ({ mail }) => mail("base..one").then((text) => text.slice(0, text.indexOf("\ndiff"))),
    am: false,
    ours: /none of its mails is a patch/,
  },
  {
    name: "thread: of v2 the cover letter alone",
    input: async ({ mail }) => {
      const mbox = await mail("base..three", "--cover-letter");
      return withoutCover(mbox) + mailsOf(mbox)[0]!.replace("[PATCH 0/3]", "[PATCH v2 0/2]");
    },
    am: false,
    ours: /1\/2, 2\/2 of v2 of ".*" \(2 patches\) is missing/,
  },
  {
    name: "thread: numbers as Mercurial writes them (2 of 3), in another order",
    input: async ({ mail }) =>
      mailsOf(await mail("base..three")).toReversed().join("").replaceAll(
        /\[PATCH (\d)\/(\d)\]/g,
        "[PATCH $1 of $2]",
      ),
    am: false,
    ours: "three",
  },
  {
    name: "thread: a cover letter that holds a diff",
    input: async ({ mail }) => {
      const mails = mailsOf(await mail("base..three", "--cover-letter"));
      return [
        mails[0]!.replace(/\*\*\* BLURB[^]*/, bodyOf(await mail("base..three"))),
        ...mails.slice(1),
      ]
        .join("");
    },
    am: false,
    ours: "three",
    says: /left out, a cover letter that holds a diff: \[PATCH 0\/3\]/,
  },
  {
    name: "gzip of an mbox",
    input: ({ mail, dir }) => compressed("gzip", mail("base..three"), dir),
    am: false,
    ours: "three",
  },
  {
    name: "xz of a diff",
    input: ({ diff, dir }) => compressed("xz", diff("base..three"), dir),
    am: false,
    ours: "three",
  },
  {
    name: "maildir",
    input: async ({ mail }) =>
      Object.fromEntries([
        ["new/.keep", ""],
        ...mailsOf(await mail("base..three")).map((text, index) => [
          `cur/170000000${index}.M1P1.host:2,S`,
          text.replace(/^From .*\n/, ""),
        ]),
      ]),
    am: true,
    ours: "three",
  },
  {
    name: "folder of git format-patch with a cover letter",
    input: async ({ mail }) =>
      Object.fromEntries(
        mailsOf(await mail("base..three", "--cover-letter")).map((text, index) => [
          `000${index}-x.patch`,
          text,
        ]),
      ),
    am: false,
    ours: "three",
  },
  {
    name: "folder with v1 and v2 of git format-patch",
    input: async ({ mail }) =>
      Object.fromEntries([
        ...mailsOf(await mail("base..one")).map((text) => ["0001-x.patch", text]),
        ...mailsOf(await mail("base..three", "-v2")).map((text, index) => [
          `v2-000${index + 1}-x.patch`,
          text,
        ]),
      ]),
    am: false,
    ours: "three",
    says: /left out, v2 of "one"/,
  },
  {
    name: "folder of git format-patch with a 0001 of an older run",
    input: async ({ mail }) => ({
      ...Object.fromEntries(
        mailsOf(await mail("base..three")).map((text, index) => [`000${index + 1}-x.patch`, text]),
      ),
      "0001-old.patch": (await mail("base..empty")).replace("[PATCH] empty", "[PATCH 1/3] empty"),
    }),
    am: true,
    ours: /1\/3 is there twice: empty; one/,
    otherwise: "refused: one of two patches with the same number is a leftover",
  },
  {
    name: "folder of plain diffs without a series file",
    input: async ({ diff }) => ({
      "patch-2.diff": await diff("one..two"),
      "patch-10.diff": await diff("two..three"),
      "patch-1.diff": await diff("base..one"),
    }),
    am: false,
    ours: "three",
    says: /3 patches in the order of their names/,
  },
  {
    name: "quilt: series file, -p0, comments, a name that begins with -",
    input: async ({ diff }) => ({
      "series": "# ours\n-first.patch\n\nsub/second.patch -p0 # why\nthird.patch -p2\n",
      "-first.patch": await diff("base..one"),
      "sub/second.patch": await diff("one..two", "--no-prefix"),
      "third.patch": await diff("two..three", "--src-prefix=a/l/", "--dst-prefix=b/l/"),
    }),
    am: false,
    ours: "three",
  },
  {
    name: "quilt: a patch of the series file is missing",
    input: async ({ diff }) => ({
      "series": "a.patch\nb.patch\n",
      "a.patch": await diff("base..one"),
    }),
    am: false,
    ours: /names a patch that is not there: .*b\.patch/,
  },
  {
    name: "quilt: a compressed patch",
    input: async ({ diff, dir }) => ({
      "series": "a.patch.gz\nb.patch\n",
      "a.patch.gz": await compressed("gzip", diff("base..one"), dir),
      "b.patch": await diff("one..two"),
    }),
    am: false,
    ours: "two",
  },
  {
    name: "quilt: a patch to be taken back (-R)",
    input: async ({ diff }) => ({ "series": "a.patch -R\n", "a.patch": await diff("base..one") }),
    am: false,
    ours: /series:1: "-R" after a\.patch: only -p with a number may follow a name/,
  },
];

async function plainDiff(
  repository: string,
  dir: string,
  options: string,
  commit: string,
): Promise<string> {
  await mustGitIn(repository, "worktree", "add", "--quiet", "--detach", `${dir}/old`, "base");
  await mustGitIn(repository, "worktree", "add", "--quiet", "--detach", `${dir}/new`, commit);
  const { stdout } = await $`diff ${options} -x .git old new`.cwd(dir).noThrow().stdout("piped");
  for (const name of ["old", "new"]) {
    await mustGitIn(repository, "worktree", "remove", "--force", `${dir}/${name}`);
  }
  return stdout;
}

async function compressed(
  program: string,
  text: Promise<string>,
  dir: string,
): Promise<Uint8Array> {
  await Deno.writeTextFile(`${dir}/plain`, await text);
  return (await $`${program} -c ${dir}/plain`.stdout("piped")).stdoutBytes;
}

/** A branch for each tree that is due. */
async function makeWorld(repository: string): Promise<Readonly<Record<string, string>>> {
  await writeFiles(repository, BASE);
  await Deno.chmod(`${repository}/scripts/run.sh`, 0o755);
  const ids: Record<string, string> = { base: await commitAll(repository) };
  const git = (...args: string[]) => mustGitIn(repository, ...args);
  const commit = async (
    name: string,
    from: string,
    change: () => Promise<unknown>,
    message = name,
  ) => {
    await git("checkout", "--quiet", "--detach", from);
    await change();
    await git("add", "--all", ".");
    await git("commit", "--quiet", "-m", message);
    await git("tag", name);
    ids[name] = (await git("rev-parse", "HEAD")).trim();
  };
  const fork = (change: Readonly<Record<number, string>>) => () =>
    writeFiles(repository, { "kernel/fork.c": numbered(1, 40, change) });
  await git("tag", "base");
  await commit("one", "base", fork({ 5: "line five" }));
  await commit("two", "one", fork({ 5: "line five", 20: "line twenty" }));
  await commit("three", "two", fork({ 5: "line five", 20: "line score", 35: "x" }));
  const shown = "one\n\nTried:\n\n" + bodyOf(REPLY);
  await commit("shown", "base", fork({ 5: "line five" }), shown);
  await commit("side", "base", fork({ 5: "line cinq" }));
  await git("checkout", "--quiet", "--detach", "one");
  await gitIn(repository, ["merge", "--quiet", "side"]);
  await fork({ 5: "line five cinq" })();
  await git("commit", "--quiet", "--all", "-m", "merged");
  await git("tag", "merged");
  const file = (files: Parameters<typeof writeFiles>[1]) => () => writeFiles(repository, files);
  await commit("empty", "base", file({ "include/empty.h": "" }));
  await commit("mode", "base", () => Deno.chmod(`${repository}/lib/gone.c`, 0o755));
  await commit("move", "base", async () => {
    await Deno.mkdir(`${repository}/mm`);
    await Deno.rename(`${repository}/lib/gone.c`, `${repository}/mm/here.c`);
    await writeFiles(repository, {
      "kernel/fork.c": numbered(1, 40, { 1: "x" }),
      "kernel/copy.c": numbered(1, 40, { 40: "y" }),
    });
  });
  await commit("moved", "base", async () => {
    await Deno.remove(`${repository}/lib/gone.c`);
    await writeFiles(repository, { "mm/here.c": numbered(1, 20, { 3: "three" }) });
  });
  await commit("gone", "base", () => Deno.remove(`${repository}/lib`, { recursive: true }));
  const bytes = Uint8Array.from({ length: 999 }, (_, index) => index % 256);
  await commit("binary", "base", file({ "lib/table.bin": bytes }));
  const latin = Uint8Array.from(`/* na\xefve \xe9 */\n${numbered(1, 9)}`, (c) => c.charCodeAt(0));
  await commit("latin", "base", file({ "kernel/latin.c": latin }));
  const returns = numbered(1, 9, { 5: "five" }).replaceAll("\n", "\r\n");
  await commit("returns", "base", file({ "kernel/crlf.c": returns }));
  await commit("link", "base", () => Deno.symlink("/etc/passwd", `${repository}/kernel/link.c`));
  await git("checkout", "--quiet", "--detach", "base");
  await git("update-index", "--add", "--cacheinfo", `160000,${"3".repeat(40)},sub`);
  await git("commit", "--quiet", "-m", "module");
  await git("tag", "module");
  await git("checkout", "--quiet", "--detach", "base");
  return ids;
}

async function writeInput(
  dir: string,
  input: Awaited<ReturnType<Case["input"]>>,
): Promise<string> {
  if (typeof input === "string" || input instanceof Uint8Array) {
    await writeFiles(dir, { "input/series.in": input });
    return `${dir}/input/series.in`;
  }
  await writeFiles(`${dir}/input/queue`, input);
  return `${dir}/input/queue`;
}

async function* namesBelow(dir: string): AsyncGenerator<string> {
  if (!existsSync(dir)) return;
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    yield name;
    if (isDirectory) yield* namesBelow(`${dir}/${name}`);
  }
}

/** What git am is given: a folder is a maildir, or its patches. */
async function inputsOfAm(path: string): Promise<string[]> {
  if ((await Deno.stat(path)).isFile) return [path];
  const names = [...Deno.readDirSync(path)].map(({ name }) => name).sort();
  if (names.includes("cur")) return [path];
  return names.filter((name) => /\.(patch|diff)$/.test(name)).map((name) => `${path}/${name}`);
}

function row({ name, am, ours, says, otherwise }: Case): string {
  const said = says ? ", and says so" : "";
  const kmatrix = otherwise ??
    (ours instanceof RegExp ? "refused" : `${am ? "the same" : "applies"}${said}`);
  return `| ${name} | ${am ? "applies" : "stops"} | ${kmatrix} |`;
}

Deno.test("docs/series.md shows the table of these cases", async () => {
  const docs = await Deno.readTextFile(new URL("../../docs/series.md", import.meta.url));
  const rows = docs.split("\n").filter((line) => /^\| (?!input|-)/.test(line))
    .map((line) => line.replaceAll(/ +/g, " "));
  assert.deepEqual(rows, CASES.map(row));
});

Deno.test("kmatrix takes patches as git am does, or says what it does otherwise", async (t) => {
  await withTempDir(async (top) => {
    const repository = `${top}/base`;
    const ids = await makeWorld(repository);
    const trees = new Map<string, Listing>();
    for (const [index, one] of CASES.entries()) {
      await t.step(one.name, async () => {
        const dir = `${top}/${index}`;
        await Deno.mkdir(dir);
        const text = async (...args: string[]) => await mustGitIn(repository, ...args);
        const input = await writeInput(
          dir,
          await one.input({
            ...{ repository, ids, dir },
            mail: (range, ...options) => text("format-patch", "--stdout", ...options, range),
            diff: (range, ...options) => text("diff", "--binary", ...options, range),
          }),
        );
        const am = await gitAm(repository, await inputsOfAm(input), `${dir}/am`);
        assert.equal(am !== null, one.am, "git am");
        const intake = new Intake(dir);
        const ask = intake.listing({ tree: repository, series: input, ...one.options });
        const said = () => intake.messages.join("\n");
        if (one.ours instanceof RegExp) {
          await assert.rejects(ask, (error: unknown) => {
            assert.ok(error instanceof KmatrixError, String(error));
            assert.ok(["usage", "patch"].includes(error.kind), error.kind);
            assert.match(error.message, one.ours as RegExp);
            return true;
          });
        } else {
          const ours = await ask;
          if (!trees.has(one.ours)) {
            trees.set(one.ours, await checkoutOf(repository, one.ours, `${dir}/due`));
          }
          assert.deepEqual(ours, trees.get(one.ours), said());
          if (am !== null && one.otherwise === undefined) assert.deepEqual(ours, am);
        }
        if (one.says) assert.match(said(), one.says);
        const differs = am !== null && one.ours instanceof RegExp;
        assert.ok(!differs || one.otherwise !== undefined, "a difference has a reason");
        const left = (await Array.fromAsync(namesBelow(intake.cache)))
          .filter((name) => /partial|patching/.test(name));
        assert.deepEqual(left, []);
      });
    }
  });
});
