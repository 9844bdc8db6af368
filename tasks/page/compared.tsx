// SPDX-License-Identifier: MIT
/** What is different from an earlier run: what is judged, warnings, sizes, functions, times. */
import type { ComponentChildren } from "preact";
import type { Change } from "../core/compare/compare.ts";
import { ratioText } from "../core/compare/compare_words.ts";
import type { ComparedTime } from "../core/compare/times.ts";
import type { PageChange, PageChanges, PageComparison } from "../core/page/page_model.ts";
import { saidFilter } from "./filter.ts";
import { go, overviewOf, usePage } from "./page_state.tsx";
import { CellLink, ListTable } from "./parts.tsx";
import { cellHash, hashOf, readHash, testHash } from "./view_state.ts";
import { counted, countText, durationText } from "./words.ts";

/** How a kind of change looks: as the verdict that it resembles. */
const LOOKS: Readonly<Record<Change, string>> = {
  "new-failure": "failed",
  "still-failing": "failed",
  flaky: "flaky",
  fixed: "passed",
  "not-run": "skipped",
  skipped: "skipped",
  appeared: "skipped",
  vanished: "skipped",
};

/** A shape for each, for those who do not see the colours, and for print. */
const MARKS: Readonly<Record<Change, string>> = {
  "new-failure": "✗",
  "still-failing": "✗",
  flaky: "≈",
  fixed: "✓",
  "not-run": "·",
  skipped: "–",
  appeared: "+",
  vanished: "−",
};

export function ComparedView() {
  const { model, state } = usePage();
  const comparison = model.comparison!;
  const { before, cells, equal, changes, remarks } = comparison;
  const fits = saidFilter(model, state);
  const shown = changes.filter(({ change }) =>
    state.changes.length === 0 || state.changes.includes(change)
  );
  return (
    <>
      <section aria-labelledby="compared">
        <h2 id="compared">Compared with {before}</h2>
        <p class="note">
          {equal
            ? `No difference in ${counted(cells, "cell")}.`
            : `${counted(cells, "cell")} in both runs.`}
        </p>
        {remarks.map((text) => <p class="notice" key={text}>{text}</p>)}
        <Kinds changes={changes} />
      </section>
      {shown.map((one) => <Changes key={one.change} {...one} fits={fits} />)}
      <Warnings rows={comparison.warnings.filter(({ cell, text }) => fits(cell, text))} />
      <Sizes rows={comparison.figures.filter(({ cell, name }) => fits(cell, name))} />
      <Traces
        rows={comparison.traces.filter(({ cell, test, appeared, vanished }) =>
          fits(cell, [test, ...appeared, ...vanished].join("\n"))
        )}
      />
      <Times rows={comparison.times.filter(({ cell, what }) => fits(cell, what))} />
    </>
  );
}

/** How much of each kind there is; each a filter. */
function Kinds({ changes }: { changes: readonly PageChanges[] }) {
  const { state } = usePage();
  const toggle = (change: Change) => {
    const state = readHash(location.hash);
    const changes = state.changes.includes(change)
      ? state.changes.filter((one) => one !== change)
      : [...state.changes, change];
    go(hashOf({ ...overviewOf(state), changes }));
  };
  if (changes.length === 0) return null;
  return (
    <div class="words" role="group" aria-label="Kinds of change">
      {changes.map(({ change, title, count }) => (
        <button
          type="button"
          key={change}
          class={`badge ${LOOKS[change]}`}
          aria-pressed={state.changes.includes(change)}
          onClick={() => toggle(change)}
        >
          <span aria-hidden="true">{MARKS[change]}</span> {title}: {countText(count)}
        </button>
      ))}
    </div>
  );
}

function Table({ id, mark, title, about, head, look, children }: {
  id: string;
  /** In front of the title. */
  mark?: ComponentChildren;
  title: string;
  about?: string;
  /** Names of columns; those of figures begin with ">". */
  head: readonly string[];
  /** Its classes. */
  look?: string;
  children: ComponentChildren;
}) {
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{mark} {title}</h2>
      {about && <p class="note">{about}</p>}
      <div class="scroll">
        <ListTable head={head} {...(look && { look })}>{children}</ListTable>
      </div>
    </section>
  );
}

/** A cell of either run: a link where this one has it. */
function CellName({ id }: { id: string }) {
  const { model } = usePage();
  return model.cells.some((cell) => cell.id === id) ? <CellLink id={id} /> : <>{id}</>;
}

