// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { findDropped, parseDotConfig } from "./kconfig.ts";
import { parseFragment } from "./fragment.ts";
import { type Explanation, formatExplanation } from "./explanation.ts";
import { nearestNames } from "./near_names.ts";
import { originsOf } from "./origins.ts";
import { parseSymbolDump } from "./symbol_dump.ts";
import { explainDropped } from "./why_dropped.ts";

/*
 * The dumps are what symbol_dump printed for Linux 6.12.117, x86, clang 22, tinyconfig and a
 * fragment; of each only the symbols of its tests are kept.
 */

/** 64BIT, SYSFS, KCOV and more on; SLUB_TINY as tinyconfig has it. */
const MAIN = String
  .raw`{"symbolDump":1,"settled":true,"kernelVersion":"6.12.117","compiler":"clang-22","compilerVersion":"Debian clang version 22.1.8 (1~deb12u1)"}
{"names":["KCOV","KCOV_ENABLE_COMPARISONS","KCOV_INSTRUMENT_ALL","KCOV_IRQ_AREA_SIZE","KCOV_SELFTEST","KASAN","KCSAN","USB"]}
{"symbol":"KASAN","defined":true,"type":"bool","value":"n","written":false,"visible":"n","definitions":[{"source":"menuconfig KASAN\n\tbool \"KASAN: dynamic memory safety error detector\"\n\tdepends on (((HAVE_ARCH_KASAN && CC_HAS_KASAN_GENERIC) || \\\n\t\t     (HAVE_ARCH_KASAN_SW_TAGS && CC_HAS_KASAN_SW_TAGS)) && \\\n\t\t    CC_HAS_WORKING_NOSANITIZE_ADDRESS) || \\\n\t\t   HAVE_ARCH_KASAN_HW_TAGS\n\tdepends on SYSFS && !SLUB_TINY\n\tselect STACKDEPOT_ALWAYS_INIT","file":"lib/Kconfig.kasan","line":34}],"prompts":[{"text":"KASAN: dynamic memory safety error detector","file":"lib/Kconfig.kasan","line":35,"value":"n","condition":{"op":"and","value":"n","args":[{"op":"or","value":"y","args":[{"op":"and","value":"y","args":[{"op":"or","value":"y","args":[{"op":"and","value":"y","args":[{"op":"symbol","name":"HAVE_ARCH_KASAN","value":"y"},{"op":"symbol","name":"CC_HAS_KASAN_GENERIC","value":"y"}]},{"op":"and","value":"n","args":[{"op":"symbol","name":"HAVE_ARCH_KASAN_SW_TAGS","value":"n"},{"op":"symbol","name":"CC_HAS_KASAN_SW_TAGS","value":"y"}]}]},{"op":"symbol","name":"CC_HAS_WORKING_NOSANITIZE_ADDRESS","value":"y"}]},{"op":"symbol","name":"HAVE_ARCH_KASAN_HW_TAGS","value":"n"}]},{"op":"symbol","name":"SYSFS","value":"y"},{"op":"not","value":"n","args":[{"op":"symbol","name":"SLUB_TINY","value":"y"}]}]}}],"dependsValue":"n","depends":{"op":"and","value":"n","args":[{"op":"or","value":"y","args":[{"op":"and","value":"y","args":[{"op":"or","value":"y","args":[{"op":"and","value":"y","args":[{"op":"symbol","name":"HAVE_ARCH_KASAN","value":"y"},{"op":"symbol","name":"CC_HAS_KASAN_GENERIC","value":"y"}]},{"op":"and","value":"n","args":[{"op":"symbol","name":"HAVE_ARCH_KASAN_SW_TAGS","value":"n"},{"op":"symbol","name":"CC_HAS_KASAN_SW_TAGS","value":"y"}]}]},{"op":"symbol","name":"CC_HAS_WORKING_NOSANITIZE_ADDRESS","value":"y"}]},{"op":"symbol","name":"HAVE_ARCH_KASAN_HW_TAGS","value":"n"}]},{"op":"symbol","name":"SYSFS","value":"y"},{"op":"not","value":"n","args":[{"op":"symbol","name":"SLUB_TINY","value":"y"}]}]},"defaults":[],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"SLUB_TINY","defined":true,"type":"bool","value":"y","written":true,"visible":"y","definitions":[{"source":"config SLUB_TINY\n\tbool \"Configure for minimal memory footprint\"\n\tdepends on EXPERT && !COMPILE_TEST\n\tselect SLAB_MERGE_DEFAULT","file":"mm/Kconfig","line":245}],"prompts":[{"text":"Configure for minimal memory footprint","file":"mm/Kconfig","line":246,"value":"y","condition":{"op":"and","value":"y","args":[{"op":"symbol","name":"EXPERT","value":"y"},{"op":"not","value":"y","args":[{"op":"symbol","name":"COMPILE_TEST","value":"n"}]}]}}],"dependsValue":"y","depends":{"op":"and","value":"y","args":[{"op":"symbol","name":"EXPERT","value":"y"},{"op":"not","value":"y","args":[{"op":"symbol","name":"COMPILE_TEST","value":"n"}]}]},"defaults":[],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"SYSFS","defined":true,"type":"bool","value":"y","written":true,"visible":"y","definitions":[{"source":"config SYSFS\n\tbool \"sysfs file system support\" if EXPERT\n\tdefault y\n\tselect KERNFS","file":"fs/sysfs/Kconfig","line":2}],"prompts":[{"text":"sysfs file system support","file":"fs/sysfs/Kconfig","line":3,"value":"y","condition":{"op":"symbol","name":"EXPERT","value":"y"}}],"dependsValue":"y","depends":null,"defaults":[{"active":"y","file":"fs/sysfs/Kconfig","line":4,"default":{"op":"const","value":"y"},"condition":null}],"ranges":[],"selectedBy":[{"value":"n","by":"CONFIGFS_FS"}],"impliedBy":[],"choice":null}
{"symbol":"KCOV","defined":true,"type":"bool","value":"y","written":true,"visible":"y","definitions":[{"source":"config KCOV\n\tbool \"Code coverage for fuzzing\"\n\tdepends on ARCH_HAS_KCOV\n\tdepends on CC_HAS_SANCOV_TRACE_PC || GCC_PLUGINS\n\tdepends on !ARCH_WANTS_NO_INSTR || HAVE_NOINSTR_HACK || \\\n\t\t   GCC_VERSION >= 120000 || CC_IS_CLANG\n\tselect DEBUG_FS\n\tselect GCC_PLUGIN_SANCOV if !CC_HAS_SANCOV_TRACE_PC\n\tselect OBJTOOL if HAVE_NOINSTR_HACK","file":"lib/Kconfig.debug","line":2109}],"prompts":[{"text":"Code coverage for fuzzing","file":"lib/Kconfig.debug","line":2110,"value":"y","condition":{"op":"and","value":"y","args":[{"op":"symbol","name":"ARCH_HAS_KCOV","value":"y"},{"op":"or","value":"y","args":[{"op":"symbol","name":"CC_HAS_SANCOV_TRACE_PC","value":"y"},{"op":"symbol","name":"GCC_PLUGINS","value":"n"}]},{"op":"or","value":"y","args":[{"op":"not","value":"n","args":[{"op":"symbol","name":"ARCH_WANTS_NO_INSTR","value":"y"}]},{"op":"symbol","name":"HAVE_NOINSTR_HACK","value":"y"},{"op":">=","value":"n","left":{"op":"symbol","name":"GCC_VERSION","value":"0"},"right":{"op":"const","value":"120000"}},{"op":"symbol","name":"CC_IS_CLANG","value":"y"}]}]}}],"dependsValue":"y","depends":{"op":"and","value":"y","args":[{"op":"symbol","name":"ARCH_HAS_KCOV","value":"y"},{"op":"or","value":"y","args":[{"op":"symbol","name":"CC_HAS_SANCOV_TRACE_PC","value":"y"},{"op":"symbol","name":"GCC_PLUGINS","value":"n"}]},{"op":"or","value":"y","args":[{"op":"not","value":"n","args":[{"op":"symbol","name":"ARCH_WANTS_NO_INSTR","value":"y"}]},{"op":"symbol","name":"HAVE_NOINSTR_HACK","value":"y"},{"op":">=","value":"n","left":{"op":"symbol","name":"GCC_VERSION","value":"0"},"right":{"op":"const","value":"120000"}},{"op":"symbol","name":"CC_IS_CLANG","value":"y"}]}]},"defaults":[],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"DEBUG_FS","defined":true,"type":"bool","value":"y","written":true,"visible":"y","definitions":[{"source":"config DEBUG_FS\n\tbool \"Debug Filesystem\"","file":"lib/Kconfig.debug","line":653}],"prompts":[{"text":"Debug Filesystem","file":"lib/Kconfig.debug","line":654,"value":"y","condition":null}],"dependsValue":"y","depends":null,"defaults":[],"ranges":[],"selectedBy":[{"value":"n","by":"ZSMALLOC_STAT"},{"value":"n","by":"VCAP_KUNIT_TEST"},{"value":"n","by":"GPIO_VIRTUSER"},{"value":"n","by":"DRM_I915_DEBUG"},{"value":"n","by":"EDAC_DEBUG"},{"value":"n","by":"XFS_ONLINE_SCRUB_STATS"},{"value":"n","by":"SUNRPC_DEBUG"},{"value":"n","by":"PAGE_OWNER"},{"value":"n","by":"DEBUG_KMEMLEAK"},{"value":"n","by":"DEBUG_CLOSURES"},{"value":"n","by":"BLK_DEV_IO_TRACE"},{"value":"n","by":"PUNIT_ATOM_DEBUG"},{"value":"n","by":"NOTIFIER_ERROR_INJECTION"},{"value":"n","by":"FAIL_FUTEX"},{"value":"y","by":"KCOV","condition":{"op":"and","value":"y","args":[{"op":"symbol","name":"KCOV","value":"y"},{"op":"symbol","name":"ARCH_HAS_KCOV","value":"y"},{"op":"or","value":"y","args":[{"op":"symbol","name":"CC_HAS_SANCOV_TRACE_PC","value":"y"},{"op":"symbol","name":"GCC_PLUGINS","value":"n"}]},{"op":"or","value":"y","args":[{"op":"not","value":"n","args":[{"op":"symbol","name":"ARCH_WANTS_NO_INSTR","value":"y"}]},{"op":"symbol","name":"HAVE_NOINSTR_HACK","value":"y"},{"op":">=","value":"n","left":{"op":"symbol","name":"GCC_VERSION","value":"0"},"right":{"op":"const","value":"120000"}},{"op":"symbol","name":"CC_IS_CLANG","value":"y"}]}]}}],"impliedBy":[],"choice":null}
{"symbol":"MICROCODE","defined":true,"type":"bool","value":"y","written":true,"visible":"n","definitions":[{"source":"config MICROCODE\n\tdef_bool y\n\tdepends on CPU_SUP_AMD || CPU_SUP_INTEL\n\tselect CRYPTO_LIB_SHA256 if CPU_SUP_AMD","file":"arch/x86/Kconfig","line":1334}],"prompts":[],"dependsValue":"y","depends":{"op":"or","value":"y","args":[{"op":"symbol","name":"CPU_SUP_AMD","value":"y"},{"op":"symbol","name":"CPU_SUP_INTEL","value":"y"}]},"defaults":[{"active":"y","file":"arch/x86/Kconfig","line":1335,"default":{"op":"const","value":"y"},"condition":{"op":"or","value":"y","args":[{"op":"symbol","name":"CPU_SUP_AMD","value":"y"},{"op":"symbol","name":"CPU_SUP_INTEL","value":"y"}]}}],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"CPU_SUP_AMD","defined":true,"type":"bool","value":"y","written":true,"visible":"n","definitions":[{"source":"config CPU_SUP_AMD\n\tdefault y\n\tbool \"Support AMD processors\" if PROCESSOR_SELECT","file":"arch/x86/Kconfig.cpu","line":431}],"prompts":[{"text":"Support AMD processors","file":"arch/x86/Kconfig.cpu","line":433,"value":"n","condition":{"op":"symbol","name":"PROCESSOR_SELECT","value":"n"}}],"dependsValue":"y","depends":null,"defaults":[{"active":"y","file":"arch/x86/Kconfig.cpu","line":432,"default":{"op":"const","value":"y"},"condition":null}],"ranges":[],"selectedBy":[{"value":"y","by":"CPU_SUP_HYGON","condition":{"op":"symbol","name":"CPU_SUP_HYGON","value":"y"}}],"impliedBy":[],"choice":null}
{"symbol":"CPU_SUP_INTEL","defined":true,"type":"bool","value":"y","written":true,"visible":"n","definitions":[{"source":"config CPU_SUP_INTEL\n\tdefault y\n\tbool \"Support Intel processors\" if PROCESSOR_SELECT","file":"arch/x86/Kconfig.cpu","line":404}],"prompts":[{"text":"Support Intel processors","file":"arch/x86/Kconfig.cpu","line":406,"value":"n","condition":{"op":"symbol","name":"PROCESSOR_SELECT","value":"n"}}],"dependsValue":"y","depends":null,"defaults":[{"active":"y","file":"arch/x86/Kconfig.cpu","line":405,"default":{"op":"const","value":"y"},"condition":null}],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"CPU_SUP_HYGON","defined":true,"type":"bool","value":"y","written":true,"visible":"n","definitions":[{"source":"config CPU_SUP_HYGON\n\tdefault y\n\tbool \"Support Hygon processors\" if PROCESSOR_SELECT\n\tselect CPU_SUP_AMD","file":"arch/x86/Kconfig.cpu","line":444}],"prompts":[{"text":"Support Hygon processors","file":"arch/x86/Kconfig.cpu","line":446,"value":"n","condition":{"op":"symbol","name":"PROCESSOR_SELECT","value":"n"}}],"dependsValue":"y","depends":null,"defaults":[{"active":"y","file":"arch/x86/Kconfig.cpu","line":445,"default":{"op":"const","value":"y"},"condition":null}],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"PROCESSOR_SELECT","defined":true,"type":"bool","value":"n","written":true,"visible":"y","definitions":[{"source":"menuconfig PROCESSOR_SELECT\n\tbool \"Supported processor vendors\" if EXPERT","file":"arch/x86/Kconfig.cpu","line":398}],"prompts":[{"text":"Supported processor vendors","file":"arch/x86/Kconfig.cpu","line":399,"value":"y","condition":{"op":"symbol","name":"EXPERT","value":"y"}}],"dependsValue":"y","depends":null,"defaults":[],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"KCOV_UNIQUE","defined":false}
{"symbol":"DEBUG_INFO","defined":true,"type":"bool","value":"n","written":false,"visible":"n","definitions":[{"source":"config DEBUG_INFO\n\tbool","file":"lib/Kconfig.debug","line":227}],"prompts":[],"dependsValue":"y","depends":null,"defaults":[],"ranges":[],"selectedBy":[{"value":"n","by":"DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT"},{"value":"n","by":"DEBUG_INFO_DWARF4"},{"value":"n","by":"DEBUG_INFO_DWARF5"}],"impliedBy":[],"choice":null}
{"symbol":"KCOV_IRQ_AREA_SIZE","defined":true,"type":"hex","value":"0x80","written":true,"visible":"y","definitions":[{"source":"config KCOV_IRQ_AREA_SIZE\n\thex \"Size of interrupt coverage collection area in words\"\n\tdepends on KCOV\n\trange 0x80 0x1000000\n\tdefault 0x40000","file":"lib/Kconfig.debug","line":2145}],"prompts":[{"text":"Size of interrupt coverage collection area in words","file":"lib/Kconfig.debug","line":2146,"value":"y","condition":{"op":"symbol","name":"KCOV","value":"y"}}],"dependsValue":"y","depends":{"op":"symbol","name":"KCOV","value":"y"},"defaults":[{"active":"y","file":"lib/Kconfig.debug","line":2149,"default":{"op":"const","value":"0x40000"},"condition":{"op":"symbol","name":"KCOV","value":"y"}}],"ranges":[{"active":"y","low":{"op":"const","value":"0x80"},"high":{"op":"const","value":"0x1000000"},"file":"lib/Kconfig.debug","line":2148}],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"GCC_PLUGINS","defined":true,"type":"bool","value":"n","written":false,"visible":"n","definitions":[{"source":"menuconfig GCC_PLUGINS\n\tbool \"GCC plugins\"\n\tdepends on HAVE_GCC_PLUGINS\n\tdepends on CC_IS_GCC\n\tdepends on $(success,test -e $(shell,$(CC) -print-file-name=plugin)/include/plugin-version.h)\n\tdefault y","file":"scripts/gcc-plugins/Kconfig","line":8}],"prompts":[{"text":"GCC plugins","file":"scripts/gcc-plugins/Kconfig","line":9,"value":"n","condition":{"op":"const","value":"n"}}],"dependsValue":"n","depends":{"op":"const","value":"n"},"defaults":[{"active":"n","file":"scripts/gcc-plugins/Kconfig","line":13,"default":{"op":"const","value":"y"},"condition":{"op":"const","value":"n"}}],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"HAVE_GCC_PLUGINS","defined":true,"type":"bool","value":"y","written":true,"visible":"n","definitions":[{"source":"config HAVE_GCC_PLUGINS\n\tbool","file":"scripts/gcc-plugins/Kconfig","line":2}],"prompts":[],"dependsValue":"y","depends":null,"defaults":[],"ranges":[],"selectedBy":[{"value":"y","by":"X86","condition":{"op":"symbol","name":"X86","value":"y"}}],"impliedBy":[],"choice":null}
{"symbol":"CC_IS_GCC","defined":true,"type":"bool","value":"n","written":false,"visible":"n","definitions":[{"source":"config CC_IS_GCC\n\tdef_bool $(success,test \"$(cc-name)\" = GCC)","file":"init/Kconfig","line":19}],"prompts":[],"dependsValue":"y","depends":null,"defaults":[{"active":"y","file":"init/Kconfig","line":20,"default":{"op":"const","value":"n"},"condition":null}],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"KVM","defined":true,"type":"tristate","value":"n","written":false,"visible":"n","definitions":[{"source":"config KVM\n\ttristate \"Kernel-based Virtual Machine (KVM) support\"\n\tdepends on X86_LOCAL_APIC","file":"arch/x86/kvm/Kconfig","line":50}],"prompts":[{"text":"Kernel-based Virtual Machine (KVM) support","file":"arch/x86/kvm/Kconfig","line":51,"value":"n","condition":{"op":"and","value":"n","args":[{"op":"symbol","name":"VIRTUALIZATION","value":"n"},{"op":"symbol","name":"X86_LOCAL_APIC","value":"y"}]}}],"dependsValue":"n","depends":{"op":"and","value":"n","args":[{"op":"symbol","name":"VIRTUALIZATION","value":"n"},{"op":"symbol","name":"X86_LOCAL_APIC","value":"y"}]},"defaults":[],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"VIRTUALIZATION","defined":true,"type":"bool","value":"n","written":true,"visible":"y","definitions":[{"source":"menuconfig VIRTUALIZATION\n\tbool \"Virtualization\"\n\tdefault y","file":"arch/x86/kvm/Kconfig","line":8}],"prompts":[{"text":"Virtualization","file":"arch/x86/kvm/Kconfig","line":9,"value":"y","condition":null}],"dependsValue":"y","depends":null,"defaults":[{"active":"y","file":"arch/x86/kvm/Kconfig","line":10,"default":{"op":"const","value":"y"},"condition":null}],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"end":18}
`;

