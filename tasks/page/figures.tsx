// SPDX-License-Identifier: MIT
/** Kernels in figures: instrumentation, deduplication, boots and builds, each as a table with bars. */
import type { ComponentChildren } from "preact";
import type { Figures } from "../core/page/figures.ts";
import { Gantt } from "./gantt.tsx";
import { usePage } from "./page_state.tsx";
import { CellLink, ListTable, Share } from "./parts.tsx";
import { bytesText, countText, durationText } from "./words.ts";

function Chart({ id, title, about, head, children, empty }: {
  id: string;
  title: string;
  about: string;
  /** Names of columns; those of figures begin with ">". */
  head: readonly string[];
  children: ComponentChildren;
  /** Why there is nothing, where there is nothing. */
  empty: string | null;
}) {
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {empty !== null ? <p class="note">{empty}</p> : (
        <>
          <p class="note">{about}</p>
          <div class="scroll">
            <ListTable head={head} look="list chart">{children}</ListTable>
          </div>
        </>
      )}
    </section>
  );
}

const most = (numbers: readonly number[]) => Math.max(1, ...numbers);

/** "+12.3 %" */
function signedPercent(share: number): string {
  return `${share < 0 ? "−" : "+"}${(100 * Math.abs(share)).toFixed(1)} %`;
}

function Instrumentation({ rows }: { rows: Figures["instrumentation"] }) {
  const max = most(rows.map(({ textBytes, guardBytes }) => textBytes + (guardBytes ?? 0)));
  return (
    <Chart
      id="instrumentation"
      title="Instrumentation"
      about="Code (.text) and, behind it, guards of each vmlinux; growth is that of .text over the cell that differs only by unique mode."
      head={["cell", ">PC calls", ">compare calls", ">.text", ">guards", "size", ">growth"]}
      empty={rows.length > 0 ? null : "No kernel with KCOV has passed inspection in this run."}
    >
      {rows.map(({ cell, pcCalls, cmpCalls, textBytes, guardBytes, growth }) => (
        <tr key={cell}>
          <th scope="row">
            <CellLink id={cell} />
          </th>
          <td class="figure">{countText(pcCalls)}</td>
          <td class="figure">{countText(cmpCalls)}</td>
          <td class="figure">{bytesText(textBytes)}</td>
          <td class="figure">
            {guardBytes === null ? "–" : bytesText(guardBytes)}
            {guardBytes !== null && guardBytes !== 4 * pcCalls && (
              <b class="word failed aside">not 4 a call</b>
            )}
          </td>
          <td class="wide">
            <Share
              parts={[
                { share: textBytes / max, kind: "a" },
                { share: (guardBytes ?? 0) / max, kind: "b" },
              ]}
            />
          </td>
          <td class="figure" title={growth ? `over ${growth.over}` : undefined}>
            {growth ? signedPercent(growth.share) : "–"}
          </td>
        </tr>
      ))}
    </Chart>
  );
}

function Dataflow({ rows }: { rows: Figures["instrumentation"] }) {
  const traced = rows.flatMap(({ cell, dataflow }) => dataflow ? [{ cell, ...dataflow }] : []);
  const max = most(traced.map(({ args, rets }) => args + rets));
  // Few runs have a kernel with it.
  if (traced.length === 0) return null;
  return (
    <Chart
      id="dataflow"
      title="Dataflow"
      about="Calls in each vmlinux that tell of an argument and, behind them, of what a function returns; tables name the fields of structures that arguments and results point to."
      head={["cell", ">argument calls", ">return calls", "calls", ">tables", ">of them"]}
      empty={null}
    >
      {traced.map(({ cell, args, rets, tables, tableBytes }) => (
        <tr key={cell}>
          <th scope="row">
            <CellLink id={cell} />
          </th>
          <td class="figure">{countText(args)}</td>
          <td class="figure">{countText(rets)}</td>
          <td class="wide">
            <Share
              parts={[
                { share: args / max, kind: "a" },
                { share: rets / max, kind: "b" },
              ]}
            />
          </td>
          <td class="figure">{countText(tables)}</td>
          <td class="figure">{bytesText(tableBytes)}</td>
        </tr>
      ))}
    </Chart>
  );
}

