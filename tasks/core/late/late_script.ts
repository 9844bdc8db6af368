// SPDX-License-Identifier: MIT
/**
 * The shell script that stands in front of ccache and behind it. In front, it asks ccache for the object
 * of a reduced autoconf.h, which other kernels and configurations may have, too. Behind it, where there
 * is none, ccache starts it in place of the compiler (CCACHE_PREFIX), and it instruments late: it takes
 * what all coverage variants of a file have in common, LLVM's IR in front of the pass of
 * SanitizerCoverage, from ccache too, runs that pass for this variant and those behind it in clang's
 * pipeline, and generates the code.
 *
 * The IR is compiled with coverage asked for and an allow list that no file is on: what says of
 * functions that they must not be instrumented reaches the IR, and no call does. The passes behind it
 * are left out, for they depend on it: guards keep a function alive that nobody calls any more. One of
 * them (globaldce) has an earlier turn, which is left out with it; so where it would remove a function
 * at either, it is not known at which, and the file goes to the compiler. The options that
 * tell variants apart are poisoned for the preprocessor and left out of autoconf.h, so a file that
 * looks at one of them does not compile this way.
 *
 * Of a kernel with KCOV dataflow (KMATRIX_LATE_PLUGIN), files with the plugin's calls and those without
 * share, too: the plugin notes parameters in what is shared and inserts in the next step, and debug
 * information, which the calls are made by, is reduced there to what other files have.
 *
 * Whatever is not known to come out as without it, whatever fails and whatever says a word goes to
 * the compiler as it came. Objects and lists of dependencies appear whole or not at all. The lists name
 * the reduced autoconf.h, which fixdep leaves out by the end of its path, as it does with the other.
 */

/** Below the build folder: what the script keeps there. */
export const LATE_FOLDER = "kmatrix-late";

/**
 * In that folder, a link to the plugin of KMATRIX_LATE_PLUGIN: a name without its digest, so that ccache
 * finds the IR that another version of the plugin has noted in the same way.
 */
export const LATE_PLUGIN = "plugin.so";

