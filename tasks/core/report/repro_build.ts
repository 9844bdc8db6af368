// SPDX-License-Identifier: MIT
/** The parts of `repro.sh` that patch, configure and compile. */
import { PLUGIN_FILE, pluginCompileLine, pluginSources } from "../build/dataflow_plugin.ts";
import { makeArgv } from "../build/make.ts";
import { quoteWord } from "../text/shell.ts";
import { isShownByMake, type ShownByMake } from "../model/stage_table.ts";
import type { ReproFacts } from "./repro_facts.ts";
import { shellWord } from "./repro_places.ts";
import { sourceLines } from "./repro_source.ts";

/** Words of make with the script's own folders in them. */
function makeLine(facts: ReproFacts, targets: readonly string[]): string {
  const argv = makeArgv({
    source: { path: "/@WORK@/source", digest: "" },
    buildDir: "/@WORK@/build",
    ...facts.make,
    ...(facts.plugin === null ? {} : { plugin: "/@WORK@/plugin" }),
    ...(facts.plugin?.script === undefined ? {} : { compiler: "/@WORK@/compiler" }),
    jobs: 0,
  }, targets);
  return argv.map((word) => word === "-j0" ? '-j"$(nproc)"' : shellWord(word)).join(" \\\n\t\t");
}

/** One patch, whatever the settings of git are and whichever repository is around the folder. */
function takeFunction(fuzz: boolean): string[] {
  const apply = "git apply --whitespace=nowarn";
  return [
    "take() { # -p and a number, a diff",
    '\t(cd "$source" && export GIT_DIR=/dev/null GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 &&',
    fuzz ? `\t\t{ ${apply} "$1" "$2" || ${apply} -C1 "$1" "$2"; })` : `\t\t${apply} "$1" "$2")`,
    "}",
  ];
}

/** In plugin/: the script in front of the compiler. It finds the plugin in the folder above its own. */
export const SCRIPT_FILE = "compiler";

/** The one line that compiles the compiler's plugin, with what it is compiled from as it was. */
function pluginFunction(
  { llvmConfig, files, script }: NonNullable<ReproFacts["plugin"]>,
): string[] {
  const all = { ...files, ...(script === undefined ? {} : { [SCRIPT_FILE]: script.sha256 }) };
  const { compiled } = pluginSources(Object.keys(files));
  const sources = compiled.map((name) => `"$here/plugin/${name}"`);
  return [
    "compile_plugin() {",
    ...Object.entries(all).map(([name, sha256]) =>
      `\thas_digest "$here/plugin/${name}" ${sha256} || stop 'plugin/${name} is not the recorded one'`
    ),
    ...(script === undefined ? [] : [
      '\tmkdir -p "${compiler%/*}" && cp "$here/plugin/compiler" "$compiler" && chmod 755 "$compiler" &&',
    ]),
    `\t${pluginCompileLine(quoteWord(llvmConfig), sources, '"$plugin"')}`,
    "}",
  ];
}

/** What is done before make is called; not for a series that does not apply. */
function withPlugin({ plugin, stage, config }: ReproFacts): string[] {
  if (plugin === null || stage === "patch") return [];
  const why = "the dataflow plugin does not compile";
  // Of a failed configuration that may be the failure itself.
  const failed = config === null ? `{ echo "FAILED: ${why}"; exit 1; }` : `stop '${why}'`;
  return [`\tcompile_plugin || ${failed}`];
}

/** Functions that unpack the source and compile it, for every script. */
export function buildFunction(facts: ReproFacts): string[] {
  return [
    "",
    `source=$work/source build=$work/build${
      facts.plugin === null ? "" : ` plugin=$work/${PLUGIN_FILE}`
    }${
      facts.plugin?.script === undefined
        ? ""
        : ` compiler=$work/compiler/${quoteWord(facts.plugin.script.name)}`
    }`,
    ...(facts.plugin === null ? [] : pluginFunction(facts.plugin)),
    ...(facts.series.length === 0 ? [] : takeFunction(facts.fuzz ?? false)),
    "unpack() {",
    '\tmkdir -p "$source" "$build"',
    ...sourceLines(facts),
    ...facts.series.map(({ name, strip }) =>
      `\ttake -p${strip} "$here/series/${name}" || return 1`
    ),
    ...withPlugin(facts),
    "}",
    ...(facts.config === null ? [] : [
      "compile() {",
      `\thas_digest "$here/.config" ${facts.config} || stop '.config is not the recorded one'`,
      '\tcp "$here/.config" "$build/.config" &&',
      `\t${makeLine(facts, ["olddefconfig"])} &&`,
      `\t${makeLine(facts, facts.targets)}`,
      "}",
    ]),
    "",
  ];
}

/** The end of a script whose cell never booted. */
export function buildPart(facts: ReproFacts): string[] {
  const { stage } = facts;
  if (!isShownByMake(stage)) {
    throw new Error(`no script shows a failure of ${stage} without a boot`);
  }
  return BUILD_PARTS[stage](facts);
}

const BUILD_PARTS: Readonly<Record<ShownByMake, (facts: ReproFacts) => string[]>> = {
  patch: () => [
    'if unpack; then echo "passed: the series applies"; exit 0; fi',
    'echo "FAILED: the series does not apply"',
    "exit 1",
  ],
  configure: (facts) => facts.config === null ? configPart(facts) : compilePart(LOOK_INSIDE),
  build: (facts) =>
    facts.config === null ? configPart(facts) : compilePart([
      '[ "$(grep -c "warning: " "$work/build.log")" = 0 ] || {',
      '\techo "FAILED: it builds with warnings; the recorded ones stand above"',
      "\texit 1",
      "}",
      'echo "passed: it builds"',
    ]),
  inspect: (facts) => facts.config === null ? configPart(facts) : compilePart(LOOK_INSIDE),
};

const LOOK_INSIDE = [
  'echo "it builds; what was recorded is to be looked for in $build/vmlinux"',
  "exit 1",
];

/** Makes the .config, and holds it against what was asked. */
function configPart(facts: ReproFacts): string[] {
  return [
    "unpack || stop 'the source cannot be prepared'",
    ...(facts.base === "whole" ? ['cp "$here/request.config" "$build/.config"'] : [
      ...facts.base.map((name) => `${makeLine(facts, [name])} || stop 'make ${name} failed'`),
      'cat "$here/request.config" >> "$build/.config"',
    ]),
    `${makeLine(facts, ["olddefconfig"])} || stop 'make olddefconfig failed'`,
    "failed=0",
    "while read -r line; do",
    "\tcase $line in",
    "\t*' is not set' | *=n)",
    "\t\toption=${line#\\# } option=${option%% *} option=${option%%=*}",
    '\t\tgrep -q "^$option=" "$build/.config" || continue',
    "\t\t;;",
    '\t*) grep -qxF "$line" "$build/.config" && continue ;;',
    "\tesac",
    '\techo "not in the final .config: $line"',
    "\tfailed=1",
    "done << 'END'",
    ...facts.request,
    "END",
    '[ $failed = 0 ] && echo "passed: every request is in the .config"',
    "exit $failed",
  ];
}

/** @param ending What is done once it has compiled. */
function compilePart(ending: readonly string[]): string[] {
  return [
    "unpack || stop 'the source cannot be prepared'",
    'if ! compile > "$work/build.log" 2>&1; then',
    '\tgrep -E "error:|Error [0-9]|undefined symbol" "$work/build.log" | head -n 20',
    '\techo "FAILED: make failed, see $work/build.log"',
    "\texit 1",
    "fi",
    'grep -E "warning: " "$work/build.log" | head -n 20',
    ...ending,
  ];
}
