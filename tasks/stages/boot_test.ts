// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Child, FileSystem } from "../host/host.ts";
import { denoFileSystem } from "../host/deno_fs.ts";
import type { BootRecord } from "../core/model/model.ts";
import type { RunEvent } from "../core/model/run_event.ts";
import { encodeFrame } from "../../selftests/contract/frames.ts";
import { bootTimes, type Limits } from "../core/model/limits.ts";
import { FakeClock, FakeHost, withTempDir } from "../testing/fake_host.ts";
import { rejectionOf } from "../testing/errors.ts";
import { UNI } from "../testing/samples.ts";
import { boot, type BootInput } from "./boot.ts";

/** In the proportions of the real ones, and short: each 100 ms cost this test a few of its own. */
const LIMITS: Limits = {
  noOutputMs: 2000,
  initMs: 4000,
  silentMs: 3000,
  bootMs: 60_000,
  consoleBytes: 1000,
  resultBytes: 200,
  timeScale: 1,
};

/** What a guest does, in ms since it was started. */
interface Script {
  readonly prints?: readonly (readonly [atMs: number, text: string])[];
  readonly reports?: readonly number[];
  /** A line of KTAP in the place of what else is reported then. */
  readonly ktap?: Readonly<Record<number, string>>;
  readonly ends?: { readonly atMs: number; readonly code: number };
  /** What QEMU says on standard error. */
  readonly says?: string;
}

interface Booted {
  readonly record: BootRecord;
  readonly killed: boolean;
  readonly console: string;
  readonly events: readonly RunEvent[];
  readonly dir: string;
}

async function bootWith(
  script: Script,
  look: (booted: Booted) => void | Promise<void>,
  other: Partial<BootInput> = {},
  fs: Partial<FileSystem> = {},
): Promise<void> {
  await withTempDir(async (dir) => {
    let killed = false;
    let seq = 0;
    const spawn = (command: { argv: readonly string[]; log?: string }, clock: FakeClock): Child => {
      const exit = Promise.withResolvers<number>();
      const stream = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 100 });
      const writer = stream.writable.getWriter();
      const end = (code: number) => {
        void writer.close().catch(() => {});
        exit.resolve(code);
      };
      for (const [atMs, text] of script.prints ?? []) {
        clock.after(atMs, () => void writer.write(new TextEncoder().encode(text)).catch(() => {}));
      }
      for (const atMs of script.reports ?? []) {
        clock.after(atMs, () => {
          const payload = script.ktap?.[atMs];
          const frame = script.ktap
            ? encodeFrame({ kind: payload ? "K" : "H", payload: payload ?? "", seq: seq++ })
            : new TextEncoder().encode("frame\n");
          Deno.writeFileSync(`${dir}/boot/results.log`, frame, { append: true });
        });
      }
      if (script.says) Deno.writeTextFileSync(command.log!, script.says);
      if (script.ends) clock.after(script.ends.atMs, () => end(script.ends!.code));
      const kill = () => {
        killed = true;
        end(137);
      };
      return { stdout: stream.readable, exit: exit.promise, kill };
    };
    await Deno.writeTextFile(`${dir}/shared.cpio`, "shared;");
    const host = new FakeHost({
      spawn,
      fs: {
        ...fs,
        writer: (path) =>
          fs.writer && path.endsWith("/console.log")
            ? fs.writer(path)
            : denoFileSystem.writer(path),
      },
      // cpio writes its archive to the file that the shell script names first.
      answer: ({ argv }) => {
        const symbols = argv.includes("kmatrix/symbols") ? " with symbols" : "";
        return void Deno.writeTextFileSync(argv[3]!, `cell${symbols};`);
      },
    });
    const record = await boot({
      cell: "linux-6.12/kcov",
      vmlinux: "/b/vmlinux",
      image: "/b/vmlinux",
      modules: [],
      calls: [],
      selftests: [],
      initramfs: { path: `${dir}/shared.cpio`, digest: "d", sourceMap: null, tests: [] },
      machine: UNI,
      accel: "tcg",
      features: ["kcov"],
      filter: ["a.*"],
      limits: LIMITS,
      dir: `${dir}/boot`,
      ...other,
    }, host);
    const console = await Deno.readTextFile(`${dir}/boot/console.log`);
    const { events } = host;
    await look({ record, killed, console, events, dir: `${dir}/boot` });
  });
}

/** The least that a System.map can be. */
const MAP = "ffffffff81000000 T _stext\nffffffff81000010 T _etext\n";

