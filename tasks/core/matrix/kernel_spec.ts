// SPDX-License-Identifier: MIT
/** kernels/<id>/kernel.yaml: where a kernel's source comes from. */
import { dirname } from "node:path/posix";
import type { KernelSpec, SeriesPatch, SourceSpec } from "../model/model.ts";
import { readYaml, type YamlValue } from "../text/yaml_reader.ts";
import { parseUninstrumentedList } from "../inspect/instrumented_objects.ts";
import { KmatrixError } from "../model/errors.ts";
import { type LookUp, pathOf, type Place, resolveFrom } from "./yaml_path.ts";

const SOURCE_KINDS = ["debian", "tarball", "git", "tree"] as const;
const FILE_KEYS = ["source", "description"] as const;
const ONE_OF = `one of ${SOURCE_KINDS.join(", ")}`;

/**
 * Reads one kernel.yaml.
 * @param dir Folder of the file; relative paths in it start there.
 * @param uninstrumented Text of `uninstrumented.list` beside it, or null for none.
 * @param seriesFile Text of `patches/series` beside it (one patch name a line), or null for none.
 * @param lookUp Gives a variable of the environment; paths may begin with one, or with ~.
 * @throws KmatrixError (usage) with line and column.
 */
export function parseKernelSpec(
  id: string,
  dir: string,
  file: string,
  text: string,
  seriesFile: string | null,
  uninstrumented: string | null,
  lookUp: LookUp = () => undefined,
): KernelSpec {
  const fields = readYaml(file, text).fields(FILE_KEYS, ["source"]);
  fields.description?.string();
  const [source, ...otherSources] = parseSources(fields.source!, { dir, lookUp });
  return {
    id,
    dir,
    source,
    ...(otherSources.length > 0 ? { otherSources } : {}),
    series: seriesFile === null ? [] : parseSeriesFile(
      seriesFile,
      `${dir}/patches`,
      `${dirname(file)}/patches/series`,
    ),
    uninstrumented: uninstrumented === null ? null : parseUninstrumentedList(uninstrumented),
  };
}

/** One source, or a list of them in the order in which they are tried. */
function parseSources(value: YamlValue, place: Place): [SourceSpec, ...SourceSpec[]] {
  if (!value.isList) return [parseSource(value, place)];
  const items = value.list();
  const sources: SourceSpec[] = [];
  for (const item of items) {
    const source = parseSource(item, place);
    const same = sources.findIndex((one) => JSON.stringify(one) === JSON.stringify(source));
    if (same >= 0) {
      throw item.error(`${item.path} is the same as source[${same}]: one of them can go`);
    }
    sources.push(source);
  }
  const [first, ...others] = sources;
  if (first === undefined) throw value.error(`source is an empty list: ${ONE_OF}`);
  return [first, ...others];
}

/** Which kinds of source take a key beside the one that names them. */
const EXTRA_KEYS = {
  sha256: "tarball",
  ref: "git",
  suite: "debian",
} as const satisfies Readonly<Record<string, typeof SOURCE_KINDS[number]>>;

const extraKeys = Object.keys(EXTRA_KEYS) as readonly (keyof typeof EXTRA_KEYS)[];

/** Every key of a kernel.yaml, those of its sources included. */
export const KERNEL_KEYS: readonly string[] = [...FILE_KEYS, ...SOURCE_KINDS, ...extraKeys];

function parseSource(value: YamlValue, place: Place): SourceSpec {
  if (!value.isMap) {
    const example = "such as `debian: linux-source-6.12` or `tree: ../linux`";
    throw value.error(`${value.path} must be a map with ${ONE_OF}, ${example}`);
  }
  const fields = value.fields([...SOURCE_KINDS, ...extraKeys]);
  const kinds = SOURCE_KINDS.filter((kind) => fields[kind] !== undefined);
  if (kinds.length !== 1) {
    const several = kinds.length > 1 ? "; several are a list, each behind a -" : "";
    throw value.error(`${value.path} needs exactly ${ONE_OF}${several}`);
  }
  const kind = kinds[0]!;
  const extra = extraKeys.find((key) => fields[key] && EXTRA_KEYS[key] !== kind);
  if (extra) throw fields[extra]!.error(`"${extra}" has no meaning for a ${kind} source`);
  const location = fields[kind]!.string();
  switch (kind) {
    case "debian":
      if (!/^[a-z0-9][a-z0-9+.-]+$/.test(location)) {
        // As words of apt-get install are written.
        const advice = location.includes("/")
          ? "; the suite stands in a key of its own, suite"
          : location.includes("=")
          ? "; the newest version that there is is taken, and none can be named"
          : "";
        throw fields.debian!.error(`"${location}" is no name of a Debian package${advice}`);
      }
      return fields.suite === undefined
        ? { kind, package: location }
        : { kind, package: location, suite: parseSuite(fields.suite) };
    case "tarball": {
      if (!fields.sha256) throw value.error('a tarball source needs "sha256"');
      const sha256 = fields.sha256.string().toLowerCase();
      if (!/^[0-9a-f]{64}$/.test(sha256)) {
        throw fields.sha256.error(
          `sha256 must be 64 hex digits, found ${sha256.length} characters`,
        );
      }
      const { path, unset } = pathOf(fields.tarball!, place);
      return { kind, location: path, sha256, ...unset };
    }
    case "git":
      if (!fields.ref) throw value.error('a git source needs "ref" (a tag, branch or commit)');
      return { kind, repository: resolveFrom(place.dir, location), ref: fields.ref.string() };
    case "tree": {
      if (/^[a-z][a-z+]*:/.test(location)) {
        throw fields.tree!.error(`a tree is a folder of this machine, and ${location} a URL`);
      }
      const { path, unset } = pathOf(fields.tree!, place);
      return { kind, path, ...unset };
    }
  }
}

/** A name as in a line of sources.list; `a/updates` and URLs are none here. */
function parseSuite(value: YamlValue): string {
  const suite = value.string();
  if (/^[a-z][a-z0-9-]*$/.test(suite)) return suite;
  const example = 'such as "trixie-backports", or "backports" for those of the machine\'s release';
  throw value.error(`${JSON.stringify(suite)} is no name of a suite, ${example}`);
}

/**
 * The patches of a series file as quilt(1) writes it: a name a line, perhaps with -pN behind it;
 * blank lines and comments do not count.
 * @param file What the text is, for messages.
 * @throws KmatrixError "usage" (bad-series) with the line.
 */
export function parseSeriesFile(text: string, dir: string, file = `${dir}/series`): SeriesPatch[] {
  const patches: SeriesPatch[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const [name, ...options] = line.replace(/(?:^|\s)#.*/, "").trim().split(/\s+/);
    if (!name) continue;
    const wrong = (why: string) =>
      new KmatrixError("usage", "bad-series", `${file}:${index + 1}: ${why}`);
    if (name.startsWith("/") || name.split("/").includes("..")) {
      throw wrong(`"${name}" leads out of the folder`);
    }
    const path = `${dir}/${name}`;
    if (patches.some((one) => one.file === path)) throw wrong(`"${name}" is listed twice`);
    let strip: number | undefined;
    for (const option of options) {
      const level = /^-p(\d+|ab)$/.exec(option)?.[1];
      if (level === undefined) {
        throw wrong(`"${option}" after ${name}: only -p with a number may follow a name`);
      }
      strip = level === "ab" ? 1 : Number(level);
    }
    patches.push(strip === undefined ? { file: path } : { file: path, strip });
  }
  return patches;
}
