// SPDX-License-Identifier: MIT
/** What olddefconfig dropped: the tree's own Kconfig parser is asked why. */
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import type { DroppedOption } from "../core/model/evidence.ts";
import { KmatrixError } from "../core/model/errors.ts";
import type { Dropped, MergedRequest } from "../core/kconfig/kconfig.ts";
import { type FragmentLine, KCONFIG_ADD, placeOf } from "../core/kconfig/fragment.ts";
import { similarNames } from "../core/kconfig/near_names.ts";
import { briefly } from "../core/kconfig/reason.ts";
import { type Explanation, formatExplanation } from "../core/kconfig/explanation.ts";
import { originsOf } from "../core/kconfig/origins.ts";
import {
  definitionsArgv,
  parseDefinitions,
  parseSymbolDump,
  SYMBOL_DUMP,
  type SymbolDump,
  symbolDumpCompileCommand,
  symbolDumpKconfig,
  symbolDumpRequest,
  symbolName,
} from "../core/kconfig/symbol_dump.ts";
import { explainDropped } from "../core/kconfig/why_dropped.ts";
import { kconfigSymbols } from "./kconfig_symbols.ts";
import { buildConfinement, llvmTool, makeArgv, type MakeRequest } from "../core/build/make.ts";

/** The base that a request goes on top of. */
export interface RequestBase {
  /** As people call it. */
  readonly title: string;
  /** Of its .config. */
  readonly values: ReadonlyMap<string, string>;
}

/** Why requests were dropped, in their order; or what kept the parser from telling. */
export type Answer =
  | { readonly kind: "explained"; readonly explanations: readonly Explanation[] }
  | { readonly kind: "mute"; readonly why: string };

/** Asks the tree's parser, in the build folder as `olddefconfig` left it. */
export async function askParser(
  make: MakeRequest,
  request: MergedRequest,
  base: RequestBase,
  dropped: readonly Dropped[],
  paths: Paths,
  host: Host,
): Promise<Answer> {
  const { buildDir, source, toolchain, variables } = make;
  await host.fs.writeText(`${buildDir}/${SYMBOL_DUMP.kconfig}`, symbolDumpKconfig());
  await host.fs.writeText(`${buildDir}/${SYMBOL_DUMP.symbols}`, symbolDumpRequest(dropped));
  await host.fs.remove(`${buildDir}/${SYMBOL_DUMP.dump}`);
  const confine = buildConfinement(make);
  const compile = await host.run({
    argv: symbolDumpCompileCommand({
      // With LLVM= kbuild's HOSTCC is LLVM's clang, whatever CC= says.
      hostCompiler: llvmTool(toolchain.llvm, "clang"),
      program: `${paths.root}/tasks/core/kconfig/symbol_dump.c`,
      sourceDir: source.path,
      buildDir,
    }),
    confine: { ...confine, readable: [...confine.readable, `${paths.root}/tasks/core/kconfig`] },
  });
  const { W: _w, V: _v, ...quiet } = variables;
  const all = { ...make, variables: { ...quiet, ...SYMBOL_DUMP.makeVariables } };
  if (compile.code === 0) {
    await host.run({ argv: makeArgv(all, SYMBOL_DUMP.makeTargets), confine });
  }
  const text = await host.fs.readTextIfAny(`${buildDir}/${SYMBOL_DUMP.dump}`);
  if (text === null) {
    const why = compile.stderr ||
      await host.fs.readTail(`${buildDir}/${SYMBOL_DUMP.messages}`, 2000);
    return { kind: "mute", why };
  }
  const dump = await withPlacesElsewhere(parseSymbolDump(text), dropped, source, host);
  const origins = originsOf(request.lines, base.values, base.title);
  const explanations = dropped.map((one) => explainDropped(one, dump, origins));
  return { kind: "explained", explanations };
}

/** The error of a gate that is shut, with the reason for every dropped request. */
export async function gateError(
  make: MakeRequest,
  request: MergedRequest,
  base: RequestBase,
  dropped: readonly Dropped[],
  paths: Paths,
  host: Host,
): Promise<KmatrixError> {
  const answer = await askParser(make, request, base, dropped, paths, host);
  if (answer.kind === "mute") {
    const names = dropped.map((one) => one.request.option).join(", ");
    const plain = dropped.map((one) =>
      `${one.request.text} (${one.request.file}:${one.request.line}): ` +
      `found ${one.found ?? "absent"}`
    );
    plain.push("(the reason is unknown: the Kconfig dump failed)", answer.why);
    return new KmatrixError("config", "option-dropped", `dropped: ${names}`, plain.join("\n"), {
      kind: "options",
      dropped: dropped.map(({ request }) => droppedOption(request, null)),
    });
  }
  const { explanations } = answer;
  return new KmatrixError(
    "config",
    "option-dropped",
    explanations[0]!.summary,
    // The first summary is the message itself.
    explanations.map(formatExplanation).join("\n").split("\n").slice(1).join("\n"),
    {
      kind: "options",
      dropped: dropped.map(({ request }, index) =>
        droppedOption(request, explanations[index]!.cause)
      ),
    },
  );
}

function droppedOption({ option, file }: FragmentLine, cause: string | null): DroppedOption {
  return { option, cause, ...(file === KCONFIG_ADD ? {} : { fragment: file }) };
}

/** Of a `.config` of another architecture, thousands are unknown. */
const NAMES_AT_ONCE = 1000;

/** The same, with where the tree defines what this architecture does not know. */
async function withPlacesElsewhere(
  dump: SymbolDump,
  dropped: readonly Dropped[],
  source: MakeRequest["source"],
  host: Host,
): Promise<SymbolDump> {
  const names = dropped.map((one) => symbolName(one.request.option))
    .filter((name) => !dump.symbols.get(name)?.defined);
  let found = "";
  for (let first = 0; first < names.length; first += NAMES_AT_ONCE) {
    const argv = definitionsArgv(names.slice(first, first + NAMES_AT_ONCE));
    found += (await host.run({ argv, cwd: source.path })).stdout;
  }
  return { ...dump, elsewhere: parseDefinitions(found) };
}

/** A request to switch off what this tree does not have, and what may have been meant. */
export interface UnknownOff {
  readonly request: FragmentLine;
  /** Options of the tree; at least one. */
  readonly similar: readonly string[];
}

/**
 * Requests to switch off what no Kconfig file of the tree defines, but something of a similar name.
 * They are met, and what was meant may be on: it was misspelt, or has another name in this kernel.
 */
export async function unknownOffs(
  source: MakeRequest["source"],
  request: MergedRequest,
  dotConfig: ReadonlyMap<string, string>,
  host: Host,
): Promise<UnknownOff[]> {
  const absent = request.lines.filter((line) => line.value === "n" && !dotConfig.has(line.option));
  if (absent.length === 0) return [];
  const defined = await kconfigSymbols(source.path, host);
  const names = [...defined];
  return absent.filter((line) => !defined.has(symbolName(line.option))).flatMap((request) => {
    const similar = similarNames(symbolName(request.option), names);
    return similar.length === 0 ? [] : [{ request, similar }];
  });
}

/** What is said of them. */
export function formatUnknownOffs(offs: readonly UnknownOff[]): string {
  const each = offs.map(({ request, similar }) =>
    `${request.option} of ${placeOf(request)} (there is ${briefly(similar)})`
  );
  return `switched off, but no option of this kernel: ${briefly(each)}`;
}
