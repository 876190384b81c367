import { fromBase64url, toBase64url } from '../../src/core/base64url.js';
import { utf8 } from '../../src/core/bytes.js';
import { parseAcceptPayment, weightOf } from '../../src/core/wire/accept-payment.js';
import { formatAuthParams, parseChallengeParams } from '../../src/core/wire/auth-params.js';
import { decodeText, encodeText } from '../../src/core/wire/base64url-text.js';
import { canonicalJson, parseJson } from '../../src/core/wire/canonical-json.js';
import { formatChallenge, parseChallenges, type Challenge } from '../../src/core/wire/challenge.js';
import { createCredentialParser } from '../../src/core/wire/credential-parser.js';
import { formatCredential, formatHead, parseCredential } from '../../src/core/wire/credential.js';
import { basePathOf, findOperation, readPaidOperations } from '../../src/core/wire/payment-info.js';
import { formatProblem, parseProblem } from '../../src/core/wire/problem.js';
import { formatReceipt, parseReceipt } from '../../src/core/wire/receipt-header.js';
import { decodeRequest, encodeRequest } from '../../src/core/wire/request.js';
import {
  formatSocketAnswer,
  formatSocketRequest,
  parseSocketAnswer,
  parseSocketRequest,
} from '../../src/core/wire/socket-message.js';
import { formatState, parseState } from '../../src/core/wire/state-header.js';
import { formatExpires, parseExpires } from '../../src/core/wire/time.js';
import { canonicalReference } from './canonical-reference.js';
import { accepted, same, textOf, textTarget, type Target } from './target.js';
import { vectorBytes, vectorTexts } from './vectors.js';

const challenge: Challenge = {
  id: 'q0WpR1zN8cVx2bKm4LtY7uGhJ3sDfA6eHwOiU5nPlZk',
  realm: 'news.example',
  method: 'impuls',
  intent: 'session',
  request: 'eyJhbW91bnQiOiIzIn0',
  expires: '2026-11-22T15:00:00Z',
};
const payload = {
  action: 'pay',
  card: new Uint8Array(16).fill(1),
  protocol: 'chain',
  end: 12,
  units: 3,
  nonce: new Uint8Array(16).fill(2),
  proof: new Uint8Array(32).fill(3),
  tag: new Uint8Array(16).fill(4),
} as const;
const credential = formatCredential(challenge, payload);
const receipt = {
  timestamp: '2026-11-22T15:00:00Z',
  reference: new Uint8Array(12),
  verdict: 'accepted',
  units: 3,
  remaining: 97,
  end: 3,
  mac: new Uint8Array(16),
} as const;
const state = {
  verdict: 'conflict',
  units: 100,
  spent: 3,
  top: 7,
  expires: 2_000_000_000,
  gaps: [[0, 4]],
  holder: new Uint8Array(16),
  mac: new Uint8Array(16),
} as const;

/** Both ways to read a credential say the same, and what the quick one returns can be written again. */
function checkCredential(header: string): void {
  const slow = accepted(() => parseCredential(header));
  const parser = createCredentialParser();
  same(
    accepted(() => parser.parse(header)),
    slow,
    'a credential, its challenge not known',
  );
  for (const known of slow ? [challenge, slow.challenge] : [challenge]) parser.remember(known);
  same(
    accepted(() => parser.parse(header)),
    slow,
    'a credential, its challenge known',
  );
  if (!slow) return;
  const written = accepted(() => formatCredential(slow.challenge, slow.payload));
  if (written !== undefined) same(parseCredential(written), slow, 'a credential, written and read again');
}

/** A header that is base64url of text: the search is for the text. */
function wrapped<T>(
  name: string,
  parse: (text: string) => T,
  format: (value: T) => string,
  seed: string,
): Target {
  const target = textTarget<T>(
    name,
    (text) => parse(encodeText(text)),
    (value) => decodeText(format(value)),
    () => [decodeText(seed)],
  );
  return target;
}

