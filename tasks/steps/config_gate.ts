// SPDX-License-Identifier: MIT
/** The gate after olddefconfig is shut: the tree's own Kconfig parser is asked why. */
import type { Host } from "../host/host.ts";
import type { Paths } from "../core/model/paths.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { type Dropped, type MergedRequest, parseDotConfig } from "../core/kconfig/kconfig.ts";
import { formatExplanation } from "../core/kconfig/explanation.ts";
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
import { buildConfinement, llvmTool, makeArgv, type MakeRequest } from "../core/build/make.ts";

/** Asks the parser for every dropped request; `tiny` is tinyconfig's .config. */
export async function gateError(
  make: MakeRequest,
  request: MergedRequest,
  tiny: string,
  dropped: readonly Dropped[],
  paths: Paths,
  host: Host,
): Promise<KmatrixError> {
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
  const names = dropped.map((one) => one.request.option).join(", ");
  if (text === null) {
    const plain = dropped.map((one) =>
      `${one.request.text} (${one.request.file}:${one.request.line}): ` +
      `found ${one.found ?? "absent"}`
    );
    const reason = compile.stderr ||
      await host.fs.readTail(`${buildDir}/${SYMBOL_DUMP.messages}`, 2000);
    plain.push("(the reason is unknown: the Kconfig dump failed)", reason);
    return new KmatrixError("config", "option-dropped", `dropped: ${names}`, plain.join("\n"), {
      kind: "options",
      dropped: dropped.map(({ request }) => ({ option: request.option, cause: null })),
    });
  }
  const dump = await withPlacesElsewhere(parseSymbolDump(text), dropped, source, host);
  const origins = originsOf(request.lines, parseDotConfig(tiny));
  const explanations = dropped.map((one) => explainDropped(one, dump, origins));
  return new KmatrixError(
    "config",
    "option-dropped",
    explanations[0]!.summary,
    // The first summary is the message itself.
    explanations.map(formatExplanation).join("\n").split("\n").slice(1).join("\n"),
    {
      kind: "options",
      dropped: explanations.map(({ option, cause }) => ({ option, cause })),
    },
  );
}

/** The same, with where the tree defines what this architecture does not know. */
async function withPlacesElsewhere(
  dump: SymbolDump,
  dropped: readonly Dropped[],
  source: MakeRequest["source"],
  host: Host,
): Promise<SymbolDump> {
  const names = dropped.map((one) => symbolName(one.request.option))
    .filter((name) => !dump.symbols.get(name)?.defined);
  if (names.length === 0) return dump;
  const { stdout } = await host.run({ argv: definitionsArgv(names), cwd: source.path });
  return { ...dump, elsewhere: parseDefinitions(stdout) };
}
