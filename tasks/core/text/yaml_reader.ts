// SPDX-License-Identifier: MIT
/**
 * A typed way into a YAML file in which every complaint carries file, line, column and a caret.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
} from "yaml";
import { nearest } from "./nearest.ts";
import { YamlShape } from "./yaml_shape.ts";
import { KmatrixError } from "../model/errors.ts";

interface Source {
  readonly file: string;
  readonly text: string;
  readonly lines: LineCounter;
  readonly document: Document;
  /** How often an alias was followed: a few that refer to each other can stand for anything. */
  followed: number;
}

const MOST_FOLLOWED = 1000;

/** Of YAML 1.1, and in use ever since: the entries of another map. */
const MERGE_KEY = "<<";

/** A value that is no map and no list. */
function scalarText({ value }: Scalar): string {
  const quoted = JSON.stringify(value);
  return `${typeof value} ${quoted}`;
}

/** "file:3:7: message", the line itself and a caret below the column. */
function located(source: Source, offset: number, message: string): KmatrixError {
  const { line, col } = source.lines.linePos(offset);
  const text = source.text.split("\n")[line - 1] ?? "";
  return new KmatrixError(
    "usage",
    "bad-yaml",
    `${source.file}:${line}:${col}: ${message}`,
    `  ${text}\n  ${" ".repeat(Math.max(0, col - 1))}^`,
  );
}

/** One value of the file together with its place. Each reader method throws a located error. */
export class YamlValue {
  readonly #source: Source;
  readonly #node: Node | null;
  readonly #offset: number;
  /** How people would name the place, e.g. `configs.kcov.fragments`. */
  readonly path: string;
  /** What was asked of it. */
  readonly shape: YamlShape;

  constructor(
    source: Source,
    node: Node | null,
    offset: number,
    path: string,
    shape = new YamlShape(),
  ) {
    this.#source = source;
    this.shape = shape;
    this.#offset = node?.range?.[0] ?? offset;
    this.path = path;
    this.#node = this.#resolved(node);
  }

