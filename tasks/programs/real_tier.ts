// SPDX-License-Identifier: MIT
/**
 * The real tier: real clang, real kernel, real QEMU, through the commands that users type. Uses the
 * project's own cache, so only a cold run builds.
 */
import assert from "node:assert/strict";
import $ from "dax";
import { XMLParser } from "fast-xml-parser";
import { archOf } from "../core/arch/table.ts";
import { denoHost } from "../host/deno_host.ts";
import { parseRunReport } from "../core/report/run_report.ts";
import { decodeFrames } from "../core/judge/frames.ts";
import { KASLR_ATTACHMENT, readKaslr } from "../../selftests/contract/kaslr.ts";
import { compareBuilds, type ComparedBuild } from "../steps/variant_proof.ts";
import { BROKEN_TEST } from "../testing/broken_selftest.ts";
import { CACHE, copyProject, kmatrix, ROOT, withTempDir } from "../testing/project_copy.ts";

const HOST = denoHost({ emit: () => {}, signal: new AbortController().signal });

interface JunitCase {
  readonly "@_classname": string;
  readonly "@_name": string;
  readonly failure?: unknown;
  readonly error?: unknown;
  readonly skipped?: unknown;
}

async function junitCases(file: string): Promise<JunitCase[]> {
  const parser = new XMLParser({
    ignoreAttributes: false,
    isArray: (name) => name === "testsuite" || name === "testcase",
  });
  const xml = parser.parse(await Deno.readTextFile(file));
  return xml.testsuites.testsuite.flatMap((suite: { testcase: JunitCase[] }) => suite.testcase);
}

/** A folder for the runs of one test, which stay there until its next time: CI keeps them. */
async function runsOf(name: string): Promise<string> {
  const out = `${ROOT}/out/test/${name}`;
  await Deno.remove(out, { recursive: true }).catch(() => {});
  return out;
}

async function edit(file: string, from: string | RegExp, to: string): Promise<void> {
  const text = await Deno.readTextFile(file);
  const changed = text.replace(from, to);
  assert.notEqual(changed, text, `${file} does not hold ${from}`);
  await Deno.writeTextFile(file, changed);
}

Deno.test("matrix runs a plain KCOV cell from source to verdict", async (t) => {
  await withTempDir(async (dir) => {
    const out = await runsOf("plain");
    const cell = `${out}/latest/linux-6.12/kcov`;
    const ran = await kmatrix(["matrix", "linux-6.12/kcov", "--output-dir", out]);
    assert.equal(ran.code, 0, ran.out);

    await t.step(
      "junit.xml holds the reference test as passed and only declared skips",
      async () => {
        const cases = await junitCases(`${out}/latest/junit.xml`);
        const reference = cases.find((one) =>
          one["@_classname"] === "linux-6.12/kcov.kcov" &&
          one["@_name"] === "mode_trace_pc.kcov_basic_syscall_coverage"
        );
        assert.ok(reference, "the reference test is missing");
        assert.ok(!("failure" in reference) && !("skipped" in reference));
        assert.deepEqual(cases.filter((one) => "failure" in one || "error" in one), []);
        for (const stage of ["configure", "build", "inspect", "boot", "parse"]) {
          assert.ok(
            cases.some((one) =>
              one["@_classname"] === "linux-6.12/kcov.stage" && one["@_name"] === stage
            ),
            `stage ${stage} is missing`,
          );
        }
      },
    );

    await t.step("a second run with nothing changed starts no compiler", async () => {
      const again = await kmatrix(["matrix", "linux-6.12/kcov", "--output-dir", out, "--verbose"]);
      assert.equal(again.code, 0, again.out);
      assert.match(again.out, new RegExp(`\\$ ${archOf({}).qemu.program} `));
      assert.doesNotMatch(again.out, /\$ (make|clang)/);
    });

    await t.step(
      "parse judges the copied streams alone, without any tool on the path",
      async () => {
        const copy = `${dir}/copy`;
        const parse = () => kmatrix(["parse", copy], { path: "/nonexistent" });
        const restore = async () => {
          await Deno.mkdir(copy, { recursive: true });
          for (const name of ["console.log", "results.log"]) {
            await Deno.copyFile(`${cell}/${name}`, `${copy}/${name}`);
          }
        };
        await restore();
        const whole = await parse();
        assert.equal(whole.code, 0, whole.out);
        assert.match(whole.out, /pass +linux-6\.12\/kcov /);

        const results = `${copy}/results.log`;
        await edit(results, / ok (\d+ kcov\.)/, " not ok $1");
        assert.equal((await parse()).code, 3, "a flipped ok must not stay green");

        await restore();
        const text = await Deno.readTextFile(results);
        const lines = text.trimEnd().split("\n");
        await Deno.writeTextFile(results, lines.slice(0, -1).join("\n") + "\n");
        assert.equal((await parse()).code, 3, "a cut stream must not stay green");
      },
    );
  });
});

