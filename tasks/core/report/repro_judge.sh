# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154
# The part of repro.sh that is the same in all: what the guest said against what is due. The files are
# in $work: results.log and console.log of the boot, expected.txt with a word and a test's id a line.

# Tests that did not come to what is due, with what they said; their ids go to failed.txt.
judge_tests() {
	# Frames of the results channel: kind and number, length, checksum, text. K is a line of KTAP.
	grep -aE "^K[0-9]+ [0-9]+ [0-9a-f]{8} " "$work/results.log" 2> /dev/null |
		cut -d " " -f 4- > "$work/ktap.txt"
	awk -v failed="$work/failed.txt" '
		BEGIN { printf "" > failed }
		NR == FNR { want[$2] = $1; order[++count] = $2; next }
		/^# RUN / { notes = ""; next }
		/^# / { if (length(notes) < 2000) notes = notes "    " substr($0, 3) "\n"; next }
		/^(not )?ok [0-9]+ / {
			failing = $1 == "not"
			id = failing ? $4 : $3
			got[id] = failing ? "not ok" : / # SKIP/ ? "skip" : "ok"
			said[id] = notes
			notes = ""
		}
		END {
			for (i = 1; i <= count; i++) {
				id = order[i]
				if (want[id] == "any" || got[id] == want[id]) continue
				print id >> failed
				if (got[id] == "" && ++missing > 3) continue
				word = got[id] == "" ? "no result" : got[id]
				if (word != "not ok") word = word ", not " want[id]
				printf "%s: %s\n%s", word, id, said[id]
			}
			if (missing > 3) print missing - 3 " more tests have no result"
		}
	' "$work/expected.txt" "$work/ktap.txt"
}

# Lines in which the kernel complained, without the times in front, into complaints.txt.
list_complaints() { # an extended regular expression; lines with one of these words are known
	tr -d "\r" < "$work/console.log" |
		sed 's/^\[ *[0-9.]*\]\(\[ *[CT][0-9]*\]\)\{0,1\} //' |
		grep -aE "^($1)" > "$work/complaints.txt"
	if [ -n "$2" ]; then
		printf '%s\n' "$2" > "$work/allowed.txt"
		grep -vFf "$work/allowed.txt" "$work/complaints.txt" > "$work/unlisted.txt"
		mv "$work/unlisted.txt" "$work/complaints.txt"
	fi
	head -n 20 "$work/complaints.txt"
}

# Whether the guest said that it has ended, and QEMU too; else what it said last.
came_to_end() { # QEMU's exit code, the one that is due
	if grep -aqE "^E[0-9]+ " "$work/results.log" 2> /dev/null && [ "$1" = "$2" ]; then return 0; fi
	grep -aE "^X[0-9]+ " "$work/results.log" 2> /dev/null | cut -d " " -f 4-
	echo "the guest did not come to its end (QEMU: $1); the last lines of the console:"
	tail -n 8 "$work/console.log"
	return 1
}

# Takes ids off failed.txt whose failure is the kernel's complaint, which says more.
drop_complained() { # ids, a line each
	printf '%s\n' "$1" > "$work/complained.txt"
	grep -vxFf "$work/complained.txt" "$work/failed.txt" > "$work/failed-alone.txt"
	mv "$work/failed-alone.txt" "$work/failed.txt"
}
