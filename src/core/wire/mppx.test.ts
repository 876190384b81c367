import { Challenge as PeerChallenge, Credential as PeerCredential, Receipt as PeerReceipt } from 'mppx';
import { describe, expect, it } from 'vitest';
import { toBase64url } from '../base64url.js';
import { utf8 } from '../bytes.js';
import { HmacKey } from '../hash.js';
import { challengeId, formatChallenge, parseChallenges, verifyChallengeId } from './challenge.js';
import { formatCredential, parseCredential, type PaymentPayload } from './credential.js';
import { createCredentialParser } from './credential-parser.js';
import { formatReceipt, parseReceipt } from './receipt-header.js';
import { decodeRequest, encodeRequest } from './request.js';

/** Another implementation of the scheme, mppx, must read what we write, and we what it writes. */

const secretKey = 'a secret that both sides of this test know';
const secret = new HmacKey(utf8(secretKey));
const request = {
  amount: '3',
  currency: 'unit',
  methodDetails: {
    document: toBase64url(new Uint8Array(32).fill(7)),
    headers: ['accept', 'accept-language'],
    seal: 'aes128gcm' as const,
    unit: { currency: 'USD', value: '0.001' },
    version: 1 as const,
  },
};
const slots = {
  realm: 'news.example',
  method: 'impuls',
  intent: 'session',
  request: encodeRequest(request),
  expires: '2099-11-22T15:00:00Z',
};
const challenge = { id: challengeId(secret, slots), ...slots };
const payload: PaymentPayload = {
  action: 'pay',
  card: new Uint8Array(16).fill(1),
  protocol: 'stream',
  end: 12,
  units: 3,
  nonce: new Uint8Array(16).fill(2),
  proof: new Uint8Array(16).fill(3),
  tag: new Uint8Array(16).fill(4),
  digest: new Uint8Array(32).fill(5),
  seal: 'aes128gcm',
};

describe('mppx', () => {
  it('reads our challenges out of a response, and takes their ids', () => {
    const charge = { ...slots, intent: 'charge', digest: 'sha-256=:YWJj:', opaque: 'eyJhIjoiYiJ9' };
    const headers = new Headers();
    headers.append('WWW-Authenticate', formatChallenge(challenge));
    headers.append('WWW-Authenticate', 'Basic realm="elsewhere"');
    headers.append(
      'WWW-Authenticate',
      formatChallenge({ id: challengeId(secret, charge), ...charge, description: 'one "article" \\ each' }),
    );
    const [first, second] = PeerChallenge.fromResponseList(new Response(null, { status: 402, headers }));
    expect(first).toEqual({ ...challenge, request });
    expect(second).toMatchObject({
      intent: 'charge',
      description: 'one "article" \\ each',
      opaque: 'eyJhIjoiYiJ9',
    });
    expect(PeerChallenge.verify(first!, { secretKey })).toBe(true);
    expect(PeerChallenge.verify(second!, { secretKey })).toBe(true);
  });

  it('writes challenges that we read, with ids that hold', () => {
    const bound = PeerChallenge.from({ ...slots, request, secretKey } as never);
    const other = PeerChallenge.from({
      ...slots,
      method: 'tempo',
      request: { amount: '1' },
      secretKey,
    } as never);
    const read = parseChallenges([other, bound].map((each) => PeerChallenge.serialize(each)).join(', '));
    expect(read.map(({ method }) => method)).toEqual(['tempo', 'impuls']);
    expect(read[1]).toEqual(challenge);
    expect(verifyChallengeId(secret, read[0]!)).toBe(true);
    expect(verifyChallengeId(secret, read[1]!)).toBe(true);
    expect(decodeRequest(read[1]!.request)).toEqual(request);
  });

  it('reads our credentials', () => {
    const read = PeerCredential.deserialize(formatCredential(challenge, payload));
    expect(read.challenge).toEqual({ ...challenge, request });
    expect(read.payload).toMatchObject({
      action: 'pay',
      protocol: 'stream',
      end: '12',
      units: '3',
      seal: 'aes128gcm',
    });
    expect(PeerChallenge.verify(read.challenge, { secretKey })).toBe(true);
  });

  it('writes credentials that we read, with the challenge as we sent it', () => {
    const read = PeerCredential.deserialize(formatCredential(challenge, payload));
    const header = PeerCredential.serialize({ ...read, source: 'did:example:payer' });
    const parser = createCredentialParser();
    parser.remember(challenge);
    for (const parsed of [parseCredential(header), parser.parse(header)]) {
      expect(parsed).toEqual({ challenge, payload });
      expect(verifyChallengeId(secret, parsed!.challenge)).toBe(true);
    }
  });

  it('reads our receipts, and writes what we read', () => {
    const receipt = {
      timestamp: '2026-11-22T15:00:00Z',
      reference: new Uint8Array(12).fill(1),
      verdict: 'accepted' as const,
      units: 3,
      remaining: 988,
      end: 12,
      mac: new Uint8Array(16).fill(2),
    };
    const read = PeerReceipt.deserialize(formatReceipt(receipt));
    expect(read).toMatchObject({ status: 'success', method: 'impuls', reference: 'AQEBAQEBAQEBAQEB' });
    expect(parseReceipt(PeerReceipt.serialize(read))).toEqual(receipt);
  });
});