  /** What an alias stands for; its place stays that of the alias. */
  #resolved(node: Node | null): Node | null {
    if (!isAlias(node)) return node;
    const { document } = this.#source;
    if (this.#source.followed++ > MOST_FOLLOWED) {
      throw this.error(`more than ${MOST_FOLLOWED} aliases to follow`);
    }
    const target = node.resolve(document) as Node | undefined;
    if (target !== undefined) return target;
    throw this.error(`the alias *${node.source} names no anchor (&${node.source}) before it`);
  }

  /** An error at this value. */
  error(message: string): KmatrixError {
    return located(this.#source, this.#offset, message);
  }

  #wrong(wanted: string): KmatrixError {
    const found = this.#node === null || (isScalar(this.#node) && this.#node.value === null)
      ? "nothing"
      : isMap(this.#node)
      ? "a map"
      : isSeq(this.#node)
      ? "a list"
      : scalarText(this.#node as Scalar);
    return this.error(`${this.path || "the file"} must be ${wanted}, found ${found}`);
  }

  /** "file:3", for what is said of this value later. */
  get place(): string {
    return `${this.#source.file}:${this.#source.lines.linePos(this.#offset).line}`;
  }

  /** Nothing there: an empty file, or one of comments only. */
  get isEmpty(): boolean {
    return this.#node === null || (isScalar(this.#node) && this.#node.value === null);
  }

  get isMap(): boolean {
    return isMap(this.#node);
  }

  get isList(): boolean {
    return isSeq(this.#node);
  }

  string(): string {
    this.shape.string();
    return this.#string();
  }

  #string(): string {
    if (isScalar(this.#node) && typeof this.#node.value === "string" && this.#node.value !== "") {
      return this.#node.value;
    }
    // An unquoted -22 or 6.12 is a number to YAML but a word to the reader of a matrix.
    if (isScalar(this.#node) && typeof this.#node.value === "number" && this.#node.source) {
      return this.#node.source;
    }
    const taken = isScalar(this.#node) && typeof this.#node.value === "boolean";
    throw this.#wrong(taken ? `a string (${this.#node.source} in quotes is one)` : "a string");
  }

  integer(minimum: number): number {
    this.shape.integer(minimum);
    const value = isScalar(this.#node) ? this.#node.value : null;
    if (typeof value === "number" && Number.isInteger(value) && value >= minimum) return value;
    throw this.#wrong(`a whole number of at least ${minimum}`);
  }

  /** @param isOpen Whether the choices are of this file, or of this machine. */
  oneOf<T extends string>(choices: readonly T[], what: string, isOpen = false): T {
    this.shape.choice(choices, isOpen);
    const value = this.#string();
    if ((choices as readonly string[]).includes(value)) return value as T;
    throw this.error(`unknown ${what} ${JSON.stringify(value)}${nearest(value, choices)}`);
  }

  list(): YamlValue[] {
    const shape = this.shape.item();
    if (!isSeq(this.#node)) throw this.#wrong("a list");
    return this.#node.items.map((item, index) =>
      new YamlValue(this.#source, item as Node, this.#offset, `${this.path}[${index}]`, shape)
    );
  }

  strings(): string[] {
    return this.list().map((item) => item.string());
  }

  /**
   * All entries of a map with free keys (ids, globs), in file order; those of a merge key (`<<`) come
   * behind the map's own, which win.
   */
  entries(): { key: string; at: YamlValue; value: YamlValue }[] {
    return this.#entries(() => this.shape.entry());
  }

  /** @param shapeOf Of the value of a key. */
  #entries(
    shapeOf: (key: string) => YamlShape,
  ): { key: string; at: YamlValue; value: YamlValue }[] {
    if (!isMap(this.#node)) throw this.#wrong("a map");
    const merged: YamlValue[] = [];
    const own = (this.#node.items as Pair<Node | null, Node | null>[]).flatMap((pair) => {
      const at = new YamlValue(this.#source, pair.key, this.#offset, `a key of ${this.#name}`);
      const key = at.string();
      const path = this.path ? `${this.path}.${key}` : key;
      const shape = key === MERGE_KEY ? new YamlShape() : shapeOf(key);
      const value = new YamlValue(this.#source, pair.value, at.#offset, path, shape);
      if (key !== MERGE_KEY) return [{ key, at, value }];
      merged.push(...(isSeq(value.#node) ? value.list() : [value]));
      return [];
    });
    const known = new Set(own.map(({ key }) => key));
    for (const { key, at, value } of merged.flatMap((one) => one.entries())) {
      if (known.has(key)) continue;
      known.add(key);
      const path = this.path ? `${this.path}.${key}` : key;
      const { offset, node } = { offset: value.#offset, node: value.#node };
      own.push({ key, at, value: new YamlValue(this.#source, node, offset, path, shapeOf(key)) });
    }
    return own;
  }

  get #name(): string {
    return this.path || "the file";
  }

  /** A map with known keys only; `required` ones must be there. */
  fields<K extends string>(
    known: readonly K[],
    required: readonly K[] = [],
  ): Partial<Record<K, YamlValue>> {
    const found: Partial<Record<K, YamlValue>> = {};
    for (const key of known) this.shape.field(key);
    this.shape.require(required);
    const shapeOf = (key: string) =>
      (known as readonly string[]).includes(key) ? this.shape.field(key) : new YamlShape();
    for (const { key, at, value } of this.#entries(shapeOf)) {
      if (!(known as readonly string[]).includes(key)) {
        const where = this.path ? ` in ${this.path}` : "";
        throw at.error(`unknown key ${JSON.stringify(key)}${where}${nearest(key, known)}`);
      }
      found[key as K] = value;
    }
    for (const key of required) {
      if (!found[key]) throw this.error(`${this.path || "the file"} lacks the key "${key}"`);
    }
    return found;
  }
}

/**
 * Parses one YAML document.
 * @param shape Where to note what is asked of it, beside what was asked of others.
 * @throws KmatrixError (usage) with line, column and caret for a syntax error or a duplicate key.
 */
export function readYaml(file: string, text: string, shape?: YamlShape): YamlValue {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const source = { file, text, lines, document, followed: 0 };
  // A tag that nobody knows is a warning of the library's, and its value not what was meant.
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem) throw located(source, problem.pos[0], MESSAGES[problem.code] ?? problem.message);
  return new YamlValue(source, document.contents as Node | null, 0, "", shape);
}

/** Where the library speaks of its own functions. */
const MESSAGES: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: "a second document begins here; one file is one document",
};
