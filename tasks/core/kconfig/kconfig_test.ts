// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import {
  findDropped,
  formatAddNotice,
  mergeFragments,
  overlayDotConfig,
  parseDotConfig,
  renderFragment,
} from "./kconfig.ts";
import { ContradictionError, FragmentError, parseFragment, parseKconfigAdd } from "./fragment.ts";
import { sameValue, unquote } from "./values.ts";

const BASE = `# Comments and blank lines are fine.

CONFIG_64BIT=y
# CONFIG_VT is not set
CONFIG_MODULES=n
CONFIG_E1000=m
CONFIG_NR_CPUS=8
CONFIG_PANIC_TIMEOUT=-1
CONFIG_KCOV_IRQ_AREA_SIZE=0x40000
CONFIG_CMDLINE="console=ttyS0 quiet=\\"no\\""
# CONFIG_KASAN=y would be another config's business
`;

function refuse(line: string): FragmentError {
  try {
    parseFragment(`# first\n${line}\n`, "configs/x.config");
  } catch (error) {
    assert.ok(error instanceof FragmentError, `${line}: ${error}`);
    return error;
  }
  throw new Error(`accepted: ${line}`);
}

Deno.test("parseFragment() reads every form of a setting", () => {
  assert.deepEqual(
    parseFragment(BASE, "configs/base.config").map(({ option, value, line }) => [
      option,
      value,
      line,
    ]),
    [
      ["CONFIG_64BIT", "y", 3],
      ["CONFIG_VT", "n", 4],
      ["CONFIG_MODULES", "n", 5],
      ["CONFIG_E1000", "m", 6],
      ["CONFIG_NR_CPUS", "8", 7],
      ["CONFIG_PANIC_TIMEOUT", "-1", 8],
      ["CONFIG_KCOV_IRQ_AREA_SIZE", "0x40000", 9],
      ["CONFIG_CMDLINE", '"console=ttyS0 quiet=\\"no\\""', 10],
    ],
  );
});

Deno.test("parseFragment() reads CRLF line ends and a last line without end", () => {
  const lines = parseFragment("CONFIG_A=y\r\n# CONFIG_B is not set", "f");
  assert.deepEqual(lines.map((line) => line.text), ["CONFIG_A=y", "# CONFIG_B is not set"]);
});

Deno.test("parseFragment() shows place, line, caret and remedy when a line is wrong", () => {
  const error = refuse("CONFIG_KCOV = y");
  assert.equal(
    error.message,
    [
      'configs/x.config:2:12: blank before "="',
      "  2 | CONFIG_KCOV = y",
      "    |            ^",
      '  Write "CONFIG_KCOV=y".',
    ].join("\n"),
  );
  assert.deepEqual([error.file, error.line, error.column, error.text, error.hint], [
    "configs/x.config",
    2,
    12,
    "CONFIG_KCOV = y",
    'Write "CONFIG_KCOV=y".',
  ]);
});

Deno.test("parseFragment() overlooks what nobody sees: BOM, blanks at the end, CR", () => {
  const read = (text: string) =>
    parseFragment(text, "f").map(({ option, value, line, text }) => [option, value, line, text]);
  const a = ["CONFIG_A", "y", 1, "CONFIG_A=y"];
  assert.deepEqual(read("\uFEFFCONFIG_A=y \t\n"), [a]);
  assert.deepEqual(read('CONFIG_A=y\r\r\n\r\r\nCONFIG_S="x " \r\n'), [
    a,
    ["CONFIG_S", '"x "', 3, 'CONFIG_S="x "'],
  ]);
  assert.deepEqual(read("CONFIG_A=y\r# CONFIG_B is not set\t\r"), [
    a,
    ["CONFIG_B", "n", 2, "# CONFIG_B is not set"],
  ]);
});

Deno.test("parseFragment() takes prose for comments, in any encoding", () => {
  const text = "# include the drivers\n# see include/linux/x.h\n# This is not set.\n# f\uFFFDr\n" +
    "# merged configuration written to .config (needs make)\n# end of General setup\n";
  assert.deepEqual(parseFragment(text, "f"), []);
});

Deno.test("parseFragment() takes hex numbers without 0x, as the kernel does", () => {
  const lines = parseFragment("CONFIG_A=ff\nCONFIG_B=C0000000\nCONFIG_C=007\nCONFIG_D=0Xf", "f");
  assert.deepEqual(lines.map(({ value }) => value), ["ff", "C0000000", "007", "0Xf"]);
  assert.deepEqual(
    findDropped({ lines, notices: [] }, parseDotConfig("CONFIG_A=0xff\nCONFIG_B=0xc0000000\n"))
      .map(({ request }) => request.option),
    ["CONFIG_C", "CONFIG_D"],
  );
});

