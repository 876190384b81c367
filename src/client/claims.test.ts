import { beforeEach, describe, expect, it } from 'vitest';
import { fromBase64url, toBase64url } from '../core/base64url.js';
import { deriveCard } from '../core/card.js';
import { computeTag, deriveFingerprint, derivePaymentKey, deriveReference } from '../core/claim.js';
import { toHex } from '../core/bytes.js';
import { macReceipt, macState } from '../core/receipt.js';
import { parseCredential } from '../core/wire/credential.js';
import { formatReceipt, type Receipt } from '../core/wire/receipt-header.js';
import { formatState } from '../core/wire/state-header.js';
import { readProof, readyClaim, type ReadyClaim } from './claims.js';
import type { ClaimRecord } from './records.js';

const card = deriveCard(new Uint8Array(32).fill(6), { protocol: 'chain' }, 100);
const record: ClaimRecord = {
  card: card.id,
  end: 7,
  units: 3,
  nonce: new Uint8Array(16).fill(5),
  method: 'POST',
  url: 'https://a.example/x?y',
  headers: [['accept', 'a']],
  digest: new Uint8Array(32).fill(9),
  seal: 'aes128gcm',
  challenge: { id: 'i', realm: 'r', method: 'impuls', intent: 'session', request: 'e30' },
};
const id = fromBase64url(card.id, 16);
const nothing = {};
let ready: ReadyClaim;
let tag: Uint8Array;

beforeEach(() => {
  ready = readyClaim(card, 'chain', record);
  tag = fromBase64url(ready.tag, 16);
});

describe('a claim that is ready', () => {
  it('says what its record says, and is the same whenever it is made', () => {
    const { payload, challenge } = parseCredential(ready.authorization)!;
    const { end, units, nonce, digest, seal } = record;
    const proof = card.source.proof(7);
    expect(payload).toEqual({
      action: 'pay',
      card: id,
      protocol: 'chain',
      end,
      units,
      nonce,
      proof,
      tag,
      digest,
      seal,
    });
    expect(challenge).toMatchObject(record.challenge);
    const { method, url: target, headers } = record;
    const request = { method, target, headers, digest, challengeId: 'i', seal };
    expect(tag).toEqual(computeTag(card.keys.auth, request, { ...payload, proof }));
    const key = derivePaymentKey(card.keys.pay, card.source.ikm(7), { units, nonce });
    expect(ready).toEqual({
      tag: toBase64url(tag),
      authorization: ready.authorization,
      key,
      reference: toBase64url(deriveReference(key)),
      fingerprint: toHex(deriveFingerprint(key)),
    });
    expect(readyClaim(card, 'chain', record)).toEqual(ready);
  });
});

function receiptOf(change: Partial<Receipt> = {}): Receipt {
  const claims = {
    verdict: 'accepted',
    units: 3,
    remaining: 97,
    end: 7,
    timestamp: '2026-11-22T10:00:00Z',
  } as const;
  const said = { ...claims, reference: fromBase64url(ready.reference, 12), ...change };
  return { ...said, mac: change.mac ?? macReceipt(ready.key, tag, said) };
}

const read = (headers: Record<string, string>) => readProof(card, ready, record, new Headers(headers));

describe('the receipt of an answer', () => {
  const proofOf = (change: Partial<Receipt>) => read({ 'payment-receipt': formatReceipt(receiptOf(change)) });

  it('proves what it says', () => {
    expect(proofOf({})).toEqual({ receipt: receiptOf(), remaining: 97 });
    expect(proofOf({ units: 1 })).toMatchObject({ receipt: { units: 1 } });
  });

  it.each([
    ['of another claim', { end: 8 }],
    ['of no units', { units: 0 }],
    ['of more than was claimed', { units: 4 }],
    ['with another reference', { reference: new Uint8Array(12) }],
    ['whose MAC does not hold', { mac: new Uint8Array(16) }],
  ])('%s proves nothing', (_, change) => {
    expect(proofOf(change)).toEqual(nothing);
  });

  it('proves nothing if there is none, or none that can be read', () => {
    expect(read({})).toEqual(nothing);
    expect(read({ 'payment-receipt': '?', 'impuls-state': '?' })).toEqual(nothing);
  });
});

describe('the state of an answer', () => {
  const report = { units: 100, spent: 3, top: 7, expires: 2_000_000_000, gaps: [[0, 4]] } as const;
  const stateOf = (verdict: 'conflict' | 'forged', holder?: Uint8Array, nonce = tag) => {
    const said = { ...report, ...(holder && { holder }) };
    const mac = macState(card.keys.state, verdict, id, nonce, said);
    return { 'impuls-state': formatState({ verdict, ...said, mac }) };
  };

  it('proves the verdict and what is left', () => {
    const proof = read(stateOf('forged'));
    expect(proof).toMatchObject({ state: { verdict: 'forged', report }, remaining: 97 });
    expect(proof.holder).toBeUndefined();
  });

  it('names the claim that holds the units', () => {
    const holder = new Uint8Array(16).fill(1);
    expect(read(stateOf('conflict', holder)).holder).toBe(toBase64url(holder));
  });

  it('is asked for where the receipt proves nothing, and not where it does', () => {
    const both = { ...stateOf('forged'), 'payment-receipt': formatReceipt(receiptOf()) };
    expect(read(both)).toEqual({ receipt: receiptOf(), remaining: 97 });
    const forged = { ...both, 'payment-receipt': formatReceipt(receiptOf({ mac: new Uint8Array(16) })) };
    expect(read(forged)).toMatchObject({ state: { verdict: 'forged' } });
  });

  it('for another claim proves nothing', () => {
    expect(read(stateOf('forged', undefined, new Uint8Array(16)))).toEqual(nothing);
  });
});

describe('reading an answer', () => {
  it('raises what is no refusal of ours as it is', () => {
    const slip = new TypeError('a slip');
    class Slipping extends Headers {
      override get(): string | null {
        throw slip;
      }
    }
    expect(() => readProof(card, ready, record, new Slipping())).toThrow(slip);
  });
});
