// SPDX-License-Identifier: MIT
/** The page of a run: reads the model that lies in it, and draws what the address asks for. */
import { render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { PageModel } from "../core/page/page_model.ts";
import { CellView, redCells } from "./cell.tsx";
import { shownCells } from "./filter.ts";
import { go, overviewOf, PageContext, replaceHash, usePage, useViewState } from "./page_state.tsx";
import { CELL_WORDS, cellHash, hashOf, readHash } from "./view_state.ts";
import { type View, VIEWS } from "./views.tsx";
import { CELL_LABELS, counted, durationText, MARKS, timeText } from "./words.ts";

function App({ model }: { model: PageModel }) {
  const state = useViewState();
  useKeys(model);
  const views = VIEWS.filter(({ due }) => due(model));
  const view = views.find(({ id }) => id === state.view) ?? views[0]!;
  const cells = shownCells(model, state);
  return (
    <PageContext.Provider value={{ model, state }}>
      <a class="skip" href="#main" onClick={skip}>to the content</a>
      <Head views={views} current={view} />
      <div id="main" tabIndex={-1}>
        {state.cell !== null ? <CellView id={state.cell} /> : (
          <main>
            <h1 class="quiet">Run {model.name}: {model.summary}</h1>
            <view.show cells={cells} />
          </main>
        )}
      </div>
      <Keys />
    </PageContext.Provider>
  );
}

/** The address belongs to what is shown. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

/** Red for what failed, amber for what is neither good nor bad. */
function moodOf({ good, failures, cells }: PageModel): string {
  if (good) return "good";
  return failures.length > 0 || cells.some(({ word }) => word === "failed") ? "bad" : "open";
}

function Head({ views, current }: { views: readonly View[]; current: View }) {
  const { model, state } = usePage();
  const shown = shownCells(model, state).length;
  return (
    <header class={moodOf(model)}>
      <div class="title">
        <p class="name">
          <b>kmatrix</b> {model.name}
        </p>
        <p class="when">
          {timeText(model.startedAt)} · {counted(model.cells.length, "cell")} in{" "}
          {durationText(model.durationMs)}
          {model.accel && ` · ${model.accel}`}
          {model.interrupted && ` · broken off by ${model.interrupted}`}
          {model.comparison && ` · compared with ${model.comparison.before}`}
        </p>
      </div>
      <div class="filter">
        <Words />
        <input
          id="filter"
          type="search"
          aria-label="filter cells, tests and failures"
          placeholder="filter  /"
          value={state.words}
          onInput={(event) =>
            replaceHash(hashOf({ ...readHash(location.hash), words: event.currentTarget.value }))}
        />
        <span role="status" class="quiet">{counted(shown, "cell")} shown</span>
      </div>
      <nav aria-label="Views" class="tabs">
        {views.map(({ id, label }, index) => (
          <a
            key={id}
            href={hashOf({ ...overviewOf(state), view: index === 0 ? null : id })}
            aria-current={state.cell === null && id === current.id ? "page" : undefined}
          >
            {label}
          </a>
        ))}
      </nav>
    </header>
  );
}

/** How many cells have each verdict; each a filter. */
function Words() {
  const { model, state } = usePage();
  const toggle = (word: typeof CELL_WORDS[number]) => {
    const state = readHash(location.hash);
    const only = state.only.includes(word)
      ? state.only.filter((one) => one !== word)
      : [...state.only, word];
    go(hashOf({ ...overviewOf(state), only }));
  };
  return (
    <div class="words" role="group" aria-label="Verdicts">
      {CELL_WORDS.map((word) => {
        const count = model.cells.filter((cell) => cell.word === word).length;
        if (count === 0) return null;
        return (
          <button
            type="button"
            key={word}
            class={`badge ${word}`}
            aria-pressed={state.only.includes(word)}
            onClick={() => toggle(word)}
          >
            <span aria-hidden="true">{MARKS[word]}</span> {count} {CELL_LABELS[word]}
          </button>
        );
      })}
    </div>
  );
}

const KEYS: readonly (readonly [key: string, what: string])[] = [
  ["/", "filter"],
  ["j, k", "next red cell, the one before"],
  ["arrows, Home, End", "move in the grid"],
  ["Enter", "what is behind a place of the grid"],
  ["Esc", "back to all cells; once more: no filter"],
  ["?", "these keys"],
];

const KEYS_ID = "keys";

function Keys() {
  const dialog = useRef<HTMLDialogElement>(null);
  return (
    <>
      <footer>
        <button type="button" onClick={() => dialog.current?.showModal()}>keys</button>
      </footer>
      <dialog id={KEYS_ID} ref={dialog} aria-labelledby="keyshead">
        <h2 id="keyshead">Keys</h2>
        <dl>
          {KEYS.map(([key, what]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <form method="dialog">
          <button type="submit">close</button>
        </form>
      </dialog>
    </>
  );
}

/** The red cell that is `by` further on. */
function step(model: PageModel, by: number): void {
  const state = readHash(location.hash);
  const red = redCells(model.cells);
  if (red.length === 0) return;
  const at = red.findIndex(({ id }) => id === state.cell);
  const next = at < 0 ? (by > 0 ? 0 : red.length - 1) : (at + by + red.length) % red.length;
  go(cellHash(state, red[next]!.id));
}

function useKeys(model: PageModel): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const filter = document.getElementById("filter");
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (document.querySelector("dialog[open]")) return;
      if (event.key === "Escape") return back(target);
      if (target instanceof HTMLInputElement) return;
      switch (event.key) {
        case "/":
          filter?.focus();
          break;
        case "j":
        case "k":
          step(model, event.key === "j" ? 1 : -1);
          break;
        case "?":
          (document.getElementById(KEYS_ID) as HTMLDialogElement).showModal();
          break;
        default:
          return;
      }
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [model]);
}

/** Out of a cell, to its place in the grid; from there out of the filter. */
function back(target: HTMLElement): void {
  const state = readHash(location.hash);
  if (state.cell === null) {
    target.blur();
    return go(hashOf({ ...overviewOf(state), words: "", only: [], changes: [] }));
  }
  const { cell } = state;
  go(hashOf(overviewOf(state)));
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      // Whoever was quicker, and is elsewhere by now, stays there.
      if (document.activeElement !== document.body) return;
      const places = document.querySelectorAll<HTMLElement>("th.cell[data-href]");
      const place = [...places].find((one) => readHash(one.dataset["href"]!).cell === cell);
      place?.focus();
    })
  );
}

function start(): void {
  const app = document.getElementById("app")!;
  const model: PageModel = JSON.parse(document.getElementById("model")!.textContent!);
  // What stood there for viewers without scripts.
  app.replaceChildren();
  render(<App model={model} />, app);
  // For whoever measures: behind the frame in which it is on the screen.
  requestAnimationFrame(() => setTimeout(() => performance.mark("drawn")));
}

start();
