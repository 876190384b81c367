import { describe, expect, it } from 'vitest';
import { readPrices } from './prices.js';

describe('the price of a file', () => {
  it('is the usual one, or that of the last pattern that matches', () => {
    const price = readPrices('1', ['*.pdf=5', 'big/**=7', 'big/small.pdf=2', '**/a?.txt=3', 'x=y=4']);
    expect(price('notes.txt')).toBe(1);
    expect(price('report.pdf')).toBe(5);
    expect(price('deep/er/report.pdf')).toBe(5);
    expect(price('report.pdf.txt')).toBe(1);
    expect(price('big/film.mp4')).toBe(7);
    expect(price('big/er/report.pdf')).toBe(7);
    expect(price('big/small.pdf')).toBe(2);
    expect(price('ab.txt')).toBe(3);
    expect(price('deep/ab.txt')).toBe(3);
    expect(price('abc.txt')).toBe(1);
    expect(price('x=y')).toBe(4);
  });

  it('takes a pattern as it stands, but for its stars and question marks', () => {
    const price = readPrices('1', ['a.(b)[c]{d}^$|+.txt=9']);
    expect(price('a.(b)[c]{d}^$|+.txt')).toBe(9);
    expect(price('aX(b)[c]{d}^$|+.txt')).toBe(1);
  });

  it('is a whole number of units, and must be said', () => {
    for (const [price, rules] of [
      [undefined, []],
      ['0', []],
      ['1.5', []],
      ['1', ['*.pdf']],
      ['1', ['=3']],
      ['1', ['*.pdf=']],
      ['1', ['*.pdf=0']],
      ['1', ['*.pdf=free']],
    ] as const) {
      expect(() => readPrices(price, rules)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
    }
  });
});
