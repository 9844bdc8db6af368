// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { archOf } from "../core/arch/table.ts";
import type { BootEnd } from "../core/model/model.ts";
import { RECORDINGS } from "../core/model/paths.ts";
import { pathsFor } from "../core/model/paths.ts";
import { rejectionOf } from "../testing/errors.ts";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { bootRecord, record, type Recording } from "../testing/recorder.ts";
import { chooseAccel, type ProbeBoot } from "./accel.ts";

interface Machine {
  readonly hasKvm: boolean;
  /** How a probing boot ends; null where none may be made. */
  readonly end: BootEnd | null;
  readonly results?: Uint8Array;
  readonly qemuSays?: string;
}

async function onMachine(
  { hasKvm, end, results = new Uint8Array(), qemuSays = "" }: Machine,
  body: (
    choose: (choice: "auto" | "kvm" | "tcg") => Promise<string>,
    host: FakeHost,
    probes: readonly ProbeBoot[],
  ) => Promise<void>,
): Promise<void> {
  await withTempDir(async (dir) => {
    const real = new FakeHost().fs;
    const host = new FakeHost({
      fs: {
        exists: (path) => path === "/dev/kvm" ? Promise.resolve(hasKvm) : real.exists(path),
        which: () => Promise.resolve("/usr/bin/qemu-system-x86_64"),
      },
    });
    const probes: ProbeBoot[] = [];
    const boot = async (probe: ProbeBoot) => {
      assert.ok(end, "no probe was due");
      probes.push(probe);
      await Deno.mkdir(probe.dir, { recursive: true });
      await Deno.writeFile(`${probe.dir}/${RECORDINGS.results}`, results);
      await Deno.writeTextFile(`${probe.dir}/qemu.log`, qemuSays);
      const nothing: Recording = {
        console: new Uint8Array(),
        results: new Uint8Array(),
        declared: [],
      };
      return bootRecord(nothing, { end });
    };
    const paths = pathsFor("/project", dir, null);
    await body((choice) => chooseAccel(choice, archOf({}), boot, paths, host), host, probes);
  });
}

const works = record({ tests: [] }).results;
const exited = { kind: "exited", code: 33 } as const;
const hangs = { kind: "limit", rung: "no-output", afterMs: 10_000 } as const;

Deno.test("chooseAccel() probes nothing when TCG is asked for", async () => {
  await onMachine({ hasKvm: true, end: null }, async (choose) => {
    assert.equal(await choose("tcg"), "tcg");
  });
});

Deno.test("chooseAccel() takes KVM where a guest comes up, and remembers it", async () => {
  await onMachine({ hasKvm: true, end: exited, results: works }, async (choose, _, probes) => {
    assert.equal(await choose("auto"), "kvm");
    assert.equal(await choose("kvm"), "kvm");
    assert.equal(probes.length, 1);
    assert.equal(probes[0]!.accel, "kvm");
  });
});

Deno.test("chooseAccel() falls back to TCG, and says so, when a guest hangs under KVM", async () => {
  await onMachine({ hasKvm: true, end: hangs }, async (choose, host, probes) => {
    assert.equal(await choose("auto"), "tcg");
    assert.equal(await choose("auto"), "tcg");
    assert.equal(probes.length, 1);
    const notice =
      "notice: KVM does not work here (a guest did not come up within 10 s): emulating with TCG";
    assert.deepEqual(host.messages.filter((text) => text.startsWith("notice")), [notice, notice]);
  });
});

Deno.test("chooseAccel() refuses when KVM was asked for and does not work", async () => {
  const qemuSays =
    "Could not access KVM kernel module: Permission denied\nqemu: failed to init KVM\n";
  const machine = { hasKvm: true, end: { kind: "exited", code: 1 }, qemuSays } as const;
  await onMachine(machine, async (choose) => {
    const error = await rejectionOf(choose("kvm"));
    assert.deepEqual([error.kind, error.id], ["infra", "kvm-broken"]);
    assert.match(error.message, /does not boot a guest here: Could not access KVM/);
  });
});

Deno.test("chooseAccel() needs no probe where there is no /dev/kvm", async () => {
  await onMachine({ hasKvm: false, end: null }, async (choose) => {
    assert.equal(await choose("auto"), "tcg");
    assert.match((await rejectionOf(choose("kvm"))).message, /there is no \/dev\/kvm$/);
  });
});
