// SPDX-License-Identifier: MIT
/**
 * KVM or TCG: /dev/kvm may open, create machines and still hang or break the guest at its first
 * instructions, so the only honest probe is a boot.
 */
import type { Host } from "../host/host.ts";
import type { Arch } from "../core/arch/arch.ts";
import type { Accel, AccelChoice, BootRecord } from "../core/model/model.ts";
import { KmatrixError } from "../core/model/errors.ts";
import { sha256 } from "../core/text/digest.ts";
import { decodeFrames } from "../core/judge/frames.ts";
import { type Limits, limitsFor } from "../core/model/limits.ts";
import { type Paths, RECORDINGS } from "../core/model/paths.ts";

/** What a guest needs at the very most to send its first frame where KVM works. */
const PROBE_SECONDS = 10;

/** How the probe wants its guest booted; which kernel and initramfs it is makes no difference. */
export interface ProbeBoot {
  readonly cell: string;
  readonly accel: Accel;
  readonly features: readonly [];
  readonly filter: readonly string[];
  readonly limits: Limits;
  readonly dir: string;
}

/**
 * @param boot The boot stage, with a guest of this run.
 * @throws KmatrixError "infra" (kvm-broken) where KVM was asked for and does not boot a guest.
 */
export async function chooseAccel(
  choice: AccelChoice,
  arch: Arch,
  boot: (probe: ProbeBoot) => Promise<BootRecord>,
  paths: Paths,
  host: Host,
): Promise<Accel> {
  if (choice === "tcg") return "tcg";
  const answer = await probeKvm(arch, boot, paths, host);
  if (answer === "works") return "kvm";
  if (choice === "kvm") {
    throw new KmatrixError(
      "infra",
      "kvm-broken",
      `--accel kvm was asked for, but KVM does not boot a guest here: ${answer}`,
      "Use --accel tcg (or --no-kvm) to emulate instead.",
    );
  }
  host.log("notice", `KVM does not work here (${answer}): emulating with TCG`);
  return "tcg";
}

/** "works", or the reason why not; remembered for this host, kernel and QEMU. */
async function probeKvm(
  arch: Arch,
  boot: (probe: ProbeBoot) => Promise<BootRecord>,
  paths: Paths,
  host: Host,
): Promise<string> {
  if (!(await host.fs.exists("/dev/kvm"))) return "there is no /dev/kvm";
  const facts = await Promise.all([
    host.fs.readTextIfAny("/etc/machine-id"),
    host.fs.readTextIfAny("/proc/version"),
    host.fs.readTextIfAny("/proc/sys/kernel/random/boot_id"),
    host.fs.which(arch.qemu.program),
  ]);
  const file = `${paths.cache}/probes/kvm-${(await sha256(JSON.stringify(facts))).slice(0, 16)}`;
  const known = await host.fs.readTextIfAny(file);
  if (known !== null && known !== "") return known.trim();
  host.log("info", "probing KVM by booting a guest");
  const dir = `${paths.cache}/probes/kvm-boot`;
  const limits = { ...limitsFor("kvm", [], PROBE_SECONDS), initMs: PROBE_SECONDS * 1000 };
  const record = await boot({
    cell: "probe/kvm",
    accel: "kvm",
    features: [],
    filter: ["no-test-has-this-name"],
    limits,
    dir,
  });
  const results = await host.fs.readBytes(`${dir}/${RECORDINGS.results}`).catch(() =>
    new Uint8Array()
  );
  const began = decodeFrames(results).frames.some((frame) => frame.kind === "B");
  const words = (await host.fs.readTail(`${dir}/qemu.log`, 2000)).trim().split("\n");
  const said = words.find((line) => /error|failed|denied/i.test(line)) ?? words.at(-1);
  const answer = began
    ? "works"
    : record.end.kind === "limit"
    ? `a guest did not come up within ${PROBE_SECONDS} s`
    : said || `QEMU ended with code ${record.end.kind === "exited" ? record.end.code : "?"}`;
  if (!host.signal.aborted) await host.fs.writeText(file, answer);
  await host.fs.remove(dir);
  return answer;
}
