import { isImpulsError } from '../../core/errors.js';
import { parseChallenges } from '../../core/wire/challenge.js';
import { parseCredential } from '../../core/wire/credential.js';
import { parseReceipt } from '../../core/wire/receipt-header.js';
import { parseState } from '../../core/wire/state-header.js';
import {
  describeChallenge,
  describeCredential,
  describeReceipt,
  describeState,
} from '../inspect/describe.js';
import type { Finding } from '../inspect/finding.js';
import type { Paint } from '../paint.js';

/** A fetch that tells what goes over the wire, with payments in words; no secret, and no claim that could be copied. */
export function createTracingFetch(
  inner: typeof fetch,
  note: (line: string) => void,
  paint: Paint,
): typeof fetch {
  const out = (line: string): void => note(`${paint.cyan('>')} ${line}`);
  const back = (line: string): void => note(`${paint.yellow('<')} ${line}`);
  return async (input, init) => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    out(`${request.method} ${url.pathname}${url.search} HTTP/1.1`);
    out(`host: ${url.host}`);
    for (const [name, value] of request.headers) {
      const finding = name === 'authorization' ? decode(() => described(parseCredential(value))) : undefined;
      if (finding) out(`${name}: Payment (${paint.bold(finding.summary)})`);
      else out(`${name}: ${name === 'authorization' ? '(hidden)' : value}`);
    }
    out('');
    const response = await inner(input, init);
    back(`HTTP/1.1 ${response.status} ${response.statusText}`);
    for (const [name, value] of response.headers) {
      const decoded = decodeHeader(name, value);
      if (decoded.length === 0) back(`${name}: ${value}`);
      else for (const { summary } of decoded) back(`${name}: (${paint.bold(summary)})`);
    }
    back('');
    return response;
  };
}

function decodeHeader(name: string, value: string): readonly Finding[] {
  switch (name) {
    case 'www-authenticate':
      return decode(() => parseChallenges(value).map(describeChallenge)) ?? [];
    case 'payment-receipt':
      return decode(() => [describeReceipt(parseReceipt(value))]) ?? [];
    case 'impuls-state':
      return decode(() => [describeState(parseState(value))]) ?? [];
    default:
      return [];
  }
}

function described(credential: ReturnType<typeof parseCredential>): Finding | undefined {
  return credential ? describeCredential(credential) : undefined;
}

/** What does not decode is shown as it came. */
function decode<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isImpulsError(error)) return undefined;
    throw error;
  }
}
