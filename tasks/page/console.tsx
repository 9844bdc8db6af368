// SPDX-License-Identifier: MIT
/** A log: the lines around a place, with what is a report's, a frame's and a test's told apart. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { LineRange } from "../core/page/log_excerpt.ts";
import type { PageCell, PageLog } from "../core/page/page_model.ts";
import { unpackLines } from "../core/page/packed.ts";
import { usePage } from "./page_state.tsx";
import { FileLink } from "./parts.tsx";
import { hashOf } from "./view_state.ts";
import { bytesText, counted, countText } from "./words.ts";

/** Lines shown before and behind a place, and how many more at once. */
const BEFORE = 60;
const BEHIND = 140;
const MORE = 500;

const unpacked = new Map<string, Promise<string[]>>();

/** The kept lines of a log, unpacked once. */
function linesOf(element: string): Promise<string[]> {
  const known = unpacked.get(element);
  if (known) return known;
  const lines = unpackLines(document.getElementById(element)?.textContent ?? "");
  unpacked.set(element, lines);
  return lines;
}

/** Number of the line at an index of the kept ones. */
function numberAt(kept: readonly LineRange[], index: number): number {
  let left = index;
  for (const [from, to] of kept) {
    if (left <= to - from) return from + left;
    left -= to - from + 1;
  }
  return NaN;
}

/** Index of a line among the kept ones, or of the next that is kept. */
function indexOf(kept: readonly LineRange[], number: number): number {
  let before = 0;
  for (const [from, to] of kept) {
    if (number <= to) return before + Math.max(0, number - from);
    before += to - from + 1;
  }
  return Math.max(0, before - 1);
}

const inRanges = (ranges: readonly LineRange[], number: number) =>
  ranges.some(([from, to]) => from <= number && number <= to);

interface Loaded {
  readonly lines: readonly string[] | null;
  readonly error: string | null;
}

function useLines(log: PageLog): Loaded {
  const [loaded, setLoaded] = useState<Loaded>({ lines: null, error: null });
  useEffect(() => {
    const { element } = log;
    if (element === null) return;
    let stale = false;
    linesOf(element).then(
      (lines) => !stale && setLoaded({ lines, error: null }),
      (error) => !stale && setLoaded({ lines: null, error: `${error}` }),
    );
    return () => {
      stale = true;
    };
  }, [log]);
  return loaded;
}

interface ConsoleProps {
  readonly cell: PageCell;
  readonly log: PageLog;
  /** What is marked. */
  readonly marked: readonly LineRange[];
  /** The line that people are led to; null for the end. */
  readonly line: number | null;
}

/** It has the log's path as its key: another log is another one. */
export function Console({ cell, log, marked, line }: ConsoleProps) {
  const { lines, error } = useLines(log);
  if (log.element === null) return <p class="notice">{log.missing}</p>;
  if (error !== null) {
    return (
      <p class="notice">
        The lines of <FileLink path={log.path} />{" "}
        in this page are damaged ({error}). `deno task report` makes the page again.
      </p>
    );
  }
  if (lines === null) return <p class="notice" role="status">unpacking {log.path} …</p>;
  if (log.lines === 0) return <p class="notice">{log.path} is empty.</p>;
  return <LogLines {...{ cell, log, marked, line, lines }} />;
}

function LogLines({ cell, log, marked, line, lines }: ConsoleProps & {
  readonly lines: readonly string[];
}) {
  const goal = line === null ? lines.length - 1 : indexOf(log.kept, line);
  const start = (): [number, number] => [
    Math.max(0, goal - BEFORE),
    Math.min(lines.length, goal + BEHIND),
  ];
  const [[from, to], setWindow] = useState(start);
  const box = useRef<HTMLDivElement>(null);
  const jump = useRef(true);
  useEffect(() => {
    setWindow(start());
    jump.current = true;
  }, [log, goal]);
  useEffect(() => {
    const hit = box.current?.querySelector<HTMLElement>(".goal");
    if (!jump.current || !hit || !box.current) return;
    jump.current = false;
    box.current.scrollTop = hit.offsetTop - box.current.clientHeight / 5;
  });
  const show = (index: number) => {
    setWindow([Math.max(0, index - BEFORE), Math.min(lines.length, index + BEHIND)]);
  };
  const sources = useMemo(() => sourcesOf(cell), [cell]);
  return (
    <div class="log">
      <LogBar {...{ log, lines }} onFind={show} />
      <div
        class="lines"
        ref={box}
        role="region"
        aria-label={`Lines of ${log.path}`}
        tabIndex={0}
      >
        {from > 0 && (
          <button
            type="button"
            class="more"
            onClick={() => setWindow([Math.max(0, from - MORE), to])}
          >
            {counted(Math.min(MORE, from), "line")} before · {countText(from)} in all
          </button>
        )}
        {lines.slice(from, to).map((text, offset) => {
          const number = numberAt(log.kept, from + offset);
          const gap = from + offset > 0 &&
            number - numberAt(log.kept, from + offset - 1) - 1;
          return (
            <>
              {gap ? <GapLine key={`gap-${number}`} log={log} lines={gap} /> : null}
              <Line
                key={number}
                number={number}
                text={text}
                hit={inRanges(marked, number)}
                goal={from + offset === goal}
                sources={sources}
              />
            </>
          );
        })}
        {to < lines.length && (
          <button
            type="button"
            class="more"
            onClick={() => setWindow([from, Math.min(lines.length, to + MORE)])}
          >
            {counted(Math.min(MORE, lines.length - to), "line")} behind ·{" "}
            {countText(lines.length - to)} in all
          </button>
        )}
      </div>
    </div>
  );
}

