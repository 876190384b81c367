import { chacha20 } from '@noble/ciphers/chacha.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from './bytes.js';
import { chacha20Block } from './chacha20.js';

const zeros = new Uint8Array(12);

describe('the ChaCha20 block', () => {
  it('is test vector 1 of RFC 8439 §A.1 for a key of zeros', () => {
    expect(toHex(chacha20Block(new Uint8Array(32)))).toBe(
      '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7' +
        'da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586',
    );
  });

  it('is what @noble/ciphers makes of any key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
        expect(chacha20Block(key)).toEqual(chacha20(key, zeros, new Uint8Array(64)));
      }),
    );
  });

  it('takes a key that lies inside a larger array, and leaves it as it is', () => {
    const around = Uint8Array.from({ length: 48 }, (_, i) => i);
    const key = around.slice(5, 37);
    expect(chacha20Block(around.subarray(5, 37))).toEqual(chacha20Block(key));
    expect(around.slice(5, 37)).toEqual(key);
  });
});
