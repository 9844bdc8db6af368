// SPDX-License-Identifier: MIT
/**
 * The shell script that stands in front of the compiler while a kernel is configured. Kconfig and the
 * Makefiles ask it some two hundred times what it understands, each time by compiling nothing, and
 * ask the same again for each configuration of a folder: it answers what it was asked before.
 *
 * An answer is the exit code and the output of a call that reads no file and links nothing: its input
 * is /dev/null or a standard input that includes nothing, and its words name no file but the output. A refusal is
 * kept where a call without those words succeeds, so that a full disk or a killed compiler is none.
 */
export const ANSWERS_SCRIPT = `#!/bin/sh
name=\${0##*/}
PATH=$KMATRIX_ANSWERS_PATH
kept=$KMATRIX_ANSWERS

# Whether the words read no file; input and output are in $input and $output, the rest in $asked.
is_question() {
  input= output= asked= before= language= compiles=
  for word; do
    if [ "$before" = -o ]; then
      output=$word before=
      continue
    fi
    case $word in
      *[!A-Za-z0-9_=+,./:-]*) return 1 ;;
      /dev/null | -) [ "$before$input" ] && return 1; input=$word ;;
      -frandomize-layout-seed-file=/dev/null) ;;
      */* | *load* | *list* | *file* | *plugin* | *profile* | *native*) return 1 ;;
      -gsplit-dwarf | -fno-integrated-as) return 1 ;;
      -o) before=-o; continue ;;
      -x | --param | -mllvm) [ "$before" ] && return 1; before=$word; asked="$asked $word"; continue ;;
      *)
        case $before in
          -x) language=$word ;;
          "")
            case $word in
              -c | -S | -E) compiles=1 ;;
              -D* | -W[!lp]* | -std=* | -m* | -O* | -g* | -P | --target=* | -f*) ;;
              *) return 1 ;;
            esac ;;
        esac ;;
    esac
    before= asked="$asked $word"
  done
  [ ! "$before" ] && [ "$compiles" ] && [ "$input" ] && [ "$language" ] &&
    [ "$output" ] && [ "$output" != - ]
}

is_question "$@" && { [ -d "$kept" ] || mkdir -p "$kept" 2>/dev/null; } || exec "$name" "$@"
text=
if [ "$input" = - ]; then
  text=$(cat; echo .)
  text=\${text%.}
  # A line that is continued, or an argument of a macro, can be the rest of such a word.
  case $text in
    *include* | *incbin* | *embed* | *\\\\*) printf %s "$text" | "$name" "$@"; exit ;;
  esac
fi
kind=file
[ "$output" = /dev/null ] && kind=none
digest=$(printf '%s\\n' "$name$asked" "$kind" "$text" | sha256sum)
answer=$kept/\${digest%% *}
if [ -s "$answer" ] && read -r code <"$answer"; then
  if [ "$code" = 1 ]; then exit 1; fi
  if [ "$code" = 0 ]; then
    [ "$output" = /dev/null ] && exit 0
    cat "$answer.out" >"$output" 2>/dev/null && exit 0
  fi
fi
said=$(printf %s "$text" | "$name" "$@" 2>&1)
code=$?
[ "$said" ] && printf '%s\\n' "$said" >&2
case $code in
  0)
    # A warning is to be heard again.
    [ "$said" ] && exit 0
    if [ "$output" != /dev/null ]; then
      cp "$output" "$answer.out.$$" && mv "$answer.out.$$" "$answer.out" || exit 0
    fi 2>/dev/null ;;
  1) printf '' | "$name" -x c -c - -o "$output" >/dev/null 2>&1 || exit 1
    [ "$output" = /dev/null ] || rm -f "$output" ;;
  *) exit $code ;;
esac
# Another build may write the same answer under the same number, which is one of its own namespace.
{ echo $code >"$answer.code.$$" && mv "$answer.code.$$" "$answer"; } 2>/dev/null
exit $code
`;
