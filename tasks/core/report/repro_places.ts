// SPDX-License-Identifier: MIT
/** Places in the words of `repro.sh`: what is a path of this machine is a variable there. */
import { quoteWord } from "../text/shell.ts";

/** A word in which the script's variables stand. */
export function shellWord(word: string): string {
  if (!word.includes("@")) return quoteWord(word);
  const quoted = word.replace(/[\\"$`]/g, "\\$&")
    .replaceAll("/@WORK@/source", "$source").replaceAll("/@WORK@/build", "$build")
    .replaceAll("/@WORK@/plugin", "$plugin").replaceAll("/@WORK@/compiler", "$compiler").replaceAll(
      "/@IMAGE@",
      "$image",
    ).replaceAll(
      "/@INITRAMFS@",
      "$initramfs",
    )
    .replaceAll("/@RESULTS@", "$work/results.log");
  return `"${quoted}"`;
}
