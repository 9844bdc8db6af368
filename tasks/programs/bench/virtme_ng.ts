// SPDX-License-Identifier: MIT
/** virtme-ng, where it is installed, doing the same job. */
import { counted } from "../../core/text/counted.ts";
import $ from "dax";
import * as v from "valibot";
import type { Arch } from "../../core/arch/arch.ts";
import { archOf } from "../../core/arch/table.ts";
import { cachedJson } from "../../core/text/shape.ts";
import { parseBootRecord } from "../../core/boot/boot_record.ts";
import type { Cell } from "../../core/model/model.ts";
import type { Comparison } from "./bench_table.ts";
import { requestOf } from "../../stages/configure.ts";
import { ROOT } from "../../testing/project_copy.ts";
import {
  type Bench,
  type Cost,
  host,
  inTurn,
  kmatrix,
  makeOf,
  paths,
  say,
  time,
} from "./measure.ts";

/**
 * The same kernel by virtme-ng: its own build with the cell's options on top, then the same guest
 * program in a PID namespace of its guest, with the same two ports.
 * @param coldCpu What our builds from nothing took, CPU seconds.
 */
export async function virtmeNg(
  { cell, runs, dir }: Bench,
  coldCpu: readonly number[],
): Promise<Comparison[]> {
  if (await $.which("vng") === undefined) {
    say("virtme-ng (vng) is not installed: nothing to compare with");
    const what = "build and boot by virtme-ng";
    return [{ what, against: "not installed", unit: "s", ours: [], theirs: [], target: "" }];
  }
  const build = await virtmeBuild(cell);
  say(`virtme-ng: ${counted(runs, "boot")}`);
  const out = `${dir}/vng-out`;
  const matrix = kmatrix("matrix", cell.id, "--quiet", "--output-dir", out);
  await time(matrix);
  const booted = await inTurn(
    runs,
    async () => (await time(matrix)).seconds,
    () => virtmeBoot(`${out}/latest/${cell.id}`, archOf(cell.machine)),
  );
  return [
    {
      ...{ what: "from nothing to the verdict, CPU time", against: "vng --build alone" },
      ...{ unit: "CPU s", target: "" },
      ...{ ours: coldCpu, theirs: [build.cpuSeconds] },
    },
    {
      ...{ what: "boot, all tests, verdict", against: "vng --run, the tests alone", unit: "s" },
      ...{ ...booted, target: "" },
    },
  ];
}

/** Not below /tmp, which a guest of virtme-ng has a file system of its own for. */
const PLACE = `${ROOT}/out/virtme-ng`;

/** vng, in its tree. */
const vng = (...args: string[]) => ["bash", "-c", 'cd "$0" && vng "$@"', `${PLACE}/tree`, ...args];

const keptShape = v.looseObject({ key: v.string(), cpuSeconds: v.number() });

/** The kernel, with what it has cost; kept, for it takes longer than all other parts together. */
async function virtmeBuild(cell: Cell): Promise<Pick<Cost, "cpuSeconds">> {
  const { source } = await makeOf(cell);
  const fragments = cell.config.fragments.filter((name) => name !== "base");
  const asked = await requestOf({ config: { ...cell.config, fragments } }, [], paths, host);
  const items = [
    ...asked.lines.map(({ option, value }) => `${option}=${value}`),
    ...guestOptions(archOf(cell.machine)).map((name) => `${name}=y`),
  ].flatMap((item) => ["--configitem", item]);
  const argv = ["--build", ...items, `LLVM=${cell.toolchain.llvm}`];
  const key = [await $`vng --version`.text(), source.digest, ...argv].join(" ");
  const record = `${PLACE}/build.json`;
  const kept = cachedJson(keptShape, await Deno.readTextFile(record).catch(() => null));
  if (kept?.key === key) return kept;
  say("virtme-ng: build");
  await Deno.remove(PLACE, { recursive: true }).catch(() => {});
  await Deno.mkdir(PLACE, { recursive: true });
  await $`env cp --archive --reflink=auto ${source.path} ${PLACE}/tree`.quiet();
  const { cpuSeconds } = await time(vng(...argv), { env: { CCACHE_DISABLE: "1" } });
  await Deno.writeTextFile(record, JSON.stringify({ key, cpuSeconds }));
  return { cpuSeconds };
}

/** What the guest program needs of a kernel that is not built from our base. */
const guestOptions = ({ guestOptions }: Arch) => [
  ...guestOptions,
  ...["CONFIG_DEBUG_FS", "CONFIG_PID_NS"],
];

/**
 * One boot of virtme-ng with the guest program of a cell.
 * @param ours Folder of a boot of ours, for its initramfs.
 * @returns Seconds.
 */
async function virtmeBoot(ours: string, { qemu }: Arch): Promise<number> {
  const root = `${PLACE}/root`;
  const record = parseBootRecord(await Deno.readTextFile(`${ours}/boot.json`), "boot.json");
  const initramfs = record.argv[record.argv.indexOf("-initrd") + 1]!;
  await Deno.remove(root, { recursive: true }).catch(() => {});
  await Deno.mkdir(root);
  // Two archives, one behind the other; cpio reads one at a time.
  const unpack = 'cd "$0" && { cpio -idm --quiet && cpio -idmu --quiet; } < "$1"';
  await $`${["bash", "-c", unpack, root, initramfs]}`.quiet();
  const results = `${PLACE}/results.log`;
  const devices = [
    ...["-chardev", `file,id=results,path=${results}`],
    ...[...qemu.resultsDevice("results"), ...qemu.exitDevice],
  ];
  const program = `exec unshare --mount --pid --fork chroot ${root} /init`;
  const argv = vng(
    ...["--run", ".", "--disable-kvm", "--memory", "1G", "--cpus", "1", "--user", "root"],
    ...[`--rwdir=${root}`, `--qemu-opts=${devices.join(" ")}`, "--", program],
  );
  // The guest ends QEMU by its exit port, which virtme-ng takes for a failure: the results decide.
  const anyCode = Array.from({ length: 256 }, (_, code) => code);
  const { seconds } = await time(argv, { expect: anyCode });
  const found = await Deno.readTextFile(results).catch(() => "");
  const [wanted, ran] = [await Deno.readTextFile(`${ours}/results.log`), found].map((text) =>
    text.match(/^K\d+ \d+ \w+ (?:not )?ok /gm)?.length ?? 0
  );
  if (ran !== wanted) throw new Error(`virtme-ng's guest ran ${ran} of ${wanted} tests`);
  await Deno.remove(root, { recursive: true });
  await Deno.remove(results);
  return seconds;
}
