// SPDX-License-Identifier: MIT
/** virtme-ng, where it is installed, doing the same job. */
import $ from "dax";
import type { BootRecord } from "../model.ts";
import type { Comparison } from "../formats/bench_table.ts";
import { requestOf } from "../stages/configure.ts";
import { ROOT } from "../testing/project_copy.ts";
import { type Bench, host, inTurn, kmatrix, makeOf, paths, say, time } from "./measure.ts";

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
  // Not below /tmp, which a guest of virtme-ng has a file system of its own for.
  await Deno.mkdir(`${ROOT}/out`, { recursive: true });
  const place = await Deno.makeTempDir({ dir: `${ROOT}/out`, prefix: "bench-" });
  try {
    say("virtme-ng: build");
    const tree = `${place}/tree`;
    const { source } = await makeOf(cell);
    await $`env cp --archive --reflink=auto ${source.path} ${tree}`.quiet();
    const fragments = cell.config.fragments.filter((name) => name !== "base");
    const asked = await requestOf({ config: { ...cell.config, fragments } }, [], paths, host);
    const items = [
      ...asked.lines.map(({ option, value }) => `${option}=${value}`),
      ...GUEST_OPTIONS.map((name) => `${name}=y`),
    ].flatMap((item) => ["--configitem", item]);
    const llvm = `LLVM=${cell.toolchain.llvm}`;
    const vng = (...args: string[]) => ["bash", "-c", 'cd "$0" && vng "$@"', tree, ...args];
    const build = await time(vng("--build", ...items, llvm), { env: { CCACHE_DISABLE: "1" } });
    say(`virtme-ng: ${runs} boots`);
    const out = `${dir}/vng-out`;
    const matrix = kmatrix("matrix", cell.id, "--quiet", "--output-dir", out);
    await time(matrix);
    const booted = await inTurn(
      runs,
      async () => (await time(matrix)).seconds,
      () => virtmeBoot(vng, `${out}/latest/${cell.id}`, place),
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
  } finally {
    await Deno.remove(place, { recursive: true });
  }
}

/** What the guest program needs of a kernel that is not built from our base. */
const GUEST_OPTIONS = ["CONFIG_X86_IOPL_IOPERM", "CONFIG_DEBUG_FS", "CONFIG_PID_NS"];

/**
 * One boot of virtme-ng with the guest program of a cell.
 * @param ours Folder of a boot of ours, for its initramfs.
 * @param place An empty folder is made here, as the guest program's root.
 * @returns Seconds.
 */
async function virtmeBoot(
  vng: (...args: string[]) => string[],
  ours: string,
  place: string,
): Promise<number> {
  const root = `${place}/root`;
  const record: BootRecord = JSON.parse(await Deno.readTextFile(`${ours}/boot.json`));
  const initramfs = record.argv[record.argv.indexOf("-initrd") + 1]!;
  await Deno.mkdir(root);
  // Two archives, one behind the other; cpio reads one at a time.
  const unpack = 'cd "$0" && { cpio -idm --quiet && cpio -idmu --quiet; } < "$1"';
  await $`${["bash", "-c", unpack, root, initramfs]}`.quiet();
  const results = `${place}/results.log`;
  const devices = record.argv.flatMap((word, index, all) =>
    /^file,id=results|^isa-debug/.test(word) ? [all[index - 1]!, word] : []
  ).map((word) => word.replace(/path=.*/, `path=${results}`));
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