/** PREEMPT=y and PREEMPT_NONE=y both asked; no usable Rust toolchain. */
const CHOICE = String
  .raw`{"symbolDump":1,"settled":true,"kernelVersion":"6.12.117","compiler":"clang-22","compilerVersion":"Debian clang version 22.1.8 (1~deb12u1)"}
{"symbol":"PREEMPT","defined":true,"type":"bool","value":"n","written":true,"visible":"y","definitions":[{"source":"config PREEMPT\n\tbool \"Preemptible Kernel (Low-Latency Desktop)\"\n\tdepends on !ARCH_NO_PREEMPT\n\tselect PREEMPT_BUILD","file":"kernel/Kconfig.preempt","line":51}],"prompts":[{"text":"Preemptible Kernel (Low-Latency Desktop)","file":"kernel/Kconfig.preempt","line":52,"value":"y","condition":{"op":"not","value":"y","args":[{"op":"symbol","name":"ARCH_NO_PREEMPT","value":"n"}]}}],"dependsValue":"y","depends":null,"defaults":[],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":{"prompt":"Preemption Model","file":"kernel/Kconfig.preempt","line":14,"members":[{"name":"PREEMPT_NONE","value":"y","visible":"y"},{"name":"PREEMPT_VOLUNTARY","value":"n","visible":"y"},{"name":"PREEMPT","value":"n","visible":"y"},{"name":"PREEMPT_RT","value":"n","visible":"y"}],"winner":"PREEMPT_NONE"}}
{"symbol":"PREEMPT_NONE","defined":true,"type":"bool","value":"y","written":true,"visible":"y","definitions":[{"source":"config PREEMPT_NONE\n\tbool \"No Forced Preemption (Server)\"\n\tselect PREEMPT_NONE_BUILD if !PREEMPT_DYNAMIC","file":"kernel/Kconfig.preempt","line":18}],"prompts":[{"text":"No Forced Preemption (Server)","file":"kernel/Kconfig.preempt","line":19,"value":"y","condition":null}],"dependsValue":"y","depends":null,"defaults":[],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":{"prompt":"Preemption Model","file":"kernel/Kconfig.preempt","line":14,"members":[{"name":"PREEMPT_NONE","value":"y","visible":"y"},{"name":"PREEMPT_VOLUNTARY","value":"n","visible":"y"},{"name":"PREEMPT","value":"n","visible":"y"},{"name":"PREEMPT_RT","value":"n","visible":"y"}],"winner":"PREEMPT_NONE"}}
{"symbol":"RUST_IS_AVAILABLE","defined":true,"type":"bool","value":"n","written":false,"visible":"n","definitions":[{"source":"config RUST_IS_AVAILABLE\n\tdef_bool $(success,$(srctree)/scripts/rust_is_available.sh)","file":"init/Kconfig","line":70}],"prompts":[],"dependsValue":"y","depends":null,"defaults":[{"active":"y","file":"init/Kconfig","line":71,"default":{"op":"const","value":"n"},"condition":null}],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"DEFAULT_HOSTNAME","defined":true,"type":"string","value":"(none)","written":true,"visible":"y","definitions":[{"source":"config DEFAULT_HOSTNAME\n\tstring \"Default hostname\"\n\tdefault \"(none)\"","file":"init/Kconfig","line":412}],"prompts":[{"text":"Default hostname","file":"init/Kconfig","line":413,"value":"y","condition":null}],"dependsValue":"y","depends":null,"defaults":[{"active":"y","file":"init/Kconfig","line":414,"default":{"op":"const","value":"(none)"},"condition":null}],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"NR_CPUS","defined":true,"type":"int","value":"2","written":true,"visible":"y","definitions":[{"source":"config NR_CPUS\n\tint \"Maximum number of CPUs\" if SMP && !MAXSMP\n\trange NR_CPUS_RANGE_BEGIN NR_CPUS_RANGE_END\n\tdefault NR_CPUS_DEFAULT","file":"arch/x86/Kconfig","line":1033}],"prompts":[{"text":"Maximum number of CPUs","file":"arch/x86/Kconfig","line":1034,"value":"y","condition":{"op":"and","value":"y","args":[{"op":"symbol","name":"SMP","value":"y"},{"op":"not","value":"y","args":[{"op":"symbol","name":"MAXSMP","value":"n"}]}]}}],"dependsValue":"y","depends":null,"defaults":[{"active":"y","file":"arch/x86/Kconfig","line":1036,"default":{"op":"symbol","name":"NR_CPUS_DEFAULT","value":"64"},"condition":null}],"ranges":[{"active":"y","low":{"op":"symbol","name":"NR_CPUS_RANGE_BEGIN","value":"2"},"high":{"op":"symbol","name":"NR_CPUS_RANGE_END","value":"512"},"file":"arch/x86/Kconfig","line":1035}],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"ARM64","defined":false,"type":"unknown","value":"n","written":false,"visible":"n","definitions":[],"prompts":[],"dependsValue":"y","depends":null,"defaults":[],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"end":6}
`;