export const wireTargets: readonly Target[] = [
  {
    name: 'credential',
    seeds: () => [credential, 'Payment ', 'Basic dXNlcjpwYXNz', `payment   ${credential.slice(8)}`],
    run: (bytes) => checkCredential(textOf(bytes)),
  },
  {
    name: 'credential-json',
    seeds: () => [
      decodeText(credential.slice(8)),
      ...vectorTexts('claim', 'payload', 'parse-payload').map(
        (text) => `${formatHead(challenge)}"payload":${text}}`,
      ),
    ],
    run(bytes) {
      const text = accepted(() => encodeText(textOf(bytes)));
      if (text !== undefined) checkCredential(`Payment ${text}`);
    },
  },
  {
    name: 'credential-tail',
    seeds: () => [decodeText(credential.slice(8)).slice(formatHead(challenge).length)],
    run(bytes) {
      const text = accepted(() => encodeText(formatHead(challenge) + textOf(bytes)));
      if (text !== undefined) checkCredential(`Payment ${text}`);
    },
  },
  {
    name: 'canonical-json',
    seeds: () => [
      '{"b":[1,-0,1e21,"\\u20ac"],"a":{"c":null,"__proto__":true}}',
      '[[[]]]',
      '"\\ud83d\\ude00"',
      '1E400',
    ],
    run(bytes) {
      const text = textOf(bytes);
      const value = accepted(() => parseJson(text));
      if (value === undefined) return;
      same(value, JSON.parse(text), 'JSON, read by the platform');
      const written = canonicalJson(value);
      same(written, canonicalReference(JSON.parse(text)), 'canonical JSON, by its plainest words');
      same(canonicalJson(parseJson(written)), written, 'canonical JSON, written again');
    },
  },
  {
    name: 'challenge-params',
    seeds: () => [`Basic realm="a", ${formatChallenge(challenge)}`, 'Payment id="a\\"b", realm=c ,, x y'],
    run(bytes) {
      for (const params of accepted(() => parseChallengeParams(textOf(bytes))) ?? []) {
        const text = accepted(() => formatAuthParams(params));
        if (text !== undefined && Object.keys(params).length > 0)
          same(parseChallengeParams(`Payment ${text}`), [params], 'parameters, written and read again');
      }
    },
  },
  {
    name: 'challenges',
    seeds: () => [formatChallenge(challenge), `${formatChallenge(challenge)}, ${formatChallenge(challenge)}`],
    run(bytes) {
      for (const one of accepted(() => parseChallenges(textOf(bytes))) ?? []) {
        const text = accepted(() => formatChallenge(one));
        if (text !== undefined) same(parseChallenges(text), [one], 'a challenge, written and read again');
      }
    },
  },
  {
    name: 'accept-payment',
    seeds: () => ['impuls/session;q=0.5, */*;q=0, x402/charge', 'impuls/*'],
    run(bytes) {
      const ranges = accepted(() => parseAcceptPayment(textOf(bytes)));
      if (!ranges) return;
      const weight = weightOf(ranges, 'impuls', 'session');
      if (!(weight >= 0 && weight <= 1)) throw new Error(`a weight of ${weight}`);
    },
  },
  {
    name: 'payment-info',
    seeds: () => [
      '{"servers":[{"url":"/v1"}],"paths":{"/a/{b}":{"get":{"x-payment-info":{"offers":[{"intent":"session","method":"impuls","amount":"3","currency":"c"}]}}}}}',
    ],
    run(bytes) {
      accepted(() => {
        const document = parseJson(textOf(bytes));
        basePathOf(document, 'https://news.example');
        findOperation(readPaidOperations(document), 'GET', '/a/b');
      });
    },
  },
  textTarget('request', decodeRequest, encodeRequest, () => vectorTexts('challenge', 'request', 'request')),
  {
    name: 'request-json',
    seeds: () => vectorTexts('challenge', 'request', 'request'),
    run(bytes) {
      const value = accepted(() => decodeRequest(encodeText(textOf(bytes))));
      if (value) same(decodeRequest(encodeRequest(value)), value, 'a request, written and read again');
    },
  },
  textTarget('receipt', parseReceipt, formatReceipt, () => [formatReceipt(receipt)]),
  wrapped('receipt-json', parseReceipt, formatReceipt, formatReceipt(receipt)),
  textTarget('state', parseState, formatState, () => [formatState(state)]),
  wrapped('state-json', parseState, formatState, formatState(state)),
  textTarget('socket-request', parseSocketRequest, formatSocketRequest, () => [
    formatSocketRequest({ id: 1, method: 'GET', target: '/a?b', headers: { authorization: 'Payment e30' } }),
  ]),
  textTarget('socket-answer', parseSocketAnswer, formatSocketAnswer, () => [
    formatSocketAnswer({ id: null, status: 402, headers: { 'retry-after': '1' }, body: '{}' }),
  ]),
  textTarget('problem', parseProblem, undefined, () => [formatProblem('payment-required', 'more')]),
  {
    name: 'time',
    seeds: () => [
      '2026-11-22T15:00:00Z',
      '1970-01-01T00:00:00.123Z',
      '9999-12-31T23:59:60Z',
      '2026-02-30T24:00:00Z',
    ],
    run(bytes) {
      const text = textOf(bytes);
      const seconds = accepted(() => parseExpires(text));
      if (seconds !== undefined) same(formatExpires(seconds).slice(0, 19), text.slice(0, 19), 'a time');
    },
  },
  {
    name: 'base64url',
    seeds: () => ['', 'AQgw', 'AA', 'AAA', 'A', '-_-_', 'AB==', vectorBytes('seal', 'body')[0] ?? ''],
    run(bytes) {
      same(fromBase64url(toBase64url(bytes)), bytes, 'bytes as base64url');
      const text = textOf(bytes);
      const found = accepted(() => fromBase64url(text));
      if (found) same(toBase64url(found), text, 'base64url, its only form');
      const decoded = accepted(() => decodeText(text));
      if (decoded !== undefined) same(toBase64url(utf8(decoded)), text, 'text in base64url, its only form');
      if (decoded !== undefined) same(encodeText(decoded), text, 'text in base64url, written again');
    },
  },
];
