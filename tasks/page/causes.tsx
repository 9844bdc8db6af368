// SPDX-License-Identifier: MIT
/** What went wrong, each cause once: the first thing that one looks for. */
import { useState } from "preact/hooks";
import type { PageCause, PageCell } from "../core/page/page_model.ts";
import { usePage } from "./page_state.tsx";
import { BlameLine, CopyButton, Evidence } from "./parts.tsx";
import { cellHash } from "./view_state.ts";
import { counted, MARKS } from "./words.ts";

/** Of many, so many are on the screen; page.css folds the others, and prints them all. */
const SHOWN = 4;

/** @param cells Those that the filter leaves. */
export function Causes({ cells }: { cells: readonly PageCell[] }) {
  const { model } = usePage();
  const [all, setAll] = useState(false);
  const ids = new Set(cells.map(({ id }) => id));
  const causes = model.causes.filter((one) => one.cells.some(({ cell }) => ids.has(cell)));
  if (model.failures.length + causes.length === 0) return <Unfinished cells={cells} />;
  return (
    <section aria-labelledby="causes">
      <h2 id="causes">What went wrong</h2>
      {model.failures.map((failure) => (
        <div class="cause run" key={failure.message}>
          <p class="message">{failure.message}</p>
          <BlameLine failure={failure} />
          {failure.detail && <Evidence text={failure.detail} />}
        </div>
      ))}
      <ol class={all ? "causes" : "causes few"}>
        {causes.map((cause) => <CauseItem key={causeKey(cause)} cause={cause} />)}
      </ol>
      <Unfinished cells={cells} />
      {causes.length > SHOWN && (
        <button
          type="button"
          onClick={() => setAll(!all)}
          aria-expanded={all}
        >
          {all ? "fewer" : `${causes.length - SHOWN} more`}
        </button>
      )}
    </section>
  );
}

/** Says that there is no verdict on some, which is no good news. */
function Unfinished({ cells }: { cells: readonly PageCell[] }) {
  const { model } = usePage();
  const count = cells.filter(({ word }) => word === "unfinished").length;
  if (count === 0) return null;
  const why = model.interrupted === null
    ? "the run had not come to its end when this was written"
    : `the run was broken off by ${model.interrupted}`;
  return <p class="notice">{counted(count, "cell")} without a verdict: {why}.</p>;
}

const causeKey = ({ failure, cells }: PageCause) =>
  `${failure.id} ${cells[0]!.cell} ${failure.message}`;

function CauseItem({ cause }: { cause: PageCause }) {
  const { model, state } = usePage();
  const { failure, cells } = cause;
  const [first] = cells;
  const word = model.cells.find(({ id }) => id === first!.cell)!.word;
  const repeat = model.cells.find(({ id }) => id === first!.cell)!.repeat;
  const link = (one: PageCause["cells"][number]) =>
    cellHash(state, one.cell, { failure: one.failure });
  return (
    <li class={`cause ${word}`}>
      <p class="message">
        <span class={`mark ${word}`} aria-hidden="true">{MARKS[word]}</span>
        <a href={link(first!)}>{failure.message}</a>
      </p>
      <p class="about">
        <BlameLine failure={failure} />
        {failure.stage && <span>stage {failure.stage}</span>}
        {failure.tests.length > 1 && <span>in {counted(failure.tests.length, "test")}</span>}
        <span>in {cells.length} of {counted(model.cells.length, "cell")}:</span>
        {cells.map((one) => <a class="chip" key={one.cell} href={link(one)}>{one.cell}</a>)}
        <CopyButton
          command={repeat}
          label={`the command that repeats ${first!.cell}`}
          text="copy repro"
        />
      </p>
    </li>
  );
}