/** MODULES off. */
const NO_MODULES = String
  .raw`{"symbolDump":1,"settled":true,"kernelVersion":"6.12.117","compiler":"clang-22","compilerVersion":"Debian clang version 22.1.8 (1~deb12u1)"}
{"symbol":"MODULES","defined":true,"type":"bool","value":"n","written":true,"visible":"y","definitions":[{"source":"menuconfig MODULES\n\tbool \"Enable loadable module support\"\n\tmodules\n\tselect EXECMEM","file":"kernel/module/Kconfig","line":2}],"prompts":[{"text":"Enable loadable module support","file":"kernel/module/Kconfig","line":3,"value":"y","condition":null}],"dependsValue":"y","depends":null,"defaults":[],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"IPV6","defined":true,"type":"tristate","value":"y","written":true,"visible":"y","definitions":[{"source":"menuconfig IPV6\n\ttristate \"The IPv6 protocol\"\n\tdefault y\n\tselect CRYPTO_LIB_SHA1","file":"net/ipv6/Kconfig","line":7}],"prompts":[{"text":"The IPv6 protocol","file":"net/ipv6/Kconfig","line":8,"value":"y","condition":{"op":"and","value":"y","args":[{"op":"symbol","name":"NET","value":"y"},{"op":"symbol","name":"INET","value":"y"}]}}],"dependsValue":"y","depends":{"op":"and","value":"y","args":[{"op":"symbol","name":"NET","value":"y"},{"op":"symbol","name":"INET","value":"y"}]},"defaults":[{"active":"y","file":"net/ipv6/Kconfig","line":9,"default":{"op":"const","value":"y"},"condition":{"op":"and","value":"y","args":[{"op":"symbol","name":"NET","value":"y"},{"op":"symbol","name":"INET","value":"y"}]}}],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"end":2}
`;

