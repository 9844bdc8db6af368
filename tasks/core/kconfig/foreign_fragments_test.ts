// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { type Explanation, formatExplanation } from "./explanation.ts";
import { parseFragment } from "./fragment.ts";
import { findDropped, parseDotConfig } from "./kconfig.ts";
import { nearestNames } from "./near_names.ts";
import { originsOf } from "./origins.ts";
import { definitionsArgv, parseDefinitions, parseSymbolDump } from "./symbol_dump.ts";
import { explainDropped } from "./why_dropped.ts";
import { withTempDir } from "../../testing/temp_dir.ts";

/*
 * Fragments that were written for another kernel or in another notation. The dumps are what
 * symbol_dump printed for tinyconfig and a fragment, x86, clang 22; of each only what is needed.
 */

/** Linux 6.12.117. */
const LINUX_6_12 = String
  .raw`{"symbolDump":1,"settled":true,"kernelVersion":"6.12.117","compiler":"clang-22","compilerVersion":"Debian clang version 22.1.8 (1~deb12u1)"}
{"names":["KCOV","KASAN","MITIGATION_RETPOLINE","MITIGATION_PAGE_TABLE_ISOLATION","SLUB"]}
{"symbol":"ARM64_VA_BITS_48","defined":false}
{"symbol":"RETPOLINE","defined":false}
{"symbol":"LOG_BUF_SHIFT","defined":true,"type":"int","value":"17","written":true,"visible":"y","definitions":[{"source":"config LOG_BUF_SHIFT\n\tint \"Kernel log buffer size (16 => 64KB, 17 => 128KB)\"\n\trange 12 25\n\tdefault 17\n\tdepends on PRINTK","file":"init/Kconfig","line":765}],"prompts":[{"text":"Kernel log buffer size (16 => 64KB, 17 => 128KB)","file":"init/Kconfig","line":766,"value":"y","condition":{"op":"symbol","name":"PRINTK","value":"y"}}],"dependsValue":"y","depends":{"op":"symbol","name":"PRINTK","value":"y"},"defaults":[{"active":"y","file":"init/Kconfig","line":768,"default":{"op":"const","value":"17"},"condition":{"op":"symbol","name":"PRINTK","value":"y"}}],"ranges":[{"active":"y","low":{"op":"const","value":"12"},"high":{"op":"const","value":"25"},"file":"init/Kconfig","line":767}],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"TMPFS","defined":true,"type":"bool","value":"n","written":true,"visible":"y","definitions":[{"source":"config TMPFS\n\tbool \"Tmpfs virtual memory file system support (former shm fs)\"\n\tdepends on SHMEM\n\tselect MEMFD_CREATE","file":"fs/Kconfig","line":175}],"prompts":[{"text":"Tmpfs virtual memory file system support (former shm fs)","file":"fs/Kconfig","line":176,"value":"y","condition":{"op":"symbol","name":"SHMEM","value":"y"}}],"dependsValue":"y","depends":{"op":"symbol","name":"SHMEM","value":"y"},"defaults":[],"ranges":[],"selectedBy":[{"value":"n","by":"DRM_I915"},{"value":"n","by":"DRM_XE"},{"value":"n","by":"DRM_MSM"},{"value":"n","by":"DRM_ETNAVIV"}],"impliedBy":[],"choice":null}
{"symbol":"SHMEM","defined":true,"type":"bool","value":"y","written":true,"visible":"y","definitions":[{"source":"config SHMEM\n\tbool \"Use full shmem filesystem\" if EXPERT\n\tdefault y\n\tdepends on MMU","file":"init/Kconfig","line":1726}],"prompts":[{"text":"Use full shmem filesystem","file":"init/Kconfig","line":1727,"value":"y","condition":{"op":"and","value":"y","args":[{"op":"symbol","name":"MMU","value":"y"},{"op":"symbol","name":"EXPERT","value":"y"}]}}],"dependsValue":"y","depends":{"op":"symbol","name":"MMU","value":"y"},"defaults":[{"active":"y","file":"init/Kconfig","line":1728,"default":{"op":"const","value":"y"},"condition":{"op":"symbol","name":"MMU","value":"y"}}],"ranges":[],"selectedBy":[{"value":"n","by":"DRM_I915"},{"value":"n","by":"DRM_XE"},{"value":"n","by":"DRM_MSM"},{"value":"n","by":"DRM_ETNAVIV"}],"impliedBy":[],"choice":null}
{"symbol":"PPC64","defined":false,"type":"unknown","value":"n","written":false,"visible":"n","definitions":[],"prompts":[],"dependsValue":"y","depends":null,"defaults":[],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"MITIGATION_RETPOLINE","defined":true,"type":"bool","value":"n","written":false,"visible":"n","definitions":[{"source":"config MITIGATION_RETPOLINE\n\tbool \"Avoid speculative indirect branches in kernel\"\n\tselect OBJTOOL if HAVE_OBJTOOL\n\tdefault y","file":"arch/x86/Kconfig","line":2526}],"prompts":[{"text":"Avoid speculative indirect branches in kernel","file":"arch/x86/Kconfig","line":2527,"value":"n","condition":{"op":"symbol","name":"CPU_MITIGATIONS","value":"n"}}],"dependsValue":"n","depends":{"op":"symbol","name":"CPU_MITIGATIONS","value":"n"},"defaults":[{"active":"n","file":"arch/x86/Kconfig","line":2529,"default":{"op":"const","value":"y"},"condition":{"op":"symbol","name":"CPU_MITIGATIONS","value":"n"}}],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"DEFAULT_INIT","defined":true,"type":"string","value":"","written":true,"visible":"y","definitions":[{"source":"config DEFAULT_INIT\n\tstring \"Default init path\"\n\tdefault \"\"","file":"init/Kconfig","line":402}],"prompts":[{"text":"Default init path","file":"init/Kconfig","line":403,"value":"y","condition":null}],"dependsValue":"y","depends":null,"defaults":[{"active":"y","file":"init/Kconfig","line":404,"default":{"op":"const","value":""},"condition":null}],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"CPU_MITIGATIONS","defined":true,"type":"bool","value":"n","written":true,"visible":"y","definitions":[{"source":"menuconfig CPU_MITIGATIONS\n\tbool \"Mitigations for CPU vulnerabilities\"\n\tdefault y","file":"arch/x86/Kconfig","line":2499},{"source":"config CPU_MITIGATIONS\n\tdef_bool y","file":"arch/Kconfig","line":16}],"prompts":[{"text":"Mitigations for CPU vulnerabilities","file":"arch/x86/Kconfig","line":2500,"value":"y","condition":null}],"dependsValue":"n","depends":{"op":"not","value":"n","args":[{"op":"symbol","name":"ARCH_CONFIGURES_CPU_MITIGATIONS","value":"y"}]},"defaults":[{"active":"y","file":"arch/x86/Kconfig","line":2501,"default":{"op":"const","value":"y"},"condition":null},{"active":"n","file":"arch/Kconfig","line":17,"default":{"op":"const","value":"y"},"condition":{"op":"not","value":"n","args":[{"op":"symbol","name":"ARCH_CONFIGURES_CPU_MITIGATIONS","value":"y"}]}}],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"end":8}
`;

