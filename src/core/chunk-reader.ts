/** Takes so many bytes at a time from chunks of any length. */
export class ChunkReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  #done = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** A copy of the next `length` bytes; of fewer only where the source ends. */
  async take(length: number): Promise<Uint8Array> {
    const taken = new Uint8Array(length);
    return taken.subarray(0, await this.fill(taken));
  }

  /** Puts the next bytes into a buffer. @returns how many: fewer than fit only where the source ends */
  async fill(target: Uint8Array): Promise<number> {
    let size = 0;
    while (size < target.length && (this.#chunk.length > 0 || !(await this.ended()))) {
      size += this.fillAtOnce(target.subarray(size));
    }
    return size;
  }

  /** The same with what the source gave already. */
  fillAtOnce(target: Uint8Array): number {
    const part = this.#chunk.subarray(0, target.length);
    target.set(part);
    this.#chunk = this.#chunk.subarray(part.length);
    return part.length;
  }

  /** The next `length` bytes if they lie in one chunk, not copied: valid until the next call. Else undefined. */
  async view(length: number): Promise<Uint8Array | undefined> {
    if (this.#chunk.length === 0) await this.ended();
    if (this.#chunk.length < length) return undefined;
    const view = this.#chunk.subarray(0, length);
    this.#chunk = this.#chunk.subarray(length);
    return view;
  }

  /** Whether no byte is left: waits for the next one. */
  async ended(): Promise<boolean> {
    while (this.#chunk.length === 0 && !this.#done) {
      const next = await this.#source.next();
      if (next.done) this.#done = true;
      else this.#chunk = next.value;
    }
    return this.#chunk.length === 0;
  }

  /** What is left, in the chunks in which it comes. */
  async *rest(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      while (!(await this.ended())) {
        const chunk = this.#chunk;
        this.#chunk = chunk.subarray(chunk.length);
        yield chunk;
      }
    } finally {
      await this.close();
    }
  }

  /** Tells a source that has not ended that nothing more is wanted of it. */
  async close(): Promise<void> {
    if (!this.#done) await this.#source.return?.();
  }
}
