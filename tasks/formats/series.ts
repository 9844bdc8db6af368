// SPDX-License-Identifier: MIT
/** Patch series: which files they touch, and what GNU patch says where one does not apply. */

/** Paths (without their a/ and b/) that a patch reads, writes, makes or removes. */
export function touchedFiles(patch: string): string[] {
  const found = new Set<string>();
  for (const line of patch.split("\n")) {
    const header = /^(?:---|\+\+\+) (?:"([^"\t]+)"|([^\t]+))/.exec(line);
    const name = header?.[1] ?? header?.[2];
    if (name !== undefined && name.includes("/") && name !== "/dev/null") {
      found.add(name.trim().replace(/^[^/]*\//, ""));
    }
    const moved = /^(?:rename|copy) (?:from|to) (.+)$/.exec(line);
    if (moved) found.add(moved[1]!);
  }
  return [...found];
}

/** Whether a text holds a diff at all; the cover letter of a series does not. */
export function holdsDiff(text: string): boolean {
  return /^--- (?:.|\n)*?^\+\+\+ (?:.|\n)*?^@@ /m.test(text) || /^rename from /m.test(text);
}

/**
 * The order of mails by their "[PATCH v2 3/7]" where all of them say one, else as they came.
 */
export function sortBySubject<T extends { readonly subject: string }>(mails: readonly T[]): T[] {
  const numbered = mails.map((mail) => ({
    mail,
    number: /\[[^\]]*\b0*(\d+)\/\d+\]/.exec(mail.subject)?.[1],
  }));
  if (numbered.some(({ number }) => number === undefined)) return [...mails];
  return numbered.sort((a, b) => Number(a.number) - Number(b.number)).map(({ mail }) => mail);
}

/**
 * @param file The patch.
 * @param output What patch printed.
 * @param rejects Content of each reject file that it wrote.
 */
export function explainRejects(
  file: string,
  output: string,
  rejects: ReadonlyMap<string, string>,
): { message: string; detail: string } {
  const name = file.split("/").at(-1)!;
  const failures: string[] = [];
  let current = "";
  for (const line of output.split("\n")) {
    const target = /^(?:checking|patching) file '?([^']+?)'?(?: \(.*\))?$/.exec(line);
    if (target) current = target[1]!;
    const hunk = /^Hunk #(\d+) FAILED at (\d+)/.exec(line);
    if (hunk) failures.push(`${current}: hunk ${hunk[1]} (line ${hunk[2]})`);
    if (line.startsWith("Reversed (or previously applied) patch detected!")) {
      failures.push(`${current}: the source has this change already`);
    }
    const missing = /^can't find file to patch at input line (\d+)/.exec(line);
    if (missing) failures.push(`input line ${missing[1]}: the file that it patches does not exist`);
  }
  const rejected = [...rejects].map(([path, text]) => `${path}:\n${text}`).join("\n");
  return {
    message: `${name} does not apply: ${failures.join("; ") || "patch gave up"}`,
    detail: rejected || output.split("\n").slice(-15).join("\n"),
  };
}