Deno.test("parseFragment() shows a long line around its mistake", () => {
  const error = refuse(`CONFIG_S="${"x".repeat(5000)}" # why`);
  const [, shown, caret] = error.message.split("\n") as [string, string, string];
  assert.ok(error.message.length < 500, `${error.message.length}`);
  assert.equal(shown[caret.indexOf("^")], error.text[error.column - 1]);
  assert.match(shown, /x" # why$/);
});

for (
  const [line, column, problem, hint] of [
    ["CONFIG_KCOV y", 12, 'no "="', 'Write "CONFIG_KCOV=y".'],
    ["CONFIG_NR_CPUS 8", 15, 'no "="', 'Write "CONFIG_NR_CPUS=8".'],
    ["KCOV", 5, 'no "="', 'Write "CONFIG_KCOV=y".'],
    ["KCOV=y", 1, "lacks the prefix CONFIG_", 'Write "CONFIG_KCOV=y".'],
    ["config_kcov=y", 1, "lacks the prefix CONFIG_", 'Write "CONFIG_KCOV=y".'],
    ["kcov=y", 1, "lacks the prefix CONFIG_", 'Write "CONFIG_KCOV=y".'],
    ["CONFIGFS_FS=y", 1, "lacks the prefix CONFIG_", 'Write "CONFIG_CONFIGFS_FS=y".'],
    ["+CONFIG_KCOV=y", 1, "is no option name", '"CONFIG_KCOV=y"'],
    ["export CONFIG_KCOV=y", 7, "is no option name", '"CONFIG_KCOV=y"'],
    ["Using .config as base", 6, 'no "="', "CONFIG_<NAME>=<value>"],
    ["Merging kasan.config", 8, 'no "="', "CONFIG_<NAME>=<value>"],
    ["config KCOV", 7, 'no "="', "CONFIG_<NAME>=<value>"],
    ["include base.config", 1, 'no "="', "includes no other"],
    ['source "base.config"', 1, 'no "="', "includes no other"],
    ['#include "base.config"', 1, "not an inclusion", "includes no other"],
    ["#include base.config", 1, "not an inclusion", "includes no other"],
    ['CONFIG_S="\uFFFD"', 11, "no text in UTF-8", "Save the file"],
    ["C\0O\0N\0", 2, "no text in UTF-8", "Save the file"],
    ["CONFIG-KCOV=y", 7, "is no option name", "letters, digits and underscores"],
    ["=y", 1, "is no option name", "CONFIG_"],
    ["<<<<<<< HEAD", 1, 'no "="', "for a comment"],
    ["CONFIG_KCOV= y", 13, 'blank after "="', 'Write "CONFIG_KCOV=y".'],
    ["CONFIG_KCOV=", 13, "no value", 'CONFIG_KCOV=""'],
    ["CONFIG_KCOV=y // why", 14, "text after the value", "lines of their own"],
    ["CONFIG_KCOV=y # why", 14, "text after the value", "lines of their own"],
    ["CONFIG_KCOV=Y", 13, '"Y" is no value', '"CONFIG_KCOV=y"'],
    ["CONFIG_KCOV=yes", 13, '"yes" is no value', '"CONFIG_KCOV=y"'],
    ["CONFIG_KCOV=off", 13, '"off" is no value', "is not set"],
    ["CONFIG_N=64K", 10, "is no value", "a number such as 64"],
    ["CONFIG_N=0xzz", 10, "is no value", "0x80"],
    ["CONFIG_N=1.5", 10, "is no value", "a number such as 64"],
    ["CONFIG_S='x'", 10, "is no value", "double quotes"],
    ['CONFIG_S="x', 10, "does not end", "double quote"],
    ['CONFIG_S="x\\"', 10, "does not end", "double quote"],
    ['CONFIG_S="x" # why', 13, "text after the string", "lines of their own"],
    ["  CONFIG_KCOV=y", 1, "blank before the line", "column 1"],
    ["CONFIG_KCOV is not set", 1, "belongs in a comment", '"# CONFIG_KCOV is not set"'],
    ["#CONFIG_KCOV is not set", 1, "would be a comment", '"# CONFIG_KCOV is not set"'],
    ["# CONFIG_KCOV is not set # why", 26, 'text after "is not set"', "lines of their own"],
    ["# CONFIG_KCOV is not set (slow)", 26, 'text after "is not set"', "# CONFIG_KCOV is not set"],
    ["# CONFIG_KCOV is not set.", 1, "would be a comment", '"# CONFIG_KCOV is not set"'],
    ["# CONFIG_KCOV not set", 1, "would be a comment", '"# CONFIG_KCOV is not set"'],
    ["# KCOV is not set", 1, "would be a comment", '"# CONFIG_KCOV is not set"'],
    ["# CONFIG_KCOV=y is not set", 1, "would be a comment", '"# CONFIG_KCOV is not set"'],
  ] as const
) {
  Deno.test(`parseFragment() refuses ${JSON.stringify(line)}`, () => {
    const error = refuse(line);
    assert.equal(error.column, column);
    assert.ok(error.message.includes(problem), error.message);
    assert.ok(error.hint.includes(hint), error.hint);
  });
}

Deno.test("parseFragment() takes a repeated line once and refuses a contradicting one", () => {
  assert.equal(parseFragment("CONFIG_A=n\n# CONFIG_A is not set\n", "f").length, 1);
  assert.throws(() => parseFragment("CONFIG_A=y\n\n# CONFIG_A is not set\n", "f"), (error) => {
    assert.ok(error instanceof ContradictionError);
    assert.match(error.message, /f:1: CONFIG_A=y\n {2}f:3: # CONFIG_A is not set/);
    return true;
  });
});

Deno.test("parseKconfigAdd() reads one setting and refuses everything else", () => {
  assert.deepEqual(parseKconfigAdd("CONFIG_KASAN=y", 2), {
    option: "CONFIG_KASAN",
    value: "y",
    file: "--kconfig-add",
    line: 2,
    text: "CONFIG_KASAN=y",
  });
  assert.equal(parseKconfigAdd("# CONFIG_SMP is not set").value, "n");
  assert.throws(() => parseKconfigAdd("KASAN=y"), /--kconfig-add:1:1: .*\n(.*\n)*.*CONFIG_KASAN=y/);
  assert.throws(() => parseKconfigAdd(""), /no option is set here/);
  assert.throws(() => parseKconfigAdd("# SMP"), /no option is set here/);
  assert.throws(() => parseKconfigAdd("CONFIG_A=y\nCONFIG_B=y"), /more than one line/);
});

Deno.test("mergeFragments() keeps the order and the first asker", () => {
  const merged = mergeFragments([
    parseFragment("CONFIG_A=y\nCONFIG_B=n\n", "a.config"),
    parseFragment("# CONFIG_B is not set\nCONFIG_C=0x0A\n", "b.config"),
    parseFragment("CONFIG_C=0xa\n", "c.config"),
  ]);
  assert.deepEqual(merged.lines.map(({ option, file }) => [option, file]), [
    ["CONFIG_A", "a.config"],
    ["CONFIG_B", "a.config"],
    ["CONFIG_C", "b.config"],
  ]);
  assert.deepEqual(merged.notices, []);
});

Deno.test("mergeFragments() shows both lines when fragments contradict", () => {
  const a = parseFragment("\nCONFIG_A=y\n", "a.config");
  const b = parseFragment("# CONFIG_A is not set\n", "b.config");
  assert.throws(() => mergeFragments([a, b]), (error) => {
    assert.ok(error instanceof ContradictionError);
    assert.deepEqual([error.option, error.first, error.second], ["CONFIG_A", a[0], b[0]]);
    assert.match(error.message, /a\.config:2: CONFIG_A=y/);
    assert.match(error.message, /b\.config:1: # CONFIG_A is not set/);
    return true;
  });
});

Deno.test("mergeFragments() lets --kconfig-add win with a notice", () => {
  const fragment = parseFragment("CONFIG_A=y\nCONFIG_B=y\n", "a.config");
  const adds = [parseKconfigAdd("CONFIG_A=n", 1), parseKconfigAdd("CONFIG_B=y", 2)];
  const merged = mergeFragments([fragment], adds);
  assert.deepEqual(merged.lines, [adds[0], fragment[1]]);
  assert.deepEqual(merged.notices, [
    { option: "CONFIG_A", replaced: fragment[0], by: adds[0] },
  ]);
  assert.equal(
    formatAddNotice(merged.notices[0]!),
    "--kconfig-add CONFIG_A=n replaces CONFIG_A=y of a.config:1",
  );
  assert.throws(
    () =>
      mergeFragments([fragment], [parseKconfigAdd("CONFIG_A=n"), parseKconfigAdd("CONFIG_A=y")]),
    ContradictionError,
  );
});

Deno.test("renderFragment() writes what parseFragment() reads", () => {
  const merged = mergeFragments([parseFragment(BASE, "base.config")], [
    parseKconfigAdd("CONFIG_NR_CPUS=2"),
  ]);
  const text = renderFragment(merged);
  assert.deepEqual(
    parseFragment(text, "again").map(({ option, value }) => [option, value]),
    merged.lines.map(({ option, value }) => [option, value]),
  );
  assert.ok(text.startsWith("#\n# base.config\n#\nCONFIG_64BIT=y\n# CONFIG_VT is not set\n"));
  assert.equal(renderFragment({ lines: [], notices: [] }), "");
});

Deno.test("overlayDotConfig() sets each option only once", () => {
  const merged = mergeFragments([parseFragment("CONFIG_A=y\n# CONFIG_B is not set\n", "f")]);
  const text = overlayDotConfig("# Linux\n# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=y\n", merged);
  assert.equal(
    text,
    "# Linux\nCONFIG_C=y\n#\n# f\n#\nCONFIG_A=y\n# CONFIG_B is not set\n",
  );
});

Deno.test("parseDotConfig() reads what make writes", () => {
  assert.deepEqual(
    [...parseDotConfig(
      '#\n# Automatically generated file; DO NOT EDIT.\n#\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_S=""\n# end of x\n',
    )],
    [["CONFIG_A", "y"], ["CONFIG_B", "n"], ["CONFIG_S", '""']],
  );
});

Deno.test("findDropped() reports what is missing or different, and takes absence for n", () => {
  const merged = mergeFragments([parseFragment(
    [
      "CONFIG_Y=y",
      "CONFIG_GONE=y",
      "CONFIG_OFF=n",
      "CONFIG_NOT=n",
      "CONFIG_STILL_ON=n",
      "CONFIG_MODULE=m",
      "CONFIG_HEX=0x0AB",
      "CONFIG_BARE_HEX=80",
      "CONFIG_INT=80",
      'CONFIG_S="a"',
      "CONFIG_BECAME_N=y",
    ].join("\n"),
    "f",
  )]);
  const dropped = findDropped(
    merged,
    parseDotConfig(
      [
        "CONFIG_Y=y",
        "# CONFIG_NOT is not set",
        "CONFIG_STILL_ON=y",
        "CONFIG_MODULE=y",
        "CONFIG_HEX=0xab",
        "CONFIG_BARE_HEX=0x80",
        "CONFIG_INT=64",
        'CONFIG_S="b"',
        "# CONFIG_BECAME_N is not set",
      ].join("\n"),
    ),
  );
  assert.deepEqual(dropped.map(({ request, found }) => [request.option, found]), [
    ["CONFIG_GONE", undefined],
    ["CONFIG_STILL_ON", "y"],
    ["CONFIG_MODULE", "y"],
    ["CONFIG_INT", "64"],
    ["CONFIG_S", '"b"'],
    ["CONFIG_BECAME_N", "n"],
  ]);
});

Deno.test("sameValue() compares within one notation", () => {
  assert.ok(sameValue("0xFF", "0x0ff"));
  assert.ok(!sameValue("16", "0x10"));
  assert.ok(!sameValue("y", "m"));
  assert.ok(sameValue('"a\\b"', '"ab"'));
  assert.ok(!sameValue('"1"', "1"));
});

Deno.test("unquote() takes off quotes and backslashes", () => {
  assert.equal(unquote('"a \\"b\\" \\\\ c"'), 'a "b" \\ c');
  assert.equal(unquote("y"), "y");
});

Deno.test("parseFragment() never throws anything but its own errors", () => {
  const pieces = [
    "CONFIG_A",
    "=",
    "y",
    '"',
    "\\",
    " ",
    "#",
    "is not set",
    "0x",
    "\t",
    "é",
    "-",
    "\n",
  ];
  let state = 1;
  for (let round = 0; round < 5000; round++) {
    let text = "";
    for (let length = 0; length < 8; length++) {
      state = (state * 48271) % 2147483647;
      text += pieces[state % pieces.length];
    }
    try {
      for (const line of parseFragment(text, "f")) assert.match(line.option, /^CONFIG_/);
    } catch (error) {
      assert.ok(
        error instanceof FragmentError || error instanceof ContradictionError,
        `${JSON.stringify(text)}: ${error}`,
      );
      if (error instanceof FragmentError) assert.ok(error.column <= error.text.length + 1);
    }
  }
});
