// SPDX-License-Identifier: MIT
/** What GNU patch says of a patch that does not apply, as a message for people. */

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
    detail: [rejected || output.split("\n").slice(-15).join("\n")].join("\n"),
  };
}
