import { describe, expect, it } from 'vitest';
import {
  computeTag,
  derivePaymentKey,
  deriveSealKey,
  verifyTag,
  type Claim,
  type ClaimedRequest,
} from './claim.js';
import { deriveCard } from './card.js';
import { fromBase64url } from './base64url.js';
import {
  macReceipt,
  macState,
  signStatement,
  verifyReceipt,
  verifyState,
  verifyStatement,
} from './receipt.js';
import { ed25519 } from '@noble/curves/ed25519.js';

const card = deriveCard(new Uint8Array(32).fill(5), { protocol: 'chain' }, 100);
const claim: Claim = {
  card: fromBase64url(card.id),
  protocol: 'chain',
  end: 7,
  units: 3,
  nonce: new Uint8Array(16).fill(1),
  proof: card.source.proof(7),
};
const request: ClaimedRequest = {
  method: 'GET',
  target: 'https://news.example/a?b=1',
  headers: [['accept-language', 'pl']],
  challengeId: 'abc',
};

describe('a tag', () => {
  const tag = computeTag(card.keys.auth, request, claim);

  it('holds for its own request and claim', () => {
    expect(tag).toHaveLength(16);
    expect(verifyTag(card.keys.auth, request, claim, tag)).toBe(true);
  });

  it('holds for no other request and no other claim', () => {
    const digest = new Uint8Array(32);
    const others: Array<[ClaimedRequest, Claim]> = [
      [{ ...request, method: 'POST' }, claim],
      [{ ...request, target: 'https://news.example/a?b=2' }, claim],
      [{ ...request, headers: [['accept-language', 'en']] }, claim],
      [{ ...request, headers: [] }, claim],
      [{ ...request, headers: [['accept-languagep', 'l']] }, claim],
      [{ ...request, digest }, claim],
      [{ ...request, challengeId: 'abd' }, claim],
      [{ ...request, seal: 'aes128gcm' }, claim],
      [request, { ...claim, card: new Uint8Array(16) }],
      [request, { ...claim, protocol: 'stream' }],
      [request, { ...claim, end: 8 }],
      [request, { ...claim, units: 2 }],
      [request, { ...claim, nonce: new Uint8Array(16) }],
      [request, { ...claim, proof: card.source.proof(6) }],
    ];
    for (const [r, c] of others) expect(verifyTag(card.keys.auth, r, c, tag)).toBe(false);
    expect(verifyTag(card.keys.auth, request, claim, tag.subarray(1))).toBe(false);
    expect(
      verifyTag(deriveCard(new Uint8Array(32), { protocol: 'chain' }, 1).keys.auth, request, claim, tag),
    ).toBe(false);
  });

  it('covers text beyond ASCII by its bytes', () => {
    const one = computeTag(card.keys.auth, { ...request, target: 'https://news.example/żółć' }, claim);
    const two = computeTag(card.keys.auth, { ...request, target: 'https://news.example/żółc' }, claim);
    expect(one).not.toEqual(two);
  });
});

describe('a payment key', () => {
  it('differs for every link, amount and nonce', () => {
    const key = (change: Partial<Claim>, ikm = claim.proof) =>
      derivePaymentKey(card.keys.pay, ikm, { ...claim, ...change });
    const keys = [
      key({}),

      key({ units: 2 }),
      key({ nonce: new Uint8Array(16) }),
      key({}, card.source.ikm(8)),
    ];
    expect(new Set(keys.map((k) => k.join())).size).toBe(keys.length);
    expect(deriveSealKey(keys[0]!)).toHaveLength(32);
  });
});

describe('what comes back', () => {
  const report = { units: 100, spent: 3, top: 7, expires: 2_000_000_000, gaps: [[0, 4]] as const };

  it('is a receipt that holds for its claim and its numbers only', () => {
    const key = derivePaymentKey(card.keys.pay, claim.proof, claim);
    const tag = new Uint8Array(16).fill(3);
    const receipt = {
      verdict: 'accepted',
      units: 3,
      remaining: 97,
      end: 7,
      timestamp: '2026-11-22T10:00:00Z',
    } as const;
    const mac = macReceipt(key, tag, receipt);
    expect(verifyReceipt(key, tag, { ...receipt, mac })).toBe(true);
    for (const change of [
      { verdict: 'repeated' as const },
      { units: 4 },
      { remaining: 98 },
      { end: 8 },
      { timestamp: '' },
    ]) {
      expect(verifyReceipt(key, tag, { ...receipt, ...change, mac })).toBe(false);
    }
    expect(verifyReceipt(key, new Uint8Array(16), { ...receipt, mac })).toBe(false);
  });

  it('is a state that holds for its card, its nonce and its numbers only', () => {
    const nonce = new Uint8Array(16).fill(4);
    const message = { verdict: 'conflict', ...report, holder: new Uint8Array(16) };
    const mac = macState(card.keys.state, 'conflict', claim.card, nonce, message);
    expect(verifyState(card.keys.state, { ...message, mac }, claim.card, nonce)).toBe(true);
    expect(verifyState(card.keys.state, { ...message, verdict: 'released', mac }, claim.card, nonce)).toBe(
      false,
    );
    expect(verifyState(card.keys.state, { ...message, holder: undefined, mac }, claim.card, nonce)).toBe(
      false,
    );
    expect(verifyState(card.keys.state, { ...message, gaps: [], mac }, claim.card, nonce)).toBe(false);
    expect(verifyState(card.keys.state, { ...message, mac }, claim.card, new Uint8Array(16))).toBe(false);
  });

  it('is a statement that anyone can check against the vendor', () => {
    const secret = new Uint8Array(32).fill(8);
    const statement = {
      origin: 'https://news.example',
      message: card.message,
      time: 1_800_000_000,
      tip: claim.proof,
      report,
    };
    const signature = signStatement(secret, statement);
    const key = ed25519.getPublicKey(secret);
    expect(verifyStatement(key, statement, signature)).toBe(true);
    expect(verifyStatement(key, { ...statement, time: 1_800_000_001 }, signature)).toBe(false);
    expect(verifyStatement(key, statement, signature.subarray(1))).toBe(false);
  });
});