/** 64BIT off. */
const I386 = String
  .raw`{"symbolDump":1,"settled":true,"kernelVersion":"6.12.117","compiler":"clang-22","compilerVersion":"Debian clang version 22.1.8 (1~deb12u1)"}
{"symbol":"KASAN","defined":true,"type":"bool","value":"n","written":false,"visible":"n","definitions":[{"source":"menuconfig KASAN\n\tbool \"KASAN: dynamic memory safety error detector\"\n\tdepends on (((HAVE_ARCH_KASAN && CC_HAS_KASAN_GENERIC) || \\\n\t\t     (HAVE_ARCH_KASAN_SW_TAGS && CC_HAS_KASAN_SW_TAGS)) && \\\n\t\t    CC_HAS_WORKING_NOSANITIZE_ADDRESS) || \\\n\t\t   HAVE_ARCH_KASAN_HW_TAGS\n\tdepends on SYSFS && !SLUB_TINY\n\tselect STACKDEPOT_ALWAYS_INIT","file":"lib/Kconfig.kasan","line":34}],"prompts":[{"text":"KASAN: dynamic memory safety error detector","file":"lib/Kconfig.kasan","line":35,"value":"n","condition":{"op":"and","value":"n","args":[{"op":"or","value":"n","args":[{"op":"and","value":"n","args":[{"op":"or","value":"n","args":[{"op":"and","value":"n","args":[{"op":"symbol","name":"HAVE_ARCH_KASAN","value":"n"},{"op":"symbol","name":"CC_HAS_KASAN_GENERIC","value":"y"}]},{"op":"and","value":"n","args":[{"op":"symbol","name":"HAVE_ARCH_KASAN_SW_TAGS","value":"n"},{"op":"symbol","name":"CC_HAS_KASAN_SW_TAGS","value":"y"}]}]},{"op":"symbol","name":"CC_HAS_WORKING_NOSANITIZE_ADDRESS","value":"y"}]},{"op":"symbol","name":"HAVE_ARCH_KASAN_HW_TAGS","value":"n"}]},{"op":"symbol","name":"SYSFS","value":"y"},{"op":"not","value":"y","args":[{"op":"symbol","name":"SLUB_TINY","value":"n"}]}]}}],"dependsValue":"n","depends":{"op":"and","value":"n","args":[{"op":"or","value":"n","args":[{"op":"and","value":"n","args":[{"op":"or","value":"n","args":[{"op":"and","value":"n","args":[{"op":"symbol","name":"HAVE_ARCH_KASAN","value":"n"},{"op":"symbol","name":"CC_HAS_KASAN_GENERIC","value":"y"}]},{"op":"and","value":"n","args":[{"op":"symbol","name":"HAVE_ARCH_KASAN_SW_TAGS","value":"n"},{"op":"symbol","name":"CC_HAS_KASAN_SW_TAGS","value":"y"}]}]},{"op":"symbol","name":"CC_HAS_WORKING_NOSANITIZE_ADDRESS","value":"y"}]},{"op":"symbol","name":"HAVE_ARCH_KASAN_HW_TAGS","value":"n"}]},{"op":"symbol","name":"SYSFS","value":"y"},{"op":"not","value":"y","args":[{"op":"symbol","name":"SLUB_TINY","value":"n"}]}]},"defaults":[],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"HAVE_ARCH_KASAN","defined":true,"type":"bool","value":"n","written":false,"visible":"n","definitions":[{"source":"config HAVE_ARCH_KASAN\n\tbool","file":"lib/Kconfig.kasan","line":4}],"prompts":[],"dependsValue":"y","depends":null,"defaults":[],"ranges":[],"selectedBy":[{"value":"n","by":"X86","condition":{"op":"and","value":"n","args":[{"op":"symbol","name":"X86","value":"y"},{"op":"symbol","name":"X86_64","value":"n"}]}}],"impliedBy":[],"choice":null}
{"symbol":"X86","defined":true,"type":"bool","value":"y","written":true,"visible":"n","definitions":[{"source":"config X86\n\tdef_bool y\n\tselect ACPI_LEGACY_TABLES_LOOKUP\tif ACPI\n\tselect ACPI_SYSTEM_POWER_STATES_SUPPORT\tif ACPI\n\tselect ACPI_HOTPLUG_CPU\t\t\tif ACPI_PROCESSOR && HOTPLUG_CPU\n\tselect ARCH_32BIT_OFF_T\t\t\tif X86_32\n\tselect ARCH_CLOCKSOURCE_INIT\n\tselect ARCH_CONFIGURES_CPU_MITIGATIONS\n\tselect ARCH_CORRECT_STACKTRACE_ON_KRETPROBE\n\tselect ARCH_ENABLE_HUGEPAGE_MIGRATION if X86_64 && HUGETLB_PAGE && MIGRATION\n\tselect ARCH_ENABLE_MEMORY_HOTPLUG if X86_64\n\tselect ARCH_ENABLE_MEMORY_HOTREMOVE if MEMORY_HOTPLUG\n\tselect ARCH_ENABLE_SPLIT_PMD_PTLOCK if (PGTABLE_LEVELS > 2) && (X86_64 || X86_PAE)\n\tselect ARCH_ENABLE_THP_MIGRATION if X86_64 && TRANSPARENT_HUGEPAGE\n\tselect ARCH_HAS_ACPI_TABLE_UPGRADE\tif ACPI\n\tselect ARCH_HAS_CACHE_LINE_SIZE\n\tselect ARCH_HAS_CPU_CACHE_INVALIDATE_MEMREGION\n\tselect ARCH_HAS_CPU_FINALIZE_INIT\n\tselect ARCH_HAS_CPU_PASID\t\tif IOMMU_SVA\n\tselect ARCH_HAS_CURRENT_STACK_POINTER\n\tselect ARCH_HAS_DEBUG_VIRTUAL\n\tselect ARCH_HAS_DEBUG_VM_PGTABLE\tif !X86_PAE\n\tselect ARCH_HAS_DEVMEM_IS_ALLOWED\n\tselect ARCH_HAS_DMA_OPS\t\t\tif GART_IOMMU || XEN\n\tselect ARCH_HAS_EARLY_DEBUG\t\tif KGDB\n\tselect ARCH_HAS_ELF_RANDOMIZE\n\tselect ARCH_HAS_FAST_MULTIPLIER\n\tselect ARCH_HAS_FORTIFY_SOURCE\n\tselect ARCH_HAS_GCOV_PROFILE_ALL\n\tselect ARCH_HAS_KCOV\t\t\tif X86_64\n\tselect ARCH_HAS_KERNEL_FPU_SUPPORT\n\tselect ARCH_HAS_MEM_ENCRYPT\n\tselect ARCH_HAS_MEMBARRIER_SYNC_CORE\n\tselect ARCH_HAS_NMI_SAFE_THIS_CPU_OPS\n\tselect ARCH_HAS_NON_OVERLAPPING_ADDRESS_SPACE\n\tselect ARCH_HAS_PMEM_API\t\tif X86_64\n\tselect ARCH_HAS_PTDUMP\n\tselect ARCH_HAS_PTE_DEVMAP\t\tif X86_64\n\tselect ARCH_HAS_PTE_SPECIAL\n\tselect ARCH_HAS_HW_PTE_YOUNG\n\tselect ARCH_HAS_NONLEAF_PMD_YOUNG\tif PGTABLE_LEVELS > 2\n\tselect ARCH_HAS_UACCESS_FLUSHCACHE\tif X86_64\n\tselect ARCH_HAS_COPY_MC\t\t\tif X86_64\n\tselect ARCH_HAS_SET_MEMORY\n\tselect ARCH_HAS_SET_DIRECT_MAP\n\tselect ARCH_HAS_STRICT_KERNEL_RWX\n\tselect ARCH_HAS_STRICT_MODULE_RWX\n\tselect ARCH_HAS_SYNC_CORE_BEFORE_USERMODE\n\tselect ARCH_HAS_SYSCALL_WRAPPER\n\tselect ARCH_HAS_UBSAN\n\tselect ARCH_HAS_DEBUG_WX\n\tselect ARCH_HAS_ZONE_DMA_SET if EXPERT\n\tselect ARCH_HAVE_NMI_SAFE_CMPXCHG\n\tselect ARCH_HAVE_EXTRA_ELF_NOTES\n\tselect ARCH_MHP_MEMMAP_ON_MEMORY_ENABLE\n\tselect ARCH_MIGHT_HAVE_ACPI_PDC\t\tif ACPI\n\tselect ARCH_MIGHT_HAVE_PC_PARPORT\n\tselect ARCH_MIGHT_HAVE_PC_SERIO","file":"arch/x86/Kconfig","line":57}],"prompts":[],"dependsValue":"y","depends":null,"defaults":[{"active":"y","file":"arch/x86/Kconfig","line":58,"default":{"op":"const","value":"y"},"condition":null}],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"X86_64","defined":true,"type":"bool","value":"n","written":false,"visible":"n","definitions":[{"source":"config X86_64\n\tdef_bool y\n\tdepends on 64BIT\n\tselect ARCH_HAS_GIGANTIC_PAGE\n\tselect ARCH_SUPPORTS_INT128 if CC_HAS_INT128\n\tselect ARCH_SUPPORTS_PER_VMA_LOCK\n\tselect ARCH_SUPPORTS_HUGE_PFNMAP if TRANSPARENT_HUGEPAGE\n\tselect HAVE_ARCH_SOFT_DIRTY\n\tselect MODULES_USE_ELF_RELA\n\tselect NEED_DMA_MAP_STATE\n\tselect SWIOTLB\n\tselect ARCH_HAS_ELFCORE_COMPAT\n\tselect ZONE_DMA32\n\tselect EXECMEM if DYNAMIC_FTRACE","file":"arch/x86/Kconfig","line":24}],"prompts":[],"dependsValue":"n","depends":{"op":"symbol","name":"64BIT","value":"n"},"defaults":[{"active":"n","file":"arch/x86/Kconfig","line":25,"default":{"op":"const","value":"y"},"condition":{"op":"symbol","name":"64BIT","value":"n"}}],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"64BIT","defined":true,"type":"bool","value":"n","written":true,"visible":"y","definitions":[{"source":"config 64BIT\n\tbool \"64-bit kernel\" if \"$(ARCH)\" = \"x86\"\n\tdefault \"$(ARCH)\" != \"i386\"","file":"arch/x86/Kconfig","line":3}],"prompts":[{"text":"64-bit kernel","file":"arch/x86/Kconfig","line":4,"value":"y","condition":{"op":"=","value":"y","left":{"op":"const","value":"x86"},"right":{"op":"const","value":"x86"}}}],"dependsValue":"y","depends":null,"defaults":[{"active":"y","file":"arch/x86/Kconfig","line":5,"default":{"op":"!=","value":"y","left":{"op":"const","value":"x86"},"right":{"op":"const","value":"i386"}},"condition":null}],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"HAVE_ARCH_KASAN_SW_TAGS","defined":true,"type":"bool","value":"n","written":false,"visible":"n","definitions":[{"source":"config HAVE_ARCH_KASAN_SW_TAGS\n\tbool","file":"lib/Kconfig.kasan","line":7}],"prompts":[],"dependsValue":"y","depends":null,"defaults":[],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"HAVE_ARCH_KASAN_HW_TAGS","defined":true,"type":"bool","value":"n","written":false,"visible":"n","definitions":[{"source":"config HAVE_ARCH_KASAN_HW_TAGS\n\tbool","file":"lib/Kconfig.kasan","line":10}],"prompts":[],"dependsValue":"y","depends":null,"defaults":[],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"end":7}
`;

