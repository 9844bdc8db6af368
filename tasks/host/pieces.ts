// SPDX-License-Identifier: MIT
/** A stream of small chunks in larger pieces. */

/** What is read ahead of a slow reader, at most. */
const AHEAD_BYTES = 1 << 20;

/**
 * The same bytes; what has come since the last piece was taken is one piece. QEMU writes a console
 * byte by byte, and a file that gets it so falls behind it. No byte waits for others.
 */
export async function* inPieces(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  let ended = false;
  let came = Promise.withResolvers<void>();
  let taken = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const chunk of stream) {
      chunks.push(chunk);
      bytes += chunk.length;
      came.resolve();
      while (bytes > AHEAD_BYTES) await taken.promise;
    }
  })().finally(() => {
    ended = true;
    came.resolve();
  });
  // A failure is thrown below, to the reader.
  reading.catch(() => {});
  for (;;) {
    await came.promise;
    came = Promise.withResolvers();
    const piece = new Uint8Array(bytes);
    let at = 0;
    for (const chunk of chunks) {
      piece.set(chunk, at);
      at += chunk.length;
    }
    [chunks, bytes] = [[], 0];
    taken.resolve();
    taken = Promise.withResolvers();
    if (piece.length > 0) yield piece;
    if (ended && bytes === 0) break;
    if (ended) came.resolve();
  }
  await reading;
}
