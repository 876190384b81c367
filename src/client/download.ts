import { ImpulsError, isImpulsError } from '../core/errors.js';
import { platformSleep } from './environment.js';
import { discard } from './reply-body.js';

/** Where a download comes from, and how patient it is. */
export interface DownloadOptions {
  /** Default: that of the platform. */
  readonly fetch?: typeof fetch;
  readonly signal?: AbortSignal;
  /** How often it is taken up again while no byte arrives. Default 5. */
  readonly attempts?: number;
  /** The wait before the first of these, in milliseconds; doubles each time. Default 500. */
  readonly baseDelayMs?: number;
  readonly sleep?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

/** What the first answer says. */
export interface DownloadHead {
  /** Bytes of the whole, where the host tells. */
  readonly size: number | undefined;
}

/**
 * The bytes of a URL from `start` on. A connection that breaks is taken up where it broke, by `Range` (RFC 9110 §14); a host
 * that knows no ranges is read from the beginning again. Nothing says that the bytes belong together: their seal must.
 *
 * @param onHead called before the first byte
 * @throws ImpulsError `network` if the host cannot be reached, has nothing there, or breaks off too often; the signal's reason
 */
export async function* download(
  url: string,
  start: number,
  options: DownloadOptions = {},
  onHead: (head: DownloadHead) => void = () => {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { fetch: send = fetch, signal, attempts = 5, baseDelayMs = 500, sleep = platformSleep } = options;
  let at = start;
  let failures = 0;
  let response: Response | undefined = await request(send, url, at, signal);
  onHead({ size: sizeOf(response) });
  for (;;) {
    const before = at;
    try {
      response ??= await request(send, url, at, signal);
      for await (const chunk of bodyFrom(response, at)) {
        at += chunk.length;
        yield chunk;
      }
      return;
    } catch (cause) {
      signal?.throwIfAborted();
      if (!(cause instanceof TypeError) && !isImpulsError(cause, 'network')) throw cause;
      failures = at > before ? 1 : failures + 1;
      if (failures > attempts) throw brokenOff(url, cause);
    } finally {
      discard(response);
    }
    response = undefined;
    await sleep(baseDelayMs * 2 ** (failures - 1), signal);
  }
}

async function request(
  send: typeof fetch,
  url: string,
  at: number,
  signal: AbortSignal | undefined,
): Promise<Response> {
  let response: Response;
  try {
    response = await send(url, {
      ...(at > 0 && { headers: { Range: `bytes=${at}-` } }),
      ...(signal && { signal }),
    });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new ImpulsError('network', `${new URL(url).origin} cannot be reached`, { cause });
  }
  const range = contentRange(response);
  if (response.status === 200 || (response.status === 206 && (range?.from ?? at) === at)) return response;
  discard(response);
  const what = response.status === 206 ? 'answers with another range' : `answers ${response.status}`;
  throw new ImpulsError('network', `${new URL(url).origin} ${what}`, { hint: 'Check the address.' });
}

/** The bytes of an answer from `at` on, whichever it begins with. */
async function* bodyFrom(response: Response, at: number): AsyncGenerator<Uint8Array, void, undefined> {
  if (!response.body) return;
  const reader = response.body.getReader();
  let skip = response.status === 206 ? 0 : at;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const rest = value.subarray(skip);
      skip -= value.length - rest.length;
      if (rest.length > 0) yield rest;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Bytes of the whole. A coding that the platform takes off has another length, and is not counted. */
function sizeOf(response: Response): number | undefined {
  if (response.status === 206) return contentRange(response)?.size;
  const length = response.headers.get('Content-Length');
  const isCoded = response.headers.has('Content-Encoding');
  return length !== null && !isCoded && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

/** Absent where the host does not say it, or not to scripts of other origins. */
function contentRange(response: Response): { readonly from: number; readonly size?: number } | undefined {
  const found = /^bytes (\d{1,15})-\d{1,15}\/(?:(\d{1,15})|\*)$/.exec(
    response.headers.get('Content-Range') ?? '',
  );
  if (!found) return undefined;
  return { from: Number(found[1]), ...(found[2] !== undefined && { size: Number(found[2]) }) };
}

function brokenOff(url: string, cause: unknown): ImpulsError {
  return new ImpulsError('network', `the download from ${new URL(url).origin} broke off again and again`, {
    cause,
    hint: 'Fetch it again later; what was paid for is not charged again.',
  });
}
