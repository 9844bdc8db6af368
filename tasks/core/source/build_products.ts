// SPDX-License-Identifier: MIT
/**
 * What a build in the tree has left there, told from source by the list of a tree's files
 * (steps/kernel_tree.ts). kbuild records each target that it makes by a command (`.<target>.cmd`
 * beside it); what it makes otherwise has names that `make clean` and `make mrproper` go by (top
 * Makefile, kbuild/makefiles.rst). A .gitignore would tell less: of a package's sources it may name
 * every file.
 */
import { basename, dirname } from "node:path/posix";
import { nameInList } from "./tree_list.ts";

/** Names that no source file has. */
const MADE_NAMES = new RegExp(
  [
    ...[/\.(?:[aios]|rsi|rmeta|ko|ko\..+|dtbo?|dtbo?\.S|dt\.yaml|dwo|lst|su|mod|mod\.c)$/],
    ...[/\.(?:lex\.c|tab\.[ch]|asn1\.[ch]|symtypes|ll|gcno|so|c\.[012].*\..*|o\..+)$/],
    ...[/^\..+\.(?:cmd|d|tmp)$/, /^\.tmp_/, /^(?:dtbs-list|modules\.order)$/],
  ].map(({ source }) => source).join("|"),
);

/** Folders, and files of the top, by path. */
const MADE_PATHS = new RegExp(
  [
    ...[/^include\/(?:config|generated)\//, /^arch\/[^/]+\/include\/generated\//],
    // Headers for programs; its own files lie beside them.
    ...[/^usr\/include\/[^/]+\//, /^\.(?:config(?:\.old)?|version|missing-syscalls\.d)$/],
    ...[/^\.tmp_[^/]*\//, /^\.?vmlinux(?:$|[.-])/, /^(?:System\.map|Module\.(?:symvers|markers))$/],
    ...[/^modules[.-]/, /^(?:compile_commands|rust-project)\.json$/],
    // Made by comparing and by a shell, of which nothing is recorded.
    ...[/^scripts\/mod\/(?:devicetable-offsets|elfconfig)\.h$/, /^init\/utsversion-tmp\.h$/],
    ...[/^(?:tools\/objtool\/)?arch\/[^/]+\/lib\/inat-tables\.c$/],
    ...[/^tools\/objtool\/(?:objtool|fixdep|libsubcmd\/.*)$/],
    ...[/^certs\/(?:signing_key\.(?:pem|x509|priv)|x509\.genkey)$/],
    // Of editors; as large as all sources.
    ...[/^(?:tags|TAGS|GTAGS|GRTAGS|GPATH|GSYMS|cscope\.(?:files|out|in\.out|po\.out))$/],
  ].map(({ source }) => source).join("|"),
);

/** The lines of a list that are source. */
export function sourceLines(list: string): string {
  const lines = list.split("\n").filter(Boolean);
  const names = lines.map((line) => nameInList(line) ?? "");
  const made = new Set(names.flatMap((name) => {
    const target = /^\.(.+)\.cmd$/.exec(basename(name))?.[1];
    return target === undefined ? [] : [`${folderOf(name)}${target}`];
  }));
  return lines.filter((_, index) => {
    const name = names[index]!;
    return name !== "" && !made.has(name) && !MADE_PATHS.test(name) &&
      !MADE_NAMES.test(basename(name));
  }).map((line) => `${line}\n`).join("");
}

function folderOf(name: string): string {
  const folder = dirname(name);
  return folder === "." ? "" : `${folder}/`;
}
