/** A vendor for benchmarks, and cards that pay him: what the servers of the benchmarks have in common. */
import { randomBytes } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import {
  activationKeyId,
  computeTag,
  deriveCard,
  fromBase64url,
  generateEnvelopeKey,
  issuingKeyId,
  readOpening,
  toBase64url,
} from '../dist/core/index.js';
import { formatCredential, parseChallenges } from '../dist/core/wire/index.js';
import { createVendor } from '../dist/server/index.js';

/** Units of each card of {@link openCard}. */
export const cardUnits = 1_000_000;

/** What every route answers: 1 KiB of JSON. */
export const answerBody = JSON.stringify({ text: 'x'.repeat(1024 - 11) });
export const answerHeaders = { 'Content-Type': 'application/json', 'Content-Length': answerBody.length };

/** Draws the keys of a vendor that sells no card: they are opened in the ledger. */
export async function createIdentity(origin) {
  const activation = await generateEnvelopeKey((length) => randomBytes(length));
  const statement = randomBytes(32);
  // No card is sold here: any odd number of 3072 bits does for a modulus.
  const n = randomBytes(384);
  n[0] |= 0x80;
  n[383] |= 1;
  const seconds = Math.floor(Date.now() / 1000);
  const document = {
    version: 1,
    origin,
    name: 'Bench',
    unit: { code: 'unit', currency: 'USD', value: '0.001' },
    activation: { id: activationKeyId(activation.publicKey), key: toBase64url(activation.publicKey) },
    statement: { key: toBase64url(ed25519.getPublicKey(statement)) },
    cards: [
      {
        id: issuingKeyId(n),
        n: toBase64url(n),
        denomination: cardUnits,
        epoch: 'bench',
        notBefore: seconds,
        notAfter: seconds + 90 * 86400,
        expires: seconds + 900 * 86400,
      },
    ],
    endpoints: {
      activate: '/impuls/activate',
      issue: '/impuls/issue',
      order: '/impuls/order',
      state: '/impuls/state',
      statement: '/impuls/statement',
    },
    policy: { grace: 0, retention: 86400 },
    previous: [],
  };
  const keys = {
    issuing: [],
    activation: new Map([[document.activation.id, activation.secretKey]]),
    statement,
    challenge: randomBytes(32),
    voucher: randomBytes(32),
  };
  return { document, keys };
}

export const createBenchVendor = (identity, ledger) =>
  createVendor({ ...identity, ledger, onError: (error) => console.error(error) });

/** Asks a gate for the challenge of a GET without a credential. */
export async function askChallenge(gate, path) {
  const refused = await gate({
    method: 'GET',
    target: path,
    header: () => undefined,
    body: async () => new Uint8Array(0),
  });
  const headers = refused.reply.headers.filter(([name]) => name === 'WWW-Authenticate');
  return parseChallenges(headers.map(([, value]) => value).join(', '))[0];
}

/** @param units 1,000,000 unless told, and those of the denomination of its issuing key */
export function makeCard(kind, units = cardUnits) {
  return { ...deriveCard(randomBytes(32), kind, units), protocol: kind.protocol, units };
}

/** Enters a card in the ledger as if it had been activated now. */
export async function openCard(ledger, issuingKey, { opening, protocol, units }) {
  const { id, message, master, scheme, state } = readOpening(opening, units);
  const { id: keyId, expires } = issuingKey;
  const entry = { id, message, keyId, master, protocol, scheme: scheme.encode(), expires };
  await ledger.openCard(entry, state, Math.floor(Date.now() / 1000));
}

/**
 * @param step the units of each claim
 * @returns `count` credentials of one card, in order, for a GET of the target
 */
export function makeCredentials(card, challenge, target, count, step = 1) {
  const id = fromBase64url(card.id);
  const request = { method: 'GET', target, headers: [], challengeId: challenge.id };
  return Array.from({ length: count }, (_, at) => {
    // A claim of `stream` is one step, whatever its amount.
    const end = (at + 1) * (card.protocol === 'stream' ? 1 : step);
    const claim = {
      card: id,
      protocol: card.protocol,
      end,
      units: step,
      nonce: randomBytes(16),
      proof: card.source.proof(end),
    };
    const tag = computeTag(card.keys.auth, request, claim);
    return formatCredential(challenge, { action: 'pay', ...claim, tag });
  });
}
