import { describe, expect, it } from 'vitest';
import { addWorths, formatSpan, formatUnits, formatWorth } from './money.js';

describe('money', () => {
  it('has the sign of its currency, and as many digits as it needs', () => {
    expect(formatWorth('0.075 USD')).toBe('$0.075');
    expect(formatWorth('1 USD')).toBe('$1.00');
    expect(formatWorth('1234.5 EUR')).toBe('€1,234.50');
  });

  it('stays as it is in what is no currency of the world', () => {
    expect(formatWorth('3 minutes')).toBe('3 minutes');
    expect(formatWorth('12 SAT0')).toBe('12 SAT0');
  });

  it('is added exactly, in one currency only', () => {
    expect(addWorths(['0.1 USD', '0.2 USD', '1 USD'])).toBe('1.3 USD');
    expect(addWorths(['0.001 USD', '0.999 USD'])).toBe('1 USD');
    expect(addWorths(['1 USD', '1 EUR'])).toBeUndefined();
    expect(addWorths([])).toBeUndefined();
  });
});

describe('units and times', () => {
  it('are said as people say them', () => {
    expect([formatUnits(1), formatUnits(1000)]).toEqual(['1 unit', '1,000 units']);
    expect([5, 90, 3600, 7800, 100_000, 0].map(formatSpan)).toEqual([
      '5 s',
      '2 min',
      '1 h',
      '2 h 10 min',
      '1 day',
      '1 s',
    ]);
  });
});
