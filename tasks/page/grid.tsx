// SPDX-License-Identifier: MIT
/** Cells by stages and tests: where the red is. */
import type { TargetedKeyboardEvent, TargetedMouseEvent } from "preact";
import { useRef } from "preact/hooks";
import type { PageCell, PageModel, PageStage, PageTest } from "../core/page/page_model.ts";
import { go, usePage } from "./page_state.tsx";
import { cellHash, testHash } from "./view_state.ts";
import { CELL_LABELS, counted, durationText, MARKS, TEST_LABELS } from "./words.ts";

type Move = (row: number, column: number) => readonly [row: number, column: number];

const MOVES: Readonly<Record<string, Move>> = {
  ArrowUp: (row, column) => [row - 1, column],
  ArrowDown: (row, column) => [row + 1, column],
  ArrowLeft: (row, column) => [row, column - 1],
  ArrowRight: (row, column) => [row, column + 1],
  Home: (row) => [row, 0],
  End: (row) => [row, Infinity],
  PageUp: (_, column) => [0, column],
  PageDown: (_, column) => [Infinity, column],
};

/** Moves the one place of the grid that tab comes to. */
function moveFocus(table: HTMLTableElement, from: HTMLElement, move: Move): void {
  const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
  const placesOf = (row: HTMLTableRowElement) => [
    ...row.querySelectorAll<HTMLElement>("[tabindex]"),
  ];
  const row = rows.findIndex((one) => one.contains(from));
  const [toRow, toColumn] = move(row, placesOf(rows[row]!).indexOf(from));
  const within = (at: number, count: number) => Math.max(0, Math.min(at, count - 1));
  const places = placesOf(rows[within(toRow, rows.length)]!);
  const next = places[within(toColumn, places.length)];
  if (!next) return;
  for (const one of table.querySelectorAll<HTMLElement>('[tabindex="0"]')) one.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

export function useGridKeys() {
  const table = useRef<HTMLTableElement>(null);
  const open = (target: EventTarget | null): boolean => {
    const place = target instanceof Element ? target.closest<HTMLElement>("[data-href]") : null;
    const hash = place?.dataset["href"];
    if (hash !== undefined) go(hash);
    return hash !== undefined;
  };
  const onClick = (event: TargetedMouseEvent<HTMLTableElement>) => {
    // A link says itself where it leads.
    if ((event.target as Element).closest("a") === null) open(event.target);
  };
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLTableElement>) => {
    const move = MOVES[event.key];
    const at = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (move && table.current) moveFocus(table.current, at, move);
    else if (!((event.key === "Enter" || event.key === " ") && open(at))) return;
    event.preventDefault();
  };
  return { ref: table, onClick, onKeyDown };
}

export function Grid({ cells }: { cells: readonly PageCell[] }) {
  const { model } = usePage();
  const keys = useGridKeys();
  const first = cells.findIndex(({ failures }) => failures.length > 0);
  return (
    <div class="scroll">
      <table role="grid" class="grid" aria-label="Cells by stages and tests" {...keys}>
        <thead>
          <tr>
            <th scope="col">verdict</th>
            <th scope="col">cell</th>
            {model.stages.map((stage) => <th scope="col" key={stage}>{stage}</th>)}
            {model.fixtures.map(({ name }) => (
              <th scope="col" class="fixture" key={name} title={name}>
                <span>{name.replace(/^kcov_/, "")}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {cells.map((cell, row) => (
            <GridRow key={cell.id} cell={cell} model={model} home={row === Math.max(0, first)} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Index of the failure that a stage or a test of the cell belongs to. */
function failureAt(cell: PageCell, fits: (one: PageCell["failures"][number]) => boolean) {
  const index = cell.failures.findIndex(fits);
  return index < 0 ? undefined : index;
}

function GridRow({ cell, model, home }: { cell: PageCell; model: PageModel; home: boolean }) {
  const { state } = usePage();
  const tests = new Map(cell.tests.map((test) => [test.id, test]));
  return (
    <tr class={`row ${cell.word}`}>
      <td class="verdict">
        <span class={`badge ${cell.word}`}>
          <span aria-hidden="true">{MARKS[cell.word]}</span> {CELL_LABELS[cell.word]}
        </span>
      </td>
      <th
        scope="row"
        class="cell"
        tabIndex={home ? 0 : -1}
        data-href={cellHash(state, cell.id)}
        aria-label={`${cell.id}: ${CELL_LABELS[cell.word]}. ${cell.note}`}
      >
        <span class="link">{cell.id}</span>
      </th>
      {model.stages.map((name) => {
        const stage = cell.stages.find((one) => one.stage === name);
        return stage
          ? (
            <StageCell
              key={name}
              cell={cell}
              stage={stage}
              failure={failureAt(cell, (one) => one.stage === name)}
            />
          )
          : <td key={name} tabIndex={-1} aria-label={`${name}: not part of the run`}></td>;
      })}
      {model.fixtures.map((fixture) => (
        <FixtureCell
          key={fixture.name}
          cell={cell}
          name={fixture.name}
          tests={fixture.tests.map((id) => [id, tests.get(id)] as const)}
        />
      ))}
    </tr>
  );
}

function StageCell({ cell, stage, failure }: {
  cell: PageCell;
  stage: PageStage;
  failure: number | undefined;
}) {
  const { state } = usePage();
  const { word, durationMs, note } = stage;
  const ran = word !== "blocked" && word !== "pending";
  const time = ran ? durationText(durationMs) : "";
  return (
    <td
      class={`stage ${word}`}
      tabIndex={-1}
      data-href={cellHash(state, cell.id, { failure: failure ?? 0 })}
      title={note || undefined}
      aria-label={`${stage.stage}: ${word} ${time} ${note}`}
    >
      <span aria-hidden="true">
        {word === "passed" ? "" : `${MARKS[word]} `}
        {time || (word === "blocked" || word === "pending" ? "" : word)}
      </span>
    </td>
  );
}

/** Squares of the tests of a fixture; the same place in each row. */
function FixtureCell({ cell, name, tests }: {
  cell: PageCell;
  name: string;
  tests: readonly (readonly [id: string, test: PageTest | undefined])[];
}) {
  const { state } = usePage();
  const red = tests.find(([, test]) => test?.word === "failed" || test?.word === "flaky")?.[1];
  const shown = red ?? tests.find(([, test]) => test)?.[1];
  if (!shown) {
    return <td class="tests" tabIndex={-1} aria-label={`${name}: no tests`}></td>;
  }
  return (
    <td
      class={`tests${red ? " red" : ""}`}
      tabIndex={-1}
      data-href={testHash(state, cell, shown)}
      aria-label={`${name}: ${tally(tests.flatMap(([, test]) => test ?? []))}${
        red ? `; ${red.name} ${TEST_LABELS[red.word]}` : ""
      }`}
    >
      <span class="squares" aria-hidden="true">
        {tests.map(([id, test]) => (
          <i
            key={id}
            class={test ? `sq ${test.word}` : "sq none"}
            title={test
              ? `${id} — ${TEST_LABELS[test.word]}${test.note ? `: ${test.note}` : ""}`
              : id}
            data-href={test && testHash(state, cell, test)}
          >
          </i>
        ))}
      </span>
    </td>
  );
}

/** "12 passed, 1 failed" */
export function tally(tests: readonly PageTest[]): string {
  const counts = new Map<PageTest["word"], number>();
  for (const { word } of tests) counts.set(word, (counts.get(word) ?? 0) + 1);
  const texts = [...counts].map(([word, count]) => `${count} ${TEST_LABELS[word]}`);
  return texts.join(", ") || counted(0, "test");
}
