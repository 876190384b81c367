import { describe, expect, it } from 'vitest';
import { concat } from './bytes.js';
import { deriveCard, readOpening } from './card.js';
import { isImpulsError } from './errors.js';
import { sha256 } from './hash.js';
import { limits } from './limits.js';
import type { CardKind } from './protocol.js';

const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
const kinds: readonly CardKind[] = [
  { protocol: 'chain' },
  { protocol: 'stream' },
  { protocol: 'stream', generator: 'hmac-drbg' },
];

describe.each(kinds)('a card of $protocol $generator', (kind) => {
  const card = deriveCard(seed, kind, 1000);

  it('is the same for the vendor who reads its opening', () => {
    const opened = readOpening(card.opening, 1000);
    expect(opened.id).toBe(card.id);
    expect(opened.message).toEqual(card.message);
    expect(opened.state).toMatchObject({ units: 1000, spent: 0, top: 0, gaps: [] });
  });

  it('is read from a view into a larger buffer as from a buffer of its own', () => {
    const padded = concat(new Uint8Array(3).fill(9), card.opening, new Uint8Array(3).fill(9));
    expect(readOpening(padded.subarray(3, 3 + card.opening.length), 1000).id).toBe(card.id);
  });

  it('is refused with a byte too many or too few', () => {
    for (let length = 0; length < card.opening.length; length++) {
      expect(() => readOpening(card.opening.subarray(0, length), 1000)).toThrow(
        expect.objectContaining({ code: 'malformed' }),
      );
    }
    expect(() => readOpening(concat(card.opening, Uint8Array.of(0)), 1000)).toThrow('trailing');
  });

  it('is another for another seed', () => {
    expect(
      deriveCard(
        seed.map((byte) => byte ^ 1),
        kind,
        1000,
      ).id,
    ).not.toBe(card.id);
  });
});

describe('deriving a card', () => {
  it('walks a chain whose every link hashes to the one below', () => {
    const { source, opening } = deriveCard(seed, { protocol: 'chain' }, 600);
    const salt = opening.subarray(1, 13);
    for (const i of [1, 2, 255, 256, 257, 512, 513, 599, 600]) {
      const index = Uint8Array.of(0, 0, i >> 8, i & 255);
      const below = sha256(concat(new TextEncoder().encode('impuls1'), salt, index, source.ikm(i)));
      expect(source.ikm(i - 1)).toEqual(below);
    }
    expect(source.ikm(0)).toEqual(opening.subarray(13, 45));
  });

  it('gives the steps of a stream in any order', () => {
    const { source } = deriveCard(seed, { protocol: 'stream' }, 600);
    const ahead = source.ikm(500);
    const back = source.ikm(3);
    const again = deriveCard(seed, { protocol: 'stream' }, 600).source;
    expect(again.ikm(3)).toEqual(back);
    expect(again.ikm(500)).toEqual(ahead);
  });

  it('refuses what no card can hold', () => {
    const cases: Array<() => unknown> = [
      () => deriveCard(seed.subarray(1), { protocol: 'chain' }, 10),
      () => deriveCard(seed, { protocol: 'chain' }, 0),
      () => deriveCard(seed, { protocol: 'chain' }, 1.5),
      () => deriveCard(seed, { protocol: 'chain' }, limits.chainUnits + 1),
      () => deriveCard(seed, { protocol: 'chain' }, 10).source.ikm(11),
      () => deriveCard(seed, { protocol: 'stream' }, 10).source.ikm(0),
    ];
    for (const make of cases) expect(make).toThrow(expect.objectContaining({ name: 'ImpulsError' }));
  });

  it('refuses an opening of an unknown protocol or generator', () => {
    const { opening } = deriveCard(seed, { protocol: 'stream' }, 10);
    for (const at of [0, 1]) {
      const other = opening.slice();
      other[at] = 9;
      try {
        readOpening(other, 10);
        expect.unreachable();
      } catch (error) {
        expect(isImpulsError(error, 'malformed')).toBe(true);
      }
    }
  });
});
