// SPDX-License-Identifier: MIT
/** What `deno task dataflow` has found, as data: what --json writes, and text and page are made of. */
import * as v from "valibot";
import { count } from "../text/shape.ts";

/** Another one is another shape. */
export const DATAFLOW_FORMAT = 1;

/** A field of an object that an argument or a returned pointer leads to. */
export interface DataflowField {
  /** "" where the type is not known, and for a structure or union without a name. */
  readonly name: string;
  readonly type: string | null;
  /** As people write it in C; "?" where it could not be read. */
  readonly value: string;
  /** What was recorded, "0x…": eight bytes of it at most; null where it could not be read. */
  readonly raw: string | null;
}

export interface DataflowValue {
  readonly type: string | null;
  /** "?" where it is not known. */
  readonly value: string;
  /** What was recorded, "0x…", of an object its address; null where it is not known. */
  readonly raw: string | null;
  /** Of the object; null where it is a plain value. */
  readonly fields: readonly DataflowField[] | null;
  /** Members of the object that are not recorded, behind those that are. */
  readonly moreFields: number;
}

export interface DataflowArgument extends DataflowValue {
  /** From 0. */
  readonly index: number;
  /** null where debug information does not tell. */
  readonly name: string | null;
}

export interface DataflowReturn extends DataflowValue {
  /** "EINVAL" where the value is that error. */
  readonly errno: string | null;
  /** Line of the return, in the file of `file`; "" and 0 where unknown. */
  readonly file: string;
  readonly line: number;
}

export interface DataflowCall {
  readonly function: string;
  /** Where it begins; "" and 0 where unknown. */
  readonly file: string;
  readonly line: number;
  readonly pc: string;
  /** See {@linkcode TracedCall}: what of the call was recorded. */
  readonly recorded: "whole" | "no-entry" | "no-return" | "open";
  /** null where its entry was not recorded; a function without parameters has none to record. */
  readonly arguments: readonly DataflowArgument[] | null;
  /** null where its return was not recorded, or it is known to return nothing. */
  readonly returned: DataflowReturn | null;
  /** Debug information says that it returns nothing. */
  readonly returnsNothing: boolean;
  /** The error that the system call returned was born here. */
  readonly bornHere: boolean;
  /** Records that are missing just before it. */
  readonly lostBefore: number;
  readonly calls: readonly DataflowCall[];
}

/** What limits the tree: an id for programs, and the words for people. */
export interface DataflowRemark {
  readonly id:
    | "buffer-full"
    | "records-lost"
    | "record-cut"
    | "no-returns"
    | "no-entries"
    | "no-types"
    | "error-not-recorded";
  readonly text: string;
}

export interface DataflowReport {
  readonly format: typeof DATAFLOW_FORMAT;
  readonly cell: string;
  /** "lseek(5, 0x123456, 77)" */
  readonly call: string;
  readonly result: number;
  readonly errno: string | null;
  readonly records: number;
  readonly remarks: readonly DataflowRemark[];
  readonly calls: readonly DataflowCall[];
}

const text = v.string();
const raw = v.nullable(v.pipe(v.string(), v.regex(/^0x[0-9a-f]+$/, "no number in hexadecimal")));
const field = v.object({ name: text, type: v.nullable(text), value: text, raw });
const value = {
  ...{ type: v.nullable(text), value: text, raw },
  ...{ fields: v.nullable(v.array(field)), moreFields: count },
};
const argument = v.object({ index: count, name: v.nullable(text), ...value });
const returned = v.object({ ...value, errno: v.nullable(text), file: text, line: count });
/** Of a call with those in it. */
export const dataflowCallShape: v.GenericSchema<DataflowCall> = v.object({
  ...{ function: text, file: text, line: count, pc: text },
  recorded: v.picklist(["whole", "no-entry", "no-return", "open"]),
  arguments: v.nullable(v.array(argument)),
  returned: v.nullable(returned),
  ...{ returnsNothing: v.boolean(), bornHere: v.boolean(), lostBefore: count },
  calls: v.array(v.lazy(() => dataflowCallShape)),
});
const remark = v.object({
  id: v.picklist([
    ...["buffer-full", "records-lost", "record-cut", "no-returns", "no-entries"] as const,
    ...["no-types", "error-not-recorded"] as const,
  ]),
  text,
});

/** Of what {@linkcode dataflowJson} writes, read back. */
export const dataflowShape = v.object({
  format: v.literal(DATAFLOW_FORMAT),
  ...{ cell: text, call: text, result: v.number(), errno: v.nullable(text), records: count },
  remarks: v.array(remark),
  calls: v.array(dataflowCallShape),
});

/** The text of --json, and of dataflow.json in the run's folder. */
export function dataflowJson(found: DataflowReport): string {
  return `${JSON.stringify(found, null, 2)}\n`;
}