/** Linux 6.1.192, whose parser has a symbol for each choice. */
const LINUX_6_1 = String
  .raw`{"symbolDump":1,"settled":true,"kernelVersion":"6.1.192","compiler":"clang-22","compilerVersion":"Debian clang version 22.1.8 (1~deb12u1)"}
{"names":["KERNEL_GZIP","KERNEL_XZ"]}
{"symbol":"KERNEL_GZIP","defined":true,"type":"bool","value":"n","written":true,"visible":"y","definitions":[{"source":"config KERNEL_GZIP\n\tbool \"Gzip\"\n\tdepends on HAVE_KERNEL_GZIP","file":"init/Kconfig","line":276}],"prompts":[{"text":"Gzip","file":"init/Kconfig","line":277,"value":"y","condition":{"op":"and","value":"y","args":[{"op":"or","value":"y","args":[{"op":"symbol","name":"HAVE_KERNEL_GZIP","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_BZIP2","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_LZMA","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_XZ","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_LZO","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_LZ4","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_ZSTD","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_UNCOMPRESSED","value":"n"}]},{"op":"symbol","name":"HAVE_KERNEL_GZIP","value":"y"}]}}],"dependsValue":"y","depends":{"op":"and","value":"y","args":[{"op":"or","value":"y","args":[{"op":"symbol","name":"HAVE_KERNEL_GZIP","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_BZIP2","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_LZMA","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_XZ","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_LZO","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_LZ4","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_ZSTD","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_UNCOMPRESSED","value":"n"}]},{"op":"symbol","name":"HAVE_KERNEL_GZIP","value":"y"}]},"defaults":[],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":{"prompt":"Kernel compression mode","file":"init/Kconfig","line":254,"members":[{"name":"KERNEL_GZIP","value":"n","visible":"y"},{"name":"KERNEL_BZIP2","value":"n","visible":"y"},{"name":"KERNEL_LZMA","value":"n","visible":"y"},{"name":"KERNEL_XZ","value":"y","visible":"y"},{"name":"KERNEL_LZO","value":"n","visible":"y"},{"name":"KERNEL_LZ4","value":"n","visible":"y"},{"name":"KERNEL_ZSTD","value":"n","visible":"y"},{"name":"KERNEL_UNCOMPRESSED","value":"n","visible":"n"}],"winner":"KERNEL_XZ"}}
{"symbol":"KERNEL_XZ","defined":true,"type":"bool","value":"y","written":true,"visible":"y","definitions":[{"source":"config KERNEL_XZ\n\tbool \"XZ\"\n\tdepends on HAVE_KERNEL_XZ","file":"init/Kconfig","line":301}],"prompts":[{"text":"XZ","file":"init/Kconfig","line":302,"value":"y","condition":{"op":"and","value":"y","args":[{"op":"or","value":"y","args":[{"op":"symbol","name":"HAVE_KERNEL_GZIP","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_BZIP2","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_LZMA","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_XZ","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_LZO","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_LZ4","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_ZSTD","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_UNCOMPRESSED","value":"n"}]},{"op":"symbol","name":"HAVE_KERNEL_XZ","value":"y"}]}}],"dependsValue":"y","depends":{"op":"and","value":"y","args":[{"op":"or","value":"y","args":[{"op":"symbol","name":"HAVE_KERNEL_GZIP","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_BZIP2","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_LZMA","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_XZ","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_LZO","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_LZ4","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_ZSTD","value":"y"},{"op":"symbol","name":"HAVE_KERNEL_UNCOMPRESSED","value":"n"}]},{"op":"symbol","name":"HAVE_KERNEL_XZ","value":"y"}]},"defaults":[],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":{"prompt":"Kernel compression mode","file":"init/Kconfig","line":254,"members":[{"name":"KERNEL_GZIP","value":"n","visible":"y"},{"name":"KERNEL_BZIP2","value":"n","visible":"y"},{"name":"KERNEL_LZMA","value":"n","visible":"y"},{"name":"KERNEL_XZ","value":"y","visible":"y"},{"name":"KERNEL_LZO","value":"n","visible":"y"},{"name":"KERNEL_LZ4","value":"n","visible":"y"},{"name":"KERNEL_ZSTD","value":"n","visible":"y"},{"name":"KERNEL_UNCOMPRESSED","value":"n","visible":"n"}],"winner":"KERNEL_XZ"}}
{"end":2}
`;

