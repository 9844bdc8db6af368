// SPDX-License-Identifier: MIT
/**
 * The project's documentation as its tests read it: pages of Markdown with their headings, links and
 * pieces of code.
 */
import GithubSlugger from "github-slugger";
import { marked, type Token, type Tokens } from "marked";
import { dirname, join, normalize } from "node:path/posix";

/** A piece of code in a page. */
export interface Code {
  readonly text: string;
  /** Between fences; else a few words within a line. */
  readonly isBlock: boolean;
}

export interface Page {
  /** Below the project's root: "docs/matrix.md". */
  readonly path: string;
  /** Names that a link may have behind `#`. */
  readonly anchors: ReadonlySet<string>;
  /** Where links, images and the tags of HTML lead. */
  readonly targets: readonly string[];
  /** Images that say nothing to those who do not see them. */
  readonly silentImages: readonly string[];
  /** Brackets that were meant as a link, and are none. */
  readonly lostLinks: readonly string[];
  readonly code: readonly Code[];
  /** The first cells of the rows of all tables, as they are written. */
  readonly firstCells: readonly string[];
  readonly text: string;
}

type MutablePage = {
  -readonly [Name in keyof Page]: Page[Name] extends readonly (infer T)[] ? T[]
    : Page[Name] extends ReadonlySet<infer T> ? Set<T>
    : Page[Name];
};

/** One page. @param path Where it lies below the root. */
export function readPage(path: string, text: string): Page {
  const slugger = new GithubSlugger();
  const page: MutablePage = {
    ...{ path, text, anchors: new Set<string>(), targets: [], silentImages: [], lostLinks: [] },
    ...{ code: [], firstCells: [] },
  };
  marked.walkTokens(marked.lexer(text), (token) => note(token, page, slugger));
  return page;
}

function note(token: Token, page: MutablePage, slugger: GithubSlugger): void {
  switch (token.type) {
    case "heading":
      page.anchors.add(slugger.slug(plainText(token.tokens ?? [])));
      break;
    case "link":
      page.targets.push((token as Tokens.Link).href);
      break;
    case "image": {
      const { href, text } = token as Tokens.Image;
      page.targets.push(href);
      if (text.trim() === "") page.silentImages.push(href);
      break;
    }
    case "html":
      noteHtml((token as Tokens.HTML).raw, page);
      break;
    case "code":
      page.code.push({ text: (token as Tokens.Code).text, isBlock: true });
      break;
    case "codespan":
      page.code.push({ text: entitiesRead((token as Tokens.Codespan).text), isBlock: false });
      break;
    case "text":
      page.lostLinks.push(...lostLinks(token as Tokens.Text));
      break;
    case "table":
      page.firstCells.push(...(token as Tokens.Table).rows.map((row) => row[0]?.text ?? ""));
      break;
  }
}

/** A token without tokens of its own is what is left when links were found: brackets are letters. */
function lostLinks(token: Tokens.Text): string[] {
  if (token.tokens !== undefined) return [];
  return [...token.raw.matchAll(/\[[^\]]+\](\[[^\]]*\]|\([^)]*\))/g)].map(([whole]) => whole);
}

function noteHtml(raw: string, page: MutablePage): void {
  const tags = raw.replace(/<!--[^]*?-->/g, "").matchAll(/<([a-z]+)\b([^>]*)>/gi);
  for (const [, tag, rest] of tags) {
    const attributes = new Map(
      [...rest!.matchAll(/([a-z]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/gi)]
        .map(([, name, ...values]) => [name!.toLowerCase(), values.find(Boolean) ?? ""]),
    );
    for (const name of ["href", "src", "srcset"]) {
      const value = attributes.get(name);
      if (value !== undefined) page.targets.push(value.split(/[ ,]/)[0]!);
    }
    for (const name of ["id", "name"]) {
      const value = attributes.get(name);
      if (value !== undefined) page.anchors.add(value);
    }
    if (tag!.toLowerCase() === "img" && !attributes.get("alt")) {
      page.silentImages.push(attributes.get("src") ?? raw);
    }
  }
}

function plainText(tokens: readonly Token[]): string {
  return tokens.map((token) =>
    "tokens" in token && token.tokens !== undefined
      ? plainText(token.tokens)
      : "text" in token
      ? entitiesRead(token.text as string)
      : ""
  ).join("");
}

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&amp;": "&" },
};

function entitiesRead(text: string): string {
  return text.replace(/&(lt|gt|quot|#39|amp);/g, (entity) => ENTITIES[entity]!);
}

/** What a page's links may lead to. */
export interface Surroundings {
  /** Whether a file or folder is there, by its path below the root; letters as they are written. */
  exists(path: string): boolean;
  /** A page of the documentation; null for another file. */
  page(path: string): Page | null;
}

/** Links of a page that lead nowhere, as text. Other machines are not asked. */
export function brokenLinks(page: Page, around: Surroundings): string[] {
  const wrong = (target: string, why: string) => `${page.path}: ${target}: ${why}`;
  return page.targets.flatMap((target) => {
    if (/^[a-z][a-z+.-]*:/i.test(target)) {
      return /^(https?|mailto):/.test(target) ? [] : [wrong(target, "neither a path nor https")];
    }
    const [file, anchor] = splitTarget(target);
    // GitHub takes a / in front for the root of the repository.
    const path = file === ""
      ? page.path
      : normalize(file.startsWith("/") ? file.slice(1) : join(dirname(page.path), file));
    if (path.startsWith("../")) return [wrong(target, "leads out of the project")];
    if (!around.exists(path.replace(/\/$/, ""))) return [wrong(target, "there is no such file")];
    if (anchor === null) return [];
    const other = path === page.path ? page : around.page(path);
    if (other === null) return [wrong(target, "an anchor of what is no page")];
    return other.anchors.has(anchor) ? [] : [wrong(target, "that page has no such heading")];
  });
}

function splitTarget(target: string): [file: string, anchor: string | null] {
  const at = target.indexOf("#");
  const read = (text: string) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  return at < 0 ? [read(target), null] : [read(target.slice(0, at)), read(target.slice(at + 1))];
}