/** tinyconfig's values, as far as they matter here. */
const TINY = parseDotConfig(
  "CONFIG_SLUB_TINY=y\n# CONFIG_PROCESSOR_SELECT is not set\n# CONFIG_VIRTUALIZATION is not set\n",
);

/** Explains the only request of `fragment` that `dotConfig` does not meet. */
function explain(dump: string, fragment: string, dotConfig = ""): Explanation {
  const lines = parseFragment(fragment, "configs/test.config");
  const dropped = findDropped({ lines, notices: [] }, parseDotConfig(dotConfig));
  assert.equal(dropped.length, 1, `expected one dropped request in ${fragment}`);
  return explainDropped(dropped[0]!, parseSymbolDump(dump), originsOf(lines, TINY));
}

Deno.test("explainDropped() walks to the leaf when a dependency is unmet", () => {
  const why = explain(MAIN, "CONFIG_KASAN=y\n");
  assert.equal(why.cause, "depends");
  assert.equal(
    formatExplanation(why),
    [
      "CONFIG_KASAN=y asked by configs/test.config:1 is not in the final .config (found: absent): " +
      "unmet dependency, SLUB_TINY is y",
      "  KASAN depends on ((HAVE_ARCH_KASAN && CC_HAS_KASAN_GENERIC || HAVE_ARCH_KASAN_SW_TAGS && " +
      "CC_HAS_KASAN_SW_TAGS) && CC_HAS_WORKING_NOSANITIZE_ADDRESS || HAVE_ARCH_KASAN_HW_TAGS) && " +
      "SYSFS && !SLUB_TINY (lib/Kconfig.kasan:34) -- unmet",
      "    !SLUB_TINY: SLUB_TINY=y, set by tinyconfig",
      "  To fix: add `# CONFIG_SLUB_TINY is not set` to a fragment of this config.",
    ].join("\n"),
  );
});

