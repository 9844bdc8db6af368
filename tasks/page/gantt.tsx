// SPDX-License-Identifier: MIT
/** The stages of a run by time, and what it waited for. */
import type { Bar } from "../core/page/figures.ts";
import { usePage } from "./page_state.tsx";
import { CellLink } from "./parts.tsx";
import { durationText } from "./words.ts";

/** Steps of an axis of time that people count in. */
const STEPS_S = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600];

function ticksOf(spanMs: number): number[] {
  const step = 1000 * (STEPS_S.find((one) => spanMs / 1000 / one <= 8) ?? 7200);
  return Array.from({ length: Math.floor(spanMs / step) + 1 }, (_, index) => index * step);
}

/** Of the whole width. */
const at = (ms: number, spanMs: number) => `${(100 * ms / spanMs).toFixed(3)}%`;

/** @param ids Of the cells that the filter leaves. */
export function Gantt({ ids }: { readonly ids: ReadonlySet<string> }) {
  const { model: { figures: { timeline: { bars, spanMs } } } } = usePage();
  const cells = [...new Set(bars.flatMap((bar) => bar.cells))].filter((id) => ids.has(id));
  if (bars.length === 0 || spanMs === 0) {
    return (
      <section aria-labelledby="timeline">
        <h2 id="timeline">Critical path</h2>
        <p class="note">Nothing has run, or when it began is not on record, as in older runs.</p>
      </section>
    );
  }
  return (
    <section aria-labelledby="timeline">
      <h2 id="timeline">Critical path</h2>
      <p class="note">
        Stages by time. What the run waited for has a frame: it ends sooner only if one of these
        does. A stage that cells share is pale in all but the first of them.
      </p>
      <Legend bars={bars} />
      <div class="scroll">
        <table class="gantt">
          <thead>
            <tr>
              <th scope="col">cell</th>
              <th scope="col" class="wide">
                <span class="quiet">0 to {durationText(spanMs)}</span>
                <svg width="100%" height="16" aria-hidden="true">
                  {ticksOf(spanMs).map((ms) => (
                    <text key={ms} x={at(ms, spanMs)} y="12" class="tick">{durationText(ms)}</text>
                  ))}
                </svg>
              </th>
            </tr>
          </thead>
          <tbody>
            {cells.map((id) => (
              <Row
                key={id}
                id={id}
                bars={bars.filter((bar) => bar.cells.includes(id))}
                {...{ spanMs }}
              />
            ))}
          </tbody>
        </table>
      </div>
      <Path bars={bars.filter(({ critical }) => critical)} spanMs={spanMs} />
    </section>
  );
}

function Legend({ bars }: { bars: readonly Bar[] }) {
  const stages = [...new Set(bars.map(({ stage }) => stage))];
  return (
    <p class="legend gantt" aria-hidden="true">
      {stages.map((stage) => (
        <span key={stage}>
          <svg width="12" height="12">
            <rect width="12" height="12" class={`s-${stage}`} />
          </svg>{" "}
          {stage}
        </span>
      ))}
    </p>
  );
}

/** A stage that was over at once is to be seen all the same. */
const LEAST_SHARE = 1 / 800;

function Row({ id, bars, spanMs }: { id: string; bars: readonly Bar[]; spanMs: number }) {
  return (
    <tr>
      <th scope="row">
        <CellLink id={id} />
      </th>
      <td class="wide">
        <svg
          width="100%"
          height="20"
          role="img"
          aria-label={bars.map(({ stage, durationMs }) => `${stage} ${durationText(durationMs)}`)
            .join(", ")}
        >
          {ticksOf(spanMs).map((ms) => (
            <line
              key={ms}
              x1={at(ms, spanMs)}
              x2={at(ms, spanMs)}
              y1="0"
              y2="20"
              class="grid-line"
            />
          ))}
          {bars.map((bar) => (
            <rect
              key={`${bar.stage} ${bar.startMs}`}
              class={`s-${bar.stage}${bar.critical ? " critical" : ""}${
                bar.cells[0] === id ? "" : " shared"
              }${bar.failed ? " failed" : ""}`}
              x={at(bar.startMs, spanMs)}
              width={at(Math.max(bar.durationMs, spanMs * LEAST_SHARE), spanMs)}
              y="3"
              height="14"
            >
              <title>{`${bar.stage}: ${durationText(bar.durationMs)}`}</title>
            </rect>
          ))}
        </svg>
      </td>
    </tr>
  );
}

/** Steps that are less of the run are one line together. */
const WORTH_A_LINE = 0.01;

function Path({ bars, spanMs }: { bars: readonly Bar[]; spanMs: number }) {
  const long = bars.filter(({ durationMs }) => durationMs >= WORTH_A_LINE * spanMs);
  const total = (some: readonly Bar[]) => some.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const rest = total(bars) - total(long);
  const percent = (ms: number) => `${durationText(ms)} (${(100 * ms / spanMs).toFixed(0)} %)`;
  return (
    <ol class="plainlist path">
      {long.map((bar) => (
        <li key={`${bar.stage} ${bar.startMs}`}>
          {bar.stage} of {bar.cells.join(", ")}: {percent(bar.durationMs)}
        </li>
      ))}
      {rest > 0 && <li>{bars.length - long.length} short stages: {percent(rest)}</li>}
      <li>waiting and the tool itself: {percent(Math.max(0, spanMs - total(bars)))}</li>
    </ol>
  );
}
