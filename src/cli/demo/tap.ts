/** A fetch that keeps the last paid exchange of each URL: what went over the wire, as anyone on the way would see it. */
export interface Tap {
  readonly fetch: typeof fetch;
  /** @param url as it was asked for */
  exchange(url: string): Exchange | undefined;
}

export interface Exchange {
  readonly authorization: string;
  /** The answer's body as it arrived. */
  readonly bytes: Promise<Uint8Array>;
}

export function createTap(inner: typeof fetch): Tap {
  const exchanges = new Map<string, Exchange>();
  return {
    async fetch(input, init) {
      const { url, headers } = new Request(input, init);
      const response = await inner(input, init);
      const authorization = headers.get('authorization');
      if (authorization !== null && response.status === 200) {
        const bytes = response.clone().arrayBuffer();
        exchanges.set(url, { authorization, bytes: bytes.then((buffer) => new Uint8Array(buffer)) });
        // Whoever asks for the bytes hears of a failure; nobody else needs to.
        bytes.catch(() => {});
      }
      return response;
    },
    exchange: (url) => exchanges.get(url),
  };
}
