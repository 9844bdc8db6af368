// SPDX-License-Identifier: MIT
/** One cell: the cause, what the console says of it, how to see it again, then all the rest. */
import { useEffect, useRef } from "preact/hooks";
import type { LineRange } from "../core/page/log_excerpt.ts";
import type { PageCell, PageFailure, PageSplat, PageTest } from "../core/page/page_model.ts";
import { Console } from "./console.tsx";
import { Dataflow } from "./dataflow.tsx";
import { testFilter } from "./filter.ts";
import { tally } from "./grid.tsx";
import { overviewOf, usePage } from "./page_state.tsx";
import { BlameLine, CommandLine, Evidence, FileLink, Frames, ListTable } from "./parts.tsx";
import { cellHash, hashOf, testHash, type ViewState } from "./view_state.ts";
import { CELL_LABELS, counted, durationText, MARKS, TEST_LABELS } from "./words.ts";

/** Cells that are not as they should be, in the order of the run. */
export function redCells(cells: readonly PageCell[]): readonly PageCell[] {
  return cells.filter(({ word }) => word !== "passed" && word !== "skipped");
}

export function CellView({ id }: { id: string }) {
  const { model, state } = usePage();
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    scrollTo(0, 0);
    head.current?.focus();
  }, [id, state.failure, state.test]);
  const cell = model.cells.find((one) => one.id === id);
  const back = hashOf(overviewOf(state));
  if (!cell) {
    return (
      <main>
        <h1 ref={head} tabIndex={-1}>No cell {id}</h1>
        <p>
          This run has no cell of that name. <a href={back}>All cells</a>
        </p>
      </main>
    );
  }
  const test = cell.tests.find((one) => one.id === state.test) ?? null;
  const failure = cell.failures[state.failure] ?? null;
  return (
    <main>
      <nav class="crumbs" aria-label="Cells">
        <a href={back}>← all cells</a>
        <Neighbours cell={cell} />
      </nav>
      <h1 ref={head} tabIndex={-1}>
        <span class={`badge ${cell.word}`}>
          <span aria-hidden="true">{MARKS[cell.word]}</span> {CELL_LABELS[cell.word]}
        </span>{" "}
        {cell.id}
      </h1>
      {cell.failures.length === 0 && cell.note && <p class="note">{cell.note}</p>}
      {failure && <Cause cell={cell} failure={failure} test={test} />}
      {!failure && test && <TestCause test={test} />}
      <CommandLine command={cell.repeat} label={`the command that repeats ${cell.id}`} />
      {cell.dataflow && <Dataflow found={cell.dataflow} />}
      <Logs {...{ cell, failure, test }} />
      <OtherFailures cell={cell} />
      <Tests cell={cell} />
      <Splats cell={cell} />
      <Stages cell={cell} />
      <Facts cell={cell} />
    </main>
  );
}

/** The red cells before and behind. */
function Neighbours({ cell }: { cell: PageCell }) {
  const { model, state } = usePage();
  const red = redCells(model.cells);
  const at = red.findIndex(({ id }) => id === cell.id);
  const link = (to: PageCell | undefined, text: string) =>
    to && <a href={cellHash(state, to.id)} title={to.id}>{text}</a>;
  if (red.length === 0 || (red.length === 1 && at === 0)) return null;
  return (
    <span>
      {at >= 0 && `${at + 1} of ${counted(red.length, "red cell")} `}
      {link(red[at - 1], "← before")} {link(red[at + 1], "next →")}
    </span>
  );
}

function Cause({ cell, failure, test }: {
  cell: PageCell;
  failure: PageFailure;
  test: PageTest | null;
}) {
  const shown = test ?? cell.tests.find(({ id }) => id === failure.tests[0]);
  const isTest = shown && (shown.word === "failed" || shown.word === "flaky");
  return (
    <section class={`cause big ${cell.word}`} aria-labelledby="cause">
      <h2 id="cause" class="quiet">Cause</h2>
      <p class="message">{failure.message}</p>
      <p class="about">
        <BlameLine failure={failure} />
        {failure.stage && <span>stage {failure.stage}</span>}
      </p>
      {isTest && (
        <p class="about">
          test <b>{shown.id}</b> of <code>{shown.file}</code>
          {failure.tests.length > 1 && ` and ${counted(failure.tests.length - 1, "other")}`}
        </p>
      )}
      {test && isTest && test.note !== failure.message && <p class="note">{test.note}</p>}
      <Proof
        text={(isTest && shown.detail) || failure.detail}
        splat={cell.splats.find(({ fingerprint }) => fingerprint === failure.fingerprint)}
        isShown={failure.fingerprint !== null && failure.place !== null}
      />
    </section>
  );
}

/** What shows the cause; of a complaint the stack alone, for the console below has all of it. */
function Proof({ text, splat, isShown }: {
  text: string;
  splat: PageSplat | undefined;
  isShown: boolean;
}) {
  const frames = splat?.frames ?? [];
  return (
    <>
      {frames.length > 0 && <Frames frames={frames} />}
      {text === "" ? null : isShown
        ? (
          <details>
            <summary>the report as text</summary>
            <Evidence text={text} />
          </details>
        )
        : <Evidence text={text} />}
    </>
  );
}

/** A test that is looked at and is not to blame for anything. */
function TestCause({ test }: { test: PageTest }) {
  return (
    <section class="cause big" aria-labelledby="cause">
      <h2 id="cause" class="quiet">Test</h2>
      <p class="message">{test.id}</p>
      <p class="about">
        <span>{TEST_LABELS[test.word]} in {durationText(test.durationMs)}</span>
        <code>{test.file}</code>
      </p>
      {test.note && <p class="note">{test.note}</p>}
      {test.detail && <Evidence text={test.detail} />}
    </section>
  );
}

