import { readFileSync } from 'node:fs';
import { ed25519 } from '@noble/curves/ed25519.js';
import { toBase64url } from '../../src/core/base64url.js';
import { generateEnvelopeKey } from '../../src/core/envelope.js';
import {
  activationKeyId,
  formatKeyDocument,
  issuingKeyId,
  parseKeyDocument,
  type IssuingKey,
  type KeyDocument,
} from '../../src/core/key-document.js';
import { createRsaSigner, type RsaSigner } from '../../src/node/rsa.js';
import { createChoices } from '../../src/testing/suite.js';
import type { VendorIdentity } from '../../src/server/index.js';

/** The vendor of all worlds, before and after it was restored. Its keys are in the open. */

export const origin = 'https://news.example';

/** Unix seconds at which a world begins. */
export const began = Date.UTC(2026, 10, 22, 12) / 1000;

/** The units of the cards on sale. */
export const denominations = [2000, 100] as const;

const day = 86_400;

/** The identity of a vendor that was never restored, and that of one that was, at a time. */
export interface Identities {
  readonly first: VendorIdentity;
  /** @param seconds when it was restored: its old keys are lost from then on */
  restored(seconds: number): VendorIdentity;
}

let made: Promise<Identities> | undefined;

/** The same each time. */
export function identities(): Promise<Identities> {
  return (made ??= makeIdentities());
}

async function makeIdentities(): Promise<Identities> {
  const root = new URL('../../', import.meta.url);
  const { keys } = JSON.parse(readFileSync(new URL('proof/hostile/issuing-keys.json', root), 'utf8')) as {
    keys: string[];
  };
  const signers = keys.map((key) =>
    createRsaSigner(`-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----`),
  );
  const generations = [signers.slice(0, denominations.length), signers.slice(denominations.length)] as const;
  const choices = createChoices(1);
  const bytes = (length: number): Uint8Array => choices.bytes(length);
  const activation = await generateEnvelopeKey(bytes);
  const statement = bytes(32);
  const [challenge, voucher] = [bytes(32), bytes(32)];
  const keysOf = (issuing: readonly RsaSigner[]): VendorIdentity['keys'] => ({
    issuing,
    activation: new Map([[activationKeyId(activation.publicKey), activation.secretKey]]),
    statement,
    challenge,
    voucher,
  });
  const document: KeyDocument = {
    version: 1,
    origin,
    name: 'Example News',
    unit: { code: 'unit', currency: 'USD', value: '0.001' },
    activation: { id: activationKeyId(activation.publicKey), key: toBase64url(activation.publicKey) },
    statement: { key: toBase64url(ed25519.getPublicKey(statement)) },
    cards: entriesOf(generations[0], '2026-11', began),
    endpoints: {
      activate: '/impuls/activate',
      issue: '/impuls/issue',
      order: '/impuls/order',
      state: '/impuls/state',
      statement: '/impuls/statement',
      credit: '/impuls/credit',
    },
    policy: { grace: 30 * day, refund: 'reference', retention: 40 * day },
    previous: [],
  };
  const digest = toBase64url(parseKeyDocument(formatKeyDocument(document)).digest);
  return {
    first: { document, keys: keysOf(generations[0]) },
    restored: (seconds) => ({
      document: {
        ...document,
        cards: [...document.cards, ...entriesOf(generations[1], '2026-12', seconds)],
        revoked: document.cards.map(({ id }) => ({ id, reason: 'lost', time: seconds })),
        previous: [digest],
      },
      keys: keysOf(generations[1]),
      recentDocuments: [digest],
    }),
  };
}

function entriesOf(signers: readonly RsaSigner[], epoch: string, seconds: number): IssuingKey[] {
  return signers.map(({ n }, i) => ({
    id: issuingKeyId(n),
    n: toBase64url(n),
    denomination: denominations[i]!,
    epoch,
    notBefore: seconds - 2 * day,
    notAfter: seconds + 90 * day,
    expires: seconds + 5 * 365 * day,
  }));
}
