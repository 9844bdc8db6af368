// SPDX-License-Identifier: MIT

const FIRST_BYTES = 4096;

/** The end of a stream, in one buffer: chunks as they come may each hold on to 64 KiB. */
export class Tail {
  readonly #most: number;
  #ring = new Uint8Array(0);
  #seen = 0;

  /** @param most Bytes that are kept. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Bytes that were added and are not kept any more. */
  get lost(): number {
    return Math.max(0, this.#seen - this.#most);
  }

  add(chunk: Uint8Array): void {
    // What would be written over at once is skipped.
    const skipped = Math.max(0, chunk.length - this.#most);
    this.#seen += skipped;
    for (let rest = chunk.subarray(skipped); rest.length > 0;) {
      this.#grow(this.#seen + rest.length);
      const at = this.#seen % this.#most;
      const part = rest.subarray(0, this.#ring.length - at);
      this.#ring.set(part, at);
      this.#seen += part.length;
      rest = rest.subarray(part.length);
    }
  }

  /** What is kept, in its order. */
  bytes(): Uint8Array<ArrayBuffer> {
    if (this.#seen <= this.#most) return this.#ring.slice(0, this.#seen);
    const at = this.#seen % this.#most;
    const bytes = new Uint8Array(this.#most);
    bytes.set(this.#ring.subarray(at));
    bytes.set(this.#ring.subarray(0, at), this.#most - at);
    return bytes;
  }

  text(): string {
    return new TextDecoder().decode(this.bytes());
  }

  #grow(needed: number): void {
    const least = Math.min(needed, this.#most);
    if (this.#ring.length >= least) return;
    const size = Math.max(least, FIRST_BYTES, 2 * this.#ring.length);
    const larger = new Uint8Array(Math.min(size, this.#most));
    larger.set(this.#ring);
    this.#ring = larger;
  }
}