Deno.test("a build that began as a copy of another one is what it is from nothing", async () => {
  const out = await runsOf("start");
  const build = async (...more: readonly string[]) => {
    const words = ["build", "linux-6.12/kcov", ...more, "--output-dir", out];
    const ran = await kmatrix(words);
    assert.equal(ran.code, 0, ran.out);
    const text = await Deno.readTextFile(`${out}/latest/run.json`);
    return parseRunReport(text, "run.json").cells[0]!.facts;
  };
  const option = ["--kconfig-add", "CONFIG_IKCONFIG=y"];
  const donor = (await build()).config!.key;
  const { key } = (await build(...option)).config!;
  const dir = `${CACHE}/builds/${key}`;
  await Deno.remove(dir, { recursive: true });
  const copied = await build(...option);
  assert.deepEqual(copied.build!.start, { key: donor, name: "linux-6.12/kcov" });
  const kept = `${CACHE}/builds/${key}.kept`;
  await Deno.remove(kept, { recursive: true }).catch(() => {});
  await Deno.rename(dir, kept);
  try {
    assert.equal((await build(...option, "--fresh-build")).build!.start, undefined);
    const toolchain = { id: "clang-22", llvm: "-22" };
    const [fromNothing, copy] = [dir, kept].map((buildDir) => ({
      vmlinux: `${buildDir}/vmlinux`,
      config: { buildDir, toolchain },
    })) as [ComparedBuild, ComparedBuild];
    const { compared, different, alone, vmlinux } = await compareBuilds(fromNothing, copy, HOST);
    // What is left over in the copy is linked nowhere.
    assert.deepEqual([different, alone[0], vmlinux?.parts], [[], [], []]);
    assert.ok(compared > 600, `compared: ${compared}`);
  } finally {
    await Deno.remove(kept, { recursive: true });
  }
});

Deno.test("matrix runs a unique-mode cell of our series, every reference test included", async () => {
  const out = await runsOf("unique");
  const cell = "linux-6.12-unique/kcov-unique";
  const ran = await kmatrix(["matrix", cell, "--output-dir", out]);
  assert.equal(ran.code, 0, ran.out);
  const cases = await junitCases(`${out}/latest/junit.xml`);
  const state = (fixture: string, name: string) => {
    const found = cases.find((one) =>
      one["@_classname"] === `${cell}.${fixture}` && one["@_name"] === name
    );
    return !found
      ? "missing"
      : "skipped" in found
      ? "skipped"
      : "failure" in found
      ? "failed"
      : "passed";
  };
  const reference = "kcov_basic_syscall_coverage";
  assert.deepEqual(
    {
      mode_trace_pc: state("kcov", `mode_trace_pc.${reference}`),
      mode_trace_cmp: state("kcov", `mode_trace_cmp.${reference}`),
      reset_ioctl_rw: state("kcov", `reset_ioctl_rw.${reference}`),
      reset_ioctl_ro: state("kcov", `reset_ioctl_ro.${reference}`),
      fast_rw: state("kcov_uniq", "fast_rw.kcov_uniq_coverage"),
      slow_rw: state("kcov_uniq", "slow_rw.kcov_uniq_coverage"),
      slow_ro: state("kcov_uniq", "slow_ro.kcov_uniq_coverage"),
    },
    {
      mode_trace_pc: "passed",
      mode_trace_cmp: "skipped",
      reset_ioctl_rw: "passed",
      reset_ioctl_ro: "passed",
      fast_rw: "passed",
      slow_rw: "passed",
      slow_ro: "passed",
    },
  );
  // Ten of its objects compiled again in one step; the word that takes them is printed.
  const compared = await kmatrix(["verify-variants", cell, "--sample", "10"]);
  assert.equal(compared.code, 0, compared.out);
  assert.match(compared.out, /10 objects compared, 10 identical/);
});

