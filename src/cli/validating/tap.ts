/** Remembers the last request that carried a payment, so that it can be sent again as somebody else would. */
export interface Tap {
  wrap(inner: typeof fetch): typeof fetch;
  last(): Sent | undefined;
}

export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  /** Of its answer. */
  readonly answered: Headers;
  /** Sends it once more on the same way. @param change what is other */
  again(change?: {
    readonly url?: string;
    readonly authorization?: string;
    readonly body?: string;
  }): Promise<Response>;
}

export function createTap(): Tap {
  let last: Sent | undefined;
  return {
    last: () => last,
    wrap: (inner) => async (input, init) => {
      const response = await inner(input, init);
      const headers = new Headers(init?.headers);
      if (headers.has('Authorization') && (typeof input === 'string' || input instanceof URL)) {
        const url = String(input);
        last = {
          method: init?.method ?? 'GET',
          url,
          headers,
          answered: response.headers,
          again({ url: other = url, authorization, body } = {}) {
            const changed = new Headers(headers);
            if (authorization !== undefined) changed.set('Authorization', authorization);
            return inner(other, { ...init, headers: changed, ...(body !== undefined && { body }) });
          },
        };
      }
      return response;
    },
  };
}
