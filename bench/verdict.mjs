/**
 * Vendor CPU from credential bytes to verdict and key, without I/O: parse, challenge, tag, spend, payment key.
 * A card of 1,000,000 units pays one unit a claim, in order, as a busy card does.
 */
import {
  deriveCard,
  computeTag,
  derivePaymentKey,
  fromBase64url,
  readOpening,
  spend,
  toBase64url,
  verifyTag,
} from '../dist/core/index.js';
import { deriveKeys } from '../dist/core/card.js';
import { HmacKey } from '../dist/core/hash.js';
import { createCredentialParser } from '../dist/core/wire/credential-parser.js';
import {
  formatCredential,
  parseCredential,
  verifyChallengeId,
  challengeId,
  encodeRequest,
} from '../dist/core/wire/index.js';
import { pathToFileURL } from 'node:url';
import { randomBytes } from 'node:crypto';

const secret = new HmacKey(randomBytes(32));
const slots = {
  realm: 'news.example',
  method: 'impuls',
  intent: 'session',
  request: encodeRequest({
    amount: '1',
    currency: 'unit',
    methodDetails: {
      document: toBase64url(randomBytes(32)),
      unit: { currency: 'USD', value: '0.001' },
      version: 1,
    },
  }),
  expires: '2036-01-01T00:00:00Z',
};
const challenge = { id: challengeId(secret, slots), ...slots };
const target = 'https://news.example/articles/2026/11/22/on-small-change';

function prepare(kind, claims) {
  const card = deriveCard(randomBytes(32), kind, 1_000_000);
  const id = fromBase64url(card.id);
  const tokens = [];
  for (let end = 1; end <= claims; end++) {
    const claim = {
      card: id,
      protocol: kind.protocol,
      end,
      units: 1,
      nonce: randomBytes(16),
      proof: card.source.proof(end),
    };
    const tag = computeTag(
      card.keys.auth,
      { method: 'GET', target, headers: [], challengeId: challenge.id },
      claim,
    );
    tokens.push(formatCredential(challenge, { action: 'pay', ...claim, tag }));
  }
  return { opened: readOpening(card.opening, 1_000_000), tokens };
}

const terms = {
  known: undefined,
  price: 1,
  charge: 'price',
  cardExpired: false,
  challengeExpired: false,
  bodyMatches: true,
};

function vendor({ opened }, parse) {
  const keys = deriveKeys(opened.master);
  let { state } = opened;
  return (token) => {
    const { challenge: echoed, payload } = parse(token);
    const request = {
      method: 'GET',
      target,
      headers: [],
      challengeId: echoed.id,
      digest: payload.digest,
      seal: payload.seal,
    };
    if (!verifyTag(keys.auth, request, payload, payload.tag)) throw new Error('tag');
    const outcome = spend(opened.scheme, state, payload, terms);
    if (outcome.verdict !== 'accepted') throw new Error(outcome.verdict);
    state = outcome.next;
    return derivePaymentKey(keys.pay, outcome.ikm, payload);
  };
}

function time(kind, mode, claims) {
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const prepared = prepare(kind, claims);
    const verified = new WeakSet();
    let parse = parseCredential;
    if (mode === 'session') {
      const parser = createCredentialParser();
      parse = (token) => {
        const credential = parser.parse(token);
        if (!verified.has(credential.challenge)) {
          if (!verifyChallengeId(secret, credential.challenge)) throw new Error('challenge');
          parser.remember(credential.challenge);
          verified.add(credential.challenge);
        }
        return credential;
      };
    } else {
      parse = (token) => {
        const credential = parseCredential(token);
        if (!verifyChallengeId(secret, credential.challenge)) throw new Error('challenge');
        return credential;
      };
    }
    const accept = vendor(prepared, parse);
    const start = process.hrtime.bigint();
    for (const token of prepared.tokens) accept(token);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 1000 / claims);
  }
  return best;
}

export function run({ quick = false } = {}) {
  const claims = quick ? 5_000 : 20_000;
  const result = {};
  for (const [name, kind] of [
    ['chain', { protocol: 'chain' }],
    ['stream chacha20', { protocol: 'stream', generator: 'chacha20' }],
    ['stream hmac-drbg', { protocol: 'stream', generator: 'hmac-drbg' }],
  ]) {
    result[name] = {
      sessionMicroseconds: time(kind, 'session', claims),
      firstMicroseconds: time(kind, 'first', claims),
    };
  }
  return result;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href)
  console.log(run({ quick: process.argv.includes('--quick') }));
