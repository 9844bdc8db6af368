// SPDX-License-Identifier: MIT
/** The calls of a traced system call, one within the other. */
import type { DataflowCall, DataflowReport, DataflowValue } from "../core/dataflow/report.ts";
import { bornText, headText, noteText, placeText, signature } from "../core/dataflow/tree_text.ts";
import type { PageDataflow } from "../core/page/page_model.ts";
import { FileLink } from "./parts.tsx";

export function Dataflow({ found: { path, report, missing } }: { found: PageDataflow }) {
  return (
    <section aria-labelledby="dataflow">
      <h2 id="dataflow">Calls</h2>
      {report === null ? <p class="note">{missing}</p> : <Report report={report} />}
      <p>
        As data: <FileLink path={path} />
      </p>
    </section>
  );
}

function Report({ report }: { report: DataflowReport }) {
  return (
    <>
      <p>{headText(report)}</p>
      {report.remarks.map(({ id, text }) => <p key={id} class="note">{text}</p>)}
      <Calls calls={report.calls} errno={report.errno} />
    </>
  );
}

function Calls({ calls, errno }: { calls: readonly DataflowCall[]; errno: string | null }) {
  return (
    <ul class="calls">
      {calls.map((call, index) => (
        <li key={index}>
          {call.lostBefore > 0 && <p class="note">{call.lostBefore} records missing</p>}
          <Call call={call} isFirst={index === 0} errno={errno} />
        </li>
      ))}
    </ul>
  );
}

interface CallProps {
  call: DataflowCall;
  /** Nothing stands before it within the same call. */
  isFirst: boolean;
  errno: string | null;
}

function Call({ call, isFirst, errno }: CallProps) {
  const objects = objectsOf(call);
  const line = <Line call={call} isFirst={isFirst} errno={errno} />;
  if (objects.length === 0 && call.calls.length === 0) return line;
  return (
    <details open>
      <summary>{line}</summary>
      {objects.map(([name, { fields, moreFields }]) => (
        <details key={name} class="fields">
          <summary>
            <code>{name}</code>
          </summary>
          <dl class="facts">
            {fields!.map((one, index) => (
              <div key={index}>
                <dt>{one.name || "(unnamed)"}</dt>
                <dd title={one.type ?? undefined}>{one.value}</dd>
              </div>
            ))}
          </dl>
          {moreFields > 0 && <p class="note">and {moreFields} more</p>}
        </details>
      ))}
      {call.calls.length > 0 && <Calls calls={call.calls} errno={errno} />}
    </details>
  );
}

function objectsOf({ arguments: list, returned }: DataflowCall): [string, DataflowValue][] {
  const named = (list ?? []).map((one): [string, DataflowValue] => [
    one.name ?? `arg${one.index}`,
    one,
  ]);
  if (returned !== null) named.push(["returned", returned]);
  return named.filter(([, { fields }]) => fields !== null);
}

function Line({ call, isFirst, errno }: CallProps) {
  const note = noteText(call, isFirst);
  return (
    <span class={call.bornHere ? "call born" : "call"}>
      <code>{signature(call)}</code> <span class="note">{placeText(call)}</span>
      {note && <span class="note">[{note}]</span>}
      {call.bornHere && <b>{bornText(call, errno)}</b>}
    </span>
  );
}