Deno.test("explainDropped() names the line that asked when a fragment keeps a dependency off", () => {
  const why = explain(MAIN, "# CONFIG_VIRTUALIZATION is not set\nCONFIG_KVM=m\n");
  assert.equal(why.cause, "depends");
  assert.ok(why.details.includes("    VIRTUALIZATION=n, asked by configs/test.config:1"));
  assert.deepEqual(why.advice, [
    "replace `# CONFIG_VIRTUALIZATION is not set` of configs/test.config:1 by " +
    "`CONFIG_VIRTUALIZATION=y`.",
  ]);
});

Deno.test("explainDropped() proposes the missing option when nobody asked for a dependency", () => {
  const why = explain(MAIN, "CONFIG_KVM=y\n");
  assert.ok(why.details.includes("    VIRTUALIZATION=n, left off by tinyconfig"));
  assert.deepEqual(why.add, ["CONFIG_VIRTUALIZATION=y"]);
});

Deno.test("explainDropped() follows a select whose condition fails when the symbol has no prompt", () => {
  const why = explain(I386, "# CONFIG_64BIT is not set\nCONFIG_KASAN=y\n");
  const text = formatExplanation(why);
  assert.match(text, /HAVE_ARCH_KASAN=n, which has no prompt \(lib\/Kconfig.kasan:4\)/);
  assert.match(text, /X86 selects it only under X86_64/);
  assert.match(text, /64BIT=n, asked by configs\/test.config:1/);
  assert.match(text, /HAVE_ARCH_KASAN_HW_TAGS=n, .* which nothing selects here/);
  assert.match(why.summary, /unmet dependency, 64BIT is n/);
  assert.deepEqual(why.advice, [
    "replace `# CONFIG_64BIT is not set` of configs/test.config:1 by `CONFIG_64BIT=y`.",
  ]);
});