function Deduplication({ rows }: { rows: Figures["dedup"] }) {
  const max = most(rows.flatMap(({ figures }) => [figures.pc.nsPerCall, figures.unique.nsPerCall]));
  const [first] = rows;
  return (
    <Chart
      id="dedup"
      title="Deduplication and the time of a call"
      about={first
        ? `${first.figures.programs} small programs with ${
          countText(first.figures.calls)
        } calls in all, once in mode PC and once in unique mode, in buffers of ${
          countText(first.figures.words)
        } words.`
        : ""}
      head={[
        "cell",
        "mode",
        ">overflows",
        ">PCs kept",
        ">PCs lost",
        ">ns a call",
        "time",
        ">change",
      ]}
      empty={rows.length > 0 ? null : "No cell of this run has measured it."}
    >
      {rows.flatMap(({ cell, figures }) =>
        (["pc", "unique"] as const).map((name) => {
          const mode = figures[name];
          return (
            <tr key={`${cell} ${name}`}>
              <th scope="row">{name === "pc" ? <CellLink id={cell} /> : ""}</th>
              <td>{name === "pc" ? "PC" : "unique"}</td>
              <td class="figure">{mode.overflows} of {figures.programs}</td>
              <td class="figure">{countText(mode.kept)}</td>
              <td class="figure">{countText(mode.lost)}</td>
              <td class="figure">{mode.nsPerCall.toFixed(0)}</td>
              <td class="wide">
                <Share parts={[{ share: mode.nsPerCall / max, kind: name === "pc" ? "a" : "c" }]} />
              </td>
              <td class="figure">
                {name === "unique" &&
                  signedPercent(figures.unique.nsPerCall / figures.pc.nsPerCall - 1)}
              </td>
            </tr>
          );
        })
      )}
    </Chart>
  );
}

function Boots({ rows }: { rows: Figures["boots"] }) {
  const total = (phases: Figures["boots"][number]["phasesMs"]) =>
    phases.reduce((sum, [, ms]) => sum + (ms ?? 0), 0);
  const max = most(rows.map(({ phasesMs }) => total(phasesMs)));
  const names = rows[0]?.phasesMs.map(([phase]) => phase) ?? [];
  return (
    <Chart
      id="boots"
      title="Boot phases"
      about="Of the last boot of each cell: start (to the first line of the kernel), kernel (to init), init (to the first test), tests (to the last result), exit (to QEMU's end)."
      head={["cell", ...names.map((name) => `>${name}`), "phases", ">all"]}
      empty={rows.length > 0 ? null : "No cell of this run was booted."}
    >
      {rows.map(({ cell, phasesMs, overBudget }) => (
        <tr key={cell}>
          <th scope="row">
            <CellLink id={cell} />
          </th>
          {phasesMs.map(([phase, ms]) => (
            <td class="figure" key={phase}>
              {ms === null ? "–" : durationText(ms)}
              {overBudget.includes(phase) && <b class="word flaky aside">over budget</b>}
            </td>
          ))}
          <td class="wide">
            <Share
              parts={phasesMs.map(([phase, ms]) => ({
                share: (ms ?? 0) / max,
                kind: `p-${phase}`,
              }))}
            />
          </td>
          <td class="figure">{durationText(total(phasesMs))}</td>
        </tr>
      ))}
    </Chart>
  );
}

function Builds({ rows }: { rows: Figures["builds"] }) {
  const max = most(rows.map(({ durationMs }) => durationMs));
  return (
    <Chart
      id="builds"
      title="Builds"
      about="Cells with one build key share a build."
      head={["cells", "build key", ">objects", ">ccache", "time", ">took"]}
      empty={rows.length > 0 ? null : "No kernel was built in this run."}
    >
      {rows.map(({ key, cells, durationMs, objects, compiled, cacheHits, cacheCalls }) => (
        <tr key={key}>
          <th scope="row">
            {cells.map((id) => (
              <span class="item" key={id}>
                <CellLink id={id} />
              </span>
            ))}
          </th>
          <td>
            <code>{key}</code>
          </td>
          <td class="figure">{countText(objects)}</td>
          <td class="figure">
            {cacheCalls ? `${countText(cacheHits ?? 0)} of ${countText(cacheCalls)} hits` : "–"}
          </td>
          <td class="wide">
            <Share parts={[{ share: durationMs / max, kind: compiled ? "a" : "idle" }]} />
          </td>
          <td class="figure">
            {durationText(durationMs)}
            {!compiled && ", nothing to compile"}
          </td>
        </tr>
      ))}
    </Chart>
  );
}

export function KernelsView({ ids }: { readonly ids: ReadonlySet<string> }) {
  const { model: { figures } } = usePage();
  return (
    <>
      <Instrumentation rows={figures.instrumentation.filter(({ cell }) => ids.has(cell))} />
      <Dataflow rows={figures.instrumentation.filter(({ cell }) => ids.has(cell))} />
      <Deduplication rows={figures.dedup.filter(({ cell }) => ids.has(cell))} />
    </>
  );
}

export function TimesView({ ids }: { readonly ids: ReadonlySet<string> }) {
  const { model: { figures } } = usePage();
  return (
    <>
      <Gantt ids={ids} />
      <Builds rows={figures.builds.filter(({ cells }) => cells.some((id) => ids.has(id)))} />
      <Boots rows={figures.boots.filter(({ cell }) => ids.has(cell))} />
    </>
  );
}
