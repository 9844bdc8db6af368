// SPDX-License-Identifier: MIT
/**
 * Shapes of the files that the tool keeps for itself in its cache. What is damaged or another
 * version's is as good as none: cachedJson() gives null, and the file is made anew.
 */
import * as v from "valibot";
import type {
  BootTimes,
  FuzzyHunk,
  Inspection,
  LeftOut,
  ModuleInspection,
} from "../core/model/model.ts";
import type { JobTimes } from "../core/matrix/schedule.ts";
import { count, ms, objectOf, type Shape, strings } from "../core/text/shape.ts";
import { dataflowFiguresShape } from "../core/report/cell_facts.ts";

/** How a .config was made (stages/configure.ts). */
export interface ConfigStamp {
  readonly identity: string;
  /** Digest of the source that Kconfig read. */
  readonly source: string;
  /** Digest of the .config. */
  readonly dotConfig: string;
  /** Digest of what a configuration is made from. */
  readonly kconfig?: string;
  /** {@linkcode SourceTree.kconfigTimes} of that. */
  readonly kconfigTimes?: string | undefined;
  /** What became of a real base, for people. */
  readonly notices?: readonly string[];
}

export const configStampShape: Shape<ConfigStamp> = objectOf<ConfigStamp>()({
  identity: v.string(),
  source: v.string(),
  dotConfig: v.string(),
  kconfig: v.exactOptional(v.string()),
  kconfigTimes: v.optional(v.string()),
  notices: v.exactOptional(strings),
});

/** What make has left (steps/make_job.ts). */
export interface MakeStamp {
  readonly content: string;
  /** Size and time of change of every product, by its path. */
  readonly products: Readonly<Record<string, { size: number; mtimeMs: number }>>;
}

export const makeStampShape: Shape<MakeStamp> = objectOf<MakeStamp>()({
  content: v.string(),
  products: v.pipe(
    v.record(v.string(), v.looseObject({ size: count, mtimeMs: ms })),
    v.check((products) => Object.keys(products).length > 0, "no product"),
  ),
});

/** The .config of a base (steps/make_config.ts), and its digest: a damaged one is another kernel. */
export interface KeptBase {
  readonly dotConfig: string;
  readonly digest: string;
}

export const keptBaseShape: Shape<KeptBase> = objectOf<KeptBase>()({
  dotConfig: v.string(),
  digest: v.string(),
});

/** What was found in a kernel (stages/inspect.ts). */
export interface KeptInspection {
  readonly key: string;
  readonly tables: string;
  readonly inspection: Inspection;
}

const counts = v.record(v.string(), count);

export const keptInspectionShape: Shape<KeptInspection> = objectOf<KeptInspection>()({
  key: v.string(),
  tables: v.string(),
  inspection: objectOf<Inspection>()({
    calls: counts,
    textBytes: count,
    guardBytes: v.nullable(count),
    modules: v.array(
      objectOf<ModuleInspection>()({
        name: v.string(),
        calls: counts,
        textBytes: count,
        guards: count,
      }),
    ),
    dataflow: v.exactOptional(dataflowFiguresShape),
    leftOut: v.nullable(
      objectOf<LeftOut>()({ byFlags: strings, byAttributes: strings, unexplained: strings }),
    ),
  }),
});

export const jobTimesShape: Shape<JobTimes> = objectOf<JobTimes>()({ buildMs: ms, bootMs: ms });

export const bootTimesShape: Shape<BootTimes> = objectOf<BootTimes>()({
  firstOutputMs: ms,
  initMs: ms,
  silentMs: ms,
  bootMs: ms,
});

/** Digests of toolchain files with what tells that a file is another (steps/toolchain_files.ts). */
export interface KnownFiles {
  /** {@linkcode FileSystem.imprint} of each file. */
  readonly imprints: Readonly<Record<string, string>>;
  readonly digests: Readonly<Record<string, string>>;
}

export const texts = v.record(v.string(), v.string());

export const knownFilesShape: Shape<KnownFiles> = objectOf<KnownFiles>()({
  imprints: texts,
  digests: texts,
});

/** What a program has said of itself (steps/probe_cache.ts). */
export interface ProbeAnswer {
  /** 127 where there is no such program. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const probeAnswerShape: Shape<ProbeAnswer> = objectOf<ProbeAnswer>()({
  code: v.number(),
  stdout: v.string(),
  stderr: v.string(),
});

/** What a patched tree holds, kept beside it (stages/patch.ts). */
export interface TreeState {
  readonly base: string;
  /** Paths that differ from the base, or may. */
  readonly touched: readonly string[];
  /** "" while the tree is being written. */
  readonly digest: string;
  readonly fuzz?: readonly FuzzyHunk[];
}

export const treeStateShape: Shape<TreeState> = objectOf<TreeState>()({
  base: v.string(),
  touched: strings,
  digest: v.string(),
  fuzz: v.exactOptional(v.array(
    objectOf<FuzzyHunk>()({
      patch: v.string(),
      file: v.string(),
      hunk: v.nullable(count),
      line: count,
      context: v.tuple([count, count]),
    }),
  )),
});
