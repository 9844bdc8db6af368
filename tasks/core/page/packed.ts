// SPDX-License-Identifier: MIT
/** Lines of a log as they lie in a page: nothing in them can be markup, and they are small. */

/** The last line: without it some are missing, which not every inflating stream says. */
const END = "end";

/** Each with a newline, in UTF-8, deflated (RFC 1951), as base64. */
export async function packLines(lines: readonly string[]): Promise<string> {
  const packed = new Blob([[...lines, END].join("\n")]).stream()
    .pipeThrough(new CompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(packed).arrayBuffer()).toBase64();
}

/** The lines again, in a browser too. @throws Error where it is cut or is something else. */
export async function unpackLines(packed: string): Promise<string[]> {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const text = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const lines = (await new Response(text).text()).split("\n");
  if (lines.pop() === END) return lines;
  throw new Error("the end is missing");
}
