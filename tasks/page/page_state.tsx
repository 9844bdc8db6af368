// SPDX-License-Identifier: MIT
/** The model and what is shown of it, for all parts of the page. */
import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import type { PageModel } from "../core/page/page_model.ts";
import { readHash, START, type ViewState } from "./view_state.ts";

export interface Page {
  readonly model: PageModel;
  readonly state: ViewState;
}

export const PageContext = createContext<Page | null>(null);

export function usePage(): Page {
  return useContext(PageContext)!;
}

/** Follows the address. */
export function useViewState(): ViewState {
  const [state, setState] = useState<ViewState>(() => readHash(location.hash));
  useEffect(() => {
    const follow = () => setState(readHash(location.hash));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return state;
}

/** Goes there, so that "back" comes back. */
export function go(hash: string): void {
  location.hash = hash;
}

/** The same without a step of the history: for what is typed. */
export function replaceHash(hash: string): void {
  history.replaceState(null, "", hash);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

/** The overview, with the filter that stands. */
export function overviewOf({ words, only, changes, view }: ViewState): ViewState {
  return { ...START, words, only, changes, view };
}
