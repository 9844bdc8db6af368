// SPDX-License-Identifier: MIT
/** The table of views: a view more is a line here. */
import type { ComponentType } from "preact";
import type { PageCell, PageModel } from "../core/page/page_model.ts";
import { Causes } from "./causes.tsx";
import { ComparedView } from "./compared.tsx";
import { KernelsView, TimesView } from "./figures.tsx";
import { Grid } from "./grid.tsx";
import { usePage } from "./page_state.tsx";
import { TestsView } from "./tests.tsx";

export interface ViewProps {
  /** Those that the filter leaves, in the order of the run. */
  readonly cells: readonly PageCell[];
}

export interface View {
  /** In the address. */
  readonly id: string;
  readonly label: string;
  readonly show: ComponentType<ViewProps>;
  /** Whether the run has anything for it. */
  readonly due: (model: PageModel) => boolean;
}

const idsOf = ({ cells }: ViewProps) => new Set(cells.map(({ id }) => id));

/** The first that is due is shown where the address asks for none. */
export const VIEWS: readonly View[] = [
  {
    id: "compared",
    label: "Compared",
    show: ComparedView,
    due: ({ comparison }) => comparison !== null,
  },
  { id: "results", label: "Results", show: ResultsView, due: () => true },
  { id: "tests", label: "Tests", show: TestsView, due: ({ fixtures }) => fixtures.length > 0 },
  {
    id: "kernels",
    label: "Kernels",
    show: (props) => <KernelsView ids={idsOf(props)} />,
    due: () => true,
  },
  {
    id: "times",
    label: "Times",
    show: (props) => <TimesView ids={idsOf(props)} />,
    due: () => true,
  },
];

function ResultsView({ cells }: ViewProps) {
  const { model } = usePage();
  return (
    <>
      <Causes cells={cells} />
      <section aria-labelledby="grid">
        <h2 id="grid">Cells</h2>
        {model.cells.length === 0
          ? <p class="note">This run has no cells.</p>
          : cells.length === 0
          ? <p class="note">No cell fits the filter.</p>
          : <Grid cells={cells} />}
      </section>
    </>
  );
}
