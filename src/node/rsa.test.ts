import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  blindMessage,
  finalizeSignature,
  prepareMessage,
  verifyBlindSignature,
  verifySignature,
} from '../core/blind.js';
import { checkModulus } from '../core/modulus.js';
import { issuingKeyId } from '../core/key-document.js';
import { createRsaSigner, generateIssuingKey, type RsaSigner } from './rsa.js';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
let signer: RsaSigner;
let n: Uint8Array;
beforeAll(() => {
  const key = generateIssuingKey();
  signer = createRsaSigner(key.pem);
  n = key.n;
});

describe('an issuing key', () => {
  it('has 3072 bits and the id of its modulus', () => {
    expect(() => checkModulus(n)).not.toThrow();
    expect(signer.n).toEqual(n);
    expect(signer.id).toBe(issuingKeyId(n));
  });

  it('signs blind what verifies once it is finalized', async () => {
    const prepared = prepareMessage(random(32), random(32));
    const { blinded, inverse } = blindMessage(n, prepared, random);
    const blindSignature = await signer.blindSign(blinded);
    expect(blindSignature).toHaveLength(384);
    expect(verifyBlindSignature(n, blinded, blindSignature)).toBe(true);
    expect(verifySignature(n, prepared, finalizeSignature(n, prepared, blindSignature, inverse))).toBe(true);
  });

  it('signs small values too, without padding', async () => {
    const two = new Uint8Array(384);
    two[383] = 2;
    expect(verifyBlindSignature(n, two, await signer.blindSign(two))).toBe(true);
  });

  it('reads a message in a larger buffer', async () => {
    const blinded = random(384);
    blinded[0] = 0;
    const buffer = new Uint8Array(400);
    buffer.set(blinded, 7);
    expect(await signer.blindSign(buffer.subarray(7, 391))).toEqual(await signer.blindSign(blinded));
  });

  it('is refused if it is none, and the message holds nothing of it', () => {
    const short = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const curve = generateKeyPairSync('ed25519').privateKey;
    const pems = [short, curve].map((key) => String(key.export({ type: 'pkcs8', format: 'pem' })));
    for (const pem of [
      ...pems,
      '',
      'hello',
      '-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----',
    ]) {
      expect(() => createRsaSigner(pem)).toThrow(
        expect.objectContaining({ code: 'bad-key', message: expect.not.stringContaining('BEGIN') }),
      );
    }
  });
});
