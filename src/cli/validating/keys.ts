import { toBase64url } from '../../core/base64url.js';
import { isImpulsError } from '../../core/errors.js';
import { parseKeyDocument, type ReceivedDocument } from '../../core/key-document.js';
import { issuingKeys } from '../../core/key-life.js';
import { limits } from '../../core/limits.js';
import { plural } from '../amounts.js';
import { fail, ok, warn, type Check } from '../doctor/check.js';
import { checkCertificate, compareClocks } from '../doctor/network-checks.js';
import { ask, mediaType, type Answer, type Probe } from './probe.js';

/** The address of a vendor and its key document (docs/spec.md §2). */

export interface Published {
  readonly checks: Check[];
  readonly received: ReceivedDocument | undefined;
}

const path = '/.well-known/impuls';

export async function checkTls(probe: Probe): Promise<Check> {
  const url = new URL(probe.origin);
  if (url.protocol === 'https:') return checkCertificate(url, probe);
  const loopback = /^(?:localhost|.*\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
  if (loopback) return ok('tls', 'plain HTTP within this machine');
  return fail(
    'tls',
    'plain HTTP, beyond this machine',
    'Put a proxy with TLS before it: wallets pay by https.',
  );
}

export async function checkPublished(probe: Probe): Promise<Published> {
  const answer = await ask(probe, path);
  if (!answer) {
    const next = 'See that the server runs and that the name leads to it.';
    return { checks: [fail('keys', `${probe.origin} does not answer`, next)], received: undefined };
  }
  const { checks, received } = readDocument(probe, answer);
  checks.push(compareClocks({ headers: answer.headers }, probe.now()));
  if (!received) return { checks, received };
  checks.push(await compareCopies(probe, received), ...checkNames(answer), checkSale(received, probe.now()));
  return { checks, received };
}

function readDocument({ origin }: Probe, answer: Answer): Published {
  const next = 'Let the vendor answer GET /.well-known/impuls itself, with the bytes of its document.';
  const bad = (what: string, move = next): Published => ({
    checks: [fail('keys', what, move)],
    received: undefined,
  });
  if (answer.status !== 200) return bad(`${path} answers ${answer.status}`);
  if (answer.body.length > limits.documentBytes) return bad('the key document is longer than wallets read');
  try {
    const received = parseKeyDocument(answer.body);
    const own = received.document.origin;
    if (own !== origin)
      return bad(`they are the keys of ${own}`, `Validate ${own}, or serve its own keys here.`);
    if (mediaType(answer) !== 'application/json') {
      const said = mediaType(answer) || 'nothing';
      return {
        checks: [fail('keys', `the key document is said to be ${said}`, 'Send it as application/json.')],
        received,
      };
    }
    const { name, cards } = received.document;
    return { checks: [ok('keys', `${name}, with ${plural(cards.length, 'issuing key')}`)], received };
  } catch (error) {
    if (!isImpulsError(error)) throw error;
    return bad(`not a key document: ${error.message}`);
  }
}

/** A vendor that shows one buyer keys of his own knows his cards by them. */
async function compareCopies(probe: Probe, received: ReceivedDocument): Promise<Check> {
  const again = await ask(probe, path);
  const next = 'Serve the same bytes to everybody: wallets that compare will not buy.';
  try {
    if (again?.status !== 200) return fail('same keys', 'a second look got no document', next);
    const digest = toBase64url(received.digest);
    const second = parseKeyDocument(again.body);
    const same = toBase64url(second.digest) === digest || second.document.previous.includes(digest);
    return same
      ? ok('same keys', 'a second look shows the same')
      : fail('same keys', 'a second look shows others', next);
  } catch (error) {
    if (!isImpulsError(error)) throw error;
    return fail('same keys', 'a second look shows others', next);
  }
}

/** What would be a name for whoever asks. */
function checkNames({ headers }: Answer): Check[] {
  const names = ['Set-Cookie', 'ETag', 'Last-Modified'].filter((name) => headers.has(name));
  if (names.length === 0) return [ok('key caching', 'nothing in the answer can name who asked')];
  const what = `the key document comes with ${names.join(' and ')}, which can name who asked`;
  return [warn('key caching', what, 'Let the proxy leave these off the answers of the vendor.')];
}

function checkSale({ document }: ReceivedDocument, now: number): Check {
  const live = issuingKeys(document, now);
  if (live.length > 0) {
    const kinds = [...new Set(live.map(({ denomination }) => denomination))].sort((a, b) => a - b);
    return ok('sale', `cards of ${kinds.join(', ')} ${document.unit.code}s are on sale`);
  }
  return warn(
    'sale',
    'no issuing key is live: no cards can be bought',
    'Rotate the keys: `impuls keys rotate`.',
  );
}
