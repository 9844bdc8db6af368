// SPDX-License-Identifier: MIT
/** kernels/<id>/promises.yaml: what is stated of how a kernel answers (docs/promises.md). */
import {
  answerForm,
  isAnswer,
  isPromiseId,
  PROMISE_IDS,
  type PromiseId,
} from "../../../selftests/contract/promises.ts";
import { type Feature, FEATURES, promiseOf } from "../../../selftests/contract/features.ts";
import type { PromiseBook, StatedPromises, Statement } from "../model/promises.ts";
import { nearest } from "../text/nearest.ts";
import { readYaml, type YamlValue } from "../text/yaml_reader.ts";

/** One file as it is read. */
export interface PromiseFile {
  /** Name of its folder. */
  readonly id: string;
  /** "kernels/linux-6.12/promises.yaml", for messages. */
  readonly file: string;
  readonly text: string;
  /** Names of the patches of the kernel's series; null where its folder has no kernel.yaml. */
  readonly patches: readonly string[] | null;
}

/** One file by itself. */
interface OwnStatements {
  readonly id: string;
  readonly ofKernel: boolean;
  readonly version: string;
  readonly told: string | null;
  readonly brings: readonly Feature[];
  readonly base: YamlValue | undefined;
  readonly withdraws: readonly { readonly id: PromiseId; readonly at: YamlValue }[];
  readonly statements: readonly {
    readonly id: PromiseId;
    readonly at: YamlValue;
    readonly statement: Statement;
  }[];
}

const KEYS = ["version", "extends", "brings", "told", "withdraws", "promises"] as const;
const STATEMENT_KEYS = ["answer", "reason", "commit", "patch"] as const;

/** Every key of a promises.yaml, those of its statements included. */
export const PROMISE_KEYS: readonly string[] = [...KEYS, ...STATEMENT_KEYS];

/** The features that a header tells, which a kernel of ours may bring. */
const HEADER_FEATURES = FEATURES.filter((feature) => promiseOf(feature).by === "header");

/**
 * Reads all of them, each with what it builds on.
 * @throws KmatrixError (usage) with line and column: an unknown promise, an answer that it cannot have,
 *   a statement that changes nothing, a circle.
 */
export function readPromiseBook(files: readonly PromiseFile[]): PromiseBook {
  const own = new Map(files.map((file) => [file.id, readFile(file)]));
  const whole = new Map<string, StatedPromises>();
  const open = new Set<string>();
  const resolve = (one: OwnStatements): StatedPromises => {
    const known = whole.get(one.id);
    if (known) return known;
    open.add(one.id);
    const base = one.base === undefined ? null : baseOf(one.base, own, open);
    const made = withBase(one, base === null ? null : resolve(base));
    open.delete(one.id);
    whole.set(one.id, made);
    return made;
  };
  return [...own.values()].map(resolve);
}

function baseOf(
  at: YamlValue,
  own: ReadonlyMap<string, OwnStatements>,
  open: ReadonlySet<string>,
): OwnStatements {
  const id = at.string();
  const base = own.get(id);
  if (!base) {
    const choices = nearest(id, [...own.keys()]);
    throw at.error(`there is no kernels/${id}/promises.yaml${choices}`);
  }
  if (open.has(id)) throw at.error(`${[...open, id].join(" builds on ")}: a circle`);
  return base;
}

/** The statements of a file in place of those of its base. */
function withBase(one: OwnStatements, base: StatedPromises | null): StatedPromises {
  const statements = new Map(base?.statements ?? []);
  for (const { id, at } of one.withdraws) {
    if (!statements.delete(id)) throw at.error(`${id} is not stated before: nothing to withdraw`);
  }
  for (const { id, at, statement } of one.statements) {
    const before = statements.get(id);
    if (before && before.answer === statement.answer) {
      throw at.error(`${id} is "${before.answer}" at ${before.place} already: leave it out here`);
    }
    statements.set(id, statement);
  }
  const { id, ofKernel, version, told, brings } = one;
  const order = PROMISE_IDS.filter((promise) => statements.has(promise));
  return {
    ...{ id, ofKernel, version, told },
    base: base?.id ?? null,
    brings: [...new Set([...base?.brings ?? [], ...brings])],
    statements: new Map(order.map((promise) => [promise, statements.get(promise)!])),
  };
}

