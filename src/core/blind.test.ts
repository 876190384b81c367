import { RSABSSA } from '@cloudflare/blindrsa-ts';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  generatePrimeSync,
  privateDecrypt,
  randomBytes,
  sign,
  verify,
  webcrypto,
  type KeyObject,
} from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  blindMessage,
  blindWith,
  checkBlinded,
  finalizeSignature,
  finalizeVariant,
  inverseModulo,
  prepareMessage,
  verifyBlindSignature,
  verifySignature,
  verifyVariant,
} from './blind.js';
import { checkModulus } from './modulus.js';
import { isImpulsError } from './errors.js';

interface Vector {
  name: string;
  n: string;
  p: string;
  q: string;
  d: string;
  msg: string;
  msg_prefix: string;
  input_msg: string;
  sLen: string;
  salt: string;
  inv: string;
  blinded_msg: string;
  blind_sig: string;
  sig: string;
}

const vectors = JSON.parse(
  readFileSync(new URL('../../vectors/official/rfc9474.json', import.meta.url), 'utf8'),
) as Vector[];

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replace(/^0x/, ''), 'hex'));
const random = (length: number) => new Uint8Array(randomBytes(length));
const toInteger = (value: Uint8Array) => BigInt(`0x${Buffer.from(value).toString('hex')}`);
const toBytes = (value: bigint) => bytes(value.toString(16).padStart(768, '0'));
const codeOf = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    return isImpulsError(error) ? error.code : error;
  }
  return undefined;
};

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
const modulusOf = (key: KeyObject) =>
  new Uint8Array(Buffer.from(key.export({ format: 'jwk' }).n!, 'base64url'));
const n = modulusOf(publicKey);
const rawSign = (blinded: Uint8Array, key = privateKey) =>
  new Uint8Array(privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, blinded));
const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 };
const message = prepareMessage(random(32), random(32));

describe('the vectors of RFC 9474', () => {
  it.each(vectors)('$name: prepares, blinds, signs, finalizes and verifies byte for byte', (vector) => {
    const modulus = bytes(vector.n);
    const prepared = prepareMessage(bytes(vector.msg_prefix), bytes(vector.msg));
    expect(prepared).toEqual(bytes(vector.input_msg));
    const r = inverseModulo(BigInt(vector.inv), BigInt(vector.n));
    const { blinded, inverse } = blindWith(modulus, prepared, bytes(vector.salt), r);
    expect(blinded).toEqual(bytes(vector.blinded_msg));
    expect(inverse).toEqual(bytes(vector.inv));
    expect(verifyBlindSignature(modulus, blinded, bytes(vector.blind_sig))).toBe(true);

    const variant = { saltBytes: Number(vector.sLen) };
    expect(finalizeVariant(modulus, prepared, bytes(vector.blind_sig), inverse, variant)).toEqual(
      bytes(vector.sig),
    );
    expect(verifyVariant(modulus, prepared, bytes(vector.sig), variant)).toBe(true);
    expect(verifySignature(modulus, prepared, bytes(vector.sig))).toBe(variant.saltBytes === 48);
  });

  it('draws the salt and then the blind, so the randomized vector comes out of its two draws', () => {
    const vector = vectors[0]!;
    const r = inverseModulo(BigInt(vector.inv), BigInt(vector.n));
    const draws = [bytes(vector.salt), bytes(r.toString(16).padStart(1024, '0'))];
    const { blinded } = blindMessage(bytes(vector.n), bytes(vector.input_msg), () => draws.shift()!);
    expect(blinded).toEqual(bytes(vector.blinded_msg));
  });
});

