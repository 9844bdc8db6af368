// SPDX-License-Identifier: MIT
/** What a shell may offer for the word that is being typed, and the scripts that ask for it. */

/** A command as its own help page has it. */
export interface CommandFacts {
  readonly name: string;
  /** Placeholders of its arguments, such as "cells". */
  readonly args: readonly string[];
  readonly options: readonly OptionFacts[];
}

export interface OptionFacts {
  /** "-j", "--jobs". */
  readonly names: readonly string[];
  /** Placeholder of its value, such as "glob"; null for a switch. */
  readonly value: string | null;
  readonly choices: readonly string[];
}

/** Names that only this project knows; asked for when they are needed. */
export interface Names {
  readonly cells: () => Promise<readonly string[]>;
  readonly tests: () => Promise<readonly string[]>;
  /** Words that `explain` knows. */
  readonly ids: () => Promise<readonly string[]>;
  /** What `deno task` runs, commands of the tool or not. */
  readonly tasks: () => Promise<readonly string[]>;
}

/**
 * Candidates for the last of the words behind `deno task`, which may be empty. None where a file or
 * something unknown is wanted: the shell then offers files.
 */
export async function candidates(
  words: readonly string[],
  commands: readonly CommandFacts[],
  names: Names,
): Promise<string[]> {
  const last = words.at(-1) ?? "";
  const starting = (list: readonly string[]) => list.filter((one) => one.startsWith(last));
  if (words.length < 2) return starting(await names.tasks());
  const command = commands.find(({ name }) => name === words[0]);
  if (command === undefined) return [];
  const typed = words.slice(1, -1);
  // What stands behind it is for the guest.
  if (typed.includes("--")) return [];
  const before = command.options.find((option) =>
    option.value !== null && option.names.includes(typed.at(-1) ?? "")
  );
  if (before !== undefined) {
    if (before.choices.length > 0) return starting(before.choices);
    return starting(await named(before.value!, names));
  }
  if (last.startsWith("-")) return starting(command.options.flatMap((option) => option.names));
  const given = positionals(typed, command.options);
  const wanted = command.args[Math.min(given, command.args.length - 1)];
  return wanted === undefined ? [] : starting(await named(wanted, names));
}

function positionals(typed: readonly string[], options: readonly OptionFacts[]): number {
  const takesValue = (word: string | undefined) =>
    options.some(({ names, value }) => value !== null && names.includes(word ?? ""));
  return typed.filter((word, index) => !word.startsWith("-") && !takesValue(typed[index - 1]))
    .length;
}

async function named(placeholder: string, names: Names): Promise<readonly string[]> {
  if (/^cells?$/.test(placeholder)) return await names.cells();
  if (placeholder === "glob") return await names.tests();
  if (placeholder === "id") return await names.ids();
  return [];
}

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = typeof SHELLS[number];

/** What is completed: the words behind `deno task` in the project's folder, or the launcher's own. */
export type Completed = "deno task" | "kmatrix";

/** The script that makes a shell ask the tool's `complete`. */
export function completionScript(shell: Shell, of: Completed = "deno task"): string {
  return of === "kmatrix" ? LAUNCHERS[shell] : TASKS[shell];
}

/**
 * A function of bash, which breaks words at ":" and "@" too, and takes replies for what stands behind
 * the last ":", or for the last "@" with what stands behind it.
 * @param first Which of the words behind the program is the first that is completed.
 * @param ask The command that is asked.
 */
const bashFunction = (name: string, first: number, ask: string) =>
  `${name}() {
	local line=\${COMP_LINE:0:COMP_POINT} words word program
	IFS= read program <<< "$1"
	line=\${line#*"\${COMP_WORDS[0]}"}
	read -a words <<< "$line"
	[[ $line = *[[:space:]] ]] && words+=("")
	word=\${words[\${#words[@]}-1]}
	local IFS=$'\\n' front=\${word%"\${word##*["$COMP_WORDBREAKS"]}"}
	COMPREPLY=($(${ask} complete -- "\${words[@]:${first}}" 2> /dev/null))
	COMPREPLY=("\${COMPREPLY[@]#"\${front%@}"}")
}`;

const TASKS: Readonly<Record<Shell, string>> = {
  bash: `# kmatrix: completion of \`deno task\` in bash; source it, or put it into ~/.bashrc
${bashFunction("_kmatrix_task", 1, "deno task --quiet")}
_kmatrix_deno() {
	COMPREPLY=()
	[ "\${COMP_WORDS[1]}" = task ] && [ -e tasks/main.ts ] && [ "$COMP_CWORD" -ge 2 ] || return
	_kmatrix_task
}
complete -o default -F _kmatrix_deno deno
`,
  zsh: `# kmatrix: completion of \`deno task\` in zsh; source it behind compinit
_kmatrix_deno() {
	[[ \${words[2]} = task && -e tasks/main.ts && $CURRENT -ge 3 ]] || { _files; return }
	local -a found
	found=(\${(f)"$(deno task --quiet complete -- "\${(@)words[3,CURRENT]}" 2> /dev/null)"})
	(( $#found )) && compadd -- $found || _files
}
compdef _kmatrix_deno deno
`,
  fish:
    `# kmatrix: completion of \`deno task\` in fish; source it, or put it into completions/deno.fish
function __kmatrix_complete
	set -l words (commandline -opc) (commandline -ct)
	set -l found (deno task --quiet complete -- $words[3..-1] 2> /dev/null)
	if set -q found[1]
		printf '%s\\n' $found
	else
		__fish_complete_path (commandline -ct)
	end
end
complete -c deno -n '__fish_seen_subcommand_from task; and test -e tasks/main.ts' -f -a '(__kmatrix_complete)'
`,
};

/** They ask the very program that is typed: with a path in front, too. */
const LAUNCHERS: Readonly<Record<Shell, string>> = {
  bash: `# kmatrix: completion of \`kmatrix\` in bash, loaded by bash-completion when it is needed
${bashFunction("_kmatrix", 0, '"\${program/#~\\//"$HOME"/}"')}
complete -o default -F _kmatrix kmatrix
`,
  zsh: `#compdef kmatrix
# kmatrix: completion of \`kmatrix\` in zsh, loaded by compinit from a folder of fpath
local -a found
local program=\${(Q)words[1]}
found=(\${(f)"$("\${program/#\\~\\//$HOME/}" complete -- "\${(@Q)words[2,CURRENT]}" 2> /dev/null)"})
(( $#found )) && compadd -- $found || _files
`,
  fish: `# kmatrix: completion of \`kmatrix\` in fish, loaded when it is needed
function __kmatrix_launcher
	set -l words (commandline -opc) (commandline -ct)
	set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
	set -l found ($program complete -- $words[2..-1] 2> /dev/null)
	if set -q found[1]
		printf '%s\\n' $found
	else
		__fish_complete_path (commandline -ct)
	end
end
complete -c kmatrix -f -a '(__kmatrix_launcher)'
`,
};
