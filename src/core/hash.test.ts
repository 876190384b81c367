import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac as nobleHmac } from '@noble/hashes/hmac.js';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, toHex, utf8 } from './bytes.js';
import { ChainHash, expand, hmac, HmacKey, sha256 } from './hash.js';

const repeat = (byte: number, length: number) => new Uint8Array(length).fill(byte);
const range = (from: number, to: number) =>
  Uint8Array.from({ length: to - from + 1 }, (_, index) => from + index);
const anyBytes = fc.uint8Array({ maxLength: 300 });
const view = (part: Uint8Array) => concat(repeat(255, 3), part, repeat(255, 3)).subarray(3, 3 + part.length);

describe('sha256', () => {
  it.each([
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
    [
      'abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu',
      'cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1',
    ],
  ])('is that of the NIST example %j', (message, digest) => {
    expect(toHex(sha256(utf8(message)))).toBe(digest);
  });

  it('is that of the NIST example of a million times "a"', () => {
    expect(toHex(sha256(repeat(0x61, 1_000_000)))).toBe(
      'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
    );
  });

  it('is that of another implementation at every length around a block, and of any input', () => {
    for (let length = 0; length <= 200; length++) {
      const message = repeat(length, length);
      expect(sha256(message)).toEqual(nobleSha256(message));
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (message) => {
        expect(sha256(view(message))).toEqual(nobleSha256(message));
      }),
    );
  });
});

describe('HMAC', () => {
  it('takes another key as if newly made', () => {
    const keyed = new HmacKey(repeat(1, 32));
    expect(keyed.rekey(repeat(2, 100)).mac(utf8('x'))).toEqual(hmac(repeat(2, 100), utf8('x')));
  });

  /** RFC 4231 §4. */
  it.each([
    [
      1,
      repeat(0x0b, 20),
      utf8('Hi There'),
      'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    ],
    [
      2,
      utf8('Jefe'),
      utf8('what do ya want for nothing?'),
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [
      3,
      repeat(0xaa, 20),
      repeat(0xdd, 50),
      '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe',
    ],
    [4, range(1, 25), repeat(0xcd, 50), '82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b'],
    [5, repeat(0x0c, 20), utf8('Test With Truncation'), 'a3b6167473100ee06e0c796c2955552b'],
    [
      6,
      repeat(0xaa, 131),
      utf8('Test Using Larger Than Block-Size Key - Hash Key First'),
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    ],
    [
      7,
      repeat(0xaa, 131),
      utf8(
        'This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.',
      ),
      '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2',
    ],
  ])('is that of RFC 4231, case %i', (_, key, message, mac) => {
    expect(toHex(new HmacKey(key).mac(message, mac.length / 2))).toBe(mac);
    expect(toHex(hmac(key, message)).startsWith(mac)).toBe(true);
  });

  it('is that of another implementation, of any key and message, however often the key is used', () => {
    fc.assert(
      fc.property(anyBytes, fc.array(anyBytes, { maxLength: 4 }), (key, messages) => {
        const keyed = new HmacKey(view(key));
        for (const message of messages) {
          expect(keyed.mac(view(message))).toEqual(nobleHmac(nobleSha256, key, message));
        }
      }),
    );
  });

  it('does not keep hold of the key that it was given', () => {
    const key = repeat(1, 32);
    const keyed = new HmacKey(key);
    const mac = keyed.mac(utf8('message'));
    key.fill(0);
    expect(keyed.mac(utf8('message'))).toEqual(mac);
  });

  it('cuts a MAC to its first bytes', () => {
    const keyed = new HmacKey(repeat(1, 32));
    const message = utf8('message');
    for (let length = 1; length <= 32; length++) {
      expect(keyed.mac(message, length)).toEqual(keyed.mac(message).slice(0, length));
    }
  });
});

describe('HKDF', () => {
  /** RFC 5869 §A.1 to §A.3; the first block of each, since every length used is at most 32. */
  it.each([
    [
      1,
      repeat(0x0b, 22),
      range(0x00, 0x0c),
      range(0xf0, 0xf9),
      '077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5',
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf',
    ],
    [
      2,
      range(0x00, 0x4f),
      range(0x60, 0xaf),
      range(0xb0, 0xff),
      '06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244',
      'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c',
    ],
    [
      3,
      repeat(0x0b, 22),
      new Uint8Array(0),
      new Uint8Array(0),
      '19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04',
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d',
    ],
  ])('is that of RFC 5869, case %i', (_, ikm, salt, info, prk, okm) => {
    const extracted = hmac(salt, ikm);
    expect(toHex(extracted)).toBe(prk);
    expect(toHex(expand(extracted, info, 32))).toBe(okm);
  });

  it('expands as another implementation does, a label or bytes, also past one block of the hash', () => {
    fc.assert(
      fc.property(
        anyBytes,
        anyBytes,
        fc.string({ maxLength: 60 }),
        anyBytes,
        fc.integer({ min: 1, max: 32 }),
        (salt, ikm, label, info, length) => {
          const keyed = new HmacKey(hmac(salt, ikm));
          expect(keyed.expand(label, length)).toEqual(hkdf(nobleSha256, ikm, salt, utf8(label), length));
          expect(keyed.expand(view(info), length)).toEqual(hkdf(nobleSha256, ikm, salt, info, length));
        },
      ),
    );
  });
});

describe('ChainHash', () => {
  const index = (value: number) => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);

  it('walks as SHA-256 of tag, salt, index and link does, for any salt, link and place', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 12, maxLength: 12 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.integer({ min: 20, max: 0xffff_ffff }),
        fc.nat(20),
        (salt, link, from, steps) => {
          let expected = link;
          for (let i = from; i > from - steps; i--) {
            const block = concat(utf8('impuls1'), salt, index(i), expected);
            expect(block).toHaveLength(55);
            expected = nobleSha256(block);
          }
          expect(new ChainHash(view(salt)).walk(view(link), from, steps)).toEqual(expected);
        },
      ),
    );
  });

  it('walks as far in one go as in parts, down to the anchor', () => {
    const hash = new ChainHash(range(1, 12));
    const link = range(0, 31);
    const anchor = hash.walk(link, 1000, 1000);
    expect(hash.walk(hash.walk(link, 1000, 300), 700, 700)).toEqual(anchor);
    expect(hash.walk(link, 1000, 0)).toEqual(link);
    expect(hash.walk(link, 999, 999)).not.toEqual(anchor);
  });

  it('leaves salt, link and the hashes of others alone', () => {
    const salt = range(1, 12);
    const link = range(0, 31);
    const one = new ChainHash(salt);
    const two = new ChainHash(repeat(9, 12));
    const expected = one.walk(link, 5, 5);
    salt.fill(0);
    two.walk(link, 7, 7);
    sha256(link);
    expect(one.walk(link, 5, 5)).toEqual(expected);
    expect(link).toEqual(range(0, 31));
  });
});
