// SPDX-License-Identifier: MIT
/**
 * Every value that crosses an arrow of the pipeline, in the order of the flow, which
 * docs/architecture.md draws.
 */
export { type Feature, FEATURES } from "../../../selftests/contract/features.ts";
export { type Stage, STAGES } from "./stage_table.ts";
export type { CellFile, Session } from "../../../selftests/contract/cell.ts";
export type { CoverRequest } from "../../../selftests/contract/cover.ts";
export type { TraceRequest } from "../../../selftests/contract/quality.ts";
export type { DeclaredTest } from "../../../selftests/contract/fixtures.ts";
export * from "./plan.ts";
export * from "./source.ts";
export * from "./build.ts";
export * from "./boot.ts";
export * from "./result.ts";
export * from "./report.ts";
export * from "./promises.ts";
