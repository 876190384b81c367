import { ImpulsError } from '../core/errors.js';

/** One request as the vendor sees it, and one answer, whatever framework carries them. */

export interface Call {
  /** Upper case. */
  readonly method: string;
  /** The raw request target: path and query, beginning with "/". */
  readonly target: string;
  /** The value of a header by its lower-case name; several values joined by ", ". */
  header(name: string): string | undefined;
  /**
   * The body's bytes; asked again, the same.
   *
   * @param take told of the bytes as they arrive; what it throws ends the reading
   * @throws ImpulsError `too-large` beyond `limit` bytes
   */
  body(limit: number, take?: (bytes: number) => void): Promise<Uint8Array>;
  /** Whether its head says that it has no body: then nobody asks for one. */
  readonly bodyless?: boolean;
  /** Where it came from, for budgets only: never stored, never logged. */
  readonly source?: string | undefined;
  /** What it came on, if other calls come on it too: looked at as an identity, and kept by nobody. */
  readonly connection?: object | undefined;
}

export type Header = readonly [name: string, value: string];

export interface Reply {
  readonly status: number;
  readonly headers: readonly Header[];
  readonly body: string | Uint8Array;
}

/** A body that its stream gives once, for whoever asks: a price may depend on it, and then the gate reads it. */
export function readOnce(read: Call['body']): Call['body'] {
  let reading: Promise<Uint8Array> | undefined;
  return async (limit, take) => {
    const body = await (reading ??= read(limit, take));
    if (body.length > limit) throw tooLargeBody(limit);
    return body;
  };
}

export function tooLargeBody(limit: number): ImpulsError {
  return new ImpulsError('too-large', `the body is longer than ${limit} bytes`);
}

/** RFC 9110 §9.2.1: a repeat may simply run again. */
export function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE';
}

export function jsonReply(status: number, body: string, headers: readonly Header[] = []): Reply {
  return {
    status,
    headers: [['Content-Type', 'application/json'], ['Cache-Control', 'no-store'], ...headers],
    body,
  };
}
