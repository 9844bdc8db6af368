// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { sourceLines } from "./build_products.ts";

const line = (name: string, target = "") => `${name} 12 1700000000.5 1700000000.5 77 ${target}\n`;
const kept = (...names: readonly string[]) =>
  sourceLines(names.map((name) => line(name)).join("")).split("\n").filter(Boolean)
    .map((one) => one.replace(/ 12 .*$/, ""));

Deno.test("sourceLines() keeps source files, however close their names come", () => {
  const source = [
    ...["Makefile", ".gitignore", ".clang-format", "kernel/kcov.c", "include/linux/kcov.h"],
    ...[
      "arch/x86/configs/x86_64_defconfig",
      "arch/x86/kernel/vmlinux.lds.S",
      "arch/x86/lib/memcpy_64.S",
    ],
    ...["scripts/mod/modpost.c", "scripts/mod/devicetable-offsets.c", "usr/include/Makefile"],
    ...["kernel/configs/debug.config", "include/uapi/linux/kcov.h", "drivers/generated/x.c"],
    ...[
      "fs/ext4/.kunitconfig",
      "certs/default_x509.genkey",
      "certs/signing_key.c",
      "kernel/module/main.c",
    ],
    ...[
      "Documentation/admin-guide/sysctl/vm.rst",
      "tools/include/generated/x.h",
      "with blank/a b.c",
    ],
    ...["drivers/net/own.patch", "notes.txt", "kernel/modules.c", "include/config.h", "a/tags"],
    ...[
      "firmware/blob.o_shipped",
      "scripts/dtc/fdt.c",
      "lib/raid6/int.uc",
      "my.config",
      "kernel/x.c.orig",
    ],
  ];
  assert.deepEqual(kept(...source), source);
});

Deno.test("sourceLines() leaves out what a build makes, recorded or not", () => {
  const made = [
    ...[
      ".config",
      ".config.old",
      ".version",
      "vmlinux",
      "vmlinux.o",
      ".vmlinux.cmd",
      "vmlinux.unstripped",
    ],
    ...[
      "System.map",
      "Module.symvers",
      "modules.order",
      "modules.builtin",
      "modules.builtin.modinfo",
    ],
    ...[
      "include/config/auto.conf",
      "include/generated/autoconf.h",
      "arch/x86/include/generated/asm/x.h",
    ],
    ...[
      "kernel/kcov.o",
      "kernel/.kcov.o.cmd",
      "kernel/.kcov.o.d",
      "fs/xfs/xfs.ko",
      "fs/xfs/xfs.mod.c",
    ],
    ...[
      "fs/xfs/xfs.mod",
      "kernel/built-in.a",
      "scripts/kconfig/lexer.lex.c",
      "scripts/kconfig/parser.tab.h",
    ],
    ...["crypto/rsapubkey.asn1.c", "scripts/mod/devicetable-offsets.h", "scripts/mod/elfconfig.h"],
    ...[
      "certs/signing_key.pem",
      "certs/x509.genkey",
      "usr/include/linux/kcov.h",
      "kernel/bounds.s",
    ],
    ...[
      ".tmp_vmlinux1",
      ".tmp_versions/x.mod",
      "drivers/x.dtbo",
      "lib/x.gcno",
      "tags",
      "cscope.out",
      "init/utsversion-tmp.h",
      "arch/x86/lib/inat-tables.c",
      "tools/objtool/objtool",
    ],
  ];
  assert.deepEqual(kept(...made), []);
  // Programs and headers of any name, by kbuild's records.
  assert.deepEqual(
    kept(
      ...["scripts/basic/fixdep", "scripts/basic/.fixdep.cmd", "scripts/basic/fixdep.c"],
      ...["lib/crc32table.h", "lib/.crc32table.h.cmd", "crc32table.h", "kernel/config_data.gz"],
      ...["kernel/.config_data.gz.cmd", "arch/x86/boot/bzImage", "arch/x86/boot/.bzImage.cmd"],
    ),
    ["scripts/basic/fixdep.c", "crc32table.h"],
  );
});

Deno.test("sourceLines() keeps lines as they are, and no other words", () => {
  const list = line("arch/x86/a b.c") + line("scripts/dtc/include-prefixes/x", "../../../x") +
    "rest\n";
  assert.equal(sourceLines(list), list.replace("rest\n", ""));
  assert.equal(sourceLines(""), "");
});
