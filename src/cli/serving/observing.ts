import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request that was answered, or broken off, as it may be counted and logged: nothing in it leads to a person or a card. */
export interface ServedRequest {
  /** `other` for one that HTTP does not name. */
  readonly method: string;
  /** The class of the route, such as `/articles/*`; `other` for what is not there. */
  readonly route: string;
  /** 0 if the caller was gone before it was answered. */
  readonly status: number;
  readonly seconds: number;
  /** Whether a claim came with it. */
  readonly claimed: boolean;
}

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'PATCH', 'DELETE']);

/** Tells of a request once it is over. */
export function observe(
  req: IncomingMessage,
  res: ServerResponse,
  route: string,
  onRequest: (request: ServedRequest) => void,
): void {
  const began = performance.now();
  const { method = '' } = req;
  const claimed = req.headers.authorization !== undefined;
  res.once('close', () => {
    onRequest({
      method: methods.has(method) ? method : 'other',
      route,
      status: res.headersSent ? res.statusCode : 0,
      seconds: (performance.now() - began) / 1000,
      claimed,
    });
  });
}
