// SPDX-License-Identifier: MIT
/** The pages of the project's documentation, read once. */
import { readdirSync } from "node:fs";
import { type Page, readPage } from "./documents.ts";

export const ROOT = new URL("../../", import.meta.url).pathname;

function paths(): string[] {
  const found = readdirSync(`${ROOT}docs`, { recursive: true, encoding: "utf8" });
  return [
    ...["README.md", "CONTRIBUTING.md", "CHANGELOG.md"],
    ...found.filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`).sort(),
  ];
}

/** By their paths below the root. */
export const PAGES: ReadonlyMap<string, Page> = new Map(
  paths().map((path) => [path, readPage(path, Deno.readTextFileSync(`${ROOT}${path}`))]),
);
