// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import { failure } from "../model/errors.ts";
import { sampleCellReport, sampleRun } from "../../testing/samples.ts";
import { pageModel } from "./build_model.ts";
import { embeddedJson, escapeHtml, type PageBundle, pageHtml } from "./page_html.ts";

const BUNDLE: PageBundle = { script: "start()", style: "a{b:c}", notices: ["Lib 1, MIT"] };
const HOSTILE =
  "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>\u2028\x1b[31m\0";

function redRun(message: string) {
  const failed = failure("kernel", "splat-oops", message, `detail of ${message}`);
  const verdict = { kind: "failed", failures: [failed] } as const;
  return sampleRun([sampleCellReport({ verdict, repeat: `repeat ${message}` })], {
    failures: [failure("infra", "disk-full", message)],
  });
}

const htmlOf = (message: string, name = "run") =>
  pageHtml(pageModel(redRun(message), name, new Map()), new Map([["log-0", "AAAA"]]), BUNDLE);

/** Start tags, end tags and comments; what is inside of scripts and styles is text. */
function tagsOf(html: string): string[] {
  const inert = html.replace(/(<(script|style)[^>]*>)[^]*?(<\/\2>)/g, "$1$3");
  return inert.match(/<(?:\/?[a-zA-Z!][^>]*)>/g) ?? [];
}

Deno.test("pageHtml() has the same tags whatever the kernel says", async () => {
  const usual = tagsOf(await htmlOf("usual"));
  assert.ok(usual.length > 20);
  const strip = (tags: readonly string[]) => tags.map((tag) => tag.replace(/sha256-[^']*/g, ""));
  for (const message of [HOSTILE, "'\"><a onclick=x>", "<!--", "]]>", "<style>*{}</style>"]) {
    assert.deepEqual(strip(tagsOf(await htmlOf(message, message))), strip(usual), message);
  }
});

Deno.test("pageHtml() shows what a kernel says as text, without what a terminal would obey", async () => {
  const html = await htmlOf(HOSTILE);
  assert.ok(html.includes("&lt;script&gt;alert(1)&lt;/script&gt;&lt;!--&lt;img src=x"));
  assert.equal(html.split("<script").length - 1, 3, "model, log, our own");
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(html, /[\x00-\x08\x0b-\x1f\x7f]/);
});

Deno.test("pageHtml() lets nothing run but its own script, by a policy that names digests", async () => {
  const html = await htmlOf("m");
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)![1]!;
  const digest = async (text: string) => {
    const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(bytes)))}'`;
  };
  const script = /<script>([^]*)<\/script>/.exec(html)![1]!;
  const style = /<style>([^]*)<\/style>/.exec(html)![1]!;
  const parts = Object.fromEntries(
    policy.split("; ").map((part) => [part.split(" ")[0], part.split(" ").slice(1).join(" ")]),
  );
  assert.deepEqual(parts, {
    "default-src": "'none'",
    "script-src": await digest(script),
    "style-src": await digest(style),
    "img-src": "data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
  });
  const before = html.slice(0, html.indexOf("Content-Security-Policy"));
  assert.doesNotMatch(before, /<(?:script|style|link|img)/, "the policy comes first");
});

Deno.test("pageHtml() asks nothing of any network", async () => {
  const html = await htmlOf("m");
  assert.doesNotMatch(html, /\b(?:src|href)="(?!data:|#)/);
  assert.doesNotMatch(html, /url\(|@import/);
});

Deno.test("pageHtml() says without scripts what went wrong and how to see it again", async () => {
  const html = await htmlOf("the kernel died");
  const body = html.slice(html.indexOf("<main"), html.indexOf("</main>"));
  for (const due of ["the kernel died", "splat-oops, kernel", "detail of", "repeat the kernel"]) {
    assert.ok(body.includes(due), due);
  }
  assert.match(html, /<title>1 of 1 cell not good · kmatrix run<\/title>/);
});

Deno.test("embeddedJson() is the value again, and ends no script", () => {
  fc.assert(fc.property(fc.jsonValue(), fc.string(), (value, text) => {
    const json = embeddedJson([value, text, HOSTILE]);
    assert.doesNotMatch(json, /[<>&\u2028\u2029]/);
    assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify([value, text, HOSTILE])));
  }));
});

Deno.test("escapeHtml() leaves no character that could be markup", () => {
  assert.equal(
    escapeHtml(`<a b="c" d='e'>&amp;`),
    "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;",
  );
});
