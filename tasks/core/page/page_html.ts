// SPDX-License-Identifier: MIT
/**
 * report.html as text: one file that asks nothing of any network. Whatever comes from a kernel, a
 * build or a config stands in it as escaped text, as JSON or packed; the content security policy lets
 * nothing run and nothing style but the two texts of the tool whose digests it names.
 */
import { counted } from "../text/counted.ts";
import type { PageCell, PageFailure, PageModel } from "./page_model.ts";

/** Script and style of the page, as tasks/page/bundle.json holds them. */
export interface PageBundle {
  readonly script: string;
  readonly style: string;
  /** What is in the script besides our own, with the licences. */
  readonly notices: readonly string[];
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** For text between tags and for values of attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character]!);
}

/** JSON that ends no element that it stands in, and that no old parser of scripts takes for lines. */
export function embeddedJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

async function cspHash(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `'sha256-${new Uint8Array(digest).toBase64()}'`;
}

/** What the page may do: run and style itself, and draw its icon. */
async function policy({ script, style }: PageBundle): Promise<string> {
  return [
    "default-src 'none'",
    `script-src ${await cspHash(script)}`,
    `style-src ${await cspHash(style)}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
}

function icon(good: boolean): string {
  const shape = good
    ? "<path d='M4 8.5l2.7 2.7L12 5.5' fill='none' stroke='white' stroke-width='2'/>"
    : "<path d='M5 5l6 6M11 5l-6 6' fill='none' stroke='white' stroke-width='2'/>";
  const color = good ? "#1a7f37" : "#cf222e";
  const svg = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>` +
    `<circle cx='8' cy='8' r='8' fill='${color}'/>${shape}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

/**
 * @param logs Packed lines of logs (core/page/packed.ts), by the ids of their elements.
 */
export async function pageHtml(
  model: PageModel,
  logs: ReadonlyMap<string, string>,
  bundle: PageBundle,
): Promise<string> {
  const red = model.cells.filter(({ word }) => word !== "passed" && word !== "skipped").length;
  const title = `${red > 0 ? `${red} of ` : ""}${counted(model.cells.length, "cell")} ${
    model.good ? "good" : "not good"
  } · kmatrix ${model.name}`;
  return [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${await policy(bundle)}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<meta name="referrer" content="no-referrer">',
    `<title>${escapeHtml(title)}</title>`,
    `<link rel="icon" href="${icon(model.good)}">`,
    `<style>${bundle.style}</style>`,
    "</head>",
    "<body>",
    `<div id="app">${plainPage(model)}</div>`,
    `<script type="application/json" id="model">${embeddedJson(model)}</script>`,
    ...[...logs].map(([id, packed]) =>
      `<script type="application/octet-stream" id="${escapeHtml(id)}">${packed}</script>`
    ),
    ...bundle.notices.map((notice) => `<!-- ${escapeHtml(notice)} -->`),
    `<script>${bundle.script}</script>`,
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

/** What is there before the script has run, and all that is there where none may: CI's viewers. */
function plainPage(model: PageModel): string {
  const cells = model.cells.map(({ id, word, note }) =>
    `<tr><td>${word}</td><th scope="row">${escapeHtml(id)}</th><td>${escapeHtml(note)}</td></tr>`
  );
  return [
    '<main class="plain">',
    `<h1>kmatrix ${escapeHtml(model.name)}</h1>`,
    `<p>${escapeHtml(model.summary)}</p>`,
    "<noscript><p>Scripts are off here: tests, consoles and charts are not shown. " +
    "They are in this file; open it from disk.</p></noscript>",
    plainComparison(model),
    ...model.failures.map((one) => `<section>${plainFailure(one)}</section>`),
    ...model.cells.map(plainCell),
    "<table><thead><tr><th>verdict</th><th>cell</th><th>what is said</th></tr></thead>",
    `<tbody>${cells.join("\n")}</tbody></table>`,
    "</main>",
  ].join("\n");
}

function plainComparison({ comparison }: PageModel): string {
  if (comparison === null) return "";
  const rows = comparison.changes.flatMap(({ title, rows }) =>
    rows.map(({ cell, what, more, message }) =>
      `<tr>${
        [title, cell, more.length === 0 ? what : `${what}, and ${more.length} more`, message]
          .map((text) => `<td>${escapeHtml(text)}</td>`).join("")
      }</tr>`
    )
  );
  return [
    `<section><h2>Compared with ${escapeHtml(comparison.before)}</h2>`,
    ...comparison.remarks.map((text) => `<p>${escapeHtml(text)}</p>`),
    rows.length === 0
      ? "<p>Nothing that is judged has changed.</p>"
      : "<table><thead><tr><th>change</th><th>cell</th><th>what</th><th>cause</th></tr></thead>" +
        `<tbody>${rows.join("\n")}</tbody></table>`,
    "</section>",
  ].join("\n");
}

function plainCell({ id, failures, repeat }: PageCell): string {
  if (failures.length === 0) return "";
  return `<section><h2>${escapeHtml(id)}</h2>${failures.map(plainFailure).join("")}` +
    `<p>repeat with: <code>${escapeHtml(repeat)}</code></p></section>`;
}

const DETAIL_CHARACTERS = 4000;

function plainFailure({ message, id, blame, detail }: PageFailure): string {
  const shown = detail.length > DETAIL_CHARACTERS
    ? `${detail.slice(0, DETAIL_CHARACTERS)}\n… ${
      detail.length - DETAIL_CHARACTERS
    } characters more`
    : detail;
  return `<p><strong>${escapeHtml(message)}</strong> [${escapeHtml(id)}, ${blame}]</p>` +
    (shown === "" ? "" : `<pre>${escapeHtml(shown)}</pre>`);
}
