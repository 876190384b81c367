import type { Payment } from 'impuls/client';
import { describe, expect, it } from 'vitest';
import { defaultCaps, limitsUnder, readCaps, writeCaps } from './caps.js';

function memory(text: string | null = null) {
  let kept = text;
  return {
    getItem: () => kept,
    setItem: (_name: string, value: string) => void (kept = value),
  };
}

describe('the caps', () => {
  it('are read back as they were written', () => {
    const storage = memory();
    writeCaps({ perRequest: 3, perDay: 7 }, storage);
    expect(readCaps(storage)).toEqual({ perRequest: 3, perDay: 7 });
  });

  it.each([null, '', '{', 'null', '{}', '{"perRequest":-1,"perDay":5}', '{"perRequest":1,"perDay":1e9}'])(
    'are the usual ones where %j is kept',
    (text) => {
      expect(readCaps(memory(text))).toEqual(defaultCaps);
    },
  );

  it('leave what was not spent within 24 hours', () => {
    const now = Date.UTC(2026, 10, 22);
    const paid = (ago: number, units: number) => ({ time: now - ago, units }) as Payment;
    const history = [paid(1000, 4), paid(3_600_000, 5), paid(90_000_000, 100)];
    expect(limitsUnder({ perRequest: 3, perDay: 20 }, history, now)).toEqual({ perRequest: 3, total: 11 });
    expect(limitsUnder({ perRequest: 3, perDay: 5 }, history, now)).toEqual({ perRequest: 3, total: 0 });
  });
});