const TINY = parseDotConfig("# CONFIG_CPU_MITIGATIONS is not set\n");

/** Where a grep over the tree has found what the parser did not read. */
const DEFINITIONS = `./arch/powerpc/platforms/Kconfig.cputype:6:config PPC64
./arch/arm64/Kconfig:1514:config ARM64_VA_BITS_48
./drivers/base/Kconfig.sparc:3:\tmenuconfig\tSUN_ONLY
`;

/** Explains the only request of a fragment that a .config does not meet. */
function explain(dump: string, fragment: string, dotConfig = ""): Explanation {
  const lines = parseFragment(fragment, "configs/x.config");
  const dropped = findDropped({ lines, notices: [] }, parseDotConfig(dotConfig));
  assert.equal(dropped.length, 1, `expected one dropped request in ${fragment}`);
  const parsed = { ...parseSymbolDump(dump), elsewhere: parseDefinitions(DEFINITIONS) };
  return explainDropped(dropped[0]!, parsed, originsOf(lines, TINY));
}

Deno.test("a symbol that is defined twice is judged by its prompt, not by one of its conditions", () => {
  const why = explain(LINUX_6_12, "CONFIG_MITIGATION_RETPOLINE=y\n");
  assert.equal(why.cause, "depends");
  assert.match(why.summary, /unmet dependency, CPU_MITIGATIONS is n$/);
  assert.deepEqual(why.add, ["CONFIG_CPU_MITIGATIONS=y"]);
  assert.deepEqual(why.details.slice(1), ["    CPU_MITIGATIONS=n, left off by tinyconfig"]);
});

