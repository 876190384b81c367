import { ImpulsError } from '../core/errors.js';
import { sha256 } from '../core/hash.js';
import { limits } from '../core/limits.js';
import type { ClaimRecord } from './records.js';
import { readBytes } from './reply-body.js';

/** A request that can be sent any number of times. */
export interface Outgoing {
  /** Upper case. */
  readonly method: string;
  /** Without fragment. */
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Uint8Array | undefined;
  /** SHA-256 of the body. */
  readonly digest: Uint8Array | undefined;
  readonly signal: AbortSignal | undefined;
  readonly redirect: RequestRedirect;
  /** What else the caller gave to fetch. */
  readonly rest: RequestInit;
  /** Carries this one, in the place of all else that would. */
  readonly carrier?: Carrier;
}

/** How a request goes another way, for one call. @param via the way over the network, where the other one is not there */
export type Carrier = (via: typeof fetch) => typeof fetch;

/** The largest body that is journaled with its claim, so that it can be sent again after a crash. */
const maxJournaled = 65_536;
const safeMethods: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'TRACE'];

/** RFC 9110 §9.2.1. */
export function isSafe(method: string): boolean {
  return safeMethods.includes(method);
}

/**
 * Takes what fetch takes, and reads the body whole.
 *
 * @throws ImpulsError `too-large` for a body of more than 1 MiB; what `new Request` throws
 */
export async function readOutgoing(input: string | URL | Request, init: RequestInit = {}): Promise<Outgoing> {
  const request = new Request(input, init);
  const url = new URL(request.url);
  url.hash = '';
  if (url.href.length > limits.targetBytes) throw new ImpulsError('too-large', 'the URL is too long');
  const bytes = await readBytes(request.body, limits.bodyBytes);
  const body = bytes.length > 0 ? bytes : undefined;
  const rest = Object.fromEntries(
    Object.entries(init).filter(
      ([name]) => !['method', 'headers', 'body', 'signal', 'redirect', 'duplex'].includes(name),
    ),
  );
  return {
    method: request.method.toUpperCase(),
    url,
    headers: request.headers,
    body,
    digest: body && sha256(body),
    signal: init.signal ?? (input instanceof Request ? input.signal : undefined),
    redirect: request.redirect,
    rest,
  };
}

/** What fetch is called with. @param authorization none: the request as the caller made it */
export function requestInit(outgoing: Outgoing, authorization?: string): RequestInit {
  const { method, body, signal, redirect, rest } = outgoing;
  const headers = new Headers(outgoing.headers);
  if (authorization !== undefined) headers.set('Authorization', authorization);
  return {
    // A cookie of the vendor's shop would tell whose card it is.
    credentials: 'omit',
    ...rest,
    method,
    headers,
    // A claim is for the vendor: no cache answers it, and no other address gets it.
    ...(authorization === undefined ? { redirect } : { redirect: 'manual', cache: 'no-store' }),
    ...(body && { body: body as BodyInit }),
    ...(signal && { signal }),
  };
}

/** What fetch is called with for a claim that was made earlier: the headers that it covers are as they were then. */
export function redeliveryInit(outgoing: Outgoing, record: ClaimRecord, authorization: string): RequestInit {
  const headers = new Headers(outgoing.headers);
  for (const [name, value] of record.headers) {
    if (value === '') headers.delete(name);
    else headers.set(name, value);
  }
  return requestInit({ ...outgoing, headers }, authorization);
}

/** What is journaled of a request, that it can be sent again. @param declared names that a claim covers */
export function journaled(
  { method, url, headers, body, digest }: Outgoing,
  declared: readonly string[],
): Pick<ClaimRecord, 'method' | 'url' | 'headers' | 'digest' | 'contentType' | 'body' | 'idempotencyKey'> {
  return {
    method,
    url: url.href,
    headers: declared.map((name) => [name, headers.get(name) ?? ''] as const),
    digest,
    contentType: (body && headers.get('Content-Type')) ?? undefined,
    body: body && body.length <= maxJournaled ? body : undefined,
    idempotencyKey: headers.get('Idempotency-Key') ?? undefined,
  };
}

/** The request of a journaled claim. Without the body that was too long to keep the vendor tells the outcome, and does nothing new. */
export function replayInit(record: ClaimRecord, authorization: string): RequestInit {
  const headers = new Headers(record.headers.filter(([, value]) => value !== '') as [string, string][]);
  if (record.contentType !== undefined) headers.set('Content-Type', record.contentType);
  if (record.idempotencyKey !== undefined) headers.set('Idempotency-Key', record.idempotencyKey);
  headers.set('Authorization', authorization);
  return {
    method: record.method,
    headers,
    credentials: 'omit',
    redirect: 'manual',
    cache: 'no-store',
    ...(record.body && { body: record.body as BodyInit }),
  };
}