Deno.test("a test that is broken on purpose fails alone, and shows again elsewhere", async (t) => {
  await withTempDir(async (dir) => {
    const root = await copyProject(dir);
    const source = `${root}/selftests/kcov/tests/kcov.ts`;
    await Deno.writeTextFile(source, (await Deno.readTextFile(source)) + BROKEN_TESTS);
    const out = `${dir}/out`;
    const args = ["matrix", "linux-6.12/kcov", "--bundle", "--output-dir", out];
    const ran = await kmatrix(args, { root });
    assert.equal(ran.code, 3, ran.out);
    const repeat = "repeat with: npx --yes deno task repro linux-6.12/kcov " +
      "--test kcov.mode_trace_pc.expects_no_pcs --test kcov.mode_trace_pc.skips_without_leave";
    assert.equal(ran.out.trimEnd().split("\n").at(-1), repeat);
    const red = (await junitCases(`${out}/latest/junit.xml`)).filter((one) =>
      "failure" in one || "error" in one
    );
    assert.deepEqual(red.map((one) => one["@_name"]), [
      "mode_trace_pc.expects_no_pcs",
      "mode_trace_pc.skips_without_leave",
    ]);

    const cell = `${out}/latest/linux-6.12/kcov`;
    await t.step("by its repro.sh, without this tool", async () => {
      const argv = ["env", "-i", "PATH=/usr/bin:/bin", "sh", `${cell}/repro.sh`, `${dir}/work`];
      const script = await $`${argv}`.noThrow().captureCombined();
      assert.equal(script.code, 1, script.combined);
      assert.match(script.combined, /^not ok: kcov\.mode_trace_pc\.expects_no_pcs$/m);
      assert.match(script.combined, /^skip, not ok: kcov\.mode_trace_pc\.skips_without_leave$/m);
      assert.match(script.combined, /^FAILED, as recorded$/m);
    });

    await t.step("by its bundle, in an empty folder", async () => {
      const bundle = `${dir}/bundle.tar.xz`;
      await Deno.copyFile(`${cell}/linux-6.12-kcov.tar.xz`, bundle);
      const replay = await kmatrix(["replay", bundle, "--output-dir", `${dir}/empty`]);
      assert.equal(replay.code, 0, replay.out);
      assert.match(replay.out, /^the same verdict$/m);
    });
  });
});

Deno.test("PCs of one call are the same in five boots of a kernel that lies elsewhere each time", async () => {
  const out = await runsOf("kaslr");
  const cell = "linux-6.12/kcov-kaslr";
  const ran = await kmatrix([
    ...["matrix", cell, "--repeat", "5", "--test", "kcov_kaslr.*"],
    ...["--output-dir", out],
  ]);
  assert.equal(ran.code, 0, ran.out);
  const run = parseRunReport(await Deno.readTextFile(`${out}/latest/run.json`), "run.json");
  const boots = await Promise.all(run.cells[0]!.attempts!.map(async ({ folder }) => {
    const { frames } = decodeFrames(await Deno.readFile(`${out}/latest/${folder}/results.log`));
    const attached = frames.filter(({ kind }) => kind === "J").map(({ payload }) =>
      JSON.parse(payload)
    );
    const facts = readKaslr(attached.find(({ name }) => name === KASLR_ATTACHMENT)?.value);
    assert.ok(facts !== null, `${folder} says where the kernel lay`);
    return facts;
  }));
  assert.equal(boots.length, 5);
  // Of some hundred places two boots may have the same one, five do not.
  const places = new Set(boots.map(({ displacement }) => displacement));
  assert.ok(places.size > 2, `five boots at ${[...places]}`);
  for (const { pcs } of boots) assert.deepEqual(pcs, boots[0]!.pcs);
});

/** Lines that other kernels, compilers and people have: each is not to be had, for another reason. */
const FOREIGN_LINES = [
  "CONFIG_CC_IS_GCC=y",
  "CONFIG_RETPOLINE=y",
  "CONFIG_SLAB=y",
  "CONFIG_DECNET=y",
  "CONFIG_OF_A_LATER_KERNEL=y",
  "CONFIG_DEBUG_INFO_BTF=y",
  "CONFIG_RCU_CPU_STALL_TIMEOUT=999999",
  'CONFIG_SYSTEM_TRUSTED_KEYS="debian/certs/debian-uefi-certs.pem"',
  "CONFIG_E1000E=m",
  "this line was pasted by mistake",
];

