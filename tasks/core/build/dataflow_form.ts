// SPDX-License-Identifier: MIT
/**
 * Kernels whose Makefiles ask for KCOV dataflow by flags of a compiler that has them itself, as the
 * public series do (docs/dataflow.md, "A posted series"): the script that stands in the compiler's
 * place for them, as make's CC=, and turns those flags into the plugin's.
 */
import { basename } from "node:path/posix";
import type { DataflowForm, Toolchain } from "../model/model.ts";
import { sha256 } from "../text/digest.ts";
import { quoteWord } from "../text/shell.ts";
import { PLUGIN_FILE, PUBLISHED_FEATURES } from "./dataflow_plugin.ts";
import { clangOf } from "./make.ts";

/** A script for one compiler and form. It lies in a folder of its own beside the plugin's file. */
export interface FormScript {
  readonly form: DataflowForm;
  /** Of the form, and a digest of the text: the name of its folder, and a part of build keys. */
  readonly key: string;
  /** Of its file: the compiler's, by which some Makefiles tell what it is. */
  readonly name: string;
  readonly text: string;
}

/**
 * How many fields are recorded of a structure, at most. Kernels that take pointers keep the number of
 * values in the four bits below the type (RFC v2), or nowhere; the later layout has sixteen, and 32 is
 * what our own series asks for.
 */
const MOST_FIELDS: Readonly<Record<DataflowForm, number>> = {
  own: 32,
  "posted-pc": 32,
  "posted-pointer": 15,
};

/** The script that calls the toolchain's compiler. */
export async function formScript(toolchain: Toolchain, form: DataflowForm): Promise<FormScript> {
  const compiler = clangOf(toolchain);
  const text = scriptText(compiler, form);
  return {
    form,
    key: `${form}-${(await sha256(text)).slice(0, 8)}`,
    name: basename(compiler),
    text,
  };
}

/** Below the folder of the plugin's file. */
export function formScriptPath({ key, name }: Pick<FormScript, "key" | "name">): string {
  return `${key}/${name}`;
}

/**
 * `-g` comes last, for fields are known from debug information and make's KCFLAGS ask for line tables.
 * Where nothing else asks for coverage, it is asked for with a list that no function is on: the object
 * gets no call of KCOV's, and clang keeps what says of functions that they must not be instrumented.
 */
function scriptText(compiler: string, form: DataflowForm): string {
  const options = [
    `-mllvm -kcov-dataflow-form=${form}`,
    `-mllvm -kcov-dataflow-fields=${MOST_FIELDS[form]}`,
  ];
  return `#!/bin/sh
# SPDX-License-Identifier: MIT
# The compiler, with the plugin of KCOV dataflow where the words ask for that.
plugin=\${0%/*/*}/${PLUGIN_FILE} args= rets= covers=
for word; do
  shift
  case $word in
    -fsanitize-coverage=*)
      rest=\${word#*=}, features=
      while [ "$rest" ]; do
        case \${rest%%,*} in
          ${PUBLISHED_FEATURES.args.join(" | ")}) args=1 ;;
          ${PUBLISHED_FEATURES.rets.join(" | ")}) rets=1 ;;
          *) features=$features,\${rest%%,*} ;;
        esac
        rest=\${rest#*,}
      done
      [ "$features" ] || continue
      covers=1 word=-fsanitize-coverage=\${features#,} ;;
  esac
  set -- "$@" "$word"
done
if [ "$args$rets" ]; then
  set -- "$@" "-fpass-plugin=$plugin" ${options.join(" ")} -g
  [ "$args" ] && set -- "$@" -mllvm -kcov-dataflow-args
  [ "$rets" ] && set -- "$@" -mllvm -kcov-dataflow-ret
  [ "$covers" ] ||
    set -- "$@" -fsanitize-coverage=trace-pc -fsanitize-coverage-allowlist=/dev/null
fi
exec ${quoteWord(compiler)} "$@"
`;
}
