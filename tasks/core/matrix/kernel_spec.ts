// SPDX-License-Identifier: MIT
/** kernels/<id>/kernel.yaml: where a kernel's source comes from. */
import { dirname } from "node:path/posix";
import type { KernelSpec, SeriesPatch, SourceSpec } from "../model/model.ts";
import { readYaml, type YamlValue } from "../text/yaml_reader.ts";
import { parseUninstrumentedList } from "../inspect/instrumented_objects.ts";
import { KmatrixError } from "../model/errors.ts";

const SOURCE_KINDS = ["debian", "tarball", "git", "tree"] as const;

/**
 * Reads one kernel.yaml.
 * @param dir Folder of the file; relative paths in it start there.
 * @param uninstrumented Text of `uninstrumented.list` beside it, or null for none.
 * @param seriesFile Text of `patches/series` beside it (one patch name a line), or null for none.
 * @throws KmatrixError (usage) with line and column.
 */
export function parseKernelSpec(
  id: string,
  dir: string,
  file: string,
  text: string,
  seriesFile: string | null,
  uninstrumented: string | null,
): KernelSpec {
  const fields = readYaml(file, text).fields(["source", "description"], ["source"]);
  fields.description?.string();
  return {
    id,
    dir,
    source: parseSource(fields.source!, dir),
    series: seriesFile === null ? [] : parseSeriesFile(
      seriesFile,
      `${dir}/patches`,
      `${dirname(file)}/patches/series`,
    ),
    uninstrumented: uninstrumented === null ? null : parseUninstrumentedList(uninstrumented),
  };
}

function parseSource(value: YamlValue, dir: string): SourceSpec {
  const fields = value.fields([...SOURCE_KINDS, "sha256", "ref"]);
  const kinds = SOURCE_KINDS.filter((kind) => fields[kind] !== undefined);
  if (kinds.length !== 1) {
    throw value.error(`source needs exactly one of ${SOURCE_KINDS.join(", ")}`);
  }
  const kind = kinds[0]!;
  const extra = (["sha256", "ref"] as const).find((key) =>
    fields[key] && !(key === "sha256" ? kind === "tarball" : kind === "git")
  );
  if (extra) throw fields[extra]!.error(`"${extra}" has no meaning for a ${kind} source`);
  const location = fields[kind]!.string();
  switch (kind) {
    case "debian":
      if (!/^[a-z0-9][a-z0-9+.-]+$/.test(location)) {
        throw fields.debian!.error(`"${location}" is no name of a Debian package`);
      }
      return { kind, package: location };
    case "tarball": {
      if (!fields.sha256) throw value.error('a tarball source needs "sha256"');
      const sha256 = fields.sha256.string().toLowerCase();
      if (!/^[0-9a-f]{64}$/.test(sha256)) {
        throw fields.sha256.error(
          `sha256 must be 64 hex digits, found ${sha256.length} characters`,
        );
      }
      return { kind, location: resolveFrom(dir, location), sha256 };
    }
    case "git":
      if (!fields.ref) throw value.error('a git source needs "ref" (a tag, branch or commit)');
      return { kind, repository: resolveFrom(dir, location), ref: fields.ref.string() };
    case "tree":
      return { kind, path: resolveFrom(dir, location) };
  }
}

function resolveFrom(dir: string, location: string): string {
  return /^([a-z+]+:|\/|[^/]+@[^/]+:)/.test(location) ? location : `${dir}/${location}`;
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
        throw wrong(`"${option}" behind ${name}: only -p and a number may stand there`);
      }
      strip = level === "ab" ? 1 : Number(level);
    }
    patches.push(strip === undefined ? { file: path } : { file: path, strip });
  }
  return patches;
}
