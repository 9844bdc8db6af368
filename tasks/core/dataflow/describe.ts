// SPDX-License-Identifier: MIT
/** A tree of calls with names, types and values: what debug information and source say of records. */
import { DATAFLOW_BAD, type DataflowRecord } from "../../../selftests/contract/dataflow.ts";
import { counted } from "../text/counted.ts";
import {
  type CallTree,
  errnoIn,
  type RecordedFunction,
  type TracedCall,
  wayOfError,
} from "./call_tree.ts";
import type {
  DataflowArgument,
  DataflowCall,
  DataflowField,
  DataflowRemark,
  DataflowReport,
  DataflowReturn,
  DataflowValue,
} from "./report.ts";
import { DATAFLOW_FORMAT } from "./report.ts";
import { bytesOf, type CType, type FunctionType, type Member } from "./types.ts";
import {
  errorText,
  hexText,
  memberText,
  pointerText,
  UNKNOWN,
  type ValueNames,
  valueText,
} from "./value_text.ts";

/** A function of the image that a record's PC lies in. */
export interface KnownFunction extends RecordedFunction {
  readonly name: string;
  /** null where the image has no debug information of it. */
  readonly type: FunctionType | null;
}

/** A line of a source; "" and 0 where it is not known. */
export interface SourcePlace {
  readonly file: string;
  readonly line: number;
}

export interface Described {
  readonly cell: string;
  /** As {@linkcode DataflowReport.call}. */
  readonly call: string;
  /** What the system call returned. */
  readonly result: number;
  readonly records: readonly DataflowRecord[];
  readonly tree: CallTree<KnownFunction>;
  readonly placeOf: (pc: bigint) => SourcePlace;
  readonly names: ValueNames;
  /** What the records themselves say of what is missing. */
  readonly remarks: readonly DataflowRemark[];
}

/** Two registers of eight bytes are what the ABI has for a returned value. */
const REGISTER_BYTES = 8;

/** Whether a value is returned in two registers; null where its type is not known. */
export function returnsPair(type: FunctionType | null): boolean | null {
  if (type === null) return null;
  const bytes = type.returns === null ? 0 : bytesOf(type.returns);
  return bytes > REGISTER_BYTES && bytes <= 2 * REGISTER_BYTES;
}

export function dataflowReport(found: Described): DataflowReport {
  const { cell, call, result, records, tree, names } = found;
  const errno = errnoIn(BigInt.asUintN(64, BigInt(result)), 8);
  const way = errno === null ? [] : wayOfError(tree.roots, errno);
  const error = errno === null ? null : names.errnoName(errno) ?? `${errno}`;
  return {
    format: DATAFLOW_FORMAT,
    ...{ cell, call, result, errno: error, records: records.length },
    remarks: [
      ...found.remarks,
      ...remarksOf(found),
      ...(error !== null && way.length === 0 ? [notRecorded(error)] : []),
    ],
    calls: tree.roots.map((one) => describeCall(one, way.at(-1) ?? null, found)),
  };
}

function notRecorded(error: string): DataflowRemark {
  const text =
    `no recorded function returned ${error}: it was born in code that is not instrumented`;
  return { id: "error-not-recorded", text };
}

function remarksOf({ records, tree }: Described): DataflowRemark[] {
  const remarks: DataflowRemark[] = [];
  const add = (id: DataflowRemark["id"], text: string) => remarks.push({ id, text });
  if (tree.lost > 0) {
    const text = `${counted(tree.lost, "record is", "records are")} missing, by their numbers: ` +
      "calls near them may stand in the wrong place";
    add("records-lost", text);
  }
  const has = (type: DataflowRecord["type"]) => records.some((one) => one.type === type);
  if (records.length > 0 && !has("return")) {
    add(
      "no-returns",
      "no return is recorded (CONFIG_KCOV_DATAFLOW_RET): calls stand in the order of their entries",
    );
  }
  if (records.length > 0 && !has("entry")) {
    add(
      "no-entries",
      "no entry is recorded (CONFIG_KCOV_DATAFLOW_ARGS): calls stand in the order of their returns",
    );
  }
  const functions = new Map(allOf(tree.roots).map(({ function: one }) => [one.id, one]));
  const untyped = [...functions.values()].filter(({ type }) => type === null);
  if (untyped.length > 0 && untyped.length === functions.size) {
    add(
      "no-types",
      "the kernel has no debug information with types (CONFIG_KCOV_DATAFLOW_FIELDS): arguments " +
        "have numbers in place of names",
    );
  }
  return remarks;
}

function allOf(calls: readonly TracedCall<KnownFunction>[]): TracedCall<KnownFunction>[] {
  return calls.flatMap((one) => [one, ...allOf(one.calls)]);
}

function describeCall(
  call: TracedCall<KnownFunction>,
  born: TracedCall<KnownFunction> | null,
  found: Described,
): DataflowCall {
  const { entries, returns, recorded, lostBefore } = call;
  const { name, type } = call.function;
  const first = entries[0] ?? returns[0]!;
  return {
    function: name,
    ...found.placeOf(first.pc),
    ...{ pc: hexText(first.pc), recorded },
    arguments: argumentsOf(entries, type, found.names),
    returned: returnOf(returns, type, found),
    returnsNothing: type !== null && type.returns === null,
    ...{ bornHere: call === born, lostBefore },
    calls: call.calls.map((one) => describeCall(one, born, found)),
  };
}

