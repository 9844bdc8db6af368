// SPDX-License-Identifier: MIT
/** The part of `repro.sh` that gets the source as it was judged. */
import type { TreeIdentity } from "../model/model.ts";
import { debianSourceTar } from "../source/debian.ts";
import { contentCommand, SOURCE_DIFF } from "../source/source_identity.ts";
import { quoteWord } from "../text/shell.ts";
import type { ReproFacts } from "./repro_facts.ts";

/** Ends the script: what was judged is not to be had any more. */
const movedOn = (what: string) =>
  `stop ${quoteWord(`${what}: it has moved on since this was recorded`)}`;

/** A commit of a repository on this machine as files, whatever attributes say of them. */
function checkout(repository: string, commit: string): string[] {
  const fetch = `fetch --quiet --depth=1 ${quoteWord(repository)} ${commit}`;
  return [
    '\tgit init --quiet "$source" &&',
    `\t\techo '* -text -ident -filter' > "$source/.git/info/attributes" &&`,
    `\t\tgit -C "$source" ${fetch} ||`,
    `\t\t${movedOn(`${repository} does not have commit ${commit}`)}`,
    '\tgit -C "$source" checkout --quiet FETCH_HEAD || return 1',
  ];
}

/** How the source is had as it was judged; the last line of a function. */
export function sourceLines({ source: spec, version, identity }: ReproFacts): string[] {
  const digest = identity?.sha256 ?? null;
  const unpack = (archive: string) =>
    `\ttar --extract -f ${archive} -C "$source" --strip-components=1 --no-same-owner || return 1`;
  switch (spec.kind) {
    case "debian": {
      const tar = quoteWord(debianSourceTar(spec.package));
      const query = `dpkg-query --show --showformat='\${Version}' ${spec.package}`;
      if (digest !== null) {
        return [
          ...packageLines(spec.package, spec.suite ?? null, version, digest),
          unpack('"$tar"'),
        ];
      }
      return [
        `\t[ -f ${tar} ] || stop 'install ${spec.package}'`,
        `\t[ "$(${query} 2> /dev/null)" = ${quoteWord(version)} ] ||`,
        `\t\t${movedOn(`${spec.package} is not version ${version}`)}`,
        unpack(tar),
      ];
    }
    case "tarball": {
      const remote = /^https?:/.test(spec.location);
      const archive = remote ? '"$work/source.tar"' : quoteWord(spec.location);
      const word = quoteWord(spec.location);
      return [
        ...(remote ? [`\tcurl --fail --location --output ${archive} ${word} || return 1`] : []),
        `\thas_digest ${archive} ${spec.sha256} || stop ${archive}' has another sha256'`,
        unpack(archive),
      ];
    }
    case "git":
      return [
        '\tgit init --quiet "$source" &&',
        `\t\tgit -C "$source" fetch --depth=1 ${quoteWord(spec.repository)} ${
          quoteWord(spec.ref)
        } || return 1`,
        ...(identity === null ? [] : [
          `\t[ "$(git -C "$source" rev-parse 'FETCH_HEAD^{commit}')" = ${identity.digest} ] ||`,
          `\t\t${movedOn(`${spec.ref} of ${spec.repository} is not ${identity.digest}`)}`,
        ]),
        '\tgit -C "$source" checkout --quiet FETCH_HEAD || return 1',
      ];
    case "commits":
      return [
        `\t# the last commit of ${spec.range}`,
        ...checkout(spec.repository, spec.commits.at(-1)?.id ?? spec.base),
      ];
    case "tree":
      return treeLines(spec.path, identity?.tree ?? null);
  }
}

/**
 * The package as it was downloaded, by its digest: of a file that the caller names, or by the apt of
 * the machine, which has to know the suite.
 */
function packageLines(
  name: string,
  suite: string | null,
  version: string,
  sha256: string,
): string[] {
  const what = `${name} ${version}${suite === null ? "" : ` of ${suite}`}`;
  const wanted = quoteWord(`${name}=${version}`);
  return [
    "\tdeb=${KERNEL_DEB:-}",
    '\tif [ -z "$deb" ]; then',
    `\t\t(cd "$work" && apt-get download ${wanted}) ||`,
    `\t\t\tstop ${quoteWord(`get ${what}, and name its file as KERNEL_DEB=`)}`,
    `\t\tdeb=$(echo "$work"/${name}_*.deb)`,
    "\tfi",
    `\thas_digest "$deb" ${sha256} ||`,
    `\t\t${movedOn(`the file of ${what}`)}`,
    '\tdpkg-deb --extract "$deb" "$work/deb" || return 1',
    `\ttar="$work/deb"${quoteWord(debianSourceTar(name))}`,
  ];
}

/** A local tree as it was, from git's objects or where its files are still the same. */
function treeLines(named: string, tree: TreeIdentity | null): string[] {
  const path = tree?.path ?? named;
  const word = quoteWord(path);
  if (tree?.content) {
    const { sha256, follow } = tree.content;
    // Of a tree that holds a build, its source alone.
    const from = quoteWord(tree.view ?? path);
    return [
      `\t[ "$(cd ${from} && ${contentCommand(follow)})" = ${sha256} ] ||`,
      `\t\t${movedOn(`the files of ${path} are others`)}`,
      `\tcp -R${follow ? "L" : ""} ${from}/. "$source" || return 1`,
    ];
  }
  if (tree?.git) {
    const { commit, diff } = tree.git;
    return [
      ...checkout(path, commit),
      ...(diff === null ? [] : [
        `\thas_digest "$here/${SOURCE_DIFF}" ${diff.sha256} ||`,
        `\t\tstop "$here/${SOURCE_DIFF} is not the recorded one"`,
        `\t(cd "$source" && git apply --whitespace=nowarn "$here/${SOURCE_DIFF}") || return 1`,
      ]),
    ];
  }
  return [
    "\techo 'notice: nobody knows whether the tree is as it was'",
    `\tcp -R ${word}/. "$source" || return 1`,
  ];
}