Deno.test("an option that another architecture has is told with the file that defines it", () => {
  const arm = explain(LINUX_6_12, "CONFIG_ARM64_VA_BITS_48=y\n");
  assert.equal(arm.cause, "no-such-option");
  assert.match(arm.summary, /it is an option of another architecture \(arm64\)$/);
  assert.deepEqual(arm.details, [
    "  ARM64_VA_BITS_48 is defined in arch/arm64/Kconfig:1514, which this architecture does not read.",
  ]);
  assert.match(explain(LINUX_6_12, "CONFIG_PPC64=y\n").summary, /architecture \(powerpc\)$/);
  assert.match(
    explain(LINUX_6_12, "CONFIG_SUN_ONLY=y\n").summary,
    /no Kconfig file that this architecture reads defines it$/,
  );
});

Deno.test("parseDefinitions() reads what the grep of definitionsArgv() prints", async () => {
  const text = await withTempDir(async (cwd) => {
    await Deno.mkdir(`${cwd}/scripts/kconfig/tests`, { recursive: true });
    await Deno.writeTextFile(`${cwd}/Kconfig.x`, "menuconfig AB\nconfig ABC\n\tconfig\tCD\n");
    await Deno.writeTextFile(`${cwd}/scripts/kconfig/tests/Kconfig`, "config AB\n");
    await Deno.writeTextFile(`${cwd}/x.c`, "config AB\n");
    const [program = "", ...args] = definitionsArgv(["AB", "CD", "EF"]);
    return new TextDecoder().decode(
      (await new Deno.Command(program, { args, cwd }).output()).stdout,
    );
  });
  assert.deepEqual([...parseDefinitions(text)], [
    ["AB", [{ file: "Kconfig.x", line: 1 }]],
    ["CD", [{ file: "Kconfig.x", line: 3 }]],
  ]);
});

Deno.test("a name that got or lost its first word, or is in small letters, is found", () => {
  const names = parseSymbolDump(LINUX_6_12).names;
  assert.deepEqual(nearestNames("RETPOLINE", names), ["MITIGATION_RETPOLINE"]);
  assert.deepEqual(nearestNames("MITIGATION_RETPOLINE", ["RETPOLINE", "LINE"]), ["RETPOLINE"]);
  assert.deepEqual(nearestNames("kcov", names), ["KCOV"]);
  assert.deepEqual(nearestNames("PCI_USB", ["USB"]), []);
  assert.match(
    explain(LINUX_6_12, "CONFIG_PAGE_TABLE_ISOLATION=y\n").details.join(),
    /There is: MITIGATION_PAGE_TABLE_ISOLATION$/,
  );
});

for (
  const [line, found, brief, advice] of [
    ["CONFIG_SHMEM=0", "CONFIG_SHMEM=y", "a bool, not 0", "`# CONFIG_SHMEM is not set`"],
    ['CONFIG_SHMEM="n"', "CONFIG_SHMEM=y", 'a bool, not "n"', "`# CONFIG_SHMEM is not set`"],
    ['CONFIG_TMPFS="y"', "", 'a bool, not "y"', "`CONFIG_TMPFS=y`"],
    ["CONFIG_TMPFS=1", "", "a bool, not 1", "`CONFIG_TMPFS=y`"],
    ["CONFIG_TMPFS=fed", "", "a bool, not fed", "`CONFIG_TMPFS=y`"],
    [
      'CONFIG_LOG_BUF_SHIFT="18"',
      "CONFIG_LOG_BUF_SHIFT=17",
      'an int, which "18" is not',
      "SHIFT=18`",
    ],
    [
      "CONFIG_LOG_BUF_SHIFT=018",
      "CONFIG_LOG_BUF_SHIFT=17",
      "an int, which 018 is not",
      "SHIFT=18`",
    ],
    [
      "CONFIG_LOG_BUF_SHIFT=0x12",
      "CONFIG_LOG_BUF_SHIFT=17",
      "an int, which 0x12 is not",
      "SHIFT=18`",
    ],
    ["CONFIG_LOG_BUF_SHIFT=ff", "CONFIG_LOG_BUF_SHIFT=17", "an int, which ff is not", "SHIFT=17`"],
    [
      "CONFIG_LOG_BUF_SHIFT=n",
      "CONFIG_LOG_BUF_SHIFT=17",
      "an int, which is never off",
      "SHIFT=17`",
    ],
    [
      "# CONFIG_DEFAULT_INIT is not set",
      'CONFIG_DEFAULT_INIT=""',
      "a string, which is never off",
      '`CONFIG_DEFAULT_INIT=""`',
    ],
    [
      "CONFIG_DEFAULT_INIT=y",
      'CONFIG_DEFAULT_INIT=""',
      "needs double quotes",
      '`CONFIG_DEFAULT_INIT="y"`',
    ],
  ] as const
) {
  Deno.test(`a value of another type is told, and what was meant: ${line}`, () => {
    const why = explain(LINUX_6_12, `${line}\n`, `${found}\n`);
    assert.equal(why.cause, "type");
    assert.ok(why.summary.startsWith(`${line} asked by `), why.summary);
    assert.ok(why.summary.includes(brief), why.summary);
    assert.ok(why.advice.join().includes(advice), why.advice.join());
  });
}

