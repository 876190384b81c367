import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isImpulsError } from '../core/errors.js';
import { formatBackup, parseBackup, type Backup } from './backup.js';

const card = {
  vendor: 'https://news.example',
  document: 'A'.repeat(43),
  protocol: 'stream',
  generator: 'chacha20',
  key: 'A'.repeat(22),
  seed: new Uint8Array(32).fill(1),
  randomizer: new Uint8Array(32).fill(2),
  signature: new Uint8Array(384).fill(3),
} as const;
const order = { vendor: 'https://news.example', code: 'K7Q2MABCDEFGHJKMNPQR', items: [] };
const credit = {
  protocol: 'chain',
  vendor: 'https://news.example',
  code: 'K7Q2MABCDEFGHJKMNPQR',
  purpose: 'exchange',
  cards: ['A'.repeat(22)],
  units: 140,
  paid: 40,
  into: [100, 40],
  begun: 1_790_000_000_000,
} as const;
const backup: Backup = {
  cards: [card, { ...card, seed: new Uint8Array(32).fill(9) }],
  orders: [order],
  credits: [credit],
};

describe('a backup', () => {
  it('comes back as it was written, also with white space around its lines', () => {
    const text = formatBackup(backup);
    expect(parseBackup(text)).toEqual(backup);
    expect(parseBackup(`\r\n  ${text.replaceAll('\n', '  \r\n')}\n\n`)).toEqual(backup);
    expect(parseBackup(formatBackup({ cards: [], orders: [], credits: [] }))).toEqual({
      cards: [],
      orders: [],
      credits: [],
    });
  });

  it('is refused with any character changed, or cut anywhere', () => {
    const text = formatBackup(backup);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom('x', '7', '"', ' '), (at, character) => {
        if (text[at] === character || text[at]!.trim() === character.trim()) return;
        expect(() => parseBackup(text.slice(0, at) + character + text.slice(at + 1))).toThrow();
      }),
    );
    for (let length = 0; length < text.length - 1; length += 7) {
      expect(() => parseBackup(text.slice(0, length))).toThrow();
    }
  });

  it('says that it is of a later version', () => {
    expect(() => parseBackup('impuls wallet backup 2\n')).toThrow(
      expect.objectContaining({ code: 'unsupported' }),
    );
  });

  it('raises only ImpulsError, whatever it is', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const each of [text, `impuls wallet backup 1\n${text}`]) {
          try {
            parseBackup(each);
          } catch (error) {
            expect(isImpulsError(error)).toBe(true);
          }
        }
      }),
    );
  });
});
