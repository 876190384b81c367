import { ed25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toBase64url } from './base64url.js';
import { deriveCard } from './card.js';
import { isImpulsError } from './errors.js';
import {
  evidenceToJson,
  parseEvidence,
  parseStatement,
  verifyEvidence,
  verifySignedStatement,
  type ChainEvidence,
} from './evidence.js';
import { signStatement, type CardReport } from './receipt.js';
import { parseJson, type JsonObject, type JsonValue } from './wire/canonical-json.js';
import { reportToJson } from './wire/state-header.js';

const origin = 'https://news.example';
const seed = new Uint8Array(32).fill(7);
const card = deriveCard(seed, { protocol: 'chain' }, 300);
const evidence: ChainEvidence = {
  origin,
  card: card.id,
  end: 270,
  link: card.source.proof(270),
  opening: card.opening,
};

describe('the evidence of a chain', () => {
  it('holds for every link of the card, and comes back from JSON', () => {
    for (const end of [1, 2, 256, 270, 300]) {
      const shown = { ...evidence, end, link: card.source.proof(end) };
      expect(verifyEvidence(shown)).toBe(true);
      expect(parseEvidence(parseJson(JSON.stringify(evidenceToJson(shown))))).toEqual(shown);
    }
  });

  it('does not hold for another end, link, card or opening', () => {
    const other = deriveCard(seed, { protocol: 'chain' }, 301);
    const stream = deriveCard(seed, { protocol: 'stream' }, 300);
    for (const wrong of [
      { end: 269 },
      { end: 271 },
      { link: card.source.proof(269) },
      { link: other.source.proof(270) },
      { card: other.id },
      { opening: other.opening },
      { card: other.id, opening: other.opening },
      { card: stream.id, opening: stream.opening },
    ]) {
      expect(verifyEvidence({ ...evidence, ...wrong })).toBe(false);
    }
  });

  it('raises only our own error, whatever it is read from', () => {
    const json = evidenceToJson(evidence)['evidence'] as JsonObject;
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(json)), fc.jsonValue(), (name, value) => {
        try {
          verifyEvidence(parseEvidence({ evidence: { ...json, [name]: value as JsonValue } }));
        } catch (error) {
          if (!isImpulsError(error, 'malformed')) throw error;
        }
      }),
    );
  });
});

describe('a signed statement', () => {
  const [secret, earlierSecret] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const keyOf = (bytes: Uint8Array) => toBase64url(ed25519.getPublicKey(bytes));
  const document = {
    origin,
    statement: { key: keyOf(secret), earlier: [{ key: keyOf(earlierSecret), until: 1000 }] },
  };
  const report: CardReport = { units: 300, spent: 260, top: 270, expires: 5000, gaps: [[10, 20]] };

  function sign(key: Uint8Array, time: number, changes: JsonObject = {}): JsonValue {
    const tip = card.source.proof(270);
    const signature = signStatement(key, { origin, message: card.message, time, tip, report });
    const statement = {
      card: card.id,
      message: toBase64url(card.message),
      origin,
      state: reportToJson(report),
      time,
      tip: toBase64url(tip),
      ...changes,
    };
    return { signature: toBase64url(signature), statement };
  }

  it('holds under the key of its time, as the endpoint wrote it', () => {
    expect(verifySignedStatement(document, parseStatement(sign(secret, 2000)))).toBe(true);
    expect(verifySignedStatement(document, parseStatement(sign(earlierSecret, 999)))).toBe(true);
    expect(verifySignedStatement(document, parseStatement(sign(earlierSecret, 1000)))).toBe(false);
  });

  it('does not hold once anything of it is changed', () => {
    const other = deriveCard(seed, { protocol: 'chain' }, 301);
    const changes: readonly JsonObject[] = [
      { time: 2001 },
      { tip: '' },
      { origin: 'https://other.example' },
      { card: other.id },
      { message: toBase64url(other.message) },
      { card: other.id, message: toBase64url(other.message) },
      { state: { ...reportToJson(report), spent: 259 } },
      { state: { ...reportToJson(report), gaps: [] } },
    ];
    for (const change of changes) {
      expect(verifySignedStatement(document, parseStatement(sign(secret, 2000, change)))).toBe(false);
    }
    const elsewhere = { ...document, origin: 'https://other.example' };
    expect(verifySignedStatement(elsewhere, parseStatement(sign(secret, 2000)))).toBe(false);
  });

  it('raises only our own error, whatever it is read from', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (state, tip) => {
        try {
          const change = { state: state as JsonValue, tip: tip as JsonValue };
          verifySignedStatement(document, parseStatement(sign(secret, 2000, change)));
        } catch (error) {
          if (!isImpulsError(error, 'malformed')) throw error;
        }
      }),
    );
  });
});