/** Subsystems of drivers that a fuzzer without hardware leaves out, and what cannot be on beside it. */
const NOT_FUZZED =
  /^CONFIG_(DRM|SND|VIDEO|MEDIA|DVB|IIO|HID_|FB_|INPUT|TOUCH|KEYBOARD|MFD|REGULATOR|LEDS|SENSORS|COMPILE_TEST|DEBUG_INFO|E1000E=|SERIAL_8250|GCC_PLUGIN|LTO|RCU_CPU)/;

Deno.test("a .config of 3000 options is configured, and what is lost of it is told by cause", async () => {
  await withTempDir(async (dir) => {
    const root = await copyProject(dir);
    await edit(
      `${root}/matrix.yaml`,
      /^configs:\n/m,
      "configs:\n  all: { base: allyesconfig, fragments: [kcov] }\n",
    );
    const whole = await kmatrix(["configure", "linux-6.12/all", "--output-dir", `${dir}/all`], {
      root,
    });
    assert.equal(whole.code, 0, whole.out);
    const report = await Deno.readTextFile(`${dir}/all/latest/run.json`);
    const { key } = parseRunReport(report, "run.json").cells[0]!.facts.config!;
    const all = (await Deno.readTextFile(`${CACHE}/builds/${key}/.config`)).split("\n");
    const on = all.filter((line) => /^CONFIG_\w+=y$/.test(line) && !NOT_FUZZED.test(line));
    const file = `${dir}/syz.config`;
    const head = all.find((line) => line.startsWith("# Linux/"))!
      .replace(/ \d\S* Kernel/, " 6.6.0-rc3 Kernel");
    await Deno.writeTextFile(
      file,
      [head, ...on.slice(0, 2990), ...FOREIGN_LINES].join("\n") + "\n",
    );
    const args = ["configure", "linux-6.12", "--config", file, "--output-dir", `${dir}/out`];
    const startedMs = performance.now();
    const ran = await kmatrix(args);
    const seconds = (performance.now() - startedMs) / 1000;
    assert.equal(ran.code, 0, ran.out);
    assert.ok(seconds < 300, `${seconds} s`);
    const causes = [
      /\d+ × no such option in this kernel: .*CONFIG_RETPOLINE/,
      /\d+ × the compiler or a program of this machine does not do it: /,
      /\d+ × a dependency does not hold: /,
      /1 × out of the option's range: CONFIG_RCU_CPU_STALL_TIMEOUT/,
    ];
    const others = [
      /added to \S+syz\.config for the guest .*CONFIG_SERIAL_8250=y/,
      /CONFIG_SYSTEM_TRUSTED_KEYS=.* became ""/,
      /\d+ options of .* are modules/,
      /1 line set no option: line 3001: "this line was pasted by mistake"/,
      /was written by 6\.6\.0-rc3, and this kernel is 6\.12/,
    ];
    for (const line of [...causes, ...others]) assert.match(ran.out, line);
    const reasons = await Deno.readTextFile(`${dir}/out/latest/linux-6.12/syz/base-report.txt`);
    const [, lost] = /(\d+) are not in the final \.config/.exec(ran.out)!;
    const told = reasons.match(/^\S.* asked by \S+ is not in the final \.config/gm)!.length;
    assert.equal(told, Number(lost), "each has its reason");
  });
});

/** Appended to the port: two tests more for each variant, all but one of which skip here. */
const BROKEN_TESTS = `${BROKEN_TEST}
kcov.test("skips_without_leave", (t) => t.skip("no reason at all"));
`;

Deno.test("the config gate stops a config whose request was dropped, and says why", async () => {
  await withTempDir(async (dir) => {
    const root = await copyProject(dir);
    await edit(`${root}/configs/kasan.config`, /^# CONFIG_SLUB_TINY is not set\n/m, "");
    const out = `${dir}/out`;
    const args = ["configure", "linux-6.12/kcov-kasan", "--output-dir", out];
    const ran = await kmatrix(args, { root });
    assert.equal(ran.code, 5, ran.out);
    assert.match(ran.out, /CONFIG_KASAN=y asked by configs\/kasan\.config:\d+/);
    assert.match(ran.out, /SLUB_TINY=y, set by tinyconfig/);
    const xml = await Deno.readTextFile(`${out}/latest/junit.xml`);
    assert.match(xml, /name="configure" [^>]*file="configs\/kasan\.config"/);

    const unknown = await kmatrix([
      ...["configure", "linux-6.12/kcov", "--output-dir", out],
      ...["--kconfig-add", "CONFIG_KCOV_UNIQUE=y"],
    ]);
    assert.equal(unknown.code, 5, unknown.out);
    assert.match(unknown.out, /has no such option/);
  });
});