function GapLine({ log, lines }: { log: PageLog; lines: number }) {
  return (
    <p class="gap">
      … {counted(lines, "line")} are not part of this page; {log.path} has them …
    </p>
  );
}

/** What a log is, and where in it a word stands. */
function LogBar({ log, lines, onFind }: {
  log: PageLog;
  lines: readonly string[];
  onFind: (index: number) => void;
}) {
  const [word, setWord] = useState("");
  const [at, setAt] = useState(0);
  const hits = useMemo(() => {
    if (word.length < 2) return [];
    const low = word.toLowerCase();
    return lines.flatMap((text, index) => text.toLowerCase().includes(low) ? [index] : []);
  }, [word, lines]);
  const { state } = usePage();
  const step = (by: number) => {
    if (hits.length === 0) return;
    const next = (at + by + hits.length) % hits.length;
    setAt(next);
    onFind(hits[next]!);
    history.replaceState(
      null,
      "",
      hashOf({ ...state, line: numberAt(log.kept, hits[next]!) }),
    );
    dispatchEvent(new HashChangeEvent("hashchange"));
  };
  const kept = log.kept.reduce((sum, [from, to]) => sum + to - from + 1, 0);
  return (
    <div class="logbar">
      <span>
        <FileLink path={log.path} /> {counted(log.lines, "line")}, {bytesText(log.bytes)}
        {kept < log.lines && `, ${countText(kept)} of them in this page`}
      </span>
      <form
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          step(1);
        }}
      >
        <input
          type="search"
          aria-label={`find in ${log.path}`}
          placeholder="find in the log"
          value={word}
          onInput={(event) => {
            setWord(event.currentTarget.value);
            setAt(-1);
          }}
        />
        <span role="status" class="hits">
          {word.length < 2
            ? ""
            : `${hits.length === 0 ? 0 : Math.max(0, at) + 1} of ${hits.length}`}
        </span>
        <button type="button" onClick={() => step(-1)} aria-label="line before">↑</button>
        <button type="submit" aria-label="next line">↓</button>
      </form>
    </div>
  );
}

type Sources = ReadonlyMap<string, readonly string[]>;

/** Source lines by the place that a stack prints. */
function sourcesOf({ splats }: PageCell): Sources {
  return new Map(
    splats.flatMap(({ frames }) =>
      frames.filter(({ source }) => source.length > 0)
        .map(({ place, source }) => [place, source] as const)
    ),
  );
}

const STAMP = /^\[ *\d+\.\d+\](?:\[ *[CT]\d+\])? ?/;
const FRAME = /[\w.$]+\+0x[0-9a-f]+\/0x[0-9a-f]+(?: \[\w+\])?/;
const MARK = /^kmatrix: (?:RUN|END|DONE)\b/;

function Line({ number, text, hit, goal, sources }: {
  number: number;
  text: string;
  hit: boolean;
  goal: boolean;
  sources: Sources;
}) {
  const stamp = STAMP.exec(text)?.[0] ?? "";
  const rest = text.slice(stamp.length);
  const frame = FRAME.exec(rest)?.[0];
  const source = frame === undefined ? undefined : sources.get(frame);
  const kind = MARK.test(rest) ? " testmark" : frame === undefined ? "" : " frame";
  return (
    <div class={`line${hit ? " hit" : ""}${goal ? " goal" : ""}${kind}`} data-line={number}>
      <span class="number" aria-hidden="true">{number}</span>
      <span class="text">
        {stamp && <span class="stamp">{stamp}</span>}
        {rest}
        {source && <span class="source">{source.join(" ← ")}</span>}
      </span>
    </div>
  );
}
