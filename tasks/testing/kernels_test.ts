// SPDX-License-Identifier: MIT
/** The patches of `kernels/`: each is in its series, and what two kernels share is there once. */
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import { ROOT } from "./project_copy.ts";
import { parseSeriesFile } from "../core/matrix/kernel_spec.ts";

const KERNELS = `${ROOT}/kernels`;

/** Folders with a series, as `<id>/patches`. */
const FOLDERS = [...Deno.readDirSync(KERNELS)].map(({ name }) => `${name}/patches`)
  .filter((folder) => isThere(`${KERNELS}/${folder}/series`)).sort();

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const patchesOf = (folder: string) =>
  [...Deno.readDirSync(`${KERNELS}/${folder}`)].filter(({ name }) => name.endsWith(".patch"));

/** What a patch changes, wherever it applies: its diff without digests and line numbers. */
function changeOf(text: string): string {
  return text.slice(text.indexOf("\ndiff --git ")).replace(/^index .*$/gm, "")
    .replace(/^@@ .* @@.*$/gm, "@@");
}

Deno.test("kernels/: a series names the patches of its folder, all of them", () => {
  assert.ok(FOLDERS.length > 1, "folders with a series");
  for (const folder of FOLDERS) {
    const text = Deno.readTextFileSync(`${KERNELS}/${folder}/series`);
    const named = parseSeriesFile(text, folder).map(({ file }) => file);
    assert.deepEqual(
      named.toSorted(),
      patchesOf(folder).map(({ name }) => `${folder}/${name}`).sort(),
    );
    // In the order of their numbers; a series that is on top of another one counts for itself.
    const homes = named.map((file) => dirname(Deno.realPathSync(`${KERNELS}/${file}`)));
    for (const home of new Set(homes)) {
      const own = named.filter((_, index) => homes[index] === home);
      assert.deepEqual(own, own.toSorted(), `${folder}: patches of ${home}`);
    }
  }
});

Deno.test("kernels/: a patch of two kernels is a link in one of them", () => {
  const places = new Map<string, string>();
  for (const folder of FOLDERS) {
    for (const { name, isSymlink } of patchesOf(folder)) {
      const path = `${folder}/${name}`;
      if (isSymlink) {
        // Relative, so that it holds in every clone, and with the name by which it is listed here.
        assert.match(
          Deno.readLinkSync(`${KERNELS}/${path}`),
          /^\.\.\/\.\.\/[^/.]+[^/]*\/patches\//,
        );
        assert.equal(Deno.realPathSync(`${KERNELS}/${path}`).split("/").at(-1), name);
        continue;
      }
      const change = changeOf(Deno.readTextFileSync(`${KERNELS}/${path}`));
      assert.equal(places.get(change), undefined, `${path} is the same patch`);
      places.set(change, path);
    }
  }
});

/**
 * Headers that a handful of files include, and one that is for linker scripts alone. An object can be
 * shared with the same kernel without a series as long as its source and headers are the same text, and
 * one field more in `task_struct` made 512 of 568 objects differ.
 */
const FEW_INCLUDE = [
  "include/asm-generic/vmlinux.lds.h",
  "include/linux/kcov.h",
  "include/uapi/linux/kcov.h",
  "include/uapi/linux/kcov_dataflow.h",
];

/**
 * KCOV and dataflow may be on in one task at once, so that its state has no other place. What it costs
 * falls on kernels of a matrix of their own, whose objects nearly all have other words anyway.
 */
const TASK_STATE = { header: "include/linux/sched.h", option: "CONFIG_KCOV_DATAFLOW" };

/** Lines that a patch adds to a file, without the sign in front; null where it leaves the file alone. */
function addedTo(file: string, patch: string): string[] | null {
  const start = patch.indexOf(`\n+++ b/${file}\n`);
  if (start < 0) return null;
  const diff = patch.slice(start + 1).split("\ndiff --git ")[0]!.split("\n").slice(1);
  assert.deepEqual(diff.filter((line) => line.startsWith("-")), [], `${file} loses nothing`);
  return diff.filter((line) => line.startsWith("+")).map((line) => line.slice(1));
}

Deno.test("kernels/: what a task has of dataflow is there with the option alone", () => {
  const patches = FOLDERS.flatMap((folder) =>
    patchesOf(folder).map(({ name }) => Deno.readTextFileSync(`${KERNELS}/${folder}/${name}`))
  );
  const added = patches.flatMap((text) => {
    const lines = addedTo(TASK_STATE.header, text);
    return lines === null ? [] : [lines.filter((line) => line !== "")];
  });
  assert.ok(added.length > 0, `a patch of ${TASK_STATE.header}`);
  for (const lines of added) {
    assert.deepEqual([lines[0], lines.at(-1)], [`#ifdef ${TASK_STATE.option}`, "#endif"]);
    assert.equal(lines.filter((line) => line.startsWith("#")).length, 2, lines.join("\n"));
  }
});

Deno.test("kernels/: a series leaves the headers that most files include as they are", () => {
  for (const folder of FOLDERS) {
    const headers = patchesOf(folder).flatMap(({ name }) => {
      const text = Deno.readTextFileSync(`${KERNELS}/${folder}/${name}`);
      // Both names: a header that is removed or renamed is gone for all who include it.
      return [...text.matchAll(/^(?:---|\+\+\+) [ab]\/(\S+\.h)$/gm)].map(([, file]) => file!);
    }).filter((file) => /(^|\/)include\//.test(file) && !file.startsWith("tools/"));
    assert.ok(headers.length > 0, `headers in ${folder}`);
    const isDataflow = headers.includes("include/uapi/linux/kcov_dataflow.h");
    const known = isDataflow ? [...FEW_INCLUDE, TASK_STATE.header] : FEW_INCLUDE;
    assert.deepEqual(headers.filter((file) => !known.includes(file)), [], folder);
  }
});