function Changes({ change, title, rows, fits }: PageChanges & {
  fits: (cell: string, said: string) => boolean;
}) {
  const shown = rows.filter(({ cell, what, more, message, id }) =>
    fits(cell, [what, ...more, message, id ?? ""].join("\n"))
  );
  if (shown.length === 0) return null;
  const count = shown.reduce((sum, { more }) => sum + 1 + more.length, 0);
  return (
    <Table
      id={change}
      mark={<span class={`word ${LOOKS[change]}`} aria-hidden="true">{MARKS[change]}</span>}
      title={`${title}: ${countText(count)}`}
      head={["cell", "what", "cause"]}
      look="list thirds"
    >
      {shown.map((row, index) => (
        <tr key={index}>
          <th scope="row">
            <CellName id={row.cell} />
          </th>
          <td>
            <What row={row} />
          </td>
          <td>
            {row.id !== null && <code class="id">{row.id}</code>}{" "}
            {row.otherCause && <b>for another reason:</b>} {row.message}
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** What has changed, and behind a click what has changed alike; each leads to where the run has it. */
function What({ row: { cell: id, what, more, link } }: { row: PageChange }) {
  const { model, state } = usePage();
  const cell = model.cells.find((one) => one.id === id);
  const linked = (text: string, test: string | null) => {
    if (!cell || !link) return <>{text}</>;
    const href = test === null
      ? cellHash(state, id, { failure: link.failure })
      : testHash(state, cell, { id: test });
    return <a href={href}>{text}</a>;
  };
  const first = linked(what, link?.test ?? null);
  if (more.length === 0) return first;
  const isTest = (name: string) => cell?.tests.some((test) => test.id === name) ?? false;
  return (
    <details>
      <summary>{what}, and {countText(more.length)} more</summary>
      <ul class="plainlist">
        <li>{first}</li>
        {more.map((one) => <li key={one}>{linked(one, isTest(one) ? one : null)}</li>)}
      </ul>
    </details>
  );
}

function Warnings({ rows }: { rows: PageComparison["warnings"] }) {
  if (rows.length === 0) return null;
  return (
    <Table id="warnings" title="Compiler warnings" head={["cell", "what became of it", "warning"]}>
      {rows.map(({ cell, change, text }, index) => (
        <tr key={index}>
          <th scope="row">
            <CellName id={cell} />
          </th>
          <td>
            <span class={`word ${change === "appeared" ? "flaky" : "passed"}`}>
              <span aria-hidden="true">{MARKS[change]}</span> {change}
            </span>
          </td>
          <td>
            <code>{text}</code>
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Sizes({ rows }: { rows: PageComparison["figures"] }) {
  if (rows.length === 0) return null;
  const shown = (value: number | null) => value === null ? "–" : countText(value);
  return (
    <Table
      id="sizes"
      title="Sizes and counts"
      head={["cell", "what", ">before", ">after", ">change"]}
    >
      {rows.map(({ cell, name, before, after, percent }, index) => (
        <tr key={index}>
          <th scope="row">
            <CellName id={cell} />
          </th>
          <td>{name}</td>
          <td class="figure">{shown(before)}</td>
          <td class="figure">{shown(after)}</td>
          <td class="figure">{percent}</td>
        </tr>
      ))}
    </Table>
  );
}

function Traces({ rows }: { rows: PageComparison["traces"] }) {
  if (rows.length === 0) return null;
  return (
    <Table
      id="functions"
      title="Functions of the same call"
      head={["cell", "test", "only in this run", "only in the earlier"]}
    >
      {rows.map(({ cell, test, appeared, vanished }, index) => (
        <tr key={index}>
          <th scope="row">
            <CellName id={cell} />
          </th>
          <td>{test}</td>
          <td>
            <code>{appeared.join(", ")}</code>
          </td>
          <td>
            <code>{vanished.join(", ")}</code>
          </td>
        </tr>
      ))}
    </Table>
  );
}

const ABOUT_TIMES =
  "Ratio: how many times as long it took, what all times of the two runs have in " +
  "common taken off. Noise: by what factor such a ratio may differ either way before it is called " +
  "a change, learned from earlier runs of the machine.";

function Times({ rows }: { rows: readonly ComparedTime[] }) {
  if (rows.length === 0) return null;
  return (
    <Table
      id="comparedtimes"
      title={`Times: ${counted(rows.filter(({ changed }) => changed).length, "change")}`}
      about={ABOUT_TIMES}
      head={["cell", "what", ">before", ">after", ">ratio", ">noise", "what is said"]}
    >
      {rows.map((time, index) => (
        <tr key={index}>
          <th scope="row">
            <CellName id={time.cell} />
          </th>
          <td>{time.what}</td>
          <td class="figure">{durationText(time.beforeMs)}</td>
          <td class="figure">{durationText(time.afterMs)}</td>
          <td class="figure">× {time.ratio.toFixed(2)}</td>
          <td class="figure">{time.bound === null ? "–" : `× ${time.bound.toFixed(2)}`}</td>
          <td>
            <Said time={time} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Said({ time }: { time: ComparedTime }) {
  if (time.bound === null) return <>the machine was too busy to say</>;
  if (!time.changed) return <>no change</>;
  return <span class={`word ${time.ratio > 1 ? "flaky" : "passed"}`}>{ratioText(time)}</span>;
}
