// SPDX-License-Identifier: MIT
/** The files of a fake project (fake_project.ts): its matrix, and a kernel tree of two C files. */

/** The project and the kernel tree, by path below the temporary folder. */
export function projectFiles(dir: string): Record<string, string> {
  return {
    "project/matrix.yaml": `toolchains:
  clang-22: { llvm: "-22" }
machines:
  uni: { cpus: 1, memoryMiB: 256 }
  smp4: { cpus: 4, memoryMiB: 512 }
configs:
  nokcov: { fragments: [base] }
  kcov: { fragments: [base, kcov], requires: [trace-pc] }
product:
  - { kernels: [fake], configs: [nokcov] }
  - { kernels: [fake], configs: [kcov], machines: [uni, smp4] }
expect:
  fake/nokcov: skip
`,
    "project/kernels/fake/kernel.yaml": `source: { tree: ${dir}/tree }\n`,
    "project/configs/guest.config": "CONFIG_PRINTK=y\n",
    "project/configs/base.config": "CONFIG_PRINTK=y\n",
    "project/configs/kcov.config": "CONFIG_KCOV=y\n",
    "tree/kernel/fork.c": "int fork;\n",
    "tree/kernel/Kconfig": "config FAKE\n\tdefalt y\n",
    "tree/kernel/kcov.c": "int kcov;\n",
    "tree/Makefile": `VERSION = 6
PATCHLEVEL = 12
SUBLEVEL = 99

CC = clang$(LLVM)
LD = ld.lld$(LLVM)
OBJECTS = $(O)/kernel/fork.o $(O)/kernel/kcov.o

tinyconfig:
	@printf '%s\\n' CONFIG_64BIT=y CONFIG_PVH=y '# CONFIG_PRINTK is not set' > $(O)/.config

# Leaves out what cannot be set, and touches what objects depend on only where something changed.
olddefconfig:
	@if [ -e ${dir}/switches/bad-kconfig ]; then \\
	  printf '%s\\n' 'kernel/Kconfig:2: syntax error' 'kernel/Kconfig:2: unknown statement "defalt"' >&2; \\
	  exit 1; fi
	@if [ -e ${dir}/switches/drop-option ]; then sed -i /KCOV/d $(O)/.config; fi
	@cmp -s $(O)/.config $(O)/auto.conf || cp $(O)/.config $(O)/auto.conf

scripts_gdb:
	@touch $(O)/vmlinux-gdb.py

vmlinux: $(O)/vmlinux

$(O)/vmlinux: $(OBJECTS)
	@set -e; echo '  LD      vmlinux'; $(LD) -o $@ $(OBJECTS)

$(O)/%.o: %.c $(O)/auto.conf
	@set -e; mkdir -p $(@D); echo '  CC      $*.o'; $(CC) -c -o $@ $(CURDIR)/$<; \\
	echo "deps: $(CURDIR)/$<" > $(@D)/.$(@F).cmd
`,
  };
}
