import fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodeActivation, encodeActivation, openActivation, sealActivation } from './activation.js';
import { toBase64url } from './base64url.js';
import { concat, utf8 } from './bytes.js';
import { generateEnvelopeKey, openEnvelope } from './envelope.js';
import { isImpulsError } from './errors.js';

const random = (length: number) => new Uint8Array(randomBytes(length));
const activation = { opening: random(77), randomizer: random(32), signature: random(384), nonce: random(16) };
const issuingKey = random(16);
const context = { document: random(32), key: toBase64url(issuingKey) };

describe('the plaintext of an activation', () => {
  it('is its parts one after the other, for an opening of 1 to 128 bytes', () => {
    for (const size of [1, 66, 77, 82, 128]) {
      const parts = { ...activation, opening: random(size) };
      const encoded = encodeActivation(parts);
      expect(encoded).toEqual(concat(parts.opening, parts.randomizer, parts.signature, parts.nonce));
      expect(decodeActivation(encoded)).toEqual(parts);
      expect(decodeActivation(concat(random(2), encoded, random(2)).subarray(2, -2))).toEqual(parts);
    }
  });

  it('is refused if it is shorter or longer, and any bytes raise only ImpulsError', () => {
    for (const size of [0, 431, 432, 561, 1000]) {
      expect(() => decodeActivation(new Uint8Array(size))).toThrow(
        expect.objectContaining({ code: 'malformed' }),
      );
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
        try {
          expect(encodeActivation(decodeActivation(bytes))).toEqual(bytes);
        } catch (error) {
          expect(isImpulsError(error, 'malformed')).toBe(true);
        }
      }),
    );
  });

  it('is not made of parts of another length', () => {
    const wrong = { opening: 0, randomizer: 31, signature: 383, nonce: 17 };
    for (const [name, length] of Object.entries(wrong)) {
      expect(() => encodeActivation({ ...activation, [name]: random(length) })).toThrow(
        expect.objectContaining({ code: 'invalid-argument' }),
      );
    }
    expect(() => encodeActivation({ ...activation, opening: random(129) })).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    );
  });
});

describe('a sealed activation', () => {
  it('opens for the vendor', async () => {
    const { publicKey, secretKey } = await generateEnvelopeKey(random);
    const sealed = await sealActivation(publicKey, context, activation);
    expect(sealed).toHaveLength(32 + 77 + 432 + 16);
    expect(await openActivation(secretKey, context, sealed)).toEqual(activation);
  });

  it('is bound to the document and to the issuing key as the specification says', async () => {
    const { publicKey, secretKey } = await generateEnvelopeKey(random);
    const sealed = await sealActivation(publicKey, context, activation, random);
    const info = concat(utf8('impuls/1 activate'), context.document);
    expect(await openEnvelope(secretKey, { info, aad: issuingKey }, sealed)).toEqual(
      encodeActivation(activation),
    );
    for (const changed of [
      { ...context, document: random(32) },
      { ...context, key: toBase64url(random(16)) },
    ]) {
      await expect(openActivation(secretKey, changed, sealed)).rejects.toMatchObject({ code: 'bad-seal' });
    }
  });

  it('is refused if the context is no such thing', async () => {
    const { publicKey } = await generateEnvelopeKey(random);
    await expect(
      sealActivation(publicKey, { ...context, document: random(31) }, activation),
    ).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(sealActivation(publicKey, { ...context, key: 'AAAA' }, activation)).rejects.toMatchObject({
      code: 'malformed',
    });
  });
});
