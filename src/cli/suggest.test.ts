import { describe, expect, it } from 'vitest';
import { nearest } from './suggest.js';

const names = ['redeem', 'cards', 'fetch', 'vendor init', 'vendor serve'];

describe('a suggestion', () => {
  it.each([
    ['redem', 'redeem'],
    ['crads', 'cards'],
    ['FETCH', 'fetch'],
    ['vendor ini', 'vendor init'],
    ['vendorserve', 'vendor serve'],
  ])('for %s is %s', (typed, name) => {
    expect(nearest(typed, names)).toBe(name);
  });

  it('is not made for what is like nothing', () => {
    for (const typed of ['', 'x', 'xy', 'backup', 'abcdefghij'])
      expect(nearest(typed, names)).toBeUndefined();
    expect(nearest('cards', [])).toBeUndefined();
  });
});