export const LATE_SCRIPT = `#!/bin/sh
# Usage: <script> <compiler> <word>..., with ccache for a compiler where KMATRIX_LATE_STEP is empty.

# Whether the words compile one C file of the kernel, and none is unknown here. Sets object and
# depends, of instrumentation pc, guard, cmp, drop, of dataflow plugin and its options, and debug, the
# kind of debug information.
is_known() {
  compiles= kernel= input= object= depends= pc= guard= cmp= drop= plugin= options= debug= before=
  shift
  for word; do
    case $before in
      -o) object=$word ;;
      -mllvm)
        case $word in
          -sanitizer-coverage-drop-ctors) drop=1 ;;
          -kcov-dataflow-args | -kcov-dataflow-ret | -kcov-dataflow-fields=[0-9]*)
            options="$options $word" ;;
          *) return 1 ;;
        esac ;;
    esac
    [ "$before" ] && before= && continue
    case $word in
      -c) compiles=1 ;;
      -o | -mllvm | -include | -isystem) before=$word ;;
      -D__KERNEL__) kernel=1 ;;
      # A macro of the command line is expanded without a look at what is poisoned.
      -D*CONFIG_*) return 1 ;;
      -Wp,-MMD,* | -Wp,-MD,*) depends=\${word#-Wp,-M*D,} ;;
      -fsanitize-coverage=*) coverage "\${word#*=}" || return 1 ;;
      "-fpass-plugin=$KMATRIX_LATE_PLUGIN") plugin=1 ;;
      -gsplit* | -save* | -Wp,* | -Wl,*) return 1 ;;
      -g | -gdwarf-[2-5]) debug=all ;;
      -gline-tables-only) debug=lines ;;
      -g*) debug=other ;;
      -f*sanitize* | -f*lto* | -f*plugin* | -f*profile* | -fcs* | -fsplit* | -f*embed* | -fxray*) return 1 ;;
      -f*instrument* | -fstack-usage | -fsave* | -ftime* | -frecord* | -f*basic-block* | -fdump*) return 1 ;;
      -fno-integrated* | -fsyntax* | -fcoverage* | -fmodule* | -fdepfile* | -fopenmp*) return 1 ;;
      -[DUIWOfm]* | -std=* | --target=* | -nostdinc | -pg) ;;
      -*) return 1 ;;
      *.c) [ "$input" ] && return 1; input=$word ;;
      *) return 1 ;;
    esac
  done
  case $object in *[!A-Za-z0-9_./+-]* | "") return 1 ;; *.o) ;; *) return 1 ;; esac
  [ "$compiles" ] && [ "$kernel" ] && [ "$input" ] && [ "$depends" ] || return 1
  case $object in */*) beside=\${object%/*}/ ;; *) beside= ;; esac
  beside=$beside.\${object##*/}
  # One way to count PCs, and what goes with it; or nothing at all.
  case $pc$guard in
    1) ;;
    "") [ ! "$cmp$drop" ] || return 1 ;;
    *) return 1 ;;
  esac
  # Where the plugin has a turn, what is shared has all of debug information.
  if [ "$KMATRIX_LATE_PLUGIN" ] && [ "$pc$guard" ]; then
    case $plugin/$options/$debug in 1/?*/all | //all | //lines) ;; *) return 1 ;; esac
  else
    [ ! "$plugin$options" ]
  fi
}

# The features of -fsanitize-coverage=.
coverage() {
  rest=$1,
  while [ "$rest" ]; do
    case \${rest%%,*} in
      trace-pc) pc=1 ;;
      trace-pc-guard) guard=1 ;;
      trace-cmp) cmp=1 ;;
      *) return 1 ;;
    esac
    rest=\${rest#*,}
  done
}

# autoconf.h as all variants have it; a build begins without, and is configured before it compiles.
header() {
  [ -e $late/autoconf.h ] && [ ! include/generated/autoconf.h -nt $late/autoconf.h ] && return
  rm -f $late/autoconf.h
  mkdir -p $late/include/generated &&
    cp include/generated/autoconf.h $late/autoconf.h.$$ && {
      printf '#pragma GCC poison'
      left_out=
      for name in $KMATRIX_LATE_OPTIONS; do
        printf ' %s %s_MODULE' "$name" "$name"
        left_out="$left_out|$name"
      done
      echo
      grep -vE "^#define (\${left_out#|})(_MODULE)? " $late/autoconf.h.$$
    } >$late/include/generated/autoconf.h.$$ &&
    echo src:/none >$late/none.$$ && mv $late/none.$$ $late/none &&
    mv $late/include/generated/autoconf.h.$$ $late/include/generated/autoconf.h &&
    mv $late/autoconf.h.$$ $late/autoconf.h
}

# Compiles through ccache what the variants share, to the file $1.
share() {
  to=$1 before=
  shift
  for word; do
    shift
    case $before in
      -mllvm) before=; continue ;;
      -o) word=$to before= ;;
      *)
        case $word in
          -fsanitize-coverage=* | -fpass-plugin=*) continue ;;
          -g | -gline-tables-only) [ "$KMATRIX_LATE_PLUGIN" ] && continue ;;
          -mllvm) before=$word; continue ;;
          -o) before=$word ;;
        esac ;;
    esac
    set -- "$@" "$word"
  done
  # The words of options stay apart from the compiler, whatever its name is.
  compiler=$1
  shift
  # ccache would take the word behind -mllvm for an -o.
  set -- "$@" -fsanitize-coverage=trace-pc -fsanitize-coverage-allowlist=$late/none -emit-llvm \\
    -MT "$object" -Xclang -mllvm -Xclang "-opt-disable=$behind"
  [ "$KMATRIX_LATE_PLUGIN" ] &&
    set -- "$@" -g -fpass-plugin=$late/${LATE_PLUGIN} -Xclang -mllvm -Xclang -kcov-dataflow-note-only
  (
    unset CCACHE_DISABLE
    if [ "$KMATRIX_LATE_PLUGIN" ]; then
      # Of the plugin, its notes alone count here. The script in front has put its file last, where a
      # file has its calls.
      export CCACHE_COMPILERCHECK="$CCACHE_COMPILERCHECK $KMATRIX_LATE_NOTES"
      others=\${CCACHE_EXTRAFILES%"$KMATRIX_LATE_PLUGIN"}
      others=\${others%:}
      # Empty, it would hide what the user's ccache.conf has.
      [ "$others" ] && export CCACHE_EXTRAFILES="$others" || unset CCACHE_EXTRAFILES
    fi
    # What ccache is to keep is looked at before it does.
    export CCACHE_PREFIX="$0" KMATRIX_LATE_STEP=check KMATRIX_LATE_IR="$to"
    CCACHE_STATSLOG=$KMATRIX_LATE_LOG exec ccache "$compiler" "$@"
  )
}

# Compiles what is to be shared, to the file $1, and looks whether it has a function that would go.
check() {
  file=$1
  shift
  "$@" && "$KMATRIX_LATE_OPT" -passes=globaldce "$file" -o "$file.check" || return
  same_functions "$file" "$file.check"
  status=$?
  rm -f "$file.check"
  return $status
}

# Whether two files of IR have the same functions; nm has a line with its name and a colon in front of each.
same_functions() {
  "$KMATRIX_LATE_NM" "$@" | awk '
    / [tTwWiV] / { functions[files] = functions[files] " " $NF; next }
    /:$/ { files++ }
    END { exit !(files == 2 && functions[1] == functions[2]) }'
}

# Makes the object of the IR in the file $1: the words that say how code is generated.
generate() {
  from=$1 before=
  shift
  for word; do
    shift
    case $before in
      -mllvm | -include | -isystem) before=; continue ;;
      -o) before= ;;
      *)
        case $word in
          -mllvm | -include | -isystem) before=$word; continue ;;
          -o) before=$word ;;
          -fsanitize-coverage=* | -fpass-plugin=* | -Wp,* | -[DUI]* | -std=* | -nostdinc | *.c) continue ;;
        esac ;;
    esac
    set -- "$@" "$word"
  done
  "$@" -Wno-unused-command-line-argument -Xclang -disable-llvm-passes -x ir "$from"
}

# Compiles in steps. Fails with no object, or a step that had something to say.
compile() {
  passes=sancov-module,$behind
  if [ "$plugin" ]; then
    passes=globaldce,kcov-dataflow-insert,$passes
  elif [ "$KMATRIX_LATE_PLUGIN" ] && [ $debug = lines ]; then
    passes=strip-nonlinetable-debuginfo,$passes
  fi
  share $beside.bc "$@" &&
    "$KMATRIX_LATE_OPT" \${plugin:+"-load-pass-plugin=$KMATRIX_LATE_PLUGIN"} "-passes=$passes" \\
      \$options -sanitizer-coverage-level=3 \\
      \${pc:+-sanitizer-coverage-trace-pc} \${guard:+-sanitizer-coverage-trace-pc-guard} \\
      \${cmp:+-sanitizer-coverage-trace-compares} \${drop:+-sanitizer-coverage-drop-ctors} \\
      $beside.bc -o $beside.late.bc &&
    generate $beside.late.bc "$@"
}

late=${LATE_FOLDER}
behind=globaldce,constmerge,cg-profile,rel-lookup-table-converter
case $KMATRIX_LATE_STEP in
  check)
    check "$KMATRIX_LATE_IR" "$@"
    exit ;;
  object)
    if is_known "$@" && [ "$pc$guard" ]; then
      compile "$@" 2>$beside.err
      status=$?
      [ -s $beside.err ] && status=said
      # They stay empty until the build ends, for one process less.
      { true >$beside.bc >$beside.late.bc >$beside.err; } 2>/dev/null
      case $status in
        0) echo late >>"$KMATRIX_LATE_LOG" && exit 0 ;;
        # It is to be heard as the compiler says it.
        said) exit 1 ;;
      esac
    fi ;;
  *)
    if is_known "$@" && header; then
      ccache=$1
      shift
      KMATRIX_LATE_STEP=object CCACHE_PREFIX=$0 "$ccache" -I$late/include "$@" 2>$beside.said &&
        [ ! -s $beside.said ] && exit 0
      set -- "$ccache" "$@"
    fi ;;
esac
exec "$@"
`;
