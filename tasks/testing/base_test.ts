// SPDX-License-Identifier: MIT
/** Tier 2: configs on a base of their own, from matrix.yaml to the run folder, over the fake project. */
import assert from "node:assert/strict";
import { FakeProject } from "./fake_project.ts";
import { BROKEN, setTest } from "./whole/fake_cases.ts";

let project: FakeProject;
Deno.test.beforeAll(async () => {
  project = await FakeProject.create();
  const makefile = await Deno.readTextFile(`${project.dir}/tree/Makefile`);
  const made = "printf '%s\\n' CONFIG_PVH=y CONFIG_BIG=y CONFIG_DRIVER=m CONFIG_MODULES=y";
  await project.write(
    "tree/Makefile",
    makefile +
      `\ndefconfig fake_defconfig:\n\t@echo $@ >> ${project.dir}/made; ${made} > $(O)/.config\n` +
      "\nbzImage: vmlinux\n\t@mkdir -p $(O)/arch/x86/boot; cp $(O)/vmlinux $(O)/arch/x86/boot/bzImage; " +
      "echo packed >> $(O)/arch/x86/boot/bzImage\n" +
      `\nguest.config:\n\t@echo $@ >> ${project.dir}/made; echo CONFIG_MORE=y >> $(O)/.config\n`,
  );
  await project.write("tree/arch/x86/configs/fake_defconfig", "");
  await project.write("tree/kernel/configs/guest.config", "");
});
Deno.test.beforeEach(() => project.reset());
Deno.test.afterAll(() => project.remove());

/** Configures fake/real with this base; gives what it prints and the .config. */
async function configureOn(base: string) {
  const text = await Deno.readTextFile(`${project.root}/matrix.yaml`);
  const entry = `  real: { base: ${base}, fragments: [kcov], requires: [trace-pc] }\n`;
  await project.write("project/other.yaml", text.replace("configs:\n", `configs:\n${entry}`));
  await Deno.remove(`${project.dir}/made`).catch(() => {});
  const args = ["configure", "fake/real", "--matrix", `${project.root}/other.yaml`];
  const ran = await project.run(...args);
  const folders = await Array.fromAsync(Deno.readDir(`${project.cache}/builds`)).catch(() => []);
  return { ...ran, args, folders: folders.map(({ name }) => `${project.cache}/builds/${name}`) };
}

const made = async () => (await Deno.readTextFile(`${project.dir}/made`)).trim().split("\n");