function argumentsOf(
  entries: readonly DataflowRecord[],
  type: FunctionType | null,
  names: ValueNames,
): DataflowArgument[] | null {
  // A function without parameters has no entry to record, or one that says nothing.
  if (type?.parameters.length === 0 && entries.every(({ size }) => size === 0)) return [];
  if (entries.length === 0) return null;
  const parts = Map.groupBy(entries, ({ index }) => index);
  return [...parts].map(([index, records]) => {
    const parameter = type?.parameters[index];
    const name = parameter?.name ?? null;
    const value = describeValue(records, parameter?.type ?? null, name ?? "", names);
    return { index, name, ...value };
  });
}

function returnOf(
  returns: readonly DataflowRecord[],
  type: FunctionType | null,
  { names, placeOf }: Described,
): DataflowReturn | null {
  const [first] = returns;
  if (first === undefined || (type !== null && type.returns === null)) return null;
  const value = describeValue(returns, type?.returns ?? null, "", names);
  const raw = first.address !== 0n ? first.address : first.values[0] ?? 0n;
  const bytes = first.address !== 0n ? REGISTER_BYTES : first.size;
  const errno = errnoIn(raw, bytes);
  const error = errorText(raw, bytes, names);
  const kind = type?.returns?.shape.kind;
  const isNumber = kind === undefined || kind === "integer" || kind === "enumeration";
  return {
    ...value,
    value: isNumber && error !== null ? error : value.value,
    errno: errno === null ? null : names.errnoName(errno),
    ...placeOf(first.pc),
  };
}

/** @param records One, or one a register. @param name Of the parameter; "" where it has none. */
function describeValue(
  records: readonly DataflowRecord[],
  type: CType | null,
  name: string,
  names: ValueNames,
): DataflowValue {
  const [{ size, address, values }] = records as readonly [DataflowRecord];
  const of = { type: type?.text ?? null, fields: null, moreFields: 0 };
  if (records.some((one) => one.size === 0)) return { ...of, value: UNKNOWN, raw: null };
  if (records.length > 1) return { ...of, ...registersText(records, type, names) };
  if (address !== 0n) {
    const members = membersOf(objectType(type));
    return {
      ...of,
      ...{ value: pointerText(address, names), raw: hexText(address) },
      fields: fieldsOf(values, members, names),
      moreFields: Math.max(0, members.length - values.length),
    };
  }
  const raw = values[0] ?? DATAFLOW_BAD;
  if (
    raw === DATAFLOW_BAD &&
    (values.length > 1 || size > REGISTER_BYTES || objectType(type) !== null)
  ) {
    // An object at address 0: no field of it could be read.
    return { ...of, value: pointerText(0n, names), raw: "0x0" };
  }
  return { ...of, value: valueText(raw, size, type, name, names), raw: hexText(raw) };
}

/** The structure or union behind a pointer, or one that was handed over in memory. */
function objectType(type: CType | null): CType | null {
  const object = type?.shape.kind === "pointer" ? type.shape.object() : type;
  const kind = object?.shape.kind;
  return object && (kind === "structure" || kind === "union") ? object : null;
}

function fieldsOf(
  values: readonly bigint[],
  members: readonly Member[],
  names: ValueNames,
): DataflowField[] {
  return values.map((raw, at) => {
    const member = members[at];
    const text = member?.type.text ?? null;
    const told = { name: member?.name ?? "", type: text };
    if (raw === DATAFLOW_BAD) return { ...told, value: UNKNOWN, raw: null };
    const value = member === undefined
      ? valueText(raw, REGISTER_BYTES, null, "", names)
      : memberText(raw, member, member.bitAt % 8, names);
    return { ...told, value, raw: hexText(raw) };
  });
}

function membersOf(object: CType | null): readonly Member[] {
  const shape = object?.shape;
  return shape?.kind === "structure" || shape?.kind === "union" ? shape.members() : [];
}

/** A structure that came in registers: each holds the eight bytes behind those of the one before. */
function registersText(
  records: readonly DataflowRecord[],
  type: CType | null,
  names: ValueNames,
): Pick<DataflowValue, "value" | "raw"> {
  const words = records.map(({ values }) => values[0] ?? 0n);
  const raw = hexText(words.reduce((all, one, at) => all | one << BigInt(64 * at), 0n));
  const members = membersOf(type);
  const texts = members.flatMap((member) => {
    const at = Math.floor(member.bitAt / 64);
    const word = words[at];
    const shift = member.bitAt % 64;
    if (word === undefined || shift + member.bits > 64) return [];
    const text = memberText(word, member, shift, names);
    return [member.name === "" ? text : `${member.name}=${text}`];
  });
  const value = texts.length > 0 && texts.length === members.length
    ? `{${texts.join(", ")}}`
    : `{${words.map(hexText).join(", ")}}`;
  return { value, raw };
}
