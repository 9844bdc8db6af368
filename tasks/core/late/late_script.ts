// SPDX-License-Identifier: MIT
/**
 * The shell script that ccache starts in place of the compiler where it has no object for its words
 * (CCACHE_PREFIX), and which instruments late: it takes what all coverage variants of a file have in
 * common, LLVM's IR at the end of clang's pipeline, from ccache too, runs the pass of SanitizerCoverage
 * for this variant, and generates the code.
 *
 * The IR is compiled with coverage asked for and an allow list that no file is on: what says of
 * functions that they must not be instrumented reaches the IR, and no call does. The options that
 * tell variants apart are poisoned for the preprocessor and left out of autoconf.h, so a file that
 * looks at one of them does not compile this way.
 *
 * Whatever is not known to come out as without it, whatever fails and whatever says a word goes to
 * the compiler as it came. Objects and lists of dependencies appear whole or not at all.
 */

/** Below the build folder: what the script keeps there. */
export const LATE_FOLDER = "kmatrix-late";

export const LATE_SCRIPT = `#!/bin/sh
# Usage: <script> <compiler> <word>...

# Whether the words compile one C file of the kernel, and none is unknown here. Sets object and
# depends, and of instrumentation: pc, guard, cmp, drop.
is_known() {
  compiles= kernel= input= object= depends= pc= guard= cmp= drop= before=
  shift
  for word; do
    case $before in
      -o) object=$word ;;
      -mllvm)
        [ "$word" = -sanitizer-coverage-drop-ctors ] || return 1
        drop=1 ;;
    esac
    [ "$before" ] && before= && continue
    case $word in
      -c) compiles=1 ;;
      -o | -mllvm | -include | -isystem) before=$word ;;
      -D__KERNEL__) kernel=1 ;;
      -Wp,-MMD,* | -Wp,-MD,*) depends=\${word#-Wp,-M*D,} ;;
      -fsanitize-coverage=*) coverage "\${word#*=}" || return 1 ;;
      -gsplit* | -save* | -Wp,* | -Wl,*) return 1 ;;
      -f*sanitize* | -f*lto* | -f*plugin* | -f*profile* | -fcs* | -fsplit* | -f*embed* | -fxray*) return 1 ;;
      -f*instrument* | -fstack-usage | -fsave* | -ftime* | -frecord* | -f*basic-block* | -fdump*) return 1 ;;
      -fno-integrated* | -fsyntax* | -fcoverage* | -fmodule* | -fdepfile* | -fopenmp*) return 1 ;;
      -[DUIWOfgm]* | -std=* | --target=* | -nostdinc | -pg) ;;
      -*) return 1 ;;
      *.c) [ "$input" ] && return 1; input=$word ;;
      *) return 1 ;;
    esac
  done
  case $object in *[!A-Za-z0-9_./+-]* | "") return 1 ;; *.o) ;; *) return 1 ;; esac
  [ "$compiles" ] && [ "$kernel" ] && [ "$input" ] && [ "$depends" ] || return 1
  case $pc$guard$cmp$drop in
    "" | 1) ;;
    *) [ "$pc$guard" = 1 ] || return 1 ;;
  esac
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

# autoconf.h as all variants have it, made anew where the one of the build is another than it was.
header() {
  cmp -s include/generated/autoconf.h $late/autoconf.h && return
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
          -fsanitize-coverage=*) continue ;;
          -mllvm) before=$word; continue ;;
          -o) before=$word ;;
        esac ;;
    esac
    set -- "$@" "$word"
  done
  # The words of options stay apart from the compiler, whatever its name is.
  compiler=$1
  shift
  [ "$to" = "$object" ] || set -- "$@" -fsanitize-coverage=trace-pc \\
    -fsanitize-coverage-allowlist=$late/none -emit-llvm
  (
    unset CCACHE_DISABLE CCACHE_PREFIX
    CCACHE_STATSLOG=$KMATRIX_LATE_LOG exec ccache "$compiler" -I$late/include "$@"
  )
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
          -fsanitize-coverage=* | -Wp,* | -[DUI]* | -std=* | -nostdinc | *.c) continue ;;
        esac ;;
    esac
    set -- "$@" "$word"
  done
  "$@" -Wno-unused-command-line-argument -Xclang -disable-llvm-passes -x ir "$from"
}

# Compiles in steps. Fails with no object, or a step that had something to say.
compile() {
  if [ "$pc$guard" ]; then
    share $bitcode.bc "$@" &&
      "$KMATRIX_LATE_OPT" -passes=sancov-module -sanitizer-coverage-level=3 \\
        \${pc:+-sanitizer-coverage-trace-pc} \${guard:+-sanitizer-coverage-trace-pc-guard} \\
        \${cmp:+-sanitizer-coverage-trace-compares} \${drop:+-sanitizer-coverage-drop-ctors} \\
        $bitcode.bc -o $bitcode.late.bc &&
      generate $bitcode.late.bc "$@"
  else
    share $object "$@"
  fi
}

late=${LATE_FOLDER}
if [ . -ef "$KMATRIX_BUILD" ] && is_known "$@" && header; then
  case $object in */*) bitcode=\${object%/*}/ ;; *) bitcode= ;; esac
  bitcode=$bitcode.\${object##*/}
  compile "$@" 2>$bitcode.err && [ ! -s $bitcode.err ] &&
    sed -i -e "1s|^[^:]*:|$object:|" -e "s|$late/include/generated/|include/generated/|" "$depends"
  status=$?
  rm -f $bitcode.bc $bitcode.late.bc $bitcode.err
  [ $status = 0 ] && echo late >>"$KMATRIX_LATE_LOG" && exit 0
fi
exec "$@"
`;
