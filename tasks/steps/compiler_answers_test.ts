// SPDX-License-Identifier: MIT
/** The script in front of a compiler that notes each call, and what it is asked with which words. */
import assert from "node:assert/strict";
import type { MakeRequest } from "../core/build/make.ts";
import { pathsFor } from "../core/model/paths.ts";
import { denoHost } from "../host/deno_host.ts";
import { withTempDir } from "../testing/fake_host.ts";
import { withAnswers } from "./compiler_answers.ts";

/** Refuses -mbad, warns of -mwarn, dies of -mdie, and breaks where the file `broken` is. */
const COMPILER = `#!/bin/sh
dir=\${0%/*}
{ printf :; for word; do printf '[%s]' "$word"; done; echo; } >> "$dir/calls"
[ -e "$dir/broken" ] && exit 1
out= before= input=
for word; do
  [ "$before" = -o ] && out=$word
  [ "$word" = - ] && input=$(cat)
  before=$word
done
case " $* " in
  *" -mdie "*) kill -9 $$ ;;
  *" -mbad "*) echo "unknown argument" >&2; exit 1 ;;
  *" -mwarn "*) echo "warning: odd" >&2 ;;
esac
[ "$out" ] && [ "$out" != /dev/null ] && printf 'object of %s|%s' "$*" "$input" > "$out"
[ "$out" ] || echo "said $*|$input"
exit 0
`;

interface Asked {
  /** Calls the script; gives its exit code and output, and how often the compiler ran. */
  readonly ask: (
    words: readonly string[],
    input?: string,
    name?: string,
    env?: Readonly<Record<string, string>>,
  ) => Promise<{
    code: number;
    said: string;
    output: string | null;
    calls: number;
  }>;
  readonly kept: string;
  /** The environment of another build. */
  readonly envOf: (more: Partial<MakeRequest>) => Promise<Readonly<Record<string, string>>>;
  readonly bin: string;
}