Deno.test("a long value is cut in what is said of it", () => {
  const why = explain(LINUX_6_12, `CONFIG_TMPFS="${"x".repeat(5000)}"\n`);
  assert.ok(formatExplanation(why).length < 800, formatExplanation(why));
});

Deno.test("choices of older parsers are explained like those of newer ones", () => {
  const why = explain(
    LINUX_6_1,
    "CONFIG_KERNEL_GZIP=y\nCONFIG_KERNEL_XZ=y\n",
    "# CONFIG_KERNEL_GZIP is not set\nCONFIG_KERNEL_XZ=y\n",
  );
  assert.equal(why.cause, "choice");
  assert.match(why.summary, /KERNEL_XZ is chosen instead$/);
  assert.match(why.details[0]!, /the choice "Kernel compression mode" \(init\/Kconfig:254\)/);
  assert.deepEqual(why.advice, [
    "keep only one of `CONFIG_KERNEL_XZ=y` (configs/x.config:2) and " +
    "`CONFIG_KERNEL_GZIP=y` (configs/x.config:1).",
  ]);
});

/** Symbols of a small Kconfig text, written by hand: BUS=m and ARM are asked for or needed. */
const SMALL = (() => {
  const symbol = (name: string, value: string, more: Record<string, unknown>) => ({
    symbol: name,
    defined: true,
    type: "tristate",
    value,
    written: true,
    visible: "y",
    definitions: [{ file: "Kconfig", line: 1, source: null }],
    prompts: [{ file: "Kconfig", line: 2, text: name, value: "y", condition: null }],
    ...more,
  });
  const is = (name: string, value: string) => ({ op: "symbol", name, value });
  const hidden = (depends: unknown, dependsValue: string) => ({
    depends,
    dependsValue,
    visible: dependsValue,
    prompts: [{ file: "Kconfig", line: 2, text: "", value: dependsValue, condition: depends }],
  });
  const both = { op: "and", value: "n", args: [is("ARM", "n"), is("CLOCK", "n")] };
  return [
    { symbolDump: 1, settled: true, kernelVersion: "7.0.0" },
    { names: ["BUS", "DRIVER", "TEGRA", "CLOCK", "OLD", "NEW"] },
    symbol("BUS", "m", {}),
    symbol("DRIVER", "m", hidden(is("BUS", "m"), "m")),
    symbol("CLOCK", "n", {}),
    symbol("TEGRA", "n", hidden(both, "n")),
    { symbol: "ARM", defined: false, type: "unknown", value: "n" },
    symbol("OLD", "n", { type: "bool", prompts: [], transitional: true, heirs: ["NEW"] }),
    { end: 6 },
  ].map((line) => JSON.stringify(line)).join("\n");
})();

Deno.test("what a fragment keeps at m is to be replaced, not asked for once more", () => {
  const why = explain(SMALL, "CONFIG_BUS=m\nCONFIG_DRIVER=y\n", "CONFIG_BUS=m\nCONFIG_DRIVER=m\n");
  assert.deepEqual(why.details.slice(1), ["    BUS=m, asked by configs/x.config:1"]);
  assert.deepEqual(why.add, []);
  assert.deepEqual(why.advice, ["replace `CONFIG_BUS=m` of configs/x.config:1 by `CONFIG_BUS=y`."]);
});

Deno.test("where one of several dependencies cannot be met, the others are not asked for", () => {
  const why = explain(SMALL, "CONFIG_TEGRA=m\n");
  assert.match(
    why.summary,
    /unmet dependency, ARM is not an option of this kernel and architecture$/,
  );
  assert.deepEqual([why.add, why.advice], [[], []]);
  assert.match(why.instead.join(), /nothing that a fragment can set helps/);
});

Deno.test("an old name that the kernel carries over is told with the new one", () => {
  assert.deepEqual(explain(SMALL, "CONFIG_OLD=y\n").advice, [
    "write `CONFIG_NEW=y` in place of `CONFIG_OLD=y`.",
  ]);
});
