import { connect } from 'node:tls';
import { toBase64url } from '../../core/base64url.js';
import { isImpulsError } from '../../core/errors.js';
import { formatKeyDocument, parseKeyDocument, type KeyDocument } from '../../core/key-document.js';
import { limits } from '../../core/limits.js';
import { formatDay } from '../amounts.js';
import { fail, ok, warn, type Check } from './check.js';

/** The vendor as clients meet it: only where the operator asks for it. */

const patienceMs = 10_000;
const soon = 14 * 86_400;

export interface NetworkContext {
  readonly fetch: typeof globalThis.fetch;
  /** When the certificate of a host ends, Unix seconds. */
  readonly certificateEnd: (hostname: string, port: number) => Promise<number>;
  /** Unix seconds. */
  readonly now: () => number;
}

export const platformNetwork: NetworkContext = {
  fetch: globalThis.fetch,
  certificateEnd,
  now: () => Math.floor(Date.now() / 1000),
};

export async function checkOrigin(document: KeyDocument, context: NetworkContext): Promise<Check[]> {
  const { origin } = document;
  const url = new URL(origin);
  const checks: Check[] = [];
  if (url.protocol === 'https:') checks.push(await checkCertificate(url, context));
  let response: Response;
  try {
    response = await context.fetch(`${origin}/.well-known/impuls`, {
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(patienceMs),
    });
  } catch {
    const next =
      'See that the server runs, that the name leads to it, and that the proxy before it passes everything on.';
    return [...checks, fail('reach', `${origin} does not answer`, next)];
  }
  checks.push(await compareDocument(document, response), compareClocks(response, context.now()));
  return checks;
}

async function compareDocument(document: KeyDocument, response: Response): Promise<Check> {
  const own = toBase64url(parseKeyDocument(formatKeyDocument(document)).digest);
  const bytes = new Uint8Array(await response.arrayBuffer().catch(() => new ArrayBuffer(0)));
  const next = 'See what answers there: a proxy that passes requests to another server, or alters answers.';
  if (response.status !== 200 || bytes.length > limits.documentBytes) {
    return fail('reach', `${document.origin} answers ${response.status} where its keys should be`, next);
  }
  try {
    if (toBase64url(parseKeyDocument(bytes).digest) === own)
      return ok('reach', `${document.origin} serves these keys`);
  } catch (error) {
    if (!isImpulsError(error)) throw error;
    return fail('reach', `${document.origin} serves what is no key document`, next);
  }
  return fail(
    'reach',
    `${document.origin} serves other keys than this folder has`,
    'Restart the server, or see which one answers there.',
  );
}

export function compareClocks(response: Pick<Response, 'headers'>, now: number): Check {
  const date = Date.parse(response.headers.get('Date') ?? '') / 1000;
  if (!Number.isFinite(date)) {
    return warn(
      'time',
      'answers come without a Date',
      'Let the proxy pass the header Date: wallets go by it.',
    );
  }
  const apart = Math.round(Math.abs(date - now));
  if (apart <= 5) return ok('time', 'the clock of the answers is this one');
  const next = 'Set both clocks, and keep them with NTP: wallets go by the Date of the answers.';
  return (apart > 60 ? fail : warn)('time', `the clock of the answers is ${apart} seconds apart`, next);
}

export async function checkCertificate(url: URL, context: NetworkContext): Promise<Check> {
  try {
    const end = await context.certificateEnd(url.hostname, Number(url.port || 443));
    const said = `the certificate is good until ${formatDay(end)}`;
    if (end - context.now() < soon)
      return warn('tls', said, 'Renew it, and see that this happens by itself.');
    return ok('tls', said);
  } catch (error) {
    const { code = 'no connection' } = error as NodeJS.ErrnoException;
    return fail(
      'tls',
      `TLS does not hold: ${code}`,
      'Put a proxy with a certificate for the origin before the server.',
    );
  }
}

function certificateEnd(hostname: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port, servername: hostname, timeout: patienceMs }, () => {
      const end = Date.parse(socket.getPeerCertificate().valid_to) / 1000;
      socket.destroy();
      resolve(end);
    });
    socket.once('timeout', () => socket.destroy(Object.assign(new Error('timeout'), { code: 'timeout' })));
    socket.once('error', reject);
  });
}
