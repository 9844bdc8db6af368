// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parseFragment } from "./fragment.ts";
import {
  formatExpression,
  parseSymbolDump,
  SYMBOL_DUMP,
  symbolDumpCompileCommand,
  symbolDumpKconfig,
  symbolDumpRequest,
} from "./symbol_dump.ts";

/** As the program prints it, of a name that the parser has met and one that it has not. */
const DUMP = `{"symbolDump":1,"settled":true,"kernelVersion":"6.12.117"}
{"names":["KCOV"]}
{"symbol":"KCOV","type":"bool","defined":true,"value":"y"}
{"symbol":"COV"}
{"end":true}
`;

Deno.test("parseSymbolDump() fills in what the program leaves out", () => {
  const { settled, kernelVersion, names, symbols } = parseSymbolDump(DUMP);
  assert.deepEqual([settled, kernelVersion, names], [true, "6.12.117", ["KCOV"]]);
  const [known, unknown] = [symbols.get("KCOV"), symbols.get("COV")];
  assert.deepEqual([known?.value, known?.mentioned, known?.prompts], ["y", true, []]);
  assert.deepEqual([unknown?.defined, unknown?.mentioned], [false, false]);
});

Deno.test("parseSymbolDump() throws when the program did not finish", () => {
  assert.throws(() => parseSymbolDump(DUMP.replace(/\{"end".*\n/, "")), /not complete/);
  assert.throws(() => parseSymbolDump(""), /not complete/);
  assert.throws(() => parseSymbolDump(DUMP.slice(0, DUMP.indexOf("bool"))), /line 3 is no JSON/);
});

Deno.test("formatExpression() puts parentheses where Kconfig needs them", () => {
  const symbol = (name: string) => ({ op: "symbol", name, value: "n" }) as const;
  const or = { op: "or", value: "n", args: [symbol("A"), symbol("B")] } as const;
  assert.equal(
    formatExpression({
      op: "and",
      value: "n",
      args: [{ ...or, args: [...or.args] }, {
        op: "not",
        value: "y",
        args: [{ ...or, args: [...or.args] }],
      }],
    }),
    "(A || B) && !(A || B)",
  );
});

Deno.test("symbolDumpKconfig() starts the program on the real Kconfig file", () => {
  assert.equal(
    symbolDumpKconfig(),
    "config KMATRIX_SYMBOL_DUMP\n" +
      "\tdef_bool $(shell,rm -f kmatrix/dump; kmatrix/symbol_dump --names " +
      "--symbols kmatrix/symbols --output kmatrix/dump Kconfig >kmatrix/messages 2>&1 " +
      "&& echo y || echo n)\n",
  );
});

Deno.test("symbolDumpRequest() asks for each option once, and for MODULES", () => {
  const [request] = parseFragment("CONFIG_KASAN=y\n", "f.config");
  const dropped = { request: request!, found: undefined };
  assert.equal(symbolDumpRequest([dropped, dropped]), "KASAN\nMODULES\n");
});

Deno.test("symbolDumpCompileCommand() links the program with the tree's own parser", () => {
  assert.deepEqual(
    symbolDumpCompileCommand({
      hostCompiler: "clang-22",
      program: "/k/symbol_dump.c",
      sourceDir: "/src",
      buildDir: "/b",
    }),
    [
      "clang-22",
      "-O1",
      "-Wall",
      "-std=gnu11",
      "-I/src/scripts/include",
      "-I/src/scripts/kconfig",
      "-o",
      `/b/${SYMBOL_DUMP.program}`,
      "/k/symbol_dump.c",
      "/b/scripts/kconfig/confdata.o",
      "/b/scripts/kconfig/expr.o",
      "/b/scripts/kconfig/lexer.lex.o",
      "/b/scripts/kconfig/menu.o",
      "/b/scripts/kconfig/parser.tab.o",
      "/b/scripts/kconfig/preprocess.o",
      "/b/scripts/kconfig/symbol.o",
      "/b/scripts/kconfig/util.o",
    ],
  );
});
