import { CipherSuite, DhkemX25519HkdfSha256, HkdfSha256, type AeadInterface } from '@hpke/core';
import fc from 'fast-check';
import { spawnSync } from 'node:child_process';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concat } from './bytes.js';
import {
  envelopeOverhead,
  envelopePublicKey,
  generateEnvelopeKey,
  issueContext,
  openEnvelope,
  orderContext,
  sealEnvelope,
} from './envelope.js';
import { limits } from './limits.js';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const random = (length: number) => new Uint8Array(randomBytes(length));
const context = { info: random(30), aad: random(16) };

/** RFC 9180 §A.2.1. */
const vector = {
  info: bytes('4f6465206f6e2061204772656369616e2055726e'),
  ikmE: bytes('909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b'),
  ikmR: bytes('1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df'),
  pkRm: bytes('4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a'),
  skRm: bytes('8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb'),
  enc: bytes('1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a'),
  pt: bytes('4265617574792069732074727574682c20747275746820626561757479'),
  aad: bytes('436f756e742d30'),
  ct: bytes('1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28'),
};

/** ChaCha20-Poly1305 of OpenSSL for @hpke/core, which brings AES only. */
const openssl: AeadInterface = {
  id: 3,
  keySize: 32,
  nonceSize: 12,
  tagSize: 16,
  createEncryptionContext(key) {
    const options = { authTagLength: 16 };
    const buffer = (data: ArrayBufferLike | ArrayBufferView) =>
      ArrayBuffer.isView(data)
        ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
        : Buffer.from(data);
    const exact = (...parts: Buffer[]) => new Uint8Array(Buffer.concat(parts)).buffer;
    return {
      async seal(iv, data, aad) {
        const cipher = createCipheriv('chacha20-poly1305', buffer(key), buffer(iv), options);
        cipher.setAAD(buffer(aad), { plaintextLength: data.byteLength });
        return exact(cipher.update(buffer(data)), cipher.final(), cipher.getAuthTag());
      },
      async open(iv, data, aad) {
        const whole = buffer(data);
        const decipher = createDecipheriv('chacha20-poly1305', buffer(key), buffer(iv), options);
        decipher.setAAD(buffer(aad), { plaintextLength: whole.length - 16 });
        decipher.setAuthTag(whole.subarray(-16));
        return exact(decipher.update(whole.subarray(0, -16)), decipher.final());
      },
    };
  },
};
const other = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: openssl });