describe('other implementations', () => {
  it('a signature blinded here and signed by OpenSSL verifies here and in OpenSSL', () => {
    const { blinded, inverse } = blindMessage(n, message, random);
    const signature = finalizeSignature(n, message, rawSign(blinded), inverse);
    expect(verifySignature(n, message, signature)).toBe(true);
    expect(verify('sha384', message, { key: publicKey, ...pss }, signature)).toBe(true);
  });

  it('an ordinary RSA-PSS signature of OpenSSL verifies here', () => {
    const signature = new Uint8Array(sign('sha384', message, { key: privateKey, ...pss }));
    expect(verifySignature(n, message, signature)).toBe(true);
    const short = new Uint8Array(sign('sha384', message, { key: privateKey, ...pss, saltLength: 32 }));
    expect(verifySignature(n, message, short)).toBe(false);
  });

  it('blindrsa-ts signs what is blinded here, and what it blinds is signed and verified here', async () => {
    const suite = RSABSSA.SHA384.PSS.Randomized();
    const algorithm = { name: 'RSA-PSS', hash: 'SHA-384' };
    const importKey = (format: 'pkcs8' | 'spki', der: Buffer, usage: 'sign' | 'verify') =>
      webcrypto.subtle.importKey(format, der, algorithm, true, [usage]) as Promise<CryptoKey>;
    const theirPrivate = await importKey(
      'pkcs8',
      privateKey.export({ format: 'der', type: 'pkcs8' }),
      'sign',
    );
    const theirPublic = await importKey('spki', publicKey.export({ format: 'der', type: 'spki' }), 'verify');

    const mine = blindMessage(n, message, random);
    const signed = await suite.blindSign(theirPrivate, mine.blinded);
    const signature = finalizeSignature(n, message, signed, mine.inverse);
    expect(await suite.verify(theirPublic, signature, message)).toBe(true);

    const prepared = suite.prepare(random(32));
    const theirs = await suite.blind(theirPublic, prepared);
    checkBlinded(n, theirs.blindedMsg);
    const other = await suite.finalize(theirPublic, prepared, rawSign(theirs.blindedMsg), theirs.inv);
    expect(verifySignature(n, prepared, other)).toBe(true);
  });

  it.each([2048, 2050, 2054])('a modulus of %i bits works as well', (modulusLength) => {
    const pair = generateKeyPairSync('rsa', { modulusLength });
    expectExchange(pair.publicKey, pair.privateKey, modulusLength);
  });

  it('a modulus one bit longer than whole bytes works, where the encoded message is a byte shorter', () => {
    const [p, q] = [1025, 1024].map((bits) => generatePrimeSync(bits, { bigint: true })) as [bigint, bigint];
    const d = inverseModulo(65537n, (p - 1n) * (q - 1n));
    const members = {
      n: p * q,
      e: 65537n,
      d,
      p,
      q,
      dp: d % (p - 1n),
      dq: d % (q - 1n),
      qi: inverseModulo(q, p),
    };
    const key = createPrivateKey({
      format: 'jwk',
      key: { kty: 'RSA', ...Object.fromEntries(Object.entries(members).map(([k, v]) => [k, toJwk(v)])) },
    });
    expectExchange(createPublicKey(key), key, 2049);
  });

  function toJwk(value: bigint): string {
    const hex = value.toString(16);
    return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
  }

  function expectExchange(publicHalf: KeyObject, privateHalf: KeyObject, bits: number): void {
    const modulus = modulusOf(publicHalf);
    checkModulus(modulus, bits);
    const { blinded, inverse } = blindMessage(modulus, message, random);
    const signature = finalizeSignature(modulus, message, rawSign(blinded, privateHalf), inverse);
    expect(verify('sha384', message, { key: publicHalf, ...pss }, signature)).toBe(true);
  }
});

