// SPDX-License-Identifier: MIT
/**
 * `deno task page`: bundles tasks/page/ into tasks/page/bundle.json, which reports put into their
 * pages. It is kept in the repository, so that a run starts no bundler and needs no package.
 */
import { Command } from "@commander-js/extra-typings";
import { build, type Plugin } from "esbuild";
import { fileURLToPath } from "node:url";
// Deno tells the places of packages that are imported.
import "preact";
import "preact/hooks";
import "preact/jsx-runtime";
import { exitCodeOfCommander } from "../core/model/exit_codes.ts";
import type { PageBundle } from "../core/page/page_html.ts";

const ROOM = new URL("../page/", import.meta.url);
export const BUNDLE = new URL("bundle.json", ROOM);

/** Packages by the place where Deno has them. */
const packages: Plugin = {
  name: "packages",
  setup({ onResolve }) {
    onResolve({ filter: /^preact(?:\/|$)/ }, ({ path }) => ({
      path: fileURLToPath(import.meta.resolve(path)),
    }));
  },
};

async function bundled(entry: string, other: Parameters<typeof build>[0] = {}): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(entry, ROOM))],
    bundle: true,
    minify: true,
    write: false,
    charset: "ascii",
    logLevel: "silent",
    legalComments: "none",
    ...other,
  });
  return outputFiles![0]!.text.trim();
}

/** The text of bundle.json. */
export async function pageBundle(): Promise<string> {
  const script = await bundled("main.tsx", {
    format: "iife",
    target: "es2023",
    jsx: "automatic",
    jsxImportSource: "preact",
    plugins: [packages],
  });
  const style = await bundled("page.css");
  const { version } = await packageOf("preact");
  const bundle: PageBundle = {
    script,
    style,
    notices: [`Preact ${version}, MIT License, Copyright (c) 2015-present Jason Miller`],
  };
  return `${JSON.stringify(bundle, null, 2)}\n`;
}

async function packageOf(name: string): Promise<{ version: string }> {
  const file = new URL(import.meta.resolve(`${name}/package.json`));
  return JSON.parse(await Deno.readTextFile(file));
}

if (import.meta.main) {
  new Command("page")
    .description("Bundles tasks/page/ into tasks/page/bundle.json.")
    .addHelpText("after", "\nExample: deno task page ")
    .exitOverride((error) => Deno.exit(exitCodeOfCommander(error)))
    .parse(Deno.args, { from: "user" });
  await Deno.writeTextFile(BUNDLE, await pageBundle());
}