async function withCompiler(body: (asked: Asked) => Promise<void>): Promise<void> {
  await withTempDir(async (temp) => {
    const dir = await Deno.realPath(temp);
    const host = denoHost({ emit: () => {}, signal: new AbortController().signal });
    const bin = `${dir}/bin`;
    await Deno.mkdir(bin);
    for (const name of ["mycc", "clang", "ld.lld"]) {
      await Deno.writeTextFile(`${bin}/${name}`, COMPILER, { mode: 0o755 });
    }
    const path = `${bin}:${Deno.env.get("PATH")}`;
    const buildDir = `${dir}/build`;
    await Deno.mkdir(buildDir);
    const make = {
      toolchain: { id: "t", llvm: "1", cc: "mycc" },
      buildDir,
      source: {},
    } as unknown as MakeRequest;
    const confine = { writable: [], readable: [], programs: [] };
    const paths = pathsFor(dir, `${dir}/cache`, null);
    const envOf = async (build: MakeRequest) => {
      const made = await withAnswers({ confine, env: { PATH: path } }, build, paths, host);
      // A confined compiler has to be able to write there.
      assert.ok(made.confine!.writable.includes(made.env!["KMATRIX_ANSWERS"]!));
      return made.env!;
    };
    const own = await envOf(make);
    const calls = async () =>
      (await Deno.readTextFile(`${bin}/calls`).catch(() => "")).split("\n").length - 1;
    const ask: Asked["ask"] = async (words, input = "", name = "mycc", env = own) => {
      const before = await calls();
      await Deno.remove(`${buildDir}/out`).catch(() => {});
      const child = new Deno.Command("sh", {
        args: ["-c", '"$@"', "sh", name, ...words],
        cwd: buildDir,
        env: { ...env },
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(input)).catch(() => {});
      await writer.close().catch(() => {});
      const { code, stdout, stderr } = await child.output();
      const text = new TextDecoder();
      return {
        code,
        said: text.decode(stdout) + text.decode(stderr),
        output: await Deno.readTextFile(`${buildDir}/out`).catch(() => null),
        calls: await calls() - before,
      };
    };
    const kept = own["KMATRIX_ANSWERS"]!;
    await body({ ask, bin, kept, envOf: (more) => envOf({ ...make, ...more }) });
  });
}

const EMPTY = ["-x", "c", "/dev/null"];

Deno.test("a question is asked once, whatever its output is called", async () => {
  await withCompiler(async ({ ask }) => {
    const words = ["-Werror", "-std=gnu11", "-mllvm", "-opt=1", "-O2", "-c", ...EMPTY];
    const first = await ask([...words, "-o", "out"]);
    assert.deepEqual([first.code, first.calls], [0, 1]);
    assert.deepEqual(await ask([...words, "-o", "out"]), { ...first, calls: 0 });
    assert.deepEqual(await ask([...words, "-o", "./out"]), { ...first, calls: 0 });
    assert.equal(
      (await ask([...words, "-o", "/dev/null"])).calls,
      1,
      "no output is another question",
    );
    assert.equal((await ask([...words, "-o", "/dev/null"])).calls, 0);
    assert.equal((await ask([...words, "-mtune=x", "-o", "out"])).calls, 1);
    assert.equal((await ask([...words, "-o", "out"], "", "clang")).calls, 1, "another compiler");
  });
});

Deno.test("another kernel is answered what one was, and one that was brought keeps its own", async () => {
  await withCompiler(async ({ ask, envOf }) => {
    const words = ["-c", ...EMPTY, "-o", "out"];
    const first = await ask(words);
    const other = await envOf({ buildDir: "/other/build" });
    assert.deepEqual(await ask(words, "", "mycc", other), { ...first, calls: 0 });
    const dir = await Deno.makeTempDir();
    try {
      const source = { brought: true } as MakeRequest["source"];
      const brought = await envOf({ buildDir: dir, source });
      assert.equal((await ask(words, "", "mycc", brought)).calls, 1);
      assert.equal((await ask(words, "", "mycc", brought)).calls, 0);
      const more = ["-O2", ...words];
      await ask(more, "", "mycc", brought);
      assert.equal((await ask(more)).calls, 1, "nothing of it is anybody else's");
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });
});

Deno.test("a refusal is kept where the compiler works otherwise, and no failure is that is none", async () => {
  await withCompiler(async ({ ask, bin }) => {
    const bad = ["-mbad", "-c", ...EMPTY, "-o", "out"];
    const first = await ask(bad);
    assert.deepEqual([first.code, first.calls, first.output], [1, 2, null]);
    assert.deepEqual([(await ask(bad)).code, (await ask(bad)).calls], [1, 0]);
    const good = ["-mgood", "-c", ...EMPTY, "-o", "out"];
    await Deno.writeTextFile(`${bin}/broken`, "");
    assert.equal((await ask(good)).code, 1);
    await Deno.remove(`${bin}/broken`);
    assert.deepEqual([(await ask(good)).code, (await ask(good)).calls], [0, 0]);
    const dies = ["-mdie", "-c", ...EMPTY, "-o", "out"];
    assert.equal((await ask(dies)).code, 137);
    assert.deepEqual([(await ask(dies)).code, (await ask(dies)).calls], [137, 1]);
  });
});

Deno.test("what the compiler says is heard each time", async () => {
  await withCompiler(async ({ ask }) => {
    for (let turn = 0; turn < 2; turn++) {
      const { code, said, calls } = await ask(["-mwarn", "-c", ...EMPTY, "-o", "out"]);
      assert.deepEqual([code, said, calls], [0, "warning: odd\n", 1]);
    }
  });
});

Deno.test("words that read a file, link or ask for something else go to the compiler as they are", async () => {
  const words: readonly (readonly string[])[] = [
    ["--version"],
    ["-print-file-name=plugin"],
    ["-c", "x.c", "-o", "out"],
    ["-x", "c", "-o", "out", "/dev/null"],
    ["-static", ...EMPTY, "-o", "out"],
    ["-c", ...EMPTY],
    ["-S", ...EMPTY, "-o", "-"],
    ["-c", "/dev/null", "-o", "out"],
    ["-c", ...EMPTY, "-", "-o", "out"],
    ["-include", "a.h", "-c", ...EMPTY, "-o", "out"],
    ["-Iinclude", "-c", ...EMPTY, "-o", "out"],
    ["@words", "-c", ...EMPTY, "-o", "out"],
    ["-Wp,-MMD,a.d", "-c", ...EMPTY, "-o", "out"],
    ["-fplugin=x.so", "-c", ...EMPTY, "-o", "out"],
    ["-fsanitize-coverage-allowlist=a", "-c", ...EMPTY, "-o", "out"],
    ["-fprofile-use=a", "-c", ...EMPTY, "-o", "out"],
    ["-mllvm", "-load=x.so", "-c", ...EMPTY, "-o", "out"],
    ["-mllvm", "-x=a/b", "-c", ...EMPTY, "-o", "out"],
    ["-march=native", "-c", ...EMPTY, "-o", "out"],
    ["-gsplit-dwarf", "-c", ...EMPTY, "-o", "out"],
    ["-fno-integrated-as", "-c", ...EMPTY, "-o", "out"],
    ["-save-temps", "-c", ...EMPTY, "-o", "out"],
    ["--config=x", "-c", ...EMPTY, "-o", "out"],
    ['-DX="a b"', "-c", ...EMPTY, "-o", "out"],
    ["-DX=$(touch pwned)`id`", "-c", ...EMPTY, "-o", "out"],
    ["-c", ...EMPTY, "-o"],
    ["-c", "-x"],
    [""],
    [],
  ];
  await withCompiler(async ({ ask, bin }) => {
    for (const one of words) {
      assert.deepEqual([(await ask(one)).calls, (await ask(one)).calls], [1, 1], one.join(" "));
      const last = (await Deno.readTextFile(`${bin}/calls`)).trimEnd().split("\n").at(-1);
      assert.equal(last, `:${one.map((word) => `[${word}]`).join("")}`);
    }
  });
});

Deno.test("a program on standard input is part of the question, one that includes files is none", async () => {
  await withCompiler(async ({ ask }) => {
    const words = ["-c", "-x", "assembler-with-cpp", "-o", "out", "-"];
    const text = "rep movsb\n\n\t.byte 1 \n\n";
    const first = await ask(words, text);
    assert.deepEqual([first.code, first.calls], [0, 1]);
    assert.ok(first.output!.endsWith(`|${text.replace(/\n+$/, "")}`));
    assert.deepEqual(await ask(words, text), { ...first, calls: 0 });
    assert.equal((await ask(words, `${text}\n`)).calls, 1);
    const reading = ["#include <a.h>\n", '.incbin "x"\n', "# embed <x>\n", "#inc\\\nlude <a.h>\n"];
    for (const other of reading) {
      for (let turn = 0; turn < 2; turn++) {
        const { output, calls } = await ask(words, other);
        assert.equal(calls, 1, other);
        assert.ok(output!.endsWith(`|${other.trimEnd()}`));
      }
    }
  });
});

Deno.test("an answer that is damaged or cannot be kept is asked for again", async () => {
  await withCompiler(async ({ ask, kept }) => {
    const words = ["-c", ...EMPTY, "-o", "out"];
    const first = await ask(words);
    const [answer] = [...Deno.readDirSync(kept)].map(({ name }) => name).filter((name) =>
      !name.includes(".")
    );
    for (const text of ["", "x\n", "7\n", "\0"]) {
      await Deno.writeTextFile(`${kept}/${answer}`, text);
      assert.deepEqual(await ask(words), first, JSON.stringify(text));
      assert.equal((await ask(words)).calls, 0);
    }
    await Deno.remove(`${kept}/${answer}.out`);
    assert.deepEqual(await ask(words), first);
    await Deno.remove(kept, { recursive: true });
    await Deno.writeTextFile(kept, "no folder");
    assert.deepEqual([await ask(words), await ask(words)], [first, first]);
  });
});

Deno.test("a compiler that is named by its path is asked itself", async () => {
  await withTempDir(async (dir) => {
    const host = denoHost({ emit: () => {}, signal: new AbortController().signal });
    const paths = pathsFor(dir, `${dir}/cache`, null);
    const command = { confine: { writable: [], readable: [], programs: [] } };
    for (const toolchain of [{ llvm: "/opt/llvm/bin/" }, { llvm: "1", cc: "/opt/cc" }]) {
      const make = { toolchain, buildDir: `${dir}/b` } as unknown as MakeRequest;
      assert.equal(await withAnswers(command, make, paths, host), command);
    }
  });
});