describe('an envelope', () => {
  it('is the one of RFC 9180 §A.2.1', async () => {
    const { publicKey, secretKey } = await generateEnvelopeKey(() => vector.ikmR);
    expect(publicKey).toEqual(vector.pkRm);
    expect(secretKey).toEqual(vector.skRm);
    expect(envelopePublicKey(secretKey)).toEqual(vector.pkRm);
    const sealed = await sealEnvelope(vector.pkRm, vector, vector.pt, () => vector.ikmE);
    expect(sealed).toEqual(concat(vector.enc, vector.ct));
    expect(await openEnvelope(vector.skRm, vector, sealed)).toEqual(vector.pt);
  });

  it('opens in @hpke/core, and what that seals opens here', async () => {
    const { publicKey, secretKey } = await generateEnvelopeKey(random);
    const plaintext = random(500);
    const exact = (part: Uint8Array) => new Uint8Array(part).buffer;

    const sealed = await sealEnvelope(publicKey, context, plaintext);
    const opened = await other.open(
      {
        recipientKey: await other.kem.deserializePrivateKey(exact(secretKey)),
        enc: exact(sealed.subarray(0, 32)),
        info: exact(context.info),
      },
      exact(sealed.subarray(32)),
      exact(context.aad),
    );
    expect(new Uint8Array(opened)).toEqual(plaintext);

    const { enc, ct } = await other.seal(
      {
        recipientPublicKey: await other.kem.deserializePublicKey(exact(publicKey)),
        info: exact(context.info),
      },
      exact(plaintext),
      exact(context.aad),
    );
    const theirs = concat(new Uint8Array(enc), new Uint8Array(ct));
    expect(await openEnvelope(secretKey, context, theirs)).toEqual(plaintext);
  });

  it('holds any plaintext, the empty one too, and is a fresh one each time', async () => {
    const { publicKey, secretKey } = await generateEnvelopeKey(random);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (plaintext) => {
        const sealed = await sealEnvelope(publicKey, issueContext, plaintext);
        expect(sealed).toHaveLength(plaintext.length + envelopeOverhead);
        expect(await openEnvelope(secretKey, issueContext, sealed)).toEqual(plaintext);
        expect(await sealEnvelope(publicKey, issueContext, plaintext)).not.toEqual(sealed);
      }),
      { numRuns: 20 },
    );
  });

  it('does not open if any bit of it is another', async () => {
    const { publicKey, secretKey } = await generateEnvelopeKey(random);
    const sealed = await sealEnvelope(publicKey, context, random(40));
    const anyBit = fc.nat(8 * sealed.length - 1);
    const check = async (bit: number) => {
      const changed = sealed.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      await expect(openEnvelope(secretKey, context, changed)).rejects.toMatchObject({ code: 'bad-seal' });
    };
    await check(255); // the bit that X25519 ignores
    await fc.assert(fc.asyncProperty(anyBit, check), { numRuns: 60 });
  });

  it('does not open under another info, aad or key', async () => {
    const { publicKey, secretKey } = await generateEnvelopeKey(random);
    const stranger = await generateEnvelopeKey(random);
    const sealed = await sealEnvelope(publicKey, issueContext, random(40));
    const refused = { code: 'bad-seal' };
    await expect(openEnvelope(secretKey, orderContext, sealed)).rejects.toMatchObject(refused);
    await expect(
      openEnvelope(secretKey, { ...issueContext, aad: Uint8Array.of(0) }, sealed),
    ).rejects.toMatchObject(refused);
    await expect(openEnvelope(stranger.secretKey, issueContext, sealed)).rejects.toMatchObject(refused);
    expect(await openEnvelope(secretKey, issueContext, sealed)).toHaveLength(40);
  });

  it('does not open if it is cut, extended, too long or any other bytes', async () => {
    const { publicKey, secretKey } = await generateEnvelopeKey(random);
    const sealed = await sealEnvelope(publicKey, context, random(10));
    const refused = { code: 'bad-seal' };
    for (let length = 0; length < sealed.length; length++) {
      await expect(openEnvelope(secretKey, context, sealed.subarray(0, length))).rejects.toMatchObject(
        refused,
      );
    }
    for (const bad of [concat(sealed, Uint8Array.of(0)), new Uint8Array(limits.endpointBytes + 1)]) {
      await expect(openEnvelope(secretKey, context, bad)).rejects.toMatchObject(refused);
    }
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (any) => {
        await expect(openEnvelope(secretKey, context, any)).rejects.toMatchObject(refused);
      }),
      { numRuns: 40 },
    );
  });

  it('opens from views into larger buffers', async () => {
    const { publicKey, secretKey } = await generateEnvelopeKey(random);
    const view = (part: Uint8Array) => concat(random(3), part, random(3)).subarray(3, 3 + part.length);
    const viewed = { info: view(context.info), aad: view(context.aad) };
    const sealed = await sealEnvelope(view(publicKey), viewed, view(vector.pt));
    expect(await openEnvelope(view(secretKey), context, view(sealed))).toEqual(vector.pt);
  });

  it('is not made to a key that is none', async () => {
    const refused = { code: 'bad-key' };
    await expect(sealEnvelope(new Uint8Array(32), context, vector.pt)).rejects.toMatchObject(refused);
    await expect(sealEnvelope(new Uint8Array(31), context, vector.pt)).rejects.toMatchObject(refused);
    await expect(openEnvelope(new Uint8Array(33), context, vector.ct)).rejects.toMatchObject(refused);
    expect(() => envelopePublicKey(new Uint8Array(0))).toThrow(expect.objectContaining(refused));
  });
});

describe('the packages below', () => {
  it('use nothing experimental: a process prints no warning', () => {
    const script = `
      import { CipherSuite } from 'hpke';
      import { AEAD_ChaCha20Poly1305 as a, KDF_HKDF_SHA256 as d, KEM_DHKEM_X25519_HKDF_SHA256 as m } from '@panva/hpke-noble';
      const suite = new CipherSuite(m, d, a);
      const { publicKey, privateKey } = await suite.GenerateKeyPair();
      const { encapsulatedSecret, ciphertext } = await suite.Seal(publicKey, new Uint8Array(3));
      console.log((await suite.Open(privateKey, encapsulatedSecret, ciphertext)).length);`;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', script],
      {
        cwd: new URL('../..', import.meta.url),
        encoding: 'utf8',
      },
    );
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '3\n', stderr: '' });
  });
});