describe('a blind signature', () => {
  it('is refused if a byte of it, of the inverse or of the message is another', () => {
    const { blinded, inverse } = blindMessage(n, message, random);
    const blindSignature = rawSign(blinded);
    const parts = [message, blindSignature, inverse] as const;
    fc.assert(
      fc.property(fc.nat(2), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, at, flip) => {
        const changed = parts.map((part) => part.slice());
        const part = changed[which]!;
        part[at % part.length]! ^= flip;
        const [prepared, signed, unblind] = changed as [Uint8Array, Uint8Array, Uint8Array];
        expect(codeOf(() => finalizeSignature(n, prepared, signed, unblind))).toBe('bad-signature');
      }),
      { numRuns: 60 },
    );
  });

  it('is refused by its length, and by the vendor that made it wrongly', () => {
    const { blinded, inverse } = blindMessage(n, message, random);
    const blindSignature = rawSign(blinded);
    const short = blindSignature.subarray(1);
    expect(codeOf(() => finalizeSignature(n, message, short, inverse))).toBe('bad-signature');
    expect(verifyBlindSignature(n, blinded, short)).toBe(false);
    expect(verifyBlindSignature(n, blinded, blindSignature)).toBe(true);
    blindSignature[100]! ^= 1;
    expect(verifyBlindSignature(n, blinded, blindSignature)).toBe(false);
    expect(verifyBlindSignature(n, blinded, new Uint8Array(384).fill(255))).toBe(false);
  });

  it('shows nothing of the message: the same one blinds to another value each time', () => {
    expect(blindMessage(n, message, random).blinded).not.toEqual(blindMessage(n, message, random).blinded);
  });

  it('works on views into larger buffers', () => {
    const view = (part: Uint8Array) => {
      const buffer = new Uint8Array(part.length + 9).fill(0xaa);
      buffer.set(part, 5);
      return buffer.subarray(5, 5 + part.length);
    };
    const { blinded, inverse } = blindMessage(view(n), view(message), (length) => view(random(length)));
    const signature = finalizeSignature(view(n), view(message), view(rawSign(blinded)), view(inverse));
    expect(verifySignature(view(n), view(message), view(signature))).toBe(true);
  });
});

describe('verifySignature', () => {
  it('is false for any bytes that are no signature', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (signature) => {
        expect(verifySignature(n, message, signature)).toBe(false);
      }),
      { numRuns: 50 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 384, maxLength: 384 }), (signature) => {
        expect(verifySignature(n, message, signature)).toBe(false);
      }),
      { numRuns: 50 },
    );
  });

  it('is false for a signature to which the modulus was added', () => {
    let signature: Uint8Array;
    do signature = new Uint8Array(sign('sha384', message, { key: privateKey, ...pss }));
    while (toInteger(signature) + toInteger(n) >= 1n << 3072n);
    expect(verifySignature(n, message, signature)).toBe(true);
    expect(verifySignature(n, message, toBytes(toInteger(signature) + toInteger(n)))).toBe(false);
  });
});

describe('checks', () => {
  it('a modulus that is even, of another length or a part of one is refused', () => {
    checkModulus(n);
    const even = n.slice();
    even[383]! &= 0xfe;
    const short = n.slice();
    short[0]! &= 0x7f;
    for (const bad of [
      even,
      short,
      n.subarray(1),
      Uint8Array.of(0, ...n),
      new Uint8Array(384),
      new Uint8Array(),
    ]) {
      expect(codeOf(() => checkModulus(bad))).toBe('bad-key');
    }
    expect(codeOf(() => checkModulus(bytes(vectors[0]!.n)))).toBe('bad-key');
    checkModulus(bytes(vectors[0]!.n), 4096);
    expect(codeOf(() => verifySignature(new Uint8Array(384), message, n))).toBe('bad-key');
    expect(codeOf(() => blindMessage(even, message, random))).toBe('bad-key');
  });

  it('a blinded message of 0, 1, n − 1, n or more, or another length, is refused', () => {
    const value = toInteger(n);
    for (const bad of [0n, 1n, value - 1n, value, value + 1n, (1n << 3072n) - 1n]) {
      expect(codeOf(() => checkBlinded(n, toBytes(bad)))).toBe('malformed');
    }
    expect(codeOf(() => checkBlinded(n, new Uint8Array(383).fill(1)))).toBe('malformed');
    expect(codeOf(() => checkBlinded(n, new Uint8Array()))).toBe('malformed');
    checkBlinded(n, toBytes(2n));
    checkBlinded(n, toBytes(value - 2n));
  });

  it('a modulus whose factor shows up is refused', () => {
    const { p } = privateKey.export({ format: 'jwk' });
    const factor = toInteger(new Uint8Array(Buffer.from(p!, 'base64url')));
    expect(codeOf(() => blindWith(n, message, random(48), factor))).toBe('bad-key');
  });

  it('a source of randomness that repeats a useless draw is refused', () => {
    expect(codeOf(() => blindMessage(n, message, (length) => new Uint8Array(length)))).toBe(
      'invalid-argument',
    );
    let draws = 0;
    const late = (length: number) => new Uint8Array(length).fill(draws++ < 10 ? 255 : 1);
    expect(blindMessage(n, message, late).blinded).toHaveLength(384);
  });
});
