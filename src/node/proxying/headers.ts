import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { HeaderList } from './config.js';

/** Which headers pass a proxy, and which it makes (RFC 9110 §7.6). */

/** Of one connection, and not of the message. */
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
];

const keptBack: ReadonlySet<string> = new Set([
  ...hopByHop,
  'host',
  // Answered here: a claim is looked at before its body is asked for.
  'expect',
  'trailer',
  // Ours. What a caller says of them is nothing to the upstream.
  'accept-payment',
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
  // By these a caller names another method or path than the one that has the price.
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-url',
  'x-rewrite-url',
]);

export interface Forwarding {
  /** The vendor's: `https://news.example`. */
  readonly origin: URL;
  /** How this proxy is called in `Via`: a name that no other one has. */
  readonly name: string;
  readonly host: 'upstream' | 'client';
  readonly clientAddress: 'tell' | 'hide';
  /** In lower case: a header in which a proxy before this one says who calls. */
  readonly clientHeader: string | undefined;
}

/** Headers for the upstream, name after value. No credential and no receipt is among them. */
export function requestHeaders(
  req: IncomingMessage,
  own: HeaderList,
  { origin, name, host, clientAddress, clientHeader }: Forwarding,
): string[] {
  const named = namesIn(req.headers.connection);
  const headers: string[] = [];
  const { rawHeaders } = req;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const lower = rawHeaders[i]!.toLowerCase();
    const value = rawHeaders[i + 1]!;
    if (keptBack.has(lower) || lower.startsWith('impuls-') || named?.includes(lower)) continue;
    if (lower === 'authorization' && /^\s*payment\b/i.test(value)) continue;
    if (own.length > 0 && own.some(([one]) => one === lower)) continue;
    headers.push(lower, value);
  }
  for (const [one, value] of own) headers.push(one, value);
  const callersHost = host === 'client' ? req.headers.host : undefined;
  if (callersHost !== undefined && !own.some(([one]) => one === 'host')) headers.push('host', callersHost);
  headers.push('x-forwarded-host', origin.host, 'x-forwarded-proto', origin.protocol.slice(0, -1));
  if (clientAddress === 'tell') {
    const address = req.socket.remoteAddress;
    const before = clientHeader === undefined ? undefined : req.headers[clientHeader];
    const chain = before === undefined ? address : `${String(before)}, ${address ?? 'unknown'}`;
    if (chain !== undefined) headers.push('x-forwarded-for', chain);
  }
  const via = req.headers.via;
  headers.push('via', `${via === undefined ? '' : `${via}, `}${req.httpVersion} ${name}`);
  return headers;
}

/** Whether a request has been here before. */
export function isLoop(req: IncomingMessage, name: string): boolean {
  return req.headers.via?.includes(name) ?? false;
}

const heldBack: ReadonlySet<string> = new Set([
  ...hopByHop,
  // The vendor's clock is the one that wallets go by.
  'date',
  // It would lead clients around this proxy.
  'alt-svc',
  'payment-receipt',
  'impuls-state',
  'impuls-units',
]);

/** Headers for the client. @param base what the upstream calls itself, and what it is called here */
export function responseHeaders(
  headers: IncomingHttpHeaders,
  base: { readonly upstream: URL; readonly origin: URL },
): Record<string, string | string[]> {
  const named = namesIn(headers.connection);
  const passed: Record<string, string | string[]> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || heldBack.has(name) || named?.includes(name)) continue;
    passed[name] = value;
  }
  for (const name of ['location', 'content-location']) {
    const value = passed[name];
    if (typeof value === 'string') passed[name] = turned(value, base);
  }
  return passed;
}

function namesIn(connection: string | string[] | undefined): string[] | undefined {
  const text = Array.isArray(connection) ? connection.join() : connection;
  if (text === undefined || /^\s*(?:keep-alive|close)\s*$/i.test(text)) return undefined;
  return text.split(',').map((name) => name.trim().toLowerCase());
}

/** An address of the upstream as its client has to call it. */
function turned(
  location: string,
  { upstream, origin }: { readonly upstream: URL; readonly origin: URL },
): string {
  const isAbsolute = /^(?:https?:)?\/\//i.test(location);
  const base = upstream.pathname.replace(/\/$/, '');
  if (!isAbsolute && (base === '' || !location.startsWith('/'))) return location;
  if (!URL.canParse(location, upstream)) return location;
  const { host, pathname, search, hash } = new URL(location, upstream);
  if (host !== upstream.host || !`${pathname}/`.startsWith(`${base}/`)) return location;
  const rest = `${pathname.slice(base.length) || '/'}${search}${hash}`;
  return isAbsolute ? origin.origin + rest : rest;
}
