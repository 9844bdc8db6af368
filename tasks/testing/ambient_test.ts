// SPDX-License-Identifier: MIT
/** What a user's environment may do to a run: nothing, or change the build key in sight. */
import assert from "node:assert/strict";
import { FakeProject } from "./fake_project.ts";

/** Read by kbuild, Kconfig, make, compilers, ccache, git, shells or others; none may reach a child. */
const POISON: Readonly<Record<string, string>> = Object.fromEntries(
  [
    // kbuild: scripts/Makefile.*, the top Makefile, Documentation/kbuild/kbuild.rst.
    ...["KRUSTFLAGS", "AFLAGS_KERNEL", "AFLAGS_MODULE", "CFLAGS_KERNEL", "CFLAGS_MODULE"],
    ...["LDFLAGS_MODULE", "LDFLAGS_vmlinux", "HOSTCC", "HOSTCFLAGS", "HOSTCXXFLAGS"],
    ...["HOSTLDFLAGS", "HOSTLDLIBS", "USERCFLAGS", "USERLDFLAGS", "LLVM_IAS", "CROSS_COMPILE"],
    ...["LOCALVERSION", "SRCARCH", "KBUILD_CFLAGS", "KBUILD_CPPFLAGS", "KBUILD_VERBOSE"],
    ...["KBUILD_EXTMOD", "KBUILD_OUTPUT", "KBUILD_MODPOST_WARN", "KBUILD_BUILD_TIMESTAMP"],
    ...["KBUILD_KCONFIG", "KBUILD_DEFCONFIG", "KCOV_INSTRUMENT", "INSTALL_MOD_PATH"],
    // Kconfig: Documentation/kbuild/kconfig.rst.
    ...["KCONFIG_CONFIG", "KCONFIG_ALLCONFIG", "KCONFIG_OVERWRITECONFIG", "KCONFIG_AUTOCONFIG"],
    ...["KCONFIG_NOSILENTUPDATE", "KCONFIG_SEED", "KCONFIG_WERROR", "KCONFIG_DEFCONFIG_LIST"],
    // make, shells and coreutils.
    ...["MAKEFLAGS", "MFLAGS", "GNUMAKEFLAGS", "MAKEFILES", "MAKELEVEL", "BASH_ENV", "ENV"],
    ...["CDPATH", "SHELLOPTS", "POSIXLY_CORRECT", "GREP_OPTIONS", "TAR_OPTIONS", "XZ_OPT", "GZIP"],
    // Compilers, linkers and the loader.
    ...["CPATH", "C_INCLUDE_PATH", "LIBRARY_PATH", "COMPILER_PATH", "CCC_OVERRIDE_OPTIONS"],
    ...["CLANG_CONFIG_FILE_USER_DIR", "SOURCE_DATE_EPOCH", "SDKROOT", "LD_RUN_PATH"],
    // ccache: what it takes for equal, and what it runs in the compiler's place.
    ...["CCACHE_COMPILER", "CCACHE_PREFIX", "CCACHE_SLOPPINESS", "CCACHE_EXTRAFILES"],
    ...["CCACHE_IGNOREOPTIONS", "CCACHE_HARDLINK", "CCACHE_PATH", "CCACHE_NODIRECT"],
    // git, QEMU, scripting languages, and secrets.
    ...["GIT_DIR", "GIT_WORK_TREE", "GIT_EXTERNAL_DIFF", "GIT_CONFIG_PARAMETERS", "QEMU_AUDIO_DRV"],
    ...["PERL5OPT", "PYTHONSTARTUP", "PYTHONPATH", "LANG", "LC_MESSAGES", "TZ", "GITHUB_TOKEN"],
  ].map((name) => [name, `poison-${name}`]),
);

/** What the programs of a run found in their environments, and the build keys of its cells. */
async function observe(
  project: FakeProject,
  environment: Readonly<Record<string, string>>,
): Promise<{ code: number; seen: string; keys: string[] }> {
  const seen = `${project.dir}/environments`;
  await Deno.writeTextFile(seen, "");
  project.environment = environment;
  await project.forgetBuilds();
  const { code } = await project.run("matrix", "--test", "kcov.*");
  const run = JSON.parse(await project.read("run.json"));
  const keys = run.cells.map((cell: { properties: Record<string, string> }) =>
    cell.properties["build.key"]
  );
  return { code, seen: await Deno.readTextFile(seen), keys };
}

Deno.test("no variable of the caller reaches a build unseen: it changes the key, or nothing", async (t) => {
  const project = await FakeProject.create();
  try {
    for (const name of ["make", "clang-22", "ld.lld-22", "qemu-system-x86_64", "tar", "cpio"]) {
      const { dir } = project;
      await project.replaceProgram(
        name,
        `env | sed 's/^/${name} /' >> ${dir}/environments\nexec ${dir}/bin/${name}.real "$@"\n`,
      );
    }
    const plain = await observe(project, {});
    assert.equal(plain.code, 0);
    for (const name of ["make", "clang-22", "ld.lld-22", "qemu-system-x86_64"]) {
      assert.match(plain.seen, new RegExp(`^${name} PATH=`, "m"), `${name} was not observed`);
    }

    await t.step(`${Object.keys(POISON).length} variables have no effect`, async () => {
      const poisoned = await observe(project, POISON);
      assert.equal(poisoned.code, 0);
      assert.deepEqual(poisoned.keys, plain.keys);
      for (const [name, value] of Object.entries(POISON)) {
        assert.ok(!poisoned.seen.includes(value), `${name} reached a program`);
      }
    });

    const passed = { W: "1", KCFLAGS: "-g1", KCPPFLAGS: "-DA", KAFLAGS: "-DB" };
    for (const [name, value] of Object.entries({ ...passed, LD_LIBRARY_PATH: "/opt/none" })) {
      await t.step(`${name} is passed on, and makes another build`, async () => {
        const { code, seen, keys } = await observe(project, { [name]: value });
        assert.equal(code, 0);
        assert.ok(keys.every((key, index) => key !== plain.keys[index]), name);
        // make hands on what stands on its command line.
        const reached = new RegExp(`^clang-22 ${name}=.*${value}$`, "m");
        assert.match(seen, reached, `${name} did not reach the compiler`);
      });
    }

    await t.step("downloads and secrets stay with those that need them", async () => {
      const { seen } = await observe(project, { https_proxy: "http://u:secret@proxy" });
      assert.ok(!seen.includes("secret"));
    });
  } finally {
    await project.remove();
  }
});