function readFile({ id, file, text, patches }: PromiseFile): OwnStatements {
  const fields = readYaml(file, text).fields(KEYS, ["version", "promises"]);
  const version = fields.version!.string();
  if (!/^\d+\.\d+$/.test(version)) {
    throw fields.version!.error(`version ${version}: two numbers are wanted, such as 6.12`);
  }
  const statements = fields.promises!.entries().map(({ key, at, value }) => {
    const promise = promiseAt(at, key);
    return { id: promise, at, statement: readStatement(promise, at, value, patches ?? []) };
  });
  return {
    ...{ id, version, statements },
    ofKernel: patches !== null,
    told: fields.told?.string() ?? null,
    base: fields.extends,
    brings: (fields.brings?.list() ?? []).map((one) =>
      one.oneOf(HEADER_FEATURES, "feature of a header")
    ),
    withdraws: (fields.withdraws?.list() ?? []).map((at) => ({
      id: promiseAt(at, at.string()),
      at,
    })),
  };
}

function promiseAt(at: YamlValue, id: string): PromiseId {
  if (isPromiseId(id)) return id;
  throw at.error(`unknown promise ${JSON.stringify(id)}${nearest(id, PROMISE_IDS)}`);
}

function readStatement(
  id: PromiseId,
  at: YamlValue,
  value: YamlValue,
  patches: readonly string[],
): Statement {
  const fields = value.fields(STATEMENT_KEYS, ["answer", "reason"]);
  const answer = fields.answer!.string();
  if (!isAnswer(id, answer)) {
    throw fields.answer!.error(`${id}: "${answer}" is not ${answerForm(id)}`);
  }
  const { commit, patch } = fields;
  if ((commit === undefined) === (patch === undefined)) {
    throw at.error(`${id} needs either "commit" or "patch": what makes it so`);
  }
  const name = (commit ?? patch)!.string();
  if (commit && !/^(?:[0-9a-f]{12,40} )?\S+: \S/.test(name)) {
    throw commit.error(`"${name}" is no title of a commit, such as "kcov: …", or an id before it`);
  }
  if (patch && !patches.includes(name)) {
    throw patch.error(`"${name}" is no patch of the series${nearest(name, patches)}`);
  }
  return {
    answer,
    reason: fields.reason!.string(),
    from: { kind: commit ? "commit" : "patch", name },
    place: at.place,
  };
}

/** How many releases of the kernel lie before a version: 4.20 was followed by 5.0, 5.19 by 6.0. */
function ordinalOf(version: string): number {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major * 20 + minor + (major > 4 ? 1 : 0);
}

/** The version of a release, "6.12" of "6.12.117-kmatrix"; null for what is none. */
export function versionOf(release: string | null): string | null {
  return /^\d+\.\d+/.exec(release ?? "")?.[0] ?? null;
}

/**
 * The statements to hold a kernel against of which nothing is stated: of the nearest version, of two
 * the older one, and of these the ones that know most of its ioctls. What was only told is none.
 * @param release As the guest reports it, or the Makefile.
 */
export function nearestPromises(
  book: PromiseBook,
  release: string | null,
  features: readonly Feature[],
): StatedPromises | null {
  const version = versionOf(release);
  if (version === null) return null;
  const wanted = ordinalOf(version);
  const distance = (one: StatedPromises) => {
    const gap = ordinalOf(one.version) - wanted;
    return gap <= 0 ? -2 * gap : 2 * gap + 1;
  };
  return book.filter(({ told, brings }) =>
    told === null && brings.every((feature) => features.includes(feature))
  ).toSorted((a, b) => distance(a) - distance(b) || b.brings.length - a.brings.length)[0] ?? null;
}
