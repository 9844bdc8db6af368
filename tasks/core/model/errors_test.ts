// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { BUILD_FAILURES } from "./build_failures.ts";
import { factsOfId } from "./failure_ids.ts";
import { failure, failureFrom, KmatrixError } from "./errors.ts";

Deno.test("failureFrom() gives back what a stage has thrown", () => {
  assert.deepEqual(failureFrom(new KmatrixError("config", "option-dropped", "m", "d")), {
    kind: "config",
    id: "option-dropped",
    message: "m",
    detail: "d",
  });
});

Deno.test("a cause is one line, whoever made it; the rest is detail", () => {
  const text = "no such file\n\n  look there\nand there\n";
  const due = { message: "no such file", detail: "  look there\nand there\nd" };
  for (
    const { message, detail } of [
      failure("infra", "disk-full", text, "d"),
      new KmatrixError("infra", "disk-full", text, "d").toFailure(),
    ]
  ) assert.deepEqual({ message, detail }, due);
  assert.equal(new KmatrixError("usage", "bad-usage", "a\nb").message, "a");
  const thrown = failureFrom(new TypeError("x is\nundefined"));
  assert.deepEqual([thrown.message, thrown.detail.split("\n")[0]], ["x is", "undefined"]);
});

Deno.test("failureFrom() takes what nobody foresaw for a bug, with its stack", () => {
  const failure = failureFrom(new TypeError("x is undefined"));
  assert.deepEqual([failure.kind, failure.message], ["bug", "x is undefined"]);
  assert.match(failure.detail, /errors_test\.ts/);
  assert.deepEqual(failureFrom("thrown"), {
    kind: "bug",
    id: "bug",
    message: "thrown",
    detail: "",
  });
  assert.equal(failureFrom(undefined).message, "undefined");
});

Deno.test("failureFrom() takes what the system does not allow for no bug, by its own code", () => {
  for (const code of ["EACCES", "EPERM"]) {
    const error = Object.assign(new Error("no"), { code });
    const { kind, id } = failureFrom(new Error("stat '/secret'", { cause: error }));
    assert.deepEqual([kind, id], ["infra", "no-permission"]);
  }
});

Deno.test("failureFrom() takes a folder in the place of a file for a mistake of who has named it", async () => {
  const error = await Deno.readTextFile("/").catch((error) => error);
  const { kind, id, message } = failureFrom(error);
  assert.deepEqual([kind, id], ["usage", "is-a-folder"]);
  assert.match(message, /'\/'/);
});

Deno.test("failureFrom() blames the machine when the disk is full, by the system's own code", async () => {
  const byDeno = await Deno.writeTextFile("/dev/full", "x").catch((error) => error);
  const byNode = await writeFile("/dev/full", "x").catch((error) => error);
  const wrapped = new Error("the report is lost", { cause: byDeno });
  for (const error of [byDeno, byNode, wrapped]) {
    const { kind, id } = failureFrom(error);
    assert.deepEqual([kind, id], ["infra", "disk-full"], String(error));
  }
  const saying = new Error("a test says: No space left on device (os error 28)");
  assert.equal(failureFrom(saying).id, "bug", "words decide nothing");
});

Deno.test("every id of a failure has its meaning, and what to do", async () => {
  const read = (name: string) => Deno.readTextFile(new URL(name, import.meta.url));
  const ids = new Map<string, Set<string>>();
  const add = (id: string, kind: string) => ids.set(id, (ids.get(id) ?? new Set()).add(kind));
  for (const id of Object.keys(BUILD_FAILURES)) add(id, "build");
  for (const folder of ["core/**", "host", "steps", "stages", "run", "cli", "commands", "."]) {
    for (const file of globSync(`${folder}/*.ts`, { cwd: new URL("../../", import.meta.url) })) {
      if (file.endsWith("_test.ts")) continue;
      const text = await read(`../../${file}`);
      const made = /(?:KmatrixError|failure)\(\s*"([\w-]+)",\s*"([\w-]+)"/g;
      const written = /\bkind: "([\w-]+)",\s*id: "([\w-]+)"/g;
      const inPlace = /\bid: (?!string\b|BuildFailureId\b|v\.)[^,;]+,\s*message\b/.exec(text);
      assert.equal(inPlace?.[0] ?? null, null, `${file}: failure() makes failures`);
      for (const [, kind, id] of [...text.matchAll(made), ...text.matchAll(written)]) {
        add(id!, kind!);
      }
    }
  }
  assert.ok(ids.size > 70, `${ids.size}`);
  for (const [id, kinds] of ids) {
    assert.deepEqual(
      [...kinds].filter((one) => !factsOfId(id)?.kinds.some((kind) => kind === one)),
      [],
      id,
    );
  }
});