Deno.test("a base is made by the tree's targets in their order, and only what the guest lacks is added", async () => {
  await project.forgetBuilds();
  const { code, err, out, folders } = await configureOn("[fake_defconfig, guest.config]");
  assert.equal(code, 0, out + err);
  assert.deepEqual(await made(), ["fake_defconfig", "guest.config"]);
  const config = await Deno.readTextFile(`${folders[0]}/.config`);
  for (const line of ["CONFIG_BIG=y", "CONFIG_MORE=y", "CONFIG_KCOV=y", "CONFIG_PRINTK=y"]) {
    assert.match(config, new RegExp(`^${line}$`, "m"));
  }
  assert.match(config, /^# CONFIG_DRIVER is not set$/m, "modules are off");
  assert.match(
    err,
    /added to fake_defconfig \+ guest\.config for the guest \(.*\): CONFIG_PRINTK=y$/m,
  );
  assert.match(err, /1 option of .* are modules \(=m\) and off here/);
  const report = await Deno.readTextFile(`${folders[0]}/base-report.txt`);
  assert.match(report, /CONFIG_KCOV=y {2}\(configs\/kcov\.config:1; was: not there\)/);
  // What is kept says the same again, and makes nothing.
  const again = await configureOn("[fake_defconfig, guest.config]");
  assert.match(again.err, /added to fake_defconfig/);
  await assert.rejects(made(), Deno.errors.NotFound);
});

Deno.test("a fragment target alone goes on top of defconfig", async () => {
  await project.forgetBuilds();
  assert.equal((await configureOn("guest.config")).code, 0);
  assert.deepEqual(await made(), ["defconfig", "guest.config"]);
});

Deno.test("a target that the tree does not have is named with the nearest, and with all there are", async () => {
  await project.forgetBuilds();
  const { code, out } = await configureOn("fak_defconfig");
  assert.equal(code, 5);
  assert.match(
    out,
    /this kernel \(6\.12\.99\) has no target fak_defconfig; did you mean "fake_defconfig"/,
  );
  assert.match(out, /tinyconfig, .*fake_defconfig, guest\.config/);
});

Deno.test("a file is a base: its options hold, its content is part of the build key", async () => {
  await project.forgetBuilds();
  await project.write("project/my.config", "CONFIG_PVH=y\r\nCONFIG_OF_MINE=y\r\nCONFIG_X=m\r\n");
  const first = await configureOn("./my.config");
  assert.equal(first.code, 0, first.out + first.err);
  assert.match(await Deno.readTextFile(`${first.folders[0]}/.config`), /^CONFIG_OF_MINE=y$/m);
  // Another comment is the same base, another value is another kernel.
  await project.write("project/my.config", "# mine\nCONFIG_PVH=y\nCONFIG_OF_MINE=y\nCONFIG_X=m\n");
  assert.deepEqual((await configureOn("./my.config")).folders, first.folders);
  await project.write("project/my.config", "CONFIG_PVH=y\n");
  assert.equal((await configureOn("./my.config")).folders.length, 2);
});

Deno.test("a gzip'd .config is read, and a file that is none is refused before make", async () => {
  await project.forgetBuilds();
  const zipped = new Blob(["CONFIG_PVH=y\nCONFIG_ZIPPED=y\n"]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(zipped).arrayBuffer());
  await project.write("project/config.gz", bytes);
  const { code, folders } = await configureOn("./config.gz");
  assert.equal(code, 0);
  assert.match(await Deno.readTextFile(`${folders[0]}/.config`), /^CONFIG_ZIPPED=y$/m);
  await project.write("project/config.gz", bytes.subarray(0, 20));
  const cases: [string, RegExp][] = [
    ["./config.gz", /config\.gz cannot be read/],
    ["./none.config", /there is no file \S+\/project\/\.\/none\.config/],
    ["./kernels/", /is a folder, not a \.config file/],
    ["$NO_SUCH/x", /\$NO_SUCH has no value/],
  ];
  for (const [base, message] of cases) {
    const { code, out, err } = await configureOn(base);
    assert.equal(code, 2, out + err);
    assert.match(out + err, message);
  }
});

Deno.test("--config builds each kernel, or the one that is named, with the user's own .config", async () => {
  await project.forgetBuilds();
  await project.write("mine/my syz.config", "CONFIG_PVH=y\nCONFIG_OF_MINE=y\n");
  const config = ["--config", `${project.dir}/mine/my syz.config`];
  const cells = [[], ["fake"], ["fake/my-syz"], ["fake/*"]];
  for (const globs of cells) {
    const { out } = await project.run("matrix", ...globs, ...config, "--list");
    assert.equal(out.trim(), "fake/my-syz", globs.join(" "));
  }
  const plan = await project.run("plan", ...config);
  assert.match(plan.out, /build fake with \S+\/mine\/my syz\.config \+ kcov /);
  const other = await project.run("matrix", "fake/kcov", ...config, "--list");
  assert.equal(other.code, 4);
  assert.match(other.err, /unknown config "kcov".*my-syz/);
  const ran = await project.run("build", "fake", ...config);
  assert.equal(ran.code, 0, ran.out + ran.err);
  const [folder] = await Array.fromAsync(Deno.readDir(`${project.cache}/builds`));
  const made = await Deno.readTextFile(`${project.cache}/builds/${folder!.name}/.config`);
  assert.match(made, /^CONFIG_OF_MINE=y$/m);
  assert.match(await project.read("junit.xml"), /name="build\.base" value="\S+my syz\.config"/);
  assert.match(await project.read("fake/my-syz/base-report.txt"), /asked beyond the base/);
  // A brought tree gets that cell and no other.
  await project.write("tree/Kconfig", "config PRINTK\nconfig KCOV\n");
  const tree = await project.run("matrix", "--tree", `${project.dir}/tree`, ...config, "--list");
  assert.equal(tree.out.trim(), "tree/my-syz");
  // Nothing is fetched or made for a file that cannot be one.
  const bad = await project.run("matrix", "--config", `${project.dir}/bin/vmlinux.kcov`, "--list");
  assert.equal(bad.code, 2);
  assert.match(bad.err, /this is an ELF file/);
});

Deno.test("a shut gate on a base leaves the .config that it was shut for, and a script that shows it", async () => {
  await project.forgetBuilds();
  await project.write("switches/drop-option", "");
  await project.write("project/my.config", "CONFIG_PVH=y\nCONFIG_OF_MINE=y\n");
  const { code, out } = await configureOn("./my.config");
  assert.equal(code, 5, out);
  const request = await project.read("fake/real/request.config");
  assert.match(request, /^CONFIG_OF_MINE=y$/m);
  assert.match(request, /^CONFIG_KCOV=y$/m);
  assert.match(
    await project.read("fake/real/repro.sh"),
    /^cp "\$here\/request\.config" "\$build\/\.config"$/m,
  );
});

Deno.test("what boots of a kernel without the PVH note is its bzImage, from bundle and script as well", async () => {
  await project.write("project/small.config", "CONFIG_SMALL=y\n");
  const text = await Deno.readTextFile(`${project.root}/matrix.yaml`);
  const kcov = "  kcov: { base: ./small.config, fragments: [kcov], requires: [trace-pc] }\n";
  await project.write("project/other.yaml", text.replace(/^ {2}kcov: .*\n/m, kcov));
  await setTest(project, "fake/kcov", BROKEN);
  const args = ["matrix", "fake/kcov", "--test", "kcov.*", "--bundle"];
  const ran = await project.run(...args, "--matrix", `${project.root}/other.yaml`);
  assert.equal(ran.code, 3, ran.out + ran.err);
  const record = await project.read("fake/kcov/boot.json");
  assert.match(record, /"-kernel",\s+"\S+\/arch\/x86\/boot\/bzImage"/);
  const script = await project.read("fake/kcov/repro.sh");
  assert.match(script, /^image=\$here\/bzImage recorded_image=\S+\/arch\/x86\/boot\/bzImage$/m);
  assert.match(script, /^\timage=\$build\/arch\/x86\/boot\/bzImage$/m);
  const bundle = await Deno.realPath(`${project.out}/latest/fake/kcov/fake-kcov.tar.xz`);
  const replayed = await project.run("replay", bundle);
  assert.equal(replayed.code, 0, replayed.out + replayed.err);
  const again = await project.read("fake/kcov/boot.json");
  assert.match(again, /"-kernel",\s+"\S+\/bundle\/fake-kcov\/bzImage"/);
});
