// SPDX-License-Identifier: MIT
/**
 * The shell script that stands in front of ccache under the compiler's name, and gives it the same
 * words for the same compilation in every tree, build folder and clone.
 *
 * The kernel is compiled in the build folder. kbuild leaves a link named `source` there, and that is
 * what the source is called here instead of by its path. Dependencies are then listed through the
 * link, which make follows; prefix maps are renamed along, so debug information and __FILE__ come out
 * as without ccache.
 *
 * objtool is compiled in its folder of the source (tools/build), with the build folder in its words.
 * ccache is started in the build folder instead, and the list of dependencies then made what it is
 * without ccache, for make reads it in the source. What differs is the names of folders in objtool's
 * own debug information. Any word that is not known to come out right leaves all of them as they are.
 */
export const CCACHE_SCRIPT = `#!/bin/sh
# Puts $3 for the folder $2 in the word $1; the result is in $word.
rename() {
  rest=$1/
  word=
  while :; do
    case $rest in
      *"$2/"*)
        word=$word\${rest%%"$2/"*}$3
        rest=\${rest#*"$2/"} ;;
      *) break ;;
    esac
  done
  word=$word$rest
  word=\${word%/}
}

# Whether the words compile one file, and every other path in them is absolute.
is_plain() {
  compiles= input= object= depends= before=
  for word; do
    case $before$word in
      -c) compiles=1 ;;
      -I | -o) ;;
      -I/*) ;;
      -o"$build"/*.o) object=$word ;;
      -Wp,-MD,"$build"/*) depends=\${word#-Wp,-MD,} ;;
      -[Iiox]* | -M* | @* | /* | "") return 1 ;;
      -*) ;;
      *.c) [ "$input" ] && return 1; input=$word ;;
      *) return 1 ;;
    esac
    case $before$word in -I | -o) before=$word ;; *) before= ;; esac
  done
  [ "$compiles" ] && [ "$input" ] && [ "$object" ] && [ "$depends" ]
}

# A list of dependencies that was written in the build folder, as the source's folder $1 sees it.
restore() {
  set -f
  while IFS= read -r line; do
    for word in $line; do
      case $word in
        "source/$1/"*) word=\${word#"source/$1/"} ;;
        source/*) word=$KMATRIX_SOURCE/\${word#source/} ;;
        /* | \\\\) ;;
        *) word=$build/\${word#./} ;;
      esac
      printf ' %s' "$word"
    done
    echo
  done
}

PATH=$KMATRIX_PATH
# The file that .incbin takes into an object is in no list of dependencies, and ccache goes by these.
for word; do
  case $word in
    *.[cS]) grep -q incbin "$word" 2>/dev/null && export CCACHE_DISABLE=1 ;;
    # ccache goes by the name of a plugin (seen with 4.7), and not by what is in it.
    -fpass-plugin=*)
      export CCACHE_EXTRAFILES="\${CCACHE_EXTRAFILES:+$CCACHE_EXTRAFILES:}\${word#*=}" ;;
  esac
done
if [ . -ef "$KMATRIX_BUILD" ] && [ source -ef "$KMATRIX_SOURCE" ]; then
  for word; do
    shift
    case $word in
      "-ffile-prefix-map=$KMATRIX_BUILD=.") word=-ffile-compilation-dir=. ;;
      "-ffile-prefix-map=$KMATRIX_RELATIVE/=") continue ;;
      *"$KMATRIX_SOURCE"*) rename "$word" "$KMATRIX_SOURCE" source/ ;;
    esac
    set -- "$@" "$word"
  done
  # core/late/late_script.ts
  [ "$KMATRIX_LATE" ] && [ ! "$CCACHE_DISABLE" ] &&
    exec "$KMATRIX_LATE" "\${0%/*}/links/\${0##*/}" "$@"
elif [ "$KMATRIX_BUILD/source" -ef "$KMATRIX_SOURCE" ] && cd -P . &&
  place=\${PWD#"$KMATRIX_SOURCE/"} && [ "$place" != "\${place#tools/}" ] &&
  build=$(cd -P "$KMATRIX_BUILD" && pwd) && is_plain "$@"; then
  for word; do
    shift
    # clang names the object as a target anyway; ccache takes a second one for a header.
    case $word in -Wp,-MT,*) continue ;; esac
    [ "$word" = "$input" ] && word=source/$place/$input
    case $word in *"$KMATRIX_SOURCE"*) rename "$word" "$KMATRIX_SOURCE" source/ ;; esac
    case $word in *"$build"*) rename "$word" "$build" ./ ;; esac
    set -- "$@" "$word"
  done
  cd "$build" || exit
  "\${0%/*}/links/\${0##*/}" -ffile-compilation-dir=. "-ffile-prefix-map=source/$place/=" "$@"
  status=$?
  if [ -f "$depends" ]; then
    restore "$place" <"$depends" >"$depends.kmatrix" && mv "$depends.kmatrix" "$depends"
  fi
  exit $status
fi
exec "\${0%/*}/links/\${0##*/}" "$@"
`;
