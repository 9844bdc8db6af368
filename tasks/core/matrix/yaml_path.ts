// SPDX-License-Identifier: MIT
/** Paths in kernel.yaml and matrix.yaml: relative to the file, or behind `~` or a variable. */
import type { YamlValue } from "../text/yaml_reader.ts";

/** Gives a variable of the environment. */
export type LookUp = (name: string) => string | undefined;

/** Where paths of a file begin. */
export interface Place {
  readonly dir: string;
  readonly lookUp: LookUp;
}

/** A path that may begin with ~ or with a variable. @throws KmatrixError (usage) with its place. */
export function pathOf(
  value: YamlValue,
  { dir, lookUp }: Place,
): { readonly path: string; readonly unset: { readonly unset?: string } } {
  const text = value.string();
  const match = /^(?:~|\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\}))(?=\/|$)/.exec(text);
  const rest = text.slice(match?.[0].length ?? 0);
  if (rest.includes("$")) {
    throw value.error(`"$" may stand at the beginning alone, as $NAME or \${NAME}, in ${text}`);
  }
  if (match === null) return { path: resolveFrom(dir, text), unset: {} };
  const name = match[1] ?? match[2] ?? "HOME";
  const start = lookUp(name);
  if (!start) return { path: text, unset: { unset: name } };
  if (!start.startsWith("/")) {
    throw value.error(
      `${name}=${start}: an absolute path is wanted in a variable that ${text} uses`,
    );
  }
  return { path: `${start.replace(/\/+$/, "")}${rest}`, unset: {} };
}

/** A location that is a URL or absolute, or one below a folder. */
export function resolveFrom(dir: string, location: string): string {
  return /^([a-z+]+:|\/|[^/]+@[^/]+:)/.test(location) ? location : `${dir}/${location}`;
}