Deno.test("boot() records what the guest says, byte for byte, and how it ended", async () => {
  const script: Script = {
    prints: [[50, "[    0.0] Linux\r\n"], [900, "\x00\x1b[31mß\r\n"]],
    reports: [1000, 1200],
    ends: { atMs: 1500, code: 33 },
  };
  await bootWith(script, async ({ record, killed, console, dir }) => {
    assert.deepEqual(record.end, { kind: "exited", code: 33 });
    assert.equal(record.durationMs, 1500);
    assert.equal(killed, false);
    assert.equal(console, "[    0.0] Linux\r\n\x00\x1b[31mß\r\n");
    assert.deepEqual(record.bytes, { console: 17 + 10, results: 12 });
    assert.deepEqual(JSON.parse(await Deno.readTextFile(`${dir}/boot.json`)), record);
    assert.equal(record.argv[0], "qemu-system-x86_64");
    assert.deepEqual([record.cell, record.filter, record.features], [
      "linux-6.12/kcov",
      ["a.*"],
      ["kcov"],
    ]);
  });
});

Deno.test("boot() measures the phases, for the limits of later boots", async () => {
  const script: Script = {
    prints: [[150, "Linux\n"]],
    reports: [1000, 1200, 2900, 3000],
    ktap: { 1200: "# RUN a.b", 2900: "ok 1 a.b # SKIP none", 3000: "# RUN a.c" },
    ends: { atMs: 3500, code: 33 },
  };
  await bootWith(script, ({ record, events, dir }) => {
    const told = { cell: "linux-6.12/kcov", folder: dir };
    assert.deepEqual(events, [
      { event: "boot-started", ...told },
      { event: "test-started", ...told, test: "a.b" },
      { event: "test-ended", ...told, test: "a.b", said: "skip" },
      { event: "test-started", ...told, test: "a.c" },
      { event: "boot-ended", ...told, end: "exited", durationMs: 3500 },
    ]);
    const { firstOutputMs, initMs, silentMs, bootMs } = bootTimes(record);
    // Looked at every 100 ms.
    assert.ok(firstOutputMs >= 150 && firstOutputMs <= 300, `${firstOutputMs}`);
    assert.ok(initMs >= 1000 && initMs <= 1100, `${initMs}`);
    assert.ok(silentMs >= 1600 && silentMs <= 1800, `${silentMs}`);
    assert.equal(bootMs, 3500);
    const { firstByteMs: { test = 0 } = {}, lastByteMs = 0 } = record;
    assert.ok(test >= 1200 && test <= 1250, `${test}`);
    assert.ok(lastByteMs >= 3000 && lastByteMs <= 3100, `${lastByteMs}`);
  });
});

Deno.test("boot() tells of a test whose word comes while QEMU ends", async () => {
  let told = false;
  const stat: FileSystem["stat"] = async (path) => {
    const found = await denoFileSystem.stat(path);
    if (path.endsWith("/results.log") && found !== null && !told) {
      told = true;
      // Behind the look that has seen the beginning of the test.
      const frame = encodeFrame({ kind: "K", payload: "ok 1 a.b", seq: 1 });
      Deno.writeFileSync(path, frame, { append: true });
    }
    return found;
  };
  // It is looked at for the first time when QEMU has ended.
  const script: Script = {
    reports: [5],
    ktap: { 5: "# RUN a.b" },
    ends: { atMs: 10, code: 33 },
  };
  await bootWith(
    script,
    ({ events }) => {
      const said = events.filter(({ event }) => event === "test-ended");
      assert.deepEqual(said.map((one) => "said" in one && one.said), ["ok"]);
    },
    {},
    { stat },
  );
});

Deno.test("boot() gives QEMU the shared initramfs with the cell's own archive behind it", async () => {
  await bootWith({ ends: { atMs: 100, code: 33 } }, async ({ record, dir }) => {
    const path = record.argv[record.argv.indexOf("-initrd") + 1]!;
    assert.equal(path, `${dir}/initramfs.cpio`);
    assert.equal(await Deno.readTextFile(path), "shared;cell;");
  });
});

Deno.test("boot() gives the guest the symbols of a build that has left its System.map", async () => {
  const script: Script = { ends: { atMs: 10, code: 33 } };
  const archives: string[] = [];
  for (const map of [null, "no map at all\n", MAP]) {
    await withTempDir(async (build) => {
      if (map !== null) await Deno.writeTextFile(`${build}/System.map`, map);
      await bootWith(script, async ({ dir }) => {
        archives.push(await Deno.readTextFile(`${dir}/initramfs.cpio`));
      }, { vmlinux: `${build}/vmlinux` });
    });
  }
  assert.deepEqual(archives, ["shared;cell;", "shared;cell;", "shared;cell with symbols;"]);
});

Deno.test("boot() stops a guest that says nothing, as no-output", async () => {
  await bootWith({}, ({ record, killed }) => {
    assert.ok(record.end.kind === "limit");
    assert.equal(record.end.rung, "no-output");
    assert.equal(record.end.limitMs, LIMITS.noOutputMs);
    assert.ok(
      record.end.afterMs > LIMITS.noOutputMs && record.end.afterMs < 1.1 * LIMITS.noOutputMs,
    );
    assert.equal(killed, true);
  });
});

Deno.test("boot() stops a kernel whose init never reports, as init-not-reached", async () => {
  await bootWith({ prints: [[10, "Linux\n"]] }, ({ record, killed }) => {
    assert.equal(record.end.kind === "limit" && record.end.rung, "init-not-reached");
    assert.equal(killed, true);
  });
});