Deno.test("explainDropped() suggests names when the option does not exist", () => {
  const why = explain(MAIN, "CONFIG_KCOV_UNIQUE=y\n");
  assert.equal(why.cause, "no-such-option");
  assert.match(why.summary, /6\.12\.117 has no such option$/);
  assert.match(why.details.join("\n"), /There is: KCOV, KCOV_ENABLE_COMPARISONS, /);
});

Deno.test("explainDropped() tells an option that is only mentioned from an unknown one", () => {
  assert.match(
    explain(CHOICE, "CONFIG_ARM64=y\n").details.join("\n"),
    /Kconfig files of 6\.12\.117 mention ARM64, but none defines it/,
  );
});

Deno.test("explainDropped() names the selecting option when a request to switch off fails", () => {
  const why = explain(
    MAIN,
    "CONFIG_KCOV=y\n# CONFIG_DEBUG_FS is not set\n",
    "CONFIG_KCOV=y\nCONFIG_DEBUG_FS=y\n",
  );
  assert.equal(why.cause, "selected");
  assert.match(why.summary, /\(found: CONFIG_DEBUG_FS=y\): KCOV selects it$/);
  assert.ok(why.details.includes("    KCOV=y, asked by configs/test.config:1"));
});

Deno.test("explainDropped() shows what an option follows from when it has no prompt", () => {
  const why = explain(MAIN, "# CONFIG_MICROCODE is not set\n", "CONFIG_MICROCODE=y\n");
  assert.equal(why.cause, "no-prompt");
  assert.match(
    why.details.join("\n"),
    /arch\/x86\/Kconfig:1334: def_bool y; depends on CPU_SUP_AMD \|\| CPU_SUP_INTEL/,
  );
  assert.deepEqual(why.instead, [
    "take `# CONFIG_MICROCODE is not set` out of configs/test.config:1.",
  ]);
});

Deno.test("explainDropped() lists the selectors when an option without prompt is asked for", () => {
  const why = explain(MAIN, "CONFIG_DEBUG_INFO=y\n");
  assert.equal(why.cause, "no-prompt");
  assert.deepEqual(why.advice, [
    "ask for one of those that select DEBUG_INFO: DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT, " +
    "DEBUG_INFO_DWARF4, DEBUG_INFO_DWARF5.",
  ]);
});

Deno.test("explainDropped() names the prompt's condition when the prompt is hidden", () => {
  const why = explain(MAIN, "# CONFIG_CPU_SUP_HYGON is not set\n", "CONFIG_CPU_SUP_HYGON=y\n");
  assert.equal(why.cause, "prompt");
  assert.match(why.summary, /its prompt is hidden: PROCESSOR_SELECT is n$/);
  assert.deepEqual(why.add, ["CONFIG_PROCESSOR_SELECT=y"]);
});

Deno.test("explainDropped() names the winner and both lines when a choice went elsewhere", () => {
  const why = explain(
    CHOICE,
    "CONFIG_PREEMPT=y\nCONFIG_PREEMPT_NONE=y\n",
    "CONFIG_PREEMPT_NONE=y\n# CONFIG_PREEMPT is not set\n",
  );
  assert.equal(why.cause, "choice");
  assert.match(why.summary, /PREEMPT_NONE is chosen instead$/);
  assert.deepEqual(why.advice, [
    "keep only one of `CONFIG_PREEMPT_NONE=y` (configs/test.config:2) and " +
    "`CONFIG_PREEMPT=y` (configs/test.config:1).",
  ]);
});

Deno.test("explainDropped() offers the other members when a choice's winner is asked to be off", () => {
  const why = explain(
    CHOICE,
    "# CONFIG_PREEMPT_NONE is not set\n",
    "CONFIG_PREEMPT_NONE=y\n",
  );
  assert.equal(why.cause, "choice");
  assert.match(why.advice.join(), /CONFIG_PREEMPT_VOLUNTARY=y, CONFIG_PREEMPT=y/);
});

