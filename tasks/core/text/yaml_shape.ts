// SPDX-License-Identifier: MIT
/**
 * What a reader of YAML asks of a file, noted while it reads: from that editors get a schema that
 * cannot say anything else than the reader.
 */

/** One place of a file: all values that a reader takes there. */
export class YamlShape {
  readonly #kinds = new Set<"map" | "list" | "string" | "integer">();
  readonly #fields = new Map<string, YamlShape>();
  readonly #required = new Set<string>();
  #entry: YamlShape | null = null;
  #item: YamlShape | null = null;
  #choices: Set<string> | null = null;
  #isOpen = false;
  #minimum = -Infinity;

  string(): void {
    this.#kinds.add("string");
    this.#isOpen = true;
  }

  integer(minimum: number): void {
    this.#kinds.add("integer");
    this.#minimum = Math.max(this.#minimum, minimum);
  }

  /** One of these words; elsewhere in the file another one may hold, if `isOpen` says so. */
  choice(choices: readonly string[], isOpen: boolean): void {
    this.#kinds.add("string");
    this.#isOpen ||= isOpen;
    this.#choices = new Set([...this.#choices ?? [], ...choices]);
  }

  /** The shape of each item of a list. */
  item(): YamlShape {
    this.#kinds.add("list");
    return this.#item ??= new YamlShape();
  }

  /** The shape of each value of a map whose keys are free. */
  entry(): YamlShape {
    this.#kinds.add("map");
    return this.#entry ??= new YamlShape();
  }

  /** The shape of the value of a known key. */
  field(key: string): YamlShape {
    this.#kinds.add("map");
    const shape = this.#fields.get(key) ?? new YamlShape();
    this.#fields.set(key, shape);
    return shape;
  }

  require(keys: readonly string[]): void {
    for (const key of keys) this.#required.add(key);
  }

  /** Places that the reader knows and no file that it has read has, as `configs.*.base`. */
  unread(path = ""): string[] {
    if (this.#kinds.size === 0) return [path];
    const inside = (name: string) => path === "" ? name : `${path}.${name}`;
    return [
      ...[...this.#fields].flatMap(([key, shape]) => shape.unread(inside(key))),
      ...(this.#entry?.unread(inside("*")) ?? []),
      ...(this.#item?.unread(`${path}[]`) ?? []),
    ];
  }

  /** As JSON Schema. @param describe What a place is for, by its path; undefined for no word on it. */
  schema(describe: (path: string) => string | undefined, path = ""): Record<string, unknown> {
    const inside = (name: string) => path === "" ? name : `${path}.${name}`;
    const kinds = [...this.#kinds].map((kind): Record<string, unknown> => {
      switch (kind) {
        case "string":
          // A number without quotes is a word to the reader: 6.12, -22.
          return this.#isOpen || this.#choices === null
            ? { type: ["string", "number"] }
            : { enum: [...this.#choices] };
        case "integer":
          return { type: "integer", minimum: this.#minimum };
        case "list":
          return { type: "array", items: this.#item!.schema(describe, `${path}[]`) };
        case "map":
          return {
            type: "object",
            ...(this.#fields.size === 0 ? {} : {
              properties: Object.fromEntries(
                [...this.#fields].map(([key, shape]) => [key, shape.schema(describe, inside(key))]),
              ),
            }),
            ...(this.#required.size === 0 ? {} : { required: [...this.#required] }),
            additionalProperties: this.#entry?.schema(describe, inside("*")) ?? false,
          };
      }
    });
    const description = describe(path);
    return {
      ...(description === undefined ? {} : { description }),
      ...(kinds.length === 1 ? kinds[0] : { anyOf: kinds }),
    };
  }
}
