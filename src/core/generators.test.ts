import { createCipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from './bytes.js';
import { generateDrbg, generatorById, generators, instantiateDrbg } from './generators.js';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const anyKey = fc.uint8Array({ minLength: 32, maxLength: 32 });

interface Case {
  entropy: string;
  nonce: string;
  personalization: string;
  expected: string;
}

const official = JSON.parse(
  readFileSync(new URL('../../vectors/official/hmac-drbg-sha256.json', import.meta.url), 'utf8'),
) as { cases: Case[] };

/** A ChaCha20 block of OpenSSL; its IV is the counter and the nonce. */
function opensslBlock(key: Uint8Array): Uint8Array {
  return new Uint8Array(createCipheriv('chacha20', key, new Uint8Array(16)).update(new Uint8Array(64)));
}

describe('HMAC_DRBG', () => {
  it.each(official.cases.map((vector, index) => [index, vector] as const))(
    'is that of NIST, case %i',
    (_, vector) => {
      let state = instantiateDrbg(bytes(vector.entropy), bytes(vector.nonce), bytes(vector.personalization));
      ({ state } = generateDrbg(state, 128));
      const last = generateDrbg(state, 128);
      expect(toHex(last.output)).toBe(vector.expected);
      expect(last.state).toHaveLength(64);
    },
  );

  it('as a generator steps through 256 bits at a time, personalized to the protocol', () => {
    const generator = generators['hmac-drbg'];
    const { nonceBytes, stateBytes } = generator;
    fc.assert(
      fc.property(anyKey, fc.uint8Array({ minLength: nonceBytes, maxLength: nonceBytes }), (start, nonce) => {
        let state = generator.instantiate(start, nonce);
        let same = instantiateDrbg(start, nonce, new TextEncoder().encode('impuls/1 stream'));
        for (let t = 1; t <= 3; t++) {
          expect(state).toEqual(same);
          expect(state).toHaveLength(stateBytes);
          const next = generator.step(state);
          const expected = generateDrbg(same, 32);
          expect(next).toEqual(expected);
          ({ state } = next);
          same = expected.state;
        }
      }),
      { numRuns: 20 },
    );
  });

  it('gives as many bytes as asked for', () => {
    const state = instantiateDrbg(new Uint8Array(32), new Uint8Array(16), new Uint8Array(0));
    const { output } = generateDrbg(state, 96);
    for (const length of [1, 31, 32, 33, 64]) {
      expect(generateDrbg(state, length).output).toEqual(output.subarray(0, length));
    }
  });
});

describe('ChaCha20', () => {
  it('makes the block of RFC 8439 §A.1, vector 1: the state is its first half, the output the second', () => {
    const generator = generators.chacha20;
    const { state, output } = generator.step(generator.instantiate(new Uint8Array(32), new Uint8Array(0)));
    expect(toHex(state)).toBe('76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7');
    expect(toHex(output)).toBe('da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586');
  });

  it('makes the block that OpenSSL makes, of any key and step after step', () => {
    const generator = generators.chacha20;
    fc.assert(
      fc.property(anyKey, (start) => {
        let state = generator.instantiate(start, new Uint8Array(0));
        for (let t = 1; t <= 3; t++) {
          const block = opensslBlock(state);
          const next = generator.step(state);
          expect(next.state).toEqual(block.slice(0, 32));
          expect(next.output).toEqual(block.slice(32));
          ({ state } = next);
        }
      }),
    );
  });
});

describe('a generator', () => {
  it.each(Object.values(generators))('$name leaves what it was given as it was', (generator) => {
    const start = new Uint8Array(32).fill(7);
    const nonce = new Uint8Array(generator.nonceBytes).fill(9);
    const state = generator.instantiate(start, nonce);
    const before = state.slice();
    const first = generator.step(state);
    expect(state).toEqual(before);
    expect(generator.step(state)).toEqual(first);
    first.state.fill(0);
    first.output.fill(0);
    expect(state).toEqual(before);
    expect(start).toEqual(new Uint8Array(32).fill(7));
    state.fill(0);
    expect(start).toEqual(new Uint8Array(32).fill(7));
  });

  it.each(Object.values(generators))('$name works on views into larger buffers', (generator) => {
    const start = Uint8Array.from({ length: 32 }, (_, index) => index);
    const buffer = new Uint8Array(40).fill(255);
    buffer.set(start, 3);
    const nonce = new Uint8Array(generator.nonceBytes);
    const view = generator.instantiate(buffer.subarray(3, 35), nonce);
    expect(generator.step(view)).toEqual(generator.step(generator.instantiate(start, nonce)));
  });

  it('is found by its byte in an opening, and no other byte finds one', () => {
    expect(generatorById(1)).toBe(generators.chacha20);
    expect(generatorById(2)).toBe(generators['hmac-drbg']);
    for (const id of [0, 3, 255]) expect(generatorById(id)).toBeUndefined();
  });
});