Deno.test("explainDropped() shows the macro and the compiler when a probe failed", () => {
  const why = explain(CHOICE, "CONFIG_RUST_IS_AVAILABLE=y\n");
  assert.equal(why.cause, "probe");
  const text = why.details.join("\n");
  assert.match(text, /def_bool \$\(success,\$\(srctree\)\/scripts\/rust_is_available\.sh\)/);
  assert.match(text, /probed with clang-22 \(Debian clang version 22/);
});

/** As the parser dumps it where make was told of no plugin. */
const NO_PLUGIN = String
  .raw`{"symbolDump":1,"settled":true,"kernelVersion":"6.12.117","compiler":"clang-22","compilerVersion":"Debian clang version 22.1.8 (1~deb12u1)"}
{"symbol":"KCOV_DATAFLOW_ARGS","defined":true,"type":"bool","value":"n","written":false,"visible":"n","definitions":[{"source":"config KCOV_DATAFLOW_ARGS\n\tbool \"Record arguments\"\n\tdepends on KCOV && CC_IS_CLANG\n\tdepends on $(cc-option,-fpass-plugin=$(KCOV_DATAFLOW_PLUGIN) -mllvm -kcov-dataflow-args)","file":"lib/Kconfig.debug","line":2200}],"prompts":[{"text":"Record arguments","file":"lib/Kconfig.debug","line":2201,"value":"n","condition":{"op":"const","value":"n"}}],"dependsValue":"n","depends":{"op":"const","value":"n"},"defaults":[],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"CC_HAS_KCOV_DATAFLOW","defined":true,"type":"bool","value":"n","written":false,"visible":"n","definitions":[{"source":"config CC_HAS_KCOV_DATAFLOW\n\tdef_bool $(cc-option,-fpass-plugin=$(KCOV_DATAFLOW_PLUGIN) -mllvm -kcov-dataflow-ret)","file":"lib/Kconfig.debug","line":2190}],"prompts":[],"dependsValue":"y","depends":null,"defaults":[{"active":"y","file":"lib/Kconfig.debug","line":2191,"default":{"op":"const","value":"n"},"condition":null}],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"symbol":"KCOV_DATAFLOW_RET","defined":true,"type":"bool","value":"n","written":false,"visible":"n","definitions":[{"source":"config KCOV_DATAFLOW_RET\n\tbool \"Record return values\"\n\tdepends on CC_HAS_KCOV_DATAFLOW","file":"lib/Kconfig.debug","line":2210}],"prompts":[{"text":"Record return values","file":"lib/Kconfig.debug","line":2211,"value":"n","condition":{"op":"symbol","name":"CC_HAS_KCOV_DATAFLOW","value":"n"}}],"dependsValue":"n","depends":{"op":"symbol","name":"CC_HAS_KCOV_DATAFLOW","value":"n"},"defaults":[],"ranges":[],"selectedBy":[],"impliedBy":[],"choice":null}
{"end":3}
`;

Deno.test("explainDropped() names the probe of dataflow's plugin, and what gives a cell one", () => {
  for (const option of ["ARGS", "RET"]) {
    const why = explain(NO_PLUGIN, `CONFIG_KCOV_DATAFLOW_${option}=y\n`);
    assert.equal(why.cause, "probe", option);
    assert.match(why.summary, /\$\(cc-option,-fpass-plugin=\$\(KCOV_DATAFLOW_PLUGIN\) -mllvm/);
    assert.match(why.advice.join("\n"), /`requires: \[dataflow\]`/);
  }
});

Deno.test("explainDropped() names the probe of a posted series, and what gives a cell its flags", () => {
  const plugin = String.raw`-fpass-plugin=$(KCOV_DATAFLOW_PLUGIN) -mllvm -kcov-dataflow`;
  for (const flag of ["trace", "dataflow"]) {
    const posted = NO_PLUGIN.replaceAll(plugin, `-fsanitize-coverage=${flag}`);
    for (const [option, kind] of [["ARGS", "args"], ["RET", "ret"]]) {
      const why = explain(posted, `CONFIG_KCOV_DATAFLOW_${option}=y\n`);
      assert.equal(why.cause, "probe");
      assert.ok(why.summary.includes(`$(cc-option,-fsanitize-coverage=${flag}-${kind})`));
      assert.match(why.advice.join("\n"), /`requires: \[dataflow\]`, and `--dataflow-form` /);
    }
  }
  const other = NO_PLUGIN.replaceAll(plugin, "-fsanitize-coverage=trace-more");
  const why = explain(other, "CONFIG_KCOV_DATAFLOW_ARGS=y\n");
  assert.doesNotMatch(why.advice.join("\n"), /dataflow/);
});

Deno.test("explainDropped() judges each line when a probe folded the dependencies to n", () => {
  const why = explain(MAIN, "CONFIG_GCC_PLUGINS=y\n");
  assert.equal(why.cause, "probe");
  const lines = why.details.map((line) => line.trim());
  assert.ok(lines.includes("depends on HAVE_GCC_PLUGINS -- met"));
  assert.ok(lines.includes("depends on CC_IS_GCC -- unmet"));
  assert.ok(lines.includes('def_bool $(success,test "$(cc-name)" = GCC)'));
  assert.ok(lines.some((line) => line.endsWith("/include/plugin-version.h) -- a probe")));
});

Deno.test("explainDropped() gives the range when a number is outside", () => {
  const why = explain(
    MAIN,
    "CONFIG_KCOV_IRQ_AREA_SIZE=0x10\n",
    "CONFIG_KCOV_IRQ_AREA_SIZE=0x80\n",
  );
  assert.equal(why.cause, "range");
  assert.match(why.summary, /has to be in 0x80\.\.0x1000000$/);
});

Deno.test("explainDropped() finds the type wrong when a value is not of the option's type", () => {
  const bool = explain(MAIN, "CONFIG_KCOV=m\n", "CONFIG_KCOV=y\n");
  assert.equal(bool.cause, "type");
  assert.match(bool.summary, /KCOV is a bool, which cannot be a module$/);

  const int = explain(CHOICE, "CONFIG_NR_CPUS=0x4\n", "CONFIG_NR_CPUS=2\n");
  assert.equal(int.cause, "type");
  assert.match(int.advice.join(), /CONFIG_NR_CPUS=4/);

  const string = explain(
    CHOICE,
    "CONFIG_DEFAULT_HOSTNAME=5\n",
    'CONFIG_DEFAULT_HOSTNAME="(none)"\n',
  );
  assert.match(string.advice.join(), /CONFIG_DEFAULT_HOSTNAME="5"/);
});

Deno.test("explainDropped() blames MODULES when m became y", () => {
  const why = explain(
    NO_MODULES,
    "# CONFIG_MODULES is not set\nCONFIG_IPV6=m\n",
    "CONFIG_IPV6=y\n",
  );
  assert.equal(why.cause, "type");
  assert.ok(why.details.includes("  MODULES=n, asked by configs/test.config:1"));
});

Deno.test("explainDropped() warns when the dump was made in another environment", () => {
  const why = explain(MAIN.replace('"settled":true', '"settled":false'), "CONFIG_KASAN=y\n");
  assert.match(why.details.join("\n"), /Caution: the \.config differs/);
});

Deno.test("explainDropped() still answers when the dump lacks every related symbol", () => {
  const dump = parseSymbolDump(MAIN);
  for (const [name, symbol] of dump.symbols) {
    const lonely = { ...dump, symbols: new Map([[name, symbol]]) };
    for (const value of ["y", "m", "n", "99", '"text"']) {
      const [request] = parseFragment(`CONFIG_${name}=${value}\n`, "f.config");
      const why = explainDropped(
        { request: request!, found: undefined },
        lonely,
        originsOf([], new Map()),
      );
      assert.ok(formatExplanation(why).startsWith(why.summary));
    }
  }
});

Deno.test("nearestNames() ranks typing errors before relatives", () => {
  assert.deepEqual(nearestNames("KSAN", ["KASAN", "KCSAN", "USB"]), ["KASAN", "KCSAN"]);
  assert.deepEqual(nearestNames("KCOV_X", ["KCOV", "KCOV_SELFTEST"]), ["KCOV", "KCOV_SELFTEST"]);
});
