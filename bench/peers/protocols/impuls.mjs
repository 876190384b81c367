/** impuls itself: the verdict alone, and the whole gate over a ledger in memory. */
import { randomBytes } from 'node:crypto';
import {
  askChallenge,
  createBenchVendor,
  createIdentity,
  makeCard,
  makeCredentials,
  openCard,
} from '../../bench-vendor.mjs';
import { derivePaymentKey, readOpening, spend, toBase64url, verifyTag } from '../../../dist/core/index.js';
import { deriveKeys } from '../../../dist/core/card.js';
import { HmacKey } from '../../../dist/core/hash.js';
import { createCredentialParser } from '../../../dist/core/wire/credential-parser.js';
import { challengeId, encodeRequest, verifyChallengeId } from '../../../dist/core/wire/index.js';
import { createMemoryLedger } from '../../../dist/server/index.js';

const origin = 'https://news.example';
const path = '/articles/2026/11/22/on-small-change';

export const chain = { protocol: 'chain' };
export const stream = { protocol: 'stream', generator: 'chacha20' };

/** Units of the card that pays `count` claims of `amount` units each. */
const unitsFor = (count, amount) => Math.min(2 ** 20, Math.max(1000, count * amount));

/** From the credential's characters to verdict and payment key; the state is a variable. */
export function openVerdict(kind) {
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
  const target = `${origin}${path}`;
  return {
    async prepare(count, amount) {
      const units = unitsFor(count, amount);
      const card = makeCard(kind, units);
      const opened = readOpening(card.opening, units);
      const items = makeCredentials(card, challenge, target, count, amount);
      return { items, start: () => startVerdict(secret, opened, target, amount) };
    },
  };
}

function startVerdict(secret, opened, target, price) {
  const keys = deriveKeys(opened.master);
  const parser = createCredentialParser();
  const verified = new WeakSet();
  const terms = {
    known: undefined,
    price,
    charge: 'price',
    cardExpired: false,
    challengeExpired: false,
    bodyMatches: true,
  };
  let { state } = opened;
  return (value) => {
    const { challenge, payload } = parser.parse(value);
    if (!verified.has(challenge)) {
      if (!verifyChallengeId(secret, challenge)) return false;
      parser.remember(challenge);
      verified.add(challenge);
    }
    const { digest, seal } = payload;
    const request = { method: 'GET', target, headers: [], challengeId: challenge.id, digest, seal };
    if (!verifyTag(keys.auth, request, payload, payload.tag)) return false;
    const outcome = spend(opened.scheme, state, payload, terms);
    if (outcome.verdict !== 'accepted') return false;
    state = outcome.next;
    return derivePaymentKey(keys.pay, outcome.ikm, payload).length === 32;
  };
}

/** A call at the vendor's gate until it is paid, with the receipt of its answer. */
export function openGate(kind) {
  return {
    async prepare(count, amount) {
      const identity = await createIdentity(origin);
      const vendor = createBenchVendor(identity, createMemoryLedger());
      const challenge = await askChallenge(vendor.gate({ price: amount }), path);
      const card = makeCard(kind, unitsFor(count, amount));
      const values = makeCredentials(card, challenge, `${origin}${path}`, count, amount);
      const items = values.map((value) => ({
        method: 'GET',
        target: path,
        header: (name) => (name === 'authorization' ? value : undefined),
        body: async () => new Uint8Array(0),
      }));
      return { items, start: () => startGate(identity, card, amount) };
    },
  };
}

async function startGate(identity, card, price) {
  const ledger = createMemoryLedger();
  const vendor = createBenchVendor(identity, ledger);
  await openCard(ledger, identity.document.cards[0], card);
  const gate = vendor.gate({ price });
  return async (call) => {
    const admission = await gate(call);
    return admission.status === 'paid' && admission.payment.settle(200).length > 0;
  };
}