/** What a log is to show: the place of the failure, or of the test that is looked at. */
function placeIn(
  cell: PageCell,
  failure: PageFailure | null,
  test: PageTest | null,
  state: ViewState,
): { log: number; at: number | null; lines: readonly LineRange[] } {
  if (test && !(failure?.fingerprint && failure.tests.includes(test.id))) {
    for (const [log, { tests }] of cell.logs.entries()) {
      const found = Object.hasOwn(tests, test.id) ? tests[test.id] : undefined;
      if (found && (state.log === null || state.log === log)) {
        return { log, at: found[0], lines: [found] };
      }
    }
  }
  const place = failure?.place;
  if (place && (state.log === null || state.log === place.log)) return place;
  return { log: state.log ?? 0, at: null, lines: [] };
}

function Logs({ cell, failure, test }: {
  cell: PageCell;
  failure: PageFailure | null;
  test: PageTest | null;
}) {
  const { state } = usePage();
  if (cell.logs.length === 0) return null;
  const { log: index, at, lines } = placeIn(cell, failure, test, state);
  const log = cell.logs[index] ?? cell.logs[0]!;
  return (
    <section aria-labelledby="logs">
      <h2 id="logs">{log.name === "console.log" ? "Console" : "Log"}</h2>
      {cell.logs.length > 1 && (
        <nav class="tabs" aria-label="Logs of the cell">
          {cell.logs.map((one, index) => (
            <a
              key={one.path}
              href={hashOf({ ...state, log: index, line: null })}
              aria-current={one === log ? "true" : undefined}
            >
              {one.path}
            </a>
          ))}
        </nav>
      )}
      <Console key={log.path} cell={cell} log={log} marked={lines} line={state.line ?? at} />
    </section>
  );
}

function OtherFailures({ cell }: { cell: PageCell }) {
  const { state } = usePage();
  if (cell.failures.length < 2) return null;
  return (
    <section aria-labelledby="others">
      <h2 id="others">All {counted(cell.failures.length, "failure")}</h2>
      <ol class="plainlist">
        {cell.failures.map((one, index) => (
          <li key={index}>
            <a
              href={cellHash(state, cell.id, { failure: index })}
              aria-current={index === state.failure ? "true" : undefined}
            >
              {one.message}
            </a>{" "}
            <code class="id">{one.id}</code>
            {one.tests.length > 0 && ` in ${counted(one.tests.length, "test")}`}
          </li>
        ))}
      </ol>
    </section>
  );
}

function Tests({ cell }: { cell: PageCell }) {
  const { state } = usePage();
  if (cell.tests.length === 0) return null;
  const tests = cell.tests.filter(testFilter(state));
  // Who filters for a cell's name has not asked for tests.
  const shown = tests.length > 0 ? tests : cell.tests;
  return (
    <section aria-labelledby="celltests">
      <h2 id="celltests">Tests</h2>
      <p>
        {tally(cell.tests)}
        {shown.length < cell.tests.length && `; ${shown.length} fit the filter`}
      </p>
      <ListTable head={["outcome", "test", ">time", "what is said"]}>
        {shown.map((test) => (
          <tr key={test.id} class={test.word}>
            <td>
              <span class={`word ${test.word}`}>
                <span aria-hidden="true">{MARKS[test.word]}</span> {TEST_LABELS[test.word]}
              </span>
            </td>
            <th scope="row">
              <a href={testHash(state, cell, test)}>{test.id}</a>
            </th>
            <td class="figure">{test.word === "not-run" ? "" : durationText(test.durationMs)}</td>
            <td>{test.note}</td>
          </tr>
        ))}
      </ListTable>
    </section>
  );
}

function Splats({ cell }: { cell: PageCell }) {
  if (cell.splats.length === 0) return null;
  return (
    <section aria-labelledby="splats">
      <h2 id="splats">What the kernel complained of</h2>
      <ul class="plainlist">
        {cell.splats.map((one, index) => (
          <li key={index}>
            <b>{one.title}</b> <code class="id">{one.id}</code>{" "}
            <span>
              {one.times > 1 ? `${one.times} times, first ` : ""}in {one.during}
              {one.root ? "" : ", follows from the one before"}
            </span>
            {one.allowed && <p class="note">allowed by {one.allowed}</p>}
            <Frames frames={one.frames} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Stages({ cell }: { cell: PageCell }) {
  return (
    <section aria-labelledby="stages">
      <h2 id="stages">Stages</h2>
      <ListTable head={["stage", "outcome", ">time", "what is said"]}>
        {cell.stages.map(({ stage, word, durationMs, note }) => (
          <tr key={stage}>
            <th scope="row">{stage}</th>
            <td>
              <span class={`word ${word}`}>
                <span aria-hidden="true">{MARKS[word]}</span> {word}
              </span>
            </td>
            <td class="figure">
              {word === "blocked" || word === "pending" ? "" : durationText(durationMs)}
            </td>
            <td>{note}</td>
          </tr>
        ))}
      </ListTable>
    </section>
  );
}

function Facts({ cell }: { cell: PageCell }) {
  const facts = Object.entries(cell.properties);
  return (
    <section aria-labelledby="facts">
      <h2 id="facts">Facts and files</h2>
      {facts.length > 0 && (
        <details>
          <summary>{counted(facts.length, "fact")}</summary>
          <dl class="facts">
            {facts.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
      <p>
        {cell.files.length === 0
          ? `Nothing is left in ${cell.folder}/.`
          : cell.files.map((path) => (
            <FileLink
              key={path}
              path={path}
              look="chip"
              text={path.slice(cell.folder.length + 1)}
            />
          ))}
      </p>
    </section>
  );
}
