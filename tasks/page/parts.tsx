// SPDX-License-Identifier: MIT
/** Small parts of several views. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { PageFailure, PageSplat } from "../core/page/page_model.ts";
import { usePage } from "./page_state.tsx";
import { cellHash } from "./view_state.ts";
import { BLAME_WORDS } from "./words.ts";

/** Puts a text on the clipboard; false where the browser does not let the page. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // A page that did not come by https, or from disk in some browsers.
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

const SAID_MS = 2000;

/** A button that copies a command. */
export function CopyButton({ command, label, text }: {
  command: string;
  /** What is copied, for those who do not see where the button stands. */
  label: string;
  /** What stands on it. */
  text: string;
}) {
  const [said, say] = useState("");
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const onClick = async () => {
    say(await copy(command) ? "copied" : "not copied: select it by hand");
    clearTimeout(timer.current);
    timer.current = setTimeout(() => say(""), SAID_MS) as unknown as number;
  };
  return (
    <>
      <button
        type="button"
        onClick={onClick}
        aria-label={`${said || text}: ${label}`}
        title={command}
      >
        {said === "" ? text : said}
      </button>
      <span class="quiet" role="status">{said}</span>
    </>
  );
}

/** A command with its button. */
export function CommandLine({ command, label }: { command: string; label: string }) {
  return (
    <div class="command">
      <code>{command}</code>
      <CopyButton command={command} label={label} text="copy" />
    </div>
  );
}

/** Places of a stack, innermost first, with their source lines where they are known. */
export function Frames({ frames }: { frames: PageSplat["frames"] }) {
  return (
    <ol class="frames">
      {frames.slice(0, FRAMES_SHOWN).map(({ place, source }, index) => (
        <li key={index}>
          <code>{place}</code>
          {source.length > 0 && <span class="source">{source.join(" ← ")}</span>}
        </li>
      ))}
    </ol>
  );
}

const FRAMES_SHOWN = 6;

export function CellLink({ id }: { id: string }) {
  const { state } = usePage();
  return <a href={cellHash(state, id)}>{id}</a>;
}

/** A file that the run has left; its name alone in a page from which no link leads there. */
export function FileLink({ path, text = path, look }: {
  /** Below the run's folder. */
  path: string;
  text?: string;
  /** Its class. */
  look?: string;
}) {
  const { model: { filesAt } } = usePage();
  if (filesAt === null) return <span class={look}>{text}</span>;
  const href = `${filesAt}${path}`.split("/").map(encodeURIComponent).join("/");
  return <a class={look} href={href}>{text}</a>;
}

/** Whose fault it is, and its id. */
export function BlameLine({ failure }: { failure: PageFailure }) {
  return (
    <span class="blame">
      <code class="id">{failure.id}</code> {BLAME_WORDS[failure.blame]}
    </span>
  );
}

/** File and line as a compiler or a stack names them. */
const PLACE = /((?:[\w.+-]+\/)*[\w+.-]+\.(?:[chSs]|rs|ts|js|yaml|config)(?::\d+){1,2})/g;

/** A text with its places in sources marked. */
export function Evidence({ text }: { text: string }) {
  return (
    <pre
      class="evidence"
      tabIndex={0}
      role="group"
      aria-label="evidence"
    >{text.split(PLACE).map((part, index) =>
      index % 2 === 1 ? <b key={index}>{part}</b> : part
    )}</pre>
  );
}

/** A table as wide as the page; the caller gives its rows. */
export function ListTable({ head, look = "list", children }: {
  /** Names of columns; those of figures begin with ">". */
  head: readonly string[];
  /** Its classes. */
  look?: string;
  children: ComponentChildren;
}) {
  return (
    <table class={look}>
      <thead>
        <tr>
          {head.map((name) =>
            name.startsWith(">")
              ? <th scope="col" class="figure" key={name}>{name.slice(1)}</th>
              : <th scope="col" key={name}>{name}</th>
          )}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

/** A bar among others; the number beside it says the same. */
export function Share({ parts, label }: {
  parts: readonly { readonly share: number; readonly kind: string }[];
  label?: string;
}) {
  let at = 0;
  return (
    <svg class="share" height="14" width="100%" aria-hidden="true">
      {label && <title>{label}</title>}
      {parts.map(({ share, kind }, index) => {
        const x = at;
        at += share;
        return (
          <rect
            key={index}
            class={`bar ${kind}`}
            x={`${(x * 100).toFixed(3)}%`}
            width={`${(Math.max(share, 0.001) * 100).toFixed(3)}%`}
            height="14"
          />
        );
      })}
    </svg>
  );
}
