import type { Call, Header, Reply } from './call.js';

/**
 * Cross-origin requests (the Fetch standard's CORS protocol). Any origin may read every answer: no cookie and no other
 * authority of the browser is looked at, and the credential is a bearer secret that the page has to hold itself.
 */
export interface Cors {
  /**
   * For every answer to this call; none where no other origin asks.
   *
   * @param more names of further response headers that may be read
   */
  headers(call: Pick<Call, 'header'>, more?: readonly string[]): readonly Header[];
  /**
   * The answer to a preflight, undefined for any other call.
   *
   * @param declared names of further request headers that may be sent
   */
  preflight(call: Pick<Call, 'method' | 'header'>, declared?: readonly string[]): Reply | undefined;
}

/** What every preflight is told that it may send. */
export const requestHeaders: readonly string[] = [
  'Authorization',
  'Content-Type',
  'Accept-Payment',
  'Idempotency-Key',
  'Impuls-Meter',
  'Last-Event-ID',
];
const anyOrigin: Header = ['Access-Control-Allow-Origin', '*'];
const none: readonly Header[] = [];
const readable =
  'WWW-Authenticate, Payment-Receipt, Impuls-State, Content-Encoding, Retry-After, Date, Impuls-Meter';
const exposed = expose([readable]);

function expose(names: readonly string[]): readonly Header[] {
  return [anyOrigin, ['Access-Control-Expose-Headers', names.join(', ')]];
}

/** @param policy `none` says nothing and answers no preflight: a host may do it in its own way */
export function createCors(policy: 'any' | 'none'): Cors {
  if (policy === 'none') return { headers: () => none, preflight: () => undefined };
  return {
    headers(call, more = []) {
      if (call.header('origin') === undefined) return none;
      return more.length > 0 ? expose([readable, ...more]) : exposed;
    },
    preflight(call, declared = []) {
      if (call.method !== 'OPTIONS' || call.header('access-control-request-method') === undefined)
        return undefined;
      return {
        status: 204,
        headers: [
          anyOrigin,
          ['Access-Control-Allow-Methods', 'GET, HEAD, POST, PUT, PATCH, DELETE'],
          ['Access-Control-Allow-Headers', [...requestHeaders, ...declared].join(', ')],
          ['Access-Control-Max-Age', '7200'],
        ],
        body: '',
      };
    },
  };
}
