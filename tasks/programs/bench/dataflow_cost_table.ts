// SPDX-License-Identifier: MIT
/** What KCOV dataflow costs a kernel, as a table beside the figures that were published with it. */
import { padColumns } from "../../core/text/columns.ts";
import { median } from "./bench_table.ts";

/** One kernel, three times: without the calls, with values alone, with the fields of structures. */
export const DATAFLOW_VARIANTS = ["off", "values", "fields"] as const;
export type DataflowVariant = typeof DATAFLOW_VARIANTS[number];

/** What one of them has cost. */
export interface DataflowCost {
  /** Sizes of all functions in .text. */
  readonly textBytes: number;
  /** Of what else is loaded and has content. */
  readonly dataBytes: number;
  readonly buildCpuSeconds: number;
  /** From the kernel's first line to init, of each boot. */
  readonly bootMs: readonly number[];
  /** Of a call of lseek(2), of each boot, in its quickest round; without the engine's part. */
  readonly callNs: readonly number[];
  /** The same while records are collected; none in a kernel without dataflow. */
  readonly collectingNs: readonly number[];
}

export type DataflowCosts = Readonly<Record<DataflowVariant, DataflowCost>>;

/**
 * Figures of the feature's author, x86 with KVM. In which state the latency was taken is not known
 * here: it stands beside the call that nobody collects.
 */
const PUBLISHED = { text: "+9.5 %", boot: "+71 %", call: "+133 %" };

const HEAD = ["what", ...DATAFLOW_VARIANTS, "published"];

interface Row {
  readonly what: string;
  readonly of: (cost: DataflowCost) => readonly number[];
  readonly digits: number;
  readonly published?: string;
}

const ROWS: readonly Row[] = [
  {
    ...{ what: "text, KiB", digits: 0, published: PUBLISHED.text },
    of: ({ textBytes }) => [textBytes / 1024],
  },
  { what: "data, KiB", digits: 0, of: ({ dataBytes }) => [dataBytes / 1024] },
  { what: "build, CPU s", digits: 1, of: ({ buildCpuSeconds }) => [buildCpuSeconds] },
  {
    ...{ what: "boot, kernel to init, ms", digits: 0, published: PUBLISHED.boot },
    of: ({ bootMs }) => bootMs,
  },
  {
    ...{ what: "lseek, nobody collects, ns", digits: 0, published: PUBLISHED.call },
    of: ({ callNs }) => callNs,
  },
  { what: "lseek, collecting, ns", digits: 0, of: ({ collectingNs }) => collectingNs },
];

/** "+12.3 %"; "" where one of the two is not there. */
export function growth(value: number | null, over: number | null): string {
  if (value === null || !over) return "";
  const percent = 100 * (value / over - 1);
  return `${percent < 0 ? "−" : "+"}${Math.abs(percent).toFixed(1)} %`;
}

/** A table in Markdown: medians, and how much more than with the option off. */
export function dataflowTable(costs: DataflowCosts): string {
  const rows = ROWS.map(({ what, of, digits, published = "" }) => {
    const middles = DATAFLOW_VARIANTS.map((variant) => {
      const values = of(costs[variant]);
      return values.length === 0 ? null : median(values);
    });
    // What only collects is held against the same call of the kernel without.
    const over = middles[0] ?? median(costs.off.callNs);
    const cells = middles.map((value, index) => {
      if (value === null) return "-";
      const more = index === 0 ? "" : ` (${growth(value, over)})`;
      return `${value.toFixed(digits)}${more}`;
    });
    return [what, ...cells, published];
  });
  const [head, ...rest] = padColumns([HEAD, ...rows]);
  const rule = head!.map(({ length }) => "-".repeat(length));
  return [head!, rule, ...rest].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** A page with one of its sections written anew, or with it at the end where it has none. */
export function withSection(page: string, title: string, text: string): string {
  const section = `## ${title}\n\n${text.trim()}\n`;
  const parts = page.trimEnd().split(/^(?=## )/m);
  const at = parts.findIndex((part) => part.startsWith(`## ${title}\n`));
  const whole = at < 0
    ? [...parts.map((part) => `${part.trimEnd()}\n`), section]
    : parts.map((part, index) => index === at ? section : `${part.trimEnd()}\n`);
  return whole.join("\n");
}

/** What the guest runs to measure a call; the value of the last line is its report. */
export const LATENCY_SOURCE = `(() => {
  // So many calls fit into the buffer; the clock of a guest without a TSC has steps of 4 ms.
  const COUNT = 2000, WINDOWS = 20, ROUNDS = 5;
  const fd = sys.call(SYS.openat, -100, "/proc/version", 0, 0);
  const memory = new Uint8Array(8);
  const measure = (one, before) => {
    const found = [];
    for (let round = 0; round < ROUNDS; round++) {
      const start = sys.nowMs();
      for (let window = 0; window < WINDOWS; window++) {
        before();
        for (let at = 0; at < COUNT; at++) one();
      }
      found.push((sys.nowMs() - start) * 1e6 / (COUNT * WINDOWS));
    }
    // What disturbs a round makes it longer.
    return Math.min(...found);
  };
  const call = () => sys.tryCall(SYS.lseek, fd, 0, 0);
  const nothing = () => {};
  const engine = measure(() => sys.address(memory), nothing);
  let report = "kmatrix-latency idle=" + Math.round(measure(call, nothing) - engine);
  const device = sys.tryCall(SYS.openat, -100, "/sys/kernel/debug/kcov_dataflow", 2, 0);
  if (device >= 0) {
    const words = 1 << 22;
    sys.call(SYS.ioctl, device, 0x80086401, words);
    const buffer = sys.map(words * 8, 3, 1, device, 0);
    const count = new BigUint64Array(buffer, 0, 1);
    sys.call(SYS.ioctl, device, 0x6464, 0);
    const taken = measure(call, () => { count[0] = 0n; });
    const isEmpty = count[0] < BigInt(COUNT);
    sys.call(SYS.ioctl, device, 0x6465, 0);
    report += " collecting=" + Math.round(taken - engine) + (isEmpty ? " nothing-collected" : "");
  }
  return report;
})()`;

/**
 * The two times of what the guest has printed, in ns; collecting is null where there is no device.
 * @throws RangeError where there is no report, or nothing was collected meanwhile.
 */
export function parseLatency(
  console: string,
): { readonly idle: number; readonly collecting: number | null } {
  const found = /kmatrix-latency idle=(-?\d+)(?: collecting=(-?\d+)( nothing-collected)?)?/.exec(
    console,
  );
  if (!found) throw new RangeError(`no latency in: ${console.slice(-200)}`);
  if (found[3]) throw new RangeError("the device collected nothing while calls were timed");
  return { idle: Number(found[1]), collecting: found[2] ? Number(found[2]) : null };
}