Deno.test("boot() stops a guest that falls silent between two frames, and no sooner", async () => {
  const reports = [1000, 2000, 4500];
  await bootWith({ prints: [[10, "Linux\n"]], reports }, ({ record }) => {
    assert.ok(record.end.kind === "limit");
    assert.equal(record.end.rung, "guest-silent");
    assert.ok(record.end.afterMs > 4500 + LIMITS.silentMs);
  });
});

Deno.test("boot() stops a guest that reports for ever, as boot-limit", async () => {
  const reports = Array.from({ length: 30 }, (_, index) => index * 200);
  const limits = { ...LIMITS, bootMs: 5000 };
  await bootWith({ reports }, ({ record, killed }) => {
    assert.equal(record.end.kind === "limit" && record.end.rung, "boot-limit");
    assert.equal(killed, true);
  }, { limits });
});

Deno.test("boot() stops a guest that prints too much, and keeps the beginning", async () => {
  const prints = [[100, "a".repeat(900)], [200, "b".repeat(900)]] as const;
  await bootWith({ prints, reports: [150] }, ({ record, console }) => {
    assert.equal(record.end.kind === "limit" && record.end.rung, "console-cap");
    assert.match(console, /^a{900}b{100}\n\[kmatrix: 800 bytes of console left out\]\n$/);
    assert.equal(record.bytes.console, console.length);
  });
});

Deno.test("boot() trusts no console that was cut, however the guest has ended", async () => {
  const prints = [[100, "a".repeat(1001)]] as const;
  await bootWith({ prints, ends: { atMs: 100, code: 33 } }, ({ record }) => {
    assert.equal(record.end.kind === "limit" && record.end.rung, "console-cap");
  });
});

Deno.test("boot() stops a guest that reports too much, as results-cap", async () => {
  const reports = Array.from({ length: 40 }, (_, index) => index * 50);
  await bootWith({ reports }, ({ record, killed }) => {
    assert.equal(record.end.kind === "limit" && record.end.rung, "results-cap");
    assert.equal(killed, true);
  });
});

Deno.test("boot() blames the disk where the console cannot be kept or no room is left", async () => {
  const full = Promise.reject(Object.assign(new Error("full"), { code: "ENOSPC" }));
  full.catch(() => {});
  const writer = () => Promise.resolve({ write: () => full, close: () => {} });
  const script: Script = { prints: [[100, "text"]], reports: [150] };
  const failure = bootWith(script, () => assert.fail("it has booted"), {}, { writer });
  await assert.rejects(failure, { code: "ENOSPC" });

  const ended = { ends: { atMs: 100, code: 33 } };
  const freeBytes = () => Promise.resolve(100);
  const error = await rejectionOf(bootWith(ended, () => {}, {}, { freeBytes }));
  assert.deepEqual([error.kind, error.id], ["infra", "disk-full"]);
});

Deno.test("boot() tells a QEMU that did not start from a guest that ended", async () => {
  const says = "line 1\nqemu-system-x86_64: -machine microvm: unsupported machine type\n";
  await bootWith({ ends: { atMs: 100, code: 1 }, says }, ({ record }) => {
    assert.ok(record.end.kind === "not-started");
    assert.match(record.end.message, /unsupported machine type$/);
  });
  await bootWith({ ends: { atMs: 100, code: 127 }, says: "qemu: not found" }, ({ record }) => {
    assert.equal(record.end.kind, "not-started");
  });
  await bootWith({ ends: { atMs: 100, code: 137 }, says: "Killed" }, ({ record }) => {
    assert.deepEqual(record.end, { kind: "exited", code: 137 }, "before its first word");
  });
  const printed: Script = { prints: [[10, "x"]], ends: { atMs: 200, code: 1 }, says };
  await bootWith(printed, ({ record }) => {
    assert.deepEqual(record.end, { kind: "exited", code: 1 });
  });
});

Deno.test("boot() tells from QEMU's log what made it end with code 0", async () => {
  const boots = [
    ["", "reset"],
    ["qemu_system_shutdown_request reason=6\n", "power-off"],
    ["qemu-system-x86_64: terminating on signal 15 from pid 7 (sh)\n", "terminated"],
  ] as const;
  for (const [says, cause] of boots) {
    const script: Script = { prints: [[10, "Linux\n"]], ends: { atMs: 200, code: 0 }, says };
    await bootWith(script, ({ record }) => {
      assert.deepEqual(record.end, { kind: "exited", code: 0, cause });
    });
  }
});

Deno.test("boot() leaves nothing of an earlier boot in its folder", async () => {
  await bootWith({ ends: { atMs: 100, code: 33 } }, async ({ dir }) => {
    const names: string[] = [];
    for await (const { name } of Deno.readDir(dir)) names.push(name);
    assert.deepEqual(names.sort(), ["boot.json", "console.log", "initramfs.cpio"]);
  });
});
