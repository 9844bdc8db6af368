// SPDX-License-Identifier: MIT
/** Tests by cells: the same test everywhere. */
import type { PageCell, PageTest } from "../core/page/page_model.ts";
import { testFilter } from "./filter.ts";
import { useGridKeys } from "./grid.tsx";
import { usePage } from "./page_state.tsx";
import { testHash, type ViewState } from "./view_state.ts";
import { counted, MARKS, TEST_LABELS } from "./words.ts";

export function TestsView({ cells }: { cells: readonly PageCell[] }) {
  const { model, state } = usePage();
  const keys = useGridKeys();
  const tested = cells.filter(({ tests }) => tests.length > 0);
  const tables = tested.map(({ tests }) => new Map(tests.map((test) => [test.id, test])));
  const matches = testFilter(state);
  const fits = (id: string) =>
    tables.some((table) => {
      const test = table.get(id);
      return test && matches(test);
    });
  const fixtures = model.fixtures.map(({ name, tests }) => ({ name, tests: tests.filter(fits) }))
    .filter(({ tests }) => tests.length > 0);
  const count = fixtures.reduce((sum, { tests }) => sum + tests.length, 0);
  if (count === 0) return <p>No test of these cells fits.</p>;
  return (
    <section aria-labelledby="tests">
      <h2 id="tests">{counted(count, "test")} in {counted(tested.length, "cell")}</h2>
      <div class="scroll">
        <table role="grid" class="bytest" aria-label="Tests by cells" {...keys}>
          <thead>
            <tr>
              <th scope="col">test</th>
              {tested.map(({ id }) => (
                <th scope="col" class="turned" key={id}>
                  <span>{id}</span>
                </th>
              ))}
            </tr>
          </thead>
          {fixtures.map(({ name, tests }, index) => (
            <tbody key={name}>
              {tests.map((id, row) => (
                <tr key={id}>
                  <th scope="row">{id}</th>
                  {tested.map((cell, column) => (
                    <TestCell
                      key={cell.id}
                      {...{ cell, state, test: tables[column]!.get(id) }}
                      home={index + row + column === 0}
                    />
                  ))}
                </tr>
              ))}
            </tbody>
          ))}
        </table>
      </div>
    </section>
  );
}

function TestCell({ cell, test, state, home }: {
  cell: PageCell;
  test: PageTest | undefined;
  state: ViewState;
  home: boolean;
}) {
  const tabIndex = home ? 0 : -1;
  if (!test) {
    return <td class="sqcell" tabIndex={tabIndex} aria-label={`${cell.id}: no such test`} />;
  }
  return (
    <td
      class="sqcell"
      tabIndex={tabIndex}
      data-href={testHash(state, cell, test)}
      aria-label={`${cell.id}: ${TEST_LABELS[test.word]}`}
      title={`${cell.id} — ${TEST_LABELS[test.word]}${test.note ? `: ${test.note}` : ""}`}
    >
      <i class={`sq ${test.word}`} aria-hidden="true">
        {test.word === "passed" ? "" : MARKS[test.word]}
      </i>
    </td>
  );
}
