// SPDX-License-Identifier: MIT
/** ccache and a compiler plugin: a changed plugin makes each object again that was made with it. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname } from "node:path/posix";
import { FakeHost, withTempDir } from "../testing/fake_host.ts";
import { pathsFor } from "../core/model/paths.ts";
import { formScript, formScriptPath } from "../core/build/dataflow_form.ts";
import { parseCcacheLog } from "../core/build/ccache_log.ts";
import { compilerCache } from "./compiler_cache.ts";

const CCACHE = (Deno.env.get("PATH") ?? "").split(":").map((folder) => `${folder}/ccache`)
  .find((path) => existsSync(path));

/** Makes an object of what the plugin holds, and tells what it has read as clang does. */
const CLANG = `#!/bin/sh
case " $* " in *" --version "*) echo "clang version 22.1.8"; exit;; esac
before= plugin=none
for word; do
  case $word in
    -fpass-plugin=*) plugin=$(cat "\${word#*=}") ;;
    -Wp,-MMD,*) depends=\${word#-Wp,-MMD,} ;;
    *.c) input=$word ;;
  esac
  [ "$before" = -o ] && object=$word
  before=$word
done
echo "$(cat "$input") with $plugin" > "$object"
echo "$object: $input" > "$depends"
`;

/** How a compiler is told of the plugin. */
const WAYS = {
  "by its own words": {
    compiler: () => Promise.resolve(null),
    words: (plugin: string) => [`-fpass-plugin=${plugin}`],
  },
  "by published flags": {
    compiler: async (plugins: string) => {
      const script = await formScript({ id: "clang-22", llvm: "-22" }, "posted-pointer");
      const file = `${plugins}/${formScriptPath(script)}`;
      await Deno.mkdir(dirname(file), { recursive: true });
      await Deno.writeTextFile(file, script.text, { mode: 0o755 });
      return file;
    },
    words: () => ["-fsanitize-coverage=trace-args,trace-ret"],
  },
};

for (const [way, { compiler, words: told }] of Object.entries(WAYS)) {
  Deno.test({
    name: `a plugin that was changed in its place is no stale hit of ccache: ${way}`,
    ignore: CCACHE === undefined,
    fn: () =>
      withTempDir(async (dir) => {
        const paths = pathsFor(dir, null, null);
        const [source, buildDir] = [`${paths.sources}/linux`, `${paths.builds}/k`];
        const old = Date.now() / 1000 - 100;
        for (const folder of [source, `${buildDir}/fs`, `${dir}/bin`, paths.plugins]) {
          await Deno.mkdir(folder, { recursive: true });
        }
        await Deno.symlink(source, `${buildDir}/source`);
        await Deno.writeTextFile(`${dir}/bin/clang-22`, CLANG, { mode: 0o755 });
        const names = ["a", "b", "plain"];
        for (const name of names) {
          await Deno.writeTextFile(`${source}/${name}.c`, name);
          await Deno.utime(`${source}/${name}.c`, old, old);
        }
        const plugin = `${paths.plugins}/kcov-dataflow.so`;
        const path = `${dir}/bin:${Deno.env.get("PATH")}`;
        const host = Object.assign(
          new FakeHost({
            answer: ({ argv }) => {
              if (argv[0] !== "chmod") return {};
              Deno.chmodSync(argv.at(-1)!, 0o755);
              return {};
            },
            fs: {
              which: (name) => Promise.resolve(name === "ccache" ? CCACHE! : `${dir}/bin/${name}`),
            },
          }),
          { env: (name: string) => name === "PATH" ? path : undefined },
        );
        const config = {
          toolchain: { id: "clang-22", llvm: "-22" },
          buildDir,
          source: { kernelId: "linux", path: source },
        };
        const { env, log } = (await compilerCache(config, paths, host))!;
        const program = await compiler(paths.plugins) ?? `${env["PATH"]!.split(":")[0]}/clang-22`;
        /** What is in each object, and how many were found. */
        const build = async (): Promise<[objects: string[], hits: number]> => {
          await Deno.remove(log).catch(() => {});
          const objects: string[] = [];
          for (const name of names) {
            const words = name === "plain" ? [] : told(plugin);
            const out = `fs/${name}.o`;
            const { success, stderr } = await new Deno.Command(program, {
              args: [`-Wp,-MMD,fs/.${name}.o.d`, ...words, "-c", "-o", out, `${source}/${name}.c`],
              cwd: buildDir,
              env,
            }).output();
            assert.ok(success, new TextDecoder().decode(stderr));
            objects.push((await Deno.readTextFile(`${buildDir}/${out}`)).trim());
          }
          return [objects, parseCcacheLog(await Deno.readTextFile(log)).hits];
        };
        await Deno.writeTextFile(plugin, "one");
        const first = ["a with one", "b with one", "plain with none"];
        assert.deepEqual(await build(), [first, 0]);
        assert.deepEqual(await build(), [first, 3], "nothing has changed");
        await Deno.writeTextFile(plugin, "two");
        // Every object that was made with it, and no other.
        const second = ["a with two", "b with two", "plain with none"];
        assert.deepEqual(await build(), [second, 1]);
        assert.deepEqual(await build(), [second, 3]);
        await Deno.writeTextFile(plugin, "one");
        assert.deepEqual(await build(), [first, 3], "what was there before is there still");
      }),
  });
}
