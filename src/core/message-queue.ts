/** Messages on their way to somebody who reads them one by one. */
export class MessageQueue<T> implements AsyncIterable<T> {
  readonly #limit: number;
  readonly #unread: T[] = [];
  #over: { readonly error?: unknown } | undefined;
  #wake: () => void = () => {};

  /** @param limit messages that may wait */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @returns false where too many wait already; what comes after the end is dropped */
  put(message: T): boolean {
    if (this.#over) return true;
    if (this.#unread.length >= this.#limit) return false;
    this.#unread.push(message);
    this.#wake();
    return true;
  }

  /** What waits is still read. @param error what the reader gets then; default: the end */
  end(error?: unknown): void {
    this.#over ??= error === undefined ? {} : { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      while (this.#unread.length > 0) yield this.#unread.shift()!;
      if (this.#over && 'error' in this.#over) throw this.#over.error;
      if (this.#over) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
