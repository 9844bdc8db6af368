// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { hasEndlessHeaders, headerPart, isHtmlOnly, isMail, readHeaders } from "./mail.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("isMail() takes for a mail what git am does", () => {
  const mails = [
    "From 0123 Mon Sep 17 00:00:00 2001\n",
    "From: a\nnothing else",
    "\n\r\nFrom: a\n",
    "Return-Path: <a>\nReceived: from b\n\tby c\nSubject: d\n\nbody",
    "Subject: d\r\nFrom: a\r\n\r\nbody",
    "\xef\xbb\xbfFrom: a\n",
  ];
  for (const text of mails) assert.equal(isMail(text), true, text);
  const others = [
    ...["diff --git a/x b/x\n", "--- a/x\n+++ b/x\n", "commit 0123\nAuthor: a\n\n", "", "\n\n"],
    ...["Index: x\n=====\n", " Subject: x\n\n", "A fix: it works\n\n", "x"],
  ];
  for (const text of others) assert.equal(isMail(text), false, text);
});

Deno.test("readHeaders() decodes subjects, unfolds lines and keeps the ids in their order", async () => {
  const headers = await readHeaders(bytes(
    "From 0123 Mon Sep 17 00:00:00 2001\nFrom: =?UTF-8?q?J=C3=B6?= <J@Example.org>\n" +
      "Subject: =?utf-8?b?W1BBVENIIHYyIDEvM10gZsO2?=\n =?utf-8?q?_bar?=\n" +
      "message-id: <a@b>\nIn-Reply-To: <c@d> (mail of yesterday)\nReferences: <x@y>\n\t<c@d>\n\nSubject: no\n",
  ));
  assert.deepEqual(headers, {
    subject: "[PATCH v2 1/3] f\u00f6 bar",
    from: "j@example.org",
    messageId: "<a@b>",
    answers: ["<x@y>", "<c@d>", "<c@d>"],
  });
  assert.deepEqual(await readHeaders(bytes("")), {
    ...{ subject: "", from: "", messageId: null, answers: [] },
  });
});

Deno.test("readHeaders() is through 10 MB of headers in under two seconds", async () => {
  const size = 10_000_000;
  const fill = (unit: string) => unit.repeat(Math.ceil(size / unit.length));
  for (
    const text of [
      `From: a\n${fill("X: y\n")}\n`,
      `Subject: ${fill("=?utf-8?q?a?= ")}\n\n`,
      `Subject: x\n${fill(" y\n")}\n`,
      `References: ${fill("<")}\n\n`,
      `Message-Id: ${fill("<a ")}\n\n`,
      `From: ${fill('"(')}\n\n`,
      fill("a: b\n"),
    ]
  ) {
    const started = performance.now();
    isMail(text);
    headerPart(bytes(text));
    await readHeaders(bytes(text)).catch(() => {});
    assert.ok(performance.now() - started < 2000, text.slice(0, 20));
  }
});

Deno.test("hasEndlessHeaders() and isHtmlOnly() tell of mails that are no patch", () => {
  const mail = `From: a@example.org\nSubject: ${"[a ".repeat(100_000)}\n\ntext\n`;
  assert.equal(hasEndlessHeaders(mail), true);
  assert.equal(hasEndlessHeaders(`From: a@example.org\n\n${"text ".repeat(100_000)}`), false);
  assert.equal(hasEndlessHeaders("From: a@example.org\nSubject: no text"), false);
  assert.equal(isHtmlOnly("From: a\nContent-Type: Text/HTML; charset=utf-8\n\n<p>"), true);
  assert.equal(isHtmlOnly("From: a\n\n<p>"), false);
  const both = "Content-Type: multipart/alternative\n\n--x\nContent-Type: text/plain\n\na\n" +
    "--x\nContent-Type: text/html\n\n<p>\n";
  assert.equal(isHtmlOnly(both), false);
});
